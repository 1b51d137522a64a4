/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The store: a hash of records, keyed by the address of an skb. Plain C with atomics and no
 * pointers in its interface; the same source is compiled for BPF, for the library that reads
 * records through mmap, and for the tests. No other file knows how a record is laid out.
 *
 * A record is one 64-bit slot word:
 *
 *	63                        11 10    8 7                 0
 *	| hash of the skb's address | state | active_extensions |
 *
 * The hash is a bijection of the address, so a matching hash *is* the address: there are no false
 * matches to check for. Every transition of a record is one atomic change of its word.
 *
 * Each slot owns the object of its number, the room for the payloads of all types, behind a link
 * word:
 *
 *	63                           32 31                                                      0
 *	| generation it was made in    | REMOTE: slot whose object is used; else holders beyond 1 |
 *
 * A record is trusted while no release was missed since it was made: its generation is that of
 * SKBEXT_CTL->watch. Only watch.bpf.h moves that.
 *
 * While a record is not shared its object is the one of its slot, and nothing but the word is
 * touched to end it. A share claims a slot for the new skb and points it (REMOTE) at the object's
 * home slot; the copy's own object stays free for it, so that unsharing a copy needs no allocation.
 * When the home slot's record ends first, its word becomes ORPHAN: no skb, but the object is still
 * held. Whoever drops the last reference sets that word to 0.
 *
 *	0 --claim--> hash --publish--> hash|active <--share--> hash|SHARED|active
 *	hash|active --release--> 0        hash|SHARED|active --release--> ORPHAN --last holder--> 0
 *	0 --claim--> hash --publish--> hash|REMOTE|active --unshare--> hash|active
 *
 * A record lives in its home bucket, or if that is full in one of the buckets that follow in its
 * own order (skbext_store_next()). The head of a bucket counts the records that are at home there,
 * wherever they live, but for one in its first slot:
 *
 *	63    56 55                 48 47                        24 23                 0
 *	|   0   | farthest, in probes | of these, in other buckets | records at home here |
 *
 * Most packets carry nothing: the head of their home bucket and its first slot are 0. Most others
 * have that slot, unshared: this is done inline, and with one atomic operation, the claim. All else
 * is a call.
 *
 * What it relies on, as the kernel's skb_ext does: an skb has one owner at a time, so add, del,
 * unshare and release of one skb never run at once; only a share may run beside another share
 * of the same skb (both hold a reference to it). Everything that different skbs can do to
 * the same bucket or object at once is atomic.
 *
 * So a record that is not shared is its owner's alone, and so are the first slot's counters while
 * he has that slot.
 *
 * User space that adds or deletes by address is no owner. Before, it sets SKBEXT_CTL->by_address,
 * and waits until all have seen that: from then on words are changed only from exactly what was
 * read, and release ends every record of an address, not the first one found.
 *
 * Before this file, its user defines
 *	SKBEXT_FN		linkage of the operations
 *	SKBEXT_CTL		struct skbext_ctl *
 *	SKBEXT_BUCKETS		number of buckets		(constants for the
 *	SKBEXT_ROOM		bytes of a payload		 verifier, if it is BPF)
 *	SKBEXT_SLOTS		char *, where the buckets are
 *	skbext_count(stat)	adds 1 to an enum skbext_stat, below 16
 *	skbext_look()		brings SKBEXT_CTL->watch up to date
 *	skbext_counter(n)	__u64 *, a counter of references, NULL beyond the last
 */
#ifndef SKBEXT_STORE_H
#define SKBEXT_STORE_H

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
 * The key is the low 56 bits of the address minus a constant (SKBEXT_CTL's address). Kernel
 * addresses differ in no other bits, also with five-level page tables, and sk_buffs are 8-byte
 * aligned: 53 bits tell all of them apart, and the odd factor keeps them apart.
 */
#define SKBEXT_KEY_SHIFT	8
#define SKBEXT_TRIES		16	/* a compare-and-swap that loses this often is given up */
#define SKBEXT_INLINE_ZERO	64	/* bytes of a payload that are zeroed without a loop */
/*
 * sk_buffs lie 256 bytes apart: 2^64 over the golden ratio in all its bits,
 * and in the 48 that 256 leaves.
 */
#define SKBEXT_HASH_MUL		0x9e379e3779b97f4bULL
#define SKBEXT_HASH_INV		0x2672393dee219263ULL	/* its inverse modulo 2^64 */

#ifdef __bpf__
#define __skbext_read(p)	(*(volatile __typeof__(*(p)) *)(p))
/*
 * A store after everything before it:
 * plain on x86, else there is no BPF instruction but the full barrier.
 */
#ifdef __TARGET_ARCH_x86
#define __skbext_write(p, x)							\
	({ asm volatile("" ::: "memory"); *(volatile __typeof__(*(p)) *)(p) = (x); })
#else
#define __skbext_write(p, x)	((void)__sync_lock_test_and_set((p), (x)))
#endif
/*
 * Compare-and-swap; 1: it did. The compiler's own way to say so is a number that it makes of one
 * comparison to take it to another, so it does not see what is compared.
 */
#define __skbext_swap(p, is, becomes)								\
	({ __u64 __is = (is), __was = __sync_val_compare_and_swap((p), __is, (becomes));	\
	   asm volatile("" : "+r"(__was)); __was == __is; })
/* A counter that nobody else has at this moment. */
#define __skbext_bump(p)	((void)++*(p))
/*
 * In this order: up to 6.8 the verifier forgets what it knew when the factor is not a constant
 * (adjust_scalar_min_max_vals()).
 */
#define __skbext_times(x, constant)								\
	({ __u64 __x = (x), __by = (constant);							\
	   asm volatile("%0 *= %1" : "+r"(__x) : "r"(__by)); __x; })
/* The same, and the pointer first: the n-th of things of this size. */
#define __skbext_nth(base, n, size)								\
	({ void *__p = (base);									\
	   __u64 __n = (n);									\
	   asm volatile("%1 *= %2; %0 += %1" : "+r"(__p), "+r"(__n) : "r"((__u64)(size))); __p; })
/* The compiler must use the value that was checked, not one computed again from the parts. */
#define __skbext_opaque(x)	asm volatile("" : "+r"(x))
#define __skbext_inline		static inline __attribute__((always_inline, unused))
#else
#define __skbext_read(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define __skbext_write(p, x)	__atomic_store_n((p), (x), __ATOMIC_RELEASE)
#define __skbext_swap(p, is, becomes)	__sync_bool_compare_and_swap((p), (is), (becomes))
#define __skbext_bump(p)	__skbext_write((p), __skbext_read(p) + 1)
#define __skbext_opaque(x)	((void)(x))
#define __skbext_times(x, by)	((x) * (by))
#define __skbext_nth(base, n, size)	((void *)((base) + (n) * (size)))
#define __skbext_inline		static inline __attribute__((unused))
#endif

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

/* The upper half of the link of a record that is made now. */
__skbext_inline __u64 __skbext_stamp(void)
{
	return __skbext_read(&SKBEXT_CTL->watch) & ~SKBEXT_L_LOW;
}

/*
 * No release was missed since the record with this link was made,
 * and none can be missed at this moment.
 */
__skbext_inline int __skbext_trusted(__u64 link)
{
	return (link & ~SKBEXT_L_LOW) == __skbext_read(&SKBEXT_CTL->watch);
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
	watch = __skbext_read(&SKBEXT_CTL->watch);
	if (!((watch ^ __skbext_read(link)) >> 32) && !(watch & SKBEXT_WATCH_DEAD))
		return 0;
	skbext_count(SKBEXT_STAT_DISTRUSTED);
	return 1;
}

/*
 * The home of a record that may be there, and the word that is in its first slot;
 * NULL: there is none.
 */
__skbext_inline struct skbext_bucket *skbext_store_home(__u64 h, __u64 *first)
{
	struct skbext_bucket *b = skbext_bucket_at(__skbext_home(h));

	*first = __skbext_read(&b->first);
	return *first || __skbext_read(&b->head) ? b : (struct skbext_bucket *)0;
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

/* Which other slot of this bucket than the first has this hash; SKBEXT_BUCKET_SLOTS: none. */
__skbext_inline __u64 __skbext_beside(struct skbext_bucket *b, __u64 h)
{
	__u64 *words = __skbext_words(b), i;

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

	for (__u32 probe = 0; probe < SKBEXT_PROBES && probe < farthest; probe++) {
		struct skbext_bucket *b = skbext_bucket(n = skbext_store_next(n, h, probe));
		__u64 i;

		if (!b)
			return -1;
		i = __skbext_match(__skbext_read(&b->first), h) ? 0 : __skbext_beside(b, h);
		if (i < SKBEXT_BUCKET_SLOTS)
			return n * SKBEXT_BUCKET_SLOTS + i;
	}
	return -1;
}

/* Of a record that is not in the first slot of its home. */
SKBEXT_FN int skbext_store_slot_any(__u64 h)
{
	__u64 n = __skbext_home(h);
	struct skbext_bucket *b = skbext_bucket_at(n);
	__u64 farthest = __skbext_read(&b->head) >> SKBEXT_H_FAR_SHIFT;
	__u64 i = __skbext_beside(b, h);

	if (i < SKBEXT_BUCKET_SLOTS)
		return n * SKBEXT_BUCKET_SLOTS + i;
	return farthest ? skbext_store_slot_away(h, farthest) : -1;
}

/* The slot of the record with this hash, or -1. */
__skbext_inline int skbext_store_slot(__u64 h)
{
	__u64 n = __skbext_home(h);
	struct skbext_bucket *b = skbext_bucket_at(n);

	if (__skbext_match(__skbext_read(&b->first), h))
		return n * SKBEXT_BUCKET_SLOTS;
	return __skbext_read(&b->head) ? skbext_store_slot_any(h) : -1;
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

/* What claim counted in, when the key has left the slot. */
SKBEXT_FN int skbext_store_uncount(__u64 h, __u32 slot)
{
	__u64 home = __skbext_home(h);
	struct skbext_bucket *b = skbext_bucket_at(home);

	if (slot / SKBEXT_BUCKET_SLOTS == home) {
		if (slot % SKBEXT_BUCKET_SLOTS)
			__sync_fetch_and_sub(&b->head, 1);
		return 0;
	}
	__sync_fetch_and_sub(&b->head, SKBEXT_H_AWAY + 1);
	__skbext_forget_way(&b->head);
	return 0;
}

__skbext_inline void __skbext_uncount(__u64 h, __u32 slot)
{
	if (slot != __skbext_home(h) * SKBEXT_BUCKET_SLOTS)
		skbext_store_uncount(h, slot);
}

/* A free slot of bucket n, now holding h; -1: there is none. */
SKBEXT_FN int skbext_store_claim_in(__u32 n, __u64 h)
{
	struct skbext_bucket *b = skbext_bucket(n);

	for (__u64 i = 0; b && i < SKBEXT_BUCKET_SLOTS; i++) {
		__u64 *p = __skbext_word_in(b, i);

		if (!__skbext_read(p) && __skbext_swap(p, 0, h))
			return n * SKBEXT_BUCKET_SLOTS + i;
	}
	return -1;
}

/*
 * A record of this home now has the slot, so many probes away.
 * 0: done; -1: others changed the head all the while.
 */
__skbext_inline int __skbext_count_in(__u32 home, __u32 slot, __u32 probe)
{
	struct skbext_bucket *b = skbext_bucket(home);

	if (slot / SKBEXT_BUCKET_SLOTS != home)
		return skbext_store_count_away(home, probe);
	if (b && slot % SKBEXT_BUCKET_SLOTS)
		__sync_fetch_and_add(&b->head, 1);
	return 0;
}

SKBEXT_FN int skbext_store_claim_any(__u64 h)
{
	__u32 home = __skbext_home(h), n = home;

	for (__u32 probe = 0; probe < SKBEXT_PROBES; probe++) {
		int slot = skbext_store_claim_in(n, h);
		__u64 *p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);

		if (p && !__skbext_count_in(home, slot, probe))
			return slot;
		if (p) {
			__skbext_write(p, 0);
			return -1;
		}
		n = skbext_store_next(n, h, probe);
	}
	return -1;
}

/* A free slot, now holding h with nothing active; -1: no room. */
__skbext_inline int skbext_store_claim(__u64 h)
{
	__u64 n = __skbext_home(h);
	struct skbext_bucket *b = skbext_bucket_at(n);

	if (__skbext_read(&b->first) || !__skbext_swap(&b->first, 0, h))
		return skbext_store_claim_any(h);
	return n * SKBEXT_BUCKET_SLOTS;
}

SKBEXT_FN int skbext_store_zero(__u32 slot, __u32 offset, __u32 size)
{
	struct skbext_object *obj = skbext_object(slot);

	if (!obj)
		return 0;
	for (__u32 i = 0; i < SKBEXT_MAX_PAYLOAD && i < size; i += 8) {
		__u64 at = (__u64)offset + i;

		__skbext_opaque(at);
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
 * A record whose object has references is SHARED from the first of them on, also when it is not:
 * so only who drops an object's last holder has to look for them. In an object that is free there
 * are none, nor in one whose record is not SHARED.
 */
__skbext_inline __u64 *__skbext_counter(__u32 type, __u32 id)
{
	return id < SKBEXT_CTL->refs ? skbext_counter(type * SKBEXT_CTL->refs + id) : (__u64 *)0;
}

/* Of a payload's refs: nr, or with n > 0 the id before place n; NULL: not in an object. */
__skbext_inline __u32 *__skbext_refs(struct skbext_object *obj, __u32 type, __u32 n)
{
	__u64 at = (__u64)SKBEXT_CTL->types[type % SKBEXT_MAX_TYPES].offset + n * 4;

	__skbext_opaque(at);
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
		if (types & SKBEXT_CTL->counted & 1ULL << i)
			skbext_store_refs_of(object, i, by);
	return 0;
}

/* Of an object that ends, a copy that is not used after all, types that nobody has any more. */
__skbext_inline void __skbext_give_back(__u32 object, __u64 types)
{
	if (SKBEXT_CTL->counted)
		skbext_store_refs(object, types, -1);
}

/* The owner's object is copied; what others still have active is no part of it. */
SKBEXT_FN int skbext_store_cow(__u32 to, __u32 from, __u64 active)
{
	skbext_store_copy_object(to, from);
	if (SKBEXT_CTL->counted) {
		skbext_store_refs(to, active, 1);
		skbext_store_refs(to, ~active, 0);
	}
	return 0;
}

/* The last holder let go; only an orphan can get there. */
SKBEXT_FN int skbext_store_end_object(__u32 home)
{
	__u64 *link, *word = __skbext_word_link(home, &link);

	__skbext_give_back(home, SKBEXT_W_ACTIVE);
	if (!word)
		return 0;
	__skbext_write(link, 0);
	__skbext_write(word, 0);
	return 0;
}

/* The home slot is free again when its object's last holder lets go. */
__skbext_inline void __skbext_put(__u32 home)
{
	__u64 *link = __skbext_link(home);

	if (link && !(__sync_fetch_and_sub(link, 1) & SKBEXT_L_LOW))
		skbext_store_end_object(home);
}

/*
 * The types of the record of h with this word, as long as that is neither shared nor marked by
 * purge, and its owner is alone with it; else something above SKBEXT_W_ACTIVE.
 */
__skbext_inline __u64 __skbext_sole(__u64 word, __u64 h)
{
	return __skbext_read(&SKBEXT_CTL->by_address) ? ~0ULL : word ^ h;
}

/*
 * End the record in this slot if its word is still this one.
 * The key goes first, the object after it. 1: ended.
 */
SKBEXT_FN int skbext_store_drop(__u32 slot, __u64 word, int owner)
{
	__u64 *p = __skbext_word(slot);
	__u64 left = word & SKBEXT_W_SHARED ? SKBEXT_W_ORPHAN : 0;
	__u32 obj;

	if (!p)
		return 0;
	if (owner && __skbext_sole(word, word & SKBEXT_W_KEY) <= SKBEXT_W_ACTIVE) {
		__skbext_write(p, 0);
		__skbext_uncount(word, slot);
		return 1;
	}
	obj = __skbext_object_of(slot, word);
	if (!__skbext_swap(p, word, left))
		return 0;
	__skbext_uncount(word, slot);
	if (word & (SKBEXT_W_REMOTE | SKBEXT_W_SHARED))
		__skbext_put(obj);
	return 1;
}

/*
 * End every record of h, counted as stat.
 * Returns how many there were; more than one is user space's doing.
 */
SKBEXT_FN int skbext_store_release_any(__u64 h, __u32 stat)
{
	__u64 *p, word;
	int ended = 0;

	for (int i = 0; i < SKBEXT_TRIES; i++) {
		int slot = skbext_store_slot(h);

		if (slot < 0)
			break;
		p = __skbext_word(slot);
		word = p ? __skbext_read(p) : 0;
		if (!__skbext_match(word, h) || !skbext_store_drop(slot, word, 1))
			continue;
		skbext_count(stat);
		ended++;
		if (!__skbext_read(&SKBEXT_CTL->by_address))
			break;
	}
	return ended;
}

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
	if (!skbext_store_drop(slot, word, 0))
		return 0;
	skbext_count(SKBEXT_STAT_PURGED_STALE);
	return 1;
}

SKBEXT_FN int skbext_store_find_any(__u64 h, __u64 active)
{
	int slot = skbext_store_slot(h);
	__u64 *link, *p = slot < 0 ? (__u64 *)0 : __skbext_word_link(slot, &link);
	__u64 word, own;

	if (!p)
		return -1;
	word = __skbext_read(p);
	own = __skbext_read(link);
	if (!__skbext_match(word, h) || !(word & active & SKBEXT_W_ACTIVE) ||
	    (!__skbext_trusted(own) && skbext_store_distrusts(slot)))
		return -1;
	return word & SKBEXT_W_REMOTE ? (int)(own & SKBEXT_L_LOW) : slot;
}

/* active_extensions of an skb. */
SKBEXT_FN int skbext_store_active(__u64 h)
{
	int slot = skbext_store_slot(h);
	__u64 *p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	return p && __skbext_match(word, h) && !skbext_store_distrusts(slot) ?
	       (int)(word & SKBEXT_W_ACTIVE) : 0;
}

/*
 * The owner of a shared home slot writes: it leaves the slot to the others and takes another.
 * Unless user space ends the record at this moment: then it has ended.
 */
__skbext_inline int __skbext_move(__u32 slot, __u64 h, __u64 word, __u64 copy)
{
	__u64 *from = __skbext_word(slot), *link;
	int claimed = from ? skbext_store_claim_any(h) : -1;
	__u64 *to = claimed < 0 ? (__u64 *)0 : __skbext_word_link(claimed, &link);

	if (!from || !to)
		return -1;
	skbext_store_cow(claimed, slot, word);
	__skbext_write(link, __skbext_stamp());
	if (!__skbext_swap(from, word, SKBEXT_W_ORPHAN)) {
		__skbext_give_back(claimed, SKBEXT_W_ACTIVE);
		__skbext_write(to, 0);
		skbext_store_uncount(h, claimed);
		return -1;
	}
	__skbext_write(to, copy);
	skbext_store_uncount(h, slot);
	__skbext_put(slot);
	return claimed;
}

/*
 * A copy of the object in the slot's own room, which nobody else uses while the record is REMOTE.
 * In between the record is as one just claimed, which others leave alone.
 */
__skbext_inline int __skbext_localize(__u32 slot, __u32 obj, __u64 word, __u64 copy)
{
	__u64 h = word & SKBEXT_W_KEY;
	__u64 *link, *p = __skbext_word_link(slot, &link);

	if (!p)
		return -1;
	skbext_store_cow(slot, obj, word);
	if (!__skbext_swap(p, word, h)) {
		__skbext_give_back(slot, SKBEXT_W_ACTIVE);
		return -1;	/* user space took a type at this moment */
	}
	__skbext_write(link, __skbext_stamp());
	__skbext_write(p, copy);
	__skbext_put(obj);
	return 0;
}

/*
 * skb_ext_maybe_cow(): make the record in this slot the only holder of its object, copying all of
 * it if need be. Returns the object, or -1: no room, nothing changed. *slot may move. *is: its
 * word, unless user space took a type since.
 */
__skbext_inline int __skbext_unshare(__u32 *slot, __u64 h, __u64 *is)
{
	__u64 *p = __skbext_word(*slot);
	__u64 word, *link;
	__u32 obj;

	if (!p)
		return -1;
	*is = word = __skbext_read(p);
	if (!__skbext_match(word, h))
		return -1;
	if (!(word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE)))
		return *slot;

	obj = __skbext_object_of(*slot, word);
	link = __skbext_link(obj);
	if (!link)
		return -1;
	/* The others are gone: write in place, as the kernel does. */
	if (!(__skbext_read(link) & SKBEXT_L_LOW)) {
		__skbext_give_back(obj, ~word);
		return obj;
	}

	*is = h | (word & SKBEXT_W_ACTIVE) | (word & SKBEXT_CTL->counted ? SKBEXT_W_SHARED : 0);
	if (word & SKBEXT_W_REMOTE) {
		if (__skbext_localize(*slot, obj, word, *is))
			return -1;
	} else {
		int moved = __skbext_move(*slot, h, word, *is);

		if (moved < 0)
			return -1;
		*slot = moved;
	}
	skbext_count(SKBEXT_STAT_COW);
	return *slot;
}

/* skb_ext_add() for an skb that has no record. */
__skbext_inline int __skbext_add_first(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	int slot = __skbext_read(&SKBEXT_CTL->watch) & SKBEXT_WATCH_DEAD ?
		   -1 : skbext_store_claim(h);
	__u64 *link, *p = slot < 0 ? (__u64 *)0 : __skbext_word_link(slot, &link);

	if (!p) {
		skbext_count(SKBEXT_STAT_ADD_FAILED);
		return -1;
	}
	skbext_store_zero(slot, offset, size);
	__skbext_write(link, __skbext_stamp());
	skbext_count(SKBEXT_STAT_ADDS);	/* before: whoever ends it counts that */
	active = h | (active & SKBEXT_W_ACTIVE);
	if (!__skbext_read(&SKBEXT_CTL->by_address))
		__skbext_write(p, active);
	else if (!__skbext_swap(p, h, active))
		return -1;	/* user space added to an skb that ended meanwhile */
	return slot;
}

/*
 * skb_ext_add() for an skb that has one:
 * unshare, then zero the payload unless it is active already.
 */
__skbext_inline int __skbext_add_more(__u32 slot, __u64 h, __u64 active, __u32 offset, __u32 size)
{
	__u64 word = 0;
	int obj = __skbext_unshare(&slot, h, &word);
	__u64 *p = obj < 0 ? (__u64 *)0 : __skbext_word(slot);

	if (!p) {
		skbext_count(SKBEXT_STAT_ADD_FAILED);
		return -1;
	}
	if (!(word & active)) {
		skbext_store_zero(obj, offset, size);
		if (!__skbext_swap(p, word, word | (active & SKBEXT_W_ACTIVE)))
			return -1;
	}
	skbext_count(SKBEXT_STAT_ADDS_MORE);
	return obj;
}

SKBEXT_FN int skbext_store_add_any(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	int slot = skbext_store_slot(h);

	if (slot >= 0 && skbext_store_distrusts(slot)) {
		skbext_store_release_any(h, SKBEXT_STAT_PURGED_STALE);
		slot = -1;
	}
	return slot < 0 ? __skbext_add_first(h, active, offset, size) :
			  __skbext_add_more(slot, h, active, offset, size);
}

/*
 * The owner took types from this record and kept these;
 * an object that others hold keeps its references.
 */
__skbext_inline void __skbext_clear_refs(__u32 slot, __u64 word, __u64 active)
{
	__u32 obj = __skbext_object_of(slot, word);
	__u64 *link = __skbext_link(obj);

	if (link && !(__skbext_read(link) & SKBEXT_L_LOW))
		__skbext_give_back(obj, ~active);
}

/*
 * Take types from this skb alone. 1: the record ended with it, 0: it has others, -1: it had none of
 * them. Who does not own the skb may not end a record that is or was shared, because its owner may
 * be sharing it: that one stays, empty. Nor may he give back references, because the object may end
 * at any moment.
 */
__skbext_inline int __skbext_clear(__u32 slot, __u64 h, __u64 types, int owner)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	if (!p || !__skbext_match(word, h) || !(word & types & SKBEXT_W_ACTIVE))
		return -1;
	if (!(word & ~types & SKBEXT_W_ACTIVE) &&
	    (owner || !(word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE))))
		return skbext_store_drop(slot, word, owner) ? 1 : -1;
	if (!__skbext_swap(p, word,
					  word & ~((types & SKBEXT_W_ACTIVE) | SKBEXT_W_DOOMED)))
		return -1;
	if (owner && word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE))
		__skbext_clear_refs(slot, word, word & ~types);
	return 0;
}

__skbext_inline int __skbext_del_as(__u64 h, __u64 active, int owner)
{
	int slot = skbext_store_slot(h);
	int cleared = slot < 0 ? -1 : __skbext_clear(slot, h, active, owner);

	if (cleared < 0)
		return 0;
	skbext_count(cleared ? SKBEXT_STAT_DELS_EMPTIED : SKBEXT_STAT_DELS);
	return 1;
}

SKBEXT_FN int skbext_store_del_any(__u64 h, __u64 active)
{
	return __skbext_del_as(h, active, 1);
}

/* The same by who does not own the skb. */
SKBEXT_FN int skbext_store_del_other(__u64 h, __u64 active)
{
	return __skbext_del_as(h, active, 0);
}

SKBEXT_FN int skbext_store_keep_any(__u64 h, __u64 types, __u32 stat)
{
	int slot = skbext_store_slot(h);

	if (slot < 0 || __skbext_clear(slot, h, ~types, 1) <= 0)
		return 0;
	skbext_count(stat);
	return 1;
}

/* The new record of a share, holding one more reference to obj. */
__skbext_inline int __skbext_attach(__u64 h, __u32 obj, __u64 active)
{
	__u64 *link = __skbext_link(obj), *own;
	int slot = link ? skbext_store_claim(h) : -1;
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
			return -1;
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

/*
 * __skb_ext_copy(): to shares what from has, but for the noclone types; what to had goes first.
 * 1: shared, 0: there was nothing to share, -1: no room, to has nothing.
 */
SKBEXT_FN int skbext_store_share(__u64 to, __u64 from)
{
	int slot;
	__u64 *p, word;

	if (to == from)
		return 0;
	if (!skbext_store_absent(to))
		skbext_store_release_any(to, SKBEXT_STAT_REPLACED);
	slot = skbext_store_slot(from);
	p = slot < 0 || skbext_store_distrusts(slot) ? (__u64 *)0 : __skbext_word(slot);
	word = p ? __skbext_mark_shared(slot, p, from) : 0;
	if (!(word & SKBEXT_W_ACTIVE & ~SKBEXT_CTL->noclone))
		return 0;
	if (__skbext_attach(to, __skbext_object_of(slot, word), word & ~SKBEXT_CTL->noclone)) {
		skbext_count(SKBEXT_STAT_SHARE_FAILED);
		return -1;
	}
	skbext_count(SKBEXT_STAT_SHARES);
	return 1;
}

/*
 * The operations for programs. Each does the common case inline (no record at all, or one in the
 * first slot of its bucket that is not shared) and calls for the others.
 */

__skbext_inline void *__skbext_payload(struct skbext_object *obj, __u64 offset)
{
	if (!obj)
		return (void *)0;
	__skbext_opaque(offset);
	return obj->payload + offset;
}

/*
 * skb_ext_add(): the payload to write to, or NULL: no room, the skb is as it was. size is a
 * constant. Unlike the kernel's, a payload that was not active comes zeroed.
 */
__skbext_inline void *skbext_store_add(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	struct skbext_bucket *b = skbext_bucket_at(__skbext_home(h));
	__u64 *payload, watch = __skbext_read(&SKBEXT_CTL->watch);
	int object;

	if (size <= SKBEXT_INLINE_ZERO && !(watch & SKBEXT_L_LOW) &&
	    !(__skbext_read(&b->first) | __skbext_read(&b->head)) &&
	    __skbext_swap(&b->first, 0, h)) {
		payload = __skbext_payload(&b->object, offset);
		for (__u32 i = 0; i < (size + 7) / 8; i++)
			payload[i] = 0;
		b->object.link = watch;
		__skbext_bump(&b->adds);
		__skbext_write(&b->first, h | active);
		return payload;
	}
	object = skbext_store_add_any(h, active, offset, size);
	return object < 0 ? (void *)0 : __skbext_payload(skbext_object(object), offset);
}

/*
 * skb_ext_find(): the object in which the one type in active is, or NULL. Possibly shared. home and
 * first are those of h.
 */
__skbext_inline struct skbext_object *skbext_store_find_at(struct skbext_bucket *home, __u64 first,
							   __u64 h, __u64 active)
{
	const __u64 not_asked = SKBEXT_W_ACTIVE | SKBEXT_W_SHARED | SKBEXT_W_ORPHAN;
	int object;

	/* Nothing else is active: of a record that is not shared the link is the stamp alone. */
	if ((first ^ h) == active &&
	    __skbext_read(&home->object.link) == __skbext_read(&SKBEXT_CTL->watch))
		return &home->object;
	if (((first ^ h) & (active | ~not_asked)) == active &&
	    __skbext_trusted(__skbext_read(&home->object.link)))
		return &home->object;
	object = skbext_store_find_any(h, active);
	return object < 0 ? (struct skbext_object *)0 : skbext_object(object);
}

__skbext_inline struct skbext_object *skbext_store_find(__u64 h, __u64 active)
{
	__u64 first;
	struct skbext_bucket *home = skbext_store_home(h, &first);

	return home ? skbext_store_find_at(home, first, h, active) : (struct skbext_object *)0;
}

/* skb_ext_reset(): how many records ended, counted as stat; more than one is user space's doing. */
__skbext_inline int skbext_store_release(__u64 h, __u32 stat)
{
	__u64 first;
	struct skbext_bucket *home = skbext_store_home(h, &first);

	if (!home)
		return 0;
	if (__skbext_sole(first, h) > SKBEXT_W_ACTIVE)
		return skbext_store_release_any(h, stat);
	if (stat == SKBEXT_STAT_RELEASED)
		__skbext_bump(&home->releases);
	else
		skbext_count(stat);
	__skbext_write(&home->first, 0);
	return 1;
}

/* skb_ext_del(): this skb only, clones keep theirs. 1: deleted, 0: it was not active. */
__skbext_inline int skbext_store_del(__u64 h, __u64 active)
{
	__u64 first;
	struct skbext_bucket *home = skbext_store_home(h, &first);

	if (!home)
		return 0;
	if (__skbext_sole(first, h) != active)
		return skbext_store_del_any(h, active);
	__skbext_bump(&home->dels);
	__skbext_write(&home->first, 0);
	return 1;
}

/* A policy point: keep these types, drop the others. 1: the record ended, counted as stat. */
__skbext_inline int skbext_store_keep_at(struct skbext_bucket *home, __u64 h, __u64 types,
					 __u32 stat)
{
	__u64 active = __skbext_sole(__skbext_read(&home->first), h);

	if (active > SKBEXT_W_ACTIVE || active & types)
		return skbext_store_keep_any(h, types, stat);
	if (stat == SKBEXT_STAT_UDP_DROPPED)
		__skbext_bump(__skbext_udp_dropped(home));
	else
		skbext_count(stat);
	__skbext_write(&home->first, 0);
	return 1;
}

__skbext_inline int skbext_store_keep(__u64 h, __u64 types, __u32 stat)
{
	__u64 first;
	struct skbext_bucket *home = skbext_store_home(h, &first);

	return home ? skbext_store_keep_at(home, h, types, stat) : 0;
}

#endif /* SKBEXT_STORE_H */
