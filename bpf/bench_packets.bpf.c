// SPDX-License-Identifier: GPL-2.0-only
/*
 * skbext bench: the workload of the patches' author. 16 bytes written at tc egress, read at tc
 * ingress, released when the packet is freed: by skbext, by maps keyed with the address, and two
 * programs that only count, as the floor.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "bench.h"

/* Kept across veth, so that the forwarding bench finds behind it what was written before it. */
SKBEXT_TYPE_FLAGS(bench_packet, struct bench_note, SKBEXT_F_KEEP_SCRUB);

__u64 written, read;

SEC("tc")
int floor_write(struct __sk_buff *skb)
{
	written++;
	return 0;
}

SEC("tc")
int floor_read(struct __sk_buff *skb)
{
	read++;
	return 0;
}

SEC("tc")
int ours_write(struct __sk_buff *skb)
{
	struct bench_note *n = skbext_add(skb, bench_packet);

	if (n) {
		n->stamp = n->id = 7;
		written++;
	}
	return 0;
}

SEC("tc")
int ours_read(struct __sk_buff *skb)
{
	const struct bench_note *n = skbext_find(skb, bench_packet);

	if (n && n->id == 7)
		read++;
	return 0;
}

/*
 * A rival's records end where skbext's do: in the exact mode by fentry, else by tracepoints, of
 * which only the slab's sees every free. Rivals are spared what skbext does beyond that: clones,
 * purging at birth, the second sk_buff of an fclone pair.
 */
#define RIVAL(name, map_type)									\
	struct {										\
		__uint(type, map_type);								\
		__uint(max_entries, 65536);							\
		__type(key, __u64);								\
		__type(value, struct bench_note);						\
	} name SEC(".maps");									\
	static __always_inline int name##_end(const void *skb)					\
	{											\
		__u64 key = (__u64)skb;								\
												\
		bpf_map_delete_elem(&name, &key);						\
		return 0;									\
	}											\
	SEC("tc") int name##_write(struct __sk_buff *skb)					\
	{											\
		struct bench_note n = { 7, 7 };							\
		__u64 key = (__u64)skb;								\
												\
		written += !bpf_map_update_elem(&name, &key, &n, BPF_ANY);			\
		return 0;									\
	}											\
	SEC("tc") int name##_read(struct __sk_buff *skb)					\
	{											\
		__u64 key = (__u64)skb;								\
		struct bench_note *n = bpf_map_lookup_elem(&name, &key);			\
												\
		read += n && n->id == 7;							\
		return 0;									\
	}											\
	SEC("fentry/skb_release_head_state")							\
	int BPF_PROG(name##_exact_head, struct sk_buff *skb) { return name##_end(skb); }	\
	SEC("fentry/__consume_stateless_skb")							\
	int BPF_PROG(name##_exact_stateless, struct sk_buff *skb) { return name##_end(skb); }	\
	SEC("tp_btf/kfree_skb")									\
	int BPF_PROG(name##_tp_kfree, struct sk_buff *skb) { return name##_end(skb); }		\
	SEC("tp_btf/consume_skb")								\
	int BPF_PROG(name##_tp_consume, struct sk_buff *skb) { return name##_end(skb); }	\
	SEC("raw_tp/kmem_cache_free")								\
	int name##_tp_slab(struct bpf_raw_tracepoint_args *ctx)					\
	{											\
		return ctx->args[1] & 63 ? 0 : name##_end((const void *)ctx->args[1]);		\
	}

RIVAL(lru_percpu, BPF_MAP_TYPE_LRU_PERCPU_HASH)
RIVAL(hash, BPF_MAP_TYPE_HASH)

char LICENSE[] SEC("license") = "GPL";
