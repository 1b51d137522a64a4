/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VERDICT_H
#define VERDICT_H

enum {
	VERDICT_PASS,
	VERDICT_DENY,		/* for netfilter */
	VERDICT_QUARANTINE,	/* for the socket */
};

/* Learnt about a packet when it came in, and decided about it. */
struct packet_verdict {
	__u32 action;
	__u32 hooks;		/* that have seen it */
};

#endif /* VERDICT_H */
