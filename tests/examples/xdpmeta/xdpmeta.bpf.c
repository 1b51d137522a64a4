// SPDX-License-Identifier: GPL-2.0-only
/*
 * What XDP writes in front of a packet is gone after tc: the next header pushed overwrites it, and
 * no later program can read it. Adopted into an extension at tc ingress, it reaches the
 * socket filter.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "xdpmeta.h"

#define PAYLOAD		42	/* of UDP over IPv4 on Ethernet */
#define UDP_HLEN	8	/* a UDP socket's filter sees its packet from the UDP header on */
#define MAGIC		0x6d657461
#define TC_ACT_UNSPEC	(-1)

SKBEXT_TYPE(xdp_note, struct xdp_note);

__u64 written, adopted, compared, differing, missing, slowest;

SEC("xdp")
int xdpmeta_write(struct xdp_md *ctx)
{
	struct xdp_note *note;
	void *data;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*note)))
		return XDP_PASS;
	note = (void *)(long)ctx->data_meta;
	data = (void *)(long)ctx->data;
	if ((void *)(note + 1) > data)
		return XDP_PASS;
	*note = (struct xdp_note) { .magic = MAGIC, .stamp = bpf_ktime_get_ns() };
	if (data + PAYLOAD + sizeof(note->id) <= (void *)(long)ctx->data_end)
		note->id = *(__u32 *)(data + PAYLOAD);
	__sync_fetch_and_add(&written, 1);
	return XDP_PASS;
}

/* Ingress of the same device. */
SEC("tc")
int xdpmeta_adopt(struct __sk_buff *skb)
{
	struct xdp_note *meta = (void *)(long)skb->data_meta, *note;

	if ((void *)(meta + 1) > (void *)(long)skb->data || meta->magic != MAGIC)
		return TC_ACT_UNSPEC;
	note = skbext_add(skb, xdp_note);
	if (note) {
		*note = *meta;
		__sync_fetch_and_add(&adopted, 1);
	}
	return TC_ACT_UNSPEC;
}

SEC("socket")
int xdpmeta_socket(struct __sk_buff *skb)
{
	const struct xdp_note *note = skbext_find(skb, xdp_note);
	__u32 id = 0;

	if (!note) {
		__sync_fetch_and_add(&missing, 1);
		return skb->len;
	}
	bpf_skb_load_bytes(skb, UDP_HLEN, &id, sizeof(id));
	__sync_fetch_and_add(&compared, 1);
	if (note->id != id)
		__sync_fetch_and_add(&differing, 1);
	if (bpf_ktime_get_ns() - note->stamp > slowest)
		slowest = bpf_ktime_get_ns() - note->stamp;
	return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
