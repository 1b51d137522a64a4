// SPDX-License-Identifier: GPL-2.0-only
/*
 * scripts/icount: the rival, a plain hash map keyed by the address, with all of skbext's hooks.
 * It does what the kernel does with its own extensions, except that a copy gets a copy of the
 * payload: a map has no sharing.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct icount_note {
	__u64 stamp;
	__u64 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct icount_note);
} notes SEC(".maps");

/* The cleverer rival: nearly no packet has an entry, and a lookup takes no lock. */
const volatile bool look_first;

__u64 packets, written, read, wrong, fates;

static __always_inline int release(const void *skb)
{
	__u64 key = (__u64)skb;

	if (!look_first || bpf_map_lookup_elem(&notes, &key))
		bpf_map_delete_elem(&notes, &key);
	return 0;
}

static __always_inline int share(const void *to, const void *from)
{
	__u64 new = (__u64)to, old = (__u64)from;
	struct icount_note *n = bpf_map_lookup_elem(&notes, &old);
	struct icount_note copy;

	if (!n)
		return release(to);
	copy = *n;
	bpf_map_update_elem(&notes, &new, &copy, BPF_ANY);
	return 0;
}

static __always_inline int look(const void *skb)
{
	__u64 key = (__u64)skb;

	if (bpf_map_lookup_elem(&notes, &key))
		fates++;
	return 0;
}

#define RELEASE(function, ...)								\
	SEC("fentry/" #function) int BPF_PROG(function, ##__VA_ARGS__) { return release(skb); }
#define SHARE(function)									\
	SEC("fentry/" #function)							\
	int BPF_PROG(function, struct sk_buff *to, struct sk_buff *from) { return share(to, from); }

RELEASE(skb_release_head_state, struct sk_buff *skb)
RELEASE(__consume_stateless_skb, struct sk_buff *skb)
RELEASE(napi_skb_free_stolen_head, struct sk_buff *skb)
RELEASE(napi_reuse_skb, struct napi_struct *napi, struct sk_buff *skb)
RELEASE(skb_scrub_packet, struct sk_buff *skb)
RELEASE(__udp_enqueue_schedule_skb, struct sock *sk, struct sk_buff *skb)
SHARE(__copy_skb_header)
SHARE(ip_copy_metadata)
SHARE(ip6_copy_metadata)

SEC("tp_btf/kfree_skb")
int BPF_PROG(kfree_skb, struct sk_buff *skb)
{
	return look(skb);
}

SEC("tp_btf/consume_skb")
int BPF_PROG(consume_skb, struct sk_buff *skb)
{
	return look(skb);
}

static __always_inline void note(const void *skb)
{
	struct icount_note n = { 7, 7 };
	__u64 key = (__u64)skb;

	if (!bpf_map_update_elem(&notes, &key, &n, BPF_ANY))
		written++;
}

SEC("tc")
int write_all(struct __sk_buff *skb)
{
	note(skb);
	return 0;
}

SEC("tc")
int write_some(struct __sk_buff *skb)
{
	if (++packets % 100 == 0)
		note(skb);
	return 0;
}

/* TCP keeps a packet to send it again, and sends a clone: tagged here, both have the record. */
SEC("fentry/skb_clone")
int BPF_PROG(skb_clone, struct sk_buff *skb)
{
	note(skb);
	return 0;
}

SEC("tc")
int read_back(struct __sk_buff *skb)
{
	__u64 key = (__u64)skb;
	struct icount_note *n = bpf_map_lookup_elem(&notes, &key);

	if (!n)
		return 0;
	if (n->stamp != 7 || n->id != 7)
		wrong++;
	read++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
