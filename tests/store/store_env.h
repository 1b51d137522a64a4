/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The store of store.h over malloc'ed memory, so that tests run the very source that BPF runs.
 * One store at a time: env_open(), env_close().
 *
 * Each object is followed by a canary, which env_canaries_ok() reads: an access past an object is
 * inside the same allocation.
 */
#ifndef STORE_ENV_H
#define STORE_ENV_H

#include <linux/types.h>
#include <skbext/layout.h>
#include <stdlib.h>
#include <string.h>

#define ENV_CANARY	0x5a5aa5a5c3c33c3cULL
#define ENV_BASE	(0xffffc90000a4d000ULL + SKBEXT_GAP)	/* vmalloc, as a map's value */
#define ENV_SLABS	0xffff888003c00000ULL	/* the direct map, where slabs are */
#define ENV_SKB_SIZE	232
#define ENV_REFS	8			/* counters of each type */

static struct {
	struct skbext_ctl ctl;
	struct skbext_state state;
	char *memory;
	__u64 stats[SKBEXT_STAT_NR];
	__u64 counters[SKBEXT_MAX_TYPES * ENV_REFS];
} env;

#define SKBEXT_SPACING	(env.ctl.payload + sizeof(__u64))

static inline size_t env_bytes(void)
{
	return SKBEXT_BYTES(SKBEXT_SPACING, env.ctl.buckets) - SKBEXT_GAP;
}

static inline __u64 *skbext_counter(__u32 n)
{
	return n < SKBEXT_MAX_TYPES * ENV_REFS ? &env.counters[n] : NULL;
}

/* Relaxed: a counter must not order what the store itself forgot to order. */
static inline void skbext_count(__u32 stat)
{
	__atomic_fetch_add(&env.stats[stat], 1, __ATOMIC_RELAXED);
}

/* Tests move the generation themselves. */
static inline void skbext_look(void)
{
}

static inline void skbext_verify(void)
{
}

/* There is memory whenever the store is called. Without this gcc 16 warns of what it would write to NULL. */
static inline char *env_memory(void)
{
	if (!env.memory)
		__builtin_unreachable();
	return env.memory;
}

#define SKBEXT_FN	static __attribute__((unused, noinline))
#define SKBEXT_BUCKETS	(env.ctl.buckets)
#define SKBEXT_ROOM	(env.ctl.payload)
#define SKBEXT_SLOTS	(env_memory())
#define SKBEXT_STATE	(&env.state)
#define SKBEXT_LIMITS	(env.ctl.limits)

#include <skbext/store.h>
#include <skbext/store/outside.h>

static inline __u32 env_slots(void)
{
	return env.ctl.buckets * SKBEXT_BUCKET_SLOTS;
}

static inline void env_open(__u32 buckets, __u32 payload)
{
	memset(&env, 0, sizeof(env));
	env.ctl.buckets = buckets;
	env.ctl.payload = payload;
	env.state.skb_size = ENV_SKB_SIZE;
	env.state.base = ENV_BASE;
	env.memory = aligned_alloc(SKBEXT_LINE,
				   (env_bytes() + SKBEXT_LINE - 1) / SKBEXT_LINE * SKBEXT_LINE);
	if (!env.memory)
		abort();
	memset(env.memory, 0, env_bytes());
	for (__u32 i = 0; i < env_slots(); i++) {
		struct skbext_object *obj = skbext_object(i);

		obj->link = 0;
		memset(obj->payload, 0xee, payload);	/* no payload is zero by luck */
		*(__u64 *)(obj->payload + payload) = ENV_CANARY + i;
	}
}

/* Before anything is added. As in the maps, which begin as zeroes, nr is 0. */
static inline void env_count_refs(int type, __u32 offset, __u32 size)
{
	env.state.refs = ENV_REFS;
	env.state.counted |= 1 << type;
	env.state.marked |= 1 << type;
	env.state.offset[type] = offset;
	for (__u32 i = 0; i < env_slots(); i++)
		*(__u32 *)(skbext_object(i)->payload + offset) = 0;
}

/* Before anything is added, too. */
static inline void env_limit(int type, __u32 max)
{
	env.ctl.limits = SKBEXT_LIMITED;
	env.ctl.types[type].max = env.state.left[type] = max;
	env.state.limited |= 1 << type;
	env.state.marked |= 1 << type;
}

static inline void env_close(void)
{
	free(env.memory);
	env.memory = NULL;
}

/*
 * Programs do the common case of an operation inline and call for the rest; user space always
 * calls. Both ways must do the same: the tests take them in turn.
 */
static inline int env_inline(void)
{
	static _Thread_local __u32 turn;

	return ++turn * 0x9e3779b9U >> 31;
}

static inline char *env_payload(__u32 object)
{
	return (char *)skbext_object(object)->payload;
}

static inline int env_number(const void *in_object)
{
	size_t at = (const char *)in_object - env.memory, bucket;

	if (!in_object)
		return -1;
	if (at < SKBEXT_AT_REST)
		return at / SKBEXT_FRONT_SIZE * SKBEXT_BUCKET_SLOTS;
	at -= SKBEXT_AT_REST;
	bucket = at / SKBEXT_REST_SIZE;
	at -= bucket * SKBEXT_REST_SIZE + SKBEXT_WORDS;
	return bucket * SKBEXT_BUCKET_SLOTS + at / SKBEXT_OBJECT_SIZE + 1;
}

/* Adds that failed, whoever wanted them. */
static inline __u64 env_failed(enum skbext_stat why)
{
	__u64 sum = 0;

	for (int type = 0; type < SKBEXT_MAX_TYPES; type++)
		sum += __atomic_load_n(&env.stats[why + type], __ATOMIC_RELAXED);
	return sum;
}

/* A counter, and what first slots have of it. */
static inline __u64 env_stat(enum skbext_stat stat)
{
	__u64 sum = __atomic_load_n(&env.stats[stat], __ATOMIC_RELAXED);

	for (__u32 n = 0; n < env.ctl.buckets; n++) {
		struct skbext_bucket *b = skbext_bucket(n);

		sum += stat == SKBEXT_STAT_ADDS ? __skbext_read(&b->adds) :
		       stat == SKBEXT_STAT_RELEASED ? __skbext_read(&b->releases) :
		       stat == SKBEXT_STAT_UDP_DROPPED ? __skbext_read(__skbext_udp_dropped(b, n)) :
		       stat == SKBEXT_STAT_DELS_EMPTIED ? __skbext_read(&b->dels) : 0;
	}
	return sum;
}

static inline int env_add(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	return env_inline() ? env_number(skbext_store_add(h, active, offset, size)) :
			      skbext_store_add_slow(h, active, offset, size);
}

static inline int env_find(__u64 h, __u64 active)
{
	return env_inline() ? env_number(skbext_store_find(h, active)) :
			      skbext_store_find_slow(h, active);
}

static inline int env_release(__u64 h)
{
	return env_inline() ? skbext_store_release(h, SKBEXT_STAT_RELEASED) :
			      skbext_store_release_slow(h, SKBEXT_STAT_RELEASED);
}

static inline int env_keep(__u64 h, __u64 types, enum skbext_stat stat)
{
	return env_inline() ? skbext_store_keep(h, types, stat) :
			      skbext_store_keep_slow(h, types, stat);
}

/* By who does not own the skb; no program runs, so that no grace period is to be waited for. */
static inline int env_take(__u64 h, __u64 active)
{
	int slot = skbext_store_take(h, active);

	if (slot >= 0)
		skbext_store_end_taken(slot, h);
	return slot >= 0 || slot == SKBEXT_DONE;
}

static inline int env_canaries_ok(void)
{
	for (__u32 i = 0; i < env_slots(); i++)
		if (*(__u64 *)(skbext_object(i)->payload + env.ctl.payload) != ENV_CANARY + i)
			return 0;
	return 1;
}

/*
 * The hash of skb n: pairs as the fclone cache makes them, the second skb of a pair 232 bytes
 * behind the first, which is all that slabs align.
 */
static inline __u64 env_skb(__u32 n)
{
	__u64 address = ENV_SLABS + (n / 2) * 512ULL + (n & 1 ? ENV_SKB_SIZE : 0);

	if (n / 2 % 3 == 1)
		address += 1ULL << 38;		/* another node's memory */
	return skbext_hash(address - ENV_BASE);
}

/* xorshift64*: the same sequence everywhere, for seeds that can be told to others. */
static inline __u64 env_random(__u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static inline __u32 env_below(__u64 *state, __u32 n)
{
	return (env_random(state) >> 32) * n >> 32;
}

#endif /* STORE_ENV_H */
