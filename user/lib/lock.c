// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lock on what is loaded: whoever has it is alone with it, and with nothing half replaced. */
#include "internal.h"
#include "dir.h"

/* Between open and lock another process may have unloaded it, and loaded another one. */
static int check_same(const struct skbext *sk)
{
	int ctl = pin_get(sk->dir, "ctl");
	bool same;

	if (ctl < 0 && errno != ENOENT)
		return pin_not_got(sk->dir, "ctl", -errno);
	same = ctl >= 0 && map_id_of(ctl) == map_id_of(sk->map[MAP_CTL]);
	if (ctl >= 0)
		close(ctl);
	return same ? 0 : fail(-ESTALE, "what was loaded under %s has been unloaded meanwhile; try again with what is loaded now",
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
