/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * skbext for BPF programs: private, typed metadata on any sk_buff.
 *
 *	#include <vmlinux.h>				(or <linux/types.h> and friends)
 *	#include <bpf/bpf_helpers.h>
 *	#include <skbext/skbext.bpf.h>
 *
 *	struct flow_note { __u64 stamp; __u32 id; };
 *	SKBEXT_TYPE(flow_note, struct flow_note);	// file scope, once per type and object
 *
 *	struct flow_note *n = skbext_add(ctx, flow_note);	// to write
 *	if (n)
 *		n->id = 7;
 *	const struct flow_note *f = skbext_find(ctx, flow_note);	// to read: const
 *
 *	char LICENSE[] SEC("license") = "GPL";		// or another that the kernel takes for it
 *
 * SKBEXT_TYPE_FLAGS() gives a type a policy; `skbext load --type` and all objects must say the same.
 * All of this at length, with loaders and examples: skbext.bpf(7).
 *
 * Compile with clang -O2 -g (or -O1, -O3, -Os, -Oz; -O0 and gcc do not compile this). A loader
 * links libbpf beside skbext: `pkg-config --libs skbext` says both.
 *
 * The skb is any program's own: struct __sk_buff * in tc, tcx, cgroup_skb, socket filter, sk_skb,
 * LWT; struct sk_buff * in tp_btf, fentry, fexit, netfilter (ctx->skb). Programs need CAP_PERFMON
 * and the license (bpf_probe_read_kernel()); skbext needs kernel 6.1.
 *
 * A program with several operations has some hundred instructions for each. A socket filter's are
 * charged to its socket: up to 6.6 net.core.optmem_max lets it have 2560.
 *
 * An object that includes this must be given its place in a loaded skbext before it is loaded:
 * skbext_bind() of the C library, or `skbext bind` and a stock loader. One that was not works and
 * finds nothing. A light skeleton (bpftool gen skeleton -L) cannot be bound: use an ordinary one.
 *
 * A pointer from skbext_add() or skbext_find() is good until the skb is freed, or until any of add,
 * del, reset or copy on the same skb; in a tracing program that looks at a packet it does not own,
 * only as long as that packet lives. After bpf_clone_redirect() in the same program the payload is
 * shared with the clone: from then on only read it, and skbext_add() again to write. Owner of the
 * memory is always the store.
 *
 * The verifier does not bound an index into a payload: all payloads are one map value, so v[i] with
 * a wrong i reaches other packets' payloads. #define SKBEXT_BOUNDED before the include, and the
 * verifier refuses such a program. Each skbext_add() and skbext_find() that returns a payload then
 * takes 66 instructions more (7.3), and 16 bytes of the program's stack for each place that says it.
 *
 * Names that begin with __skbext or skbext_store are internal.
 */
#ifndef SKBEXT_BPF_H
#define SKBEXT_BPF_H

#if !defined(__bpf__) || !defined(__clang__) || !defined(__OPTIMIZE__)
#error "skbext: compile with clang -O2 -g -target bpf; -O0 and gcc do not work"
#endif

/* Users may have -Wpedantic; all BPF code needs what it warns of. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpedantic"

#include <skbext/layout.h>

#ifndef ENOENT
#define ENOENT 2
#endif

/*
 * A skeleton prints the type of every variable in a section, and its user has no definition of
 * ours: these are numbers, and structs without a name.
 *
 * Sizes are those of a store with no room; binding puts the loaded skbext's maps in their place.
 *
 * Nothing is read of this one: it is there for those who give a bound object its map.
 */
__u64 __skbext_ctl[sizeof(struct skbext_ctl) / sizeof(__u64)]
	__attribute__((section(".data.skbext"), weak, aligned(64)));
#define __skbext_ctl		(*(struct skbext_ctl *)__skbext_ctl)

/*
 * All buckets. A variable and no array map of them: its address is a constant of the program, so
 * that a bucket is a shift away and no bound is left to be checked.
 */
__u64 __skbext_slots[SKBEXT_BYTES(SKBEXT_MAX_PAYLOAD, 1) / sizeof(__u64)]
	__attribute__((section(".data.skbext_slots"), weak)) = {
	SKBEXT_WATCH_DEAD,	/* skbext_state.watch: a store that nobody replaces has no hooks */
};

/*
 * The fronts begin SKBEXT_GAP bytes behind. A symbol for there, as the compiler would add that in
 * each program (BPFTargetLowering::isOffsetFoldingLegal()), and known to the assembler alone, as
 * the kernel takes no extern variables in BTF (btf_var_check_meta()).
 */
_Static_assert(SKBEXT_GAP == 128, "skbext: the symbol is elsewhere");
asm(".set __skbext_fronts, __skbext_slots + 128");

/*
 * Where a key is made and where its front is, which is at once: the same register. Elsewhere, a
 * constant of that instruction: kept, it would take one that calls do not change.
 */
#define SKBEXT_FRONTS							\
	({ char *__fronts; asm("%0 = __skbext_fronts ll" : "=r"(__fronts)); __fronts; })
#define SKBEXT_SLOTS							\
	({ char *__fronts; asm volatile("%0 = __skbext_fronts ll" : "=r"(__fronts)); __fronts; })

#define SKBEXT_STATE		((struct skbext_state *)__skbext_slots)
/* Where the register that has the fronts' address is at hand. */
#define SKBEXT_STATE_BESIDE	((struct skbext_state *)(SKBEXT_FRONTS - SKBEXT_GAP))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct skbext_load);
} skbext_stats __attribute__((section(".maps")));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, sizeof(struct skbext_watch) + SKBEXT_PRIVATE);
} skbext_watches __attribute__((section(".maps")));

/*
 * `skbext bind` takes "unbound_" off the name. A loader that is told to put a map in the place of
 * skbext_refs so says that an object was not bound, before it has touched anything.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, sizeof(__u64) + SKBEXT_PRIVATE);
} unbound_skbext_refs __attribute__((section(".maps")));

/* Written by skbext_bind(); the verifier knows the values and drops what they rule out. */
#define __SKBEXT_CFG(member)	__builtin_offsetof(struct skbext_cfg, member) / sizeof(__u32)
const volatile __u32 __skbext_cfg[sizeof(struct skbext_cfg) / sizeof(__u32)]
	__attribute__((section(".rodata.skbext"), weak)) = {
	[__SKBEXT_CFG(version)] = SKBEXT_LAYOUT_VERSION,
	[__SKBEXT_CFG(buckets)] = 1,
	[__SKBEXT_CFG(payload)] = SKBEXT_MAX_PAYLOAD,
	[__SKBEXT_CFG(cpus)] = 1,
	[__SKBEXT_CFG(mask)] = SKBEXT_MASK_OF(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(front)] = SKBEXT_FRONT(SKBEXT_MAX_PAYLOAD),
	[__SKBEXT_CFG(lines)] = SKBEXT_FRONT(SKBEXT_MAX_PAYLOAD) / SKBEXT_LINE,
	[__SKBEXT_CFG(rest_at)] = SKBEXT_REST_AT(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(rest)] = SKBEXT_REST(SKBEXT_MAX_PAYLOAD),
	[__SKBEXT_CFG(objects_at)] = SKBEXT_OBJECTS_AT(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(object)] = SKBEXT_OBJECT(SKBEXT_MAX_PAYLOAD),
};
#define __skbext_cfg		(*(const volatile struct skbext_cfg *)__skbext_cfg)

/* What store.h wants to know. */
#define SKBEXT_FN		__attribute__((weak, noinline))
#define SKBEXT_BUCKETS		(__skbext_cfg.buckets)
#define SKBEXT_ROOM		(__skbext_cfg.payload)
#define SKBEXT_LAST_HOME	(__skbext_cfg.last_home)
#define SKBEXT_MASK		(__skbext_cfg.mask)
#define SKBEXT_FRONT_SIZE	((__u64)__skbext_cfg.front)
#define SKBEXT_LINES		((__u64)__skbext_cfg.lines)
#define SKBEXT_AT_REST		((__u64)__skbext_cfg.rest_at)
#define SKBEXT_REST_SIZE	((__u64)__skbext_cfg.rest)
#define SKBEXT_AT_OBJECTS	((__u64)__skbext_cfg.objects_at)
#define SKBEXT_OBJECT_SIZE	((__u64)__skbext_cfg.object)

/*
 * Eight bytes of the stack, of which four are read: the compiler may put what the program is going
 * to return into the other half, and the verifier, which follows slots of eight, would forget it
 * (check_stack_write_fixed_off()).
 */
struct __skbext_index {
	__u32 n, pad;
} __attribute__((aligned(8)));

static inline __attribute__((always_inline, unused)) __u64 *skbext_counter(__u32 n)
{
	struct __skbext_index index;

	index.n = n;
	return bpf_map_lookup_elem(&unbound_skbext_refs, &index);
}

static inline __attribute__((always_inline, unused)) void skbext_count(__u32 stat)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);

	/*
	 * Atomic: programs of other contexts run on this CPU in between.
	 * Nobody else has the line.
	 */
	if (w)
		__sync_fetch_and_add(&w->stats.v[stat % SKBEXT_STAT_ROOM], 1);
}

/*
 * Never run. What the verifier does not let pass here is a file that was bound to another load, or
 * that got only some of the maps of this one; its log shows the line. All rests on these:
 *
 *  - Only in the map of a load is the epoch a constant, so that the verifier leaves out what is
 *    done if it is another one. In an object's own map it may be any.
 *  - The maps of a file are SKBEXT_PRIVATE bytes larger than those of the load. From tail on there
 *    are as many bytes of slots as a value of skbext_watches has in the load, and as many more as
 *    that has if both are the object's own: such an object is dead, and may be loaded.
 */
SKBEXT_FN int skbext_verify(void)
{
	struct __skbext_index first = { 0, 0 };
	struct skbext_load *load = bpf_map_lookup_elem(&skbext_stats, &first);
	char *tail, *end;

	if (!load || __skbext_cfg.epoch[0] <= SKBEXT_EPOCH_OURS)
		return 0;
	tail = SKBEXT_SLOTS + (__skbext_cfg.bytes - SKBEXT_GAP - sizeof(struct skbext_watch));
	end = tail + sizeof(struct skbext_watch);
	if (load->epoch[0] != __skbext_cfg.epoch[0] || load->epoch[1] != __skbext_cfg.epoch[1])
		return *(volatile int *)end; /* skbext: bound to another load, or no skbext_stats */
	bpf_map_update_elem(&skbext_watches, &first, tail, 0); /* skbext: no skbext_watches */
	tail = end - sizeof(__u64);
	bpf_map_update_elem(&unbound_skbext_refs, &first, tail, 0); /* skbext: no skbext_refs */
	return 0;
}

static inline __attribute__((always_inline, unused)) void skbext_look(void);

#include <skbext/store.h>
#include <skbext/watch.bpf.h>

/*
 * The verifier forbids arithmetic on a ctx or BTF pointer, except to subtract another pointer
 * (CAP_PERFMON; kernel adjust_reg_min_max_vals()). The buckets are at the same address for every
 * program, so the difference is a key; and that address is needed next. In all skb contexts the ctx
 * is the struct sk_buff * at run time.
 */
static inline __attribute__((always_inline, unused)) __u64 __skbext_hash_of(const void *skb)
{
	__u64 diff = (__u64)skb;

	asm volatile("%0 -= %1" : "+r"(diff) : "r"(SKBEXT_FRONTS));
	return skbext_hash(diff);
}

/**
 * SKBEXT_TYPE - this object uses extension @name
 * SKBEXT_TYPE_FLAGS - the same, with a policy
 * @name:  the extension's name, an identifier of at most 31 characters. All objects that say it
 *         mean the same one.
 * @type:  its payload, at most 2040 bytes. A struct known to BTF is decoded by `skbext dump`.
 * @flags: SKBEXT_F_NO_CLONE, SKBEXT_F_KEEP_SCRUB, SKBEXT_F_DROP_UDP, SKBEXT_F_COUNTED or'ed.
 *         0 (SKBEXT_TYPE): shared by clones, dropped by skb_scrub_packet(), ends when the packet is
 *         freed. The kernel's own extensions also end at the UDP receive queue:
 *         SKBEXT_F_DROP_UDP.
 *
 * The first to name a type sets size and policy; binding one that disagrees is refused (-EEXIST).
 * At file scope.
 */
#define SKBEXT_TYPE(name, type)		SKBEXT_TYPE_FLAGS(name, type, 0)
#define SKBEXT_TYPE_FLAGS(name, type, policy)						\
	_Static_assert(sizeof(#name) <= SKBEXT_NAME_LEN, "skbext: name of type too long");	\
	_Static_assert(sizeof(type) <= SKBEXT_MAX_PAYLOAD, "skbext: payload too large");	\
	typedef type SKBEXT_TYPE_of_##name;							\
	struct __skbext_box_##name { type payload; };						\
	const volatile struct {									\
		__u32 active, offset, mask, size, flags;					\
		/* Brings the payload's BTF. A function may return an incomplete struct. */	\
		struct __skbext_box_##name (*box)(void);					\
	} __skbext_type_##name __attribute__((section(".rodata.skbext"), used)) = {		\
		.mask = SKBEXT_MASK_OF(SKBEXT_MAX_PAYLOAD, 1),					\
		.size = sizeof(type), .flags = (policy),					\
	}

/* The head of each SKBEXT_TYPE variable, which skbext_bind() writes. */
struct __skbext_ref {
	__u32 active;		/* the type's bit of active_extensions; 0: not bound */
	__u32 offset;		/* of its payload in an object */
	__u32 mask;		/* as in __skbext_cfg, which so has not to be read as well */
};
/* Without its SKBEXT_TYPE the compiler names SKBEXT_TYPE_of_... first. */
#define __SKBEXT_REF(name)	((void)sizeof(SKBEXT_TYPE_of_##name),			\
				 (const volatile struct __skbext_ref *)&__skbext_type_##name)

static inline __attribute__((always_inline, unused))
void *__skbext_add_hash(__u64 h, const volatile struct __skbext_ref *ref, __u32 size)
{
	__u64 active = ref->active;

	return active ? skbext_store_add_at(__skbext_front(h, ref->mask), h, active, ref->offset,
					    size) : (void *)0;
}

static inline __attribute__((always_inline, unused))
void *__skbext_add(const void *skb, const volatile struct __skbext_ref *ref, __u32 size)
{
	return __skbext_add_hash(__skbext_hash_of(skb), ref, size);
}

/* Up to the call the type's address is in one register; behind it, a constant again. */
static inline __attribute__((always_inline, unused))
const void *__skbext_find_hash(__u64 h, const volatile struct __skbext_ref *ref)
{
	const volatile struct __skbext_ref *here = ref;
	struct skbext_bucket *b;
	__u64 first, active;
	__u32 offset;

	asm("" : "+r"(here));
	b = __skbext_taken(__skbext_front(h, here->mask), &first);
	/* The rest is nothing to most packets. */
	if (!b)
		return (void *)0;
	active = here->active;
	offset = here->offset;
	if (!active)
		return (void *)0;
	if (!__skbext_in_first(b, first, h, active)) {
		b = __skbext_around(skbext_store_find_object(h, active));
		offset = ref->offset;
	}
	return __skbext_payload_in(b, offset);
}

static inline __attribute__((always_inline, unused))
const void *__skbext_find(const void *skb, const volatile struct __skbext_ref *ref)
{
	return __skbext_find_hash(__skbext_hash_of(skb), ref);
}

static inline __attribute__((always_inline, unused))
_Bool __skbext_exist_hash(__u64 h, const volatile struct __skbext_ref *ref)
{
	__u64 active = ref->active;

	return active && !skbext_store_absent(h) && skbext_store_find_any(h, active) >= 0;
}

static inline __attribute__((always_inline, unused))
_Bool __skbext_exist(const void *skb, const volatile struct __skbext_ref *ref)
{
	return __skbext_exist_hash(__skbext_hash_of(skb), ref);
}

static inline __attribute__((always_inline, unused))
void __skbext_reset(const void *skb)
{
	__u64 h = __skbext_hash_of(skb);

	if (!skbext_store_absent(h) && __skbext_cfg.epoch[0])
		skbext_store_release_any(h, SKBEXT_STAT_RELEASED);
}

static inline __attribute__((always_inline, unused))
int __skbext_del(const void *skb, const volatile struct __skbext_ref *ref)
{
	__u64 active = ref->active, h = __skbext_hash_of(skb);

	return active && skbext_store_del(h, active) ? 0 : -ENOENT;
}

/* The number of the type that has this one bit. */
static inline __attribute__((always_inline, unused)) __u32 __skbext_type_of(__u32 active)
{
	return !!(active & 0xf0) << 2 | !!(active & 0xcc) << 1 | !!(active & 0xaa);
}

static inline __attribute__((always_inline, unused))
int __skbext_get(const void *skb, const volatile struct __skbext_ref *ref, __u32 size, __u32 max,
		 __u32 id)
{
	__u64 active = ref->active, h = __skbext_hash_of(skb);
	int place;

	if (!(active & SKBEXT_STATE->counted) || id >= SKBEXT_STATE->refs)
		return -22;
	if (skbext_store_add_any(h, active, ref->offset, size) < 0)
		return -12;
	place = skbext_store_ref(h, __skbext_type_of(active), max, id);
	return place < 0 ? -28 : place;
}

static inline __attribute__((always_inline, unused))
__u64 __skbext_held(const volatile struct __skbext_ref *ref, __u32 id)
{
	__u32 active = ref->active;
	__u64 *counter = active ? __skbext_counter(__skbext_type_of(active), id) : (__u64 *)0;
	__u64 held = counter ? __skbext_read(counter) : 0;

	if (held == ~0ULL)	/* never */
		skbext_verify();
	return held;
}

static inline __attribute__((always_inline, unused))
int __skbext_copy(const void *dst, const void *src)
{
	int ret = 0;

	if (__skbext_cfg.epoch[0])
		ret = skbext_store_share(__skbext_hash_of(dst), __skbext_hash_of(src));
	return ret < 0 ? -12 : ret;
}

/*
 * With SKBEXT_BOUNDED a payload is memory of its own size to the verifier, which knows that of a
 * slice of a dynptr. The dynptr must live as long as the slice, so it is the caller's: 16 bytes of
 * stack for each place that says skbext_add() or skbext_find().
 */
#ifdef SKBEXT_BOUNDED
struct __skbext_dynptr {
	__u64 opaque[2];
};

static inline __attribute__((always_inline, unused))
void *__skbext_sized(void *payload, __u32 size, struct __skbext_dynptr *ptr)
{
	if (!payload || bpf_dynptr_from_mem(payload, size, 0, (struct bpf_dynptr *)ptr))
		return (void *)0;
	return bpf_dynptr_data((struct bpf_dynptr *)ptr, 0, size);
}
#define __SKBEXT_SIZED(payload, size)	\
	__skbext_sized(payload, size, &(struct __skbext_dynptr){ { 0 } })
#else
#define __SKBEXT_SIZED(payload, size)	(payload)
#endif

/*
 * A tc program never has a packet that is being freed; a tracing program may, and skbext_bind()
 * looks where it will be attached.
 */
struct __sk_buff;
#define __SKBEXT_TRACED(skb)	\
	_Generic((skb), struct __sk_buff *: 0, const struct __sk_buff *: 0, default: 1)

static inline __attribute__((always_inline, unused)) void __skbext_mark_add(int traced)
{
	__u64 unused;

	if (traced)
		asm volatile("%0 = %1" : "=r"(unused) : "i"(SKBEXT_ADD_MARK));
}

/**
 * skbext_add - make extension @name active on this skb
 * @skb:  the program's skb; the caller is its owner at this moment
 * @name: a type of SKBEXT_TYPE()
 *
 * Not on a packet that has ended. The last places to add are tp_btf/kfree_skb and
 * fentry/skb_release_head_state: behind them nothing ends the record before the next packet gets
 * the sk_buff, and finds it. skbext_bind() refuses programs that add through a context that is not
 * a packet (xdp, sockops, kprobe...), at a tracepoint behind the packet's end or not known to be
 * before it, at fexit of functions that free a packet or pass it on, and in a section that does
 * not say where the program is attached. It cannot see, and programs must not do: adds at skb
 * destructors (sock_wfree(), sock_rfree()), at fexit of other functions that pass the packet on, in
 * a program whose section names another place than bpf_program__set_attach_target(), or in a
 * function that is not inlined.
 *
 * As skb_ext_add() of the kernel: what is shared with clones is copied first, an extension that is
 * active is returned as it is. A new payload is zeroed.
 * Returns: the payload, writable; NULL: no room (counted as add_failed), the skb is exactly as it
 * was.
 */
#define skbext_add(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	(__skbext_mark_add(__SKBEXT_TRACED(skb)),						\
	 (SKBEXT_TYPE_of_##name *)__SKBEXT_SIZED(__skbext_add(skb, __SKBEXT_REF(name),		\
		sizeof(SKBEXT_TYPE_of_##name)), sizeof(SKBEXT_TYPE_of_##name)))

/**
 * skbext_find - the payload of extension @name of this skb
 *
 * As skb_ext_find(): possibly shared with clones, therefore read only. To write, skbext_add() it.
 * Returns: the payload; NULL: not active.
 */
#define skbext_find(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	((const SKBEXT_TYPE_of_##name *)__SKBEXT_SIZED(						\
		(void *)__skbext_find(skb, __SKBEXT_REF(name)), sizeof(SKBEXT_TYPE_of_##name)))

/* A program that has the skb as a number cannot subtract pointers: the base is in the map. */
static inline __attribute__((always_inline, unused)) __u64 __skbext_hash_of_address(__u64 skb)
{
	return skbext_hash(skb - SKBEXT_STATE->base);
}

/**
 * skbext_find_addr - skbext_find() by the address of a struct sk_buff, as a number
 *
 * For kprobe, raw_tp and perf_event programs, which have no struct sk_buff the verifier knows. Read
 * only, and only while that packet lives: nothing here holds it.
 */
#define skbext_find_addr(address, name)	/* as SKBEXT_TYPE() declared it */ \
	((const SKBEXT_TYPE_of_##name *)__SKBEXT_SIZED(						\
		(void *)__skbext_find_hash(__skbext_hash_of_address(address),			\
					   __SKBEXT_REF(name)), sizeof(SKBEXT_TYPE_of_##name)))

/**
 * skbext_exist_addr - skbext_exist() by the address of a struct sk_buff, as a number
 */
#define skbext_exist_addr(address, name)	/* as SKBEXT_TYPE() declared it */ \
	__skbext_exist_hash(__skbext_hash_of_address(address), __SKBEXT_REF(name))

/**
 * skbext_exist - is extension @name active on this skb?
 */
#define skbext_exist(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	__skbext_exist(skb, __SKBEXT_REF(name))

/**
 * skbext_del - take extension @name from this skb; clones keep theirs
 *
 * As skb_ext_del(). Returns: 0, or -ENOENT: it was not active.
 */
#define skbext_del(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	__skbext_del(skb, __SKBEXT_REF(name))

/**
 * skbext_ref - add @name to this skb if it has none, and one reference to @id to its payload
 * @name: a type with SKBEXT_F_COUNTED, whose payload begins with SKBEXT_REFS()
 * @id:   below the number of counters (`load --refs`, default 1024)
 *
 * Counted until the packet and all who share its payload have ended; who writes to a shared one
 * (COW) has a reference of his own to each.
 * Returns: its place in refs.id; -EINVAL: not a counted type, not bound, or no such counter;
 * -ENOMEM: no room for a record; -ENOSPC: all places of the payload are taken. A failed one changes
 * nothing.
 */
#define skbext_ref(skb, name, what)							\
	__extension__								\
	({ _Static_assert(__builtin_offsetof(SKBEXT_TYPE_of_##name, refs) == 0,		\
			  "skbext: SKBEXT_REFS() is the first member of " #name);		\
	   _Static_assert(sizeof(((SKBEXT_TYPE_of_##name *)0)->refs) <=			\
			  (1 + SKBEXT_MAX_REFS) * sizeof(__u32), "skbext: too many refs");\
	   __skbext_mark_add(__SKBEXT_TRACED(skb));						\
	   __skbext_get(skb, __SKBEXT_REF(name), sizeof(SKBEXT_TYPE_of_##name),		\
			sizeof(((SKBEXT_TYPE_of_##name *)0)->refs.id) / sizeof(__u32), what); })

/**
 * skbext_refs_held - how many references to @id the objects of all packets hold
 */
#define skbext_refs_held(name, id)	__skbext_held(__SKBEXT_REF(name), id)

/**
 * skbext_reset - take all extensions from this skb, whoever added them
 */
#define skbext_reset(skb)	__skbext_reset(skb)

/**
 * skbext_copy - @dst shares what @src has, as skb_ext_copy()
 *
 * What @dst had is dropped first. Types with SKBEXT_F_NO_CLONE are not shared: that is their
 * owners' word.
 * Returns: 1: shared, 0: there was nothing to share, -ENOMEM: no room, @dst has nothing (counted as
 * share_failed).
 */
#define skbext_copy(dst, src)								\
	__extension__								\
	({ __skbext_mark_add(__SKBEXT_TRACED(dst));						\
	   __skbext_copy(dst, src); })

#pragma clang diagnostic pop

#endif /* SKBEXT_BPF_H */
