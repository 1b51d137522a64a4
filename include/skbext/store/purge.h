/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of records whose owners are gone. */
#ifndef SKBEXT_STORE_PURGE_H
#define SKBEXT_STORE_PURGE_H

__skbext_inline int __skbext_older(__u32 slot, __u32 generation)
{
	__u64 *link = __skbext_link(slot);

	return link && (__s32)((__u32)(__skbext_read(link) >> 32) - generation) < 0;
}

/*
 * Purge: who owns no skb ends what is distrusted for good. It marks such a record, waits until all
 * programs that run have ended, and ends it if the mark is still there:
 *  - A record that takes the place of a marked one has no mark, and then its word is not the one
 *    that is compared. So what was read from the link before that belongs to the very record that
 *    ends, and a live packet's never does.
 *  - Programs that trusted it are over: nobody shares it, writes to it or takes references.
 *  - An owner who takes types from it takes the mark as well: __skbext_clear() has references to
 *    give back after that.
 * A record made between two reads may be marked by mistake: it is found as ever, and not ended.
 *
 * One just claimed has no active bits and no others, and is left alone. 1: marked.
 */
SKBEXT_FN int skbext_store_doom(__u32 slot, __u32 generation)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	return word >> SKBEXT_W_META_BITS &&
	       word & (SKBEXT_W_ACTIVE | SKBEXT_W_SHARED | SKBEXT_W_REMOTE) &&
	       __skbext_older(slot, generation) &&
	       __skbext_swap(p, word, word | SKBEXT_W_DOOMED);
}

/* A grace period later. 1: ended. */
SKBEXT_FN int skbext_store_end_doomed(__u32 slot, __u32 generation)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	if (!(word >> SKBEXT_W_META_BITS) || !(word & SKBEXT_W_DOOMED))
		return 0;
	if (!__skbext_older(slot, generation)) {	/* marked by mistake */
		__skbext_swap(p, word, word & ~SKBEXT_W_DOOMED);
		return 0;
	}
	if (!skbext_store_drop_any(slot, word))
		return 0;
	skbext_count(SKBEXT_STAT_PURGED_STALE);
	return 1;
}

#endif /* SKBEXT_STORE_PURGE_H */
