// SPDX-License-Identifier: GPL-2.0-only
/* One type that takes all the room there is. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

SKBEXT_TYPE(api_max, struct api_max);

struct api_seen api_seen;

SEC("tc")
int api_max_write(struct __sk_buff *skb)
{
	struct api_max *max;

	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	max = skbext_add(skb, api_max);
	if (!max)
		return TC_ACT_UNSPEC;
	for (__u32 i = 0; i < sizeof(*max); i++)
		max->b[i] = i ^ i >> 8;
	api_seen.added++;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int api_max_read(struct __sk_buff *skb)
{
	const struct api_max *max = skbext_find(skb, api_max);
	__u32 bad = 0;

	if (skb->mark != api_seen.mark || !max)
		return TC_ACT_UNSPEC;
	for (__u32 i = 0; i < sizeof(*max); i++)
		bad |= max->b[i] ^ (__u8)(i ^ i >> 8);
	if (bad)
		api_seen.wrong[API_TC_INGRESS]++;
	else
		api_seen.right[API_TC_INGRESS]++;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
