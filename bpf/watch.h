/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* User space tells bpf/watch.bpf.h about the lifecycle programs here, and learns from them. */
#ifndef SKBEXT_WATCH_H
#define SKBEXT_WATCH_H

/* The hooks that have a second program and are watched, in the order of user/lib/hook_table.c. */
#define SKBEXT_SECONDS(X)								\
	X(skb_release_head_state) X(__consume_stateless_skb) X(napi_skb_free_stolen_head)	\
	X(napi_reuse_skb) X(skb_scrub_packet) X(__udp_enqueue_schedule_skb)

#define SKBEXT_SECOND(function)		SECOND_##function,
enum skbext_second { SKBEXT_SECONDS(SKBEXT_SECOND) SKBEXT_SECOND_NR };

#define SKBEXT_MAX_OWN	40	/* as many as there can be hooks: MAX_HOOKS */

/* Ids in, addresses out: learn() runs once between loading and attaching. 0: no program. */
struct skbext_learnt {
	__u32 set, pad;		/* which these programs are */
	__u32 watched_id[SKBEXT_TIMES][SKBEXT_WATCHED], own_id[SKBEXT_MAX_OWN];
	__u64 own[SKBEXT_MAX_OWN];
	__u64 scratch;
};

#endif /* SKBEXT_WATCH_H */
