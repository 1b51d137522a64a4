/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What progs/missed_*.bpf.c and tests/lifecycle/test_missed.c agree on. */
#ifndef MISSED_TYPES_H
#define MISSED_TYPES_H

#define DYING_MAGIC	0x6479696e67212121ULL

enum adds_at { NOWHERE, AT_KFREE_SKB, AT_RELEASE };

struct dying_note {
	__u64 magic;
};

/* Written by user space while nothing is sent. */
struct dying_knobs {
	__u32 adds_at;
};

struct dying_counts {
	__u64 added;		/* to packets that are being freed */
	__u64 refused;
	__u64 found;		/* on a packet that is sent: another one's */
	__u64 at_end;		/* on one that is consumed */
};

struct irq_knobs {
	__u32 on;
};

/* What a program in an interrupt does, with packets of others and with addresses of its own. */
struct irq_counts {
	__u64 fired;
	__u64 found;		/* on the packet that this CPU sent last */
	__u64 wrong;		/* that is another packet's */
	__u64 taken;		/* deleted by address, as user space does */
	__u64 own;		/* added, found and deleted */
	__u64 own_refused;	/* no room */
	__u64 own_wrong;	/* not found, found again, or not deleted */
};

#endif /* MISSED_TYPES_H */
