/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path table: each way that an skb is born, shared or freed is a row that says how to take the
 * way, at which points packets are tagged and looked at, and what the kernel's own extensions would
 * show there.
 *
 * A point is a kernel function or tracepoint and the argument that is the skb:
 *	"name/0"	entry of the function		"ret:name"	what it returns
 *	"tp:name"	first argument of a tracepoint	"napi:name/0"	the napi_struct's skb
 * Several, separated by a space: the first that this kernel has.
 */
#ifndef PATHS_H
#define PATHS_H

#include <linux/types.h>
#include <stdbool.h>

#include "paths_types.h"
#include "traffic.h"
#include "traffic_ext.h"

/* A set of what may be found on an skb. */
#define SET(mask)	(1U << (mask))
#define NOTHING		0

struct paths_at {
	const char *where;
	enum paths_action action;
	__u32 must;		/* sets: each of these was found, */
	__u32 may;		/* and nothing but these and */
	bool proof;		/* packets with a record (PATHS_COUNT: any) took the path; */
	bool only;		/* others, which have none of what must be found, did not */
	const char *dev;	/* only packets of this device */
	__u32 min_len, max_len;
};

struct path {
	const char *name;
	const char *modules;	/* to load before the points are looked for */
	const char *native;	/* what the kernel does with its own extensions here */
	struct paths_at at[PATHS_POINTS];
	bool dropped;		/* records must have been seen at kfree_skb */
	bool replaces;		/* the kernel copies to a packet that has some already */
	/* Set up, paths_arm(), send. 0, a negative errno, or paths_why(): not to be had here. */
	int (*take)(const struct traffic_net *net);
};

#define TAG(w, ...)		{ .where = w, .action = PATHS_TAG, ##__VA_ARGS__ }
#define PROOF(w, ...)		{ .where = w, .action = PATHS_LOOK, .proof = true, ##__VA_ARGS__ }
#define CALLS(w)		{ .where = w, .action = PATHS_COUNT, .proof = true }
#define SEES(w, masks, ...)	{ .where = w, .action = PATHS_LOOK, .must = masks, ##__VA_ARGS__ }

extern const struct path paths_tc[], paths_tcp[], paths_gro[], paths_ip[], paths_virt[], paths_nf[],
	paths_sock[], paths_dev[], paths_xdp[], paths_forward[];

/* For the scenarios. */
void paths_arm(void);				/* from now on packets are tagged and seen */
__u64 paths_hits(unsigned int point);
bool paths_wait(unsigned int point, __u64 hits);	/* until so many, some seconds at most */
/* -EOPNOTSUPP, for this reason. */
__attribute__((format(printf, 1, 2))) int paths_why(const char *fmt, ...);

#define SH(net, side, ...) traffic_ext_run(net, side, __VA_ARGS__)

#endif /* PATHS_H */
