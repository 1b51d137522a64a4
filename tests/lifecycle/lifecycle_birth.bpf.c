// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exact mode only: wherever the kernel hands out a new skb, nothing may be active under its
 * address; and a clone has what its original has. User space loads those programs whose function
 * the kernel has.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "lifecycle_types.h"

SKBEXT_TYPE_FLAGS(tag, struct lifecycle_tag, SKBEXT_F_DROP_UDP);

struct lifecycle_births births SEC(".data.births");

#define COUNT(what) __sync_fetch_and_add(&births.what, 1)

/* To the verifier a function's return value is a scalar. */
static __always_inline __u64 key_of_address(__u64 skb)
{
	return skbext_hash(skb - SKBEXT_STATE->base);
}

static __always_inline int born(void *ctx)
{
	__u64 skb = 0;

	bpf_get_func_ret(ctx, &skb);
	if (!skb)
		return 0;
	COUNT(births);
	if (skbext_store_active(key_of_address(skb)))
		COUNT(stale);
	return 0;
}

/* Some of these call each other: a birth may count twice. */
#define BIRTH(function) \
	SEC("?fexit/" #function) int birth_##function(void *ctx) { return born(ctx); }

BIRTH(__alloc_skb)
BIRTH(__napi_alloc_skb)		/* up to 6.9 */
BIRTH(napi_alloc_skb)
BIRTH(__netdev_alloc_skb)
BIRTH(__build_skb)
BIRTH(build_skb)
BIRTH(napi_build_skb)
BIRTH(slab_build_skb)		/* from 6.2 */

/* Where the payloads of this address are, trusted or not; -1: nowhere. */
static __always_inline int object_of(__u64 h)
{
	int slot = skbext_store_slot(h);
	__u64 *word = slot < 0 ? (__u64 *)0 : __skbext_word(slot);

	return word ? (int)__skbext_object_of(slot, *word) : -1;
}

/*
 * The share hook ran inside: from now on both have their own view of one object. A release that is
 * missed on another CPU meanwhile takes trust from one of the two before it takes it from the
 * other.
 */
SEC("?fexit/skb_clone")
int BPF_PROG(birth_skb_clone, struct sk_buff *skb, gfp_t mask, struct sk_buff *ret)
{
	__u64 from = __skbext_hash_of(skb), to = __skbext_hash_of(ret);
	/* A noclone type stays with the original. */
	int original = skbext_store_active(from) & ~SKBEXT_STATE->noclone;
	int clone = skbext_store_active(to);

	if (!ret)
		return 0;
	COUNT(clones);
	if (clone)
		COUNT(clones_shared);
	if (original && !clone)
		COUNT(clones_lost);
	/* One object: that is more than equal contents. */
	else if (clone && ((original && clone != original) || object_of(to) != object_of(from)))
		COUNT(clones_wrong);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
