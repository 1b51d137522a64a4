// SPDX-License-Identifier: GPL-2.0-only
/*
 * The native oracle's second half: at every step of a packet's way, the kernel's own
 * active_extensions must be what skbext says, and the payloads equal byte by byte.
 *
 * At functions that skbext hooks as well this runs first: a trampoline runs the program that came
 * last before the others.
 */
#include "oracle_types.bpf.h"

struct oracle_results results SEC(".data.results");

#define COUNT(what) __sync_fetch_and_add(&results.count[hook].what, 1)

static __always_inline struct oracle_diff *new_diff(void *ctx, __u32 hook,
						    const struct sk_buff *skb)
{
	__u64 n = __sync_fetch_and_add(&results.diffs, 1);
	struct oracle_diff *d;

	if (n >= ORACLE_DIFFS)
		return NULL;
	d = &results.diff[n];
	d->hook = hook;
	d->skb = skbext_address(__skbext_hash_of(skb), SKBEXT_STATE->base);
	bpf_get_stack(ctx, d->stack, sizeof(d->stack), 0);
	return d;
}

struct pair {
	__u64 native, ours;
};

enum { EQUAL, DIFFERS, TAKEN };

/*
 * Shared payloads are read only, for all but this: what is taken over is what all who share it
 * have.
 */
static __noinline int compare_payload(const struct sk_buff *skb, struct oracle_payload *p, __u32 id,
				      struct pair *first)
{
	__u64 ext = 0, payload;
	__u8 chunk = 0;

	bpf_probe_read_kernel(&ext, sizeof(ext), &skb->extensions);
	bpf_probe_read_kernel(&chunk, 1,
			      (void *)(ext + bpf_core_field_offset(struct skb_ext, offset) + id));
	payload = ext + chunk * 8;
	for (__u32 i = 0; i < ORACLE_WORDS && i < native_type[id & 7].words; i++) {
		__u64 word = 0;

		bpf_probe_read_kernel(&word, 8, (void *)(payload + i * 8));
		if (!p->taken)
			p->word[i] = word;
		if ((word ^ p->word[i]) & native_type[id & 7].mask[i]) {
			first->native = word;
			first->ours = p->word[i];
			return DIFFERS;
		}
	}
	if (p->taken)
		return EQUAL;
	p->taken = 1;
	return TAKEN;
}

static __always_inline void payload(void *ctx, const struct sk_buff *skb, struct oracle_payload *p,
				    __u32 id, __u32 hook)
{
	struct pair first = {};
	struct oracle_diff *d;
	int ret;

	ret = p ? compare_payload(skb, p, id, &first) : EQUAL;
	if (ret == TAKEN) {
		__sync_fetch_and_add(&results.taken, 1);
		return;
	}
	COUNT(payloads);
	if (ret == EQUAL)
		return;
	COUNT(payloads_differing);
	d = new_diff(ctx, hook, skb);
	if (!d)
		return;
	d->payload = 1;
	d->native = d->ours = 1 << id;
	d->word[0] = first.native;
	d->word[1] = first.ours;
}

/* The payloads that are compared at all: see ORACLE_TYPES. */
static __always_inline void payloads(void *ctx, const struct sk_buff *skb, __u32 active, __u32 hook)
{
	for (__u32 id = 0; id < SKBEXT_MAX_TYPES; id++) {
		if (!(active & 1 << id))
			continue;
		__sync_fetch_and_add(&results.seen[id], 1);
		if (native_type[id].kind == ORACLE_sec_path)
			payload(ctx, skb, (void *)skbext_find(skb, sec_path), id, hook);
		else if (native_type[id].kind == ORACLE_mptcp)
			payload(ctx, skb, (void *)skbext_find(skb, mptcp), id, hook);
	}
}

static __always_inline int look_at(void *ctx, const struct sk_buff *skb, __u32 native, __u32 hook)
{
	__u64 h = __skbext_hash_of(skb);
	struct oracle_diff *d;
	__u32 ours;

	COUNT(looked);
	if (!native && skbext_store_absent(h))
		return 0;
	ours = skbext_store_active(h);
	if (native && !ours && renew(skb))
		ours = skbext_store_active(h);
	if (!native && !ours)
		return 0;
	COUNT(compared);
	if (native == ours) {
		payloads(ctx, skb, native, hook);
		return 0;
	}
	COUNT(differing);
	d = new_diff(ctx, hook, skb);
	if (d) {
		d->native = native;
		d->ours = ours;
	}
	return 0;
}

static __always_inline int look(void *ctx, const struct sk_buff *skb, __u32 hook)
{
	return look_at(ctx, skb, skb->active_extensions, hook);
}

/* kind/function: its argument n is the skb. User space loads those that the kernel has. */
#define LOOK(kind, function, n, hook)							\
	SEC("?" kind "/" #function)							\
	int look_##hook(__u64 *ctx)							\
	{										\
		return look(ctx, (struct sk_buff *)ctx[n], hook);			\
	}

LOOK("tp_btf", netif_receive_skb, 0, ORACLE_NETIF_RECEIVE)
LOOK("tp_btf", net_dev_queue, 0, ORACLE_DEV_QUEUE)
LOOK("tp_btf", net_dev_start_xmit, 0, ORACLE_START_XMIT)
LOOK("tp_btf", netif_rx, 0, ORACLE_NETIF_RX)
LOOK("tp_btf", kfree_skb, 0, ORACLE_KFREE_SKB)
LOOK("fentry", consume_skb, 0, ORACLE_CONSUME_SKB)

LOOK("fentry", skb_release_head_state, 0, ORACLE_HEAD_STATE)
LOOK("fentry", napi_skb_free_stolen_head, 0, ORACLE_STOLEN_HEAD)
LOOK("fentry", skb_scrub_packet, 0, ORACLE_SCRUB)
LOOK("fexit", skb_scrub_packet, 0, ORACLE_SCRUBBED)
LOOK("fentry", skb_clone, 0, ORACLE_CLONE)
LOOK("fentry", skb_split, 0, ORACLE_SPLIT)
LOOK("fentry", __skb_ext_del, 0, ORACLE_OWNER_DEL)

LOOK("fentry", ip_rcv, 0, ORACLE_IP_RCV)
LOOK("fentry", ip_local_deliver, 0, ORACLE_IP_LOCAL)
LOOK("fentry", ip_forward, 0, ORACLE_IP_FORWARD)
LOOK("fentry", ip_output, 2, ORACLE_IP_OUTPUT)
LOOK("fentry", ipv6_rcv, 0, ORACLE_IPV6_RCV)
LOOK("fentry", ip6_output, 2, ORACLE_IP6_OUTPUT)
LOOK("fexit", ip_copy_metadata, 0, ORACLE_IP_FRAGMENT)
LOOK("fexit", ip6_copy_metadata, 0, ORACLE_IP6_FRAGMENT)

LOOK("fentry", tcp_v4_rcv, 0, ORACLE_TCP4_RCV)
LOOK("fentry", tcp_v6_rcv, 0, ORACLE_TCP6_RCV)
LOOK("fentry", tcp_v4_do_rcv, 1, ORACLE_TCP4_DO_RCV)
LOOK("fentry", tcp_v6_do_rcv, 1, ORACLE_TCP6_DO_RCV)
LOOK("fentry", tcp_rcv_established, 1, ORACLE_TCP_ESTABLISHED)
LOOK("fentry", tcp_queue_rcv, 1, ORACLE_TCP_DATA_QUEUE)
LOOK("fentry", udp_queue_rcv_skb, 1, ORACLE_UDP4_QUEUE)
LOOK("fentry", udpv6_queue_rcv_skb, 1, ORACLE_UDP6_QUEUE)
LOOK("fentry", __udp_enqueue_schedule_skb, 1, ORACLE_UDP_ENQUEUE)
LOOK("fentry", skb_consume_udp, 1, ORACLE_UDP_READ)
LOOK("fentry", xfrm_input, 0, ORACLE_XFRM_INPUT)
LOOK("fentry", nf_hook_slow, 0, ORACLE_NETFILTER)

/*
 * A datagram with head state (sec_path) has just passed skb_release_head_state(), which up to 6.17
 * puts the extensions but leaves the bits: what they say is over. The kernel tells by the same mark
 * in skb->dev_scratch.
 */
#define UDP_SKB_IS_STATELESS 0x80000000

SEC("?fentry/__consume_stateless_skb")
int BPF_PROG(look_ORACLE_STATELESS, struct sk_buff *skb)
{
	__u64 scratch = 0;
	__u32 native;

	/* Not read directly: the verifier takes it for the device, which is in the same place. */
	bpf_probe_read_kernel(&scratch, sizeof(scratch), &skb->dev_scratch);
	native = scratch & UDP_SKB_IS_STATELESS ? skb->active_extensions : 0;
	return look_at(ctx, skb, native, ORACLE_STATELESS);
}

SEC("?fexit/skb_clone")
int BPF_PROG(look_ORACLE_CLONED, struct sk_buff *skb, gfp_t mask, struct sk_buff *ret)
{
	return ret ? look(ctx, ret, ORACLE_CLONED) : 0;
}

char LICENSE[] SEC("license") = "GPL";
