// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds at later hooks what api_write.bpf.c wrote at tc egress: the same type, named by two
 * objects. Its own type lies beside it, added at tc ingress, and neither disturbs the other.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

#define NF_ACCEPT	1
#define TC_ACT_UNSPEC	(-1)

SKBEXT_TYPE(api_note, struct api_note);
SKBEXT_TYPE(api_tag, struct api_tag);

struct api_seen api_seen;

/* @headers: what skb->len counts at this hook beside the UDP payload. */
static __always_inline void api_read(void *skb, __u32 len, __u32 headers, enum api_place place)
{
	const struct api_note *note = skbext_find(skb, api_note);

	api_seen.runs++;
	if (note && note->stamp == API_NOTE_STAMP && note->id == API_NOTE_ID &&
	    note->bytes == len - headers)
		api_seen.right[place]++;
	else
		api_seen.wrong[place]++;
}

SEC("tc")
int api_read_tc(struct __sk_buff *skb)
{
	struct api_tag *tag;

	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	tag = skbext_add(skb, api_tag);
	if (tag) {
		tag->text[0] = skb->len;
		api_seen.added++;
	}
	api_read(skb, skb->len, API_ETH_UDP_LEN, API_TC_INGRESS);
	return TC_ACT_UNSPEC;
}

SEC("netfilter")
int api_read_netfilter(struct bpf_nf_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;

	if (skb->mark == api_seen.mark)
		api_read(skb, skb->len, API_IP_UDP_LEN, API_NETFILTER_IN);
	return NF_ACCEPT;
}

SEC("cgroup_skb/ingress")
int api_read_cgroup(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_read(skb, skb->len, API_IP_UDP_LEN, API_CGROUP_INGRESS);
	return 1;
}

SEC("socket")
int api_read_socket(struct __sk_buff *skb)
{
	const struct api_tag *tag = skbext_find(skb, api_tag);

	if (skb->mark != api_seen.mark)
		return skb->len;
	if (tag && tag->text[0] == (__u8)(skb->len - API_UDP_LEN + API_ETH_UDP_LEN))
		api_seen.found++;
	api_read(skb, skb->len, API_UDP_LEN, API_SOCKET);
	return skb->len;
}

/* Where a packet without a receiver ends. UDP has pulled nothing but its own header by then. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(api_read_kfree_skb, struct sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_read(skb, skb->len, API_UDP_LEN, API_KFREE_SKB);
	return 0;
}

char _license[] SEC("license") = "GPL";
