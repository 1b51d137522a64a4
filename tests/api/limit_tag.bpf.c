// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two types for packets of a test: limit_held, which has a max, and limit_other, which has none. A
 * packet's UDP payload says by its first byte which it gets, and whether it loses it again.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

struct limit_held { __u64 stamp; __u32 id; };
struct limit_other { __u8 text[5]; };

SKBEXT_TYPE(limit_held, struct limit_held);
SKBEXT_TYPE(limit_other, struct limit_other);

struct api_seen seen;

static __attribute__((always_inline)) __u8 what(struct __sk_buff *skb)
{
	__u8 first = 0;

	if (skb->mark == seen.mark)
		bpf_skb_load_bytes(skb, API_ETH_UDP_LEN, &first, sizeof(first));
	return first;
}

/* right, wrong: adds that were granted and refused, of each type. */
SEC("tc")
int limit_tag(struct __sk_buff *skb)
{
	__u8 first = what(skb);

	if (first == 'o' || first == 'b')
		skbext_add(skb, limit_other) ? seen.right[1]++ : seen.wrong[1]++;
	if (first == 'h' || first == 'b' || first == 'd')
		skbext_add(skb, limit_held) ? seen.right[0]++ : seen.wrong[0]++;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int limit_look(struct __sk_buff *skb)
{
	__u8 first = what(skb);

	if (first == 'd')
		skbext_del(skb, limit_held);
	else if (first && skbext_exist(skb, limit_held))
		seen.found++;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
