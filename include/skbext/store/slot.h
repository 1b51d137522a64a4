/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The slot of a record: found, claimed, counted at its home. */
#ifndef SKBEXT_STORE_SLOT_H
#define SKBEXT_STORE_SLOT_H

/* A bucket that is not empty, and the word that is in its first slot; NULL: there is nothing. */
__skbext_inline struct skbext_bucket *__skbext_taken(struct skbext_bucket *b, __u64 *first)
{
	*first = __skbext_read(&b->first);
	return *first || __skbext_read(&b->head) ? b : (struct skbext_bucket *)0;
}

/* The home of a record that may be there. */
__skbext_inline struct skbext_bucket *skbext_store_home(__u64 h, __u64 *first)
{
	return __skbext_taken(__skbext_home_front(h), first);
}

/*
 * There is no record of this hash: the end of the way for nearly all packets.
 * Else there may be one.
 */
__skbext_inline int skbext_store_absent(__u64 h)
{
	__u64 first;

	return !skbext_store_home(h, &first);
}

/* Which other slot of bucket n than the first has this hash; SKBEXT_BUCKET_SLOTS: none. */
__skbext_inline __u64 __skbext_beside(__u64 n, __u64 h)
{
	__u64 *words = __skbext_words(n), i;

#ifdef __clang__
#pragma clang loop unroll(full)
#endif
	for (i = 1; i < SKBEXT_BUCKET_SLOTS; i++)
		if (__skbext_match(__skbext_read(words + i), h))
			break;
	return i;
}

/* The slot of a record that is not in its home bucket, or -1. */
SKBEXT_FN int skbext_store_slot_away(__u64 h, __u32 farthest)
{
	__u32 n = __skbext_home(h);
	int slot = -1;

	/* Never, but the verifier looks at it: every operation can come here. */
	if (farthest > SKBEXT_PROBES)
		skbext_verify();
	for (__u32 probe = 0; probe < SKBEXT_PROBES && probe < farthest; probe++) {
		__u64 at = __skbext_known(n = skbext_store_next(n, h, probe)), i;

		/* Without it -Oz merges the two limits, and the verifier sees no end to the loop. */
		barrier_var(probe);
		if (at >= SKBEXT_BUCKETS)
			break;
		i = __skbext_match(__skbext_read(&skbext_bucket_at(at)->first), h) ?
		    0 : __skbext_beside(at, h);
		if (i < SKBEXT_BUCKET_SLOTS) {
			slot = n * SKBEXT_BUCKET_SLOTS + i;
			break;
		}
	}
	return slot;
}

/* The record is not in the first slot of its home. */
SKBEXT_FN int skbext_store_slot_slow(__u64 h)
{
	__u32 n = __skbext_home(h);
	__u64 farthest = __skbext_read(&__skbext_home_front(h)->head) >> SKBEXT_H_FAR_SHIFT;
	__u64 i = __skbext_beside(n, h);

	if (i < SKBEXT_BUCKET_SLOTS)
		return n * SKBEXT_BUCKET_SLOTS + i;
	return farthest ? skbext_store_slot_away(h, farthest) : -1;
}

/* The slot of the record with this hash, or -1. */
__skbext_inline int skbext_store_slot(__u64 h)
{
	struct skbext_bucket *b = __skbext_home_front(h);

	if (__skbext_match(__skbext_read(&b->first), h))
		return __skbext_home(h) * SKBEXT_BUCKET_SLOTS;
	return __skbext_read(&b->head) ? skbext_store_slot_slow(h) : -1;
}

/*
 * Count a record in that lives probe buckets from home.
 * 0: done; -1: others changed the head all the while.
 */
SKBEXT_FN int skbext_store_count_away(__u32 home, __u64 probe)
{
	struct skbext_bucket *b = skbext_bucket(home);

	for (int i = 0; b && i < SKBEXT_TRIES; i++) {
		__u64 old = __skbext_read(&b->head), far = old >> SKBEXT_H_FAR_SHIFT;
		__u64 new = (old & SKBEXT_H_COUNTS) + SKBEXT_H_AWAY + 1;

		new |= (far > probe ? far : probe) << SKBEXT_H_FAR_SHIFT;
		if (__skbext_swap(&b->head, old, new))
			return 0;
	}
	return -1;
}

/*
 * With the last record that is away goes the way to it,
 * or a bucket that is empty again would not look so.
 */
__skbext_inline void __skbext_forget_way(__u64 *head)
{
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
	for (int i = 0; i < SKBEXT_TRIES; i++) {
		__u64 old = __skbext_read(head);

		if (!(old >> SKBEXT_H_FAR_SHIFT) || (old & SKBEXT_H_COUNTS) >= SKBEXT_H_AWAY ||
		    __skbext_swap(head, old, old & SKBEXT_H_COUNTS))
			return;
	}
}

SKBEXT_FN int skbext_store_uncount_away(__u64 h)
{
	struct skbext_bucket *b = __skbext_home_front(h);

	__sync_fetch_and_sub(&b->head, SKBEXT_H_AWAY + 1);
	__skbext_forget_way(&b->head);
	return 0;
}

/* Takes back the counts of claim, after the key has left the slot. last_home: SKBEXT_LAST_HOME. */
__skbext_inline void __skbext_uncount_by(__u64 h, __u32 slot, __u64 last_home)
{
	__u32 home = h >> (SKBEXT_KEY_SHIFT + SKBEXT_SKB_SHIFT) & last_home;

	if (slot / SKBEXT_BUCKET_SLOTS != home)
		skbext_store_uncount_away(h);
	else if (slot % SKBEXT_BUCKET_SLOTS)
		__sync_fetch_and_sub(&__skbext_home_front(h)->head, 1);
}

/* The record had no type with a max. */
__skbext_inline void __skbext_uncount(__u64 h, __u32 slot)
{
	__skbext_uncount_by(h, slot, SKBEXT_LAST_HOME);
}

SKBEXT_FN int skbext_store_uncount_limited(__u64 word, __u32 slot)
{
	skbext_store_leave(word);
	__skbext_uncount(word, slot);
	return 0;
}

/*
 * The same, and what the types of its word counted in; the key alone has none. For those that are
 * calls already: programs have a limit.
 */
SKBEXT_FN int skbext_store_uncount(__u64 word, __u32 slot)
{
	__u64 last_home = SKBEXT_LEAVING;

	if (last_home >= SKBEXT_LIMITED)
		return skbext_store_uncount_limited(word, slot);
	__skbext_uncount_by(word, slot, last_home);
	return 0;
}

/* A free slot of bucket n, now holding h; -1: there is none. */
__skbext_inline int __skbext_claim_in(__u32 n, __u64 h)
{
	__u64 at = __skbext_known(n);
	int slot = -1;

	for (__u64 i = 0; at < SKBEXT_BUCKETS && i < SKBEXT_BUCKET_SLOTS; i++) {
		__u64 *p = __skbext_word_in(at, i);

		if (!__skbext_read(p) && __skbext_swap(p, 0, h)) {
			slot = n * SKBEXT_BUCKET_SLOTS + i;
			break;
		}
	}
	return slot;
}

/* V5, for a loop over buckets. */
SKBEXT_FN int skbext_store_claim_in(__u32 n, __u64 h)
{
	return __skbext_claim_in(n, h);
}

/* Beyond the home bucket, which others may have made room in meanwhile. */
SKBEXT_FN int skbext_store_claim_away(__u64 h)
{
	__u32 home = __skbext_home(h), n = home;
	int slot = -1;

	for (__u32 probe = 1; probe < SKBEXT_PROBES; probe++) {
		__u64 *p;

		n = skbext_store_next(n, h, probe - 1);
		slot = n == home ? -1 : skbext_store_claim_in(n, h);
		p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
		if (!p)
			continue;
		if (skbext_store_count_away(home, probe)) {
			__skbext_write(p, 0);
			slot = -1;
		}
		break;
	}
	return slot;
}

/* Most that find their first slot taken find another one beside it: that takes this call alone. */
SKBEXT_FN int skbext_store_claim_slow(__u64 h)
{
	int slot = __skbext_claim_in(__skbext_home(h), h);

	if (slot < 0)
		return skbext_store_claim_away(h);
	if (slot % SKBEXT_BUCKET_SLOTS)
		__sync_fetch_and_add(&__skbext_home_front(h)->head, 1);
	return slot;
}

/* A free slot, now holding h with nothing active; -1: no room. mask: SKBEXT_MASK. */
__skbext_inline int skbext_store_claim(__u64 h, __u64 mask)
{
	struct skbext_bucket *b = __skbext_front(h, mask);

	if (__skbext_read(&b->first) || !__skbext_swap(&b->first, 0, h))
		return skbext_store_claim_slow(h);
	return __skbext_home(h) * SKBEXT_BUCKET_SLOTS;
}

#endif /* SKBEXT_STORE_SLOT_H */
