/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of the path table and its user space agree on. */
#ifndef PATHS_TYPES_H
#define PATHS_TYPES_H

#define PATHS_POINTS	6
#define PATHS_MAGIC	0x7061746873000000ULL

/* Bits of what is found on an skb: a type of each policy. */
#define PLAIN		1
#define NOCLONE		2
#define SCRUB		4	/* keep-scrub */
#define UDP		8	/* without any policy */
#define ALL		(PLAIN | NOCLONE | SCRUB | UDP)
#define CLONE		(ALL & ~NOCLONE)

struct paths_note {
	__u64 magic;		/* and the number of the type */
	__u64 serial;
};

enum paths_action {
	PATHS_COUNT,		/* only: the point need not have an skb */
	PATHS_TAG,		/* all four types are added */
	PATHS_LOOK,
};

enum paths_how {
	PATHS_ARG,		/* argument n is the skb */
	PATHS_NAPI,		/* argument n is a napi_struct, whose skb is meant */
};

struct paths_point {
	__u32 action;
	__u32 how;
	__u32 arg;
	__u32 armed;
	__u32 min_len;
	__u32 max_len;
	char dev[16];		/* "": any */
};

struct paths_seen {
	__u64 hits;
	__u64 mask[16];		/* hits by what was found; on PATHS_TAG: before */
	__u64 wrong;		/* a payload that nobody wrote like this */
	__u64 failed;		/* adds */
};

#endif /* PATHS_TYPES_H */
