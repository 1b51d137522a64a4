/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tests/test_replace.c and its BPF object agree on. Includes nothing. */
#ifndef REPLACE_TYPES_H
#define REPLACE_TYPES_H

#define REPLACE_MAGIC	0x7265706c61636521ULL

/* All that the test's datagrams say; odd ones are tagged. */
struct replace_packet {
	__u64 magic, seq;
};

struct replace_note {
	__u64 seq;
};

struct replace_seen {
	__u64 added, refused;
	__u64 found, lost, wrong;	/* of what was added, where it arrives */
	__u64 clones, clones_lost;	/* the same, by a packet tap */
	__u64 stale;			/* found on a packet that has none */
};

#endif /* REPLACE_TYPES_H */
