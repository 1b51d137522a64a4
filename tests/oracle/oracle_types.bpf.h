/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the native oracle's BPF objects share: types by the names of the kernel's, and records that
 * skbext no longer trusts.
 */
#ifndef ORACLE_TYPES_BPF_H
#define ORACLE_TYPES_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <skbext/skbext.bpf.h>
#include "oracle.h"

#define TYPE(name, id, payload, flags, same, but) \
	SKBEXT_TYPE_FLAGS(name, struct oracle_payload, flags);
ORACLE_TYPES(TYPE)
#undef TYPE

const volatile struct oracle_type native_type[SKBEXT_MAX_TYPES];

__u64 renewed SEC(".data.renewed");

static __always_inline void add(const struct sk_buff *skb, __u32 id)
{
	struct oracle_payload *p;

	switch (native_type[id & 7].kind) {
#define TYPE(name, id, payload, flags, same, but)			\
	case ORACLE_##name:						\
		p = skbext_add(skb, name);				\
		break;
	ORACLE_TYPES(TYPE)
#undef TYPE
	default:
		return;
	}
	if (p)
		p->taken = 0;	/* its owner is about to write */
}

/*
 * When the kernel has skipped a release, skbext trusts no record made before that: packets under
 * way lose theirs (include/skbext/watch.bpf.h). That is no difference to be found but known and
 * counted, so their owners add again: what the record still says and the kernel says too.
 */
static __always_inline int renew_once(const struct sk_buff *skb)
{
	__u64 h = __skbext_hash_of(skb);
	int slot = skbext_store_slot(h);
	__u64 *word = slot < 0 ? NULL : __skbext_word(slot);
	__u32 active = word ? *word & skb->active_extensions : 0;

	if (!active || !skbext_store_distrusts(slot))
		return 0;
	skbext_reset(skb);
	for (__u32 id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (active & 1 << id)
			add(skb, id);
	__sync_fetch_and_add(&renewed, 1);
	return 1;
}

/* The next release may be skipped before the first look at what was added. */
static __noinline int renew(const struct sk_buff *skb)
{
	int n = 0;

	while (n < 4 && renew_once(skb))
		n++;
	return n;
}

static __always_inline void renew_distrusted(const struct sk_buff *skb)
{
	if (!skbext_store_absent(__skbext_hash_of(skb)))
		renew(skb);
}

#endif /* ORACLE_TYPES_BPF_H */
