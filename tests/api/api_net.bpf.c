// SPDX-License-Identifier: GPL-2.0-only
/* skbext from the hooks that see a struct __sk_buff, with the kernel's exported headers alone. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_exercise.bpf.h"

SEC("tc")
int api_tc(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return TC_ACT_UNSPEC;
}

SEC("tcx/egress")
int api_tcx(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return TC_ACT_UNSPEC;	/* TCX_NEXT, which older headers do not know */
}

SEC("cgroup_skb/egress")
int api_cgroup_egress(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return 1;
}

SEC("cgroup_skb/ingress")
int api_cgroup_ingress(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return 1;
}

SEC("socket")
int api_socket(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return skb->len;
}

SEC("lwt_xmit")
int api_lwt_xmit(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return BPF_OK;
}

SEC("lwt_in")
int api_lwt_in(struct __sk_buff *skb)
{
	if (skb->mark == api_seen.mark)
		api_exercise(skb);
	return BPF_OK;
}

/* No mark to be read here; only the test's own sockets are in the map that this is attached to. */
SEC("sk_skb/stream_verdict")
int api_stream_verdict(struct __sk_buff *skb)
{
	api_exercise(skb);
	return SK_PASS;
}

char _license[] SEC("license") = "GPL";
