// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loading and attaching the lifecycle programs. The kernel's abilities are found out by trying, never
 * from its version.
 */
#include "internal.h"
#include "../../bpf/watch.h"
#include "exact.skel.h"
#include "tracepoint.skel.h"

static struct bpf_object *open_mode(enum skbext_mode mode)
{
	size_t size;
	const void *elf = mode == SKBEXT_MODE_EXACT ? exact__elf_bytes(&size) :
						      tracepoint__elf_bytes(&size);
	LIBBPF_OPTS(bpf_object_open_opts, opts,
		    .object_name = mode == SKBEXT_MODE_EXACT ? "skbext_exact" : "skbext_tp");

	return bpf_object__open_mem(elf, size, &opts);
}

/* only: load this hook alone, to see whether it is to blame; NULL: all that the kernel offers. */
static struct bpf_object *load_mode(struct skbext *sk, enum skbext_mode mode,
				    const struct hook_def *only)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct bpf_object *obj = open_mode(mode);
	int err = obj ? 0 : -errno;

	for (unsigned int i = 0; !err && hook_def(i); i++) {
		struct bpf_program *prog;

		if (!hook_in_mode(hook_def(i), mode))
			continue;
		prog = bpf_object__find_program_by_name(obj, hook_def(i)->prog);
		bpf_program__set_autoload(prog, hook_offered(hook_def(i)) &&
							(!only || only == hook_def(i)));
	}
	err = err ?: maps_bind(obj, sk->map, sk->ctl);
	err = err ?: bpf_object__load(obj);
	libbpf_set_print(print);
	if (err) {
		bpf_object__close(obj);
		set_errno(err);
		return NULL;
	}
	return obj;
}

static int attach_one(struct bpf_object *obj, const struct hook_def *def, struct hook_state *state)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, def->prog);
	libbpf_print_fn_t print;

	if (!bpf_program__autoload(prog))
		return def->optional || def->second ? 0 : -ENOENT;
	print = libbpf_set_print(object_quiet);
	state->tried = true;
	state->link = bpf_program__attach(prog);
	state->err = state->link ? 0 : -errno;
	libbpf_set_print(print);
	if (state->link)
		state->prog_fd = bpf_program__fd(prog);
	return state->err;
}

/* The answer of each hook's program when it is loaded and attached alone. */
static void try_each(struct skbext *sk, enum skbext_mode mode)
{
	for (unsigned int i = 0; hook_def(i); i++) {
		struct hook_state *state = &sk->hooks[i];
		struct bpf_object *obj;

		if (hook_def(i)->mode != mode || !hook_offered(hook_def(i)))
			continue;
		obj = load_mode(sk, mode, hook_def(i));
		state->tried = true;
		if (!obj) {
			state->err = -errno;
			continue;
		}
		attach_one(obj, hook_def(i), state);
		bpf_link__destroy(state->link);
		state->link = NULL;
		state->prog_fd = -1;
		bpf_object__close(obj);
	}
}

void hooks_detach(struct skbext *sk)
{
	for (unsigned int i = 0; hook_def(i); i++) {
		struct hook_state *state = &sk->hooks[i];

		bpf_link__destroy(state->link);
		state->link = NULL;
		state->prog_fd = -1;
	}
	bpf_object__close(sk->lifecycle);
	sk->lifecycle = NULL;
}

static int no_tracepoint(const struct skbext *sk)
{
	if (sk->want == SKBEXT_MODE_TRACEPOINT)
		return fail(-EOPNOTSUPP, "on this kernel sk_buffs are used again without a trace, so the tracepoint mode would show packets the metadata of others; use --mode exact");
	return fail(-EOPNOTSUPP, "only the exact mode works on this kernel, where sk_buffs are used again without a trace, but %s",
		    sk->reason);
}

int hooks_load(struct skbext *sk, enum skbext_mode mode)
{
	int err;

	if (!vmlinux_btf())
		return no_btf(-errno);
	if (mode == SKBEXT_MODE_TRACEPOINT && !births_in_sight())
		return no_tracepoint(sk);
	sk->lifecycle = load_mode(sk, mode, NULL);
	err = sk->lifecycle ? 0 : -errno;
	if (err && mode == SKBEXT_MODE_EXACT)
		try_each(sk, mode);
	return err;
}

void hooks_explain(struct skbext *sk, int err)
{
	if (hooks_silenced()) {
		not_complete(sk, "kernel.ftrace_enabled is 0, so fentry programs are not run (set it to 1)");
		return;
	}
	for (unsigned int i = 0; hook_def(i); i++)
		if (hook_def(i)->mode != SKBEXT_MODE_TRACEPOINT && sk->hooks[i].err) {
			hook_explain(sk, hook_def(i), sk->hooks[i].err);
			return;
		}
	not_complete(sk, "loading its programs failed: %s", why_load(err));
}

/* fentry programs attach as ever, and then are not run: sysctl kernel.ftrace_enabled. */
bool hooks_silenced(void)
{
	FILE *f = fopen("/proc/sys/kernel/ftrace_enabled", "r");
	bool silenced = f && fgetc(f) == '0';

	if (f)
		fclose(f);
	return silenced;
}

static void keep_first(int *first, int err)
{
	if (!*first)
		*first = err;
}

/* All of the mode or none. */
int hooks_attach(struct skbext *sk)
{
	enum skbext_mode mode = sk->ctl->mode;
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	int err = mode == SKBEXT_MODE_EXACT && hooks_silenced() ? -EOPNOTSUPP : watch_learn(sk);
	bool all = !err;

	/* Also behind one that fails: each is told by its own error. */
	for (unsigned int i = 0; all && hook_def(i); i++)
		if (hook_in_mode(hook_def(i), mode) && !hook_is_idle(sk, hook_def(i)))
			keep_first(&err, attach_one(sk->lifecycle, hook_def(i), &sk->hooks[i]));
	libbpf_set_print(print);
	if (err)
		hooks_detach(sk);
	return err;
}

static bool is_attached(struct skbext *sk)
{
	for (unsigned int i = 0; hook_def(i); i++)
		if (hook_def(i)->role == SKBEXT_ROLE_RELEASE && hook_is_there(sk, i))
			return true;
	return false;
}

static int wake(struct skbext *sk, unsigned int n)
{
	struct hook_state *state = &sk->hooks[n];

	return sk->lifecycle ? attach_one(sk->lifecycle, hook_def(n), state) :
			       pin_wake(sk->dir, hook_def(n)->name);
}

static int wake_for(struct skbext *sk, unsigned int n, const char *type)
{
	int err = hook_seen(sk, n);

	if (err || hook_is_there(sk, n))
		return err;
	err = wake(sk, n);
	if (err == -EEXIST)
		return fail(err, "type %s needs a hook, but what is pinned as %s/links/%s is not its link; remove that, or unload and load again",
			    type, sk->dir, hook_def(n)->name);
	return err ? fail(err, "type %s needs hook %s, which cannot be attached: %s", type,
			  hook_def(n)->name, why_bpf(err)) : 0;
}

int hooks_wake(struct skbext *sk, const char *type, __u32 flags)
{
	int err = 0;

	/* Not attached yet: hooks_attach() will see to it. */
	for (unsigned int i = 0; is_attached(sk) && !err && hook_def(i); i++)
		if (hook_def(i)->role == SKBEXT_ROLE_POLICY && hook_in_mode(hook_def(i), sk->ctl->mode) &&
		    hook_drops(hook_def(i), flags) && hook_offered(hook_def(i)))
			err = wake_for(sk, i, type);
	return err;
}
