// SPDX-License-Identifier: GPL-2.0-only
/* Adds where no packet is, or no longer: none of these may be bound. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>

struct wrong_note {
	__u64 a, b;
};
SKBEXT_TYPE(wrong_note, struct wrong_note);

#define ADDS(section, name, context)			\
	SEC(section)					\
	int name(context *ctx)				\
	{						\
		skbext_add(ctx, wrong_note);		\
		return 0;				\
	}

#define ADDS_TRACED(section, name)			\
	SEC(section)					\
	int BPF_PROG(name, struct sk_buff *skb)		\
	{						\
		skbext_add(skb, wrong_note);		\
		return 0;				\
	}

ADDS_TRACED("tp_btf/net_dev_xmit", at_net_dev_xmit)
ADDS_TRACED("tp_btf/some_other", at_some_other)
ADDS_TRACED("tp_btf", at_unknown_tracepoint)
ADDS_TRACED("fentry", at_unknown_entry)
ADDS_TRACED("fexit", at_unknown_return)
ADDS_TRACED("?fexit/consume_skb", enabled_later)
ADDS_TRACED("fexit/napi_reuse_skb", after_reuse)
ADDS_TRACED("fexit/__dev_queue_xmit", after_xmit)
ADDS_TRACED("fexit/kfree_skb_list_reason", after_free)
ADDS("flow_dissector", dissects, struct __sk_buff)
ADDS("xdp", in_xdp, struct xdp_md)
ADDS("sockops", in_sockops, struct bpf_sock_ops)
ADDS("kprobe/ip_rcv", in_kprobe, struct pt_regs)
ADDS("raw_tp/net_dev_queue", in_raw_tp, struct bpf_raw_tracepoint_args)
ADDS("perf_event", in_perf_event, struct bpf_perf_event_data)

char _license[] SEC("license") = "GPL";
