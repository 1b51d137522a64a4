/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random operations on the store and on the model, compared after each of them. The load goes up
 * and down, so that tables are full for a while, then drain: failed adds and displaced records
 * are as frequent as their opposite.
 */
#ifndef STORE_RANDOM_H
#define STORE_RANDOM_H

#include "store_model.h"

#define RANDOM_SNAPSHOT_SLOTS	128	/* larger tables: too slow to compare whole, for each add */

static struct {
	__u64 state;
	int phase;			/* 0 fill, 1 drain */
	char *memory;			/* as it was before the operation */
} rnd;

static inline void random_snapshot(void)
{
	if (env_slots() > RANDOM_SNAPSHOT_SLOTS)
		return;
	memcpy(rnd.memory, env.memory, env_bytes());
}

static inline bool random_unchanged(void)
{
	if (env_slots() > RANDOM_SNAPSHOT_SLOTS)
		return true;
	return ASSERT_TRUE(!memcmp(rnd.memory, env.memory, env_bytes()),
			   "failed add: words and payloads");
}

static inline struct model_skb *random_skb(void)
{
	return &model.skb[env_below(&rnd.state, model.skbs)];
}

static inline bool random_add_failed(struct model_skb *m, int type, bool maxed)
{
	int slot = skbext_store_slot(m->h);

	model.stats[(maxed ? SKBEXT_STAT_ADD_LIMITED : SKBEXT_STAT_ADD_FAILED) + type]++;
	if (maxed)
		return random_unchanged();
	if (!ASSERT_TRUE(check_no_room(m->h), "an add fails only if there is no room") ||
	    !random_unchanged())
		return false;
	if (!m->active)
		return true;
	return ASSERT_TRUE(m->family->members > 1, "a record that is not shared needs no room") &&
	       ASSERT_EQ(*__skbext_word(slot) & SKBEXT_W_REMOTE, 0, "a clone needs no room");
}

/* A reference, or none if all places are taken; also one to nothing that is counted. */
static inline bool random_ref(struct model_skb *m, int type)
{
	__u32 id = env_below(&rnd.state, ENV_REFS), nr = m->family->refs[type].nr;
	int place = skbext_store_ref(m->h, type, model_refs[type], id);

	if (nr == model_refs[type])
		return ASSERT_EQ(place, -1, "reference too many");
	model_ref(m, type, id);
	return ASSERT_EQ(place, nr, "place of a reference") &&
	       ASSERT_EQ(skbext_store_ref(m->h, type, model_refs[type], ENV_REFS), -1,
			 "reference to nothing");
}

static inline bool random_add(struct model_skb *m)
{
	int type = env_below(&rnd.state, MODEL_TYPES), object;
	__u32 offset = model_type[type].offset, size = model_type[type].size;
	bool maxed = !(m->active & 1 << type) && model_maxed(type);
	char *payload;

	random_snapshot();
	object = env_add(m->h, 1 << type, offset, size);
	if (object < 0)
		return random_add_failed(m, type, maxed);
	if (!ASSERT_TRUE(!maxed, "an add beyond the max fails"))
		return false;
	model_add(m, type, object);
	payload = env_payload(object) + offset;
	if (!ASSERT_TRUE(!memcmp(payload, m->bytes + offset, size), "payload at add: old or zero"))
		return false;
	if (env.state.counted & 1 << type)
		return random_ref(m, type);
	for (__u32 i = 0; i < size; i++)
		payload[i] = m->bytes[offset + i] = env_random(&rnd.state) >> 56;
	return true;
}

static inline bool random_share(struct model_skb *to, struct model_skb *from)
{
	__u8 types = from->active & ~env.state.noclone, may = types;
	int ret;

	if (to == from)
		return true;
	model_release(to, SKBEXT_STAT_REPLACED);
	for (int type = 0; type < MODEL_TYPES; type++)
		may &= ~(model_maxed(type) << type);
	ret = skbext_store_share(to->h, from->h);
	if (!types)
		return ASSERT_EQ(ret, 0, "share of nothing");
	model.stats[SKBEXT_STAT_SHARE_LIMITED] += may != types;
	if (!may)
		return ASSERT_EQ(ret, -1, "share of types that have their max");
	if (ret < 0) {
		model.stats[SKBEXT_STAT_SHARE_FAILED]++;
		return ASSERT_TRUE(check_no_room(to->h), "a share fails only if there is no room");
	}
	model_share(to, from, may);
	return ASSERT_EQ(ret, 1, "share") && model_check(from);
}

static inline bool random_del(struct model_skb *m)
{
	int type = env_below(&rnd.state, MODEL_TYPES);
	bool active = m->active & 1 << type, owner = env_below(&rnd.state, 4);

	if (!ASSERT_EQ(owner ? skbext_store_del(m->h, 1 << type) :
		       env_take(m->h, 1 << type), active, "del"))
		return false;
	if (!active)
		return true;
	if (owner)
		model_clear(m, 1 << type);
	m->active &= ~(1 << type);
	model.stats[m->active ? SKBEXT_STAT_DELS : SKBEXT_STAT_DELS_EMPTIED]++;
	if (!m->active)
		model_leave(m);
	return true;
}

static inline bool random_release(struct model_skb *m)
{
	bool active = m->active;

	model_release(m, SKBEXT_STAT_RELEASED);
	return ASSERT_EQ(env_release(m->h), active, "records released");
}

static inline bool random_keep(struct model_skb *m)
{
	__u8 mask = env_random(&rnd.state) >> 56 & env_random(&rnd.state) >> 56;
	bool ends = m->active && !(m->active & mask);
	enum skbext_stat stat = mask & 1 ? SKBEXT_STAT_SCRUBBED : SKBEXT_STAT_UDP_DROPPED;

	if (ends)
		model_release(m, stat);
	else if (m->active)
		model_clear(m, ~mask);
	return ASSERT_EQ(env_keep(m->h, mask, stat), ends, "keep");
}

static inline bool random_step(void)
{
	static const int upto[2][5] = {		/* in percent: add, share, del, keep, release */
		{ 50, 88, 92, 94, 100 },
		{ 18, 30, 52, 57, 100 },
	};
	struct model_skb *m = random_skb();
	int dice = env_below(&rnd.state, 100), op = 0;
	bool ok;

	while (dice >= upto[rnd.phase][op])
		op++;
	switch (op) {
	case 0:
		ok = random_add(m);
		break;
	case 1:
		ok = random_share(m, random_skb());
		break;
	case 2:
		ok = random_del(m);
		break;
	case 3:
		ok = random_keep(m);
		break;
	default:
		ok = random_release(m);
	}
	return ok && model_check(m) && model_check_counters();
}

/* The rare states must not be rare: a table this small that never refused tests nothing. */
static inline void random_was_worth_it(__u32 ops, bool small)
{
	ASSERT_NE(env_stat(SKBEXT_STAT_COW), 0, "copies made");
	if (!small)
		return;
	ASSERT_GE(env_stat(SKBEXT_STAT_COW), ops / 250, "copies made");
	ASSERT_GE(env_stat(SKBEXT_STAT_REPLACED), ops / 250, "shares into a live skb");
	ASSERT_GE(env_stat(SKBEXT_STAT_DELS_EMPTIED), ops / 2500, "records ended by del");
	ASSERT_GE(env_failed(SKBEXT_STAT_ADD_FAILED), ops / 250, "failed adds");
	ASSERT_GE(env_stat(SKBEXT_STAT_SHARE_FAILED), ops / 250, "failed shares");
	if (!env.state.limited)
		return;
	ASSERT_GE(env_failed(SKBEXT_STAT_ADD_LIMITED), ops / 250, "adds beyond a max");
	ASSERT_GE(env_stat(SKBEXT_STAT_SHARE_LIMITED), ops / 250, "shares beyond a max");
}

static inline bool random_release_all(void)
{
	for (__u32 i = 0; i < model.skbs; i++)
		if (!random_release(&model.skb[i]))
			return false;
	return check_empty();
}

static inline bool random_steps(__u32 ops, __u32 phase_len, __u32 every)
{
	for (__u32 i = 0; i < ops; i++) {
		if (i % phase_len == 0)
			rnd.phase = i && env_below(&rnd.state, 2);
		if (i % (phase_len * 16) == 0)
			env.state.noclone = env_random(&rnd.state) & env_random(&rnd.state) & 0xff;
		if (!random_step() || (i % every == 0 && !model_check_all()))
			return TEST_FAIL("operation %u", i);
	}
	return model_check_all() && random_release_all();
}

static inline void random_run(__u32 buckets, __u32 ops, __u64 seed, __u8 counted, __u8 limited)
{
	bool small = buckets * SKBEXT_BUCKET_SLOTS <= RANDOM_SNAPSHOT_SLOTS;

	env_open(buckets, MODEL_ROOM);
	for (int type = 0; type < MODEL_TYPES; type++)
		if (counted & 1 << type)
			env_count_refs(type, model_type[type].offset, model_type[type].size);
	for (int type = 0; type < MODEL_TYPES; type++)
		if (limited & 1 << type)
			env_limit(type, env_slots() / 4);
	model_open(env_slots() * 2);
	rnd.state = seed | 1;
	rnd.memory = malloc(env_bytes());
	if (!rnd.memory)
		abort();
	if (random_steps(ops, small ? env_slots() * 8 : ops / 4 + 1,
			 small ? buckets * 4 : env_slots() * 4))
		random_was_worth_it(ops, small);
	if (test_failures)
		fprintf(stderr, "    %u buckets; SEED=%llu OPS=%u repeats it\n", buckets, seed,
			ops);
	free(rnd.memory);
	model_close();
	env_close();
}

#endif /* STORE_RANDOM_H */
