// SPDX-License-Identifier: GPL-2.0-only
/* One note, written at one hook and read at another: a writer or a reader for each. */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

#define NF_ACCEPT	1
#define TC_ACT_UNSPEC	(-1)

SKBEXT_TYPE(api_note, struct api_note);

struct api_seen api_seen;

/* tc_rdonly: what find returns may not be written to, which is a promise of its type. */
_Static_assert(__builtin_types_compatible_p(typeof(skbext_find((void *)0, api_note)),
					    const struct api_note *), "tc_rdonly");

static __always_inline void fill(struct api_note *note, __u32 bytes)
{
	api_seen.runs++;
	if (!note)
		return;
	note->stamp = API_NOTE_STAMP;
	note->id = API_NOTE_ID;
	note->bytes = bytes;
	api_seen.added++;
}

static __always_inline void compare(const struct api_note *note, __u32 bytes)
{
	if (note && note->stamp == API_NOTE_STAMP && note->id == API_NOTE_ID &&
	    note->bytes == bytes)
		api_seen.right[0]++;
	else if (note)
		api_seen.wrong[0]++;
	else
		api_seen.found++;	/* a packet without */
}

/* @headers: what skb->len counts at this hook beside the UDP payload, which tells packets apart. */
#define WRITE(skb, headers)								\
	do {										\
		if ((skb)->mark == api_seen.mark)					\
			fill(skbext_add(skb, api_note), (skb)->len - (headers));	\
	} while (0)

#define READ(skb, headers)								\
	do {										\
		if ((skb)->mark == api_seen.mark)					\
			compare(skbext_find(skb, api_note), (skb)->len - (headers));	\
	} while (0)

#define HOOK(section, name, what, headers, verdict)	\
	SEC(section) int name(struct __sk_buff *skb)	\
	{						\
		what(skb, headers);			\
		return verdict;				\
	}

HOOK("tc", write_tc_egress, WRITE, API_ETH_UDP_LEN, TC_ACT_UNSPEC)
HOOK("tc", read_tc_egress, READ, API_ETH_UDP_LEN, TC_ACT_UNSPEC)
HOOK("tc", read_tc_ingress, READ, API_ETH_UDP_LEN, TC_ACT_UNSPEC)
HOOK("cgroup_skb/egress", write_cgroup_egress, WRITE, API_IP_UDP_LEN, 1)
HOOK("cgroup_skb/ingress", write_cgroup_ingress, WRITE, API_IP_UDP_LEN, 1)
HOOK("cgroup_skb/ingress", read_cgroup_ingress, READ, API_IP_UDP_LEN, 1)
HOOK("socket", read_socket, READ, API_UDP_LEN, skb->len)
HOOK("socket", write_socket_drop, WRITE, API_UDP_LEN, 0)
HOOK("lwt_xmit", write_lwt_xmit, WRITE, API_IP_UDP_LEN, BPF_OK)
HOOK("lwt_in", read_lwt_in, READ, API_IP_UDP_LEN, BPF_OK)

SEC("netfilter")
int write_netfilter(struct bpf_nf_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;

	WRITE(skb, API_IP_UDP_LEN);
	return NF_ACCEPT;
}

SEC("netfilter")
int read_netfilter(struct bpf_nf_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;

	READ(skb, API_IP_UDP_LEN);
	return NF_ACCEPT;
}

#define TRACE(section, name, what, headers)			\
	SEC(section) int BPF_PROG(name, struct sk_buff *skb)	\
	{							\
		what(skb, headers);				\
		return 0;					\
	}

/* The series lets no tracing program create a record. */
TRACE("tp_btf/net_dev_queue", write_tp_btf, WRITE, API_ETH_UDP_LEN)
TRACE("tp_btf/netif_receive_skb", read_tp_btf, READ, API_IP_UDP_LEN)
TRACE("fentry/ip_rcv", write_fentry, WRITE, API_IP_UDP_LEN)
TRACE("fentry/ip_rcv", read_fentry, READ, API_IP_UDP_LEN)
/* UDP has pulled nothing but its own header where a packet without a receiver ends. */
TRACE("tp_btf/kfree_skb", read_kfree_skb, READ, API_UDP_LEN)

/* Nor one of LSM. Between the cgroup's programs and the socket's filter: sk_filter_trim_cap(). */
SEC("lsm/socket_sock_rcv_skb")
int BPF_PROG(write_lsm, struct sock *sk, struct sk_buff *skb)
{
	WRITE(skb, API_UDP_LEN);
	return 0;
}

SEC("lsm/socket_sock_rcv_skb")
int BPF_PROG(read_lsm, struct sock *sk, struct sk_buff *skb)
{
	READ(skb, API_UDP_LEN);
	return 0;
}

char _license[] SEC("license") = "GPL";
