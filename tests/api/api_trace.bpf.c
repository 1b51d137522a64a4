// SPDX-License-Identifier: GPL-2.0-only
/* skbext from tracing programs. They see all packets; the mark tells which are the test's. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "api_exercise.bpf.h"

SEC("tp_btf/net_dev_queue")
int BPF_PROG(api_net_dev_queue, struct sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(api_netif_receive_skb, struct sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(api_kfree_skb, struct sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return 0;
}

SEC("fentry/ip_rcv")
int BPF_PROG(api_fentry, struct sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return 0;
}

char _license[] SEC("license") = "GPL";
