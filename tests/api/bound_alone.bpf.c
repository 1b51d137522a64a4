// SPDX-License-Identifier: GPL-2.0-only
/* Bound, and then loaded by somebody who does not give it the maps. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

#define PAYLOAD_AT	(ETH_HLEN + 20 + 8)	/* of a UDP datagram */

struct alone_note {
	__u64 a, b;
};
SKBEXT_TYPE(alone_note, struct alone_note);

enum { ALONE_ADDED, ALONE_FAILED, ALONE_FOUND, ALONE_NOT_FOUND, ALONE_NR };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ALONE_NR);
	__type(key, __u32);
	__type(value, __u64);
} alone_seen SEC(".maps");

static void see(__u32 what)
{
	__u64 *seen = bpf_map_lookup_elem(&alone_seen, &what);

	if (seen)
		__sync_fetch_and_add(seen, 1);
}

/* A datagram that begins with T is tagged; any other must find nothing. */
SEC("classifier/both")
int alone_both(struct __sk_buff *skb)
{
	struct alone_note *note;
	__u8 first = 0;

	bpf_skb_load_bytes(skb, PAYLOAD_AT, &first, sizeof(first));
	if (first == 'T') {
		note = skbext_add(skb, alone_note);
		if (note)
			note->a = 1;
		see(note ? ALONE_ADDED : ALONE_FAILED);
	} else if (first == 'U') {
		see(skbext_find(skb, alone_note) ? ALONE_FOUND : ALONE_NOT_FOUND);
	}
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
