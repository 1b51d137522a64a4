/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The store as it should look from outside, in the simplest way there is: every skb has its own
 * copy of its payloads, a clone included. Copy-on-write must not be told from that.
 *
 * Beside the copy, a family: the skbs that share one object until one of them adds. From it follow
 * the references and the COWs that the store must count, and those that counted types hold: they
 * are the object's.
 */
#ifndef STORE_MODEL_H
#define STORE_MODEL_H

#include "store_check.h"

#define MODEL_TYPES	8
#define MODEL_ROOM	128

static const struct {
	__u32 offset, size;
} model_type[MODEL_TYPES] = {
	{ 0, 1 }, { 8, 8 }, { 16, 13 }, { 32, 16 }, { 48, 24 }, { 72, 40 }, { 112, 2 }, { 120, 7 },
};

/* Types that may be counted, and how many references their payloads have room for. */
#define MODEL_COUNTED	0x28
#define MODEL_REFS	9
static const __u32 model_refs[MODEL_TYPES] = { [3] = 3, [5] = MODEL_REFS };

struct model_family {
	int members;
	int object;		/* what the store said at the add that founded it */
	struct {
		__u32 nr, id[MODEL_REFS];
	} refs[MODEL_TYPES];	/* of counted types, active or not */
};

struct model_skb {
	__u64 h;
	__u8 active;		/* 0: no record */
	struct model_family *family;
	char bytes[MODEL_ROOM];
};

static struct {
	struct model_skb *skb;
	__u32 skbs;
	__u64 stats[SKBEXT_STAT_NR];
	__u64 counters[MODEL_TYPES * ENV_REFS];
} model;

static inline void model_open(__u32 skbs)
{
	memset(model.stats, 0, sizeof(model.stats));
	memset(model.counters, 0, sizeof(model.counters));
	model.skbs = skbs;
	model.skb = calloc(skbs, sizeof(*model.skb));
	if (!model.skb)
		abort();
	for (__u32 i = 0; i < skbs; i++)
		model.skb[i].h = env_skb(i);
}

/* Of its max of this type there are as many. */
static inline bool model_maxed(int type)
{
	__u32 records = 0;

	if (!(env.state.limited & 1 << type))
		return false;
	for (__u32 i = 0; i < model.skbs; i++)
		records += model.skb[i].active >> type & 1;
	return records == env.ctl.types[type].max;
}

static inline void model_count(const struct model_family *f, int type, int by)
{
	for (__u32 i = 0; i < f->refs[type].nr; i++)
		model.counters[type * ENV_REFS + f->refs[type].id[i]] += by;
}

static inline void model_put_refs(struct model_family *f, int type)
{
	model_count(f, type, -1);
	f->refs[type].nr = 0;
}

static inline void model_leave(struct model_skb *m)
{
	if (!--m->family->members) {
		for (int type = 0; type < MODEL_TYPES; type++)
			model_put_refs(m->family, type);
		free(m->family);
	}
	m->family = NULL;
}

static inline void model_found(struct model_skb *m, int object)
{
	m->family = calloc(1, sizeof(*m->family));
	if (!m->family)
		abort();
	m->family->members = 1;
	m->family->object = object;
}

static inline void model_end(struct model_skb *m)
{
	m->active = 0;
	model_leave(m);
}

/* The writer's own object: it has, and counts, the references of what is active for the writer. */
static inline void model_cow(struct model_skb *m, int object)
{
	struct model_family *old = m->family;

	model.stats[SKBEXT_STAT_COW]++;
	model_found(m, object);
	for (int type = 0; type < MODEL_TYPES; type++) {
		if (!(m->active & 1 << type))
			continue;
		m->family->refs[type] = old->refs[type];
		model_count(m->family, type, 1);
	}
	old->members--;		/* others are left */
}

/* What is not active and nobody else holds. */
static inline void model_put_inactive(struct model_skb *m)
{
	for (int type = 0; type < MODEL_TYPES; type++)
		if (!(m->active & 1 << type) && m->family->members == 1)
			model_put_refs(m->family, type);
}

/* Types that their owner takes. */
static inline void model_clear(struct model_skb *m, __u8 types)
{
	bool some = m->active & types;

	m->active &= ~types;
	if (some)
		model_put_inactive(m);
}

/* The store granted a reference, as the last of this payload. */
static inline void model_ref(struct model_skb *m, int type, __u32 id)
{
	__u32 nr = m->family->refs[type].nr++,
	      *bytes = (void *)(m->bytes + model_type[type].offset);

	m->family->refs[type].id[nr] = bytes[1 + nr] = id;
	bytes[0] = nr + 1;
	model.counters[type * ENV_REFS + id]++;
}

/* An add that the store granted with this object. */
static inline void model_add(struct model_skb *m, int type, int object)
{
	if (!m->active) {
		model.stats[SKBEXT_STAT_ADDS]++;
		model_found(m, object);
	} else {
		model.stats[SKBEXT_STAT_ADDS_MORE]++;
		if (m->family->members > 1)
			model_cow(m, object);
		model_put_inactive(m);
	}
	if (!(m->active & 1 << type))
		memset(m->bytes + model_type[type].offset, 0, model_type[type].size);
	m->active |= 1 << type;
}

static inline void model_release(struct model_skb *m, enum skbext_stat stat)
{
	if (!m->active)
		return;
	model.stats[stat]++;
	model_end(m);
}

static inline void model_share(struct model_skb *to, const struct model_skb *from, __u8 types)
{
	model.stats[SKBEXT_STAT_SHARES]++;
	to->active = types;
	to->family = from->family;
	to->family->members++;
	memcpy(to->bytes, from->bytes, sizeof(to->bytes));
}

static inline void model_close(void)
{
	for (__u32 i = 0; i < model.skbs; i++)
		if (model.skb[i].active)
			model_end(&model.skb[i]);
	free(model.skb);
}

static inline bool model_check_type(const struct model_skb *m, int type)
{
	int object = env_find(m->h, 1 << type);

	if (!(m->active & 1 << type))
		return ASSERT_EQ(object, -1, "find of what is not active");
	if (!ASSERT_EQ(object, m->family->object, "object found"))
		return false;
	return ASSERT_TRUE(!memcmp(env_payload(object) + model_type[type].offset,
				   m->bytes + model_type[type].offset, model_type[type].size),
			   "payload is that of the model");
}

static inline bool model_check_references(const struct model_skb *m)
{
	int slot = skbext_store_slot(m->h);
	__u64 word;

	if (!ASSERT_GE(slot, 0, "slot of a live record"))
		return false;
	word = *__skbext_word(slot);
	if (!(word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE)))
		return ASSERT_EQ(m->family->members, 1, "family of a record that is not shared");
	return ASSERT_EQ(1 + (*__skbext_link(m->family->object) & SKBEXT_L_LOW), m->family->members,
			 "references to the object");
}

static inline bool model_check(const struct model_skb *m)
{
	if (!ASSERT_EQ(skbext_store_active(m->h), m->active, "active_extensions"))
		return false;
	for (int type = 0; type < MODEL_TYPES; type++)
		if (!model_check_type(m, type))
			return false;
	if (m->active)
		return ASSERT_TRUE(!skbext_store_absent(m->h), "a live record is not absent") &&
		       model_check_references(m);
	return ASSERT_EQ(skbext_store_slot(m->h), -1, "slot of what has no record");
}

static inline bool model_check_counters(void)
{
	for (int n = 0; n < MODEL_TYPES * ENV_REFS; n++)
		if (!ASSERT_EQ(env.counters[n], model.counters[n], "references counted"))
			return false;
	return true;
}

static inline bool model_check_all(void)
{
	__u32 live = 0;

	for (__u32 i = 0; i < model.skbs; i++) {
		live += model.skb[i].active != 0;
		if (!model_check(&model.skb[i]))
			return false;
	}
	for (int i = 0; i < SKBEXT_STAT_NR; i++)
		if (env_stat(i) != model.stats[i])
			return TEST_FAIL("stat %d is %llu, not %llu", i, env_stat(i),
					 model.stats[i]);
	return ASSERT_EQ(check_live(), live, "records in the table") && check_table();
}

#endif /* STORE_MODEL_H */
