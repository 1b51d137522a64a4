// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The types of one skbext: a table in the control map, and for each type with BTF a pinned map of
 * one value whose only use is to hold that BTF in the kernel (BTF itself cannot be pinned).
 */
#include <ctype.h>

#include "bound.h"
#include "internal.h"

static __u32 room_of(__u32 size)
{
	return (size + 7) / 8 * 8;
}

__u32 types_room(const struct skbext_ctl *ctl)
{
	__u32 used = 0;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (ctl->types[i].name[0])
			used += room_of(ctl->types[i].size);
	return used;
}

/* Bytes that nothing else of this type's place is in, from this offset on. */
static bool is_free(const struct skbext_ctl *ctl, __u32 offset, __u32 size)
{
	if (offset + room_of(size) > ctl->payload)
		return false;
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		const struct skbext_type_info *t = &ctl->types[i];

		if (t->name[0] && offset < t->offset + room_of(t->size) &&
		    t->offset < offset + room_of(size))
			return false;
	}
	return true;
}

/* The first place that is large enough begins where a type ends, or at 0. -ENOSPC: there is none. */
static int free_offset(const struct skbext_ctl *ctl, __u32 size)
{
	int best = is_free(ctl, 0, size) ? 0 : -ENOSPC;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		int end = ctl->types[i].offset + room_of(ctl->types[i].size);

		if (ctl->types[i].name[0] && is_free(ctl, end, size) && (best < 0 || end < best))
			best = end;
	}
	return best;
}

static bool is_there(const struct skbext_type_info *t)
{
	return t->name[0] && !t->removed;
}

static unsigned int nr_removed(const struct skbext_ctl *ctl)
{
	unsigned int n = 0;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		n += ctl->types[i].name[0] && ctl->types[i].removed;
	return n;
}

bool type_name_is_valid(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return false;
	return strlen(name) < SKBEXT_NAME_LEN;
}

static const char *policy_text(__u32 flags, char *buf, size_t len)
{
	snprintf(buf, len, "%s%s%s%s", flags & SKBEXT_F_NO_CLONE ? " noclone" : "",
		 flags & SKBEXT_F_KEEP_SCRUB ? " keep-scrub" : "",
		 flags & SKBEXT_F_DROP_UDP ? " drop-udp" : "",
		 flags & SKBEXT_F_COUNTED ? " counted" : "");
	return buf[0] ? buf + 1 : "default";
}

/* A type that is known must be the same in everything that others rely on. */
static int agree(const struct skbext_type_info *t, __u32 size, __u32 flags)
{
	char is[48], wanted[48];

	if (t->size != size)
		return fail(-EEXIST, "type %s is known with %u bytes, not %u; use the same struct everywhere or another name, or `skbext type remove` it",
			    t->name, t->size, size);
	if (t->flags != flags)
		return fail(-EEXIST, "type %s is known with policy %s, not %s; use the same flags everywhere or another name, or `skbext type remove` it",
			    t->name, policy_text(t->flags, is, sizeof(is)),
			    policy_text(flags, wanted, sizeof(wanted)));
	return 0;
}

static int check_new(struct skbext *sk, const char *name, __u32 size, __u32 flags, int id)
{
	__u32 used = types_room(sk->ctl);

	if (!type_name_is_valid(name))
		return fail(-EINVAL,
			"'%s' is no name for a type; use a C identifier of at most %d characters",
			name, SKBEXT_NAME_LEN - 1);
	if (flags & ~SKBEXT_F_ALL)
		return fail(-EINVAL,
			"type %s has flags 0x%x that this skbext does not know; use a newer one",
			name, flags & ~SKBEXT_F_ALL);
	if (flags & SKBEXT_F_COUNTED && size < 2 * sizeof(__u32))
		return fail(-EINVAL, "type %s of %u bytes is too small for counted references; its payload begins with SKBEXT_REFS(),"
			    " 8 bytes or more", name, size);
	if (!size || size > SKBEXT_MAX_PAYLOAD)
		return fail(-E2BIG, "type %s of %u bytes: a payload has 1 to %d; keep the rest in a map of your own",
			    name, size, SKBEXT_MAX_PAYLOAD);
	if (id < 0)
		return fail(-ENOSPC, "type %s would be the ninth and there are %d at most (%u are removed, and keep their places for what was bound to them); unload and load with fewer",
			    name, SKBEXT_MAX_TYPES, nr_removed(sk->ctl));
	if (free_offset(sk->ctl, size) < 0)
		return fail(-ENOSPC, "type %s of %u bytes does not fit: %u of %u bytes of payload are taken; unload and load with --payload %u or more",
			    name, size, used, sk->ctl->payload,
			    (used > sk->ctl->payload ? used : sk->ctl->payload) + room_of(size));
	return 0;
}

static int free_id(const struct skbext_ctl *ctl)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (!ctl->types[i].name[0])
			return i;
	return -1;
}

static void set_bit(__u8 *mask, __u8 bit, bool on)
{
	*mask = on ? *mask | bit : *mask & ~bit;
}

static void set_policy(struct skbext_state *state, int id, __u32 flags)
{
	__u8 bit = 1 << id;

	set_bit(&state->noclone, bit, flags & SKBEXT_F_NO_CLONE);
	set_bit(&state->keep_scrub, bit, flags & SKBEXT_F_KEEP_SCRUB);
	set_bit(&state->drop_udp, bit, flags & SKBEXT_F_DROP_UDP);
	set_bit(&state->counted, bit, flags & SKBEXT_F_COUNTED);
	state->marked = state->counted | state->limited;
}

static void set_max(struct skbext *sk, int id, __u32 max)
{
	sk->ctl->types[id].max = max;
	__atomic_store_n(&sk->state->left[id], max, __ATOMIC_RELEASE);
	set_bit(&sk->state->limited, 1 << id, max);
	sk->state->marked = sk->state->counted | sk->state->limited;
}

/* A map whose value has this BTF. A type without is no worse, but for dump. */
static int btf_map(__u32 size, const struct btf *btf, __u32 type_id)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	__u32 key, value;
	int fd;

	opts.btf_fd = btf_load_type(btf, type_id, &key, &value);
	if ((int)opts.btf_fd < 0)
		return -1;
	opts.btf_key_type_id = key;
	opts.btf_value_type_id = value;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skbext_type", sizeof(__u32), size, 1, &opts);
	close(opts.btf_fd);
	return fd < 0 ? -1 : fd;
}

static int pin_as(struct skbext *sk, unsigned int id, const char *dir, const char *name)
{
	char path[PATH_LEN];

	if (sk->type_map[id] < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/types/%s", dir, name);
	unlink(path);		/* left by a process that died before its type was in the table */
	return bpf_obj_pin(sk->type_map[id], path) ? -errno : 0;
}

int type_pin(struct skbext *sk, unsigned int id, const char *dir)
{
	return pin_as(sk, id, dir, sk->ctl->types[id].name);
}

/* `load --type` gives no BTF; the first object that has it does. */
static int adopt_btf(struct skbext *sk, int id, const struct btf *btf, __u32 type_id)
{
	__u32 known;
	struct btf *have = skbext_type_btf(sk, id, &known);

	if (!have && btf) {
		sk->type_map[id] = btf_map(sk->ctl->types[id].size, btf, type_id);
		if (sk->pinned)
			type_pin(sk, id, sk->dir);
	}
	btf__free(have);
	return id;
}

/* A type that is known, whose hook may be gone: a bind was killed, or somebody removed the pin. */
static int register_again(struct skbext *sk, int id, __u32 size, __u32 flags,
			  const struct btf *btf, __u32 type_id)
{
	const char *name = sk->ctl->types[id].name;
	int err = agree(&sk->ctl->types[id], size, flags) ?: hooks_wake(sk, name, flags);

	return err ?: adopt_btf(sk, id, btf, type_id);
}

/* What was bound to a type that was removed is right again when it is there again; -1: no such. */
static int find_removed(const struct skbext_ctl *ctl, const char *name, __u32 size, __u32 flags)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		const struct skbext_type_info *t = &ctl->types[i];

		if (t->removed && t->size == size && t->flags == flags && !strcmp(t->name, name))
			return i;
	}
	return -1;
}

/*
 * The hook first, then the pin, and last the name, which makes the type: whoever is killed in
 * between leaves no type without its policy.
 */
int type_register(struct skbext *sk, const char *name, __u32 size, __u32 flags,
		  const struct btf *btf, __u32 type_id)
{
	int id = skbext_type_find(sk, name);
	struct skbext_type_info *t;
	int err;

	if (id >= 0)
		return register_again(sk, id, size, flags, btf, type_id);
	id = find_removed(sk->ctl, name, size, flags);
	if (id >= 0) {
		err = register_again(sk, id, size, flags, btf, type_id);
		if (err >= 0)
			__atomic_store_n(&sk->ctl->types[id].removed, 0, __ATOMIC_RELEASE);
		return err;
	}
	id = free_id(sk->ctl);
	err = check_new(sk, name, size, flags, id);
	if (err)
		return err;
	err = hooks_wake(sk, name, flags);
	if (err)
		return err;

	t = &sk->ctl->types[id];
	t->offset = free_offset(sk->ctl, size);
	t->size = size;
	t->flags = flags;
	sk->state->offset[id] = t->offset;
	set_policy(sk->state, id, flags);
	sk->type_map[id] = btf ? btf_map(size, btf, type_id) : -1;
	err = sk->pinned ? pin_as(sk, id, sk->dir, name) : 0;
	/* Whole in its first byte. */
	strcpy(t->name + 1, name + 1);
	__atomic_store_n(&t->name[0], name[0], __ATOMIC_RELEASE);
	if (err) {
		type_forget(sk, id);
		return fail(err, "cannot pin type %s under %s/types: %s", name, sk->dir,
			    why_bpf(err));
	}
	return id;
}

static void drop_btf(struct skbext *sk, unsigned int id)
{
	const struct skbext_type_info *t = &sk->ctl->types[id];
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/types/%s", sk->dir, t->name);
	if (sk->pinned)
		unlink(path);
	if (sk->type_map[id] >= 0)
		close(sk->type_map[id]);
	sk->type_map[id] = -1;
}

/* Of a type that nobody can have used; or it was removed before, and is removed again. */
void type_forget(struct skbext *sk, unsigned int id)
{
	struct skbext_type_info *t = &sk->ctl->types[id];

	drop_btf(sk, id);
	if (t->was_removed) {
		t->removed = 1;
		return;
	}
	memset(t, 0, sizeof(*t));
	sk->state->offset[id] = 0;
	set_max(sk, id, 0);
	set_policy(sk->state, id, 0);
}

__u8 types_taken(const struct skbext_ctl *ctl)
{
	__u8 taken = 0;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		taken |= is_there(&ctl->types[i]) << i;
	return taken;
}

void types_use(struct skbext *sk, __u8 types)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (types & 1 << i)
			sk->ctl->types[i].used = 1;
}

void types_forget_but(struct skbext *sk, __u8 known)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (types_taken(sk->ctl) & ~known & 1 << i)
			type_forget(sk, i);
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
		set_max(sk, id, max);
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
	drop_btf(sk, id);
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

int skbext_type_get(struct skbext *sk, unsigned int id, struct skbext_type_info *info)
{
	if (id >= SKBEXT_MAX_TYPES || !sk->ctl || !is_there(&sk->ctl->types[id]))
		return -ENOENT;
	*info = sk->ctl->types[id];
	return 0;
}

int skbext_type_find(struct skbext *sk, const char *name)
{
	for (int i = 0; sk->ctl && *name && i < SKBEXT_MAX_TYPES; i++)
		if (is_there(&sk->ctl->types[i]) &&
		    !strncmp(sk->ctl->types[i].name, name, SKBEXT_NAME_LEN))
			return i;
	return fail(-ENOENT, "no type %s is loaded; `skbext status` lists those that are", name);
}

struct btf *skbext_type_btf(struct skbext *sk, unsigned int id, __u32 *type_id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_LEN];
	struct btf *btf = NULL;
	int fd, err;

	if (id >= SKBEXT_MAX_TYPES || !is_there(&sk->ctl->types[id]) ||
	    (sk->type_map[id] < 0 && !sk->pinned))
		return errno = ENOENT, NULL;
	snprintf(path, sizeof(path), "%s/types/%s", sk->dir, sk->ctl->types[id].name);
	fd = sk->type_map[id] >= 0 ? dup(sk->type_map[id]) : bpf_obj_get(path);
	err = fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno :
	      info.btf_id ? 0 : -ENOENT;
	if (fd >= 0)
		close(fd);
	if (!err) {
		btf = btf__load_from_kernel_by_id(info.btf_id);
		err = btf ? 0 : -errno;
		*type_id = info.btf_value_type_id;
	}
	if (!btf)
		fail(err, "BTF of type %s: %s", sk->ctl->types[id].name, why_bpf(err));
	return btf;
}
