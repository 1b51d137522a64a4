// SPDX-License-Identifier: GPL-2.0-only
/*
 * The proof that user/lib/proof.c makes while skbext is loaded: it sends packets through a network
 * namespace of its own, and these programs see at the functions of the lifecycle hooks that each of
 * the packets passes there. A function that a compiler inlined into one of its callers attaches all
 * the same, and is not passed on that way.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "proof.h"

#define LOOPBACK	1	/* ifindex, in every namespace */

struct proof_state state = {};

/* sk_buffs that were queued in the namespace and are not released yet. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PROOF_PACKETS);
	__type(key, __u64);
	__type(value, __u8);
} alive SEC(".maps");

static __always_inline bool is_own_thread(void)
{
	return (__u32)bpf_get_current_pid_tgid() == state.thread;
}

static __always_inline void ran(enum proof_hook hook)
{
	__sync_fetch_and_add(&state.ran[hook], 1);
}

static __always_inline void ran_here(enum proof_hook hook)
{
	if (is_own_thread())
		ran(hook);
}

static __always_inline void released(struct sk_buff *skb, enum proof_hook hook)
{
	__u64 address = (__u64)skb;

	if (!bpf_map_delete_elem(&alive, &address))
		ran(hook);
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(skbext_proof_queue, struct sk_buff *skb)
{
	__u64 address = (__u64)skb;
	__u8 yes = 1;

	if (skb->dev->nd_net.net->ns.inum != state.netns)
		return 0;
	__sync_fetch_and_add(&state.queued, 1);
	if (bpf_map_update_elem(&alive, &address, &yes, BPF_NOEXIST))
		__sync_fetch_and_add(&state.unseen, 1);
	return 0;
}

SEC("fentry/skb_release_head_state")
int BPF_PROG(skbext_proof_release, struct sk_buff *skb)
{
	released(skb, PROOF_RELEASE);
	return 0;
}

SEC("fentry/__consume_stateless_skb")
int BPF_PROG(skbext_proof_stateless, struct sk_buff *skb)
{
	released(skb, PROOF_STATELESS);
	return 0;
}

SEC("fentry/__copy_skb_header")
int BPF_PROG(skbext_proof_copy)
{
	ran_here(PROOF_COPY);
	return 0;
}

SEC("fentry/ip_copy_metadata")
int BPF_PROG(skbext_proof_fragment)
{
	ran_here(PROOF_FRAGMENT);
	return 0;
}

SEC("fentry/ip6_copy_metadata")
int BPF_PROG(skbext_proof_fragment6)
{
	ran_here(PROOF_FRAGMENT6);
	return 0;
}

SEC("fentry/skb_scrub_packet")
int BPF_PROG(skbext_proof_scrub)
{
	ran_here(PROOF_SCRUB);
	return 0;
}

SEC("fentry/__udp_enqueue_schedule_skb")
int BPF_PROG(skbext_proof_udp, struct sock *sk)
{
	if (sk->__sk_common.skc_net.net->ns.inum == state.netns)
		ran(PROOF_UDP);
	return 0;
}

/* Clones a packet and sends it the way that leads between namespaces. */
SEC("tc")
int skbext_proof_cross(struct __sk_buff *skb)
{
	return bpf_clone_redirect(skb, LOOPBACK, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "GPL";
