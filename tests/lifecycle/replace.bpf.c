// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bound programs that go on while what they are bound to is replaced: one adds to every other
 * packet, one finds that where it arrives, and one on the clones for packet taps.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>

#include "replace_types.h"

#define ETH_UDP_LEN	(14 + 20 + 8)

SKBEXT_TYPE(replace_note, struct replace_note);

struct replace_seen seen SEC(".data.seen");

#define COUNT(what)	((void)__sync_fetch_and_add(&seen.what, 1))

static __always_inline bool is_ours(struct __sk_buff *skb, struct replace_packet *p)
{
	return !bpf_skb_load_bytes(skb, ETH_UDP_LEN, p, sizeof(*p)) && p->magic == REPLACE_MAGIC;
}

SEC("tc")
int replace_adds(struct __sk_buff *skb)
{
	struct replace_packet p;
	struct replace_note *n;

	if (!is_ours(skb, &p))
		return -1;
	if (skbext_exist(skb, replace_note))
		COUNT(stale);
	if (!(p.seq & 1))
		return -1;
	n = skbext_add(skb, replace_note);
	if (n) {
		n->seq = p.seq;
		COUNT(added);
	} else {
		COUNT(refused);
	}
	return -1;
}

SEC("tc")
int replace_finds(struct __sk_buff *skb)
{
	const struct replace_note *n;
	struct replace_packet p;

	if (!is_ours(skb, &p))
		return -1;
	n = skbext_find(skb, replace_note);
	if (!(p.seq & 1) && n)
		COUNT(stale);
	else if (p.seq & 1 && !n)
		COUNT(lost);
	else if (n && n->seq != p.seq)
		COUNT(wrong);
	else if (n)
		COUNT(found);
	return -1;
}

/* Of a packet that leaves it is a clone. */
SEC("socket")
int replace_taps(struct __sk_buff *skb)
{
	const struct replace_note *n;
	struct replace_packet p;

	if (!is_ours(skb, &p) || !(p.seq & 1) || skb->pkt_type != 4 /* PACKET_OUTGOING */)
		return 0;
	n = skbext_find(skb, replace_note);
	if (!n)
		COUNT(clones_lost);
	else if (n->seq != p.seq)
		COUNT(wrong);
	else
		COUNT(clones);
	return 0;
}

/* At functions and tracepoints of the hooks: their order would be another one. */
SEC("fentry/skb_release_head_state")
int BPF_PROG(replace_at_release, struct sk_buff *skb)
{
	skbext_find(skb, replace_note);
	return 0;
}

SEC("fexit/skb_release_head_state")
int BPF_PROG(replace_behind_release, struct sk_buff *skb)
{
	skbext_find(skb, replace_note);
	return 0;
}

SEC("tp_btf/napi_gro_receive_entry")
int BPF_PROG(replace_at_birth, struct sk_buff *skb)
{
	skbext_find(skb, replace_note);
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(replace_elsewhere, struct sk_buff *skb)
{
	skbext_find(skb, replace_note);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
