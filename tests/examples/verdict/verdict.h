/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VERDICT_H
#define VERDICT_H

enum {
	VERDICT_PASS,
	VERDICT_DENY,		/* for netfilter */
	VERDICT_QUARANTINE,	/* for the socket */
};

/* What is known about a packet once it came in, and what was made of it. */
struct packet_verdict {
	__u32 action;
	__u32 hooks;		/* that have seen it */
};

#endif /* VERDICT_H */
