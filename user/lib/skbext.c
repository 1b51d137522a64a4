// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A handle's life: open, load, attach, close. */
#include "internal.h"
#include "dir.h"

static struct skbext *new_handle(const char *dir)
{
	struct skbext *sk = calloc(1, sizeof(*sk));

	if (!sk) {
		fail(-ENOMEM, "out of memory");
		return NULL;
	}
	if (strlen(dir_or_default(dir)) >= sizeof(sk->dir)) {
		free(sk);
		fail(-ENAMETOOLONG,
		     "'%s' is too long for a directory; use one of up to %d characters",
		     dir, DIR_LEN - 1);
		return NULL;
	}
	strcpy(sk->dir, dir_or_default(dir));
	for (int i = 0; i < MAP_NR; i++)
		sk->map[i] = -1;
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		sk->type_map[i] = -1;
	for (int i = 0; i < MAX_HOOKS; i++)
		sk->hooks[i].prog_fd = -1;
	sk->prog_op = -1;
	return sk;
}

static int set_opts(struct skbext *sk, const struct skbext_open_opts *o)
{
	__u64 bytes;

	sk->asked = *o;
	sk->capacity = o->capacity ?: SKBEXT_DEFAULT_CAPACITY;
	sk->payload = ((o->payload ?: SKBEXT_DEFAULT_PAYLOAD) + 7) / 8 * 8;
	sk->refs = o->refs ?: SKBEXT_DEFAULT_REFS;
	sk->want = o->mode;
	sk->require_complete = o->require_complete;
	sk->unpinned = o->unpinned;
	sk->limits = o->limits;
	if (sk->capacity > 1U << 26)
		return fail(-EINVAL, "capacity %u is out of range; give 1 to %u", sk->capacity,
			    1U << 26);
	if (sk->payload > SKBEXT_MAX_PAYLOAD)
		return fail(-EINVAL, "payload %u is out of range; give 1 to %d bytes", o->payload,
			    SKBEXT_MAX_PAYLOAD);
	bytes = maps_bytes(sk->capacity, sk->payload);
	if (bytes > SKBEXT_MAX_BYTES)
		return fail(-EINVAL, "capacity %u with payload %u takes %llu MiB, the kernel lets programs address %llu; give less",
			    sk->capacity, sk->payload, (bytes >> 20) + 1, SKBEXT_MAX_BYTES >> 20);
	if (sk->refs > SKBEXT_REFS_LIMIT)
		return fail(-EINVAL, "%u counters of references are out of range; give 1 to %u",
			    sk->refs, SKBEXT_REFS_LIMIT);
	if (sk->want > SKBEXT_MODE_TRACEPOINT)
		return fail(-EINVAL, "mode %d is unknown; use auto, exact or tracepoint", sk->want);
	return 0;
}

struct skbext *skbext_open(const struct skbext_open_opts *opts)
{
	struct skbext_open_opts o = { .sz = sizeof(o) };
	struct skbext *sk;

	if (opts)
		memcpy(&o, opts, opts->sz < sizeof(o) ? opts->sz : sizeof(o));
	sk = new_handle(o.unpinned ? "" : o.bpffs_dir);
	if (sk && set_opts(sk, &o)) {
		skbext_close(sk);
		return NULL;
	}
	return sk;
}

struct skbext *skbext_open_pinned(const char *bpffs_dir)
{
	struct skbext *sk = new_handle(bpffs_dir);

	if (sk && pin_open(sk)) {
		skbext_close(sk);
		return NULL;
	}
	return sk;
}

static int load_mode(struct skbext *sk, enum skbext_mode mode)
{
	sk->ctl->mode = mode;
	return hooks_load(sk, mode);
}

/* Why the exact mode cannot be had. The mode asked for may do without. */
static int no_exact(struct skbext *sk, int err)
{
	const char *asked = sk->require_complete ? "--require complete" : "--mode exact";

	sk->reason[0] = 0;
	hooks_explain(sk, err);
	if (!sk->require_complete && sk->want != SKBEXT_MODE_EXACT)
		return 0;
	return fail(-EOPNOTSUPP, "%s needs the exact mode, but %s; %s", asked, sk->reason,
		    births_in_sight() ? "omit it for a partial guarantee" :
					"this kernel can do without it in no mode");
}

/* Maps, programs, links and BTF of a mode and of its proof, open at the same time. */
#define LOAD_FILES	120

int skbext_load(struct skbext *sk)
{
	int err = sk->unpinned ? 0 : pin_check_free(sk->dir);

	err = err ?: need_files(LOAD_FILES) ?: maps_create(sk) ?: ops_load(sk);
	if (err)
		return err;
	err = prog_id_get(sk->prog_op, &sk->state->owner[0]);
	if (err)
		return fail(err, "loading BPF programs: %s", why_bpf(err));
	if (sk->want != SKBEXT_MODE_TRACEPOINT) {
		err = load_mode(sk, SKBEXT_MODE_EXACT);
		err = err ? no_exact(sk, err) : -EALREADY;
		if (err)
			return err == -EALREADY ? 0 : err;
	} else {
		not_complete(sk, "the tracepoint mode was asked for");
	}
	err = load_mode(sk, SKBEXT_MODE_TRACEPOINT);
	return err && err != -EOPNOTSUPP ?
	       fail(err, "loading BPF programs: %s", why_load(err)) : err;
}

static int try_attach(struct skbext *sk)
{
	int err = hooks_attach(sk);

	if (!err || sk->ctl->mode != SKBEXT_MODE_EXACT)
		return err;
	/* The kernel verifies fentry programs but does not attach them. */
	err = no_exact(sk, err) ?: load_mode(sk, SKBEXT_MODE_TRACEPOINT);
	return err ?: hooks_attach(sk);
}

/*
 * __bpf_prog_enter_recur() counts a run that it skips, and then the one in whose way it was ends:
 * two plain stores. A CPU that sees the second without the first would trust what was not released
 * (include/skbext/watch.bpf.h); x86 keeps the order of stores.
 */
static void judge_machine(struct skbext *sk)
{
#ifndef __x86_64__
	not_complete(sk, "this machine may reorder stores, so that another CPU misses that a release was skipped");
#endif
}

void find_reasons(struct skbext *sk)
{
	if (sk->ctl->mode != SKBEXT_MODE_EXACT)
		return;
	proof_run(sk);
	judge_machine(sk);
}

int skbext_attach(struct skbext *sk)
{
	struct skbext_status st = { .sz = sizeof(st) };
	int err;

	if (!sk->lifecycle)
		return fail(-EINVAL,
			    "only what is loaded can be attached; call skbext_load() first");
	err = try_attach(sk);
	if (err)
		return errno == -err && err == -EOPNOTSUPP ? err :
		       fail(err, "attaching the lifecycle programs: %s", why_bpf(err));
	find_reasons(sk);
	skbext_status(sk, &st);
	if (sk->require_complete && st.guarantee != SKBEXT_GUARANTEE_COMPLETE) {
		hooks_detach(sk);
		return fail(-EOPNOTSUPP, "--require complete cannot be met: %s; `skbext doctor` tells more",
			    st.reason);
	}
	return 0;
}

/* Keeps errno, as free() does: it is called behind what failed. */
void skbext_close(struct skbext *sk)
{
	const int kept = errno;

	if (!sk)
		return;
	if (!sk->pinned && sk->ctl)
		store_kill(sk);
	hooks_detach(sk);
	bpf_object__close(sk->ops);
	if (sk->prog_op >= 0)
		close(sk->prog_op);
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (sk->type_map[i] >= 0)
			close(sk->type_map[i]);
	maps_close(sk);
	free(sk);
	errno = kept;
}

/* A second program is not another one: the first one's row has those. */
static void others_there(struct skbext *sk, int n, struct skbext_hook *hook)
{
	int second = hook_second(n);

	if (!hook_def(n)->second)
		hook_others(hook_def(n), sk->hooks[n].prog_fd,
			    second < 0 ? -1 : sk->hooks[second].prog_fd, hook->others,
			    sizeof(hook->others));
}

int skbext_probe(int (*fn)(const struct skbext_hook *hook, void *arg), void *arg,
		 struct skbext_status *status)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .capacity = 8, .payload = 8 };
	struct skbext_hook hook = { .sz = sizeof(hook) };
	char dir[DIR_LEN];
	struct skbext *sk;
	int err;

	/* A name of its own: what is loaded stays as it is. */
	snprintf(dir, sizeof(dir), SKBEXT_DEFAULT_BPFFS "-probe-%d", getpid());
	opts.bpffs_dir = dir;
	sk = skbext_open(&opts);
	if (!sk)
		return -errno;
	sk->all_hooks = true;
	err = skbext_load(sk) ?: skbext_attach(sk) ?: skbext_status(sk, status);
	/* Also when it failed: what each hook said is why. */
	for (int i = 0, stop = 0; fn && !stop && !skbext_hook(sk, i, &hook); i++) {
		others_there(sk, hook_shown(i), &hook);
		stop = fn(&hook, arg);
		err = err ?: stop;
	}
	skbext_close(sk);
	return err;
}
