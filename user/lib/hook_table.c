// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One row a hook: which there are, and what is known of each before any kernel is asked. */
#include "internal.h"

#define HOOK(kind_, name_, role_, mode_, ...) \
	{ .name = name_, .function = name_, .prog = "skbext_" name_, .kind = kind_, .role = SKBEXT_ROLE_##role_, \
	  .mode = SKBEXT_MODE_##mode_, __VA_ARGS__ }
#define EXACT(name, role, ...)	HOOK("fentry", name, role, EXACT, __VA_ARGS__)
/*
 * And a second program where softirqs preempt each other: include/skbext/watch.bpf.h tells why. It is
 * attached before the first, as a function runs those that came first last.
 */
#define TWICE(name_, role_, ...) \
	{ .name = name_ "-2", .function = name_, .prog = "skbext_2_" name_, .kind = "fentry", \
	  .role = SKBEXT_ROLE_##role_, .mode = SKBEXT_MODE_EXACT, .second = true, __VA_ARGS__ }, \
	EXACT(name_, role_, __VA_ARGS__)
#define TRACE(name, role, ...)	HOOK("tp_btf", name, role, TRACEPOINT, __VA_ARGS__)
#define SLAB(name, role, ...)	HOOK("raw_tp", name, role, TRACEPOINT, __VA_ARGS__)
#define BOTH(name, role)	HOOK("tp_btf", name, role, AUTO,)

static const struct hook_def defs[] = {
	/* First: what watches is there before anything can be missed. */
	EXACT("irq_enter_rcu", WATCH),
	HOOK("tp_btf", "sched_switch", WATCH, EXACT,),
	EXACT("bpf_tracing_link_release", WATCH),
	EXACT("bpf_raw_tp_link_release", WATCH),
	/* A kernel without sysctls has none. */
	HOOK("fexit", "proc_dointvec", WATCH, EXACT, .optional = true),
	TWICE("skb_release_head_state", RELEASE, .watched = WATCHED),
	TWICE("__consume_stateless_skb", RELEASE, .watched = WATCHED),
	TWICE("napi_skb_free_stolen_head", RELEASE, .watched = WATCHED_ON_RT),
	TWICE("napi_reuse_skb", RELEASE, .watched = WATCHED_ON_RT),
	TWICE("__copy_skb_header", SHARE),
	TWICE("ip_copy_metadata", SHARE),
	/* No IPv6, or not yet. */
	TWICE("ip6_copy_metadata", SHARE, .optional = true),
	TWICE("skb_scrub_packet", POLICY, .watched = WATCHED, .kept_with = SKBEXT_F_KEEP_SCRUB),
	TWICE("__udp_enqueue_schedule_skb", POLICY, .watched = WATCHED_ON_RT,
	      .dropped_with = SKBEXT_F_DROP_UDP),
	BOTH("kfree_skb", FATE),
	BOTH("consume_skb", FATE),
	TRACE("softirq_entry", WATCH),
	/* A missed record is purged at the next birth, but for the end of an fclone companion. */
	SLAB("kmem_cache_free", RELEASE),
	TRACE("tcp_probe", RELEASE, .watched = WATCHED),
	TRACE("skb_copy_datagram_iovec", RELEASE),
	SLAB("kmem_cache_alloc", PURGE, .watched = WATCHED),
	TRACE("napi_gro_receive_entry", PURGE),
	TRACE("napi_gro_frags_entry", PURGE),
	TRACE("netif_receive_skb_list_entry", PURGE),
	TRACE("netif_receive_skb_entry", PURGE),
	TRACE("netif_rx_entry", POLICY, .kept_with = SKBEXT_F_KEEP_SCRUB),
};
_Static_assert(ARRAY_SIZE(defs) <= MAX_HOOKS, "MAX_HOOKS");

const struct hook_def *hook_def(unsigned int n)
{
	return n < ARRAY_SIZE(defs) ? &defs[n] : NULL;
}

const struct hook_def *hook_named(const char *name)
{
	for (int i = 0; hook_def(i); i++)
		if (!strcmp(hook_def(i)->name, name))
			return hook_def(i);
	return NULL;
}

bool hook_in_mode(const struct hook_def *def, enum skbext_mode mode)
{
	return def->mode == mode || def->mode == SKBEXT_MODE_AUTO;
}

bool hook_drops(const struct hook_def *def, __u32 flags)
{
	return def->dropped_with ? flags & def->dropped_with : !(flags & def->kept_with);
}
