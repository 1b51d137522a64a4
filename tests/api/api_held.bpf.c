// SPDX-License-Identifier: GPL-2.0-only
/* For a stock loader: a note on each UDP packet that stays with it while it waits to be read. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

#define PROTOCOL_AT	(ETH_HLEN + 9)

struct api_held {
	__u32 bytes;
	__u16 color;
	__u8 deep[3];
};
SKBEXT_TYPE(api_held, struct api_held);

SEC("tc")
int api_hold(struct __sk_buff *skb)
{
	struct api_held *held;
	__u8 protocol = 0;

	bpf_skb_load_bytes(skb, PROTOCOL_AT, &protocol, sizeof(protocol));
	if (protocol != IPPROTO_UDP)
		return TC_ACT_UNSPEC;
	held = skbext_add(skb, api_held);
	if (held) {
		held->bytes = skb->len;
		held->color = 4711;
		held->deep[2] = 9;
	}
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
