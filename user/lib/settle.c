// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two sets of lifecycle programs are attached while one replaces the other (replace.c tells how), and
 * one of them is in place: its pins are in DIR. Here the other one ends, which may be the old or the
 * new, by the process that made two of one or by the next one that has the lock on DIR.
 */
#include <sys/mman.h>

#include "dir.h"
#include "internal.h"

/* Nobody looks at the counters of this set's programs when it returns 0. */
static int forget_set(struct skbext *sk, unsigned int set)
{
	struct skbext_watch *w;		/* one for each CPU number, as the kernel has them */
	size_t size, cpus;
	int err;

	if (!sk->state->owner[set])
		return 0;
	err = map_memory(sk, MAP_WATCH, &size, &w);
	if (err)
		return err;
	cpus = size / sizeof(*w);
	for (size_t cpu = 0; cpu < cpus; cpu++)
		__atomic_store_n(&w[cpu].set[set].active[0][0], 0, __ATOMIC_SEQ_CST);
	err = grace();
	for (size_t cpu = 0; !err && cpu < cpus; cpu++)
		memset(&w[cpu].set[set], 0, sizeof(w[cpu].set[set]));
	munmap(w, size);
	if (!err)
		sk->state->owner[set] = 0;
	return err;
}

int settle_place(const struct skbext *sk)
{
	int fd = pin_get_op(sk), err = 0;
	__u32 id = fd < 0 ? 0 : prog_id_of(fd);

	if (!id)
		err = fd < 0 ? fd : fail(-errno, "looking at %s/op: %s", sk->dir, why_bpf(-errno));
	if (fd >= 0)
		close(fd);
	for (int i = 0; !err && i < SKBEXT_SETS; i++)
		if (sk->state->owner[i] == id)
			return i;
	return err ?: damaged(sk->dir, "op");
}

static void detach(const char *path, bool watch)
{
	for (int i = 0; hook_def(i); i++)
		if ((hook_def(i)->role == SKBEXT_ROLE_WATCH) == watch)
			pin_unlink_link(path, hook_def(i)->name);
}

/*
 * First those that are watched: one of them may still run. fd has the lock on DIR-new-N, which may
 * also be what a load of other maps has left.
 */
int settle_retire(struct skbext *sk, unsigned int set, int fd, const char *path)
{
	int err;

	detach(path, false);
	err = grace();
	if (err)
		return err;
	detach(path, true);
	return forget_set(sk, set) ?: pin_remove(fd, path);
}

/* A hook that is gone and that nobody missed, as that of the other set was still there. */
static int check_whole(struct skbext *sk)
{
	struct skbext *now = skbext_open_pinned(sk->dir);
	int err = now ? hooks_seen(now) : -errno;

	if (!err && now->ctl->mode == SKBEXT_MODE_EXACT && hooks_lost(now))
		store_stop(sk->dir);
	skbext_close(now);
	return err;
}

int settle_arm(struct skbext *sk)
{
	int set = settle_place(sk), err;

	if (set < 0)
		return set;
	__atomic_store_n(&sk->state->armed, set, __ATOMIC_SEQ_CST);
	err = check_whole(sk);
	return err ?: !set;
}

struct settling {
	struct skbext *sk;
	int left;		/* the set that is not in place; -1: not known yet */
};

static int settle_one(const char *path, void *arg)
{
	struct settling *s = arg;
	int fd = dir_take(path), err;

	if (fd < 0)
		return 0;
	if (s->left < 0)
		s->left = settle_arm(s->sk);
	err = s->left < 0 ? s->left : settle_retire(s->sk, s->left, fd, path);
	close(fd);
	return err;
}

int settle(struct skbext *sk)
{
	struct settling s = { .sk = sk, .left = -1 };
	int err = dir_each_half_made(sk->dir, settle_one, &s), set;

	/* Somebody may have removed the directory itself. */
	if (err || !sk->state->owner[0] || !sk->state->owner[1])
		return err;
	set = settle_place(sk);
	return set < 0 ? set : forget_set(sk, !set);
}
