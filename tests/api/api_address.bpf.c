// SPDX-License-Identifier: GPL-2.0-only
/* A note that was added where the skb is a pointer, found where it is a number. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

SKBEXT_TYPE(api_note, struct api_note);

struct api_seen api_seen;

SEC("tp_btf/net_dev_queue")
int BPF_PROG(api_address_add, struct sk_buff *skb)
{
	struct api_note *note;

	if (skb->mark != api_seen.mark)
		return 0;
	note = skbext_add(skb, api_note);
	if (note) {
		note->id = API_NOTE_ID;
		api_seen.added++;
	}
	return 0;
}

static __always_inline void look(__u64 address)
{
	struct sk_buff *skb = (void *)address;
	const struct api_note *note;

	if (BPF_CORE_READ(skb, mark) != api_seen.mark)
		return;
	api_seen.runs++;
	note = skbext_find_addr(address, api_note);
	if (note && note->id == API_NOTE_ID && skbext_exist_addr(address, api_note))
		api_seen.found++;
	/* In the middle of that sk_buff there is none. */
	if (skbext_find_addr(address + 64, api_note) || skbext_exist_addr(address + 64, api_note))
		api_seen.failed = __LINE__;
}

SEC("raw_tp/netif_receive_skb")
int api_address_raw(struct bpf_raw_tracepoint_args *ctx)
{
	look(ctx->args[0]);
	return 0;
}

/* The first argument, without __TARGET_ARCH: only x86 has this name for it. */
SEC("kprobe/ip_rcv")
int api_address_kprobe(struct pt_regs *ctx)
{
	look(bpf_core_field_exists(struct pt_regs, di) ? ctx->di : 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
