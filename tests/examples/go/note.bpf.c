// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A note on every packet that a device sends, looked for on every packet that it receives. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

struct flow_note {
	__u64 stamp;
	__u32 id;
};
SKBEXT_TYPE(flow_note, struct flow_note);

enum { SENT, RECEIVED, FOUND, COUNTS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("tc")
int send_note(struct __sk_buff *skb)
{
	struct flow_note *note = skbext_add(skb, flow_note);

	if (note)
		note->id = 7;
	count(SENT);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int receive_note(struct __sk_buff *skb)
{
	const struct flow_note *note = skbext_find(skb, flow_note);

	count(RECEIVED);
	if (note && note->id == 7)
		count(FOUND);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
