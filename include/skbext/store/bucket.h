/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words, hashes of addresses, and where buckets, words and objects are. */
#ifndef SKBEXT_STORE_BUCKET_H
#define SKBEXT_STORE_BUCKET_H

/* Where things are in a bucket: constants to programs; tests leave a gap between objects. */
#ifndef SKBEXT_AT_WORDS
#ifndef SKBEXT_SPACING
#define SKBEXT_SPACING		SKBEXT_ROOM
#endif
#define SKBEXT_AT_WORDS		SKBEXT_REST((__u64)SKBEXT_SPACING)
#define SKBEXT_AT_OBJECTS	SKBEXT_OBJECT_AT((__u64)SKBEXT_SPACING, 0)
#define SKBEXT_OBJECT_SIZE	SKBEXT_OBJECT((__u64)SKBEXT_SPACING)
#define SKBEXT_BUCKET_SIZE	SKBEXT_STRIDE((__u64)SKBEXT_SPACING)
#endif

#define SKBEXT_W_ORPHAN		(1ULL << 8)	/* no skb; the object has holders elsewhere */
#define SKBEXT_W_SHARED		(1ULL << 9)	/* own object, which may have more holders */
#define SKBEXT_W_REMOTE		(1ULL << 10)	/* the object is that of another slot */
#define SKBEXT_W_DOOMED		SKBEXT_W_ORPHAN	/* beside a key: purge saw it distrusted */
#define SKBEXT_W_META_BITS	11
#define SKBEXT_W_ACTIVE		0xffULL
#define SKBEXT_W_KEY		(~0ULL << SKBEXT_W_META_BITS)	/* the hash */

#define SKBEXT_H_AWAY		(1ULL << 24)
#define SKBEXT_H_COUNTS		((1ULL << 48) - 1)
#define SKBEXT_H_FAR_SHIFT	48

/* BPF has atomics of 64 bits for every -mcpu, of 32 only from v3 on: one word for both. */
#define SKBEXT_L_LOW		0xffffffffULL	/* home slot or holders */

/*
 * The key is the low 56 bits of the address minus a constant (SKBEXT_CTL->base). Kernel
 * addresses differ in no other bits, also with five-level page tables, and sk_buffs are 8-byte
 * aligned: 53 bits tell all of them apart, and the odd factor keeps them apart.
 */
#define SKBEXT_KEY_SHIFT	8
/*
 * sk_buffs lie 256 bytes apart: 2^64 over the golden ratio in all its bits,
 * and in the 48 that 256 leaves.
 */
#define SKBEXT_HASH_MUL		0x9e379e3779b97f4bULL
#define SKBEXT_HASH_INV		0x2672393dee219263ULL	/* its inverse modulo 2^64 */

/* Of an address minus the base. */
__skbext_inline __u64 skbext_hash(__u64 diff)
{
	return diff * (SKBEXT_HASH_MUL << SKBEXT_KEY_SHIFT);
}

/* The kernel address whose hash is in a slot word. */
__skbext_inline __u64 skbext_address(__u64 word, __u64 base)
{
	__u64 h = word & SKBEXT_W_KEY;

	return (base + (h * SKBEXT_HASH_INV >> SKBEXT_KEY_SHIFT)) | 0xffULL << 56;
}

__skbext_inline int __skbext_match(__u64 word, __u64 h)
{
	return (word ^ h) >> SKBEXT_W_META_BITS == 0;
}

__skbext_inline __u64 __skbext_home(__u64 h)
{
	return __skbext_times(h >> 32, SKBEXT_BUCKETS) >> 32;
}

/* n: below SKBEXT_BUCKETS, which the verifier must know. */
__skbext_inline struct skbext_bucket *skbext_bucket_at(__u64 n)
{
	return __skbext_nth(SKBEXT_SLOTS, n, SKBEXT_BUCKET_SIZE);
}

/* NULL: there is none of this number. */
__skbext_inline struct skbext_bucket *skbext_bucket(__u32 n)
{
	__u64 at = n;

	__skbext_opaque(at);
	return at < SKBEXT_BUCKETS ? skbext_bucket_at(at) : (struct skbext_bucket *)0;
}

/*
 * From one bucket, which is so many probes from home, to the next where a record may be; other bits
 * of the hash than __skbext_home(). The steps grow: how full buckets are is periodic, as the
 * addresses of slabs are, and equal steps may meet none but full ones. Few buckets are all tried,
 * which takes equal steps and a prime number of them.
 *
 * A call: all that the verifier knows of the result is that it is a number, or it would follow each
 * way to it.
 */
SKBEXT_FN __u32 skbext_store_next(__u32 bucket, __u64 h, __u32 probe)
{
	__u32 n = SKBEXT_BUCKETS, step;

	if (n < 2)
		return 0;
	step = 1 + (__u32)((h >> 20 & 0xffffffff) * (n - 1) >> 32) +
	       n / SKBEXT_PROBES * probe * (n > SKBEXT_PROBES);
	bucket += step < n ? step : step - n;
	return bucket < n ? bucket : bucket - n;
}

/* Of the other slots than the first: the word of slot 1 is [1]. */
__skbext_inline __u64 *__skbext_words(struct skbext_bucket *b)
{
	return (__u64 *)((char *)b + SKBEXT_AT_WORDS);
}

__skbext_inline __u64 *__skbext_word_in(struct skbext_bucket *b, __u64 i)
{
	return i ? __skbext_words(b) + i : &b->first;
}

/* How many records of the first slot ended at the UDP receive queue, by who had it then. */
__skbext_inline __u64 *__skbext_udp_dropped(struct skbext_bucket *b)
{
	return __skbext_words(b);
}

__skbext_inline __u64 *__skbext_word(__u32 slot)
{
	struct skbext_bucket *b = skbext_bucket(slot / SKBEXT_BUCKET_SLOTS);

	if (!b)
		return (__u64 *)0;
	/* Or the compiler adds to it before the check, which the verifier forbids. */
	__skbext_opaque(b);
	return __skbext_word_in(b, slot % SKBEXT_BUCKET_SLOTS);
}

__skbext_inline struct skbext_object *__skbext_object_in(struct skbext_bucket *b, __u64 i)
{
	if (!i)
		return &b->object;
	return (struct skbext_object *)((char *)b + (SKBEXT_AT_OBJECTS +
						     __skbext_times(i, SKBEXT_OBJECT_SIZE)));
}

/* NULL: no bucket has this slot. */
__skbext_inline struct skbext_object *skbext_object(__u32 slot)
{
	struct skbext_bucket *b = skbext_bucket(slot / SKBEXT_BUCKET_SLOTS);

	if (!b)
		return (struct skbext_object *)0;
	__skbext_opaque(b);
	return __skbext_object_in(b, slot % SKBEXT_BUCKET_SLOTS);
}

/* Both: the word, and *link; of no bucket, NULL. */
__skbext_inline __u64 *__skbext_word_link(__u32 slot, __u64 **link)
{
	struct skbext_bucket *b = skbext_bucket(slot / SKBEXT_BUCKET_SLOTS);
	__u64 i = slot % SKBEXT_BUCKET_SLOTS;

	if (!b)
		return (__u64 *)0;
	__skbext_opaque(b);
	*link = &__skbext_object_in(b, i)->link;
	return __skbext_word_in(b, i);
}

__skbext_inline __u64 *__skbext_link(__u32 slot)
{
	struct skbext_object *obj = skbext_object(slot);

	return obj ? &obj->link : (__u64 *)0;
}

/* Where the payloads of this record are: a slot number for skbext_object(). */
__skbext_inline __u32 __skbext_object_of(__u32 slot, __u64 word)
{
	__u64 *link;

	if (!(word & SKBEXT_W_REMOTE))
		return slot;
	link = __skbext_link(slot);
	return link ? __skbext_read(link) & SKBEXT_L_LOW : slot;
}

#endif /* SKBEXT_STORE_BUCKET_H */
