/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* User space tells bpf/watch.bpf.h about the lifecycle programs here, and learns from them. */
#ifndef SKBEXT_WATCH_H
#define SKBEXT_WATCH_H

#define SKBEXT_MAX_OWN	32	/* as many as there can be hooks: MAX_HOOKS */

/* Ids in, addresses out: learn() runs once between loading and attaching. 0: no program. */
struct skbext_learnt {
	__u32 set, pad;		/* which these programs are */
	__u32 watched_id[SKBEXT_TIMES][SKBEXT_WATCHED], own_id[SKBEXT_MAX_OWN];
	__u64 own[SKBEXT_MAX_OWN];
	__u64 scratch;
};

#endif /* SKBEXT_WATCH_H */
