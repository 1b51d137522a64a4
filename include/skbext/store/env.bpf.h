/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the store is told in a BPF program: the maps of a loaded skbext, and the configuration that
 * skbext_bind() writes.
 */
#ifndef SKBEXT_STORE_ENV_BPF_H
#define SKBEXT_STORE_ENV_BPF_H

#include <skbext/layout.h>
#include <skbext/store/verifier.h>

/* vmlinux.h has no macros. */
#ifndef ENOENT
#define ENOENT 2
#endif
#ifndef ENOMEM
#define ENOMEM 12
#endif
#ifndef EINVAL
#define EINVAL 22
#endif
#ifndef ENOSPC
#define ENOSPC 28
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
 * The fronts begin SKBEXT_GAP bytes behind. They have a symbol, because the compiler would add the
 * distance in each program (BPFTargetLowering::isOffsetFoldingLegal()), and only the assembler knows
 * it (V8).
 */
_Static_assert(SKBEXT_GAP == 128, "skbext: the symbol is elsewhere");
asm(".set __skbext_fronts, __skbext_slots + 128");

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

/* skbext_bind() writes it; V7. */
#define __SKBEXT_CFG(member)	__builtin_offsetof(struct skbext_cfg, member) / sizeof(__u32)
const volatile __u32 __skbext_cfg[sizeof(struct skbext_cfg) / sizeof(__u32)]
	__attribute__((section(".rodata.skbext"), weak)) = {
	[__SKBEXT_CFG(version)] = SKBEXT_LAYOUT_VERSION,
	[__SKBEXT_CFG(buckets)] = 1,
	[__SKBEXT_CFG(payload)] = SKBEXT_MAX_PAYLOAD,
	[__SKBEXT_CFG(cpus)] = 1,
	[__SKBEXT_CFG(mask)] = SKBEXT_MASK_OF(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(entering)] = SKBEXT_MASK_OF(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(front)] = SKBEXT_FRONT(SKBEXT_MAX_PAYLOAD),
	[__SKBEXT_CFG(lines)] = SKBEXT_FRONT(SKBEXT_MAX_PAYLOAD) / SKBEXT_LINE,
	[__SKBEXT_CFG(rest_at)] = SKBEXT_REST_AT(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(rest)] = SKBEXT_REST(SKBEXT_MAX_PAYLOAD),
	[__SKBEXT_CFG(objects_at)] = SKBEXT_OBJECTS_AT(SKBEXT_MAX_PAYLOAD, 1),
	[__SKBEXT_CFG(object)] = SKBEXT_OBJECT(SKBEXT_MAX_PAYLOAD),
};
#define __skbext_cfg		(*(const volatile struct skbext_cfg *)__skbext_cfg)

/* The surroundings that the store asks for (store.h). */
#define SKBEXT_FN		__attribute__((weak, noinline))
#define SKBEXT_BUCKETS		(__skbext_cfg.buckets)
#define SKBEXT_ROOM		(__skbext_cfg.payload)
#define SKBEXT_LAST_HOME	(__skbext_cfg.last_home)
#define SKBEXT_MASK		(__skbext_cfg.mask)
#define SKBEXT_ENTERING		(__skbext_cfg.entering)
#define SKBEXT_LEAVING		(__skbext_cfg.leaving)
#define SKBEXT_FRONT_SIZE	((__u64)__skbext_cfg.front)
#define SKBEXT_LINES		((__u64)__skbext_cfg.lines)
#define SKBEXT_AT_REST		((__u64)__skbext_cfg.rest_at)
#define SKBEXT_REST_SIZE	((__u64)__skbext_cfg.rest)
#define SKBEXT_AT_OBJECTS	((__u64)__skbext_cfg.objects_at)
#define SKBEXT_OBJECT_SIZE	((__u64)__skbext_cfg.object)

/*
 * Eight bytes of the stack, of which four are read: the compiler may keep a value of the program in
 * the other half, and the verifier would forget it (V4).
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

static inline __attribute__((always_inline, unused)) void skbext_look(void);	/* watch.bpf.h */

#endif /* SKBEXT_STORE_ENV_BPF_H */
