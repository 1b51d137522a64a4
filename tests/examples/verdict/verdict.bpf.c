// SPDX-License-Identifier: GPL-2.0-only
/*
 * One verdict per packet, passed from tc ingress to netfilter to the socket. skb->mark is not
 * touched: it belongs to the administrator's rules.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "verdict.h"

#define ETH_P_IP	0x0800
#define PAYLOAD		42	/* of UDP over IPv4 on Ethernet */
#define TC_ACT_UNSPEC	(-1)
#define NF_DROP		0
#define NF_ACCEPT	1

SKBEXT_TYPE(verdict, struct packet_verdict);

__u64 judged, denied, quarantined, passed, without, unseen;

/* Ingress of the device. The first byte stands for the result of an inspection. */
SEC("tc")
int verdict_judge(struct __sk_buff *skb)
{
	struct packet_verdict *v;
	char first;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, PAYLOAD, &first, 1))
		return TC_ACT_UNSPEC;
	v = skbext_add(skb, verdict);
	if (!v)
		return TC_ACT_UNSPEC;
	v->action = first == 'd' ? VERDICT_DENY : first == 'q' ? VERDICT_QUARANTINE : VERDICT_PASS;
	__sync_fetch_and_add(&judged, 1);
	return TC_ACT_UNSPEC;
}

/* The kernel's struct bpf_nf_ctx, which vmlinux.h of a 6.1 does not have. */
struct verdict_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/* LOCAL_IN. To write to what may be shared with clones, add it: it is active already. */
SEC("netfilter")
int verdict_netfilter(struct verdict_nf_ctx *ctx)
{
	const struct packet_verdict *v = skbext_find(ctx->skb, verdict);
	struct packet_verdict *own;

	if (v && v->action == VERDICT_DENY) {
		__sync_fetch_and_add(&denied, 1);
		return NF_DROP;
	}
	own = v ? skbext_add(ctx->skb, verdict) : NULL;
	if (own)
		own->hooks++;
	return NF_ACCEPT;
}

/* The socket's own filter: how many bytes it takes, 0: none. */
SEC("socket")
int verdict_socket(struct __sk_buff *skb)
{
	const struct packet_verdict *v = skbext_find(skb, verdict);

	if (!v)
		__sync_fetch_and_add(&without, 1);
	else if (!v->hooks)
		__sync_fetch_and_add(&unseen, 1);
	if (v && v->action == VERDICT_QUARANTINE) {
		__sync_fetch_and_add(&quarantined, 1);
		return 0;
	}
	__sync_fetch_and_add(&passed, 1);
	return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
