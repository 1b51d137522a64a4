// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counted references, on two packets that are both in hand as in api_copy.bpf.c: they follow the
 * object, not the packet, and a packet that ends gives back what it has.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

struct api_states {
	SKBEXT_REFS(3);
	__u8 text[3];
};

SKBEXT_TYPE(api_note, struct api_note);
SKBEXT_TYPE_FLAGS(api_states, struct api_states, SKBEXT_F_COUNTED);
SKBEXT_TYPE(api_plain, struct api_states);	/* looks like it, but nobody would count */

struct api_seen api_seen;

#define API_EXPECT(x)									\
	do {										\
		if (!(x) && !api_seen.failed)						\
			api_seen.failed = __LINE__;					\
	} while (0)

#define HELD(id)	skbext_refs_held(api_states, id)

/* The copy takes references of its own when it is written to; a failed one changes nothing. */
static __always_inline void api_cow(void *a, void *b)
{
	API_EXPECT(skbext_ref(a, api_states, 5) == 0 && skbext_ref(a, api_states, 7) == 1);
	API_EXPECT(skbext_copy(b, a) == 1 && HELD(5) == 1);
	API_EXPECT(skbext_ref(b, api_states, 5) == 2);
	API_EXPECT(HELD(5) == 3 && HELD(7) == 2);
	API_EXPECT(skbext_ref(b, api_states, 9) == -28 && HELD(9) == 0);
	API_EXPECT(skbext_ref(b, api_states, 1 << 20) == -22);
	API_EXPECT(skbext_ref(b, api_plain, 1) == -22 && !skbext_exist(b, api_plain));
}

/* Of an object that nobody shares del gives back, of a shared one its end. */
static __always_inline void api_ends(void *a, void *b)
{
	API_EXPECT(!skbext_del(b, api_states) && HELD(5) == 1 && HELD(7) == 1);
	API_EXPECT(skbext_add(a, api_note) && skbext_copy(b, a) == 1);
	API_EXPECT(!skbext_del(a, api_states) && HELD(5) == 1);
	skbext_reset(b);
	API_EXPECT(HELD(5) == 1 && skbext_exist(a, api_note));
	API_EXPECT(skbext_ref(a, api_states, 6) == 0 && HELD(5) == 0 && HELD(6) >= 1);
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(api_counted, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct sk_buff *queued;

	if (skb->mark != api_seen.mark || !sk || sk->sk_receive_queue.qlen != 1)
		return 0;
	queued = sk->sk_receive_queue.next;
	api_seen.runs++;
	/* User space looks at the references of earlier packets. */
	skbext_reset(queued);
	api_cow(skb, queued);
	api_ends(skb, queued);
	return 0;
}

char _license[] SEC("license") = "GPL";
