/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of records whose owners are gone. */
#ifndef SKBEXT_STORE_PURGE_H
#define SKBEXT_STORE_PURGE_H

__skbext_inline int __skbext_older(__u32 slot, __u32 generation)
{
	__u64 *link = __skbext_link(slot);

	return link && (__s32)((__u32)(__skbext_read(link) >> 32) - generation) < 0;
}

/* The record has no owner any more and waits for its end: user space took its last type. */
__skbext_inline int __skbext_is_emptied(__u64 word)
{
	return word & SKBEXT_W_DOOMED && !(word & SKBEXT_W_ACTIVE);
}

/* The mark on this slot, which may have lost its record meanwhile. Then it is free, or others'. */
SKBEXT_FN int skbext_store_unmark(__u32 slot)
{
	__u64 *p = __skbext_word(slot);

	for (int i = 0; p && i < SKBEXT_TRIES; i++) {
		__u64 word = __skbext_read(p);
		__u64 mark = word >> SKBEXT_W_META_BITS ? SKBEXT_W_DOOMED : SKBEXT_W_LEFT;

		if (!(word & mark) || __skbext_swap(p, word, word & ~mark))
			return 0;
	}
	return -1;
}

/*
 * Purge: who owns no skb ends what is distrusted for good. It marks such a record, waits until all
 * programs that run have ended, and ends it if the mark is still there:
 *  - A record that takes the place of a marked one has no mark, and then its word is not the one
 *    that is compared. So what was read from the link before that belongs to the very record that
 *    ends, and a live packet's never does.
 *  - Programs that trusted it are over: nobody shares it, writes to it or takes references.
 *  - An owner who takes types from it takes the mark as well: skbext_store_clear() has references to
 *    give back after that.
 * A record made between two reads may be marked by mistake: it is found as ever, and not ended.
 *
 * One just claimed has no active bits and no others, and is left alone. 1: marked, or there is a
 * mark whose maker was killed.
 */
SKBEXT_FN int skbext_store_doom(__u32 slot, __u32 generation)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	if (!(word >> SKBEXT_W_META_BITS))
		return !!(word & SKBEXT_W_LEFT);
	if (__skbext_is_emptied(word))
		return 1;
	return word & (SKBEXT_W_ACTIVE | SKBEXT_W_SHARED | SKBEXT_W_REMOTE) &&
	       __skbext_older(slot, generation) &&
	       __skbext_swap(p, word, word | SKBEXT_W_DOOMED);
}

/* A grace period later. 1: ended. */
SKBEXT_FN int skbext_store_end_doomed(__u32 slot, __u32 generation)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	int ended = word >> SKBEXT_W_META_BITS && word & SKBEXT_W_DOOMED &&
		    (__skbext_is_emptied(word) || __skbext_older(slot, generation)) &&
		    skbext_store_drop_slow(slot, word);

	/* Of one that was marked by mistake, and of the slot of one that ended. */
	if (p)
		skbext_store_unmark(slot);
	if (ended)
		skbext_count(SKBEXT_STAT_PURGED);
	return ended;
}

#endif /* SKBEXT_STORE_PURGE_H */
