// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The watch (include/skbext/watch.bpf.h) in every interleaving: one CPU on which programs are
 * suspended and others skipped, and finds on other CPUs, of which none may find what a packet left
 * that was freed while the release hook was not run. store_interleave.h has how, and that memory is
 * sequentially consistent here; tests/litmus has the orders that processors must keep.
 *
 * What the CPU does is a text, a letter for each thing:
 *
 *	A a	a context enters the first program of the release hook, and leaves it
 *	B b	the second, having passed the first
 *	C c	a context enters the first program of another watched hook, and leaves it
 *	D d	the second
 *	s	an interruption, or another task: what is seen there
 *	x	a packet without a record is freed
 *	r	the packet whose record is looked for is freed; its address may be used again
 *	p q	the same in two parts: it passes the first program, and the second
 *	m	in place of q, on another CPU, where its second program is suspended
 */
/* Most scenarios need no more than the first. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
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

/* ---- what the threads do */

static const struct scenario {
	const char *name, *cpu;
	int times;		/* programs at each hook */
	bool keeps;		/* each packet is released: no record may be lost */
	bool one;		/* find, or there are too many states; else two */
} scenarios[] = {
	{ "one program: missed", "Asra", 1, false },
	{ "one program: missed, and again", "AsraAsxa", 1, false },
	{ "one program: missed the second time", "AsaAsra", 1, false },
	{ "one program: skipped, then missed", "AsxaAsra", 1, false },
	{ "the second runs", "Asra", 2, true },
	{ "the first runs", "Bsrb", 2, true },
	{ "the second runs, again and again", "AsxraAsxa", 2, true },
	{ "another hook's second waits", "AsDsrda", 2, true },
	{ "released before both wait", "AsrBsba", 2, true },
	{ "released after both waited", "AsBsbraAsa", 2, true },
	{ "both wait", "AsBsrba", 2, false },
	{ "both wait, the first goes first", "AsBsrab", 2, false },
	{ "both wait, the second first", "BsAsrba", 2, false },
	{ "both wait, skipped before", "AsxBsrba", 2, false },
	{ "both wait, and twice", "AsBsraAsrb", 2, false },
	{ "both wait, twice, then a miss", "AsBsaAsrb", 2, false },
	{ "both wait, and again", "AsBsrbaAsBsba", 2, false, true },
	{ "both wait, and again with a miss", "AsBsbaAsBsrba", 2, false },
	{ "both wait, one is skipped, both again", "AsBsrbasxaAsBsba", 2, false, true },
	{ "both wait, looked at there, and again", "AsBsrbsBsba", 2, false, true },
	{ "both wait, looked at there, again with a miss", "AsBsbsxBsrba", 2, false },
	{ "both wait, then those of another hook", "CsAsBsrbxDsdac", 2, false, true },
	{ "both wait without a miss, then singles", "AsBsbsasrAsxa", 2, true },
	{ "interrupted in neither", "Aspqsa", 2, true },
	{ "between the two, as both wait", "AspsBsqba", 2, false },
	{ "between the two, as both wait, and a look", "AsBsbspsBsqba", 2, false },
	{ "between the two, and then elsewhere", "Aspsma", 2, false },
	{ "between the two, where others pass both", "Asxpsxma", 2, false },
};
#define SCENARIOS (sizeof(scenarios) / sizeof(*scenarios))

static const struct scenario *scene;

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

/* true: a program of the release hook ran. */
static bool pass(int hook, int t)
{
	bool ran = enter(t, hook);

	leave(t, hook);
	return ran;
}

static void end_record(bool ran)
{
	if (ran)
		IL_STORE(&mem.record, 0);
}

static void release(bool has_record)
{
	bool ran = false;

	for (int t = 0; t < scene->times; t++)
		ran |= pass(0, t);
	if (!has_record)
		return;
	end_record(ran);
	IL_STORE(&mem.freed, 1);
}

static void do_letter(char what)
{
	switch (what) {
	case 'A': enter(0, 0); break;
	case 'a': leave(0, 0); break;
	case 'B': pass(0, 0); enter(1, 0); break;
	case 'b': leave(1, 0); break;
	case 'C': enter(0, 1); break;
	case 'c': leave(0, 1); break;
	case 'D': pass(1, 0); enter(1, 1); break;
	case 'd': leave(1, 1); break;
	case 's': suspend(); break;
	case 'x': release(false); break;
	case 'r': release(true); break;
	case 'p': end_record(pass(0, 0)); break;
	case 'q': end_record(pass(0, 1)); IL_STORE(&mem.freed, 1); break;
	case 'm': IL_STORE(&mem.freed, 1); break;
	}
}

/* The next packet's, if the address is free by then; else the packet's own. */
static void find(void)
{
	bool next = IL_LOAD(&mem.freed), found = IL_LOAD(&mem.record) && !skbext_store_distrusts(0);

	il.broken |= next && found;
}

static void run_thread(int thread)
{
	if (thread)
		find();
	for (const char *what = scene->cpu; !thread && *what; what++)
		do_letter(*what);
}

/* Nothing is suspended any more: one look closes it for good, and nothing is found. */
static bool check_end(void)
{
	__u64 generation = mem.state.watch >> 32;

	find();
	skbext_look();
	return !il.broken && !(mem.state.watch & SKBEXT_WATCH_OPEN) && (!scene->keeps || !generation);
}

static void save(void *to)
{
	memcpy(to, &mem, sizeof(mem));
}

static void put_back(const void *from)
{
	memcpy(&mem, from, sizeof(mem));
}

static __u64 hash(void)
{
	const __u64 *words = (const __u64 *)&mem;
	__u64 h = 0;

	for (size_t i = 0; i < sizeof(mem) / sizeof(*words); i++)
		h = il_mix(h, words[i]);
	return h;
}

static const struct il_test test = {
	.bytes = sizeof(mem), .save = save, .put_back = put_back, .hash = hash,
	.run = run_thread, .ended = check_end,
};

static bool search(const struct scenario *s)
{
	struct skbext_watched *set = &mem.watch.set[0];

	scene = s;
	memset(&mem, 0, sizeof(mem));
	mem.record = 1;
	for (int t = 0; t < s->times; t++)
		for (int i = 0; i < HOOKS; i++) {
			set->active[t][i] = (__u64)&mem.active[t][i];
			set->misses[t][i] = (__u64)&mem.misses[t][i];
		}
	return il_search(s->one ? 2 : 3, &test);
}

static void watch_every_interleaving(void)
{
	mutant = SOUND;
	for (size_t n = 0; n < SCENARIOS; n++) {
		if (!search(&scenarios[n])) {
			TEST_FAIL("%s (%s)", scenarios[n].name, scenarios[n].cpu);
			il_print_schedule(stderr);
		}
		printf("    %s: %llu states, %llu schedules to their end, the longest of %llu accesses\n",
		       scenarios[n].name, il.states, il.schedules, il.longest);
	}
}

static const char *find_mutant(int times)
{
	for (size_t n = 0; n < SCENARIOS; n++)
		if (scenarios[n].times == times && !search(&scenarios[n]))
			return scenarios[n].name;
	return NULL;
}

static void must_be_found(int times)
{
	const char *by = find_mutant(times);

	printf("watch mutant, %s: found by '%s'\n", mutants[mutant].name, by ?: "nobody");
	ASSERT_OK_PTR(by, mutants[mutant].name);
}

static void watch_broken_ones_are_found(void)
{
	for (mutant = SOUND + 1; mutant < MUTANTS; mutant++)
		for (int times = 1; times <= SKBEXT_TIMES; times++)
			if (mutants[mutant].with & times)
				must_be_found(times);
}

int main(int argc, char **argv)
{
	TEST_CASE(watch_every_interleaving);
	if (!IL_SANITIZED)
		TEST_CASE(watch_broken_ones_are_found);
	il_end();
	return TEST_EXIT();
}
