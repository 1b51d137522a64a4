/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The watch's own source (include/skbext/watch.bpf.h) in user space, with the counts that the kernel
 * keeps of programs on one CPU, and one record: that of a packet whose end may be missed.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "store_interleave.h"

static __u64 il_was(__u64 *p, __u64 old, __u64 new)
{
	__u64 was;

	il_point();
	was = *p;
	if (was == old)
		*p = new;
	return was;
}

#define __atomic_load_n(p, order)		IL_LOAD(p)
#define __atomic_store_n(p, x, order)		IL_STORE(p, x)
#define __sync_bool_compare_and_swap(p, o, n)	il_cas((p), (o), (n))
#define __sync_val_compare_and_swap(p, o, n)	il_was((p), (o), (n))
#define __sync_fetch_and_add(p, n)		il_fetch_add((p), (n), IL_TORN_ADD)
#include <skbext/layout.h>
#include <skbext/store/atomics.h>

#define SKBEXT_L_LOW		0xffffffffULL
#define SKBEXT_FN		static __attribute__((noinline, unused))
#define SKBEXT_STATE		(&mem.state)
#define barrier_var(x)		asm volatile("" : "+r"(x))
#define __skbext_link(slot)	(&mem.link)
#define skbext_count(stat)	((void)(stat))
#define __skbext_cfg		cfg

#define HOOKS	2

/* All that threads share. active and misses are the kernel's. */
static struct memory {
	struct skbext_state state;
	struct skbext_watch watch;
	__u32 active[SKBEXT_TIMES][HOOKS];
	__u64 misses[SKBEXT_TIMES][HOOKS];
	__u64 record, link, freed;
} mem;

static struct { __u32 cpus; } cfg = { 1 };
static int skbext_watches;

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	return &mem.watch;
}

static long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	il_point();
	memcpy(to, from, size);
	return 0;
}

static long bpf_loop(__u32 n, long (*fn)(__u32, void *), void *arg, __u64 flags)
{
	for (__u32 i = 0; i < n; i++)
		fn(i, arg);
	return 0;
}

static void skbext_look(void);
#include <skbext/store/trust.h>
#define skbext_look	sound_look
#include <skbext/watch.bpf.h>
#undef skbext_look
#undef __atomic_load_n
#undef __atomic_store_n
#undef __sync_bool_compare_and_swap
#undef __sync_val_compare_and_swap
#undef __sync_fetch_and_add

#include "test.h"

/* ---- broken watches, one at a time */

enum mutant {
	SOUND,
	NEVER_OPEN,		/* suspensions are not counted */
	SYNC_ALWAYS,		/* misses are forgotten that nobody has looked at yet */
	SUMS_FIRST,		/* misses are read before it is seen that no hook is blocked */
	GENERATION_LAST,	/* the sums are written before the generation moves */
	OPENED_LAST,		/* closed as far as it was opened after it looked */
	BETWEEN_UNSEEN,		/* nobody looks for whom an interruption caught between two programs */
	BETWEEN_LAST,		/* misses are forgotten before that */
	MUTANTS,
};

/* With so many programs at each hook. */
#define ONE	1
#define TWO	2

static const struct {
	const char *name;
	int with;
} mutants[] = {
	[NEVER_OPEN] = { "never opened", ONE | TWO },
	[SYNC_ALWAYS] = { "misses forgotten unseen", ONE | TWO },
	[SUMS_FIRST] = { "misses read first", ONE | TWO },
	[GENERATION_LAST] = { "generation moved last", ONE | TWO },
	[OPENED_LAST] = { "opened read last", ONE | TWO },
	[BETWEEN_UNSEEN] = { "between two programs unseen", TWO },
	[BETWEEN_LAST] = { "misses forgotten first", TWO },
};

static enum mutant mutant;

static void look_at(void);

static void forget_misses(struct skbext_watched *set)
{
	__u64 sum;

	for (int t = 0; t < SKBEXT_TIMES; t++) {
		__skbext_sum(set->misses[t], &sum);
		IL_STORE(&set->seen[t], sum);
	}
}

static void suspend(void)
{
	struct skbext_watched *set = &mem.watch.set[0];

	if (mutant == NEVER_OPEN)
		return;
	if (mutant == BETWEEN_LAST)
		forget_misses(set);
	if (mutant != BETWEEN_UNSEEN)
		__skbext_end_between(set);
	if (mutant == SYNC_ALWAYS && __skbext_blocked(set))
		forget_misses(set);
	if (IL_LOAD(&mem.watch.opened) != IL_LOAD(&mem.watch.closed))
		look_at();
	if (__skbext_blocked(set))
		__skbext_suspend(&mem.watch, set);
}

static int broken_look_in(struct skbext_watched *set)
{
	__u64 seen[SKBEXT_TIMES], sum[SKBEXT_TIMES] = { 0 };
	int blocked = 0, moved;

	if (mutant != SUMS_FIRST)
		blocked = __skbext_blocked(set);
	for (int t = 0; t < SKBEXT_TIMES; t++)
		seen[t] = il_fetch_add(&set->seen[t], 0, IL_TORN_ADD);
	moved = __skbext_moved(set, seen, sum);
	if (mutant == SUMS_FIRST)
		blocked = __skbext_blocked(set);
	if (moved && mutant != GENERATION_LAST)
		il_fetch_add(&mem.state.watch, 1ULL << 32, IL_TORN_ADD);
	for (int t = 0; moved && t < SKBEXT_TIMES; t++)
		il_was(&set->seen[t], seen[t], sum[t]);
	if (moved && mutant == GENERATION_LAST)
		il_fetch_add(&mem.state.watch, 1ULL << 32, IL_TORN_ADD);
	return blocked;
}

static void broken_look_at(void)
{
	struct skbext_watch *w = &mem.watch;
	__u64 opened = 0, closed = IL_LOAD(&w->closed);
	int blocked;

	if (IL_LOAD(&w->opened) == closed)
		return;
	if (mutant != OPENED_LAST)
		opened = IL_LOAD(&w->opened);
	blocked = broken_look_in(&w->set[0]);
	if (mutant == OPENED_LAST)
		opened = IL_LOAD(&w->opened);
	if (!blocked && il_cas(&w->closed, closed, opened))
		il_fetch_add(&mem.state.watch, closed - opened, IL_TORN_ADD);
}

static bool looks_soundly(void)
{
	return mutant < SUMS_FIRST || mutant > OPENED_LAST;
}

static void look_at(void)
{
	if (looks_soundly())
		__skbext_look_at(0, NULL);
	else
		broken_look_at();
}

static void skbext_look(void)
{
	if (looks_soundly())
		sound_look();
	else if (IL_LOAD(&mem.state.watch) & SKBEXT_WATCH_OPEN)
		broken_look_at();
}

/* ---- the kernel's part */

/* bpf_prog_enter(): true: it runs. The second program then begins. */
static bool enter(int t, int hook)
{
	__u32 active = IL_LOAD(&mem.active[t][hook]);

	IL_STORE(&mem.active[t][hook], active + 1);
	if (active)
		IL_STORE(&mem.misses[t][hook], mem.misses[t][hook] + 1);
	else if (t)
		__skbext_pass(&mem.watch.set[0], hook);
	return !active;
}

static void leave(int t, int hook)
{
	IL_STORE(&mem.active[t][hook], mem.active[t][hook] - 1);
}

/* The next packet's, if the address is free by then; else the packet's own. */
static void find(void)
{
	bool next = IL_LOAD(&mem.freed), found = IL_LOAD(&mem.record) && !skbext_store_distrusts(0);

	il.broken |= next && found;
}

/* With so many programs at each hook; the packet lives and has its record. */
static void begin(int times)
{
	struct skbext_watched *set = &mem.watch.set[0];

	memset(&mem, 0, sizeof(mem));
	mem.record = 1;
	for (int t = 0; t < times; t++)
		for (int i = 0; i < HOOKS; i++) {
			set->active[t][i] = (__u64)&mem.active[t][i];
			set->misses[t][i] = (__u64)&mem.misses[t][i];
		}
}

#endif /* STORE_WATCH_H */
