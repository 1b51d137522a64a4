// SPDX-License-Identifier: GPL-2.0-only
/* All eight types on one packet, filling an object to the last byte. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

SKBEXT_TYPE(api_fat0, struct api_fat);
SKBEXT_TYPE(api_fat1, struct api_fat);
SKBEXT_TYPE(api_fat2, struct api_fat);
SKBEXT_TYPE(api_fat3, struct api_fat);
SKBEXT_TYPE(api_fat4, struct api_fat);
SKBEXT_TYPE(api_fat5, struct api_fat);
SKBEXT_TYPE(api_fat6, struct api_fat);
SKBEXT_TYPE(api_fat7, struct api_last);

struct api_seen api_seen;

/* No two types hold the same byte at the same place. */
#define API_FILL(skb, name, seed)							\
	do {										\
		SKBEXT_TYPE_of_##name *__p = skbext_add(skb, name);			\
		if (!__p)								\
			break;								\
		for (__u32 __i = 0; __i < sizeof(*__p); __i++)				\
			__p->b[__i] = (seed) * 31 + __i;				\
		api_seen.added++;							\
	} while (0)

#define API_MATCH(skb, name, seed)							\
	do {										\
		const SKBEXT_TYPE_of_##name *__p = skbext_find(skb, name);		\
		__u32 __bad = 0;							\
		if (!__p)								\
			break;								\
		for (__u32 __i = 0; __i < sizeof(*__p); __i++)				\
			__bad |= __p->b[__i] ^ (__u8)((seed) * 31 + __i);		\
		if (__bad)								\
			api_seen.wrong[API_TC_INGRESS]++;				\
		else									\
			api_seen.right[API_TC_INGRESS]++;				\
	} while (0)

SEC("tc")
int api_eight_write(struct __sk_buff *skb)
{
	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	API_FILL(skb, api_fat0, 0);
	API_FILL(skb, api_fat1, 1);
	API_FILL(skb, api_fat2, 2);
	API_FILL(skb, api_fat3, 3);
	API_FILL(skb, api_fat4, 4);
	API_FILL(skb, api_fat5, 5);
	API_FILL(skb, api_fat6, 6);
	API_FILL(skb, api_fat7, 7);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int api_eight_read(struct __sk_buff *skb)
{
	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	API_MATCH(skb, api_fat0, 0);
	API_MATCH(skb, api_fat1, 1);
	API_MATCH(skb, api_fat2, 2);
	API_MATCH(skb, api_fat3, 3);
	API_MATCH(skb, api_fat4, 4);
	API_MATCH(skb, api_fat5, 5);
	API_MATCH(skb, api_fat6, 6);
	API_MATCH(skb, api_fat7, 7);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
