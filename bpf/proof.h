/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by bpf/proof.bpf.c and user/lib/proof.c. Behind vmlinux.h or <linux/types.h>. */
#ifndef PROOF_H
#define PROOF_H

/* The hooks whose functions the traffic of the proof passes. */
enum proof_hook {
	PROOF_RELEASE,		/* skb_release_head_state */
	PROOF_STATELESS,	/* __consume_stateless_skb */
	PROOF_COPY,		/* __copy_skb_header */
	PROOF_FRAGMENT,		/* ip_copy_metadata */
	PROOF_FRAGMENT6,	/* ip6_copy_metadata */
	PROOF_SCRUB,		/* skb_scrub_packet */
	PROOF_UDP,		/* __udp_enqueue_schedule_skb */
	PROOF_NR,
};

struct proof_state {
	__u32 netns;		/* inode number of the namespace */
	__u32 thread;		/* its only one */
	__u64 queued;		/* packets seen at net_dev_queue */
	__u64 unseen;		/* of these, whose sk_buff came again without a release */
	__u64 ran[PROOF_NR];
};

#define PROOF_PACKETS	512	/* queued and not released yet, at most */

#endif /* PROOF_H */
