// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext doctor --measure: the sets of hooks that are compared. What people advise for a hash keyed
 * by the skb; all hooks that skbext ends a record at in this kernel's mode; and that without each
 * of them. In the exact mode also pwru's kfree_skbmem().
 */
#include <stdio.h>

#include "parts.h"

#define EXACT		(1U << SKBEXT_MODE_EXACT)
#define TRACEPOINT	(1U << SKBEXT_MODE_TRACEPOINT)

static const struct measure_hook_def defs[MEASURE_HOOKS] = {
	[MEASURE_KFREE_SKB] = { "kfree_skb", "tp_btf", EXACT | TRACEPOINT, false },
	[MEASURE_CONSUME_SKB] = { "consume_skb", "tp_btf", EXACT | TRACEPOINT, false },
	[MEASURE_KFREE_SKBMEM] = { "kfree_skbmem", "fentry", EXACT, false },
	[MEASURE_RELEASE_HEAD_STATE] = { "skb_release_head_state", "fentry", EXACT, true },
	[MEASURE_CONSUME_STATELESS] = { "__consume_stateless_skb", "fentry", EXACT, true },
	[MEASURE_STOLEN_HEAD] = { "napi_skb_free_stolen_head", "fentry", EXACT, true },
	[MEASURE_REUSE] = { "napi_reuse_skb", "fentry", EXACT, true },
	[MEASURE_SLAB_FREE] = { "kmem_cache_free", "raw_tp", TRACEPOINT, true },
	[MEASURE_TCP_PROBE] = { "tcp_probe", "tp_btf", TRACEPOINT, true },
	[MEASURE_COPY_DATAGRAM] = { "skb_copy_datagram_iovec", "tp_btf", TRACEPOINT, true },
};

#define TWO_TRACEPOINTS	(1U << MEASURE_KFREE_SKB | 1U << MEASURE_CONSUME_SKB)

const struct measure_hook_def *measure_hook(int hook)
{
	return &defs[hook];
}

bool measure_has(const struct measure_run *m, int hook)
{
	return defs[hook].modes >> m->mode & 1;
}

static void add_set(struct measure_run *m, __u32 hooks, int without)
{
	m->sets[m->nr_sets++] = (struct measure_set){ .hooks = hooks, .without = without };
}

void measure_choose_sets(struct measure_run *m)
{
	__u32 complete = m->mode == SKBEXT_MODE_TRACEPOINT ? TWO_TRACEPOINTS : 0;

	for (int i = 0; i < MEASURE_HOOKS; i++)
		if (measure_has(m, i) && defs[i].release)
			complete |= 1U << i;
	m->nr_sets = 0;
	add_set(m, TWO_TRACEPOINTS, -1);
	if (measure_has(m, MEASURE_KFREE_SKBMEM))
		add_set(m, 1U << MEASURE_KFREE_SKBMEM, -1);
	m->complete = m->nr_sets;
	add_set(m, complete, -1);
	for (int i = 0; i < MEASURE_HOOKS; i++)
		if (complete >> i & 1)
			add_set(m, complete & ~(1U << i), i);
}

int measure_set_without(const struct measure_run *m, int hook)
{
	for (int i = 0; i < m->nr_sets; i++)
		if (m->sets[i].without == hook)
			return i;
	return -1;
}

const char *measure_set_kind(const struct measure_run *m, int set)
{
	if (m->sets[set].without >= 0)
		return "without";
	if (set == m->complete)
		return "complete";
	return m->sets[set].hooks == TWO_TRACEPOINTS ? "tracepoints" : "pwru";
}

void measure_set_name(const struct measure_run *m, int set, char *name, size_t size)
{
	const struct measure_set *s = &m->sets[set];

	if (s->without >= 0)
		snprintf(name, size, "  without %s", measure_hook(s->without)->name);
	else if (set == m->complete)
		snprintf(name, size, "all hooks of the %s mode", skbext_mode_name(m->mode));
	else if (s->hooks == TWO_TRACEPOINTS)
		snprintf(name, size, "kfree_skb and consume_skb");
	else
		snprintf(name, size, "kfree_skbmem, as pwru does");
}
