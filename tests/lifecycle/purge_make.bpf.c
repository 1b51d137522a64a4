// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of all kinds at addresses where no skb is: this program is their owner, and does what the
 * hooks and programs of real packets do. At tc, because a syscall program does not run under RCU.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "purge_types.h"

struct purge_states {
	SKBEXT_REFS(2);
};

SKBEXT_TYPE(purge_note, struct purge_note);
SKBEXT_TYPE_FLAGS(purge_states, struct purge_states, SKBEXT_F_COUNTED);

struct purge_test test SEC(".data.test");

#define EXPECT(x)				\
	do {					\
		if (!(x) && !test.failed)	\
			test.failed = __LINE__;	\
	} while (0)

static __always_inline __u64 hash_of(__u64 family, int skb)
{
	return skbext_hash(PURGE_ADDRESSES + family * PURGE_STRIDE + skb * 256 - SKBEXT_STATE->base);
}

__attribute__((noinline)) int note(__u64 h, __u64 number)
{
	const volatile struct __skbext_type *ref = __SKBEXT_TYPE(purge_note);
	struct purge_note *n = skbext_store_add(h, ref->active, ref->offset,
						sizeof(struct purge_note));

	if (n)
		n->number = number;
	return !!n;
}

__attribute__((noinline)) int states(__u64 h, __u32 id)
{
	const volatile struct __skbext_type *ref = __SKBEXT_TYPE(purge_states);

	if (skbext_store_add_slow(h, ref->active, ref->offset, sizeof(struct purge_states)) < 0)
		return 0;
	return skbext_store_ref(h, __skbext_type_of(ref->active), 2, id) >= 0;
}

/* Alone; shared; an object that outlives its first owner; two with references of their own. */
SEC("tc")
int make(struct __sk_buff *skb)
{
	__u64 n = __sync_fetch_and_add(&test.next, 1);
	__u64 a = hash_of(n, 0), b = hash_of(n, 1);

	EXPECT(note(a, n));
	if (n % 4 > 1)
		EXPECT(states(a, n % 8));
	if (n % 4 > 0)
		EXPECT(skbext_store_share(b, a) == 1);
	if (n % 4 == 2)
		EXPECT(skbext_store_release(a, SKBEXT_STAT_RELEASED) == 1);
	if (n % 4 == 3)
		EXPECT(note(b, n + 1));
	return 0;
}

static __always_inline __u32 generation(void)
{
	return *(volatile __u64 *)&SKBEXT_STATE->watch >> 32;
}

/* 1: what this packet has just added is there. */
static __always_inline int has(__u64 h, __u64 number)
{
	const volatile struct __skbext_type *ref = __SKBEXT_TYPE(purge_note);
	struct skbext_object *obj = skbext_store_find(h, ref->active);
	struct purge_note *n = obj ? __skbext_payload(obj, ref->offset) : (void *)0;

	if (n && n->number != number)
		__sync_fetch_and_add(&test.wrong, 1);
	return !!n;
}

/*
 * Packets at a few addresses, with a clone each, and then at others. Half of them end unseen: only
 * the generation tells them from the next ones. Each finds what it added unless a release was
 * missed since.
 */
SEC("tc")
int churn(struct __sk_buff *skb)
{
	__u64 n = __sync_fetch_and_add(&test.churned, 1);
	__u64 at = n / PURGE_ROUNDS % PURGE_PLACES * PURGE_CHURNED + n % PURGE_CHURNED;
	__u64 a = hash_of(PURGE_FAMILIES + at, 0), b = hash_of(PURGE_FAMILIES + at, 1);
	__u32 before;

	skbext_store_release(b, SKBEXT_STAT_RELEASED);
	before = generation();
	if (n & 256)
		skbext_store_release(a, SKBEXT_STAT_RELEASED);
	EXPECT(note(a, n));
	if (!has(a, n) && generation() == before)
		__sync_fetch_and_add(&test.lost, 1);
	skbext_store_share(b, a);
	if (!has(a, n) && generation() == before)
		__sync_fetch_and_add(&test.lost, 1);
	return 0;
}

static long wait_to_go(__u32 i, void *unused)
{
	return *(volatile __u64 *)&test.go != 0;
}

/* Has its payload for long, and then writes to it, whatever was done to the record meanwhile. */
SEC("tc")
int write_late(struct __sk_buff *skb)
{
	const volatile struct __skbext_type *ref = __SKBEXT_TYPE(purge_note);
	struct purge_note *n = skbext_store_add(hash_of(0, 0), ref->active, ref->offset,
						sizeof(struct purge_note));

	EXPECT(n);
	if (!n)
		return 0;
	*(volatile __u64 *)&test.added = 1;
	for (int i = 0; i < 64; i++)
		if (bpf_loop(1 << 23, wait_to_go, (void *)0, 0) < 1 << 23)
			break;
	n->number = ~0ULL;
	return 0;
}

char _license[] SEC("license") = "GPL";
