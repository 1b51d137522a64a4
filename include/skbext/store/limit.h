/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Types that have a max of records, so that whoever holds packets with them cannot fill the table.
 *
 * A record counts for such a type from before the type is in its word until after it is out of it:
 * there are never more than the max, and when nothing is under way the count is exact. An object
 * does not count, but each record that shares it: a clone takes a place in the table, too.
 *
 * Words with such a type are SKBEXT_W_SHARED from the first on, as with counted references, or
 * REMOTE. So no operation ends one inline, and packets pay nothing for the types of others.
 */
#ifndef SKBEXT_STORE_LIMIT_H
#define SKBEXT_STORE_LIMIT_H

/* Where a constant is read for this alone. */
__skbext_inline int __skbext_limits(void)
{
	return SKBEXT_LEAVING >= SKBEXT_LIMITED;
}

/* The number of the type that has this one bit. */
__skbext_inline __u32 __skbext_type_of(__u32 active)
{
	return !!(active & 0xf0) << 2 | !!(active & 0xcc) << 1 | !!(active & 0xaa);
}

/* The read keeps those who find no place from taking one for a moment, which others would miss. */
__skbext_inline int __skbext_take_place(__u64 *left)
{
	if ((__s64)__skbext_read(left) <= 0)
		return 0;
	if ((__s64)__skbext_fetch_add(left, -1ULL) > 0)
		return 1;
	__sync_fetch_and_add(left, 1);
	return 0;
}

/* Of these types, those that one more record may have; it is counted. */
SKBEXT_FN int skbext_store_enter(__u64 types)
{
	__u64 limited = types & SKBEXT_STATE->limited;

#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
	for (__u32 i = 0; limited && i < SKBEXT_MAX_TYPES; i++)
		if (limited & 1ULL << i && !__skbext_take_place(&SKBEXT_STATE->left[i]))
			types &= ~(1ULL << i);
	return types & SKBEXT_W_ACTIVE;
}

/* A record had these types. */
SKBEXT_FN int skbext_store_leave(__u64 types)
{
	__u64 limited = types & SKBEXT_STATE->limited;

#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
	for (__u32 i = 0; limited && i < SKBEXT_MAX_TYPES; i++)
		if (limited & 1ULL << i)
			__sync_fetch_and_add(&SKBEXT_STATE->left[i], 1);
	return 0;
}

/* The bits that a word needs beside these types. */
__skbext_inline __u64 __skbext_mark(__u64 word, __u64 types)
{
	return types & SKBEXT_STATE->limited && !(word & SKBEXT_W_REMOTE) ? SKBEXT_W_SHARED : 0;
}

/* The record in this slot lacks the type, and cannot get it. Asked before a copy is made for it. */
SKBEXT_FN int skbext_store_is_maxed(__u32 slot, __u64 active)
{
	__u64 *p = __skbext_word(slot);

	return p && active & SKBEXT_STATE->limited & ~__skbext_read(p) &&
	       (__s64)__skbext_read(&SKBEXT_STATE->left[__skbext_type_of(active)]) <= 0;
}

#endif /* SKBEXT_STORE_LIMIT_H */
