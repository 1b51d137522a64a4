// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tells bpf/watch.bpf.h about the lifecycle programs themselves: where the kernel counts
 * the runs of them that it skips, and how to tell that one of them is detached. Only an iterator
 * over all programs shows that.
 */
#include "internal.h"
#include "../../bpf/watch.h"

_Static_assert(SKBEXT_MAX_OWN >= MAX_HOOKS, "all hooks have their place");

/* A function that only PREEMPT_RT has. */
static bool preempts_softirqs(void)
{
	return btf__find_by_name_kind(vmlinux_btf(), "rt_spin_lock", BTF_KIND_FUNC) > 0;
}

static __u32 id_in(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? prog_id_of(bpf_program__fd(prog)) : 0;
}

/* Which programs something can interrupt that needs them: include/skbext/watch.bpf.h tells why. */
static bool is_watched(const struct hook_def *def, bool rt)
{
	return def->watched == WATCHED || (def->watched == WATCHED_ON_RT && rt);
}

static bool name_watched(struct bpf_object *obj, struct skbext_learnt *l)
{
	bool rt = preempts_softirqs();
	const struct hook_def *def;
	int n = 0;

	for (int i = 0; (def = hook_def(i)); i++) {
		__u32 id = is_watched(def, rt) ? id_in(obj, def->prog) : 0;

		if (id && n == SKBEXT_WATCHED)
			return false;
		if (id)
			l->watched_id[n++] = id;
	}
	return n;
}

/* Whatever is detached of these, idle ones included, what load promised holds no longer. */
static bool name_own(struct bpf_object *obj, struct skbext_learnt *l)
{
	const struct hook_def *def;
	int n = 0;

	for (int i = 0; (def = hook_def(i)); i++) {
		__u32 id = def->mode == SKBEXT_MODE_EXACT ? id_in(obj, def->prog) : 0;

		if (id && n == SKBEXT_MAX_OWN)
			return false;
		if (id)
			l->own_id[n++] = id;
	}
	return true;
}

/* All programs of the machine pass the iterator. */
static int run_iterator(struct bpf_object *obj)
{
	struct bpf_link *link =
		bpf_program__attach_iter(bpf_object__find_program_by_name(obj, "skbext_learn"), NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	int err = fd < 0 ? -errno : 0;
	char nothing[64];

	if (!err && read(fd, nothing, sizeof(nothing)) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return err;
}

static bool learnt_all(struct skbext *sk, const struct skbext_learnt *l)
{
	struct skbext_watch w;
	__u32 cpu = 0;	/* as good as any */

	for (int i = 0; i < SKBEXT_MAX_OWN; i++)
		if (l->own_id[i] && !l->own[i])
			return false;
	if (bpf_map_lookup_elem(sk->map[MAP_WATCH], &cpu, &w))
		return false;
	for (int i = 0; i < SKBEXT_WATCHED; i++)
		if (l->watched_id[i] && (!w.set[sk->set].active[i] || !w.set[sk->set].misses[i]))
			return false;
	return true;
}

int watch_learn(struct skbext *sk)
{
	int fd = bpf_object__find_map_fd_by_name(sk->lifecycle, ".data.own");
	struct skbext_learnt l = { .set = sk->set };
	__u32 zero = 0;
	int err;

	if (!name_watched(sk->lifecycle, &l) || !name_own(sk->lifecycle, &l))
		return -E2BIG;
	err = bpf_map_update_elem(fd, &zero, &l, BPF_ANY) ? -errno : run_iterator(sk->lifecycle);
	if (!err && bpf_map_lookup_elem(fd, &zero, &l))
		err = -errno;
	/* Once is enough, and it holds the maps as bound programs do. */
	bpf_program__unload(bpf_object__find_program_by_name(sk->lifecycle, "skbext_learn"));
	return err ?: learnt_all(sk, &l) ? 0 : -EOPNOTSUPP;
}
