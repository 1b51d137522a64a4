// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lock on what is loaded: whoever has it is alone with it, and with nothing half replaced. */
#include "internal.h"
#include "dir.h"

/* Between open and lock another process may have unloaded it, and loaded another one. */
static int check_same(const struct skbext *sk)
{
	struct bpf_map_info ours = {}, there = {};	/* id 0: none */
	int ctl = pin_get(sk->dir, "ctl");
	int err = ctl < 0 ? -errno : map_info(ctl, &there);

	if (ctl >= 0)
		close(ctl);
	if (err == -ENOENT)
		err = 0;
	err = err ?: map_info(sk->map[MAP_CTL], &ours);
	if (err)
		return pin_not_got(sk->dir, "ctl", err);
	return ours.id == there.id ? 0 :
	       fail(-ESTALE, "what was loaded under %s has been unloaded meanwhile; try again with what is loaded now",
		    sk->dir);
}

int pin_lock_alone(struct skbext *sk)
{
	int lock = dir_lock(sk->dir), err = lock < 0 ? lock : check_same(sk);

	if (lock >= 0 && err)
		close(lock);
	return err ?: lock;
}

int pin_lock(struct skbext *sk)
{
	int lock = pin_lock_alone(sk);

	if (lock >= 0)
		settle(sk);	/* what it cannot end does no harm */
	return lock;
}

/* No other process has what is not pinned. */
int lock_pinned(struct skbext *sk, int *lock)
{
	*lock = sk->pinned ? pin_lock(sk) : -1;
	return sk->pinned && *lock < 0 ? *lock : 0;
}

void unlock(int lock)
{
	if (lock >= 0)
		close(lock);
}
