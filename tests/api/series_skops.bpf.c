// SPDX-License-Identifier: GPL-2.0-only
/*
 * sock_ops programs, at two events that have an skb: a connection was accepted, and options are
 * written into what is sent. The ctx is no skb here; the kernel's own struct behind it points to
 * one, and read from there it is a number. A connection's packets are told by the client's port.
 */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

#define TC_ACT_UNSPEC	(-1)
#define SOURCE_PORT	(14 + 20)
#define OPTION_LEN	4

SKBEXT_TYPE(api_note, struct api_note);
#define REF __SKBEXT_TYPE(api_note)

struct api_seen api_seen;

static __always_inline __u64 skb_hash(struct bpf_sock_ops *ctx)
{
	__u64 skb = (__u64)BPF_CORE_READ((struct bpf_sock_ops_kern *)ctx, skb);

	return skbext_hash(skb - SKBEXT_STATE->base);
}

static __always_inline void fill(struct api_note *note, __u32 port)
{
	api_seen.runs++;
	if (!note)
		return;
	note->id = API_NOTE_ID;
	note->bytes = port;
	api_seen.added++;
}

static __always_inline void compare(const struct api_note *note, __u32 port)
{
	if (note && note->id == API_NOTE_ID && note->bytes == port)
		api_seen.right[0]++;
	else if (note)
		api_seen.wrong[0]++;
	else
		api_seen.found++;
}

static __always_inline __u32 source_port(struct __sk_buff *skb)
{
	__be16 port = 0;

	bpf_skb_load_bytes(skb, SOURCE_PORT, &port, sizeof(port));
	return bpf_ntohs(port);
}

SEC("tc")
int write_tc_tcp(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		fill(skbext_add(skb, api_note), source_port(skb));
	return TC_ACT_UNSPEC;
}

SEC("tc")
int read_tc_tcp(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		compare(skbext_find(skb, api_note), source_port(skb));
	return TC_ACT_UNSPEC;
}

SEC("sockops")
int read_skops(struct bpf_sock_ops *ctx)
{
	struct skbext_object *obj;

	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 1;
	obj = skbext_store_find(skb_hash(ctx), REF->active);
	compare(obj ? __skbext_payload(obj, REF->offset) : NULL, bpf_ntohl(ctx->remote_port));
	return 1;
}

/* Without an option of its own the program is not asked when options are written. */
SEC("sockops")
int write_skops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		bpf_reserve_hdr_opt(ctx, OPTION_LEN, 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		fill(skbext_store_add(skb_hash(ctx), REF->active, REF->offset,
				      sizeof(struct api_note)), ctx->local_port);
		break;
	}
	return 1;
}

char _license[] SEC("license") = "GPL";
