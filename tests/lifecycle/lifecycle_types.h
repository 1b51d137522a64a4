/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shared by the lifecycle test's BPF programs and its user space. "Key" is the address of an
 * skb as the store sees it: a scalar that every program derives from the pointer in the same way.
 */
#ifndef LIFECYCLE_TYPES_H
#define LIFECYCLE_TYPES_H

#define TAG_MAGIC	0x7461676765642121ULL

struct lifecycle_tag {
	__u64 magic;
	__u64 skb;		/* key of the skb it was added to */
	__u64 seq;
	__u64 flow;		/* addresses, ports and what else all parts of the packet share */
	__u32 number;		/* TCP: of the first byte; UDP: of the datagram */
	__u32 span;		/* its numbers: more than one in a TCP segment with data */
};

struct lifecycle_origin {
	__u64 magic;
	__u64 sk;		/* key of the socket */
	__u32 tcp_seq;		/* of the segment's first byte */
	__u32 pad;
};

/* Written by user space before load or while nothing is sent. */
struct lifecycle_knobs {
	__u64 cookie[2];	/* of the namespaces whose packets count */
	__u32 tagging;
	__u32 write_ingress;	/* tc ingress writes the tag again: copies what is shared */
	__u32 segmented;	/* the device gets parts of what was tagged, with its tag */
	__u32 pad;
};

struct lifecycle_counts {
	__u64 tagged;
	__u64 tagged_keep;	/* every second one has tag_keep as well */
	__u64 add_failed;
	__u64 stale;		/* had a tag before it was added */

	__u64 found;		/* on receive */
	__u64 found_keep;
	__u64 missing;		/* received without tag while all that is sent is tagged */
	__u64 lo_missing;	/* of these, on lo, which scrubs nothing: lost, or never tagged */
	__u64 lo_lost;		/* and of these, with a record that is not trusted */
	__u64 wrong;		/* found, and it is another packet's */

	__u64 tc_found;
	__u64 tc_found_keep;
	__u64 tc_missing;
	__u64 tc_wrong;		/* found, and it was added to another skb */
	__u64 tc_written;
	__u64 tc_bad_write;	/* adding what is active lost its payload, or gave none */

	__u64 origins;		/* TCP segments tagged before they are cloned for sending */
	__u64 origin_found;	/* on their clones */
	__u64 origin_wrong;	/* of another socket or another place in its stream */
};

struct lifecycle_births {
	__u64 births;
	__u64 stale;		/* something active under the address of a new skb */
	__u64 clones;
	__u64 clones_shared;
	__u64 clones_lost;	/* nothing, although the original has something */
	__u64 clones_wrong;	/* other types than the original, or another object */
};

#endif /* LIFECYCLE_TYPES_H */
