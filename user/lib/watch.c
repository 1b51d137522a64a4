// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What bpf/watch.bpf.h has to know of the lifecycle programs themselves: where the kernel counts
 * the runs of them that it skips, and how to tell that one of them is detached. Only an iterator
 * over all programs shows that.
 */
#include "internal.h"

/* As in bpf/watch.bpf.h. */
#define MAX_OWN	16

struct learnt {
	__u32 watched_id[SKBEXT_WATCHED], own_id[MAX_OWN];
	__u64 own[MAX_OWN];
	__u64 scratch;
};

/*
 * In which an interruption can do what they are for: the others run where only hardware interrupts
 * get in. In tracepoint mode what is missed elsewhere is purged at the next birth, so that those
 * count, and what ends an fclone companion, which has none.
 */
static bool is_watched(const struct hook_def *def)
{
	static const char *const names[] = {
		"skb_release_head_state", "__consume_stateless_skb",
		"kmem_cache_alloc", "tcp_probe",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(def->name, names[i]))
			return true;
	return false;
}

static __u32 prog_id(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (!prog || bpf_program__fd(prog) < 0)
		return 0;
	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0 : info.id;
}

static void name_programs(struct bpf_object *obj, struct learnt *l)
{
	const struct hook_def *def;
	int watched = 0, own = 0;

	for (int i = 0; (def = hook_def(i)); i++) {
		if (!strcmp(def->kind, "fentry") && def->role != SKBEXT_ROLE_POLICY &&
		    own < MAX_OWN)
			l->own_id[own++] = prog_id(obj, def->prog);
		if (is_watched(def) && bpf_object__find_program_by_name(obj, def->prog) &&
		    watched < SKBEXT_WATCHED)
			l->watched_id[watched++] = prog_id(obj, def->prog);
	}
}

/* All programs of the machine pass the iterator. */
static int run_iterator(struct bpf_object *obj)
{
	struct bpf_link *link =
		bpf_program__attach_iter(bpf_object__find_program_by_name(obj, "learn"), NULL);
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

static bool learnt_all(struct skbext *sk, const struct learnt *l)
{
	struct skbext_watch w;
	__u32 cpu = 0;	/* as good as any */

	for (int i = 0; i < MAX_OWN; i++)
		if (l->own_id[i] && !l->own[i])
			return false;
	if (bpf_map_lookup_elem(sk->map[MAP_WATCH], &cpu, &w))
		return false;
	for (int i = 0; i < SKBEXT_WATCHED; i++)
		if (!w.active[i] || !w.misses[i])
			return false;
	return true;
}

int watch_learn(struct skbext *sk)
{
	int fd = bpf_object__find_map_fd_by_name(sk->lifecycle, ".data.learnt");
	struct learnt l = {};
	__u32 zero = 0;
	int err;

	name_programs(sk->lifecycle, &l);
	err = bpf_map_update_elem(fd, &zero, &l, BPF_ANY) ? -errno : run_iterator(sk->lifecycle);
	if (!err && bpf_map_lookup_elem(fd, &zero, &l))
		err = -errno;
	return err ?: learnt_all(sk, &l) ? 0 : -EOPNOTSUPP;
}
