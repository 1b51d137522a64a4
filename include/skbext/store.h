/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The store: a hash of records, keyed by the address of an skb. Plain C with atomics and no pointers
 * in its interface. The same source is compiled for BPF, for the library, which reads records through
 * mmap, and for the tests. No other file knows how a record is laid out.
 *
 * KEY. The address of the skb minus the address of the fronts, shifted left by 8. The difference is
 * injective, so a key that matches *is* the address: no false match to check for. Bits above the low
 * eight of the difference give the home bucket, so neighbours in a slab have neighbouring homes.
 *
 * THE MAP. One value of one array map (layout.h):
 *
 *	state | gap | front 0 | front 1 | ... | rest 0 | rest 1 | ...
 *
 *	front (one cache line with 16 bytes of payload)		rest
 *	  head		records that live elsewhere		  words of slots 1 to 7
 *	  first		the word of slot 0			  their objects
 *	  adds, releases, dels	 statistics of slot 0
 *	  object	link word and payload of slot 0
 *
 * A slot has a word, which is its record, and an object, which is room for the payloads of all types.
 *
 * THE WORD of a slot. Every transition of a record is one atomic change of its word:
 *
 *	63       11     10       9          8         7                    0
 *	|   key   | REMOTE | SHARED | ORPHAN, DOOMED | active types, or LEFT |
 *
 *	0			free
 *	key			claimed, nothing active yet
 *	key | types		a record with its own object
 *	key | SHARED | types	others may hold its object too
 *	key | REMOTE | types	its object is that of another slot, its home slot
 *	ORPHAN			no skb; records elsewhere still hold the object
 *	key | DOOMED, LEFT	user space has marked the slot and frees it (outside.h, purge.h)
 *
 *	0 --claim--> key --publish--> key|types <--share--> key|SHARED|types
 *	key|types --release--> 0	key|SHARED|types --release--> ORPHAN --last holder--> 0
 *	0 --claim--> key --publish--> key|REMOTE|types --unshare--> key|types
 *
 * THE LINK of an object, in front of its payload:
 *
 *	63                           32 31                                                      0
 *	| generation it was made in    | REMOTE: slot whose object is used; else holders beyond 1 |
 *
 * THE HEAD of a bucket counts the records at home there that are not in its first slot:
 *
 *	63    56 55                 48 47                        24 23                 0
 *	|   0   | farthest, in probes | of these, in other buckets | records at home here |
 *
 * A record lives in its home bucket, or if that is full in a later bucket of its own probe sequence
 * (skbext_store_next()).
 *
 * FAST AND SLOW. The fast path is inline, in this file; each slow path is a call (`_slow`, `_away`).
 *
 *	operation	inline when						else
 *	any		head and first are 0: no record. One cache line		below
 *	add		the home bucket is empty, payload <= 64 bytes		add_slow: more types, COW, full
 *	find, exist	slot 0 has the key, trusted				find_slow: slots beside, away
 *	del, release,	slot 0 has the key, not shared, nobody adds by address	del_slow, release_slow, keep_slow
 *	keep
 *	share		never							share: claim and link
 *
 * An inline add costs one atomic operation, the claim; an inline release or del costs none.
 *
 * SHARING AND COPY-ON-WRITE. A share claims a slot for the new skb and points it (REMOTE) at the
 * object's home slot. The copy's own object stays free for it, so that unsharing a copy needs no
 * allocation. When the home slot's record ends first, its word becomes ORPHAN. The record that drops
 * the last reference sets that word to 0.
 *
 * WHO MAY RUN BESIDE WHOM. As for the kernel's skb_ext, an skb has one owner at a time: add, del,
 * unshare and release of one skb never run at once. Only a share may run beside another share of the
 * same skb (both hold a reference to it). Everything that different skbs can do to one bucket or
 * object at once is atomic. A record that is not shared belongs to its owner alone, as do the first
 * slot's counters while it has that slot.
 *
 * A MAX OF RECORDS. A word with a type that has one is SHARED from the start, also with one holder. So
 * each end of such a record is a call, which counts (limit.h). Where no type has a max, the verifier
 * leaves none of that (V7).
 *
 * BY ADDRESS. User space that adds or deletes is not an owner. It first sets SKBEXT_STATE->by_address
 * and waits until all programs have seen it. From then on owners change words only from exactly what
 * they read, and release ends every record of an address, not the first one found (outside.h).
 *
 * MISSED RUNS AND TRUST. The kernel may skip a release program; the record then stays behind for the
 * next packet at that address. A record is trusted only if no release was missed since it was made:
 * the generation in its link is that of SKBEXT_STATE->watch. Only watch.bpf.h moves that.
 *
 * THE VERIFIER shapes the code. The rules are those of the kernel function that is named; the code
 * cites them:
 *
 *	V1  A ctx or BTF pointer allows no arithmetic but the subtraction of another pointer, which needs
 *	    CAP_PERFMON (adjust_reg_min_max_vals()). So a key is a difference.
 *	V2  Up to 6.8 a product keeps its bounds only if the right factor is a constant
 *	    (adjust_scalar_min_max_vals()).
 *	V3  A check bounds the register that was compared, not a second computation of the same value
 *	    (reg_set_min_max()). So a checked value stays in its register.
 *	V4  A stack slot is eight bytes; a partial write makes it forget the rest
 *	    (check_stack_write_fixed_off()).
 *	V5  The result of a global function is any number, and its body is verified once
 *	    (do_check_subprogs()). So loops over buckets call, and paths do not multiply.
 *	V6  All payloads are one map value: an index is bounded by the whole value
 *	    (check_mem_region_access()). SKBEXT_BOUNDED slices a dynptr instead.
 *	V7  A frozen read-only map is a constant, and a branch that it rules out is dead code
 *	    (bpf_map_direct_read()). The configuration costs nothing.
 *	V8  BTF has no extern variables (btf_var_check_meta()). So __skbext_fronts is a symbol of the
 *	    assembler.
 *
 * The parts in store/ build on each other and are not included alone. Before this file, its user
 * defines
 *	SKBEXT_FN		linkage of the operations
 *	SKBEXT_BUCKETS		number of buckets		(constants for the
 *	SKBEXT_ROOM		bytes of a payload		 verifier, if it is BPF)
 *	SKBEXT_SLOTS		char *, where the fronts begin
 *	SKBEXT_STATE		struct skbext_state *
 *	skbext_count(stat)	adds 1 to an enum skbext_stat
 *	skbext_look()		brings SKBEXT_STATE->watch up to date
 *	skbext_verify()		for the verifier, never run
 *	skbext_counter(n)	__u64 *, a counter of references, NULL beyond the last
 */
#ifndef SKBEXT_STORE_H
#define SKBEXT_STORE_H

#include <skbext/store/atomics.h>
#include <skbext/store/verifier.h>
#include <skbext/store/bucket.h>
#include <skbext/store/trust.h>
#include <skbext/store/limit.h>
#include <skbext/store/slot.h>
#include <skbext/store/object.h>
#include <skbext/store/record.h>
#include <skbext/store/share.h>
#include <skbext/store/purge.h>

#define SKBEXT_INLINE_ZERO	64	/* bytes of a payload that are zeroed without a loop */

/*
 * The operations for programs. Each does the common case inline (no record at all, or one in the
 * first slot of its bucket that is not shared) and calls for the others.
 */

__skbext_inline void *__skbext_payload(struct skbext_object *obj, __u64 offset)
{
	if (!obj)
		return (void *)0;
	barrier_var(offset);
	return obj->payload + offset;
}

/* The object is in the first slot, or as __skbext_around() says. */
__skbext_inline void *__skbext_payload_in(struct skbext_bucket *b, __u64 offset)
{
	if (!b)
		return (void *)0;
	barrier_var(offset);
	return (char *)b + offset + __builtin_offsetof(struct skbext_bucket, object.payload);
}

/*
 * skb_ext_add(): the payload to write to, or NULL: no room, the skb is as it was. size is a
 * constant, b the home front of h. Unlike the kernel's, a payload that was not active comes zeroed.
 */
__skbext_inline void *__skbext_add_payload(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	int object = skbext_store_add_slow(h, active, offset, size);

	return object < 0 ? (void *)0 : __skbext_payload(skbext_object(object), offset);
}

__skbext_inline void *skbext_store_add_at(struct skbext_bucket *b, __u64 h, __u64 active,
					  __u32 offset, __u32 size)
{
	__u64 *payload, watch = __skbext_read(&SKBEXT_STATE_BESIDE->watch);

	if (size <= SKBEXT_INLINE_ZERO && !(watch & SKBEXT_L_LOW) &&
	    !(__skbext_read(&b->first) | __skbext_read(&b->head)) &&
	    __skbext_swap(&b->first, 0, h)) {
		payload = __skbext_payload_in(b, offset);
		for (__u32 i = 0; i < (size + 7) / 8; i++)
			payload[i] = 0;
		b->object.link = watch;
		__skbext_bump(&b->adds);
		__skbext_write(&b->first, h | active);
		return payload;
	}
	return __skbext_add_payload(h, active, offset, size);
}

__skbext_inline void *skbext_store_add(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	if (active & SKBEXT_STATE->limited)
		return __skbext_add_payload(h, active, offset, size);
	return skbext_store_add_at(__skbext_home_front(h), h, active, offset, size);
}

/*
 * Is the one type in active in the first slot of home, and is that seen without a call?
 * home and first are those of h.
 */
__skbext_inline int __skbext_in_first(struct skbext_bucket *home, __u64 first, __u64 h, __u64 active)
{
	const __u64 not_asked = SKBEXT_W_ACTIVE | SKBEXT_W_SHARED | SKBEXT_W_ORPHAN;

	/* Nothing else is active: of a record that is not shared the link is the stamp alone. */
	if ((first ^ h) == active)
		return __skbext_read(&home->object.link) ==
		       __skbext_read(&SKBEXT_STATE_BESIDE->watch);
	return ((first ^ h) & (active | ~not_asked)) == active &&
	       __skbext_trusted(__skbext_read(&home->object.link));
}

/* skb_ext_find(): the object in which the one type in active is, or NULL. Possibly shared. */
__skbext_inline struct skbext_object *skbext_store_find_object(__u64 h, __u64 active)
{
	int object = skbext_store_find_slow(h, active);

	return object < 0 ? (struct skbext_object *)0 : skbext_object(object);
}

__skbext_inline struct skbext_object *skbext_store_find(__u64 h, __u64 active)
{
	__u64 first;
	struct skbext_bucket *home = skbext_store_home(h, &first);

	if (!home)
		return (struct skbext_object *)0;
	return __skbext_in_first(home, first, h, active) ? &home->object :
							   skbext_store_find_object(h, active);
}

/* skb_ext_reset(): how many records ended, counted as stat; more than one is user space's doing. */
__skbext_inline int skbext_store_release(__u64 h, __u32 stat)
{
	__u64 first;
	struct skbext_bucket *home = skbext_store_home(h, &first);

	if (!home)
		return 0;
	if (__skbext_sole(SKBEXT_STATE_BESIDE, first, h) > SKBEXT_W_ACTIVE)
		return skbext_store_release_slow(h, stat);
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
	/* What a predecessor left is not this skb's: the call ends it, and says that it had none. */
	if (__skbext_sole(SKBEXT_STATE_BESIDE, first, h) != active ||
	    __skbext_read(&home->object.link) != __skbext_read(&SKBEXT_STATE_BESIDE->watch))
		return skbext_store_del_slow(h, active);
	__skbext_bump(&home->dels);
	__skbext_write(&home->first, 0);
	return 1;
}

/* A policy point: keep these types, drop the others. 1: the record ended, counted as stat. */
__skbext_inline int skbext_store_keep_at(struct skbext_bucket *home, __u64 h, __u64 types,
					 __u32 stat)
{
	/* Programs may call in between: not the register that has the fronts, which then is saved. */
	__u64 active = __skbext_sole(SKBEXT_STATE, __skbext_read(&home->first), h);

	if (active > SKBEXT_W_ACTIVE || active & types)
		return skbext_store_keep_slow(h, types, stat);
	if (stat == SKBEXT_STAT_UDP_DROPPED)
		__skbext_bump(__skbext_udp_dropped(home, __skbext_home(h)));
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
