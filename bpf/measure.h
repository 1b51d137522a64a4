/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the programs of `skbext doctor --measure` and its user space. */
#ifndef MEASURE_H
#define MEASURE_H

/* Where an skb may be seen to end. The first two exist on every kernel. */
enum measure_hook {
	MEASURE_KFREE_SKB,
	MEASURE_CONSUME_SKB,
	MEASURE_KFREE_SKBMEM,
	MEASURE_RELEASE_HEAD_STATE,
	MEASURE_CONSUME_STATELESS,
	MEASURE_STOLEN_HEAD,
	MEASURE_REUSE,
	MEASURE_SLAB_FREE,
	MEASURE_TCP_PROBE,
	MEASURE_COPY_DATAGRAM,
	MEASURE_HOOKS,
};

#define MEASURE_SETS	8	/* sets of hooks that are compared, a bit each */
#define MEASURE_SITES	8	/* functions that take sk_buffs from the slab */
#define MEASURE_MARKS	131072	/* packets that are marked at the same time */

struct measure_site {
	__u64 from, to;
};

/* Per CPU. */
struct measure_counts {
	__u64 tagged;		/* at net_dev_queue */
	__u64 tagged_gro;
	__u64 lost;		/* not tagged: no room, or the map was busy */
	__u64 births;
	__u64 fired[MEASURE_HOOKS];
	__u64 released[MEASURE_HOOKS];
	__u64 stale[MEASURE_SETS];
};

#endif /* MEASURE_H */
