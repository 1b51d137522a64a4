/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program in a hard interrupt or NMI, which meets the store wherever the CPU was in it: it looks
 * at the packet that this CPU sent last, deletes by address as user space does, and adds and
 * deletes records of its own, at addresses where no sk_buff can be.
 */
#ifndef MISSED_IRQ_H
#define MISSED_IRQ_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include <skbext/store/outside.h>
#include "lifecycle_types.h"
#include "missed_types.h"

SKBEXT_TYPE_FLAGS(tag, struct lifecycle_tag, SKBEXT_F_DROP_UDP);

#define CPUS	64

struct irq_knobs knobs SEC(".data.knobs");
struct irq_counts irq_counts SEC(".data.irq");
__u64 last[CPUS];

#define COUNT(what) __sync_fetch_and_add(&irq_counts.what, 1)
#define TAG __SKBEXT_TYPE(tag)

SEC("tp_btf/net_dev_queue")
int BPF_PROG(remember, struct sk_buff *skb)
{
	last[bpf_get_smp_processor_id() % CPUS] = __skbext_hash_of(skb);
	return 0;
}

/*
 * In a tag that is being made the key is still zero.
 * It is that of the skb it was added to: UDP is not cloned.
 */
static __always_inline void look(__u64 h)
{
	struct skbext_object *obj = skbext_store_find(h, TAG->active);
	const struct lifecycle_tag *tag = obj ? __skbext_payload(obj, TAG->offset) : NULL;

	if (!tag)
		return;
	COUNT(found);
	if (tag->skb && tag->skb != h)
		COUNT(wrong);
}

static __always_inline void own(__u64 h)
{
	if (!skbext_store_add(h, TAG->active, TAG->offset, sizeof(struct lifecycle_tag))) {
		COUNT(own_refused);
		return;
	}
	COUNT(own);
	if (skbext_store_find_slow(h, TAG->active) < 0 || !skbext_store_del(h, TAG->active) ||
	    skbext_store_find_slow(h, TAG->active) >= 0)
		COUNT(own_wrong);
}

/*
 * Now and then, so that packets that keep what they have come by as well. Whoever was interrupted
 * may be reading the record that is taken from it: until this CPU has sent another packet, nothing
 * is put into its place.
 */
static __always_inline bool take(__u32 cpu, __u64 h)
{
	int slot = irq_counts.fired & 7 ? SKBEXT_NONE : skbext_store_take(h, TAG->active);

	if (slot < 0 && slot != SKBEXT_DONE)
		return false;
	if (slot >= 0)
		skbext_store_end_taken(slot, h);
	COUNT(taken);
	last[cpu] = 0;
	return true;
}

/*
 * nr: tells contexts apart that can interrupt each other.
 * No sk_buff lies close to the control map.
 */
static __always_inline int fire(__u32 nr)
{
	__u32 cpu = bpf_get_smp_processor_id() % CPUS;
	__u64 h = last[cpu];

	if (!knobs.on)
		return 0;
	COUNT(fired);
	if (!h)
		return 0;
	look(h);
	if (!take(cpu, h))
		own(skbext_hash(8 * (1 + 2 * cpu + nr)));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

#endif /* MISSED_IRQ_H */
