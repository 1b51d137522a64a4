/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records that may be of an earlier packet at the same address, since a release was missed. */
#ifndef SKBEXT_STORE_TRUST_H
#define SKBEXT_STORE_TRUST_H

/* The upper half of the link of a record that is made now. */
__skbext_inline __u64 __skbext_stamp(void)
{
	return __skbext_read(&SKBEXT_STATE->watch) & ~SKBEXT_L_LOW;
}

/*
 * No release was missed since the record with this link was made,
 * and none can be missed at this moment.
 */
__skbext_inline int __skbext_trusted(__u64 link)
{
	__u64 apart = (link & ~SKBEXT_L_LOW) ^ __skbext_read(&SKBEXT_STATE->watch);

	/* Keeps the compiler from merging this with the compare of the whole link in the fast path. */
	barrier_var(apart);
	return !apart;
}

/*
 * May this record be that of an earlier packet at the same address?
 * Then it is as good as not there, until its release.
 */
SKBEXT_FN int skbext_store_distrusts(__u32 slot)
{
	__u64 *link = __skbext_link(slot);
	__u64 watch;

	if (!link || __skbext_trusted(__skbext_read(link)))
		return !link;
	skbext_look();
	watch = __skbext_fetch_add(&SKBEXT_STATE->watch, 0);	/* not from before the look */
	if (!((watch ^ __skbext_read(link)) >> 32) && !(watch & SKBEXT_WATCH_DEAD))
		return 0;
	skbext_count(SKBEXT_STAT_DISTRUSTED);
	return 1;
}

#endif /* SKBEXT_STORE_TRUST_H */
