/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the API tests and their BPF objects. Includes nothing: it follows vmlinux.h too. */
#ifndef API_COMMON_H
#define API_COMMON_H

/* 16 bytes, the record that is used to measure skbext against the kernel's own extensions. */
struct api_note {
	__u64 stamp;
	__u32 id;
	__u32 bytes;		/* of UDP payload: tells whose packet this is */
};

/* Neither size nor alignment suits the one before or after it. */
struct api_tag {
	__u8 text[5];
};

#define API_NOTE_ID	0x600d
#define API_NOTE_STAMP	0x1122334455667788ULL

#define API_MIRROR	77	/* index of the device that clones leave by */

#define API_UDP_LEN	8
#define API_IP_UDP_LEN	(20 + API_UDP_LEN)
#define API_ETH_UDP_LEN	(14 + API_IP_UDP_LEN)

/* Seven of 255 bytes and one of 248, each at a multiple of 8, are just the 2040 bytes there are. */
struct api_fat {
	__u8 b[255];
};

struct api_last {
	__u8 b[248];
};

struct api_max {
	__u8 b[2040];
};

enum api_place {
	API_TC_EGRESS,
	API_TC_INGRESS,
	API_NETFILTER_IN,
	API_CGROUP_INGRESS,
	API_SOCKET,
	API_KFREE_SKB,
	API_PLACES,
};

/* One in the .bss of each object. */
struct api_seen {
	__u32 mark;		/* of the test's sockets: programs leave other packets alone */
	__u32 pad;
	__u64 runs;
	__u64 added;
	__u64 found;
	__u64 failed;		/* line of the first expectation that did not hold */
	__u64 right[API_PLACES];	/* packets that carried their own record there */
	__u64 wrong[API_PLACES];	/* none, or another's */
};

#endif /* API_COMMON_H */
