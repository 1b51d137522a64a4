/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counted by demo.bpf.c, printed by `skbext demo`. Includes nothing, as layout.h. */
#ifndef SKBEXT_DEMO_H
#define SKBEXT_DEMO_H

struct flow_note {
	__u64 stamp;		/* when it was sent, ns since boot */
	__u32 id;		/* which packet of its phase */
	__u32 pad;
};

struct trace_id {
	__u64 id;
};

/* In the order in which a packet passes them. */
enum demo_hook {
	DEMO_CGROUP_EGRESS,
	DEMO_TC_EGRESS,
	DEMO_NET_DEV_QUEUE,
	DEMO_START_XMIT,
	DEMO_NETIF_RECEIVE,	/* from here on: the other namespace */
	DEMO_TC_INGRESS,
	DEMO_NETFILTER,
	DEMO_CGROUP_INGRESS,
	DEMO_CLONE_FOUND,	/* a clone at its mirror device */
	DEMO_CLONE_WRITTEN,	/* the same after writing */
	DEMO_HOOKS,
};

#define DEMO_HOOKS_ON_PATH	DEMO_CLONE_FOUND

enum demo_phase {
	DEMO_IDLE,		/* what still trickles in between the phases */
	DEMO_UDP,
	DEMO_TCP,
	DEMO_ICMP,
	DEMO_STORY,		/* one datagram, so that the last one seen is the only one */
	DEMO_MIRROR,		/* one datagram and its clone */
	DEMO_PHASES,
};

struct demo_seen {
	__u64 packets;
	__u64 notes;		/* of these, with a flow_note */
	__u64 traces;		/* of these, with a trace_id */
	__u64 when;		/* the last one: its time and payloads */
	struct flow_note note;
	struct trace_id trace;
};

#endif /* SKBEXT_DEMO_H */
