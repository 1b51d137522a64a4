// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Types come, get a max and go, with the hooks that they need and the records that they leave. */
#include "bound.h"
#include "internal.h"

/*
 * The hook first, as a type without it would be one without its policy, should this process be
 * killed in between; also for a type that is known, as its hook may have gone.
 */
int type_register(struct skbext *sk, const char *name, __u32 size, __u32 flags,
		  const struct btf *btf, __u32 type_id)
{
	int err = type_check(sk, name, size, flags) ?: hooks_wake(sk, name, flags);

	return err ?: type_enter(sk, name, size, flags, btf, type_id);
}

int skbext_type_add(struct skbext *sk, const char *name, __u32 size, __u32 flags)
{
	int lock, id;

	if (!sk->ctl)
		return fail(-EINVAL,
			"types are added to an skbext that is loaded; call skbext_load() first");
	id = lock_pinned(sk, &lock) ?: store_stopped(sk) ?:
	     type_register(sk, name, size, flags, NULL, 0);
	unlock(lock);
	return id;
}

static int check_max(const struct skbext *sk, const struct skbext_type_info *t, __u32 max)
{
	__u32 capacity = sk->ctl->buckets * SKBEXT_BUCKET_SLOTS;

	if (!max || max > capacity)
		return fail(-EINVAL, "max=%u of type %s is out of range; give 1 to %u, the capacity, or load with a larger --capacity",
			    max, t->name, capacity);
	if (!sk->ctl->limits)
		return fail(-EOPNOTSUPP, "type %s cannot have a max, since no type had one when skbext was loaded, and records are not counted; unload, and load with it",
			    t->name);
	if (t->max && t->max != max)
		return fail(-EEXIST, "type %s has max=%u, not %u; `skbext type remove` it, or unload and load again",
			    t->name, t->max, max);
	if (t->used && !t->max)
		return fail(-EBUSY, "type %s is in use without a max, and its records were not counted; unload and load again",
			    t->name);
	return 0;
}

int skbext_type_limit(struct skbext *sk, const char *name, __u32 max)
{
	int lock, id, err;

	if (!sk->ctl)
		return fail(-EINVAL, "types of an skbext that is loaded have a max; call skbext_load() first");
	id = lock_pinned(sk, &lock) ?: skbext_type_find(sk, name);
	err = id < 0 ? id : check_max(sk, &sk->ctl->types[id], max);
	if (!err && !sk->ctl->types[id].max)
		type_set_max(sk, id, max);
	unlock(lock);
	return err;
}

static int in_use(const char *name, const struct bound_list *list)
{
	char who[192];

	bound_name(list, who, sizeof(who));
	return fail(-EBUSY, "type %s is in use by program %s%s; end it first", name, who,
		    list->bound->types_known ? "" : ", whose types are not to be seen");
}

/* -EBUSY: a program that is loaded may add it, or find it. */
static int check_idle(struct skbext *sk, unsigned int id)
{
	struct bound_list list;
	int err = bound_read_users(sk->dir, id, &list);

	if (err)
		return err;
	if (list.nr)
		err = in_use(sk->ctl->types[id].name, &list);
	bound_free(&list);
	return err;
}

/*
 * No packet may find what another type's program wrote. A program that is loaded later may still
 * have this type's bit and offset: the file or object that it comes from was bound before. So what
 * was ever used keeps both for good, and gets them back if it is registered again as it was. What
 * was never used has no records either, and goes.
 */
static int remove_type(struct skbext *sk, const char *name)
{
	int id = skbext_type_find(sk, name);
	struct skbext_type_info *t = id < 0 ? NULL : &sk->ctl->types[id];
	int err = id < 0 ? id : check_idle(sk, id);

	if (err)
		return err;
	if (!t->used) {
		type_forget(sk, id);
		return 0;
	}
	err = records_strip(sk, 1U << id);
	if (err)
		return err;
	t->was_removed = 1;
	__atomic_store_n(&t->removed, 1, __ATOMIC_RELEASE);
	type_drop_btf(sk, id);
	return 0;
}

int skbext_type_remove(struct skbext *sk, const char *name)
{
	int lock, err;

	if (!sk->pinned)
		return fail(-EINVAL, "types are removed from an skbext that is pinned; call skbext_pin() first");
	lock = pin_lock(sk);
	if (lock < 0)
		return lock;
	err = remove_type(sk, name);
	close(lock);
	return err;
}
