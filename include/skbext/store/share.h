/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects that more than one record holds. */
#ifndef SKBEXT_STORE_SHARE_H
#define SKBEXT_STORE_SHARE_H

/* The new record of a share, holding one more reference to obj. */
__skbext_inline int __skbext_attach(__u64 h, __u64 mask, __u32 obj, __u64 active)
{
	__u64 *link = __skbext_link(obj), *own;
	int slot = link ? skbext_store_claim(h, mask) : -1;
	__u64 *p = slot < 0 ? (__u64 *)0 : __skbext_word_link(slot, &own);

	if (!link || !p)
		return -1;
	__sync_fetch_and_add(link, 1);
	__skbext_write(own, __skbext_stamp() | obj);
	__skbext_write(p, h | SKBEXT_W_REMOTE | (active & SKBEXT_W_ACTIVE));
	return 0;
}

/*
 * Another share of the same skb, or user space, changed the word first.
 * 0: it is SHARED now, -1: gone.
 */
SKBEXT_FN int skbext_store_mark_again(__u32 slot, __u64 h)
{
	__u64 *p = __skbext_word(slot);

	for (int i = 0; p && i < SKBEXT_TRIES; i++) {
		__u64 word = __skbext_read(p);

		if (!__skbext_match(word, h))
			break;
		if (word & SKBEXT_W_SHARED ||
		    __skbext_swap(p, word, word | SKBEXT_W_SHARED))
			return 0;
	}
	return -1;
}

/* The word of a record whose object others may hold from now on; 0: the record is gone. */
__skbext_inline __u64 __skbext_mark_shared(__u32 slot, __u64 *p, __u64 h)
{
	__u64 word = __skbext_read(p);

	if (__skbext_match(word, h) && !(word & (SKBEXT_W_REMOTE | SKBEXT_W_SHARED)) &&
	    !__skbext_swap(p, word, word | SKBEXT_W_SHARED))
		word = skbext_store_mark_again(slot, h) ? 0 : __skbext_read(p);
	return __skbext_match(word, h) ? word : 0;
}

/*
 * One more reference in the payload of an active type with room for max, by the owner, who has just
 * added it. Its place; -1: none is left, or no counter.
 */
SKBEXT_FN int skbext_store_ref(__u64 h, __u32 type, __u32 max, __u32 id)
{
	int slot = skbext_store_slot(h);
	__u64 *p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
	__u64 *counter = __skbext_counter(type, id);
	__u64 word = p && counter ? __skbext_mark_shared(slot, p, h) : 0;
	struct skbext_object *obj;
	__u32 *nr, *place, n;

	if (!(word & SKBEXT_W_ACTIVE & 1ULL << type))
		return -1;
	obj = skbext_object(__skbext_object_of(slot, word));
	nr = __skbext_refs(obj, type, 0);
	n = nr ? *nr : max;
	place = n < max && n < SKBEXT_MAX_REFS ? __skbext_refs(obj, type, n + 1) : (__u32 *)0;
	if (!nr || !place)
		return -1;
	__sync_fetch_and_add(counter, 1);
	*place = id;
	*nr = n + 1;
	return n;
}

/* 1: shared, -1: no room. again: the first of two programs has counted that. */
__skbext_inline int __skbext_share_as(__u64 to, __u64 mask, __u32 obj, __u64 types, int again)
{
	if (__skbext_attach(to, mask, obj, types)) {
		if (!again)
			skbext_count(SKBEXT_STAT_SHARE_FAILED);
		return -1;
	}
	skbext_count(SKBEXT_STAT_SHARES);
	return 1;
}

/* Where types may have a max: to goes without those that have it. */
SKBEXT_FN int skbext_store_share_limited(__u64 to, __u32 obj, __u64 types, int again)
{
	__u64 may = skbext_store_enter(types);
	int ret;

	if (!again && may != (types & SKBEXT_W_ACTIVE))
		skbext_count(SKBEXT_STAT_SHARE_LIMITED);
	if (!may)
		return -1;
	ret = __skbext_share_as(to, SKBEXT_MASK, obj, may, again);
	if (ret < 0)
		skbext_store_leave(may);
	return ret;
}

__skbext_inline int __skbext_share(__u64 to, __u64 from, int again)
{
	int slot;
	__u64 *p, word, mask;
	__u32 obj;

	if (to == from)
		return 0;
	if (!skbext_store_absent(to))
		skbext_store_release_slow(to, SKBEXT_STAT_REPLACED);
	slot = skbext_store_slot(from);
	if (slot >= 0 && skbext_store_distrusts(slot)) {
		if (!again)
			skbext_count(SKBEXT_STAT_SHARES_DISTRUSTED);
		return 0;
	}
	p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
	word = p ? __skbext_mark_shared(slot, p, from) : 0;
	if (!(word & SKBEXT_W_ACTIVE & ~SKBEXT_STATE->noclone))
		return 0;
	obj = __skbext_object_of(slot, word);
	mask = SKBEXT_ENTERING;
	word &= ~SKBEXT_STATE->noclone;
	return mask >= SKBEXT_LIMITED ? skbext_store_share_limited(to, obj, word, again) :
					__skbext_share_as(to, mask, obj, word, again);
}

/*
 * __skb_ext_copy(): to shares what from has, but for the noclone types; what to had goes first.
 * 1: shared, 0: there was nothing to share, -1: no room, or its types have their max: to has nothing.
 */
SKBEXT_FN int skbext_store_share(__u64 to, __u64 from)
{
	return __skbext_share(to, from, 0);
}

/* Object and types of the record in this slot; 0: there is none. */
__skbext_inline __u64 __skbext_holds(int slot)
{
	__u64 *p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;
	__u64 types = word & SKBEXT_W_ACTIVE;

	return types ? (__u64)__skbext_object_of(slot, word) << 8 | types : 0;
}

/*
 * The same, unless it is done: to has that object, and what it may have of its types. What to goes
 * without was counted by the first program, or that was skipped.
 */
SKBEXT_FN int skbext_store_share_again(__u64 to, __u64 from)
{
	__u64 was = __skbext_holds(skbext_store_slot(from)) & ~(__u64)SKBEXT_STATE->noclone;
	__u64 is = __skbext_holds(skbext_store_slot(to));

	if (is & SKBEXT_W_ACTIVE && is >> 8 == was >> 8 && !(is & ~was) &&
	    (is == was || SKBEXT_ENTERING >= SKBEXT_LIMITED))
		return 1;
	return __skbext_share(to, from, 1);
}

#endif /* SKBEXT_STORE_SHARE_H */
