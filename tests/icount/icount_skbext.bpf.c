// SPDX-License-Identifier: GPL-2.0-only
/* scripts/icount: 16 bytes written at tc egress and read at tc ingress. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>

struct icount_note {
	__u64 stamp;
	__u64 id;
};
SKBEXT_TYPE_FLAGS(icount_note, struct icount_note, SKBEXT_F_DROP_UDP);
/* The first ends where the kernel's own do, at the UDP queue; this one when the packet is freed. */
SKBEXT_TYPE(icount_kept, struct icount_note);

__u64 packets, written, read, wrong;

#define NOTE(skb, type)							\
	do {								\
		struct icount_note *__n = skbext_add(skb, type);	\
									\
		if (__n) {						\
			__n->stamp = __n->id = 7;			\
			written++;					\
		}							\
	} while (0)

SEC("tc")
int write_all(struct __sk_buff *skb)
{
	NOTE(skb, icount_note);
	return 0;
}

SEC("tc")
int write_kept(struct __sk_buff *skb)
{
	NOTE(skb, icount_kept);
	return 0;
}

SEC("tc")
int write_some(struct __sk_buff *skb)
{
	if (++packets % 100 == 0)
		NOTE(skb, icount_note);
	return 0;
}

/* TCP keeps a packet to send it again, and sends a clone: tagged here, both have the record. */
SEC("fentry/skb_clone")
int BPF_PROG(skb_clone, struct sk_buff *skb)
{
	NOTE(skb, icount_note);
	return 0;
}

static __always_inline void check(const struct icount_note *n)
{
	if (!n)
		return;
	if (n->stamp != 7 || n->id != 7)
		wrong++;
	read++;
}

SEC("tc")
int read_back(struct __sk_buff *skb)
{
	check(skbext_find(skb, icount_note));
	return 0;
}

SEC("tc")
int read_kept(struct __sk_buff *skb)
{
	check(skbext_find(skb, icount_kept));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
