/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tests/lifecycle/test_purge.c and its object tell each other. Follows vmlinux.h too. */
#ifndef PURGE_TYPES_H
#define PURGE_TYPES_H

#define PURGE_ADDRESSES	0xffff888000000000ULL	/* where no test's packets are */
#define PURGE_STRIDE	1024			/* one family, whose skbs lie 256 apart */
#define PURGE_FAMILIES	(1 << 20)		/* behind these are the packets that come and go */
#define PURGE_CHURNED	32			/* at that many addresses */
#define PURGE_ROUNDS	8192			/* then at that many others */
#define PURGE_PLACES	64

struct purge_note {
	__u64 number;
};

struct purge_test {
	__u64 next;		/* family to make */
	__u64 churned;		/* rounds */
	__u64 failed;		/* line of what did not work first */
	__u64 lost;		/* records that were gone although nothing was missed */
	__u64 wrong;		/* that held another number */
	__u64 added, go;	/* the owner has its payload; it may write to it */
};

#endif /* PURGE_TYPES_H */
