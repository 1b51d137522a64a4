// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of `skbext demo`, an ordinary user of skbext.bpf.h: one adds two extensions to every
 * packet, one writes to a clone, and the others, in every kind of program that sees an skb, look
 * what is there. To copy from.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "demo.h"

#define ETH_P_IP	0x0800
#define TC_ACT_UNSPEC	(-1)	/* go on with the next program */
#define TC_ACT_SHOT	2
#define NF_ACCEPT	1
#define CGROUP_PASS	1

/* The first as the kernel's own extensions, the second lives on in another namespace. */
SKBEXT_TYPE(flow_note, struct flow_note);
SKBEXT_TYPE_FLAGS(trace_id, struct trace_id, SKBEXT_F_KEEP_SCRUB);

const volatile __u32 dev_a, dev_b, dev_mirror;	/* ifindex: sender, receiver, where clones go */

__u32 phase;		/* enum demo_phase, set by user space */
__u32 sent[DEMO_PHASES];
struct demo_seen seen[DEMO_PHASES][DEMO_HOOKS];

/* Count this packet at this hook, and what it carries. */
static __always_inline int look(const void *skb, enum demo_hook hook)
{
	struct demo_seen *s = phase < DEMO_PHASES ? &seen[phase][hook] : &seen[0][hook];
	const struct flow_note *note = skbext_find(skb, flow_note);
	const struct trace_id *trace = skbext_find(skb, trace_id);

	__sync_fetch_and_add(&s->packets, 1);
	s->when = bpf_ktime_get_ns();
	if (note) {
		__sync_fetch_and_add(&s->notes, 1);
		s->note = *note;
	}
	if (trace) {
		__sync_fetch_and_add(&s->traces, 1);
		s->trace = *trace;
	}
	return 0;
}

/* The one that adds. Pointers of one add do not outlive the next: fill in, then add again. */
SEC("tc")
int demo_add(struct __sk_buff *skb)
{
	struct flow_note *note;
	struct trace_id *trace;
	__u32 id;

	if (phase == DEMO_IDLE || skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	id = __sync_fetch_and_add(&sent[phase < DEMO_PHASES ? phase : 0], 1) + 1;
	note = skbext_add(skb, flow_note);
	if (note) {
		note->stamp = bpf_ktime_get_ns();
		note->id = id;
	}
	trace = skbext_add(skb, trace_id);
	if (trace)
		trace->id = 0x7ace0000 + id;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int demo_tc_egress(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		look(skb, DEMO_TC_EGRESS);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int demo_tc_ingress(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		look(skb, DEMO_TC_INGRESS);
	return TC_ACT_UNSPEC;
}

/* The cgroup sees both directions: the device tells. */
SEC("cgroup_skb/egress")
int demo_cgroup_egress(struct __sk_buff *skb)
{
	if (skb->ifindex == dev_a)
		look(skb, DEMO_CGROUP_EGRESS);
	return CGROUP_PASS;
}

SEC("cgroup_skb/ingress")
int demo_cgroup_ingress(struct __sk_buff *skb)
{
	if (skb->ifindex == dev_b)
		look(skb, DEMO_CGROUP_INGRESS);
	return CGROUP_PASS;
}

/* The kernel's struct bpf_nf_ctx, spelled out: vmlinux.h of a 6.1 does not have it. */
struct demo_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

SEC("netfilter")
int demo_netfilter(struct demo_nf_ctx *ctx)
{
	look(ctx->skb, DEMO_NETFILTER);
	return NF_ACCEPT;
}

/* Tracing sees the packets of the whole machine. */
static __always_inline bool is_ours(const struct sk_buff *skb, int dev)
{
	return skb->protocol == bpf_htons(ETH_P_IP) && skb->dev->ifindex == dev;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(demo_net_dev_queue, struct sk_buff *skb)
{
	return is_ours(skb, dev_a) ? look(skb, DEMO_NET_DEV_QUEUE) : 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(demo_start_xmit, const struct sk_buff *skb)
{
	return is_ours(skb, dev_a) ? look(skb, DEMO_START_XMIT) : 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(demo_netif_receive, struct sk_buff *skb)
{
	return is_ours(skb, dev_b) ? look(skb, DEMO_NETIF_RECEIVE) : 0;
}

/* Send a clone to the mirror device; the packet itself goes on. */
SEC("tc")
int demo_mirror(struct __sk_buff *skb)
{
	if (phase == DEMO_MIRROR)
		bpf_clone_redirect(skb, dev_mirror, 0);
	return TC_ACT_UNSPEC;
}

/* The clone there: it shares the packet's extensions until it writes. It ends here. */
SEC("tc")
int demo_clone(struct __sk_buff *skb)
{
	struct flow_note *note;

	if (phase != DEMO_MIRROR || skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_SHOT;
	look(skb, DEMO_CLONE_FOUND);
	if (!skbext_exist(skb, flow_note))
		return TC_ACT_SHOT;
	note = skbext_add(skb, flow_note);
	if (note)
		note->id += 1000;
	look(skb, DEMO_CLONE_WRITTEN);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
