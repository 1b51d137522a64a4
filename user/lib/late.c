// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Adds where no packet is, or no longer. A record under an address that is not an sk_buff's is ended by
 * nobody; one that is made behind a packet's release is found by the next packet that gets the
 * sk_buff, and nothing in an sk_buff tells that it was released: skb->users may still be 1. So a
 * program that adds is bound only for a place where adding is right.
 */
#include <fnmatch.h>

#include "internal.h"
#include "bind.h"

/* BPF_PROG_TYPE_NETFILTER, which headers before 6.4 lack. */
#define PROG_TYPE_NETFILTER	32

/* skb tracepoints that the kernel passes with the packet in hand. */
static const char *const tracepoints[] = {
	"net_dev_queue", "net_dev_start_xmit", "netif_receive_skb", "netif_rx",
	"napi_gro_frags_entry", "napi_gro_receive_entry", "netif_receive_skb_entry",
	"netif_receive_skb_list_entry", "netif_rx_entry", "kfree_skb", "skb_copy_datagram_iovec",
	"qdisc_enqueue", "qdisc_dequeue", "tcp_probe", "tcp_bad_csum", "udp_fail_queue_rcv_skb",
};

/*
 * skb_release_data() is also called for packets that live on (pskb_expand_head()), but not for
 * these alone.
 */
static const char *const late_entries[] = {
	"skb_release_data", "kfree_skbmem", "napi_skb_cache_put", "skb_free_head",
};

/* Functions that free the packet, or pass it on to somebody who may have freed it on return. */
static const char *const takers[] = {
	"skb_release_*", "*kfree_skb*", "*consume_skb*", "*consume_stateless_skb*",
	"skb_consume_udp", "napi_skb_*", "napi_reuse_skb", "napi_gro_*", "gro_receive_skb",
	"*skb_free*", "*free_datagram*", "sk_skb_reason_drop", "skb_attempt_defer_free",
	"*receive_skb*", "netif_rx*", "enqueue_to_backlog", "*_xmit", "*_xmit_nit", "*_rcv",
	"*queue_rcv_skb*", "*enqueue_schedule_skb", "tcp_rcv_*", "ip_forward", "ip6_forward",
	"ip_output", "ip6_output", "ip*_finish_output*", "ip*_local_out", "ip*_local_deliver*",
	"br_handle_frame*", "br_forward*",
};

static bool is_any_of(const char *name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return false;
}
#define IS_ANY_OF(name, patterns)	is_any_of(name, patterns, ARRAY_SIZE(patterns))

/*
 * skbext_add(), skbext_ref() and skbext_copy() of skbext.bpf.h leave a mark where they are compiled
 * to, but for a struct __sk_buff.
 */
static bool adds(const struct bpf_program *prog)
{
	const struct bpf_insn *insn = bpf_program__insns(prog);

	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++)
		if (insn[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) && insn[i].imm == SKBEXT_ADD_MARK)
			return true;
	return false;
}

/* Behind the section's kind; NULL: whoever loads it says where it is attached. */
static const char *target_of(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash && slash[1] ? slash + 1 : NULL;
}

static int refuse_late(const struct bpf_program *prog)
{
	return fail(-EINVAL, "program %s adds at %s, behind the packet's end, and the next packet would find it; find there, and add earlier",
		    bpf_program__name(prog), bpf_program__section_name(prog));
}

static int check_tracepoint(const struct bpf_program *prog, const char *target)
{
	if (IS_ANY_OF(target, tracepoints))
		return 0;
	if (!strcmp(target, "consume_skb"))
		return refuse_late(prog);
	return fail(-EINVAL, "program %s adds at %s, where the packet may be gone; add at the entry of a function that has it (fentry)",
		    bpf_program__name(prog), bpf_program__section_name(prog));
}

static int check_return(const struct bpf_program *prog, const char *target)
{
	return IS_ANY_OF(target, late_entries) || IS_ANY_OF(target, takers) ?
	       refuse_late(prog) : 0;
}

static int check_tracing(const struct bpf_program *prog)
{
	const char *target = target_of(prog);

	if (!target)
		return fail(-EINVAL, "program %s adds, and its section %s does not say where; name the function there, as in SEC(\"fentry/ip_rcv\")",
			    bpf_program__name(prog), bpf_program__section_name(prog));
	switch (bpf_program__expected_attach_type(prog)) {
	case BPF_TRACE_RAW_TP:
		return check_tracepoint(prog, target);
	case BPF_TRACE_FENTRY:
	case BPF_MODIFY_RETURN:
		return IS_ANY_OF(target, late_entries) ? refuse_late(prog) : 0;
	default:	/* fexit, and kinds to come that run at a return */
		return check_return(prog, target);
	}
}

static int check_program(const struct bpf_program *prog)
{
	switch ((int)bpf_program__type(prog)) {
	case BPF_PROG_TYPE_FLOW_DISSECTOR:	/* its adds look like those of tc */
		return fail(-EINVAL, "program %s dissects flows, and its __sk_buff is not a packet's; keep it in an object of its own",
			    bpf_program__name(prog));
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SK_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case PROG_TYPE_NETFILTER:
	case BPF_PROG_TYPE_LSM:
		return 0;
	case BPF_PROG_TYPE_TRACING:
		return adds(prog) ? check_tracing(prog) : 0;
	default:
		return adds(prog) ? fail(-EINVAL, "program %s adds in section %s, whose context is not a packet; add in tc, cgroup_skb, netfilter, tp_btf or fentry",
					 bpf_program__name(prog), bpf_program__section_name(prog)) : 0;
	}
}

/* Those that are not loaded by default among them: they may be, later. */
int bind_check_adds(const struct bpf_object *obj)
{
	struct bpf_program *prog;
	int err;

	bpf_object__for_each_program(prog, obj)
		if ((err = check_program(prog)))
			return err;
	return 0;
}
