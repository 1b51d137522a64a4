/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kinds of traffic in which packets have extensions of the kernel's own. Each proves that it was
 * what it says.
 */
#ifndef ORACLE_TRAFFIC_H
#define ORACLE_TRAFFIC_H

#include "traffic.h"

#define ORACLE_TRAFFIC_MAX	24

enum {
	ORACLE_BRIEF = 1,	/* also when there is little time */
	ORACLE_LARGE = 2,	/* packets as large as they come, for TCP to cut */
	ORACLE_IF_BUILT = 4,	/* not all kernels have the extension */
};

/* The last has no name. */
extern const struct oracle_traffic {
	const char *name;
	const char *extension;	/* at least one packet must carry it */
	int (*run)(void);
	unsigned int flags;	/* ORACLE_BRIEF, ... */
} oracle_traffic[ORACLE_TRAFFIC_MAX];

/*
 * Between fresh namespaces, times as much as it has by itself: setting up takes longest. 0 or
 * negative errno.
 */
int oracle_traffic_run(const struct oracle_traffic *t, const struct traffic_net *net,
		       unsigned int times);

#endif /* ORACLE_TRAFFIC_H */
