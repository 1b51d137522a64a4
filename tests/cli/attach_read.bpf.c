// SPDX-License-Identifier: GPL-2.0-only
/* Programs for several places in one object: what the last packet's trail was, as each saw it. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>

struct attach_trail { __u32 digits; };
SKBEXT_TYPE(attach_trail, struct attach_trail);

__u32 at_tc, at_cgroup, at_trace;

SEC("tcx/ingress")
int read_tc(struct __sk_buff *skb)
{
	const struct attach_trail *trail = skbext_find(skb, attach_trail);

	if (trail)
		at_tc = trail->digits;
	return -1;	/* TC_ACT_UNSPEC */
}

SEC("cgroup_skb/egress")
int write_cgroup(struct __sk_buff *skb)
{
	struct attach_trail *trail = skbext_add(skb, attach_trail);

	if (trail) {
		trail->digits = 9;
		at_cgroup++;
	}
	return 1;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(read_trace, struct sk_buff *skb)
{
	const struct attach_trail *trail = skbext_find(skb, attach_trail);

	if (trail)
		at_trace = trail->digits;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
