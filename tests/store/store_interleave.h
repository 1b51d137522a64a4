/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The source of store.h under every interleaving: each atomic access is a point at which another
 * thread may go on. Threads are coroutines, and a depth-first search takes all schedules, without a
 * bound on preemptions: it leaves out only what it has seen. Where a schedule branches it keeps the
 * threads' stacks and the memory that they share, and puts them back for the next branch.
 *
 * A state is that memory, and the stack and registers of each thread; two runs that come to the same
 * state go on alike. (A value that is dead but still lies on a stack makes two states of one. That
 * costs time and nothing else; compilers differ in how many they leave.)
 *
 * Payloads are plain accesses: they are done with the access before them. If a schedule could tear
 * one, there is another that has it wholly before or after, and finds the wrong bytes.
 *
 * Memory is sequentially consistent here. What CPUs and compilers reorder is for the test under
 * ThreadSanitizer.
 */
#ifndef STORE_INTERLEAVE_H
#define STORE_INTERLEAVE_H

#undef _FORTIFY_SOURCE		/* its longjmp() refuses to go to another stack */
#include <linux/types.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define IL_THREADS	3
#define IL_STACK	(16 << 10)
#define IL_POINTS	4096		/* of one run */
#define IL_KNOWN	(1U << 12)	/* states of one scenario, as hashes in a hash; it grows */

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
	IL_KEEP_PLACE,		/* a record that ends still counts for the max of its type */
	IL_PURGE_UNMARKED,	/* purge ends what it has read, without a mark */
	IL_PURGE_NO_GRACE,	/* purge does not wait for those who trusted the record */
	IL_MUTANTS,
};

/* What is explored: memory that the threads share, and what they do. */
struct il_test {
	size_t bytes;
	void (*save)(void *to);
	void (*put_back)(const void *from);
	__u64 (*hash)(void);
	void (*run)(int thread);
	bool (*ended)(void);		/* all threads are done: is all as it should be? */
};

/* A thread that has stopped before an access. */
struct il_thread {
	bool done;
	__u64 local;			/* a hash of stack and registers */
	char *low;			/* its stack is in use from here up */
	jmp_buf where;
};

/* A state on the way to the present one. */
struct il_level {
	__u8 taken, left;		/* a thread; a set of threads */
	struct il_thread thread[IL_THREADS];
	char *memory;			/* that of the test, and the stacks */
	size_t room;
};

static struct {
	bool running, broken;
	enum il_mutant mutant;
	const struct il_test *test;
	int threads, now;		/* now: the one that runs */
	struct il_thread thread[IL_THREADS];
	char *stack[IL_THREADS];
	jmp_buf search;
	ucontext_t begin;

	int depth;
	struct il_level level[IL_POINTS];
	__u64 *known;
	__u64 room;			/* in known */
	__u64 states, schedules, longest;
} il;

static inline __u64 il_mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* ---- threads */

/*
 * AddressSanitizer is told of each change of stacks. It then forgets the frames on the one that is
 * left, so that stacks can be put back without what it knew of them.
 */
#ifndef __has_feature
#define __has_feature(x)	0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define IL_SANITIZED	true
#include <sanitizer/common_interface_defs.h>

/* Or locals are elsewhere than on the stack, and no part of what is kept and compared. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}

static const void *il_bottom;		/* the search's own stack */
static size_t il_size;

/* To a thread's stack, or to that of the search (-1). */
static inline void il_leave(int thread)
{
	__sanitizer_start_switch_fiber(NULL, thread < 0 ? il_bottom : il.stack[thread],
				       thread < 0 ? il_size : IL_STACK);
}

static inline void il_arrive(int thread)
{
	const void **bottom = thread < 0 ? NULL : &il_bottom;

	__sanitizer_finish_switch_fiber(NULL, bottom, bottom ? &il_size : NULL);
}
#else
#define IL_SANITIZED	false
static inline void il_leave(int thread)
{
}

static inline void il_arrive(int thread)
{
}
#endif

static IL_FN char *il_low(void)
{
	return __builtin_frame_address(0);
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

/* What calls left below this frame, where later ones have their padding, is no part of a state. */
static IL_FN void il_wipe(void)
{
	char below[1024];

	memset(below, 0, sizeof(below));
	asm volatile("" : : "r"(below) : "memory");
}

/* Back to the search, until it lets this thread go on. */
static IL_FN void il_stop(void)
{
	struct il_thread *t = &il.thread[il.now];

	__builtin_unwind_init();	/* registers that outlive a call go to this frame */
	il_wipe();
	t->low = il_low();
	t->local = il_hash_stack();
	if (!_setjmp(t->where)) {
		il_leave(-1);
		_longjmp(il.search, 1);
	}
	il_arrive(il.now);
	il_wipe();
}

static IL_FN void il_point(void)
{
	if (il.running)
		il_stop();
}

static void il_thread(void)
{
	il_arrive(il.now);
	il_stop();
	il.test->run(il.now);
	il.thread[il.now].done = true;
	il_leave(-1);
	_longjmp(il.search, 1);
}

static IL_FN void il_go_on(int thread)
{
	il.now = thread;
	il.running = true;
	if (!_setjmp(il.search)) {
		il_leave(thread);
		_longjmp(il.thread[thread].where, 1);
	}
	il_arrive(-1);
	il.running = false;
}

/* To its first stop, which is before its first step. */
static IL_FN void il_start(int thread)
{
	if (!il.stack[thread])
		il.stack[thread] = aligned_alloc(64, IL_STACK);
	if (!il.stack[thread])
		abort();
	memset(il.stack[thread], 0, IL_STACK);
	memset(&il.thread[thread], 0, sizeof(il.thread[thread]));
	getcontext(&il.begin);
	il.begin.uc_stack.ss_sp = il.stack[thread];
	il.begin.uc_stack.ss_size = IL_STACK;
	il.begin.uc_link = NULL;
	makecontext(&il.begin, il_thread, 0);
	il.now = thread;
	if (!_setjmp(il.search)) {
		il_leave(thread);
		setcontext(&il.begin);
	}
	il_arrive(-1);
}

/* ---- states */

static void il_make_room(__u64 room)
{
	il.room = room;
	il.known = calloc(room, sizeof(*il.known));
	if (!il.known) {
		fprintf(stderr, "store_interleave: no memory for %llu states\n", room);
		abort();
	}
}

/* Where this state is, or would be. */
static __u64 *il_place(__u64 hash)
{
	__u64 n = hash >> 20 & (il.room - 1);

	while (il.known[n] && il.known[n] != hash)
		n = (n + 1) & (il.room - 1);
	return &il.known[n];
}

static void il_grow(void)
{
	__u64 *old = il.known, room = il.room;

	il_make_room(2 * room);
	for (__u64 n = 0; n < room; n++)
		if (old[n])
			*il_place(old[n]) = old[n];
	free(old);
}

/* true: it is new. Two of a million states with the same 64 bits: one in ten million searches. */
static bool il_is_new(void)
{
	__u64 hash = il.test->hash(), *place;

	for (int i = 0; i < il.threads; i++)
		hash = il_mix(hash, il.thread[i].done ? 1 : il.thread[i].local);
	hash |= !hash;
	place = il_place(hash);
	if (*place)
		return false;
	*place = hash;
	if (++il.states > il.room / 4 * 3)
		il_grow();
	return true;
}

static size_t il_used(int thread)
{
	return il.thread[thread].done ? 0 : il.stack[thread] + IL_STACK - il.thread[thread].low;
}

static void il_keep(struct il_level *level)
{
	size_t bytes = il.test->bytes;
	char *to;

	for (int i = 0; i < il.threads; i++)
		bytes += il_used(i);
	if (bytes > level->room) {
		free(level->memory);
		level->memory = malloc(bytes);
		level->room = bytes;
	}
	if (!level->memory)
		abort();
	memcpy(level->thread, il.thread, sizeof(il.thread));
	il.test->save(level->memory);
	to = level->memory + il.test->bytes;
	for (int i = 0; i < il.threads; to += il_used(i++))
		memcpy(to, il.thread[i].low, il_used(i));
}

static void il_put_back(const struct il_level *level)
{
	const char *from = level->memory + il.test->bytes;

	memcpy(il.thread, level->thread, sizeof(il.thread));
	il.test->put_back(level->memory);
	for (int i = 0; i < il.threads; from += il_used(i++))
		memcpy(il.thread[i].low, from, il_used(i));
}

/* ---- the search */

/* The present state is one to go on from, with each thread that is not done. */
static void il_enter(void)
{
	struct il_level *level = &il.level[il.depth];

	if (++il.depth == IL_POINTS) {
		fprintf(stderr, "store_interleave: a run without end\n");
		abort();
	}
	level->left = 0;
	for (int i = 0; i < il.threads; i++)
		level->left |= !il.thread[i].done << i;
	if (level->left & (level->left - 1))
		il_keep(level);
}

/* One access, and what follows up to the next. true: something new to go on from. */
static bool il_access(struct il_level *level)
{
	level->taken = __builtin_ctz(level->left);
	level->left &= level->left - 1;
	il_go_on(level->taken);
	for (int i = 0; i < il.threads; i++)
		if (!il.thread[i].done)
			return il_is_new();
	il.schedules++;
	if ((__u64)il.depth > il.longest)
		il.longest = il.depth;
	il.broken |= !il.test->ended();
	return false;
}

/* Every schedule of so many threads, from the memory as it is. true: none ended badly. */
static bool il_search(int threads, const struct il_test *test)
{
	bool here = true;	/* the level on top is the present state */

	il.threads = threads;
	il.test = test;
	il.depth = 0;
	il.broken = false;
	il.states = il.schedules = il.longest = 0;
	for (int i = 0; i < threads; i++)
		il_start(i);
	free(il.known);
	il_make_room(IL_KNOWN);
	il_enter();
	while (il.depth) {
		struct il_level *level = &il.level[il.depth - 1];

		if (!level->left) {
			il.depth--;
			here = false;
			continue;
		}
		if (!here)
			il_put_back(level);
		here = il_access(level);
		if (il.broken)
			return false;
		if (here)
			il_enter();
	}
	return true;
}

static void il_end(void)
{
	free(il.known);
	il.known = NULL;
	for (int i = 0; i < IL_THREADS; i++) {
		free(il.stack[i]);
		il.stack[i] = NULL;
	}
	for (int i = 0; i < IL_POINTS; i++)
		free(il.level[i].memory);
}

/* Thread numbers in the order in which they ran, one for each access. */
static void il_print_schedule(FILE *to)
{
	fprintf(to, "    schedule: ");
	for (int i = 0; i < il.depth; i++)
		fprintf(to, "%d", il.level[i].taken);
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
