/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * add and del by address, by those who do not own the skb: user space. Included behind store.h by
 * the programs that it runs (bpf/ops.bpf.c), one request at a time.
 *
 * The owner goes on meanwhile. His programs may hold a pointer to the payload, and he may end the
 * record at any point. So nothing that is done here frees a slot while a program may still write to
 * it, and nothing here writes to a slot that may be another packet's:
 *
 *  - SKBEXT_STATE->by_address is set, and a grace period over: owners change words only from
 *    exactly what they read.
 *  - The last type that is taken leaves the record empty and marked (SKBEXT_W_DOOMED). Nobody finds
 *    it, adds to it or shares it. A grace period later no program has a pointer to its payload, and
 *    it ends.
 *  - A new record is made in a slot that has no key until all of it is written. It begins as one
 *    that is not trusted, so that an owner who adds at the same time ends it. A grace period later
 *    all owners see it: if it is still the only record of its address, it is trusted from then on.
 *  - Who adds to a record that is there first becomes a holder of its object, as a clone is. The
 *    mark keeps the slot until that is done.
 *
 * A process that is killed between two steps leaves a record that is empty or not trusted, which
 * ends with its packet, or a mark: skbext_store_end_doomed() takes it off.
 */
#ifndef SKBEXT_STORE_OUTSIDE_H
#define SKBEXT_STORE_OUTSIDE_H

/* 2^31 generations from any that is near. */
#define SKBEXT_L_POISON		(1ULL << 63)
#define __skbext_no_holder(link)	(((link) & SKBEXT_L_LOW) == SKBEXT_L_LOW)

/* Take these types of the record. Its number: that was the last, skbext_store_end_taken() it. */
SKBEXT_FN int skbext_store_take_from(__u32 slot, __u64 h, __u64 types)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0, left = word & ~(types & SKBEXT_W_ACTIVE);

	if (!p || !__skbext_match(word, h) || word == h)
		return SKBEXT_AGAIN;
	if (left == word)
		return SKBEXT_NONE;
	if (!(left & SKBEXT_W_ACTIVE))
		left |= SKBEXT_W_DOOMED;
	if (!__skbext_swap(p, word, left))
		return SKBEXT_AGAIN;
	if (__skbext_limits())
		skbext_store_leave(word & types);
	return left & SKBEXT_W_ACTIVE ? SKBEXT_DONE : (int)slot;
}

SKBEXT_FN int skbext_store_take(__u64 h, __u64 types)
{
	int slot = skbext_store_slot(h), ret;

	if (slot < 0 || skbext_store_distrusts(slot))
		return SKBEXT_NONE;
	ret = skbext_store_take_from(slot, h, types);
	if (ret == SKBEXT_DONE)
		skbext_count(SKBEXT_STAT_DELS);
	return ret;
}

/* A grace period after the last type was taken. */
SKBEXT_FN int skbext_store_end_taken(__u32 slot, __u64 h)
{
	__u64 *p = __skbext_word(slot);
	int ended = 0;

	for (int i = 0; p && !ended && i < SKBEXT_TRIES; i++) {
		__u64 word = __skbext_read(p);

		if (!__skbext_match(word, h) || !__skbext_is_emptied(word))
			break;
		ended = skbext_store_drop_slow(slot, word);
	}
	skbext_count(ended ? SKBEXT_STAT_DELS_EMPTIED : SKBEXT_STAT_DELS);
	return skbext_store_unmark(slot);
}

/* Take types that no program uses any more of whatever record is in this slot. 1: it had one. */
SKBEXT_FN int skbext_store_strip(__u32 slot, __u64 types)
{
	__u64 *p = __skbext_word(slot);

	for (int i = 0; p && i < SKBEXT_TRIES; i++) {
		__u64 word = __skbext_read(p), left = word & ~(types & SKBEXT_W_ACTIVE);

		if (!(word >> SKBEXT_W_META_BITS) || left == word)
			return 0;
		if (!(left & SKBEXT_W_ACTIVE))
			left |= SKBEXT_W_DOOMED;
		if (!__skbext_swap(p, word, left))
			continue;
		if (__skbext_limits())
			skbext_store_leave(word & types);
		if (left & SKBEXT_W_ACTIVE)
			skbext_count(SKBEXT_STAT_DELS);
		break;
	}
	return 1;
}

/* A grace period later: the record ends, if that was its last type and its owner has not ended it. */
SKBEXT_FN int skbext_store_end_stripped(__u32 slot)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;
	int emptied = word >> SKBEXT_W_META_BITS && __skbext_is_emptied(word);

	if (emptied)
		skbext_store_end_taken(slot, word & SKBEXT_W_KEY);
	else
		skbext_store_unmark(slot);
	return emptied;
}

/* A free slot for h that has no key yet, and so is nobody else's; -1: no room. */
SKBEXT_FN int skbext_store_reserve_slot(__u64 h)
{
	__u32 home = __skbext_home(h), n = home;
	int slot = -1;

	for (__u32 probe = 0; probe < SKBEXT_PROBES; probe++) {
		__u64 *p;

		slot = probe && n == home ? -1 : skbext_store_claim_in(n, SKBEXT_W_ORPHAN);
		p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
		if (!p) {
			n = skbext_store_next(n, h, probe);
			continue;
		}
		if (!probe && slot % SKBEXT_BUCKET_SLOTS)
			__sync_fetch_and_add(&__skbext_home_front(h)->head, 1);
		else if (probe && skbext_store_count_away(home, probe)) {
			__skbext_write(p, 0);
			return -1;
		}
		return slot;
	}
	return -1;
}

/* The same for a record with this type: SKBEXT_NONE, SKBEXT_MAXED. */
SKBEXT_FN int skbext_store_reserve(__u64 h, __u64 active)
{
	int slot;

	if (__skbext_limits() && !skbext_store_enter(active))
		return SKBEXT_MAXED;
	slot = skbext_store_reserve_slot(h);
	if (slot < 0 && __skbext_limits())
		skbext_store_leave(active);
	return slot < 0 ? SKBEXT_NONE : slot;
}

/* The payload is written: from here on its owner can end it, but does not find it. */
SKBEXT_FN int skbext_store_publish(__u32 slot, __u64 h, __u64 active)
{
	__u64 *link, *p = __skbext_word_link(slot, &link);

	if (!p)
		return -1;
	__skbext_write(link, __skbext_stamp() ^ SKBEXT_L_POISON);
	skbext_count(SKBEXT_STAT_ADDS);
	__skbext_write(p, h | (active & SKBEXT_W_ACTIVE) | __skbext_mark(0, active));
	return 0;
}

/* Is there a record of h in bucket n in another slot than this? */
SKBEXT_FN int skbext_store_other_in(__u32 n, __u64 h, __u32 slot)
{
	__u64 at = __skbext_known(n);

	for (__u64 i = 0; at < SKBEXT_BUCKETS && i < SKBEXT_BUCKET_SLOTS; i++)
		if (n * SKBEXT_BUCKET_SLOTS + i != slot &&
		    __skbext_match(__skbext_read(__skbext_word_in(at, i)), h))
			return 1;
	return 0;
}

SKBEXT_FN int skbext_store_other(__u64 h, __u32 slot)
{
	__u32 n = __skbext_home(h);
	__u64 farthest = __skbext_read(&__skbext_home_front(h)->head) >> SKBEXT_H_FAR_SHIFT;

	for (__u32 probe = 0; probe < SKBEXT_PROBES && probe <= farthest; probe++) {
		if (skbext_store_other_in(n, h, slot))
			return 1;
		n = skbext_store_next(n, h, probe);
	}
	return 0;
}

/*
 * A grace period after skbext_store_publish(): from now on it is found. Its number: the owner has a
 * record as well, and this one is to be ended by skbext_store_end_taken(). Of the generation it was
 * made in: if a release was missed since, it stays what it is.
 */
SKBEXT_FN int skbext_store_trust(__u32 slot, __u64 h)
{
	__u64 *link, *p = __skbext_word_link(slot, &link);
	__u64 poisoned = p ? __skbext_read(link) : 0;

	if (!p || !__skbext_match(__skbext_read(p), h))
		return SKBEXT_AGAIN;
	if (skbext_store_other(h, slot))
		return skbext_store_take_from(slot, h, SKBEXT_W_ACTIVE);
	/* If it ended, and another packet's record is here, that one's link is not poisoned. */
	if ((poisoned ^ __skbext_stamp()) >> 63 == 0 ||
	    !__skbext_swap(link, poisoned, poisoned ^ SKBEXT_L_POISON) ||
	    !__skbext_match(__skbext_read(p), h))
		return SKBEXT_AGAIN;
	return SKBEXT_DONE;
}

/*
 * Become a holder of the object of this record, which its owner may be ending: as long as the mark
 * is there the slot is not free. SKBEXT_DONE: its owner is the only other one, so that what is
 * written to a payload is no clone's; then skbext_store_activate() and __skbext_put().
 *
 * Holders are counted before it is looked whether the record is still there: if so its owner's
 * reference is still counted as well, and the object does not end. If not, the last holder may have
 * let go before this one was counted: then the count had gone below 0.
 */
SKBEXT_FN int skbext_store_hold(__u32 slot, __u64 h)
{
	__u64 *link, *p = __skbext_word_link(slot, &link);
	__u64 word = p ? __skbext_read(p) : 0, before;

	if (!p || !__skbext_match(word, h) || !(word & SKBEXT_W_ACTIVE))
		return SKBEXT_AGAIN;
	if (word & SKBEXT_W_REMOTE)
		return SKBEXT_SHARES;
	if (!__skbext_swap(p, word, word | SKBEXT_W_SHARED | SKBEXT_W_DOOMED))
		return SKBEXT_AGAIN;
	before = __sync_fetch_and_add(link, 1);
	word = __skbext_read(p);
	skbext_store_unmark(slot);
	if (__skbext_match(word, h) && !(before & SKBEXT_L_LOW))
		return SKBEXT_DONE;
	if (!__skbext_no_holder(before))
		__skbext_put(slot);
	return __skbext_match(word, h) ? SKBEXT_SHARES : SKBEXT_AGAIN;
}

/* The payload is written. 0: the type is active now; SKBEXT_AGAIN: the record is gone; SKBEXT_MAXED. */
SKBEXT_FN int skbext_store_activate(__u32 slot, __u64 h, __u64 active)
{
	__u64 *p = __skbext_word(slot);
	int ret = SKBEXT_AGAIN;

	for (int i = 0; p && ret == SKBEXT_AGAIN && i < SKBEXT_TRIES; i++) {
		__u64 word = __skbext_read(p);

		if (!__skbext_match(word, h))
			break;
		ret = word & active ? 0 : __skbext_activate(p, slot, word, active);
	}
	return ret;
}

#endif /* SKBEXT_STORE_OUTSIDE_H */
