// SPDX-License-Identifier: GPL-2.0-only
/*
 * What would a hash keyed by the skb's address have done on this traffic, had it been cleaned at
 * these hooks, or at those? Every packet that is queued to a device, or comes from one through GRO,
 * is marked under its address with one bit per set of hooks. A hook clears the bits of the sets it
 * is in. A bit that is still there when an skb is born at that address is a stale record of that
 * set. So all sets are compared on the same packets, and what is loaded beside takes no part.
 *
 * Two programs at each hook, as in exact.bpf.c and for the same reason: else what the kernel skips
 * would look like a leak of the hook.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "measure.h"

#define SECOND_OF_PAIR	bpf_core_type_size(struct sk_buff)

const volatile __u64 sets;			/* all of them */
const volatile __u64 complete;			/* the one with every hook of this kernel's mode */
const volatile __u64 clears[MEASURE_HOOKS];	/* sets that a hook is in */
const volatile __u64 counted[MEASURE_HOOKS];	/* the one of them that counts its releases */
const volatile struct measure_site sites[MEASURE_SITES];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEASURE_MARKS);
	__type(key, __u64);
	__type(value, __u64);
} marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct measure_counts);
} counts SEC(".maps");

/* Atomic: an interrupt may come between, with a program that counts the same. */
#define COUNT(what)						\
	do {							\
		__u32 __zero = 0;				\
		struct measure_counts *__c = bpf_map_lookup_elem(&counts, &__zero);	\
								\
		if (__c)					\
			__sync_fetch_and_add(&__c->what, 1);	\
	} while (0)

static __always_inline void count_stale(__u64 dirty)
{
	for (int i = 0; i < MEASURE_SETS; i++)
		if (dirty & 1ULL << i)
			COUNT(stale[i]);
}

/* The delete may fail (-EBUSY): a mark without bits means nothing. */
static __always_inline void end(__u64 skb, enum measure_hook hook)
{
	__u64 *mark = bpf_map_lookup_elem(&marks, &skb);
	__u64 had;

	if (!mark)
		return;
	had = __sync_fetch_and_and(mark, ~clears[hook]);
	if (had & counted[hook])
		COUNT(released[hook]);
	if (!(had & ~clears[hook]))
		bpf_map_delete_elem(&marks, &skb);
}

static __always_inline void born(__u64 skb)
{
	__u64 *mark = bpf_map_lookup_elem(&marks, &skb);

	if (!mark)
		return;
	count_stale(__sync_fetch_and_and(mark, 0));
	bpf_map_delete_elem(&marks, &skb);
}

/* 0: the same packet once more. */
static __always_inline int mark_packet(__u64 skb)
{
	__u64 *mark = bpf_map_lookup_elem(&marks, &skb), all = sets, had = 0;

	if (mark)
		had = __sync_fetch_and_or(mark, all);
	if (had & complete)
		return 0;
	count_stale(had);		/* a birth that nothing shows */
	if (mark || !bpf_map_update_elem(&marks, &skb, &all, BPF_ANY))
		return 1;
	COUNT(lost);
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(mark_net_dev_queue, struct sk_buff *skb)
{
	if (mark_packet((__u64)skb))
		COUNT(tagged);
	return 0;
}

/* For the hooks in GRO: what is sent never comes there, but for veth's. */
SEC("?tp_btf/napi_gro_receive_entry")
int BPF_PROG(mark_napi_gro_receive_entry, const struct sk_buff *skb)
{
	if (mark_packet((__u64)skb))
		COUNT(tagged_gro);
	return 0;
}

SEC("?tp_btf/napi_gro_frags_entry")
int BPF_PROG(mark_napi_gro_frags_entry, const struct sk_buff *skb)
{
	if (mark_packet((__u64)skb))
		COUNT(tagged_gro);
	return 0;
}

/* The first program counts how often the hook fires; user space adds what was skipped of it. */
#define HOOK(section, name, hook, ...)						\
	SEC(section #name) int BPF_PROG(name, __VA_ARGS__)			\
	{									\
		COUNT(fired[hook]);						\
		end((__u64)skb, hook);						\
		return 0;							\
	}									\
	SEC(section #name) int BPF_PROG(name##_2, __VA_ARGS__)			\
	{									\
		end((__u64)skb, hook);						\
		return 0;							\
	}

HOOK("?tp_btf/", kfree_skb, MEASURE_KFREE_SKB, struct sk_buff *skb)
HOOK("?tp_btf/", consume_skb, MEASURE_CONSUME_SKB, struct sk_buff *skb)

HOOK("?fentry/", kfree_skbmem, MEASURE_KFREE_SKBMEM, struct sk_buff *skb)
HOOK("?fentry/", skb_release_head_state, MEASURE_RELEASE_HEAD_STATE, struct sk_buff *skb)
HOOK("?fentry/", __consume_stateless_skb, MEASURE_CONSUME_STATELESS, struct sk_buff *skb)
HOOK("?fentry/", napi_skb_free_stolen_head, MEASURE_STOLEN_HEAD, struct sk_buff *skb)
HOOK("?fentry/", napi_reuse_skb, MEASURE_REUSE, struct napi_struct *napi, struct sk_buff *skb)

HOOK("?tp_btf/", tcp_probe, MEASURE_TCP_PROBE, struct sock *sk, const struct sk_buff *skb)
HOOK("?tp_btf/", skb_copy_datagram_iovec, MEASURE_COPY_DATAGRAM, const struct sk_buff *skb)

/* The slab's tracepoints, as bpf/tracepoint.bpf.c has them; see there for the fclone pairs. */
#define MAY_BE_SKB(object) (!((__u64)(object) & 63))

static __always_inline void end_memory(__u64 object)
{
	end(object, MEASURE_SLAB_FREE);
	end(object + SECOND_OF_PAIR, MEASURE_SLAB_FREE);
}

SEC("?raw_tp/kmem_cache_free")
int BPF_PROG(kmem_cache_free, unsigned long call_site, const void *object)
{
	if (!MAY_BE_SKB(object))
		return 0;
	COUNT(fired[MEASURE_SLAB_FREE]);
	end_memory((__u64)object);
	return 0;
}

SEC("?raw_tp/kmem_cache_free")
int BPF_PROG(kmem_cache_free_2, unsigned long call_site, const void *object)
{
	if (MAY_BE_SKB(object))
		end_memory((__u64)object);
	return 0;
}

/* The caches may be merged with others: who takes the memory tells whether an skb is born. */
static __always_inline bool takes_skbs(__u64 call_site)
{
	for (int i = 0; i < MEASURE_SITES; i++)
		if (call_site >= sites[i].from && call_site < sites[i].to)
			return true;
	return false;
}

SEC("?raw_tp/kmem_cache_alloc")
int BPF_PROG(birth_kmem_cache_alloc, unsigned long call_site, const void *object)
{
	if (!MAY_BE_SKB(object) || !takes_skbs(call_site))
		return 0;
	COUNT(births);
	born((__u64)object);
	born((__u64)object + SECOND_OF_PAIR);
	return 0;
}

/* Some of these call each other: the inner one has taken the mark, but both count as births. */
#define BIRTH(function)							\
	SEC("?fexit/" #function) int birth_##function(void *ctx)	\
	{								\
		__u64 skb = 0;						\
									\
		bpf_get_func_ret(ctx, &skb);				\
		if (!skb)						\
			return 0;					\
		COUNT(births);						\
		born(skb);						\
		return 0;						\
	}

BIRTH(__alloc_skb)
BIRTH(__napi_alloc_skb)		/* up to 6.9 */
BIRTH(napi_alloc_skb)
BIRTH(__netdev_alloc_skb)
BIRTH(__build_skb)
BIRTH(build_skb)
BIRTH(napi_build_skb)
BIRTH(slab_build_skb)		/* from 6.2 */
BIRTH(skb_clone)

/* The driver's next packet, in the same sk_buff. */
SEC("?fexit/napi_reuse_skb")
int BPF_PROG(birth_napi_reuse_skb, struct napi_struct *napi, struct sk_buff *skb)
{
	COUNT(births);
	born((__u64)skb);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
