// SPDX-License-Identifier: GPL-2.0-only
/*
 * scripts/icount: programs that do nothing, where skbext has its hooks. What they cost is
 * the kernel's price of a hook.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define EMPTY(section, name) SEC(section) int name(void *ctx) { return 0; }
#define EMPTY_FENTRY(function) EMPTY("fentry/" #function, function)

EMPTY_FENTRY(skb_release_head_state)
EMPTY_FENTRY(__consume_stateless_skb)
EMPTY_FENTRY(napi_skb_free_stolen_head)
EMPTY_FENTRY(napi_reuse_skb)
EMPTY_FENTRY(__copy_skb_header)
EMPTY_FENTRY(ip_copy_metadata)
EMPTY_FENTRY(ip6_copy_metadata)
EMPTY_FENTRY(skb_scrub_packet)
EMPTY_FENTRY(__udp_enqueue_schedule_skb)
EMPTY("tp_btf/kfree_skb", kfree_skb)
EMPTY("tp_btf/consume_skb", consume_skb)

/* One more on the same function: what the next program costs where there is one already. */
EMPTY("fentry/skb_release_head_state", second)

/* The floor of the patches' author: two that only count. */
__u64 written, read;

SEC("tc")
int count_out(struct __sk_buff *skb)
{
	written++;
	return 0;
}

SEC("tc")
int count_in(struct __sk_buff *skb)
{
	read++;
	return 0;
}

EMPTY("tc", write_all)
EMPTY("tc", write_some)
EMPTY("tc", read_back)
EMPTY_FENTRY(skb_clone)

char LICENSE[] SEC("license") = "GPL";
