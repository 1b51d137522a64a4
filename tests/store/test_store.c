// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The store alone, in user space: each rule of store.h by itself, then millions of random
 * operations beside a model. SEED=n repeats a random run, OPS=n sets its length.
 */
#include "store_random.h"
#include <time.h>
#include <unistd.h>

#define T0	0x01		/* types of 16 bytes at offset 0 and 16 */
#define T1	0x02
#define SIZE	16

static int add(__u64 h, __u64 active, char fill)
{
	__u32 offset = active == T1 ? SIZE : 0;
	int object = env_add(h, active, offset, SIZE);

	if (object >= 0)
		memset(env_payload(object) + offset, fill, SIZE);
	return object;
}

/* True if all of this type's payload is fill. */
static bool holds(__u64 h, __u64 active, char fill)
{
	int object = env_find(h, active);
	const char *payload;

	if (object < 0)
		return false;
	payload = env_payload(object) + (active == T1 ? SIZE : 0);
	for (int i = 0; i < SIZE; i++)
		if (payload[i] != fill)
			return false;
	return true;
}

static __u64 word_of(__u64 h)
{
	int slot = skbext_store_slot(h);

	return slot < 0 ? 0 : *__skbext_word(slot);
}

/* Take every slot that is left, with skbs from first on; returns how many. */
static __u32 fill_up(__u32 first)
{
	__u32 n = 0;

	while (add(env_skb(first + n), T0, 'f') >= 0)
		n++;
	return n;
}

/* Any kernel address, as seen from any base: none is taken for another. */
static void store_hash_is_reversible(void)
{
	const __u64 bases[] = { ENV_BASE, ENV_SLABS, 0xff00000000000000ULL,
				0xffffffffffffff80ULL, 0xffa0000000001000ULL };
	__u64 state = 1;

	for (size_t b = 0; b < sizeof(bases) / sizeof(*bases); b++) {
		for (__u64 i = 0; i < 300000; i++) {
			__u64 random = i < 1000 ? -i * 8 : env_random(&state) & ~7ULL;
			__u64 address = random | 0xffULL << 56;
			__u64 h = skbext_hash(address - bases[b]);
			__u64 word = h | (env_random(&state) & 0x7ff);

			if (!ASSERT_EQ(h & 0x7ff, 0, "low bits of a hash") ||
			    !ASSERT_EQ(skbext_address(word, bases[b]), address, "address"))
				return;
		}
	}
}

static void store_payload_of_every_size(void)
{
	for (__u32 size = 1; size <= SKBEXT_MAX_PAYLOAD; size++) {
		__u64 h = env_skb(size);
		int object;
		char *payload;

		env_open(1, (size + 7) / 8 * 8);
		object = env_add(h, T0, 0, size);
		if (ASSERT_GE(object, 0, "add")) {
			payload = env_payload(object);
			for (__u32 i = 0; i < size; i++)
				ASSERT_EQ(payload[i], 0, "byte of a new payload");
			memset(payload, 0xff, size);
			ASSERT_EQ(skbext_store_share(env_skb(0), h), 1, "share");
			object = env_add(env_skb(0), T0, 0, size);
			ASSERT_TRUE(!memcmp(env_payload(object), payload, size),
				    "copy has every byte");
			ASSERT_TRUE(env_payload(object) != payload, "copy is another object");
			ASSERT_TRUE(env_canaries_ok(), "neighbours untouched");
		}
		env_close();
		if (test_failures)
			return;
	}
}

/* The last type of an object may end with it, and zeroing must stop there. */
static void store_zero_stays_in_the_payload(void)
{
	for (__u32 offset = 0; offset < 64; offset += 8) {
		__u64 h = env_skb(3);
		const char *bytes;
		int object;

		env_open(1, 64);
		object = env_add(h, T0, offset, 64 - offset);
		if (ASSERT_GE(object, 0, "add")) {
			bytes = env_payload(object);
			for (__u32 i = 0; i < 64; i++)
				ASSERT_EQ(bytes[i], i < offset ? (char)0xee : 0, "byte at add");
		}
		env_release(h);
		skbext_store_add_slow(h, T0, offset, 64);	/* the verifier refuses it inline */
		ASSERT_TRUE(env_canaries_ok(), "neighbours untouched, whatever the size");
		env_close();
	}
}

static void store_add_find_del(void)
{
	__u64 a = env_skb(0), b = env_skb(1);

	env_open(3, 2 * SIZE);
	ASSERT_TRUE(skbext_store_absent(a), "empty table");
	add(a, T0, 'a');
	ASSERT_TRUE(holds(a, T0, 'a'), "added");
	ASSERT_TRUE(!skbext_store_absent(a), "present");
	ASSERT_EQ(env_find(a, T1), -1, "other type");
	ASSERT_EQ(env_find(b, T0), -1, "other skb of the pair");
	ASSERT_EQ(skbext_store_del(b, T0), 0, "del of the other");
	ASSERT_EQ(skbext_store_del(a, T1), 0, "del of the other type");
	add(a, T1, 'A');
	ASSERT_EQ(skbext_store_active(a), T0 | T1, "both active");
	ASSERT_EQ(skbext_store_del(a, T0), 1, "del");
	ASSERT_EQ(env_find(a, T0), -1, "deleted");
	ASSERT_TRUE(holds(a, T1, 'A'), "the other stays");
	ASSERT_EQ(skbext_store_del(a, T1), 1, "del of the last");
	ASSERT_EQ(env_stat(SKBEXT_STAT_DELS_EMPTIED), 1, "records ended by del");
	check_empty();
	env_close();
}

static void store_add_again_keeps_payload(void)
{
	__u64 a = env_skb(0);
	int first, again;

	env_open(1, 2 * SIZE);
	first = add(a, T0, 'a');
	again = env_add(a, T0, 0, SIZE);
	ASSERT_EQ(again, first, "object of the second add");
	ASSERT_TRUE(holds(a, T0, 'a'), "payload after the second add");
	ASSERT_EQ(env_stat(SKBEXT_STAT_ADDS), 1, "records made");
	ASSERT_EQ(env_stat(SKBEXT_STAT_ADDS_MORE), 1, "adds that found one");
	skbext_store_del(a, T0);
	again = env_add(a, T0, 0, SIZE);
	ASSERT_TRUE(again >= 0 && holds(a, T0, 0), "zeroed after del");
	env_close();
}

static void store_release_twice(void)
{
	__u64 a = env_skb(0), b = env_skb(1);

	env_open(2, 2 * SIZE);
	add(a, T0, 'a');
	add(b, T0, 'b');
	ASSERT_EQ(env_release(a), 1, "release");
	ASSERT_EQ(env_release(a), 0, "release again");
	ASSERT_TRUE(holds(b, T0, 'b'), "neighbour");
	skbext_store_share(a, b);
	ASSERT_EQ(env_release(b), 1, "release of a shared home");
	ASSERT_EQ(env_release(b), 0, "release of a shared home again");
	ASSERT_TRUE(holds(a, T0, 'b'), "clone after two releases of its source");
	ASSERT_EQ(env_release(a), 1, "release of the clone");
	ASSERT_EQ(env_release(a), 0, "release of the clone again");
	ASSERT_EQ(env_stat(SKBEXT_STAT_RELEASED), 3, "releases counted");
	check_empty();
	env_close();
}

static void store_home_ends_before_its_clones(void)
{
	__u64 a = env_skb(0), b = env_skb(1), c = env_skb(2);
	int object;

	env_open(1, 2 * SIZE);
	object = add(a, T0, 'a');
	ASSERT_EQ(skbext_store_share(b, a), 1, "share");
	ASSERT_EQ(skbext_store_share(c, b), 1, "share of a share");
	ASSERT_EQ(env_release(a), 1, "release");
	ASSERT_EQ(*__skbext_word(object), SKBEXT_W_ORPHAN, "word of the home slot");
	ASSERT_EQ(env_find(a, T0), -1, "released");
	ASSERT_EQ(env_find(b, T0), object, "clone still uses the object");
	ASSERT_EQ(fill_up(10), SKBEXT_BUCKET_SLOTS - 3, "an orphan's slot is not free");
	ASSERT_TRUE(holds(b, T0, 'a') && holds(c, T0, 'a'), "clones' payload in a full table");
	ASSERT_EQ(env_release(b), 1, "release of one clone");
	ASSERT_EQ(*__skbext_word(object), SKBEXT_W_ORPHAN, "one clone is left");
	ASSERT_EQ(skbext_store_del(c, T0), 1, "del from the other");
	ASSERT_EQ(*__skbext_word(object), 0, "home slot after its last holder");
	check_table();
	env_close();
}

/* Four holders of one object may end in 24 orders; each frees it exactly at the last. */
static void store_last_holder_frees(void)
{
	for (int order = 0; order < 256; order++) {
		int at[4] = { order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3 };

		if ((1 << at[0] | 1 << at[1] | 1 << at[2] | 1 << at[3]) != 15)
			continue;
		env_open(1, 2 * SIZE);
		add(env_skb(0), T0, 'x');
		skbext_store_share(env_skb(1), env_skb(0));
		skbext_store_share(env_skb(2), env_skb(1));
		skbext_store_share(env_skb(3), env_skb(0));
		for (int i = 0; i < 4; i++) {
			for (int k = i; k < 4; k++)
				ASSERT_TRUE(holds(env_skb(at[k]), T0, 'x'), "holder that is left");
			check_table();
			ASSERT_EQ(env_release(env_skb(at[i])), 1, "release");
		}
		check_empty();
		env_close();
	}
}

static void store_writer_at_home_moves(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	int home, moved;

	env_open(1, 2 * SIZE);
	home = add(a, T0, 'a');
	skbext_store_share(b, a);
	moved = add(a, T1, 'A');
	ASSERT_TRUE(moved >= 0 && moved != home, "the writer has another object");
	ASSERT_TRUE(holds(a, T0, 'a') && holds(a, T1, 'A'), "all types came along");
	ASSERT_EQ(env_find(b, T0), home, "the clone keeps the object");
	ASSERT_TRUE(holds(b, T0, 'a'), "the clone's payload");
	ASSERT_EQ(env_find(b, T1), -1, "the clone does not see the new type");
	ASSERT_EQ(env_stat(SKBEXT_STAT_COW), 1, "copies made");
	check_table();
	env_release(b);
	ASSERT_EQ(*__skbext_word(home), 0, "home slot after the clone");
	ASSERT_TRUE(holds(a, T0, 'a'), "the writer's payload after that");
	env_release(a);
	check_empty();
	env_close();
}

static void store_writing_clone_copies_to_its_own_slot(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	int slot;

	env_open(1, 2 * SIZE);
	add(a, T0, 'a');
	skbext_store_share(b, a);
	slot = skbext_store_slot(b);
	fill_up(10);
	ASSERT_EQ(add(b, T0, 'b'), slot, "a clone writes without room, to its own slot");
	ASSERT_EQ(skbext_store_slot(b), slot, "the record did not move");
	ASSERT_TRUE(holds(a, T0, 'a') && holds(b, T0, 'b'), "both payloads");
	check_table();
	env_close();
}

static void store_sole_holder_writes_in_place(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	int home;

	env_open(1, 2 * SIZE);
	home = add(a, T0, 'a');
	skbext_store_share(b, a);
	env_release(b);
	fill_up(10);
	ASSERT_EQ(add(a, T1, 'A'), home, "home, after its clone");
	env_release(env_skb(10));
	skbext_store_share(b, a);
	env_release(a);
	ASSERT_EQ(add(b, T1, 'B'), home, "clone, after its home");
	ASSERT_TRUE(holds(b, T0, 'a') && holds(b, T1, 'B'), "payloads");
	ASSERT_EQ(env_stat(SKBEXT_STAT_COW), 0, "copies made");
	check_table();
	env_close();
}

static void store_failed_add_changes_nothing(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	char *before;
	int home;

	env_open(1, 2 * SIZE);
	home = add(a, T0, 'a');
	skbext_store_share(b, a);
	ASSERT_EQ(fill_up(10), SKBEXT_BUCKET_SLOTS - 2, "slots left");
	before = malloc(env_bytes());
	if (!before)
		abort();
	memcpy(before, env.memory, env_bytes());
	ASSERT_EQ(add(a, T0, 'x'), -1, "writing home, no room to move to");
	ASSERT_EQ(add(a, T1, 'x'), -1, "the same, new type");
	ASSERT_EQ(add(env_skb(2), T0, 'x'), -1, "new record");
	ASSERT_TRUE(!memcmp(before, env.memory, env_bytes()), "words and payloads as before");
	free(before);
	ASSERT_EQ(env_find(a, T0), home, "object as before");
	ASSERT_TRUE(holds(a, T0, 'a') && holds(b, T0, 'a'), "payload as before");
	ASSERT_EQ(env_failed(SKBEXT_STAT_ADD_FAILED), 3 + 1, "failed adds, with fill_up's last");
	env_release(env_skb(10));
	ASSERT_TRUE(add(a, T0, 'x') >= 0 && holds(b, T0, 'a'), "granted when there is room");
	check_table();
	env_close();
}

static void store_failed_share_leaves_the_source(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	int home;

	env_open(1, 2 * SIZE);
	home = add(a, T0, 'a');
	fill_up(10);
	ASSERT_EQ(skbext_store_share(b, a), -1, "no room");
	ASSERT_EQ(skbext_store_share_again(b, a), -1, "nor for a second program");
	ASSERT_EQ(skbext_store_slot(b), -1, "the copy has nothing");
	ASSERT_EQ(add(a, T1, 'A'), home, "the source writes in place");
	ASSERT_TRUE(holds(a, T0, 'a'), "the source's payload");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARE_FAILED), 1, "failed shares");
	ASSERT_EQ(env_release(a), 1, "release");
	ASSERT_EQ(*__skbext_word(home), 0, "no orphan without holders");
	check_table();
	env_close();
}

/* A clone of a packet whose record may be another's: what it lost is counted. */
static void store_distrusted_share_is_counted(void)
{
	__u64 a = env_skb(0), b = env_skb(1), c = env_skb(2);

	env_open(1, 2 * SIZE);
	add(a, T0, 'a');
	ASSERT_EQ(skbext_store_share(b, c), 0, "nothing to share");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES_DISTRUSTED), 0, "nothing lost");
	env.state.watch += 1ULL << 32;
	ASSERT_EQ(skbext_store_share(b, a), 0, "not trusted");
	ASSERT_EQ(skbext_store_slot(b), -1, "the copy has nothing");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES_DISTRUSTED), 1, "copies without");
	ASSERT_EQ(env_stat(SKBEXT_STAT_DISTRUSTED), 1, "looks");
	env_release(a);
	check_empty();
	env_close();
}

static void store_share_replaces(void)
{
	__u64 a = env_skb(0), b = env_skb(1), c = env_skb(2);

	env_open(1, 2 * SIZE);
	add(a, T0, 'a');
	add(b, T1, 'b');
	ASSERT_EQ(skbext_store_share(b, a), 1, "share into an skb that holds one");
	ASSERT_EQ(skbext_store_active(b), T0, "what it held is gone");
	ASSERT_EQ(skbext_store_share(b, c), 0, "share of nothing");
	ASSERT_EQ(skbext_store_slot(b), -1, "leaves nothing");
	ASSERT_EQ(env_stat(SKBEXT_STAT_REPLACED), 2, "records replaced");
	env_release(a);
	check_empty();
	env_close();
}

/* By a second program, which does what the first was not run for, and nothing else. */
static void store_share_again(void)
{
	__u64 a = env_skb(0), b = env_skb(1), c = env_skb(2), d = env_skb(3);

	env_open(1, 2 * SIZE);
	add(a, T0, 'a');
	add(c, T1, 'c');
	ASSERT_EQ(skbext_store_share(b, a), 1, "share");
	ASSERT_EQ(skbext_store_share_again(b, a), 1, "it is done");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES), 1, "shares");
	ASSERT_EQ(skbext_store_share_again(c, b), 1, "it was skipped");
	ASSERT_EQ(skbext_store_active(c), T0, "what it held is gone");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES), 2, "shares with it");
	ASSERT_EQ(env_stat(SKBEXT_STAT_REPLACED), 1, "records replaced");
	add(a, T1, '1');
	ASSERT_EQ(skbext_store_share(b, a), 1, "share of two types");
	skbext_store_del(a, T0);
	ASSERT_EQ(skbext_store_share_again(b, a), 1, "what it held is older");
	ASSERT_EQ(skbext_store_active(b), T1, "types that there are now");
	ASSERT_EQ(skbext_store_share_again(c, d), 0, "share of nothing");
	ASSERT_EQ(skbext_store_slot(c), -1, "leaves nothing");
	env.state.noclone = T0;
	add(a, T0, '0');
	ASSERT_EQ(skbext_store_share_again(c, a), 1, "but for what clones go without");
	ASSERT_EQ(skbext_store_active(c), T1, "which it does");
	ASSERT_EQ(skbext_store_share_again(c, a), 1, "it is done");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES), 5, "shares with it");
	env_release(c);
	env.state.watch += 1ULL << 32;
	ASSERT_EQ(skbext_store_share(d, a), 0, "not trusted");
	ASSERT_EQ(skbext_store_share_again(d, a), 0, "nor the second time");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES_DISTRUSTED), 1, "counted once");
	add(d, T1, 'd');
	ASSERT_EQ(skbext_store_share_again(d, a), 0, "not trusted, into an skb that holds one");
	ASSERT_EQ(skbext_store_slot(d), -1, "what it held is gone");
	env_release(a);
	env_release(b);
	check_empty();
	env_close();
}

static void store_noclone_stays_behind(void)
{
	__u64 a = env_skb(0), b = env_skb(1);

	env_open(1, 2 * SIZE);
	env.state.noclone = T1;
	add(a, T1, 's');
	ASSERT_EQ(skbext_store_share(b, a), 0, "nothing that may be shared");
	ASSERT_EQ(skbext_store_slot(b), -1, "the clone has nothing");
	add(a, T0, 'a');
	ASSERT_EQ(skbext_store_share(b, a), 1, "share");
	ASSERT_EQ(skbext_store_active(b), T0, "without the type");
	env_add(b, T1, SIZE, SIZE);
	ASSERT_TRUE(holds(b, T1, 0), "zero in the clone, not the secret of its source");
	ASSERT_TRUE(holds(a, T1, 's'), "still the source's own");
	env_release(b);
	skbext_store_share(b, a);
	env_release(a);
	env_add(b, T1, SIZE, SIZE);
	ASSERT_TRUE(holds(b, T1, 0), "zero in place as well");
	check_table();
	env_close();
}

static void store_keep(void)
{
	__u64 a = env_skb(0), b = env_skb(1);

	env_open(1, 2 * SIZE);
	add(a, T0, 'a');
	add(a, T1, 'A');
	skbext_store_share(b, a);
	ASSERT_EQ(env_keep(a, T0 | T1, SKBEXT_STAT_SCRUBBED), 0, "all kept");
	ASSERT_EQ(env_keep(a, T1, SKBEXT_STAT_UDP_DROPPED), 0, "one kept");
	ASSERT_EQ(skbext_store_active(a), T1, "one active");
	ASSERT_EQ(skbext_store_active(b), T0 | T1, "a clone is asked for itself");
	ASSERT_EQ(env_keep(a, T0, SKBEXT_STAT_SCRUBBED), 1, "none kept");
	ASSERT_EQ(env_keep(a, T0, SKBEXT_STAT_SCRUBBED), 0, "none there");
	ASSERT_EQ(env_keep(b, 0, SKBEXT_STAT_UDP_DROPPED), 1, "nothing is ever kept");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SCRUBBED), 1, "counted");
	ASSERT_EQ(env_stat(SKBEXT_STAT_UDP_DROPPED), 1, "counted");
	check_empty();
	env_close();
}

/* An add by address that was killed may leave one beside its owner's: two of one address. */
static void store_duplicates_are_all_released(void)
{
	__u64 a = env_skb(0);

	env_open(2, 2 * SIZE);
	env.state.by_address = 1;
	for (int i = 0; i < 4; i++)
		ASSERT_GE(__skbext_add_first(a, T0, 0, SIZE), 0, "one more record of this skb");
	ASSERT_EQ(skbext_store_share(env_skb(1), a), 1, "share of one of them");
	ASSERT_EQ(env_release(a), 4, "records ended");
	ASSERT_EQ(skbext_store_slot(a), -1, "found after that");
	ASSERT_EQ(env_stat(SKBEXT_STAT_RELEASED), 4, "each is counted");
	env_release(env_skb(1));
	check_empty();
	env_close();
}

/* Records away from home are found whatever ends before them; when all are gone a miss is cheap. */
static void store_displaced_records_are_found(void)
{
	__u64 h[40], away = 0;
	int n = 0;

	env_open(11, 2 * SIZE);
	for (__u32 i = 0; n < 40; i++)
		if (__skbext_home(env_skb(i)) == 7)
			h[n++] = env_skb(i);
	for (int i = 0; i < n; i++)
		ASSERT_GE(add(h[i], T0, i), 0, "add");
	ASSERT_EQ((skbext_bucket(7)->head & SKBEXT_H_COUNTS) / SKBEXT_H_AWAY,
		  n - SKBEXT_BUCKET_SLOTS, "records away from home");
	for (int i = 0; i < n; i++) {
		for (int k = i; k < n; k++)
			ASSERT_TRUE(holds(h[k], T0, k) && !skbext_store_absent(h[k]),
				    "record that is left");
		check_table();
		away += word_of(h[i]) && skbext_store_slot(h[i]) / SKBEXT_BUCKET_SLOTS != 7;
		env_release(h[i]);
	}
	ASSERT_EQ(away, n - SKBEXT_BUCKET_SLOTS, "released away from home");
	ASSERT_TRUE(skbext_store_absent(h[0]), "absent from one bucket again");
	check_empty();
	env_close();
}

static void take_bucket(__u32 n)
{
	for (int i = 0; i < SKBEXT_BUCKET_SLOTS; i++)
		*__skbext_word(n * SKBEXT_BUCKET_SLOTS + i) = ~0ULL;
}

/* A record may live in the last bucket that is probed; the head of its home knows the way. */
static void store_all_probes_and_no_more(void)
{
	__u64 h = env_skb(0);
	__u32 n, probe;
	int slot;

	env_open(101, 2 * SIZE);
	n = __skbext_home(h);
	for (probe = 1; probe < SKBEXT_PROBES; probe++) {
		take_bucket(n);
		n = skbext_store_next(n, h, probe - 1);
	}
	slot = add(h, T0, 'h');
	ASSERT_EQ(slot / SKBEXT_BUCKET_SLOTS, n, "bucket of the last probe");
	ASSERT_TRUE(holds(h, T0, 'h'), "found there");
	ASSERT_EQ(skbext_bucket(__skbext_home(h))->head >> SKBEXT_H_FAR_SHIFT, SKBEXT_PROBES - 1,
		  "the way to it");
	env_release(h);
	ASSERT_EQ(skbext_bucket(__skbext_home(h))->head, 0, "forgotten");
	take_bucket(n);
	ASSERT_EQ(add(h, T0, 'h'), -1, "no bucket after that");
	env_close();
}

/* Found by nobody, and so not deleted either: the answer is that of an skb that has nothing. */
static void store_a_predecessors_is_not_deleted(void)
{
	__u64 a = env_skb(0), b = env_skb(1);

	env_open(1, 2 * SIZE);
	for (int two = 0; two < 2; two++) {
		add(a, T0, 'a');
		if (two)
			add(a, T1, 'A');
		env.state.watch += 1ULL << 32;
		ASSERT_EQ(env_take(a, T0), 0, "del by address of a predecessor's");
		ASSERT_EQ(skbext_store_del(a, T0), 0, "del of a predecessor's");
		ASSERT_EQ(skbext_store_slot(a), -1, "ended by that");
	}
	add(a, T0, 'a');
	skbext_store_share(b, a);
	env.state.watch += 1ULL << 32;
	ASSERT_EQ(skbext_store_del(b, T0), 0, "del of a predecessor's, shared");
	add(a, T0, 'A');
	ASSERT_EQ(skbext_store_del(a, T0), 1, "del of what was added since");
	check_empty();
	env_close();
}

/* By address, each step; what its owner does between them is for test_store_interleave.c. */
static void store_add_by_address(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	int slot, first;

	env_open(2, 2 * SIZE);
	env.state.by_address = 1;
	for (int n = 0; n < 10; n++)	/* first slot, beside it, away */
		if (__skbext_home(env_skb(2 + n)) == __skbext_home(a))
			add(env_skb(2 + n), T0, n);
	slot = skbext_store_reserve(a, T0);
	ASSERT_EQ(skbext_store_slot(a), -1, "nothing is there before it is published");
	memset(env_payload(slot), 'u', SIZE);
	skbext_store_publish(slot, a, T0);
	ASSERT_EQ(env_find(a, T0), -1, "not found before it is trusted");
	ASSERT_EQ(skbext_store_share(b, a), 0, "nor shared");
	ASSERT_EQ(skbext_store_trust(slot, a), SKBEXT_DONE, "trusted");
	ASSERT_TRUE(holds(a, T0, 'u'), "found");
	ASSERT_EQ(skbext_store_hold(slot, a), SKBEXT_DONE, "held");
	memset(env_payload(slot) + SIZE, 'U', SIZE);
	ASSERT_EQ(skbext_store_activate(slot, a, T1), 0, "another type");
	__skbext_put(slot);
	ASSERT_TRUE(holds(a, T0, 'u') && holds(a, T1, 'U'), "both");
	skbext_store_share(b, a);
	ASSERT_EQ(skbext_store_hold(slot, a), SKBEXT_SHARES, "its clone would see it");
	env_release(b);

	/* Its owner added as well, before he could see it. */
	slot = skbext_store_reserve(b, T0);
	memset(env_payload(slot), 'u', SIZE);
	first = __skbext_add_first(b, T0, 0, SIZE);
	skbext_store_publish(slot, b, T0);
	ASSERT_EQ(skbext_store_trust(slot, b), slot, "one too many");
	skbext_store_end_taken(slot, b);
	ASSERT_EQ(skbext_store_slot(b), first, "its owner's stays");
	ASSERT_EQ(env_release(b), 1, "records of it");

	slot = skbext_store_reserve(b, T0);
	skbext_store_publish(slot, b, T0);
	ASSERT_EQ(env_release(b), 1, "it ended before it was trusted");
	ASSERT_EQ(skbext_store_trust(slot, b), SKBEXT_AGAIN, "not any more");
	env_release(a);
	for (int n = 0; n < 10; n++)
		env_release(env_skb(2 + n));
	check_empty();
	env_close();
}

/* As in a full table, but for those that are others'. */
static void store_add_beyond_the_max(void)
{
	__u64 a = env_skb(0), b = env_skb(1), c = env_skb(2);

	env_open(2, 2 * SIZE);
	env_limit(0, 2);
	ASSERT_GE(add(a, T0, 'a'), 0, "one");
	ASSERT_GE(add(b, T0, 'b'), 0, "two");
	ASSERT_TRUE(!skbext_store_add(c, T0, 0, SIZE), "three");
	ASSERT_EQ(skbext_store_add_slow(c, T0, 0, SIZE), SKBEXT_MAXED, "three, by a call");
	ASSERT_EQ(env_failed(SKBEXT_STAT_ADD_LIMITED), 2, "counted");
	ASSERT_EQ(env_failed(SKBEXT_STAT_ADD_FAILED), 0, "not for want of room");
	ASSERT_EQ(skbext_store_slot(c), -1, "nothing is left of it");
	ASSERT_GE(add(c, T1, 'c'), 0, "another type");
	ASSERT_TRUE(add(c, T0, 'c') < 0, "to a record of that");
	ASSERT_TRUE(holds(c, T1, 'c'), "which stays");
	ASSERT_GE(add(a, T0, 'A'), 0, "to one that has it");
	ASSERT_EQ(skbext_store_del(a, T0), 1, "one goes");
	ASSERT_GE(add(c, T0, 'C'), 0, "one more");
	ASSERT_TRUE(add(a, T0, 'a') < 0, "and none after that");
	check_table();
	env_release(b);
	env_release(c);
	check_empty();
	env_close();
}

static void store_share_beyond_the_max(void)
{
	__u64 a = env_skb(0), b = env_skb(1), c = env_skb(2), d = env_skb(3);

	env_open(2, 2 * SIZE);
	env_limit(0, 2);
	add(a, T0, 'a');
	ASSERT_EQ(skbext_store_share(b, a), 1, "share");
	ASSERT_EQ(skbext_store_share(c, a), -1, "share beyond");
	ASSERT_EQ(skbext_store_share_again(c, a), -1, "by a second program");
	ASSERT_EQ(skbext_store_slot(c), -1, "the copy has nothing");
	add(a, T1, 'A');
	ASSERT_EQ(skbext_store_share(c, a), 1, "share of two types");
	ASSERT_EQ(skbext_store_share_again(c, a), 1, "it is done");
	ASSERT_EQ(skbext_store_active(c), T1, "but for the one that has its max");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARES), 2, "shares");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARE_LIMITED), 2, "counted");
	ASSERT_EQ(env_stat(SKBEXT_STAT_SHARE_FAILED), 0, "not for want of room");
	env_release(a);
	ASSERT_EQ(skbext_store_share(d, b), 1, "share when one is gone");
	check_table();
	env_release(b);
	env_release(c);
	env_release(d);
	check_empty();
	env_close();
}

/* Each way to take a type from a record, or to make one, by those who do not own the skb. */
static void store_max_by_address(void)
{
	__u64 a = env_skb(0), b = env_skb(1);
	int slot;

	env_open(2, 2 * SIZE);
	env_limit(0, 1);
	env.state.by_address = 1;
	slot = skbext_store_reserve(a, T0);
	ASSERT_EQ(skbext_store_reserve(b, T0), SKBEXT_MAXED, "another, before it is published");
	skbext_store_publish(slot, a, T0);
	skbext_store_trust(slot, a);
	ASSERT_TRUE(add(b, T0, 'b') < 0, "another");
	ASSERT_EQ(env_take(a, T0), 1, "del");
	check_empty();
	slot = add(a, T1, 'a');
	skbext_store_hold(slot, a);
	ASSERT_EQ(skbext_store_activate(slot, a, T0), 0, "to a record that is there");
	__skbext_put(slot);
	check_table();
	slot = add(b, T1, 'b');
	skbext_store_hold(slot, b);
	ASSERT_EQ(skbext_store_activate(slot, b, T0), SKBEXT_MAXED, "to another");
	__skbext_put(slot);
	for (__u32 n = 0; n < env_slots(); n++)
		skbext_store_strip(n, T0);
	for (__u32 n = 0; n < env_slots(); n++)
		skbext_store_end_stripped(n);
	env.state.by_address = 0;
	check_table();
	ASSERT_GE(add(b, T0, 'b'), 0, "when the type was taken of all");
	env.state.watch += 1ULL << 32;
	ASSERT_EQ(env_find(b, T0), -1, "not trusted");
	ASSERT_TRUE(add(a, T0, 'a') < 0, "counts until it ends");
	for (__u32 n = 0; n < env_slots(); n++)
		skbext_store_doom(n, 1);
	for (__u32 n = 0; n < env_slots(); n++)
		skbext_store_end_doomed(n, 1);
	check_empty();
	ASSERT_GE(add(a, T0, 'a'), 0, "after the purge");
	env_release(a);
	check_empty();
	env_close();
}

/* What a killed process may leave: empty and marked, alone, shared, remote, or ended by its owner. */
static void store_purge_ends_what_was_emptied(void)
{
	__u64 h[5];

	env_open(2, 2 * SIZE);
	for (int i = 0; i < 5; i++)
		add(h[i] = env_skb(i), T0, i);
	skbext_store_share(h[1], h[0]);
	for (int i = 0; i < 4; i++)
		ASSERT_GE(skbext_store_take(h[i], T0), 0, "emptied");
	env.state.by_address = 1;
	env_release(h[3]);
	env.state.by_address = 0;
	for (__u32 slot = 0; slot < env_slots(); slot++)
		skbext_store_doom(slot, 0);
	ASSERT_TRUE(holds(h[4], T0, 4), "what is whole stays");
	for (__u32 slot = 0; slot < env_slots(); slot++)
		skbext_store_end_doomed(slot, 0);
	ASSERT_TRUE(holds(h[4], T0, 4), "what is whole stays");
	env_release(h[4]);
	check_empty();
	env_close();
}

/* A type is removed: alone, beside another, shared, remote, of an owner who ends it meanwhile. */
static void store_strip_takes_a_type_of_all(void)
{
	__u64 h[6];
	int taken = 0, ended = 0;

	env_open(2, 2 * SIZE);
	env_count_refs(0, 0, SIZE);
	for (int i = 0; i < 4; i++)
		add(h[i] = env_skb(i), T0, 0);
	add(h[1], T1, 'b');
	skbext_store_ref(h[2], 0, 3, 3);
	skbext_store_share(h[4] = env_skb(4), h[2]);
	add(h[5] = env_skb(5), T1, 'b');
	env.state.by_address = 1;
	for (__u32 slot = 0; slot < env_slots(); slot++)
		taken += skbext_store_strip(slot, T0);
	ASSERT_EQ(taken, 5, "records that had it");
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(env_find(h[i], T0), -1, "found");
	ASSERT_EQ(env.counters[3], 1, "references that a program may still have in hand");
	env_release(h[3]);
	for (__u32 slot = 0; slot < env_slots(); slot++)
		ended += skbext_store_end_stripped(slot);
	env.state.by_address = 0;
	ASSERT_EQ(ended, 3, "records that had nothing else");
	ASSERT_EQ(env.counters[3], 0, "references");
	ASSERT_EQ(env_stat(SKBEXT_STAT_DELS), 1, "of records that stay");
	ASSERT_EQ(env_stat(SKBEXT_STAT_DELS_EMPTIED), 3, "with their records");
	ASSERT_TRUE(holds(h[1], T1, 'b') && holds(h[5], T1, 'b'), "what else there is stays");
	env_release(h[1]);
	env_release(h[5]);
	check_empty();
	env_close();
}

/*
 * Who does not own the skb takes its last type: the references stay until no program can have a
 * pointer to it, then the record ends.
 */
static void store_references_outlive_a_strangers_del(void)
{
	__u64 a = env_skb(0), b = env_skb(1), *counter = &env.counters[3];
	int slot;

	for (int shared = 0; shared < 2; shared++) {
		env_open(1, 2 * SIZE);
		env_count_refs(0, 0, SIZE);
		env_add(a, T0, 0, SIZE);
		ASSERT_EQ(skbext_store_ref(a, 0, 3, 3), 0, "place");
		env_add(a, T1, SIZE, SIZE);
		if (shared)
			skbext_store_share(b, a);
		ASSERT_EQ(env_take(a, T0), 1, "del");
		ASSERT_EQ(*counter, 1, "references while the object lives");
		slot = skbext_store_take(a, T1);
		ASSERT_GE(slot, 0, "del of the last type");
		ASSERT_EQ(*counter, 1, "references while the record is there, empty");
		skbext_store_end_taken(slot, a);
		ASSERT_EQ(*counter, shared, "references without this record");
		env_release(b);
		check_empty();
		env_close();
	}
}

static void random_operations(__u8 counted, __u8 limited)
{
	static const __u32 buckets[] = { 1, 2, 3, 5, 11, 1009 };
	const char *seed_env = getenv("SEED"), *ops_env = getenv("OPS");
	__u64 seed = seed_env ? strtoull(seed_env, NULL, 0) : (__u64)time(NULL) << 20 ^ getpid();
	__u32 ops = ops_env ? strtoul(ops_env, NULL, 0) : 250000;
	int seeds = seed_env ? 1 : 3;

	for (int i = 0; i < seeds && !test_failures; i++, seed++) {
		printf("# SEED=%llu OPS=%u\n", seed, ops);
		for (size_t t = 0; t < sizeof(buckets) / sizeof(*buckets); t++)
			random_run(buckets[t], ops, seed, counted, limited);
	}
}

static void store_random_operations(void)
{
	random_operations(0, 0);
}

static void store_random_references(void)
{
	random_operations(MODEL_COUNTED, 0);
}

/* One of them counted, two others not. */
static void store_random_limits(void)
{
	random_operations(MODEL_COUNTED, 0x1a);
}

/*
 * With the room that skbext_load() makes.
 * As slabs give them, addresses are evenly spaced: no step may be in time with that.
 */
static void store_takes_all_that_was_asked_for(void)
{
	static const __u32 buckets[] = { 127, 8513, 17027, 136193 };
	static const __u32 capacity[] = { 976, 65536, 131072, 1 << 20 };

	for (int n = 0; n < 4; n++) {
		__u32 refused = 0;

		env_open(buckets[n], 8);
		for (__u32 i = 0; i < capacity[n]; i++)
			refused += !skbext_store_add(env_skb(i), 1, 0, 8);
		ASSERT_EQ(refused, 0, "refused before the table was full");
		env_close();
	}
}

int main(int argc, char **argv)
{
	TEST_CASE(store_hash_is_reversible);
	TEST_CASE(store_payload_of_every_size);
	TEST_CASE(store_zero_stays_in_the_payload);
	TEST_CASE(store_add_find_del);
	TEST_CASE(store_add_again_keeps_payload);
	TEST_CASE(store_release_twice);
	TEST_CASE(store_home_ends_before_its_clones);
	TEST_CASE(store_last_holder_frees);
	TEST_CASE(store_writer_at_home_moves);
	TEST_CASE(store_writing_clone_copies_to_its_own_slot);
	TEST_CASE(store_sole_holder_writes_in_place);
	TEST_CASE(store_failed_add_changes_nothing);
	TEST_CASE(store_failed_share_leaves_the_source);
	TEST_CASE(store_distrusted_share_is_counted);
	TEST_CASE(store_share_replaces);
	TEST_CASE(store_share_again);
	TEST_CASE(store_noclone_stays_behind);
	TEST_CASE(store_keep);
	TEST_CASE(store_duplicates_are_all_released);
	TEST_CASE(store_displaced_records_are_found);
	TEST_CASE(store_takes_all_that_was_asked_for);
	TEST_CASE(store_all_probes_and_no_more);
	TEST_CASE(store_a_predecessors_is_not_deleted);
	TEST_CASE(store_add_by_address);
	TEST_CASE(store_add_beyond_the_max);
	TEST_CASE(store_share_beyond_the_max);
	TEST_CASE(store_max_by_address);
	TEST_CASE(store_purge_ends_what_was_emptied);
	TEST_CASE(store_strip_takes_a_type_of_all);
	TEST_CASE(store_references_outlive_a_strangers_del);
	TEST_CASE(store_random_operations);
	TEST_CASE(store_random_references);
	TEST_CASE(store_random_limits);
	return TEST_EXIT();
}
