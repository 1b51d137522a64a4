// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How each hook is: attached or not, by this process or pinned, and what the kernel counted there. */
#include "internal.h"

/*
 * A policy point has nothing to do while there is no type that it drops, and a program there costs
 * every packet that passes: it is attached with the first such type.
 */
bool hook_is_idle(const struct skbext *sk, const struct hook_def *def)
{
	if (def->role != SKBEXT_ROLE_POLICY || sk->all_hooks)
		return false;
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (sk->ctl->types[i].name[0] && hook_drops(def, sk->ctl->types[i].flags))
			return false;
	return true;
}

static void look(struct skbext *sk, unsigned int n)
{
	struct hook_state *state = &sk->hooks[n];
	int fd = pin_link_prog(sk->dir, hook_def(n));

	state->found = fd >= 0;
	state->counts = prog_counts(fd);
	state->unseen = fd < 0 && fd != -ENOENT ? fd : 0;
	if (fd >= 0)
		close(fd);
}

/* All of the same directory: a replace may put another one there meanwhile. */
void hooks_look(struct skbext *sk)
{
	__u64 number;

	do {
		number = pin_number(sk->dir);
		for (unsigned int i = 0; hook_def(i); i++)
			look(sk, i);
	} while (number != pin_number(sk->dir));
}

/* Another process may have attached a policy hook since it was looked at. */
bool hook_is_there(struct skbext *sk, unsigned int n)
{
	const struct hook_state *state = &sk->hooks[n];

	if (state->prog_fd >= 0)
		return true;
	if (!state->found && sk->pinned && hook_def(n)->role == SKBEXT_ROLE_POLICY)
		look(sk, n);
	return state->found;
}

int hook_seen(struct skbext *sk, unsigned int n)
{
	int err = !hook_is_there(sk, n) ? sk->hooks[n].unseen : 0;

	return err ? fail(err, "cannot look at %s/links/%s, so nobody knows whether it is attached: %s",
			  sk->dir, hook_def(n)->name, why_bpf(err)) : 0;
}

int hooks_seen(struct skbext *sk)
{
	int err = 0;

	for (unsigned int i = 0; !err && hook_def(i); i++)
		err = hook_in_mode(hook_def(i), sk->ctl->mode) ? hook_seen(sk, i) : 0;
	return err;
}

static struct prog_counts counts_of(const struct hook_state *state)
{
	return state->prog_fd >= 0 ? prog_counts(state->prog_fd) : state->counts;
}

static void count_runs(const struct hook_state *state, struct skbext_hook *hook)
{
	struct prog_counts counts = counts_of(state);

	hook->missed = counts.missed;
	hook->runs = counts.runs;
	hook->run_time_ns = counts.run_time_ns;
}

int hook_second(unsigned int n)
{
	return n && hook_def(n - 1)->second && hook_offered(hook_def(n - 1)) ? (int)n - 1 : -1;
}

/* What one of two is skipped for the other does: so many at most were skipped by both. */
static __u64 missed_at(struct skbext *sk, unsigned int n)
{
	__u64 missed = counts_of(&sk->hooks[n]).missed, again;
	int second = hook_second(n);

	if (second < 0 || !hook_is_there(sk, second))
		return missed;
	again = counts_of(&sk->hooks[second]).missed;
	return again < missed ? again : missed;
}

void hooks_missed(struct skbext *sk, __u64 *by_role)
{
	for (unsigned int i = 0; hook_def(i); i++)
		if (!hook_def(i)->second && hook_is_there(sk, i))
			by_role[hook_def(i)->role] += missed_at(sk, i);
}

/* Second programs are none of a user's business where there are none. */
int hook_shown(unsigned int n)
{
	for (int i = 0; hook_def(i); i++)
		if ((!hook_def(i)->second || hook_offered(hook_def(i))) && !n--)
			return i;
	return -1;
}

int skbext_hook(struct skbext *sk, unsigned int n, struct skbext_hook *hook)
{
	struct skbext_hook h = { .sz = hook->sz };
	const struct hook_def *def;
	int row = hook_shown(n);

	if (row < 0)
		return -ENOENT;
	def = hook_def(row);
	h.name = def->name;
	h.kind = def->kind;
	h.role = def->role;
	h.mode = def->mode;
	h.offered = hook_offered(def);
	h.attached = hook_is_there(sk, row);
	h.idle = !h.attached && sk->ctl && hook_is_idle(sk, def);
	if (h.attached)
		count_runs(&sk->hooks[row], &h);
	h.err = sk->hooks[row].err;
	h.tried = sk->hooks[row].tried;
	memcpy(hook, &h, hook->sz < sizeof(h) ? hook->sz : sizeof(h));
	return 0;
}

/* Another version may have had fewer. A program that only looks at fates guards nothing. */
const struct hook_def *hooks_lost(struct skbext *sk)
{
	for (unsigned int i = 0; hook_def(i); i++)
		if (hook_in_mode(hook_def(i), sk->ctl->mode) && hook_def(i)->role != SKBEXT_ROLE_FATE &&
		    !hook_is_there(sk, i) && !hook_is_idle(sk, hook_def(i)) &&
		    pin_has_program(sk->dir, hook_def(i)->name))
			return hook_def(i);
	return NULL;
}

static bool is_absent(const struct hook_def *def)
{
	return (def->optional || def->second) && !hook_offered(def);
}

const struct hook_def *hooks_missing(struct skbext *sk, enum skbext_mode mode)
{
	const struct hook_def *fate = NULL;

	for (unsigned int i = 0; hook_def(i); i++) {
		if (!hook_in_mode(hook_def(i), mode) || hook_is_there(sk, i) ||
		    hook_is_idle(sk, hook_def(i)) ||
		    is_absent(hook_def(i)))
			continue;
		if (hook_def(i)->role != SKBEXT_ROLE_FATE)
			return hook_def(i);
		fate = fate ?: hook_def(i);
	}
	return fate;
}
