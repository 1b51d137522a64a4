// SPDX-License-Identifier: GPL-2.0-only
/* skbext from a netfilter program: the skb is ctx->skb. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_exercise.bpf.h"

#define NF_ACCEPT 1

SEC("netfilter")
int api_netfilter(struct bpf_nf_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;

	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return NF_ACCEPT;
}

char _license[] SEC("license") = "GPL";
