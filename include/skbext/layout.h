/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shared by the BPF programs and user space: the maps of one loaded skbext and the
 * structs in them. Internal: the API is skbext.bpf.h and skbext.h, the operations are store.h.
 *
 * Includes nothing, so that it fits behind vmlinux.h as well as behind <linux/types.h>.
 */
#ifndef SKBEXT_LAYOUT_H
#define SKBEXT_LAYOUT_H

/* Raise with every change here, in store.h and in bpf/watch.h: one version replaces another by it. */
#define SKBEXT_LAYOUT_VERSION	21
#define SKBEXT_MAGIC		0x74786562736b62ULL

#define SKBEXT_MAX_TYPES	8		/* the bits of active_extensions */
#define SKBEXT_MAX_PAYLOAD	2040		/* bytes, all types; as the kernel's SKB_EXT */
#define SKBEXT_NAME_LEN		32		/* a type's name with its NUL */
#define SKBEXT_REASON_LEN	256		/* why a guarantee is not complete, with its NUL */

#define SKBEXT_BUCKET_SLOTS	8
#define SKBEXT_PROBES		64		/* buckets a record may be placed in */

/* Policy of a type. Without any: shared by clones, dropped by skb_scrub_packet(), ends at the free. */
#define SKBEXT_F_NO_CLONE	(1U << 0)	/* clones, copies and fragments do not inherit it */
#define SKBEXT_F_KEEP_SCRUB	(1U << 1)	/* survives skb_scrub_packet: veth, tunnel, netns */
#define SKBEXT_F_COUNTED	(1U << 3)	/* its payload begins with SKBEXT_REFS() */
#define SKBEXT_F_DROP_UDP	(1U << 4)	/* dropped at the UDP receive queue, as the kernel's own */
/* One row a policy: its flag, the mask of struct skbext_state, the word of commands and messages, its help. */
#define SKBEXT_POLICIES(X)								\
	X(SKBEXT_F_NO_CLONE, noclone, "noclone", "clones do not inherit it")		\
	X(SKBEXT_F_KEEP_SCRUB, keep_scrub, "keep-scrub", "survives skb_scrub_packet()")	\
	X(SKBEXT_F_DROP_UDP, drop_udp, "drop-udp", "dropped at the UDP receive queue")	\
	X(SKBEXT_F_COUNTED, counted, "counted", "begins with references")
#define __SKBEXT_OR_FLAG(flag, mask, word, help)	| (flag)
#define SKBEXT_F_ALL		(0 SKBEXT_POLICIES(__SKBEXT_OR_FLAG))

/*
 * First member of a payload with SKBEXT_F_COUNTED: each id stands for one reference, counted in the
 * counter of that number that the type has. const, because only the store changes it: skbext_ref()
 * adds, a copy of the object takes its own, its end gives them back.
 */
#define SKBEXT_MAX_REFS		32		/* in one payload */
#define SKBEXT_REFS(max)	struct { const __u32 nr, id[max]; } refs

struct skbext_object {
	/* Stamp of its slot's record, and who holds what; see store.h. */
	__u64 link;
	__u8 payload[];				/* struct skbext_ctl.payload bytes */
};

/*
 * The front of a bucket: its first slot, which has nearly every record. All of it, with 16 bytes of
 * payload, is in the cache line that says whether the bucket is empty.
 */
struct skbext_bucket {
	/* How many records are at home here but for the first, and where; see store.h. */
	__u64 head;
	__u64 first;				/* the first slot's record, 0: free; see store.h */
	__u64 adds, releases, dels;		/* of the first slot, by who had it then */
	struct skbext_object object;		/* of the first slot */
};

/*
 * All is one value of one map: the fronts of all buckets, one behind the other, and behind them
 * what else each bucket has.
 *
 *	state, gap | front 0, 1... | rest 0, 1...
 *	state: struct skbext_state
 *	front: struct skbext_bucket | payload | counter, if it has more than one line
 *	rest: counter, if not | words of slots 1 to 7 | their objects
 *
 * Neighbours in a slab are neighbours here: an sk_buff has 256 bytes, or with its clone in the same
 * allocation (sk_buff_fclones) 512, where the clone begins sizeof(struct sk_buff) after the
 * original. The front of an address is that of its 256 bytes counted from the fronts' address. That
 * is 128 bytes beside the start of a page, so clone and original have two fronts.
 *
 * Homes are as many as the largest power of two that there are buckets. The others take what finds
 * no room at home.
 */
#define SKBEXT_GAP		128ULL
#define SKBEXT_SKB_SHIFT	8
#define SKBEXT_LINE		64ULL		/* bytes of a cache line */
#define SKBEXT_HOMES_OF(buckets)	(1U << (31 - __builtin_clz(buckets)))

/* The first slot's records that a UDP queue dropped are counted where there is room. */
#define SKBEXT_NARROW		(SKBEXT_LINE - sizeof(struct skbext_bucket))
#define SKBEXT_FRONT(payload)	\
	((payload) <= SKBEXT_NARROW ? SKBEXT_LINE : \
	 (sizeof(struct skbext_bucket) + (payload) + sizeof(__u64) + SKBEXT_LINE - 1) / \
		SKBEXT_LINE * SKBEXT_LINE)
#define SKBEXT_WORDS		(8ULL * SKBEXT_BUCKET_SLOTS)
#define SKBEXT_OBJECT(payload)	(sizeof(struct skbext_object) + (payload))
#define SKBEXT_REST(payload)	\
	(SKBEXT_WORDS + (SKBEXT_BUCKET_SLOTS - 1) * SKBEXT_OBJECT(payload))

/* From the fronts: to the rest of bucket 0; to where an object 0 would be in it. */
#define SKBEXT_REST_AT(payload, buckets)	((buckets) * SKBEXT_FRONT(payload))
#define SKBEXT_OBJECTS_AT(payload, buckets)	\
	(SKBEXT_REST_AT(payload, buckets) + SKBEXT_WORDS - SKBEXT_OBJECT(payload))

/* The fewest buckets with this are as large as a value of skbext_watches: skbext_verify(). */
#define SKBEXT_TAIL		768ULL

#define SKBEXT_BYTES(payload, buckets)	\
	(SKBEXT_GAP + (buckets) * (SKBEXT_FRONT(payload) + SKBEXT_REST(payload)) + SKBEXT_TAIL)

/*
 * Which bits of an address say where its front is, as an offset if fronts are one line. If they are
 * more, which SKBEXT_WIDE says, it is to be multiplied.
 */
#define SKBEXT_WIDE		(1U << 30)
#define SKBEXT_MASK_OF(payload, buckets)	\
	((SKBEXT_HOMES_OF(buckets) - 1) * (__u32)SKBEXT_LINE | \
	 (SKBEXT_FRONT(payload) == SKBEXT_LINE ? 0 : SKBEXT_WIDE))

/* As far as the verifier lets a program reach into a value (BPF_MAX_VAR_OFF). */
#define SKBEXT_MAX_BYTES	(1ULL << 29)

/*
 * A type may have a max of records. In a constant that is read anyway, such as a mask, this bit says
 * that records are to be counted: without it the verifier takes out the jump to where that is done.
 */
#define SKBEXT_LIMITED		(1U << 31)

#define SKBEXT_SETS		2		/* of lifecycle programs */

/* Operations read these words at a constant distance from the fronts, whose address they hold. */
struct skbext_state {
	/*
	 * generation << 32 | SKBEXT_WATCH_*: can records be trusted?
	 * First: the initial bytes of an object's own store say SKBEXT_WATCH_DEAD here.
	 */
	__u64 watch;
	/* User space changes records by address at this moment: their owners are not alone. */
	__u32 by_address;
	/*
	 * The rest is what programs must know of the load and its types. It is here, and not in the
	 * control map, because a loader that overwrites this map with an object's initial bytes so
	 * ends all trust as well.
	 */
	__u8 noclone;			/* active_extensions masks, from the types' flags */
	__u8 keep_scrub;
	__u8 drop_udp;
	__u8 counted;
	__u64 base;			/* kernel address of the fronts, from which keys are counted */
	__u16 skb_size;			/* sizeof(struct sk_buff): distance of an fclone pair */
	__u8 limited;			/* types that have a max */
	__u8 marked;			/* counted or limited: SKBEXT_W_SHARED from the first on */
	__u32 refs;			/* counters of each type with SKBEXT_F_COUNTED */
	__u16 offset[SKBEXT_MAX_TYPES];	/* of each type's payload in an object */
	/*
	 * Sets of lifecycle programs, of which there are two while one replaces the other. owner: the
	 * id of the set's program that is pinned as op; 0: there is no such set. armed: the set whose
	 * end ends all trust.
	 */
	__u32 owner[SKBEXT_SETS];
	__u32 armed;
	/* A cache line of its own: of types that have a max, how many records more there may be. */
	__u64 left[SKBEXT_MAX_TYPES];
};
_Static_assert(sizeof(struct skbext_state) <= SKBEXT_GAP, "skbext: the gap is too small");
_Static_assert(__builtin_offsetof(struct skbext_state, left) % SKBEXT_LINE == 0, "skbext: a shared line");

struct skbext_type_info {
	char name[SKBEXT_NAME_LEN];	/* "": this place is not taken */
	__u32 size;			/* bytes of payload */
	__u32 offset;			/* of the payload in an object */
	__u32 flags;			/* SKBEXT_F_* */
	/*
	 * Objects were bound to it, or user space has added it. What was bound may come back at any
	 * time and use the type's bit and its part of the payload: these are never another's then.
	 */
	__u8 used;
	__u8 removed;			/* it is there no more, but for its place */
	__u8 was_removed;
	__u8 pad;
	__u32 max;			/* records at one time; 0: as many as there is room for */
};

/* The control map: one value. User space's: programs read nothing of it. */
struct skbext_ctl {
	__u64 magic;
	__u32 version;
	__u32 buckets;			/* prime, so that every probe step visits all of them */
	__u32 payload;			/* bytes of one object, a multiple of 8 */
	__u32 refs;			/* as in struct skbext_state */
	__u64 base;			/* the same, for scripts/records.bt */
	__u64 address;			/* the kernel's, of this struct: for scripts/records.bt */
	__u64 mode;			/* enum skbext_mode */
	__u32 limits, pad;		/* SKBEXT_LIMITED: types may have a max; or 0 */
	struct skbext_type_info types[SKBEXT_MAX_TYPES];
	char reason[SKBEXT_REASON_LEN];	/* what load saw missing for `complete`; "": nothing */
} __attribute__((aligned(64)));

/*
 * The kernel does not run a program that is running on this CPU already (bpf_prog_enter:
 * prog->active). A release that is interrupted on its way through its program so leaves the
 * releases of the interruption undone, and prog->stats->misses is all that tells. See watch.bpf.h.
 */
#define SKBEXT_WATCH_OPEN	0x7fffffffU	/* interruptions that may still miss releases */
#define SKBEXT_WATCH_DEAD	0x80000000U	/* a hook is gone: no more finds and adds */
#define SKBEXT_WATCHED		6		/* hooks that an interruption can need */
#define SKBEXT_TIMES		2		/* programs at each of them, or one */

/*
 * Counters of one CPU, eight cache lines, so that CPUs do not share any. A power of two, as which
 * counter is meant is taken modulo that: one too many would count as another one.
 */
#define SKBEXT_STAT_ROOM	64
struct skbext_cpu_stats {
	__u64 v[SKBEXT_STAT_ROOM];
} __attribute__((aligned(64)));

/*
 * One per CPU number. The addresses are the kernel's, of that CPU's counters, [n] those of the hooks'
 * nth programs; 0: there is no such program, nor one behind it.
 */
struct skbext_watch {
	/* Interruptions of a release, and those seen through to their end. */
	__u64 opened, closed;
	/* Of each set of programs. active[0][0] is 0: nobody looks at the others. */
	struct skbext_watched {
		__u64 active[SKBEXT_TIMES][SKBEXT_WATCHED];
		__u64 misses[SKBEXT_TIMES][SKBEXT_WATCHED];
		__u64 seen[SKBEXT_TIMES];	/* sums of misses when somebody looked last */
		__u64 passed[SKBEXT_WATCHED];	/* misses[0] when its second program ran last */
	} set[SKBEXT_SETS];
	struct skbext_cpu_stats stats;
} __attribute__((aligned(64)));

/*
 * Which load this is: the value of map skbext_stats, whose name is older. Programs cannot write to
 * it and user space has frozen it, so that it is a constant to the verifier: skbext_verify().
 */
struct skbext_load {
	__u32 epoch[2];			/* random; [0] is not 0 */
};

_Static_assert(SKBEXT_BYTES(8, 1) >= sizeof(struct skbext_watch), "skbext: too few bytes");

/* So many bytes more have the maps of an object that are replaced when it is bound. */
#define SKBEXT_PRIVATE		8

/*
 * All that skbext counts, once: places, struct skbext_stats, text, JSON and metrics are made of these
 * rows. C(NAME, field, help): programs count it as SKBEXT_STAT_NAME. S(field, help): skbext_stats() makes
 * it of others, of the hooks, or of what is counted by type. G(field, unit, help): so many now.
 *
 * Programs count an event in one row. Of releases, dels and purged_stale these are the events that no
 * row "of" them has, and skbext_stats() adds those. Where a hook has two programs (PREEMPT_RT), so many
 * runs at most were skipped in both: missed_hooks has the fewer of the two counts.
 */
#define SKBEXT_STATS(C, S, G)									\
	G(live, "_records", "records now")						\
	G(capacity, "_records", "places for records")					\
	G(orphans, "", "places held by an object that outlives its first owner")	\
	C(ADDS, adds, "records made by add")						\
	C(ADDS_MORE, adds_more, "adds to a record that was there")			\
	S(add_failed, "adds refused, no room")						\
	S(add_limited, "adds refused, their type had its max")				\
	C(DELS, dels, "types deleted")							\
	C(DELS_EMPTIED, dels_emptied, "of dels, the last type of a record")		\
	C(COW, cow, "objects copied for a write, as they were shared")			\
	C(SHARES, shares, "records made by clone, copy, segment, fragment")		\
	C(SHARE_FAILED, share_failed, "copies that carry nothing, no room")		\
	C(RELEASED, releases, "records that ended with their skb")			\
	C(SCRUBBED, scrubbed, "of releases, by skb_scrub_packet")			\
	C(UDP_DROPPED, udp_dropped, "of releases, at the UDP receive queue")		\
	C(REPLACED, replaced, "of releases, something was copied over them")		\
	C(PURGED_STALE, purged_stale, "of releases, found on a new skb, or by `skbext purge`")	\
	C(PURGED, purged, "of purged_stale, by `skbext purge`")				\
	C(FATE_DROPPED, fate_dropped, "packets with a record that were dropped")	\
	C(FATE_CONSUMED, fate_consumed, "packets with a record that were consumed")	\
	S(missed_hooks, "hook runs that the kernel skipped")				\
	S(missed_releases, "of missed_hooks, releases and purges")			\
	S(missed_shares, "of missed_hooks, shares: that copy carries nothing")		\
	S(missed_policies, "of missed_hooks, scrubs and UDP receive queues")		\
	S(distrusts, "times that all records lost trust, as a release was missed")	\
	G(untrusted, "_records", "of live, records that nobody finds since then")	\
	C(DISTRUSTED, distrusted, "looks at such a record, which was not shown")	\
	C(SHARES_DISTRUSTED, shares_distrusted, "of distrusted, copies that so carry nothing")	\
	C(SHARE_LIMITED, share_limited, "copies that lack a type, which had its max")	\
	G(refs, "", "references held by counted types, now")

#define __SKBEXT_STAT_PLACE(NAME, field, help)	SKBEXT_STAT_##NAME,
#define __SKBEXT_STAT_NO_PLACE(...)
enum skbext_stat {
	SKBEXT_STATS(__SKBEXT_STAT_PLACE, __SKBEXT_STAT_NO_PLACE, __SKBEXT_STAT_NO_PLACE)
	/* By the number of the type that was to be added: no room, and it has its max. */
	SKBEXT_STAT_ADD_FAILED,
	SKBEXT_STAT_ADD_LIMITED = SKBEXT_STAT_ADD_FAILED + SKBEXT_MAX_TYPES,
	SKBEXT_STAT_NR = SKBEXT_STAT_ADD_LIMITED + SKBEXT_MAX_TYPES,
};

/* The outcome of a step of add or del by address, or a slot for the next step: store/outside.h. */
enum skbext_outcome {
	SKBEXT_NONE = -1,	/* no such type is active; no room */
	SKBEXT_AGAIN = -2,	/* the owner changed the record at this moment */
	SKBEXT_SHARES = -3,	/* others hold its object, and only the owner can unshare it */
	SKBEXT_GONE = -4,	/* the record, so its packet may have ended */
	SKBEXT_DONE = -5,
	SKBEXT_MAXED = -6,	/* the type has its max of records */
};

_Static_assert(SKBEXT_STAT_NR <= SKBEXT_STAT_ROOM, "skbext: a counter without a place");

/*
 * In an instruction that does nothing: here a tracing program adds.
 * skbext_bind() refuses it where packets have ended.
 */
#define SKBEXT_ADD_MARK		0x736b6164

/* skbext_bind() writes this into an object before it is loaded: constants for the verifier. */
struct skbext_cfg {
	__u32 version;		/* that the object was compiled with */
	__u32 buckets;
	__u32 payload;
	__u32 cpus;
	__u32 last_home;	/* SKBEXT_HOMES_OF() - 1 */
	__u32 mask;		/* SKBEXT_MASK_OF() */
	/* These two, and SKBEXT_LIMITED if records are counted: where they begin, where they end. */
	__u32 entering, leaving;
	__u32 front, lines;	/* SKBEXT_FRONT() in bytes, in cache lines */
	__u32 rest_at;		/* SKBEXT_REST_AT() */
	__u32 rest;		/* SKBEXT_REST() */
	__u32 objects_at;	/* SKBEXT_OBJECTS_AT() */
	__u32 object;		/* SKBEXT_OBJECT() */
	__u32 bytes;		/* SKBEXT_BYTES() */
	__u32 epoch[2];		/* of the load; [0] is 0: not bound, and SKBEXT_EPOCH_OURS */
};

/* In epoch[0]: loaded by the library itself, before the load has its epoch. */
#define SKBEXT_EPOCH_OURS	1

#endif /* SKBEXT_LAYOUT_H */
