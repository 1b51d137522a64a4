// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exact mode: a record ends where the kernel drops skb->extensions and is shared where the
 * kernel shares them. All hooks run before the function's body and none of these can fail after
 * that. Each program has the name of its function behind skbext_: user/lib/hook_table.c.
 *
 * The kernel skips a program that is suspended on this CPU. Where softirqs preempt each other
 * (PREEMPT_RT) that is often, so each of these has a second one, skbext_2_, which runs right behind
 * the first: both have to be suspended before the function is passed without. What the first did,
 * the second finds done.
 */
#include "lifecycle.bpf.h"
#include "watch.bpf.h"

#define HASH(skb) __skbext_hash_of(skb)

#define RELEASE(function, ...)								\
	SEC("fentry/" #function)							\
	int BPF_PROG(skbext_##function, __VA_ARGS__) { release(HASH(skb)); return 0; }	\
	SEC("?fentry/" #function)							\
	int BPF_PROG(skbext_2_##function, __VA_ARGS__)					\
	{										\
		pass(SECOND_##function);						\
		release(HASH(skb));							\
		return 0;								\
	}

/*
 * skb_ext_reset() is in here: every free but the three below, and the morphs.
 * May run twice for one skb.
 */
RELEASE(skb_release_head_state, struct sk_buff *skb)

/* UDP receive; skips the head state because there is nothing native to release. */
RELEASE(__consume_stateless_skb, struct sk_buff *skb)

/* GRO took the data of this packet over into another one. */
RELEASE(napi_skb_free_stolen_head, struct sk_buff *skb)

/* GRO frags: never freed, the same sk_buff is the driver's next packet. */
RELEASE(napi_reuse_skb, struct napi_struct *napi, struct sk_buff *skb)

#define SHARE(function, ...)								\
	SEC("fentry/" #function)							\
	int BPF_PROG(skbext_##function, __VA_ARGS__) { share(HASH(to), HASH(from)); return 0; } \
	SEC("?fentry/" #function)							\
	int BPF_PROG(skbext_2_##function, __VA_ARGS__)					\
	{										\
		share_again(HASH(to), HASH(from));					\
		return 0;								\
	}

/* Clone, copy, morph, segment. */
SHARE(__copy_skb_header, struct sk_buff *to, const struct sk_buff *from)

/* IP fragments. */
SHARE(ip_copy_metadata, struct sk_buff *to, struct sk_buff *from)
SHARE(ip6_copy_metadata, struct sk_buff *to, struct sk_buff *from)

static __always_inline void scrub(const struct sk_buff *skb)
{
	keep(HASH(skb), SKBEXT_STATE->keep_scrub, SKBEXT_STAT_SCRUBBED);
}

/* veth, tunnels, network namespaces; with and without xnet, as the kernel does it. */
SEC("fentry/skb_scrub_packet")
int BPF_PROG(skbext_skb_scrub_packet, struct sk_buff *skb)
{
	scrub(skb);
	return 0;
}

SEC("?fentry/skb_scrub_packet")
int BPF_PROG(skbext_2_skb_scrub_packet, struct sk_buff *skb)
{
	pass(SECOND_skb_scrub_packet);
	scrub(skb);
	return 0;
}

/* From 6.18 on, each NUMA node has a queue before the queue. */
struct udp_prod_queue___6_18 {
	atomic_t rmem_alloc;
} __attribute__((preserve_access_index));

struct udp_sock___6_18 {
	struct udp_prod_queue___6_18 *udp_prod_queue;
} __attribute__((preserve_access_index));

static __always_inline __u32 waiting_before_queue(struct sock *sk)
{
	struct udp_sock___6_18 *up = (void *)sk;
	void *queue = BPF_CORE_READ(up, udp_prod_queue);
	struct udp_prod_queue___6_18 *own =
		queue + bpf_get_numa_node_id() * bpf_core_type_size(struct udp_prod_queue___6_18);

	return BPF_CORE_READ(own, rmem_alloc.counter);
}

/*
 * The test that the function begins with. A packet that fails it goes to kfree_skb with all that it
 * has. Somebody may read from the socket between this and the kernel's own look: then the record
 * ends with the packet.
 */
static __noinline int is_full(struct sock *sk, struct sk_buff *skb)
{
	__u32 used = sk->sk_backlog.rmem_alloc.counter, room = sk->sk_rcvbuf;

	if (!bpf_core_field_exists(struct udp_sock___6_18, udp_prod_queue))
		return used > room;
	/*
	 * Only other CPUs that send at this moment could fill the rest:
	 * not worth two calls for each packet.
	 */
	if (used + skb->truesize <= room / 2)
		return 0;
	used += waiting_before_queue(sk);
	return used && used + skb->truesize > room;
}

/*
 * The arguments are read where they are needed,
 * or they would be saved for packets without a record.
 */
static __always_inline int drop_udp(__u64 *ctx)
{
	__u64 h = HASH((struct sk_buff *)ctx[1]), first;
	struct skbext_bucket *home = skbext_store_home(h, &first);
	struct sock *sk;

	if (!home)
		return 0;
	sk = (struct sock *)ctx[0];
	/* An empty queue, which is the usual one, takes a packet of any size. */
	if (sk->sk_backlog.rmem_alloc.counter && is_full(sk, (struct sk_buff *)ctx[1]))
		return 0;
	skbext_store_keep_at(home, h, ~(__u64)SKBEXT_STATE->drop_udp, SKBEXT_STAT_UDP_DROPPED);
	return 0;
}

SEC("fentry/__udp_enqueue_schedule_skb")
int skbext___udp_enqueue_schedule_skb(__u64 *ctx)
{
	return drop_udp(ctx);
}

SEC("?fentry/__udp_enqueue_schedule_skb")
int skbext_2___udp_enqueue_schedule_skb(__u64 *ctx)
{
	pass(SECOND___udp_enqueue_schedule_skb);
	return drop_udp(ctx);
}

/*
 * Both only look: the record stays for other programs at the same tracepoint,
 * its end is the release above.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(skbext_kfree_skb, struct sk_buff *skb)
{
	fate(HASH(skb), SKBEXT_STAT_FATE_DROPPED);
	return 0;
}

SEC("tp_btf/consume_skb")
int BPF_PROG(skbext_consume_skb, struct sk_buff *skb)
{
	fate(HASH(skb), SKBEXT_STAT_FATE_CONSUMED);
	return 0;
}

/* Before an interrupt's handler, softirqs included. */
SEC("fentry/irq_enter_rcu")
int BPF_PROG(skbext_irq_enter_rcu)
{
	suspend(true);
	return 0;
}

/*
 * Before another task runs, interrupts are off. A task that waits (preempt is false) is in no
 * program, as none of ours waits; what a task before it has left open stays so.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(skbext_sched_switch, bool preempt)
{
	if (preempt)
		suspend(false);
	return 0;
}

/* Before the program is detached. Whoever removes a pin, and without the rest of us being asked. */
SEC("fentry/bpf_tracing_link_release")
int BPF_PROG(skbext_bpf_tracing_link_release, struct bpf_link *link)
{
	end_of_link(link);
	return 0;
}

/* The same for the one at a tracepoint. */
SEC("fentry/bpf_raw_tp_link_release")
int BPF_PROG(skbext_bpf_raw_tp_link_release, struct bpf_link *link)
{
	end_of_link(link);
	return 0;
}

/* Behind it: the number that was written is known. */
SEC("fexit/proc_dointvec")
int BPF_PROG(skbext_proc_dointvec, const struct ctl_table *table, int write)
{
	if (write)
		sysctl_written(table);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
