/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by test_concurrent.c and its programs. Includes nothing: it follows vmlinux.h too. */
#ifndef CONCURRENT_TYPES_H
#define CONCURRENT_TYPES_H

#define CONCURRENT_MAGIC	0x636f6e6375727221ULL

/* The datagram: no two have the same id. */
struct concurrent_packet {
	__u64 magic;
	__u64 id;
};

/* Names the packet; bytes of two writers or of two packets do not pass the check. */
struct concurrent_id {
	__u64 id;
	__u64 writer;		/* place, and cpu */
	__u64 check;
};

struct concurrent_note {
	__u64 id;
	__u64 times;
};

enum concurrent_place {
	CONCURRENT_EGRESS,	/* tc: adds the id, and clones to another device */
	CONCURRENT_MIRROR,	/* tc at that device: the clone */
	CONCURRENT_INGRESS,	/* tc at both other ends, on whatever CPU */
	CONCURRENT_RECEIVE,	/* tp_btf/netif_receive_skb */
	CONCURRENT_SOCKET,	/* filter of each receiver: multicast has a clone for each */
	CONCURRENT_TAP,		/* filter of the packet taps */
	CONCURRENT_PLACES,
};

struct concurrent_counts {
	struct concurrent_seen {
		__u64 found;
		__u64 missing;
		__u64 wrong;		/* another packet's, or of two writers */
		__u64 other_cpu;	/* found, and written last on another CPU */
		__u64 added;		/* written: what is shared is copied */
		__u64 deleted;
		__u64 no_room;
	} at[CONCURRENT_PLACES];
	__u64 stale;			/* had an id before it was added */
};

struct concurrent_knobs {
	__u32 mirror;		/* ifindex */
	__u32 on;		/* else nothing is added */
};

#endif /* CONCURRENT_TYPES_H */
