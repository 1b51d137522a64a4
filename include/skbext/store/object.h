/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Payloads, the references that they count, and the end of an object with its last holder. */
#ifndef SKBEXT_STORE_OBJECT_H
#define SKBEXT_STORE_OBJECT_H

SKBEXT_FN int skbext_store_zero(__u32 slot, __u32 offset, __u32 size)
{
	struct skbext_object *obj = skbext_object(slot);

	if (!obj)
		return 0;
	for (__u32 i = 0; i < SKBEXT_MAX_PAYLOAD && i < size; i += 8) {
		__u64 at = (__u64)offset + i;

		barrier_var(at);
		if (at > SKBEXT_ROOM - 8)
			break;
		*(__u64 *)(obj->payload + at) = 0;
	}
	return 0;
}

SKBEXT_FN int skbext_store_copy_object(__u32 to, __u32 from)
{
	struct skbext_object *dst = skbext_object(to), *src = skbext_object(from);

	if (!dst || !src)
		return 0;
	for (__u32 i = 0; i < SKBEXT_MAX_PAYLOAD && i < SKBEXT_ROOM; i += 8)
		*(__u64 *)(dst->payload + i) = *(__u64 *)(src->payload + i);
	return 0;
}

/*
 * Counted references (SKBEXT_F_COUNTED) belong to the object, as the states of a sec_path do: a
 * copy takes its own (skb_ext_maybe_cow()), the object's end gives them back (__skb_ext_put()), and
 * del does if nobody else holds the object (__skb_ext_del()).
 *
 * The first reference sets SHARED even with one holder, so only the last holder looks for
 * references. A free object has none, and neither has one whose record is not SHARED.
 */
__skbext_inline __u64 *__skbext_counter(__u32 type, __u32 id)
{
	return id < SKBEXT_STATE->refs ? skbext_counter(type * SKBEXT_STATE->refs + id) : (__u64 *)0;
}

/* Of a payload's refs: nr, or with n > 0 the id before place n; NULL: not in an object. */
__skbext_inline __u32 *__skbext_refs(struct skbext_object *obj, __u32 type, __u32 n)
{
	__u64 at = (__u64)SKBEXT_STATE->offset[type % SKBEXT_MAX_TYPES] + n * 4;

	barrier_var(at);
	return obj && at <= SKBEXT_ROOM - 4 ? (__u32 *)(obj->payload + at) : (__u32 *)0;
}

SKBEXT_FN int skbext_store_refs_of(__u32 object, __u32 type, __u64 by)
{
	struct skbext_object *obj = skbext_object(object);
	__u32 *nr = __skbext_refs(obj, type, 0);

	if (!nr)
		return 0;
	for (__u32 i = 0; by && i < SKBEXT_MAX_REFS && i < *nr; i++) {
		__u32 *id = __skbext_refs(obj, type, i + 1);
		__u64 *counter = id ? __skbext_counter(type, *id) : (__u64 *)0;

		if (counter)
			__sync_fetch_and_add(counter, by);
	}
	if (by != 1)
		*nr = 0;
	return 0;
}

/* Of these types, count every reference in the object by 1, or by -1 or 0 and forget it. */
SKBEXT_FN int skbext_store_refs(__u32 object, __u64 types, __u64 by)
{
	for (__u32 i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (types & SKBEXT_STATE->counted & 1ULL << i)
			skbext_store_refs_of(object, i, by);
	return 0;
}

/* Of an object that ends, a copy that is not used after all, types that nobody has any more. */
__skbext_inline void __skbext_give_back(__u32 object, __u64 types)
{
	if (SKBEXT_STATE->counted)
		skbext_store_refs(object, types, -1);
}

/* The owner's object is copied; what others still have active is no part of it. */
SKBEXT_FN int skbext_store_cow(__u32 to, __u32 from, __u64 active)
{
	skbext_store_copy_object(to, from);
	if (SKBEXT_STATE->counted) {
		skbext_store_refs(to, active, 1);
		skbext_store_refs(to, ~active, 0);
	}
	return 0;
}

/* The last holder let go; only an orphan can get there. */
SKBEXT_FN int skbext_store_end_object(__u32 home)
{
	__u64 *word = __skbext_word(home);

	__skbext_give_back(home, SKBEXT_W_ACTIVE);
	/* The link stays: skbext_store_hold() reads from it that the object had ended. */
	if (word && !__skbext_swap(word, SKBEXT_W_ORPHAN, 0))
		__skbext_and(word, SKBEXT_W_LEFT);
	return 0;
}

/* The home slot is free again when its object's last holder lets go. */
__skbext_inline void __skbext_put(__u32 home)
{
	__u64 *link = __skbext_link(home);

	if (link && !(__sync_fetch_and_sub(link, 1) & SKBEXT_L_LOW))
		skbext_store_end_object(home);
}

#endif /* SKBEXT_STORE_OBJECT_H */
