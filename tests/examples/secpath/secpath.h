/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SECPATH_H
#define SECPATH_H

#include <skbext/layout.h>

#define SECPATH_DEPTH	6		/* XFRM_MAX_DEPTH */
#define SECPATH_STATES	1024		/* counters of one type, if `load --refs` does not say */

/* A state as the packet met it. spi in network byte order. */
struct secpath_state {
	__u32 spi;
	__u8 proto;			/* IPPROTO_ESP ... */
	__u8 mode;			/* XFRM_MODE_TRANSPORT ... */
	__u16 pad;
};

/*
 * The transformations that a packet has passed, outermost first: the kernel's struct sec_path.
 * refs: the states' numbers.
 */
struct packet_path {
	SKBEXT_REFS(SECPATH_DEPTH);
	struct secpath_state state[SECPATH_DEPTH];
};

/* By what a state is known; it gets its number with its first packet. */
struct secpath_key {
	__u32 daddr[4];
	__u32 spi;
	__u32 proto;
};

struct secpath_known {
	__u32 number;
	__u32 mode;
	__u64 packets;
};

#endif /* SECPATH_H */
