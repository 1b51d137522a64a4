/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A request of user space to bpf/ops.bpf.c: the one value of its request map. */
#ifndef SKBEXT_REQUEST_H
#define SKBEXT_REQUEST_H

enum skbext_op {
	SKBEXT_OP_ADD, SKBEXT_OP_FIND, SKBEXT_OP_DEL,
	/* A grace period later; include/skbext/store/outside.h. */
	SKBEXT_OP_TRUST, SKBEXT_OP_END_TAKEN,
	/* The steps of skbext_purge(). */
	SKBEXT_OP_LOOK,		/* sets generation: what is older will never be trusted again */
	SKBEXT_OP_DOOM, SKBEXT_OP_END_DOOMED,
	/* The steps of skbext_type_remove(). */
	SKBEXT_OP_STRIP, SKBEXT_OP_END_STRIPPED,
};

struct skbext_request {
	__u64 skb;		/* kernel address */
	__u64 active;		/* bits of the types meant */
	__u32 op;
	__u32 offset;		/* of the payload in an object */
	__u32 size;		/* bytes of payload */
	/* find: 0, not active; add, del: a slot or enum skbext_outcome; purge, remove: records */
	__s32 result;
	__u32 generation;
	__u32 first, slots;	/* to purge, to strip */
	__u32 slot;		/* of the step before */
	__u32 again, pad;	/* a step was: then there was a record, and none is made */
	__u64 data[SKBEXT_MAX_PAYLOAD / 8];
};

#endif /* SKBEXT_REQUEST_H */
