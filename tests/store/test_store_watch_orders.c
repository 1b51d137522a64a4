// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The watch in every order in which one CPU can take up, leave and pass on what frees packets there.
 * test_store_watch has a few such orders, in every interleaving with other CPUs; here each step is done
 * before the next, and nobody chose the orders: a search takes all there are up to so many steps.
 *
 * A context is something that passes a watched hook: enters its first program, leaves it, enters the
 * second, leaves that. It may be preempted anywhere, which the watch sees, and go on at any time, which
 * it does not see. Between the two programs it may come from another CPU, or go to one on which the
 * second is suspended. One of them frees the packet that has the record. From then on no find may have
 * that. On the way another CPU may look at any time.
 *
 * A state is what the watch can tell apart of the counts, which only grow: did they move?
 */
/* It has no use for coroutines. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "store_watch.h"

#define PARKED	4		/* contexts that are preempted at the same time */
#define STEPS	34
#define KNOWN	(1U << 22)

enum place { NOWHERE, FIRST, BETWEEN, SECOND };

struct context {
	__u8 place, hook, frees;	/* the packet with the record */
};

static struct order {
	struct memory mem;
	struct context runs, parked[PARKED];
	int nr, times, depth;
	bool taken;			/* somebody frees it */
	char text[STEPS + 1];
} o;

static __u64 known[KNOWN], states, steps;
static bool harmed;

static __u64 bits(const struct context *c)
{
	return c->place | c->hook << 4 | c->frees << 8;
}

/* In whatever order they were preempted. */
static __u64 hash_contexts(void)
{
	__u64 sum = 0;

	for (int i = 0; i < o.nr; i++)
		sum += il_mix(1, bits(&o.parked[i]));
	return il_mix(sum, bits(&o.runs));
}

static __u64 hash_counts(void)
{
	const struct skbext_watched *set = &mem.watch.set[0];
	__u64 h = 0;

	for (int t = 0; t < SKBEXT_TIMES; t++)
		for (int i = 0; i < HOOKS; i++)
			h = il_mix(h, mem.active[t][i]);
	for (int t = 0; t < SKBEXT_TIMES; t++)
		h = il_mix(h, mem.misses[t][0] + mem.misses[t][1] != set->seen[t]);
	for (int i = 0; i < HOOKS; i++)
		h = il_mix(h, mem.misses[0][i] != set->passed[i]);
	return il_mix(h, (mem.watch.opened != mem.watch.closed) | mem.freed << 1);
}

/* With so many steps left. */
static bool is_new(void)
{
	__u64 h = il_mix(il_mix(hash_contexts(), hash_counts()), o.depth << 1 | o.taken) | 1;
	__u64 n = h >> 20 & (KNOWN - 1);

	while (known[n] && known[n] != h)
		n = (n + 1) & (KNOWN - 1);
	if (known[n])
		return false;
	known[n] = h;
	if (++states > KNOWN / 4 * 3) {
		fprintf(stderr, "test_store_watch_orders: too many states for KNOWN\n");
		abort();
	}
	return true;
}

static bool is_trusted(void)
{
	return mem.record && !(mem.state.watch >> 32);
}

static void print_harm(void)
{
	if (mutant == SOUND && !harmed)
		fprintf(stderr, "    %d programs: %.*s\n", o.times, o.depth, o.text);
	harmed = true;
}

static void go_on(void);

/* What was done is done. The next packet looks, and then it goes on as if it had not. */
static void after(char what)
{
	struct order here;

	o.text[o.depth++] = what;
	memcpy(&o.mem, &mem, sizeof(mem));
	here = o;
	steps++;
	find();
	if (il.broken)
		print_harm();
	il.broken = false;
	memcpy(&mem, &here.mem, sizeof(mem));
	if (!harmed && is_trusted() && o.depth < STEPS && is_new())
		go_on();
}

static void back(const struct order *here)
{
	o = *here;
	memcpy(&mem, &o.mem, sizeof(mem));
}

static void end_record(const struct context *c, bool ran)
{
	if (c->frees && ran)
		mem.record = 0;
}

static void take_up(enum place place, int hook, bool frees)
{
	bool ran = enter(place == SECOND, hook);

	o.runs = (struct context){ place, hook, frees };
	end_record(&o.runs, ran);
	o.taken |= frees;
}

static void end(struct context c)
{
	mem.freed |= c.frees;
}

static struct context unpark(int i)
{
	struct context c = o.parked[i];

	o.parked[i] = o.parked[--o.nr];
	return c;
}

static void start_one(const struct order *here)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		take_up(FIRST, hook, false);
		after('1' + hook);
		back(here);
		if (o.times == 1)
			continue;
		take_up(SECOND, hook, false);		/* its first was elsewhere */
		after('3' + hook);
		back(here);
	}
	if (o.taken)
		return;
	take_up(FIRST, 0, true);
	after('r');
	back(here);
}

static void resume_one(const struct order *here)
{
	for (int i = 0; i < here->nr; i++) {
		o.runs = unpark(i);
		after('a' + i);
		back(here);
		if (o.parked[i].place != BETWEEN)
			continue;
		end(unpark(i));				/* its second would be elsewhere */
		after('A' + i);
		back(here);
	}
}

static void step_on(void)
{
	struct context *c = &o.runs;

	if (c->place == BETWEEN) {
		take_up(SECOND, c->hook, c->frees);
		after('+');
		return;
	}
	leave(c->place == SECOND, c->hook);
	if (c->place == FIRST && o.times == 2) {
		c->place = BETWEEN;
	} else {
		end(*c);
		*c = (struct context){};
	}
	after('.');
}

static void preempt(void)
{
	if (o.runs.place != NOWHERE && o.nr == PARKED)
		return;
	if (o.runs.place != NOWHERE)
		o.parked[o.nr++] = o.runs;
	o.runs = (struct context){};
	suspend();
	after('s');
}

static void go_on(void)
{
	const struct order here = o;

	if (here.runs.place == NOWHERE) {
		start_one(&here);
		resume_one(&here);
	} else {
		step_on();
		back(&here);
	}
	preempt();
	back(&here);
	skbext_look();
	after('l');
	back(&here);
}

/* true: nobody is harmed. */
static bool search_orders(int times)
{
	memset(known, 0, sizeof(known));
	states = steps = 0;
	harmed = false;
	begin(times);
	o = (struct order){ .times = times };
	memcpy(&o.mem, &mem, sizeof(mem));
	go_on();
	return !harmed;
}

static void watch_every_order(void)
{
	mutant = SOUND;
	for (int times = 1; times <= SKBEXT_TIMES; times++) {
		ASSERT_TRUE(search_orders(times), "no find has what another packet left");
		printf("    %d programs at each hook: %llu states, %llu steps\n", times, states, steps);
	}
}

/* Those that are wrong whatever other CPUs do meanwhile. */
static void watch_wrong_orders_are_found(void)
{
	static const enum mutant wrong[] = { NEVER_OPEN, SYNC_ALWAYS };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		for (int times = 1; times <= SKBEXT_TIMES; times++) {
			mutant = wrong[i];
			ASSERT_TRUE(!search_orders(times), mutants[mutant].name);
		}
	for (mutant = BETWEEN_UNSEEN; mutant <= BETWEEN_LAST; mutant++)
		ASSERT_TRUE(!search_orders(SKBEXT_TIMES), mutants[mutant].name);
}

int main(int argc, char **argv)
{
	TEST_CASE(watch_every_order);
	TEST_CASE(watch_wrong_orders_are_found);
	return TEST_EXIT();
}
