// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tells bpf/watch.bpf.h about the lifecycle programs themselves: where the kernel counts
 * the runs of them that it skips, and how to tell that one of them is detached. Only an iterator
 * over all programs shows that.
 */
#include "internal.h"
#include "../../bpf/watch.h"

_Static_assert(SKBEXT_MAX_OWN >= MAX_HOOKS, "all hooks have their place");

/* 0: it is not loaded. */
static int id_in(struct bpf_object *obj, const char *name, __u32 *id)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	int fd = prog ? bpf_program__fd(prog) : -1;

	*id = 0;
	return fd < 0 ? 0 : prog_id_get(fd, id);
}

/* Which programs something can interrupt that needs them: include/skbext/watch.bpf.h tells why. */
static bool is_watched(const struct hook_def *def, bool rt)
{
	return def->watched == WATCHED || (def->watched == WATCHED_ON_RT && rt);
}

#define NAME(function)	#function,
static const char *const seconds[] = { SKBEXT_SECONDS(NAME) };
_Static_assert(ARRAY_SIZE(seconds) == SKBEXT_WATCHED, "each second program has a number");

/* Where one watched hook has a second program all have one, which knows the number that this gives. */
static bool is_in_order(const struct skbext_learnt *l, int n, const struct hook_def *def)
{
	return !!l->watched_id[1][n] == !!l->watched_id[1][0] &&
	       (!l->watched_id[1][n] || !strcmp(def->function, seconds[n]));
}

static int name_watched(struct bpf_object *obj, struct skbext_learnt *l)
{
	bool rt = preempts_softirqs();
	const struct hook_def *def;
	int n = 0, err = 0;
	__u32 id;

	for (int i = 0; !err && (def = hook_def(i)); i++) {
		if (!is_watched(def, rt))
			continue;
		err = id_in(obj, def->prog, &id);
		if (id && n == SKBEXT_WATCHED)
			return -E2BIG;
		if (id)
			l->watched_id[def->second][n] = id;
		if (id && !def->second && !is_in_order(l, n++, def))
			return -E2BIG;
	}
	return err ?: n ? 0 : -E2BIG;
}

/* Whatever is detached of these, idle ones included, what load promised holds no longer. */
static int name_own(struct bpf_object *obj, struct skbext_learnt *l)
{
	const struct hook_def *def;
	int n = 0, err = 0;
	__u32 id;

	for (int i = 0; !err && (def = hook_def(i)); i++) {
		if (def->mode != SKBEXT_MODE_EXACT)
			continue;
		err = id_in(obj, def->prog, &id);
		if (id && n == SKBEXT_MAX_OWN)
			return -E2BIG;
		if (id)
			l->own_id[n++] = id;
	}
	return err;
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

static int check_learnt(struct skbext *sk, const struct skbext_learnt *l)
{
	struct skbext_watch w;
	__u32 cpu = 0;	/* as good as any */

	for (int i = 0; i < SKBEXT_MAX_OWN; i++)
		if (l->own_id[i] && !l->own[i])
			return -EOPNOTSUPP;
	if (bpf_map_lookup_elem(sk->map[MAP_WATCH], &cpu, &w))
		return -errno;
	for (int t = 0; t < SKBEXT_TIMES; t++)
		for (int i = 0; i < SKBEXT_WATCHED; i++)
			if (l->watched_id[t][i] && (!w.set[sk->set].active[t][i] ||
						    !w.set[sk->set].misses[t][i]))
				return -EOPNOTSUPP;
	return 0;
}

int watch_learn(struct skbext *sk)
{
	int fd = bpf_object__find_map_fd_by_name(sk->lifecycle, ".data.own");
	struct skbext_learnt l = { .set = sk->set };
	__u32 zero = 0;
	int err = name_watched(sk->lifecycle, &l) ?: name_own(sk->lifecycle, &l);

	if (err)
		return err;
	err = bpf_map_update_elem(fd, &zero, &l, BPF_ANY) ? -errno : run_iterator(sk->lifecycle);
	if (!err && bpf_map_lookup_elem(fd, &zero, &l))
		err = -errno;
	/* Once is enough, and it holds the maps as bound programs do. */
	bpf_program__unload(bpf_object__find_program_by_name(sk->lifecycle, "skbext_learn"));
	return err ?: check_learnt(sk, &l);
}
