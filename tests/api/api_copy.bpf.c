// SPDX-License-Identifier: GPL-2.0-only
/*
 * skbext_copy() between two packets that are both in hand: a socket that sends to itself has the
 * packet before in its receive queue while it sends the next. Needs no clones: works in every mode.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

SKBEXT_TYPE(api_note, struct api_note);
SKBEXT_TYPE_FLAGS(api_tag, struct api_tag, SKBEXT_F_NO_CLONE);

struct api_seen api_seen;

#define API_EXPECT(x)									\
	do {										\
		if (!(x) && !api_seen.failed)						\
			api_seen.failed = __LINE__;					\
	} while (0)

/* 0: the note is not active. */
static __always_inline __u32 api_id(void *skb)
{
	const struct api_note *note = skbext_find(skb, api_note);

	return note ? note->id : 0;
}

static __always_inline int api_set(void *skb, __u32 id)
{
	struct api_note *note = skbext_add(skb, api_note);

	if (!note)
		return -1;
	note->id = id;
	return 0;
}

/* Bytes that a writer did not touch came along when it left the shared object. */
static __always_inline __u32 api_bytes(void *skb)
{
	const struct api_note *note = skbext_find(skb, api_note);

	return note ? note->bytes : 0;
}

static __always_inline void api_set_bytes(void *skb, __u32 bytes)
{
	struct api_note *note = skbext_add(skb, api_note);

	if (note)
		note->bytes = bytes;
}

/* The note is shared, what is not for clones is not, and who writes leaves the other alone. */
static __always_inline void api_cow(void *a, void *b)
{
	API_EXPECT(skbext_copy(b, a) == 0);
	API_EXPECT(!api_set(a, 1) && skbext_add(a, api_tag));
	api_set_bytes(a, 77);
	API_EXPECT(skbext_copy(b, a) == 1);
	API_EXPECT(api_id(b) == 1 && !skbext_exist(b, api_tag));

	API_EXPECT(!api_set(b, 2));
	API_EXPECT(api_bytes(a) == 77 && api_bytes(b) == 77);
	API_EXPECT(api_id(a) == 1 && api_id(b) == 2 && skbext_exist(a, api_tag));

	/* b loses its payload; this time the first one writes. */
	API_EXPECT(skbext_copy(b, a) == 1 && api_id(b) == 1);
	API_EXPECT(!api_set(a, 3));
	API_EXPECT(api_bytes(a) == 77 && api_bytes(b) == 77);
	API_EXPECT(api_id(a) == 3 && api_id(b) == 1 && skbext_exist(a, api_tag));
}

/* Each can go first, and del or reset of one is not felt by the other. */
static __always_inline void api_ends(void *a, void *b)
{
	API_EXPECT(skbext_copy(b, a) == 1);
	API_EXPECT(skbext_del(b, api_note) == 0 && !api_id(b) && api_id(a) == 3);
	API_EXPECT(skbext_copy(b, a) == 1);
	skbext_reset(a);
	API_EXPECT(!api_id(a) && !skbext_exist(a, api_tag) && api_id(b) == 3);
	API_EXPECT(!api_set(b, 4) && api_id(b) == 4);

	/* From nothing comes nothing, not even what was there. */
	API_EXPECT(skbext_copy(b, a) == 0 && !api_id(b));
}

/* The store has two free places left: the copy takes the second, so that unsharing finds none. */
static __always_inline void api_full(void *a, void *b)
{
	API_EXPECT(!api_set(a, 5));
	API_EXPECT(skbext_copy(b, a) == 1);
	API_EXPECT(api_set(a, 6) < 0);
	API_EXPECT(!skbext_add(a, api_tag));
	API_EXPECT(api_id(a) == 5 && api_id(b) == 5 && !skbext_exist(a, api_tag));

	/* A copy has its own place: it can always unshare. */
	API_EXPECT(!api_set(b, 7) && api_id(b) == 7 && api_id(a) == 5);
	API_EXPECT(!api_set(a, 8) && api_id(a) == 8);
	skbext_reset(a);
	skbext_reset(b);
	API_EXPECT(!api_id(a) && !api_id(b));
}

static __always_inline struct sk_buff *api_queued(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (skb->mark != api_seen.mark || !sk || sk->sk_receive_queue.qlen != 1)
		return NULL;
	api_seen.runs++;
	return sk->sk_receive_queue.next;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(api_copy, struct sk_buff *skb)
{
	struct sk_buff *queued = api_queued(skb);

	if (!queued)
		return 0;
	api_cow(skb, queued);
	api_ends(skb, queued);
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(api_copy_full, struct sk_buff *skb)
{
	struct sk_buff *queued = api_queued(skb);

	if (queued)
		api_full(skb, queued);
	return 0;
}

/* No place is left at all. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(api_no_room, struct sk_buff *skb)
{
	if (skb->mark != api_seen.mark)
		return 0;
	api_seen.runs++;
	API_EXPECT(api_set(skb, 1) < 0);
	API_EXPECT(!api_id(skb) && !skbext_exist(skb, api_note));
	API_EXPECT(skbext_del(skb, api_note) == -ENOENT);
	return 0;
}

char _license[] SEC("license") = "GPL";
