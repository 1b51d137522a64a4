// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adds, writes and deletes on packets and their clones at several hooks and on all CPUs. What is
 * done to a packet at a hook follows from its id; whatever is found must be this packet's.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "concurrent_types.h"

SKBEXT_TYPE_FLAGS(concurrent_id, struct concurrent_id, SKBEXT_F_KEEP_SCRUB);
SKBEXT_TYPE_FLAGS(concurrent_note, struct concurrent_note,
		  SKBEXT_F_KEEP_SCRUB | SKBEXT_F_DROP_UDP);

struct concurrent_knobs knobs SEC(".data.knobs");
struct concurrent_counts counts SEC(".data.counts");

#define COUNT(place, what) __sync_fetch_and_add(&counts.at[place].what, 1)

#define UDP_PAYLOAD		28	/* behind the network header */
#define ETH_UDP_PAYLOAD		42

static __always_inline __u64 mix(__u64 a, __u64 b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15ULL;
	return a ^ a >> 32;
}

static __always_inline bool is_right(const struct concurrent_id *rec, __u64 id)
{
	return rec->id == id && rec->check == mix(rec->id, rec->writer);
}

static __always_inline void fill(struct concurrent_id *rec, __u64 id, enum concurrent_place place)
{
	rec->id = id;
	rec->writer = (__u64)place << 32 | bpf_get_smp_processor_id();
	rec->check = mix(rec->id, rec->writer);
}

static __always_inline void look(const struct concurrent_id *rec, __u64 id,
				 enum concurrent_place place)
{
	if (!rec) {
		COUNT(place, missing);
		return;
	}
	COUNT(place, found);
	if (!is_right(rec, id))
		COUNT(place, wrong);
	if ((__u32)rec->writer != bpf_get_smp_processor_id())
		COUNT(place, other_cpu);
}

static __always_inline void write_id(struct __sk_buff *ctx, __u64 id, enum concurrent_place place)
{
	struct concurrent_id *rec = skbext_add(ctx, concurrent_id);

	if (!rec) {
		COUNT(place, no_room);
		return;
	}
	/* Zeroed, or what this packet had. */
	if ((rec->id || rec->check) && !is_right(rec, id))
		COUNT(place, wrong);
	COUNT(place, added);
	fill(rec, id, place);
}

static __always_inline void write_note(struct __sk_buff *ctx, __u64 id, enum concurrent_place place)
{
	struct concurrent_note *note = skbext_add(ctx, concurrent_note);

	if (!note) {
		COUNT(place, no_room);
		return;
	}
	if (note->times ? note->id != id : note->id)
		COUNT(place, wrong);
	note->id = id;
	note->times++;
}

/* Once for all programs: what it calls is some hundred instructions each. */
static __noinline int act(struct __sk_buff *ctx, __u64 id, enum concurrent_place place)
{
	look(skbext_find(ctx, concurrent_id), id, place);
	switch (mix(id, place + 1) >> 40 & 7) {
	case 0:
	case 1:
	case 2:
		write_id(ctx, id, place);
		break;
	case 3:
		write_note(ctx, id, place);
		break;
	case 4:
		if (!skbext_del(ctx, concurrent_id))
			COUNT(place, deleted);
		break;
	case 5:
		if (!(id & 8))
			skbext_reset(ctx);
		break;
	}
	return 0;
}

/* The id of one of the test's packets; 0: it is another. */
static __always_inline __u64 id_of(struct __sk_buff *ctx, __u32 offset)
{
	struct concurrent_packet p;

	if (!knobs.on || bpf_skb_load_bytes(ctx, offset, &p, sizeof(p)) ||
	    p.magic != CONCURRENT_MAGIC)
		return 0;
	return p.id;
}

SEC("tc")
int egress(struct __sk_buff *ctx)
{
	__u64 id = id_of(ctx, ETH_UDP_PAYLOAD);

	if (!id)
		return 0;
	if (skbext_exist(ctx, concurrent_id))
		__sync_fetch_and_add(&counts.stale, 1);
	write_id(ctx, id, CONCURRENT_EGRESS);
	/* From here on two CPUs may have the two of them. */
	if (id & 3)
		bpf_clone_redirect(ctx, knobs.mirror, 0);
	act(ctx, id, CONCURRENT_EGRESS);
	return 0;
}

SEC("tc")
int mirror(struct __sk_buff *ctx)
{
	__u64 id = id_of(ctx, ETH_UDP_PAYLOAD);

	if (id)
		act(ctx, id, CONCURRENT_MIRROR);
	return 0;
}

SEC("tc")
int ingress(struct __sk_buff *ctx)
{
	__u64 id = id_of(ctx, ETH_UDP_PAYLOAD);

	if (id)
		act(ctx, id, CONCURRENT_INGRESS);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(receive, struct sk_buff *skb)
{
	struct concurrent_packet p = {};

	bpf_probe_read_kernel(&p, sizeof(p), skb->head + skb->network_header + UDP_PAYLOAD);
	if (knobs.on && p.magic == CONCURRENT_MAGIC)
		look(skbext_find(skb, concurrent_id), p.id, CONCURRENT_RECEIVE);
	return 0;
}

/* Data begins with the UDP header. */
SEC("socket")
int datagram(struct __sk_buff *ctx)
{
	__u64 id = id_of(ctx, 8);

	if (!id)
		return ctx->len;
	look(skbext_find(ctx, concurrent_id), id, CONCURRENT_SOCKET);
	if (id & 16)
		write_id(ctx, id, CONCURRENT_SOCKET);
	return ctx->len;
}

/* Others may hold this one as well: it may be looked at, and no more. */
SEC("socket")
int tap(struct __sk_buff *ctx)
{
	__u64 id = id_of(ctx, ETH_UDP_PAYLOAD);

	if (id)
		look(skbext_find(ctx, concurrent_id), id, CONCURRENT_TAP);
	return ctx->len;
}

char LICENSE[] SEC("license") = "GPL";
