// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext_purge(): what a missed release has left ends to the last reference, and nothing else
 * does. A program makes the records, and the test moves the generation as a miss does
 * (include/skbext/watch.bpf.h); that a real one is noticed is for the soak of test_lifecycle.c.
 */
#include <pthread.h>

#include "api_env.h"
#include "purge_types.h"

#define FAMILIES	200		/* as many of each kind */
#define RECORDS		(FAMILIES / 4 * 6)
#define HELD		(FAMILIES / 4 * 3)	/* references */
#define ENOUGH		2000			/* records that end beside others */

static struct skbext *sk;
static struct bpf_object *obj;
static struct skbext_state *state;
static struct purge_test *test;

static void *map_value(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return ASSERT_TRUE(p != MAP_FAILED, "mmap") ? p : NULL;
}

static void load(void)
{
	char path[128];

	sk = api_up(16384, 64);
	obj = sk ? api_open("purge_make") : NULL;
	if (!obj || !ASSERT_OK(skbext_bind(obj, api_bpffs), skbext_errmsg()) ||
	    !ASSERT_OK(bpf_object__load(obj), "load"))
		return;
	snprintf(path, sizeof(path), "%s/slots", api_bpffs);
	state = map_value(bpf_obj_get(path), sizeof(*state));
	test = map_value(dup(bpf_object__find_map_fd_by_name(obj, ".data.test")), sizeof(*test));
}

static void unload(void)
{
	if (test)
		munmap(test, sizeof(*test));
	if (state)
		munmap(state, sizeof(*state));
	bpf_object__close(obj);
	api_down(sk);
}

static int run(const char *name, int times)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = times);

	return bpf_prog_test_run_opts(api_prog_fd(obj, name), &opts);
}

static void make(int families)
{
	ASSERT_OK(run("make", families), "make records");
	ASSERT_EQ(test->failed, 0, "line of purge_make.bpf.c");
}

static void miss(void)
{
	__atomic_fetch_add(&state->watch, 1ULL << 32, __ATOMIC_SEQ_CST);
}

static void check_balance(void)
{
	struct skbext_stats s = { .sz = sizeof(s) };

	ASSERT_OK(skbext_stats(sk, &s), "stats");
	ASSERT_EQ(s.adds + s.shares, s.releases + s.dels_emptied + s.live,
		  "adds + shares = releases + dels_emptied + live");
}

static void check_left(__u64 live, __u64 orphans, __u64 refs)
{
	ASSERT_EQ(API_STAT(sk, live), live, "records left");
	ASSERT_EQ(API_STAT(sk, orphans), orphans, "objects that outlive their owner left");
	ASSERT_EQ(API_STAT(sk, refs), refs, "references left");
	check_balance();
}

static void check_purge(__u64 expected)
{
	__u64 purged = API_STAT(sk, purged_stale), ended = ~0ULL;

	ASSERT_OK(skbext_purge(sk, &ended), skbext_errmsg());
	ASSERT_EQ(ended, expected, "records ended");
	ASSERT_EQ(API_STAT(sk, purged_stale) - purged, expected, "counted as purged");
}

static void check_found(__u64 first, bool there)
{
	struct purge_note note;

	for (__u64 n = first; n < first + FAMILIES; n += 4)
		ASSERT_EQ(skbext_find(sk, PURGE_ADDRESSES + n * PURGE_STRIDE, "purge_note", &note,
				      sizeof(note)), there ? (int)sizeof(note) : -ENODATA, "find");
}

/* All cases share what is loaded, which takes long in a guest. Each begins with no record. */
static bool up(void)
{
	if (!sk)
		load();
	if (!ASSERT_TRUE(state && test, "loaded"))
		return false;
	test->next = 0;
	miss();
	ASSERT_OK(skbext_purge(sk, NULL), skbext_errmsg());
	check_left(0, 0, 0);
	return true;
}

static void down(void)
{
	if (!test)
		return;
	ASSERT_EQ(test->failed, 0, "line of purge_make.bpf.c");
	ASSERT_EQ(test->wrong, 0, "another packet's record");
	test->failed = test->wrong = 0;
}

static void trusted_stay(void)
{
	if (up()) {
		check_purge(0);
		make(FAMILIES);
		check_left(RECORDS, FAMILIES / 4, HELD);
		check_purge(0);
		check_left(RECORDS, FAMILIES / 4, HELD);
		check_found(0, true);
	}
	down();
}

static void distrusted_end(void)
{
	if (up()) {
		make(FAMILIES);
		miss();
		check_found(0, false);
		make(FAMILIES);
		check_left(2 * RECORDS, 2 * FAMILIES / 4, 2 * HELD);
		check_purge(RECORDS);
		check_left(RECORDS, FAMILIES / 4, HELD);
		check_found(0, false);
		check_found(FAMILIES, true);
		check_purge(0);
		miss();
		miss();
		check_purge(RECORDS);
		check_left(0, 0, 0);
		make(FAMILIES);
		check_left(RECORDS, FAMILIES / 4, HELD);
	}
	down();
}

/* Who does not own a clone takes its types: it ends, and lets go of its object. */
static void emptied_end(void)
{
	if (up()) {
		make(FAMILIES);
		for (__u64 n = 1; n < FAMILIES; n += 4)
			ASSERT_OK(skbext_del(sk, PURGE_ADDRESSES + n * PURGE_STRIDE + 256, NULL),
				  skbext_errmsg());
		check_left(RECORDS - FAMILIES / 4, FAMILIES / 4, HELD);
		miss();
		check_purge(RECORDS - FAMILIES / 4);
		check_left(0, 0, 0);
	}
	down();
}

/* The generation is a number of 32 bits that goes round. */
static void generation_goes_round(void)
{
	if (up()) {
		state->watch |= 0xffffffffULL << 32;
		make(FAMILIES);
		check_purge(0);
		miss();
		ASSERT_EQ(state->watch >> 32, 0, "generation");
		make(4);
		check_purge(RECORDS);
		check_left(6, 1, 3);
	}
	down();
}

/*
 * A release was interrupted, the kernel counted a skipped run, and since then no program had a
 * reason to look: here the sum that was seen last is another than the kernel's.
 */
static void purge_looks_for_misses(void)
{
	struct skbext_watch *watch;
	char path[128];

	if (up()) {
		snprintf(path, sizeof(path), "%s/watches", api_bpffs);
		watch = map_value(bpf_obj_get(path), sizeof(*watch));
		make(FAMILIES);
		for (int t = 0; t < SKBEXT_TIMES; t++)
			__atomic_fetch_add(&watch->set[0].seen[t], 1, __ATOMIC_SEQ_CST);
		check_purge(0);
		__atomic_fetch_add(&state->watch, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&watch->opened, 1, __ATOMIC_SEQ_CST);
		check_purge(RECORDS);
		check_left(0, 0, 0);
		munmap(watch, sizeof(*watch));
	}
	down();
}

/* As when a hook is gone: what no program finds any more ends, whenever it was made. */
static void all_end_with_trust(void)
{
	if (up()) {
		make(FAMILIES);
		miss();
		make(FAMILIES);
		__atomic_fetch_or(&state->watch, SKBEXT_WATCH_DEAD, __ATOMIC_SEQ_CST);
		check_purge(2 * RECORDS);
		check_left(0, 0, 0);
	}
	down();
}

/* Packets whose addresses are those of what is purged; as many misses as purges. */
static bool churning;

static void *keep_churning(void *arg)
{
	int *err = arg;

	while (!*err && __atomic_load_n(&churning, __ATOMIC_RELAXED))
		*err = run("churn", 1000);
	return NULL;
}

static void packets_come_and_go(void)
{
	__u64 ended, sum = 0;
	pthread_t owner;
	int err = 0;

	if (up()) {
		churning = true;
		if (ASSERT_OK(pthread_create(&owner, NULL, keep_churning, &err), "thread")) {
			while (sum < ENOUGH && !err && !test_failures) {
				miss();
				if (ASSERT_OK(skbext_purge(sk, &ended), skbext_errmsg()))
					sum += ended;
			}
			__atomic_store_n(&churning, false, __ATOMIC_RELAXED);
			pthread_join(owner, NULL);
		}
		printf("purge: %llu of the records of %llu packets\n", sum, test->churned);
		ASSERT_OK(err, "churn");
		ASSERT_EQ(test->lost, 0, "records of packets that are alive");
		ASSERT_GE(API_STAT(sk, purged_stale), sum, "counted");
		check_balance();
		miss();
		ASSERT_OK(skbext_purge(sk, &ended), skbext_errmsg());
		check_left(0, 0, 0);
	}
	down();
}

/* Addresses with one home: what has its slot next is another's. */
#define LATE		PURGE_ADDRESSES
#define ANOTHER		(PURGE_ADDRESSES + (1ULL << 34))

static void *owner_writes_late(void *arg)
{
	*(int *)arg = run("write_late", 1);
	return NULL;
}

static bool requests_done;

static void *delete_and_add(void *arg)
{
	struct purge_note note = { .number = 7 };

	ASSERT_OK(skbext_del(sk, LATE, "purge_note"), skbext_errmsg());
	ASSERT_OK(skbext_add(sk, ANOTHER, "purge_note", &note, sizeof(note)), skbext_errmsg());
	__atomic_store_n(&requests_done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Until the other side has got there; or as long as it may take if it waits for this one. */
static void wait_for(const void *flag)
{
	for (int i = 0; i < 300 && !__atomic_load_n((const char *)flag, __ATOMIC_SEQ_CST); i++)
		usleep(1000);
}

/*
 * The record is deleted by address while its owner has the payload, and another packet's could take
 * its slot; then the owner writes.
 */
static void late_write_harms_nobody(void)
{
	struct purge_note note = {};
	pthread_t owner, user;
	int err = 0;

	if (up()) {
		make(1);	/* whoever waits for programs once has waited */
		ASSERT_OK(skbext_del(sk, LATE, NULL), skbext_errmsg());
		requests_done = false;
		test->added = test->go = 0;
		if (!ASSERT_OK(pthread_create(&owner, NULL, owner_writes_late, &err), "thread"))
			return;
		while (!__atomic_load_n(&test->added, __ATOMIC_SEQ_CST) && !err)
			usleep(1000);
		ASSERT_OK(pthread_create(&user, NULL, delete_and_add, NULL), "thread");
		wait_for(&requests_done);
		__atomic_store_n(&test->go, 1, __ATOMIC_SEQ_CST);
		pthread_join(owner, NULL);
		pthread_join(user, NULL);
		ASSERT_OK(err, "write_late");
		ASSERT_EQ(skbext_find(sk, ANOTHER, "purge_note", &note, sizeof(note)),
			  (int)sizeof(note), "find");
		ASSERT_EQ(note.number, 7, "what was written to another packet's record");
		ASSERT_EQ(skbext_find(sk, LATE, "purge_note", &note, sizeof(note)), -ENODATA,
			  "deleted");
		ASSERT_OK(skbext_del(sk, ANOTHER, NULL), skbext_errmsg());
		check_left(0, 0, 0);
	}
	down();
}

/* add, more and del by address, of packets that come and go. */
static void meddle(__u64 n)
{
	__u64 skb = PURGE_ADDRESSES + (PURGE_FAMILIES + n % PURGE_CHURNED) * PURGE_STRIDE;
	__u64 number = 1ULL << 63;
	int err = n & 1 ? skbext_del(sk, skb, NULL) :
			  skbext_add(sk, skb, "purge_more", &number, sizeof(number));

	ASSERT_TRUE(!err || err == -ENODATA || err == -EBUSY || err == -ENOENT, skbext_errmsg());
	ASSERT_EQ(state->by_address, 0, "owners are alone again");
}

static void requests_beside_packets(void)
{
	pthread_t owner;
	int err = 0;

	if (up() && ASSERT_GE(skbext_type_add(sk, "purge_more", 8, 0), 0, skbext_errmsg())) {
		churning = true;
		test->churned = 0;
		if (ASSERT_OK(pthread_create(&owner, NULL, keep_churning, &err), "thread")) {
			for (__u64 n = 0; n < 400 && !err && !test_failures; n++) {
				__u64 churned = __atomic_load_n(&test->churned, __ATOMIC_RELAXED);

				meddle(n / 3);
				/* Always the same addresses. */
				if (churned > PURGE_ROUNDS / 2)
					__atomic_store_n(&test->churned, 0, __ATOMIC_RELAXED);
			}
			__atomic_store_n(&churning, false, __ATOMIC_RELAXED);
			pthread_join(owner, NULL);
		}
		ASSERT_OK(err, "churn");
		test->lost = 0;		/* deleted, some of them */
		check_balance();
		miss();
		ASSERT_OK(skbext_purge(sk, NULL), skbext_errmsg());
		check_left(0, 0, 0);
	}
	down();
}

/* A process was killed in the middle of a request. */
static void purge_makes_owners_alone(void)
{
	if (up()) {
		state->by_address = 1;
		make(FAMILIES);
		check_purge(0);
		ASSERT_EQ(state->by_address, 0, "owners are alone again");
		check_left(RECORDS, FAMILIES / 4, HELD);
	}
	down();
}

static void not_loaded(void)
{
	struct skbext *none = skbext_open(NULL);

	ASSERT_EQ(skbext_purge(none, NULL), -EINVAL, "purge of nothing");
	skbext_close(none);
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL purge: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(not_loaded);
	TEST_CASE(trusted_stay);
	TEST_CASE(distrusted_end);
	TEST_CASE(emptied_end);
	TEST_CASE(generation_goes_round);
	TEST_CASE(packets_come_and_go);
	TEST_CASE(purge_looks_for_misses);
	TEST_CASE(late_write_harms_nobody);
	TEST_CASE(requests_beside_packets);
	TEST_CASE(purge_makes_owners_alone);
	TEST_CASE(all_end_with_trust);		/* and no trust comes back */
	TEST_CASE(unload);
	return TEST_EXIT();
}
