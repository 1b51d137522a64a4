// SPDX-License-Identifier: GPL-2.0-only
/* The note is written by a program that is reached by a tail call alone. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

struct attach_trail { __u32 digits; };
SKBEXT_TYPE(attach_trail, struct attach_trail);

SEC("tc")
int land(struct __sk_buff *skb)
{
	struct attach_trail *trail = skbext_add(skb, attach_trail);

	if (trail)
		trail->digits = 7;
	return TC_ACT_UNSPEC;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int (struct __sk_buff *));
} jumps SEC(".maps") = { .values = { (void *)&land } };

SEC("tc")
int jump(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, 0);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
