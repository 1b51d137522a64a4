// SPDX-License-Identifier: GPL-2.0-only
/* Each program that a packet passes adds its digit to the packet's trail. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

struct attach_trail { __u32 digits; };
SKBEXT_TYPE(attach_trail, struct attach_trail);

static __always_inline int pass(struct __sk_buff *skb, __u32 digit)
{
	struct attach_trail *trail = skbext_add(skb, attach_trail);

	if (trail)
		trail->digits = trail->digits * 10 + digit;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int one(struct __sk_buff *skb)
{
	return pass(skb, 1);
}

SEC("tc")
int two(struct __sk_buff *skb)
{
	return pass(skb, 2);
}

SEC("tc")
int three(struct __sk_buff *skb)
{
	return pass(skb, 3);
}

char LICENSE[] SEC("license") = "GPL";
