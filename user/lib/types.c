// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The types of one skbext: a table in the control map. */
#include <ctype.h>

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
	size_t used = 0;

	buf[0] = 0;
#define ADD_WORD(flag, mask, word, help)							\
	if (flags & (flag) && used < len)						\
		used += snprintf(buf + used, len - used, " " word);
	SKBEXT_POLICIES(ADD_WORD)
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
			"'%s' is not a name for a type; use a C identifier of at most %d characters",
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

#define SET_MASK(flag, mask, word, help)	set_bit(&state->mask, bit, flags & (flag));
	SKBEXT_POLICIES(SET_MASK)
	state->marked = state->counted | state->limited;
}

void type_set_max(struct skbext *sk, int id, __u32 max)
{
	sk->ctl->types[id].max = max;
	__atomic_store_n(&sk->state->left[id], max, __ATOMIC_RELEASE);
	set_bit(&sk->state->limited, 1 << id, max);
	sk->state->marked = sk->state->counted | sk->state->limited;
}

/* Objects bound to a removed type work again when the type comes back; -1: no such. */
static int find_removed(const struct skbext_ctl *ctl, const char *name, __u32 size, __u32 flags)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		const struct skbext_type_info *t = &ctl->types[i];

		if (t->removed && t->size == size && t->flags == flags && !strcmp(t->name, name))
			return i;
	}
	return -1;
}

/* Nobody can have used the type; or it was removed before, and is removed again. */
void type_forget(struct skbext *sk, unsigned int id)
{
	struct skbext_type_info *t = &sk->ctl->types[id];

	type_drop_btf(sk, id);
	if (t->was_removed) {
		t->removed = 1;
		return;
	}
	memset(t, 0, sizeof(*t));
	sk->state->offset[id] = 0;
	type_set_max(sk, id, 0);
	set_policy(sk->state, id, 0);
}

int type_check(struct skbext *sk, const char *name, __u32 size, __u32 flags)
{
	int id = skbext_type_find(sk, name);

	if (id >= 0)
		return agree(&sk->ctl->types[id], size, flags);
	return find_removed(sk->ctl, name, size, flags) >= 0 ? 0 :
	       check_new(sk, name, size, flags, free_id(sk->ctl));
}

/* The pin, and last the name, which makes the type, whole in its first byte. */
static int enter_new(struct skbext *sk, int id, const char *name, __u32 size, __u32 flags,
		     const struct btf *btf, __u32 type_id)
{
	struct skbext_type_info *t = &sk->ctl->types[id];
	int err;

	t->offset = free_offset(sk->ctl, size);
	t->size = size;
	t->flags = flags;
	sk->state->offset[id] = t->offset;
	set_policy(sk->state, id, flags);
	err = type_keep_btf(sk, id, name, btf, type_id);
	strcpy(t->name + 1, name + 1);
	__atomic_store_n(&t->name[0], name[0], __ATOMIC_RELEASE);
	if (err) {
		type_forget(sk, id);
		return fail(err, "cannot pin type %s under %s/types: %s", name, sk->dir,
			    why_bpf(err));
	}
	return id;
}

int type_enter(struct skbext *sk, const char *name, __u32 size, __u32 flags,
	       const struct btf *btf, __u32 type_id)
{
	int id = skbext_type_find(sk, name);

	if (id >= 0)
		return type_adopt_btf(sk, id, btf, type_id);
	id = find_removed(sk->ctl, name, size, flags);
	if (id < 0)
		return enter_new(sk, free_id(sk->ctl), name, size, flags, btf, type_id);
	type_adopt_btf(sk, id, btf, type_id);
	__atomic_store_n(&sk->ctl->types[id].removed, 0, __ATOMIC_RELEASE);
	return id;
}

__u8 types_taken(const struct skbext_ctl *ctl)
{
	__u8 taken = 0;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		taken |= type_is_there(&ctl->types[i]) << i;
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

int skbext_type_get(struct skbext *sk, unsigned int id, struct skbext_type_info *info)
{
	if (id >= SKBEXT_MAX_TYPES || !sk->ctl || !type_is_there(&sk->ctl->types[id]))
		return -ENOENT;
	*info = sk->ctl->types[id];
	return 0;
}

int skbext_type_find(struct skbext *sk, const char *name)
{
	for (int i = 0; sk->ctl && *name && i < SKBEXT_MAX_TYPES; i++)
		if (type_is_there(&sk->ctl->types[i]) &&
		    !strncmp(sk->ctl->types[i].name, name, SKBEXT_NAME_LEN))
			return i;
	return fail(-ENOENT, "no type %s is loaded; `skbext status` lists those that are", name);
}
