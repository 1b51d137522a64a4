/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words, keys of addresses, and where buckets, words and objects are. */
#ifndef SKBEXT_STORE_BUCKET_H
#define SKBEXT_STORE_BUCKET_H

/* Where things are: constants to programs; tests leave a gap between objects. */
#ifndef SKBEXT_MASK
#define SKBEXT_FRONTS		SKBEXT_SLOTS
#define SKBEXT_STATE_BESIDE	SKBEXT_STATE
#ifndef SKBEXT_SPACING
#define SKBEXT_SPACING		SKBEXT_ROOM
#endif
#define SKBEXT_LAST_HOME	(SKBEXT_HOMES_OF(SKBEXT_BUCKETS) - 1)
#define SKBEXT_MASK		SKBEXT_MASK_OF(SKBEXT_SPACING, SKBEXT_BUCKETS)
#define SKBEXT_FRONT_SIZE	SKBEXT_FRONT((__u64)SKBEXT_SPACING)
#define SKBEXT_LINES		(SKBEXT_FRONT_SIZE / SKBEXT_LINE)
#define SKBEXT_AT_REST		SKBEXT_REST_AT((__u64)SKBEXT_SPACING, SKBEXT_BUCKETS)
#define SKBEXT_REST_SIZE	SKBEXT_REST((__u64)SKBEXT_SPACING)
#define SKBEXT_AT_OBJECTS	SKBEXT_OBJECTS_AT((__u64)SKBEXT_SPACING, SKBEXT_BUCKETS)
#define SKBEXT_OBJECT_SIZE	SKBEXT_OBJECT((__u64)SKBEXT_SPACING)
#ifndef SKBEXT_LIMITS
#define SKBEXT_LIMITS		0U	/* or SKBEXT_LIMITED */
#endif
#define SKBEXT_ENTERING		(SKBEXT_MASK | SKBEXT_LIMITS)
#define SKBEXT_LEAVING		(SKBEXT_LAST_HOME | SKBEXT_LIMITS)
#endif

#define SKBEXT_W_ORPHAN		(1ULL << 8)	/* no skb; the object has holders elsewhere */
#define SKBEXT_W_SHARED		(1ULL << 9)	/* own object, which may have more holders */
#define SKBEXT_W_REMOTE		(1ULL << 10)	/* the object is that of another slot */
/*
 * User space has marked this slot, and frees it. Beside a key the mark is DOOMED. Whoever ends the
 * record shifts it to LEFT, as SHARED to ORPHAN, and the slot is not free as long as it is there.
 */
#define SKBEXT_W_DOOMED		(1ULL << 8)
#define SKBEXT_W_LEFT		(1ULL << 7)
#define __skbext_left(word)	((word) >> 1 & (SKBEXT_W_ORPHAN | SKBEXT_W_LEFT))
#define SKBEXT_W_META_BITS	11
#define SKBEXT_W_ACTIVE		0xffULL
#define SKBEXT_W_KEY		(~0ULL << SKBEXT_W_META_BITS)	/* the hash */

#define SKBEXT_H_AWAY		(1ULL << 24)
#define SKBEXT_H_COUNTS		((1ULL << 48) - 1)
#define SKBEXT_H_FAR_SHIFT	48

/* BPF has atomics of 64 bits for every -mcpu, of 32 only from v3 on: one word for both. */
#define SKBEXT_L_LOW		0xffffffffULL	/* home slot or holders */

/*
 * The key is the low 56 bits of the address minus a constant (SKBEXT_STATE->base). Kernel
 * addresses differ in no other bits, also with five-level page tables, and sk_buffs are 8-byte
 * aligned: 53 bits tell all of them apart.
 */
#define SKBEXT_KEY_SHIFT	8

/* For steps that have nothing to do with where neighbours are: 2^64 over the golden ratio. */
#define SKBEXT_MIX		0x9e3779b97f4a7c15ULL

/* Of an address minus the base. */
__skbext_inline __u64 skbext_hash(__u64 diff)
{
	return diff << SKBEXT_KEY_SHIFT;
}

/* The kernel address whose hash is in a slot word. */
__skbext_inline __u64 skbext_address(__u64 word, __u64 base)
{
	return (base + ((word & SKBEXT_W_KEY) >> SKBEXT_KEY_SHIFT)) | 0xffULL << 56;
}

__skbext_inline int __skbext_match(__u64 word, __u64 h)
{
	return (word ^ h) >> SKBEXT_W_META_BITS == 0;
}

/* The number of the bucket where a record is at home. */
__skbext_inline __u32 __skbext_home(__u64 h)
{
	return h >> (SKBEXT_KEY_SHIFT + SKBEXT_SKB_SHIFT) & SKBEXT_LAST_HOME;
}

/*
 * The front of that bucket: a shift and a mask away. mask: SKBEXT_MASK. The verifier knows
 * it, and where fronts are one line nothing is left of the multiplication. 6: bits of SKBEXT_LINE.
 */
__skbext_inline struct skbext_bucket *__skbext_front(__u64 h, __u64 mask)
{
	char *fronts = SKBEXT_FRONTS;
	__u64 at = h >> (SKBEXT_KEY_SHIFT + SKBEXT_SKB_SHIFT - 6) & mask;

	if (mask >= SKBEXT_WIDE)
		at = __skbext_times(at & (SKBEXT_WIDE - 1), SKBEXT_LINES);
	return __skbext_behind(fronts, at);
}

__skbext_inline struct skbext_bucket *__skbext_home_front(__u64 h)
{
	return __skbext_front(h, SKBEXT_MASK);
}

/* n: below SKBEXT_BUCKETS, which the verifier must know. */
__skbext_inline struct skbext_bucket *skbext_bucket_at(__u64 n)
{
	return __skbext_nth(SKBEXT_SLOTS, n, SKBEXT_FRONT_SIZE);
}

/* V3: the same number in a register of its own, for a check that holds. */
__skbext_inline __u64 __skbext_known(__u32 n)
{
	__u64 at = n;

	barrier_var(at);
	return at;
}

/* NULL: there is none of this number. */
__skbext_inline struct skbext_bucket *skbext_bucket(__u32 n)
{
	__u64 at = __skbext_known(n);

	return at < SKBEXT_BUCKETS ? skbext_bucket_at(at) : (struct skbext_bucket *)0;
}

/*
 * The next bucket of this key's probe sequence, by all bits of the key. The steps grow because slab
 * addresses are periodic: equal steps may meet full buckets only. Where there are few buckets the
 * steps are equal, and their number n is prime, so that the sequence meets all of them.
 */
__skbext_inline __u32 skbext_next_of(__u32 n, __u32 bucket, __u64 h, __u32 probe)
{
	__u32 step;

	if (n < 2)
		return 0;
	step = 1 + (__u32)((h * SKBEXT_MIX >> 32) * (n - 1) >> 32) +
	       n / SKBEXT_PROBES * probe * (n > SKBEXT_PROBES);
	bucket += step < n ? step : step - n;
	return bucket < n ? bucket : bucket - n;
}

/* V5 */
SKBEXT_FN __u32 skbext_store_next(__u32 bucket, __u64 h, __u32 probe)
{
	return skbext_next_of(SKBEXT_BUCKETS, bucket, h, probe);
}

/*
 * Of the other slots than the first: the word of slot 1 is [1]. n: as for skbext_bucket_at().
 */
__skbext_inline __u64 *__skbext_words(__u64 n)
{
	return __skbext_nth(SKBEXT_SLOTS + SKBEXT_AT_REST, n, SKBEXT_REST_SIZE);
}

__skbext_inline __u64 *__skbext_word_in(__u64 n, __u64 i)
{
	return i ? __skbext_words(n) + i : &skbext_bucket_at(n)->first;
}

__skbext_inline struct skbext_object *__skbext_object_in(__u64 n, __u64 i)
{
	if (!i)
		return &skbext_bucket_at(n)->object;
	return (struct skbext_object *)((char *)__skbext_nth(SKBEXT_SLOTS + SKBEXT_AT_OBJECTS, n,
							     SKBEXT_REST_SIZE) +
					__skbext_times(i, SKBEXT_OBJECT_SIZE));
}

/* How many records of b's first slot ended at the UDP receive queue, by who had it then; b is n. */
__skbext_inline __u64 *__skbext_udp_dropped(struct skbext_bucket *b, __u64 n)
{
	if (SKBEXT_MASK >= SKBEXT_WIDE)
		return (__u64 *)((char *)b + SKBEXT_FRONT_SIZE - sizeof(__u64));
	return __skbext_words(n);
}

/* Does this slot exist, and where? (V3) */
#define __skbext_is_slot(slot, n, i)								\
	({ (n) = __skbext_known((slot) / SKBEXT_BUCKET_SLOTS);					\
	   (i) = (slot) % SKBEXT_BUCKET_SLOTS;							\
	   (n) < SKBEXT_BUCKETS; })

__skbext_inline __u64 *__skbext_word(__u32 slot)
{
	__u64 n, i;

	return __skbext_is_slot(slot, n, i) ? __skbext_word_in(n, i) : (__u64 *)0;
}

/* NULL: no bucket has this slot. */
__skbext_inline struct skbext_object *skbext_object(__u32 slot)
{
	__u64 n, i;

	return __skbext_is_slot(slot, n, i) ? __skbext_object_in(n, i) : (struct skbext_object *)0;
}

/*
 * The bucket that an object would be in the first slot of: a payload is as far from there wherever
 * its object was found.
 */
__skbext_inline struct skbext_bucket *__skbext_around(struct skbext_object *obj)
{
	const __u64 at = __builtin_offsetof(struct skbext_bucket, object);

	return obj ? (struct skbext_bucket *)((char *)obj - at) : (struct skbext_bucket *)0;
}

/*
 * Both: the word, and *link; of no bucket, NULL. From one look at where the bucket is:
 * __skbext_word_in() and __skbext_object_in() would take two, and programs have a limit.
 */
__skbext_inline __u64 *__skbext_word_link(__u32 slot, __u64 **link)
{
	struct skbext_bucket *b;
	__u64 n, i, *words;

	if (!__skbext_is_slot(slot, n, i))
		return (__u64 *)0;
	if (!i) {
		b = skbext_bucket_at(n);
		*link = &b->object.link;
		return &b->first;
	}
	words = __skbext_words(n);
	*link = (__u64 *)((char *)words + SKBEXT_WORDS - SKBEXT_OBJECT_SIZE +
			  __skbext_times(i, SKBEXT_OBJECT_SIZE));
	return words + i;
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
