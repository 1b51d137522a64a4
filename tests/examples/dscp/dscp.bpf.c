// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preserve DSCP across a tunnel, per packet: noted on it before it is encapsulated, written to the
 * outer header after. A queue or an unresolved next hop in between does not matter.
 *
 * Beside it the way without extensions, to compare: a map with the flow's hash as key.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

#define ETH_P_IP	0x0800
#define ETH_P_IPV6	0x86dd
#define ETH_HLEN	14
#define IP_CHECK	10	/* offsetof(struct iphdr, check) */
#define DSCP		0xfc	/* of the TOS byte; the rest is ECN, the tunnel's business */
#define TC_ACT_UNSPEC	(-1)

/* Tunnels end what a packet carries (skb_scrub_packet()): this lives on. */
SKBEXT_TYPE_FLAGS(inner_dscp, __u8, SKBEXT_F_KEEP_SCRUB);

/* DSCP of the first IP header, IPv4 or IPv6; negative: there is none. */
static __always_inline int dscp_of(struct __sk_buff *skb)
{
	__be16 word;

	if (bpf_skb_load_bytes_relative(skb, 0, &word, sizeof(word), BPF_HDR_START_NET))
		return -1;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return bpf_ntohs(word) & DSCP;
	return skb->protocol == bpf_htons(ETH_P_IPV6) ? bpf_ntohs(word) >> 4 & DSCP : -1;
}

/* The DSCP of the outer header, which is IPv4 on Ethernet here. */
static __always_inline void set_dscp(struct __sk_buff *skb, __u32 dscp)
{
	__be16 old, new;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &old, sizeof(old)))
		return;
	new = (old & ~bpf_htons(DSCP)) | bpf_htons(dscp);
	bpf_l3_csum_replace(skb, ETH_HLEN + IP_CHECK, old, new, sizeof(new));
	bpf_skb_store_bytes(skb, ETH_HLEN, &new, sizeof(new), 0);
}

/* Egress of the tunnel device. */
SEC("tc")
int dscp_note(struct __sk_buff *skb)
{
	int dscp = dscp_of(skb);
	__u8 *note = dscp < 0 ? NULL : skbext_add(skb, inner_dscp);

	if (note)
		*note = dscp;
	return TC_ACT_UNSPEC;
}

/* Egress of the device below it. A packet without a note came through no tunnel. */
SEC("tc")
int dscp_apply(struct __sk_buff *skb)
{
	const __u8 *note = skbext_find(skb, inner_dscp);

	if (note)
		set_dscp(skb, *note);
	return TC_ACT_UNSPEC;
}

/* ---- By flow: right as long as all packets of a hash that are under way have the same DSCP. */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} flow_dscp SEC(".maps");

SEC("tc")
int flow_note(struct __sk_buff *skb)
{
	__u32 hash = bpf_get_hash_recalc(skb);
	int dscp = dscp_of(skb);

	if (dscp >= 0)
		bpf_map_update_elem(&flow_dscp, &hash, &dscp, BPF_ANY);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int flow_apply(struct __sk_buff *skb)
{
	__u32 hash = bpf_get_hash_recalc(skb);
	__u32 *dscp = bpf_map_lookup_elem(&flow_dscp, &hash);

	if (dscp)
		set_dscp(skb, *dscp);
	return TC_ACT_UNSPEC;
}

/* ---- At the other end: is it right? */

const volatile __u32 inner_at;	/* bytes before the inner IPv4 header */

__u64 compared, differing;

SEC("tc")
int dscp_check(struct __sk_buff *skb)
{
	int outer = dscp_of(skb);
	__u8 inner[2];

	/* Not the neighbour's ARP, outside or inside of the tunnel. */
	if (outer < 0 || bpf_skb_load_bytes(skb, inner_at, inner, sizeof(inner)) ||
	    inner[0] != 0x45)
		return TC_ACT_UNSPEC;
	__sync_fetch_and_add(&compared, 1);
	if (outer != (inner[1] & DSCP))
		__sync_fetch_and_add(&differing, 1);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
