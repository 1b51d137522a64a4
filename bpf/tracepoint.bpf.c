// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mode for kernels that refuse fentry: release from what tracepoints tell, and purging where an
 * skb may be born. Clones cannot be followed. Where it is uncertain whether a packet is still the
 * same one, the record ends: better none than another packet's.
 */
#include "lifecycle.bpf.h"
#include "watch.bpf.h"

#define HASH(skb) __skbext_hash_of(skb)
#define IFF_LOOPBACK 0x8

/*
 * void pointers are scalars for the verifier, which takes pointer minus pointer,
 * but not scalar minus pointer.
 */
static __always_inline __u64 hash_of_address(const void *address)
{
	return skbext_hash((__u64)address - SKBEXT_STATE->base);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(skbext_kfree_skb, struct sk_buff *skb)
{
	if (release(HASH(skb)))
		skbext_count(SKBEXT_STAT_FATE_DROPPED);
	return 0;
}

SEC("tp_btf/consume_skb")
int BPF_PROG(skbext_consume_skb, struct sk_buff *skb)
{
	if (release(HASH(skb)))
		skbext_count(SKBEXT_STAT_FATE_CONSUMED);
	return 0;
}

/*
 * The slab tracepoints fire for every slab of the machine. The skb caches may be merged with others
 * and are not told apart by name, so the address decides: sk_buffs begin on a cache line
 * (SLAB_HWCACHE_ALIGN), and an object of the fclone cache holds a second one behind the first.
 */
#define MAY_BE_SKB(object) (!((__u64)(object) & 63))

/* raw_tp, because 6.1 refuses a void pointer as argument of tp_btf. */
SEC("raw_tp/kmem_cache_free")
int BPF_PROG(skbext_kmem_cache_free, unsigned long call_site, const void *object)
{
	if (!MAY_BE_SKB(object))
		return 0;
	release(hash_of_address(object));
	release(hash_of_address(object + SKBEXT_STATE->skb_size));
	return 0;
}

SEC("raw_tp/kmem_cache_alloc")
int BPF_PROG(skbext_kmem_cache_alloc, unsigned long call_site, const void *object)
{
	if (!MAY_BE_SKB(object))
		return 0;
	purge(hash_of_address(object));
	purge(hash_of_address(object + SKBEXT_STATE->skb_size));
	return 0;
}

/* Drivers take sk_buffs from the per-CPU NAPI cache and in bulk, which no slab tracepoint shows. */
SEC("tp_btf/napi_gro_receive_entry")
int BPF_PROG(skbext_napi_gro_receive_entry, const struct sk_buff *skb)
{
	purge(HASH(skb));
	return 0;
}

SEC("tp_btf/napi_gro_frags_entry")
int BPF_PROG(skbext_napi_gro_frags_entry, const struct sk_buff *skb)
{
	purge(HASH(skb));
	return 0;
}

SEC("tp_btf/netif_receive_skb_list_entry")
int BPF_PROG(skbext_netif_receive_skb_list_entry, const struct sk_buff *skb)
{
	purge(HASH(skb));
	return 0;
}

/* A packet that was received before (bridge, mirred) has skb_iif, one from a driver not yet. */
SEC("tp_btf/netif_receive_skb_entry")
int BPF_PROG(skbext_netif_receive_skb_entry, const struct sk_buff *skb)
{
	if (!skb->skb_iif)
		purge(HASH(skb));
	return 0;
}

/*
 * dev_forward_skb() of veth and others scrubs and ends in netif_rx();
 * loopback comes here unscrubbed.
 */
SEC("tp_btf/netif_rx_entry")
int BPF_PROG(skbext_netif_rx_entry, const struct sk_buff *skb)
{
	if (!(skb->dev->flags & IFF_LOOPBACK))
		keep(HASH(skb), SKBEXT_STATE->keep_scrub, SKBEXT_STAT_SCRUBBED);
	return 0;
}

/*
 * TCP frees what it received by __kfree_skb(), which fires nothing, and a retransmission then takes
 * the second sk_buff of an fclone pair again without any slab event: the record must end while the
 * segment is still in sight. What cannot be seen is tcp_add_backlog() merging it into another one:
 * sent again, such a segment finds its own metadata of the first time.
 */
SEC("tp_btf/tcp_probe")
int BPF_PROG(skbext_tcp_probe, struct sock *sk, const struct sk_buff *skb)
{
	release(HASH(skb));
	return 0;
}

/*
 * A datagram is read; since 6.18 its sk_buff then goes to the NAPI cache without a tracepoint.
 * Linear datagrams do not come by here (copy_linear_skb()) and wait for the purge.
 */
SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(skbext_skb_copy_datagram_iovec, const struct sk_buff *skb)
{
	release(HASH(skb));
	return 0;
}

/*
 * What a purge does not see while one is interrupted, it is not run for. Softirqs are where packets
 * are born meanwhile. (A tracepoint's programs are not preempted.)
 */
SEC("tp_btf/softirq_entry")
int BPF_PROG(skbext_softirq_entry)
{
	suspend(true);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
