// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags every packet that enters a device queue and looks for the tag where it is received: an
 * ordinary user of skbext, in a tracing and in a tc program. Each packet of the test passes
 * net_dev_queue once, so that a tag that is there before it is added is another packet's; one that
 * is found on receive must name this packet or one that this is a part of.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <skbext/skbext.bpf.h>
#include "lifecycle_types.h"

SKBEXT_TYPE_FLAGS(tag, struct lifecycle_tag, SKBEXT_F_DROP_UDP);
SKBEXT_TYPE_FLAGS(tag_keep, struct lifecycle_tag, SKBEXT_F_KEEP_SCRUB);
SKBEXT_TYPE_FLAGS(origin, struct lifecycle_origin, SKBEXT_F_DROP_UDP);

struct lifecycle_knobs knobs SEC(".data.knobs");
struct lifecycle_counts counts SEC(".data.counts");

#define COUNT(what) __sync_fetch_and_add(&counts.what, 1)

#define ETH_HLEN 14
#define IFF_LOOPBACK 0x8

/* Identifies a packet by its contents, however it got here. */
struct identity {
	__u64 flow;
	__u32 number;
	__u32 span;
};

struct headers {
	struct iphdr ip;
	union {
		struct tcphdr tcp;
		struct udphdr udp;
		/* ICMP, with a checksum of all that follows; UDP, with the test's number. */
		__u64 word[3];
	};
} __attribute__((packed, aligned(8)));

static __always_inline __u64 mix(__u64 flow, __u64 word)
{
	return (flow ^ word) * 0x9e3779b97f4a7c15ULL;
}

static __always_inline void identify_tcp(struct sk_buff *skb, struct headers *h,
					 struct identity *id)
{
	__u32 before = ETH_HLEN + sizeof(h->ip) + h->tcp.doff * 4;	/* in a device queue */

	id->flow = mix(mix(id->flow, h->word[0] & 0xffffffff), h->tcp.ack_seq);
	id->number = bpf_ntohl(h->tcp.seq);
	if (skb->len > before)
		id->span = skb->len - before;
}

static __always_inline void identify(struct sk_buff *skb, struct identity *id)
{
	struct headers h = {};

	bpf_probe_read_kernel(&h, sizeof(h), skb->head + skb->network_header);
	id->flow = mix(mix(h.ip.protocol, h.ip.saddr), h.ip.daddr);
	id->number = 0;
	id->span = 1;
	if (h.ip.protocol == IPPROTO_TCP) {
		identify_tcp(skb, &h, id);
	} else if (h.ip.protocol == IPPROTO_UDP) {
		id->flow = mix(id->flow, h.word[0] & 0xffffffff);
		id->number = h.word[2];
	} else {
		id->flow = mix(id->flow, h.word[0]);
	}
}

static __always_inline bool is_ours(struct sk_buff *skb)
{
	__u64 cookie = skb->dev->nd_net.net->net_cookie;

	return cookie == knobs.cookie[0] || cookie == knobs.cookie[1];
}

/*
 * A clone of a segment that was tagged in its socket:
 * is it of this socket, and not far from where it began?
 */
static __always_inline void check_origin(struct sk_buff *skb)
{
	const struct lifecycle_origin *origin = skbext_find(skb, origin);
	__be32 seq = 0;

	if (!origin)
		return;
	COUNT(origin_found);
	bpf_probe_read_kernel(&seq, sizeof(seq), skb->head + skb->transport_header + 4);
	/* A part that was acknowledged may be cut off its front. */
	if (origin->magic != TAG_MAGIC || origin->sk != __skbext_hash_of(skb->sk) ||
	    bpf_ntohl(seq) - origin->tcp_seq > 0x80000)
		COUNT(origin_wrong);
}

static __always_inline void fill(struct lifecycle_tag *tag, __u64 key, __u64 seq,
				 struct identity *id)
{
	tag->magic = TAG_MAGIC;
	tag->skb = key;
	tag->seq = seq;
	tag->flow = id->flow;
	tag->number = id->number;
	tag->span = id->span;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(queue, struct sk_buff *skb)
{
	struct lifecycle_tag *tag;
	struct identity id;
	__u64 key, seq;

	if (!knobs.tagging || !is_ours(skb))
		return 0;
	if (skbext_exist(skb, tag) || skbext_exist(skb, tag_keep))
		COUNT(stale);
	check_origin(skb);

	key = __skbext_hash_of(skb);
	identify(skb, &id);
	tag = skbext_add(skb, tag);
	if (!tag) {
		COUNT(add_failed);
		return 0;
	}
	seq = COUNT(tagged);
	fill(tag, key, seq, &id);
	if (seq & 1)
		return 0;
	tag = skbext_add(skb, tag_keep);
	if (!tag) {
		COUNT(add_failed);
		return 0;
	}
	COUNT(tagged_keep);
	fill(tag, key, seq, &id);
	return 0;
}

static __always_inline bool belongs(const struct lifecycle_tag *tag, struct identity *id)
{
	return tag->magic == TAG_MAGIC && tag->flow == id->flow &&
	       id->number - tag->number < tag->span;
}

/* Not lost: the kernel skipped queue(), and the packet has no record, or only what its socket added. */
static __always_inline void count_lo(struct sk_buff *skb)
{
	COUNT(lo_missing);
	if (skbext_store_slot(__skbext_hash_of(skb)) >= 0 && !skbext_exist(skb, origin))
		COUNT(lo_lost);
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(receive, struct sk_buff *skb)
{
	const struct lifecycle_tag *tag;
	struct identity id;

	if (!is_ours(skb))
		return 0;
	identify(skb, &id);
	tag = skbext_find(skb, tag);
	if (tag) {
		COUNT(found);
		if (!belongs(tag, &id))
			COUNT(wrong);
	} else if (knobs.tagging) {
		COUNT(missing);
		if (skb->dev->flags & IFF_LOOPBACK)
			count_lo(skb);
	}
	tag = skbext_find(skb, tag_keep);
	if (tag) {
		COUNT(found_keep);
		if (!belongs(tag, &id))
			COUNT(wrong);
	}
	return 0;
}

/* The tag is active: adding it again is how it is written, and must show what was there. */
static __always_inline void rewrite(struct __sk_buff *ctx, __u64 key)
{
	struct lifecycle_tag *tag = skbext_add(ctx, tag);

	COUNT(tc_written);
	if (!tag || tag->magic != TAG_MAGIC || tag->skb != key)
		COUNT(tc_bad_write);
	else
		tag->seq = ~0ULL;
}

static __always_inline bool added_to(const struct lifecycle_tag *tag, __u64 key)
{
	return tag->magic == TAG_MAGIC && (knobs.segmented || tag->skb == key);
}

SEC("tc")
int ingress(struct __sk_buff *ctx)
{
	__u64 key = __skbext_hash_of(ctx);
	const struct lifecycle_tag *tag;

	tag = skbext_find(ctx, tag_keep);
	if (tag) {
		COUNT(tc_found_keep);
		if (!added_to(tag, key))
			COUNT(tc_wrong);
	}
	tag = skbext_find(ctx, tag);
	if (!tag) {
		if (knobs.tagging)
			COUNT(tc_missing);
		return 0;
	}
	COUNT(tc_found);
	if (!added_to(tag, key))
		COUNT(tc_wrong);
	if (knobs.write_ingress)
		rewrite(ctx, key);
	return 0;
}

/*
 * Exact mode only: tags the segment in the socket's write queue, which stays there until it is
 * acknowledged while clones of it are sent. What net_dev_queue then adds to the clone must not be
 * seen by the original.
 */
SEC("?fentry/tcp_skb_entail")
int BPF_PROG(segment, struct sock *sk, struct sk_buff *skb)
{
	__u64 cookie = sk->__sk_common.skc_net.net->net_cookie;
	struct lifecycle_origin *origin;

	if (!knobs.tagging || (cookie != knobs.cookie[0] && cookie != knobs.cookie[1]))
		return 0;
	/* Only here is it known that nothing was ever added to this packet. */
	if (skbext_store_active(__skbext_hash_of(skb)))
		COUNT(stale);
	origin = skbext_add(skb, origin);
	if (!origin) {
		COUNT(add_failed);
		return 0;
	}
	COUNT(origins);
	origin->magic = TAG_MAGIC;
	origin->sk = __skbext_hash_of(sk);
	origin->tcp_seq = BPF_CORE_READ((struct tcp_sock *)sk, write_seq);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
