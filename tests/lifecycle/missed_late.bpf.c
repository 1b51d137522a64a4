// SPDX-License-Identifier: GPL-2.0-only
/* Adds behind the release, each of which the next packet at that address would find. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "missed_types.h"

SKBEXT_TYPE(dying, struct dying_note);

#define ADDS(section, function)				\
	SEC(section)					\
	int BPF_PROG(function, struct sk_buff *skb)	\
	{						\
		skbext_add(skb, dying);			\
		return 0;				\
	}

ADDS("tp_btf/consume_skb", at_consume_skb)
ADDS("fexit/skb_release_head_state", after_release)
ADDS("fentry/kfree_skbmem", at_kfree_skbmem)

SEC("fexit/consume_skb")
int BPF_PROG(copies_after_free, struct sk_buff *skb)
{
	skbext_copy(skb, (struct sk_buff *)skb->next);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
