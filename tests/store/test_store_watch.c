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
#include "store_watch.h"

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
	{ "both wait, and twice", "AsBsraAsrb", 2, false, true },
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
	scene = s;
	begin(s->times);
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
