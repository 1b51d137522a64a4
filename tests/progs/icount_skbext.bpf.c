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
SKBEXT_TYPE(icount_note, struct icount_note);

__u64 packets, written, read, wrong;

#define NOTE(skb)							\
	do {								\
		struct icount_note *__n = skbext_add(skb, icount_note);	\
									\
		if (__n) {						\
			__n->stamp = __n->id = 7;			\
			written++;					\
		}							\
	} while (0)

SEC("tc")
int write_all(struct __sk_buff *skb)
{
	NOTE(skb);
	return 0;
}

SEC("tc")
int write_some(struct __sk_buff *skb)
{
	if (++packets % 100 == 0)
		NOTE(skb);
	return 0;
}

/* TCP keeps a packet to send it again, and sends a clone: tagged here, both have the record. */
SEC("fentry/skb_clone")
int BPF_PROG(skb_clone, struct sk_buff *skb)
{
	NOTE(skb);
	return 0;
}

SEC("tc")
int read_back(struct __sk_buff *skb)
{
	const struct icount_note *n = skbext_find(skb, icount_note);

	if (!n)
		return 0;
	if (n->stamp != 7 || n->id != 7)
		wrong++;
	read++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
