// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The store under threads, each the owner of its skbs as the kernel has it: clones are handed from
 * thread to thread, skbs that two threads hold at once are only shared from. Nobody may ever
 * read bytes that are not his packet's, and nothing may be left when all are released.
 *
 * Runs plain and under ThreadSanitizer. SEED=n and OPS=n as in test_store; a seed sets the
 * operations, not how the threads meet.
 */
#include "store_check.h"
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#define THREADS		4
#define SKBS		64		/* each thread starts with */
#define TYPES		2
#define WORDS		6		/* of a payload */
#define SIZE		(WORDS * (__u32)sizeof(__u64))
#define INBOX		4
#define COUNTED		1		/* if any type is, this one */
#define MAX_REFS	3
#define REFS_SIZE	(4 + 4 * MAX_REFS)

/* What its owner expects to find on an skb; users > 1: as after skb_get(), nobody may change it. */
struct skb {
	__u64 h;
	int users;
	__u8 active;
	__u64 payload[TYPES][WORDS];
};

struct worker {
	pthread_t thread;
	int id;
	__u64 random, families;
	__u32 ops;
	int nheld, nfree;
	struct skb *held[THREADS * SKBS * 2], *free[THREADS * SKBS];
	struct skb *inbox[INBOX];	/* filled by others, emptied by this one */
};

static struct worker worker[THREADS];
static int wrong;			/* what any thread found amiss */

static void amiss(const char *what, const struct skb *skb, __u64 found)
{
	if (__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED) < 20)
		fprintf(stderr, "    %s: skb %llx, found %llx, family is %llx\n", what, skb->h,
			found, skb->payload[0][0]);
}

static __u64 *payload_of(int object, int type)
{
	return (__u64 *)(env_payload(object) + type * SIZE);
}

static bool is_counted(int type)
{
	return env.state.counted & 1 << type;
}

/* Behind references: family, numbers and a checksum, so that bytes of two packets do not pass. */
static void fill(struct worker *w, __u64 *payload, int type)
{
	int first = is_counted(type) ? REFS_SIZE / sizeof(*payload) : 0;
	__u64 sum = payload[first] = (__u64)(w->id + 1) << 40 | ++w->families;

	for (int i = first + 1; i < WORDS - 1; i++)
		sum = sum * 31 + (payload[i] = env_random(&w->random));
	payload[WORDS - 1] = sum;
}

static void read_one(const struct skb *skb, int type)
{
	int object = env_find(skb->h, 1 << type);

	/* Not one expression: gcc 12 -O1 turns (object >= 0) != (bit is set) into the bit alone. */
	if (object < 0) {
		if (skb->active & 1 << type)
			amiss("found nothing", skb, type);
		return;
	}
	if (!(skb->active & 1 << type))
		amiss("found what is not active", skb, payload_of(object, type)[0]);
	else if (memcmp(payload_of(object, type), skb->payload[type], SIZE))
		amiss("payload of another packet", skb, payload_of(object, type)[0]);
}

static void read_all(const struct skb *skb)
{
	if (skbext_store_active(skb->h) != skb->active)
		amiss("active_extensions", skb, skbext_store_active(skb->h));
	for (int type = 0; type < TYPES; type++)
		read_one(skb, type);
}

/* What is counted is this thread's until it puts it back; nobody else's end may have taken it. */
static void take_reference(struct worker *w, struct skb *skb, int object)
{
	__u32 id = env_below(&w->random, ENV_REFS), *refs = (void *)skb->payload[COUNTED];
	__u32 *stored = (void *)payload_of(object, COUNTED);
	int place = skbext_store_ref(skb->h, COUNTED, MAX_REFS, id);

	if (refs[0] == MAX_REFS) {
		if (place >= 0)
			amiss("one reference too many", skb, place);
		return;
	}
	refs[++refs[0]] = id;
	if (place != (int)refs[0] - 1 || memcmp(stored, refs, REFS_SIZE))
		amiss("references after taking one", skb, place);
	if ((__s64)__atomic_load_n(&env.counters[COUNTED * ENV_REFS + id], __ATOMIC_RELAXED) < 1)
		amiss("counted less than what is held", skb, id);
}

static void write_one(struct worker *w, struct skb *skb)
{
	int type = env_below(&w->random, TYPES);
	int object = env_add(skb->h, 1 << type, type * SIZE, SIZE);

	if (object < 0) {
		read_all(skb);
		return;
	}
	if (!(skb->active & 1 << type))
		memset(skb->payload[type], 0, SIZE);
	if (memcmp(payload_of(object, type), skb->payload[type], SIZE))
		amiss("payload at add", skb, payload_of(object, type)[0]);
	if (is_counted(type))
		take_reference(w, skb, object);
	fill(w, skb->payload[type], type);
	memcpy(payload_of(object, type), skb->payload[type], SIZE);
	skb->active |= 1 << type;
	read_all(skb);
}

static struct skb *skb_new(struct worker *w)
{
	struct skb *skb;

	if (!w->nfree)
		return NULL;
	skb = w->free[--w->nfree];
	if (skbext_store_slot(skb->h) >= 0)
		amiss("born with a record", skb, env_find(skb->h, 0xff));
	skb->users = 1;
	skb->active = 0;
	return skb;
}

static void skb_put(struct worker *w, struct skb *skb)
{
	if (__atomic_sub_fetch(&skb->users, 1, __ATOMIC_ACQ_REL))
		return;
	if (env_release(skb->h) != !!skb->active)
		amiss("release", skb, skb->active);
	w->free[w->nfree++] = skb;
}

static bool is_mine_alone(const struct skb *skb)
{
	return __atomic_load_n(&skb->users, __ATOMIC_ACQUIRE) == 1;
}

/* To any thread, this one included; kept if its inbox is full. */
static void hand_over(struct worker *w, struct skb *skb)
{
	struct worker *to = &worker[env_below(&w->random, THREADS)];
	struct skb **place = &to->inbox[env_below(&w->random, INBOX)], *none = NULL;

	if (!__atomic_compare_exchange_n(place, &none, skb, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		w->held[w->nheld++] = skb;
}

static void take_over(struct worker *w)
{
	for (int i = 0; i < INBOX; i++) {
		struct skb *skb = __atomic_exchange_n(&w->inbox[i], NULL, __ATOMIC_ACQ_REL);

		if (!skb)
			continue;
		read_all(skb);
		w->held[w->nheld++] = skb;
	}
}

static void clone_and_hand_over(struct worker *w, const struct skb *from)
{
	struct skb *to = skb_new(w);

	if (!to)
		return;
	switch (skbext_store_share(to->h, from->h)) {
	case 1:
		to->active = from->active & ~env.state.noclone;
		memcpy(to->payload, from->payload, sizeof(to->payload));
		break;
	case 0:
		if (from->active & ~env.state.noclone)
			amiss("share found nothing", from, 0);
	}
	read_all(to);
	if (to->active)
		hand_over(w, to);
	else
		skb_put(w, to);
}

static void del_one(struct worker *w, struct skb *skb)
{
	int type = env_below(&w->random, TYPES);

	if (skbext_store_del(skb->h, 1 << type) != !!(skb->active & 1 << type))
		amiss("del", skb, type);
	skb->active &= ~(1 << type);
}

/* A bit more than the table can hold in all, so that small ones are full half of the time. */
static bool has_enough(const struct worker *w)
{
	return w->nheld > (int)env_slots() / THREADS;
}

/* Anything with one of the skbs this thread holds. */
static void work_on(struct worker *w, int i)
{
	int dice = env_below(&w->random, 100);
	struct skb *skb = w->held[i];

	if (dice < 30) {
		clone_and_hand_over(w, skb);
	} else if (dice < 40) {
		__atomic_fetch_add(&skb->users, 1, __ATOMIC_RELAXED);
		hand_over(w, skb);
	} else if (dice < 60 || has_enough(w)) {
		w->held[i] = w->held[--w->nheld];
		skb_put(w, skb);
	} else if (dice < 65) {
		read_all(skb);
	} else if (is_mine_alone(skb)) {
		if (dice < 96)
			write_one(w, skb);
		else
			del_one(w, skb);
	}
}

/* How often threads meet is the scheduler's: go on until enough was shared, copied and refused. */
static bool was_worth_it(const struct worker *w)
{
	return env_stat(SKBEXT_STAT_COW) >= w->ops / 100 &&
	       env_stat(SKBEXT_STAT_SHARES) >= w->ops / 10 &&
	       (env.ctl.buckets > 2 || env_stat(SKBEXT_STAT_SHARE_FAILED) >= w->ops / 100);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (__u64 i = 0; i < w->ops || (i < w->ops * 200ULL && !was_worth_it(w)); i++) {
		struct skb *skb;

		/* More threads than CPUs: those that sleep hold slots that the others wait for. */
		if (i % 32 == 0)
			sched_yield();
		take_over(w);
		if (w->nheld && (has_enough(w) || env_below(&w->random, 100) < 85)) {
			work_on(w, env_below(&w->random, w->nheld));
			continue;
		}
		skb = skb_new(w);
		if (!skb)
			continue;
		write_one(w, skb);
		w->held[w->nheld++] = skb;
	}
	return NULL;
}

static struct skb *workers_open(__u64 seed, __u32 ops)
{
	struct skb *skbs = calloc(THREADS * SKBS, sizeof(*skbs));

	if (!skbs)
		abort();
	memset(worker, 0, sizeof(worker));
	for (int i = 0; i < THREADS * SKBS; i++) {
		struct worker *w = &worker[i % THREADS];

		skbs[i].h = env_skb(i);
		w->free[w->nfree++] = &skbs[i];
	}
	for (int i = 0; i < THREADS; i++) {
		worker[i].id = i;
		worker[i].ops = ops;
		worker[i].random = (seed + i) * 0x9e3779b97f4a7c15ULL | 1;
	}
	return skbs;
}

static void run_workers(__u32 buckets, __u64 seed, __u32 ops, bool counted)
{
	struct skb *skbs = workers_open(seed, ops);

	wrong = 0;
	env_open(buckets, TYPES * SIZE);
	env.state.noclone = seed % 3 == 0 ? 2 : 0;
	if (counted)
		env_count_refs(COUNTED, COUNTED * SIZE, SIZE);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&worker[i].thread, NULL, work, &worker[i]))
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(worker[i].thread, NULL);
	ASSERT_EQ(wrong, 0, "found amiss by the threads");
	for (int i = 0; i < THREADS; i++)
		take_over(&worker[i]);
	check_table();
	for (int i = 0; i < THREADS; i++)
		while (worker[i].nheld)
			skb_put(&worker[i], worker[i].held[--worker[i].nheld]);
	check_empty();		/* and no reference is left */
	ASSERT_EQ(wrong, 0, "found amiss at the end");
	ASSERT_TRUE(was_worth_it(&worker[0]), "enough was shared, copied and refused");
	if (test_failures)
		fprintf(stderr, "    %u buckets; SEED=%llu OPS=%u\n", buckets, seed, ops);
	env_close();
	free(skbs);
}

static void clones_cross_threads(bool counted)
{
	static const __u32 buckets[] = { 1, 2, 7, 17 };
	const char *seed_env = getenv("SEED"), *ops_env = getenv("OPS");
	__u64 seed = seed_env ? strtoull(seed_env, NULL, 0) : (__u64)time(NULL) << 20 ^ getpid();
	__u32 ops = ops_env ? strtoul(ops_env, NULL, 0) : 100000;

	printf("# SEED=%llu OPS=%u\n", seed, ops);
	for (size_t i = 0; i < sizeof(buckets) / sizeof(*buckets) && !test_failures; i++)
		run_workers(buckets[i], seed + i, ops, counted);
}

static void store_clones_cross_threads(void)
{
	clones_cross_threads(false);
}

static void store_references_cross_threads(void)
{
	clones_cross_threads(true);
}

/*
 * Two threads that do one operation each at the same moment, on two holders of one object; every
 * pair of operations, on every constellation, many times.
 */
enum duel_op { DUEL_WRITE, DUEL_RELEASE, DUEL_DEL, DUEL_SHARE, DUEL_OPS };
enum duel_setup { DUEL_HOME_AND_CLONE, DUEL_ORPHANED_CLONES, DUEL_SAME_SOURCE, DUEL_SETUPS };

#define DUEL_ROUNDS	400
#define DUEL_SPARE	20		/* + side: the skb a side shares to */

static struct {
	enum duel_setup setup;
	enum duel_op op[2];
	int arrived, round, ret[2];
	bool stop;
} duel;

static __u64 duel_skb(int side)
{
	return env_skb(duel.setup == DUEL_SAME_SOURCE ? 0 : side);
}

/* Of a counted type, what follows one reference. */
static __u32 duel_begin(void)
{
	return env.state.counted ? 2 * sizeof(__u32) : 0;
}

static void duel_fill(int object, char fill)
{
	memset(env_payload(object) + duel_begin(), fill, SIZE - duel_begin());
}

static void duel_meet(void)
{
	int round = __atomic_load_n(&duel.round, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&duel.arrived, 1, __ATOMIC_ACQ_REL) == 2) {
		__atomic_store_n(&duel.arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&duel.round, round + 1, __ATOMIC_RELEASE);
		return;
	}
	for (int spin = 0; __atomic_load_n(&duel.round, __ATOMIC_ACQUIRE) == round; spin++)
		if (spin > 1000)
			sched_yield();
}

static void duel_act(int side)
{
	__u64 h = duel_skb(side);
	int object;

	switch (duel.op[side]) {
	case DUEL_WRITE:
		object = env_add(h, 1, 0, SIZE);
		if (object >= 0)
			duel_fill(object, 'A' + side);
		duel.ret[side] = object;
		break;
	case DUEL_RELEASE:
		duel.ret[side] = env_release(h);
		break;
	case DUEL_DEL:
		duel.ret[side] = skbext_store_del(h, 1);
		break;
	default:
		duel.ret[side] = skbext_store_share(env_skb(DUEL_SPARE + side), h);
	}
}

static void *duel_other(void *unused)
{
	for (duel_meet(); !duel.stop; duel_meet()) {
		duel_act(1);
		duel_meet();
	}
	return unused;
}

static void duel_set_up(void)
{
	int object = env_add(env_skb(0), 1, 0, SIZE);

	if (env.state.counted)
		skbext_store_ref(env_skb(0), 0, 1, 7);
	duel_fill(object, 'x');
	switch (duel.setup) {
	case DUEL_HOME_AND_CLONE:
		skbext_store_share(env_skb(1), env_skb(0));
		break;
	case DUEL_ORPHANED_CLONES:
		skbext_store_share(env_skb(2), env_skb(0));
		skbext_store_share(env_skb(1), env_skb(2));
		env_release(env_skb(0));
		skbext_store_share(env_skb(0), env_skb(2));
		env_release(env_skb(2));
		break;
	default:
		break;
	}
}

static bool duel_holds(__u64 h, char fill)
{
	int object = env_find(h, 1);

	if (!ASSERT_GE(object, 0, "find after the duel"))
		return false;
	if (env.state.counted &&
	    !ASSERT_EQ(*(__u32 *)env_payload(object), 1, "references after the duel"))
		return false;
	for (__u32 i = duel_begin(); i < SIZE; i++)
		if (!ASSERT_EQ((env_payload(object))[i], fill, "byte after the duel"))
			return false;
	return true;
}

static bool duel_check(int side)
{
	__u64 h = duel_skb(side);

	switch (duel.op[side]) {
	case DUEL_WRITE:
		return ASSERT_GE(duel.ret[side], 0, "add") && duel_holds(h, 'A' + side);
	case DUEL_SHARE:
		return ASSERT_EQ(duel.ret[side], 1, "share") && duel_holds(h, 'x') &&
		       duel_holds(env_skb(DUEL_SPARE + side), 'x');
	default:
		return ASSERT_EQ(duel.ret[side], 1, "ended") &&
		       ASSERT_EQ(skbext_store_slot(h), -1, "slot of what ended");
	}
}

static bool duel_rounds(void)
{
	bool ok = true;

	for (int round = 0; ok && round < DUEL_ROUNDS; round++) {
		duel_set_up();
		duel_meet();
		duel_act(0);
		duel_meet();
		ok = duel_check(0) && duel_check(1) && check_table();
		for (int skb = 0; skb < DUEL_SPARE + 2; skb++)
			env_release(env_skb(skb));
		ok = ok && check_empty();
	}
	return ok || TEST_FAIL("setup %d, operations %d and %d", duel.setup, duel.op[0],
			       duel.op[1]);
}

static void pairs_of_operations_at_once(bool counted)
{
	pthread_t other;

	memset(&duel, 0, sizeof(duel));
	env_open(1, SIZE);
	if (counted)
		env_count_refs(0, 0, SIZE);
	if (pthread_create(&other, NULL, duel_other, NULL))
		abort();
	for (int n = 0; n < DUEL_SETUPS * DUEL_OPS * DUEL_OPS && !test_failures; n++) {
		duel.setup = n / (DUEL_OPS * DUEL_OPS);
		duel.op[0] = n / DUEL_OPS % DUEL_OPS;
		duel.op[1] = n % DUEL_OPS;
		/* Of one skb that two threads hold, shares are all they may do. */
		if (duel.setup != DUEL_SAME_SOURCE ||
		    (duel.op[0] == DUEL_SHARE && duel.op[1] == DUEL_SHARE))
			duel_rounds();
	}
	duel.stop = true;
	duel_meet();
	pthread_join(other, NULL);
	env_close();
}

static void store_pairs_of_operations_at_once(void)
{
	pairs_of_operations_at_once(false);
}

static void store_pairs_with_references(void)
{
	pairs_of_operations_at_once(true);
}

int main(int argc, char **argv)
{
	TEST_CASE(store_pairs_of_operations_at_once);
	TEST_CASE(store_pairs_with_references);
	TEST_CASE(store_clones_cross_threads);
	TEST_CASE(store_references_cross_threads);
	return TEST_EXIT();
}
