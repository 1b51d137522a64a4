// SPDX-License-Identifier: GPL-2.0-only
/*
 * The native oracle's first half, an ordinary user of skbext: it adds and deletes what the owners
 * of the kernel's own extensions add and delete, by the same names. Nothing here follows a packet:
 * that clones share and frees release is left to skbext alone, and is what the other half
 * (oracle_compare.bpf.c) compares.
 *
 * Owners have functions for add, del and set. MPTCP in addition copies and resets inline, in the
 * middle of its own and of TCP's functions; its acts are seen at the first real function that
 * follows in the same breath.
 *
 * The kernel skips a program that is already running on the CPU: an act in a softirq that
 * interrupts the same program would be lost. So each is there three times (a task, one that
 * preempted it, a softirq); to act again changes nothing.
 */
#include "oracle_types.bpf.h"

__u64 acts[8] SEC(".data.acts");

static __always_inline void del(struct sk_buff *skb, __u32 id)
{
	switch (native_type[id & 7].kind) {
#define TYPE(name, id, payload, flags, same, but)			\
	case ORACLE_##name:						\
		skbext_del(skb, name);					\
		break;
	ORACLE_TYPES(TYPE)
#undef TYPE
	}
}

#define ACTS(section, name, what)							\
	SEC(section) int name##_1(__u64 *ctx)						\
	{ __sync_fetch_and_add(&acts[what], name(ctx)); return 0; }			\
	SEC(section) int name##_2(__u64 *ctx) { name(ctx); return 0; }			\
	SEC(section) int name##_3(__u64 *ctx) { name(ctx); return 0; }

#define SKB(n) ((struct sk_buff *)ctx[n])

static __always_inline int mirror_add(__u64 *ctx)
{
	if (!ctx[2])
		return 0;	/* no memory: the skb is as it was */
	renew_distrusted(SKB(0));
	add(SKB(0), ctx[1]);
	return 1;
}
ACTS("fexit/skb_ext_add", mirror_add, ORACLE_ACT_ADD)

static __always_inline int mirror_del(__u64 *ctx)
{
	del(SKB(0), ctx[1]);
	return 1;
}
ACTS("fentry/__skb_ext_del", mirror_del, ORACLE_ACT_DEL)

/* MPTCP's sender allocates beforehand and installs, dropping what was there. */
static __always_inline int mirror_set(__u64 *ctx)
{
	skbext_reset(SKB(0));
	add(SKB(0), ctx[1]);
	return 1;
}
ACTS("fexit/__skb_ext_set", mirror_set, ORACLE_ACT_SET)

/*
 * mptcp_skb_ext_copy(): TCP cuts a packet in two. No lifecycle of skbs: every other extension is
 * lost there, MPTCP asks for its own. tcp_fragment() and tso_fragment() call skb_split() after it,
 * and nobody else does.
 */
static __always_inline int mirror_mptcp_split(__u64 *ctx)
{
	renew_distrusted(SKB(0));
	if (!skbext_exist(SKB(0), mptcp))
		return 0;
	skbext_copy(SKB(1), SKB(0));
	return 1;
}
ACTS("fentry/skb_split", mirror_mptcp_split, ORACLE_ACT_MPTCP_SPLIT)

/*
 * mptcp_skb_ext_move(): tcp_collapse() copies the data of several packets into a new one, to which
 * it moves the extension of the first. What follows is skb_put() of the new one and skb_copy_bits()
 * from the other to there; and skb->extensions of both still points to what was moved.
 */
struct moved {
	__u64 h;	/* the new packet */
	__u64 extensions;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);	/* where its data goes */
	__type(value, struct moved);
} moved SEC(".maps");

static __always_inline int mirror_mptcp_put(__u64 *ctx)
{
	struct moved m = { .h = __skbext_hash_of(SKB(0)) };
	__u64 to;

	if (!SKB(0)->active_extensions || skbext_store_active(m.h))
		return 0;
	bpf_probe_read_kernel(&m.extensions, sizeof(m.extensions), &SKB(0)->extensions);
	to = (__u64)SKB(0)->head + SKB(0)->tail;
	bpf_map_update_elem(&moved, &to, &m, BPF_ANY);
	return 0;
}
ACTS("?fentry/skb_put", mirror_mptcp_put, ORACLE_ACT_MPTCP_MOVED)

/* What moves is no longer trusted: as renew() does it, for the one extension that moves. */
static __always_inline void renew_moved(__u64 h)
{
	struct oracle_payload *p = __skbext_add_hash(h, __SKBEXT_TYPE(mptcp), sizeof(*p));

	if (p)
		p->taken = 0;
	__sync_fetch_and_add(&renewed, 1);
}

static __always_inline int mirror_mptcp_move(__u64 *ctx)
{
	__u64 from = __skbext_hash_of(SKB(0)), to = ctx[2], extensions = 0;
	struct moved *m;

	/* The second of the three finds it done. */
	if (SKB(0)->active_extensions || skbext_store_slot(from) < 0)
		return 0;
	m = bpf_map_lookup_elem(&moved, &to);
	bpf_probe_read_kernel(&extensions, sizeof(extensions), &SKB(0)->extensions);
	if (!m || m->extensions != extensions)
		return 0;
	if (skbext_store_share(m->h, from) <= 0)
		renew_moved(m->h);
	skbext_reset(SKB(0));
	__sync_fetch_and_add(&acts[ORACLE_ACT_MPTCP_MOVED], 1);
	return 0;
}
ACTS("?fentry/skb_copy_bits", mirror_mptcp_move, ORACLE_ACT_MPTCP_MOVED)

/*
 * skb_ext_reset() when MPTCP takes a packet from its subflow: __mptcp_move_skb() up to 6.17,
 * mptcp_init_skb() after, both inlined into __mptcp_move_skbs_from_subflow(). Next it orphans the
 * packet (sock_rfree), or in 7.x tries to coalesce it. A mark per CPU tells these calls from
 * others, and as softirqs are on in there if the subflow is in use (lock_sock_fast()), so does the
 * packet: of one that TCP has just received in a softirq nothing was reset.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} taking SEC(".maps");

static __always_inline int set_taking(__u64 on)
{
	__u32 zero = 0;
	__u64 *mark = bpf_map_lookup_elem(&taking, &zero);

	if (mark)
		*mark = on;
	return 0;
}

/* Counted here: of the three, the one that came first finds something. */
static __always_inline int reset(const struct sk_buff *skb)
{
	if (skbext_store_active(__skbext_hash_of(skb)))
		__sync_fetch_and_add(&acts[ORACLE_ACT_MPTCP_TAKEN], 1);
	skbext_reset(skb);
	return 0;
}

static __always_inline int taken(const struct sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *mark = bpf_map_lookup_elem(&taking, &zero);

	return mark && *mark && !skb->active_extensions && reset(skb);
}

SEC("?fentry/__mptcp_move_skbs_from_subflow")
int mirror_mptcp_taking(__u64 *ctx)
{
	return set_taking(1);
}

SEC("?fexit/__mptcp_move_skbs_from_subflow")
int mirror_mptcp_took(__u64 *ctx)
{
	return set_taking(0);
}

static __always_inline int mirror_mptcp_orphan(__u64 *ctx)
{
	return taken(SKB(0));
}
ACTS("?fentry/sock_rfree", mirror_mptcp_orphan, ORACLE_ACT_MPTCP_TAKEN)

static __always_inline int mirror_mptcp_coalesce(__u64 *ctx)
{
	return taken(SKB(1));
}
ACTS("?fentry/skb_try_coalesce", mirror_mptcp_coalesce, ORACLE_ACT_MPTCP_TAKEN)

/*
 * In 7.x the packet may wait in the msk's backlog first; (sk, skb) there, user space looks at the
 * prototype.
 */
static __always_inline int mirror_mptcp_moved(__u64 *ctx)
{
	return reset(SKB(1));
}
ACTS("?fentry/__mptcp_move_skb", mirror_mptcp_moved, ORACLE_ACT_MPTCP_TAKEN)

char LICENSE[] SEC("license") = "GPL";
