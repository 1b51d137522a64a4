// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bridge netfilter without the kernel's SKB_EXT_BRIDGE_NF: the ports of a bridged packet are noted
 * where they are known, and a netfilter program at the IP hooks decides on them. The last program
 * compares with the kernel's own extension, packet by packet.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "brnf.h"

#define ETH_P_IP	0x0800
#define ETH_HLEN	14
#define IP_DADDR	16	/* offsetof(struct iphdr, daddr) */
#define TC_ACT_UNSPEC	(-1)
#define NF_DROP		0
#define NF_ACCEPT	1
#define PRE_ROUTING	0	/* enum nf_inet_hooks */
#define OTHERHOST	3	/* PACKET_OTHERHOST of <linux/if_packet.h> */

SKBEXT_TYPE(bridge_note, struct bridge_note);

const volatile __u32 blocked_in, blocked_out;	/* ports; packets from the one to the other */
const volatile __u32 guarded;			/* packets that were sent to this address */

__u64 noted, dropped, compared, differing, missing;

/* Ingress of every port of the bridge. */
SEC("tc")
int brnf_in(struct __sk_buff *skb)
{
	struct bridge_note *note;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	note = skbext_add(skb, bridge_note);
	if (!note)
		return TC_ACT_UNSPEC;
	note->physin = skb->ifindex;
	note->pkt_type = skb->pkt_type;
	bpf_skb_load_bytes(skb, ETH_HLEN + IP_DADDR, &note->daddr, sizeof(note->daddr));
	__sync_fetch_and_add(&noted, 1);
	return TC_ACT_UNSPEC;
}

/* The kernel's struct bpf_nf_ctx, which vmlinux.h of a 6.1 does not have. */
struct brnf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/*
 * FORWARD, first: the bridge has set skb->dev to the outgoing port, while state->out is the bridge.
 * A flooded packet is a clone for every port, and each gets a note of its own by adding.
 */
SEC("netfilter")
int brnf_forward(struct brnf_nf_ctx *ctx)
{
	struct bridge_note *note = NULL;

	if (skbext_exist(ctx->skb, bridge_note))
		note = skbext_add(ctx->skb, bridge_note);
	if (note)
		note->physout = ctx->skb->dev->ifindex;
	return NF_ACCEPT;
}

/* FORWARD, as any rule. */
SEC("netfilter")
int brnf_decide(struct brnf_nf_ctx *ctx)
{
	const struct bridge_note *note = skbext_find(ctx->skb, bridge_note);

	if (!note)
		return NF_ACCEPT;
	if (!(note->physin == blocked_in && note->physout == blocked_out) &&
	    !(guarded && note->daddr == guarded))
		return NF_ACCEPT;
	__sync_fetch_and_add(&dropped, 1);
	return NF_DROP;
}

/* ---- Is it what the kernel has? */

/* Of all kernels: 6.8 and some stable ones have physinif instead of physindev. */
struct nf_bridge_info___any {
	__u8 pkt_otherhost : 1;
	int physinif;
	struct net_device *physindev;
	struct net_device *physoutdev;
	__be32 ipv4_daddr;
} __attribute__((preserve_access_index));

enum skb_ext_id___any {
	SKB_EXT_BRIDGE_NF___any,
};

static __always_inline struct nf_bridge_info___any *native_info(struct sk_buff *skb)
{
	__u32 id = bpf_core_enum_value(enum skb_ext_id___any, SKB_EXT_BRIDGE_NF___any);
	void *ext = BPF_CORE_READ(skb, extensions);
	__u8 chunk = 0;

	if (!(BPF_CORE_READ(skb, active_extensions) & 1 << id))
		return NULL;
	bpf_probe_read_kernel(&chunk, 1, ext + bpf_core_field_offset(struct skb_ext, offset) + id);
	return ext + chunk * 8;
}

static __always_inline __u32 native_physin(struct nf_bridge_info___any *info)
{
	return bpf_core_field_exists(info->physinif) ? BPF_CORE_READ(info, physinif) :
						       BPF_CORE_READ(info, physindev, ifindex);
}

static __always_inline bool differs(const struct bridge_note *note,
				    struct nf_bridge_info___any *info, bool pre_routing)
{
	if (note->physin != native_physin(info) ||
	    (note->pkt_type == OTHERHOST) != BPF_CORE_READ_BITFIELD_PROBED(info, pkt_otherhost))
		return true;
	/* The kernel's address shares its place with what it needs later; its port is set after. */
	if (pre_routing)
		return note->daddr != BPF_CORE_READ(info, ipv4_daddr);
	return note->physout != (__u32)BPF_CORE_READ(info, physoutdev, ifindex);
}

/* PRE_ROUTING, FORWARD and POST_ROUTING. A packet that has neither was not bridged. */
SEC("netfilter")
int brnf_compare(struct brnf_nf_ctx *ctx)
{
	const struct bridge_note *note = skbext_find(ctx->skb, bridge_note);
	struct nf_bridge_info___any *info = native_info(ctx->skb);

	if (!note && info) {
		__sync_fetch_and_add(&missing, 1);
	} else if (note) {
		__sync_fetch_and_add(&compared, 1);
		if (!info || differs(note, info, ctx->state->hook == PRE_ROUTING))
			__sync_fetch_and_add(&differing, 1);
	}
	return NF_ACCEPT;
}

char LICENSE[] SEC("license") = "GPL";
