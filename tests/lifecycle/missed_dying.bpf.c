// SPDX-License-Identifier: GPL-2.0-only
/* Adds to packets that are about to be freed, at one of the last places where that is allowed. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "missed_types.h"

SKBEXT_TYPE(dying, struct dying_note);

struct dying_knobs knobs SEC(".data.knobs");
struct dying_counts dying_counts SEC(".data.dying");

#define COUNT(what) __sync_fetch_and_add(&dying_counts.what, 1)

static __always_inline int add(struct sk_buff *skb, enum adds_at here)
{
	struct dying_note *note;

	if (knobs.adds_at != here)
		return 0;
	note = skbext_add(skb, dying);
	if (!note) {
		COUNT(refused);
		return 0;
	}
	note->magic = DYING_MAGIC;
	COUNT(added);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(at_kfree_skb, struct sk_buff *skb)
{
	return add(skb, AT_KFREE_SKB);
}

SEC("?fentry/skb_release_head_state")
int BPF_PROG(at_release, struct sk_buff *skb)
{
	return add(skb, AT_RELEASE);
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(look, struct sk_buff *skb)
{
	if (skbext_exist(skb, dying))
		COUNT(found);
	return 0;
}

/* Only adding is refused there. */
SEC("tp_btf/consume_skb")
int BPF_PROG(look_at_consume_skb, struct sk_buff *skb)
{
	if (skbext_exist(skb, dying))
		COUNT(at_end);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
