// SPDX-License-Identifier: GPL-2.0-only
/* Programs that keep running when skbext is unloaded: each packet gets a mark and looks for an older one. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

SKBEXT_TYPE(root_mark, __u64);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} root_counts SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&root_counts, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("tc")
int root_adds(struct __sk_buff *skb)
{
	if (skbext_find(skb, root_mark))
		count(0);
	if (skbext_add(skb, root_mark))
		count(1);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
