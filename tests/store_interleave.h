/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The source of store.h under every interleaving: each atomic access is a point at which another
 * thread may go on. Threads are coroutines, a run is one schedule, and a depth-first search takes
 * all of them, without a bound on preemptions: what it leaves out is only what it has seen. A state
 * is all memory that the threads share, and the stack and registers of each; two runs that come to
 * the same state go on alike. (A value that is dead but still lies on a stack makes two states of
 * one: that costs time, and nothing else.)
 *
 * Payloads are plain accesses: they are done with the access before them. If a schedule could tear
 * one, there is another that has it wholly before or after, and finds the wrong bytes.
 *
 * Memory is sequentially consistent here. What CPUs and compilers reorder is for the test under
 * ThreadSanitizer.
 */
#ifndef STORE_INTERLEAVE_H
#define STORE_INTERLEAVE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define IL_THREADS	3
#define IL_STACK	(16 << 10)
#define IL_POINTS	4096		/* of one run */
#define IL_SEEN		(1U << 20)	/* states of one scenario, as hashes in a hash; it grows */

/* Frames of the search's own: small, the same in every build. */
#define IL_FN	__attribute__((noinline, no_sanitize("address"), no_sanitize("undefined")))

/* Ways to break the store, one at a time, to see that the search finds it. */
enum il_mutant {
	IL_SOUND,
	IL_TORN_CAS,		/* reads, compares and writes, but not in one */
	IL_TORN_ADD,
	IL_TORN_SUB,
	IL_BLIND_CAS,		/* writes whatever is there */
	IL_OBJECT_FIRST,	/* release lets go of the object, then of the key */
	IL_COPY_LATE,		/* unshare lets go of the object, then copies it */
	IL_REFS_OF_OTHERS,	/* del gives back the references of an object that others hold */
	IL_ALONE,		/* owners end their records as if user space did not meddle */
	IL_END_NO_GRACE,	/* del by address ends what it emptied at once */
	IL_TAKE_OVER,		/* an add goes to a record that is empty and about to end */
	IL_PUBLISH_EARLY,	/* add by address writes the payload of a record that is there */
	IL_TRUST_EARLY,		/* it is trusted before all owners see it */
	IL_FILL_UNHELD,		/* it writes to a record that its owner may end */
	IL_HOLD_UNMARKED,	/* it becomes a holder of an object that may have ended */
	IL_PURGE_UNMARKED,	/* purge ends what it has read, without a mark */
	IL_PURGE_NO_GRACE,	/* purge does not wait for those who trusted the record */
	IL_MUTANTS,
};

static struct {
	bool running;
	enum il_mutant mutant;
	int threads, now;		/* now: the one that runs */
	bool done[IL_THREADS];
	__u64 local[IL_THREADS];	/* a hash of stack and registers, where it last stopped */
	ucontext_t home, context[IL_THREADS];
	ucontext_t fresh[IL_THREADS];	/* all runs begin with the same registers */
	char *stack[IL_THREADS];
	void (*run)(int thread);

	int at, length;			/* in path: where this run is, where the search is */
	struct il_choice {
		__u8 taken, left;	/* a thread; a set of threads */
	} path[IL_POINTS];
	__u64 *seen;
	__u64 room;			/* in seen */
	__u64 states, schedules, longest;
} il;

static __u64 il_state(void);		/* a hash of the memory */

static inline __u64 il_mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* From this frame up, its caller's included. */
static IL_FN __u64 il_hash_stack(void)
{
	const __u64 *top = (__u64 *)(il.stack[il.now] + IL_STACK);
	__u64 hash = 0;

	for (const __u64 *p = __builtin_frame_address(0); p < top; p++)
		hash = il_mix(hash, *p);
	return hash;
}

/* All registers that outlive a call go to this frame. */
static IL_FN void il_hash_local(void)
{
	__builtin_unwind_init();
	il.local[il.now] = il_hash_stack();
}

/* What calls left below this frame, where later ones have their padding, is no part of a state. */
static IL_FN void il_wipe(void)
{
	char below[1024];

	memset(below, 0, sizeof(below));
	asm volatile("" : : "r"(below) : "memory");
}

/* A pointer: the compiler knows nothing of the callee and keeps nothing in other registers. */
static void (*volatile il_stopped)(void) = il_hash_local;

static void il_make_room(__u64 room)
{
	il.room = room;
	il.seen = calloc(room, sizeof(*il.seen));
	if (!il.seen) {
		fprintf(stderr, "store_interleave: no memory for %llu states\n", room);
		abort();
	}
}

/* Where this state is, or would be. */
static IL_FN __u64 *il_place(__u64 hash)
{
	__u64 n = hash >> 20 & (il.room - 1);

	while (il.seen[n] && il.seen[n] != hash)
		n = (n + 1) & (il.room - 1);
	return &il.seen[n];
}

/* How many states there are is the compiler's doing as well: what is dead on a stack counts. */
static IL_FN void il_grow(void)
{
	__u64 *old = il.seen, room = il.room;

	il_make_room(2 * room);
	for (__u64 n = 0; n < room; n++)
		if (old[n])
			*il_place(old[n]) = old[n];
	free(old);
}

/* true: it is new. Two of a million states with the same 64 bits: one in ten million searches. */
static IL_FN bool il_first_time(void)
{
	__u64 hash = il_state(), *place;

	for (int i = 0; i < il.threads; i++)
		hash = il_mix(hash, il.done[i] ? 1 : il.local[i]);
	hash |= !hash;
	place = il_place(hash);
	if (*place)
		return false;
	*place = hash;
	if (++il.states > il.room / 4 * 3)
		il_grow();
	return true;
}

/* Who goes on from here; -1: all that can follow has been seen. */
static IL_FN int il_choose(void)
{
	struct il_choice *choice = &il.path[il.at];
	__u8 able = 0;

	if (il.at++ < il.length)
		return choice->taken;
	if (il.at == IL_POINTS) {
		fprintf(stderr, "store_interleave: a run without end\n");
		abort();
	}
	if (!il_first_time())
		return -1;
	for (int i = 0; i < il.threads; i++)
		able |= !il.done[i] << i;
	/* On with the same one first: switches cost time. */
	choice->taken = il.now >= 0 && able >> il.now & 1 ? il.now : __builtin_ctz(able);
	choice->left = able & ~(1 << choice->taken);
	il.length = il.at;
	return choice->taken;
}

static IL_FN void il_switch(ucontext_t *from)
{
	int next = il_choose(), before = il.now;

	if (next == before)
		return;
	if (next >= 0)
		il.now = next;
	else if (from == &il.home)
		return;
	swapcontext(from, next < 0 ? &il.home : &il.context[next]);
}

static IL_FN void il_point(void)
{
	if (!il.running)
		return;
	/* On a way that was taken before, only where this thread stops for another. */
	if (il.at >= il.length || il.path[il.at].taken != il.now) {
		il_wipe();
		il_stopped();
	}
	il_switch(&il.context[il.now]);
	il_wipe();
}

static void il_thread(void)
{
	int left = 0;

	il.run(il.now);
	il.done[il.now] = true;
	for (int i = 0; i < il.threads; i++)
		left += !il.done[i];
	if (left)
		il_switch(&il.context[il.now]);
	il.schedules++;
	il.running = false;
	swapcontext(&il.context[il.now], &il.home);
}

/* What a run left is no frame of the next one, and no reason to take its states for others. */
static inline void il_clean_stack(char *stack)
{
#ifdef __SANITIZE_ADDRESS__
	extern void __asan_unpoison_memory_region(const volatile void *, size_t);

	__asan_unpoison_memory_region(stack, IL_STACK);
#endif
	memset(stack, 0, IL_STACK);
}

static void il_fresh(int thread)
{
	if (!il.stack[thread])
		il.stack[thread] = aligned_alloc(64, IL_STACK);
	if (!il.stack[thread])
		abort();
	getcontext(&il.context[thread]);
	il.fresh[thread] = il.context[thread];
}

static void il_start(int thread)
{
	il.done[thread] = false;
	il.local[thread] = 0;
	il_clean_stack(il.stack[thread]);
	il.context[thread] = il.fresh[thread];
	il.context[thread].uc_stack.ss_sp = il.stack[thread];
	il.context[thread].uc_stack.ss_size = IL_STACK;
	il.context[thread].uc_link = NULL;
	makecontext(&il.context[thread], il_thread, 0);
}

/* One schedule: that in path, and from its end on one that is new. true: it was run to the end. */
static bool il_run_once(void)
{
	__u64 before = il.schedules;

	for (int i = 0; i < il.threads; i++)
		il_start(i);
	il.at = 0;
	il.now = -1;
	il.running = true;
	il_switch(&il.home);
	il.running = false;
	if ((__u64)il.at > il.longest)
		il.longest = il.at;
	return il.schedules != before;
}

/* On to the next schedule. false: there are no more. */
static bool il_next(void)
{
	while (il.length && !il.path[il.length - 1].left)
		il.length--;
	if (!il.length)
		return false;
	il.path[il.length - 1].taken = __builtin_ctz(il.path[il.length - 1].left);
	il.path[il.length - 1].left &= il.path[il.length - 1].left - 1;
	return true;
}

static void il_begin(int threads, void (*run)(int thread))
{
	il.threads = threads;
	il.run = run;
	il.length = 0;
	il.states = il.schedules = il.longest = 0;
	for (int i = 0; i < IL_THREADS; i++)
		il_fresh(i);
	if (!il.seen)
		il_make_room(IL_SEEN);
	memset(il.seen, 0, il.room * sizeof(*il.seen));
}

static void il_end(void)
{
	free(il.seen);
	il.seen = NULL;
	for (int i = 0; i < IL_THREADS; i++) {
		free(il.stack[i]);
		il.stack[i] = NULL;
	}
}

/* Thread numbers in the order in which they ran, one for each point. */
static void il_print_schedule(FILE *to)
{
	fprintf(to, "    schedule: ");
	for (int i = 0; i < il.length; i++)
		fprintf(to, "%d", il.path[i].taken);
	fprintf(to, "\n");
}

/*
 * The accesses. Arguments are evaluated first: one of them may be an access of its own. In torn
 * ones another thread may go on between the read and the write.
 */
#define IL_LOAD(p)	({ il_point(); __atomic_load_n((p), __ATOMIC_SEQ_CST); })

#define IL_STORE(p, x)									\
	({ __typeof__(*(p) + 0) __il_stored = (x);					\
	   il_point();									\
	   __atomic_store_n((p), __il_stored, __ATOMIC_SEQ_CST); })

static inline bool il_cas(__u64 *p, __u64 old, __u64 new)
{
	bool swapped;

	il_point();
	swapped = il.mutant == IL_BLIND_CAS || *p == old;
	if (il.mutant == IL_TORN_CAS)
		il_point();
	if (swapped)
		*p = new;
	return swapped;
}

static inline __u64 il_fetch_and(__u64 *p, __u64 bits)
{
	__u64 old;

	il_point();
	old = *p;
	*p = old & bits;
	return old;
}

static inline __u64 il_fetch_add(__u64 *p, __u64 n, enum il_mutant torn)
{
	__u64 old;

	il_point();
	old = *p;
	if (il.mutant == torn)
		il_point();
	*p = old + n;
	return old;
}

#endif /* STORE_INTERLEAVE_H */
