/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must hold of a store at rest, recounted from its words: who holds which object, who lives
 * away from home, and that the counters add up.
 */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store_env.h"
#include "test.h"

/* Probes from home to the bucket, the first time it is passed; SKBEXT_PROBES: never. */
static inline int check_distance(__u64 h, __u32 bucket)
{
	__u32 n = __skbext_home(h);
	int probe = 0;

	while (probe < SKBEXT_PROBES && n != bucket) {
		n = skbext_store_next(n, h, probe);
		probe++;
	}
	return probe;
}

/* The only good reason for a failed claim. */
static inline bool check_no_room(__u64 h)
{
	__u32 n = __skbext_home(h);

	for (int probe = 0; probe < SKBEXT_PROBES; probe++) {
		for (int i = 0; i < SKBEXT_BUCKET_SLOTS; i++)
			if (!*__skbext_word(n * SKBEXT_BUCKET_SLOTS + i))
				return false;
		n = skbext_store_next(n, h, probe);
	}
	return true;
}

/*
 * The heads, recounted. Too low, and a record is overlooked: the worst that can happen. Too high or
 * too far, and packets are slowed down for good.
 */
static inline bool check_heads(void)
{
	__u64 *expect = calloc(env.ctl.buckets, sizeof(*expect));
	bool ok = ASSERT_OK_PTR(expect, "memory");

	for (__u32 slot = 0; ok && slot < env_slots(); slot++) {
		__u64 h = *__skbext_word(slot) >> SKBEXT_W_META_BITS << SKBEXT_W_META_BITS;
		int distance = h ? check_distance(h, slot / SKBEXT_BUCKET_SLOTS) : 0;
		__u64 *head = &expect[h ? __skbext_home(h) : 0], far = *head >> SKBEXT_H_FAR_SHIFT;

		ok = ASSERT_TRUE(distance < SKBEXT_PROBES, "record is on its probe sequence");
		if (h && (distance || slot % SKBEXT_BUCKET_SLOTS))
			*head += distance ? SKBEXT_H_AWAY + 1 : 1;
		if (distance > (int)far)
			*head += (distance - far) << SKBEXT_H_FAR_SHIFT;
	}
	for (__u32 n = 0; ok && n < env.ctl.buckets; n++) {
		__u64 head = skbext_bucket(n)->head;

		ok = ASSERT_EQ(head & SKBEXT_H_COUNTS, expect[n] & SKBEXT_H_COUNTS,
			       "head, recounted") &&
		     ASSERT_GE(head >> SKBEXT_H_FAR_SHIFT, expect[n] >> SKBEXT_H_FAR_SHIFT,
			       "way to the farthest") &&
		     ASSERT_TRUE(head >= SKBEXT_H_AWAY || !(head >> SKBEXT_H_FAR_SHIFT),
				 "no way to nobody");
	}
	free(expect);
	return ok;
}

/* One slot: its state is one of those in store.h, and its object has as many holders as it says. */
static inline bool check_slot(__u32 slot, __u32 holders)
{
	__u64 word = *__skbext_word(slot), refs = 1 + (*__skbext_link(slot) & SKBEXT_L_LOW);

	if (!word)
		return ASSERT_EQ(holders, 0, "holders of a free slot's object");
	if (!(word >> SKBEXT_W_META_BITS))
		return ASSERT_EQ(word, SKBEXT_W_ORPHAN, "word of an orphan") &&
		       ASSERT_NE(holders, 0, "holders of an orphan") &&
		       ASSERT_EQ(refs, holders, "references to an orphan, recounted");
	if (!ASSERT_TRUE(word & (SKBEXT_W_ACTIVE | SKBEXT_W_SHARED | SKBEXT_W_REMOTE),
			 "empty record"))
		return false;
	if (word & SKBEXT_W_SHARED)
		return ASSERT_EQ(word & SKBEXT_W_REMOTE, 0, "shared and remote") &&
		       ASSERT_EQ(refs, holders, "references to a shared object, recounted");
	return ASSERT_EQ(holders, 0, "holders of an object that is not shared") &&
	       (word & SKBEXT_W_REMOTE ||
		ASSERT_EQ(refs, 1, "references of a record that is not shared"));
}

static inline bool check_holders(void)
{
	__u32 *holders = calloc(env_slots(), sizeof(*holders));
	bool ok = ASSERT_OK_PTR(holders, "memory");

	for (__u32 slot = 0; ok && slot < env_slots(); slot++) {
		__u64 word = *__skbext_word(slot);
		__u64 home = *__skbext_link(slot) & SKBEXT_L_LOW;

		if (word & SKBEXT_W_REMOTE) {
			ok = ASSERT_TRUE(home < env_slots() && home != slot, "a remote's home");
			if (ok)
				holders[home]++;
		} else if (word & SKBEXT_W_SHARED) {
			holders[slot]++;
		}
	}
	for (__u32 slot = 0; ok && slot < env_slots(); slot++)
		ok = check_slot(slot, holders[slot]);
	free(holders);
	return ok;
}

/* References recounted, object by object; none in an object that nobody uses. */
static inline bool check_refs(void)
{
	__u64 held[SKBEXT_MAX_TYPES * ENV_REFS] = {};

	for (__u32 slot = 0; slot < env_slots(); slot++) {
		__u64 word = *__skbext_word(slot);
		bool used = word && !(word & SKBEXT_W_REMOTE);
		bool looked_at = word & SKBEXT_W_SHARED || word == SKBEXT_W_ORPHAN;

		for (int t = 0; t < SKBEXT_MAX_TYPES; t++) {
			const __u32 *refs = (void *)(env_payload(slot) + env.state.offset[t]);

			if (!(env.state.counted & 1 << t))
				continue;
			if (!used || !looked_at) {
				if (!ASSERT_EQ(refs[0], 0, "references that nobody gives back"))
					return false;
				continue;
			}
			for (__u32 i = 0; i < refs[0]; i++)
				held[t * ENV_REFS + refs[1 + i] % ENV_REFS]++;
		}
	}
	for (int n = 0; n < SKBEXT_MAX_TYPES * ENV_REFS; n++)
		if (!ASSERT_EQ(env.counters[n], held[n], "counter of references, recounted"))
			return false;
	return true;
}

/* Types that have a max: the records that there are and those that there still may be are so many. */
static inline bool check_limits(void)
{
	for (int type = 0; type < SKBEXT_MAX_TYPES; type++) {
		__u64 records = 0;

		if (!(env.state.limited & 1 << type))
			continue;
		for (__u32 slot = 0; slot < env_slots(); slot++) {
			__u64 word = *__skbext_word(slot);

			if (!(word >> SKBEXT_W_META_BITS) || !(word & 1 << type))
				continue;
			records++;
			if (!ASSERT_TRUE(word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE),
					 "mark of a type with a max"))
				return false;
		}
		if (!ASSERT_EQ(records + env.state.left[type], env.ctl.types[type].max,
			       "records of a type, recounted, and places left"))
			return false;
	}
	return true;
}

static inline __u32 check_live(void)
{
	__u32 live = 0;

	for (__u32 slot = 0; slot < env_slots(); slot++)
		live += *__skbext_word(slot) >> SKBEXT_W_META_BITS != 0;
	return live;
}

static inline bool check_balance(void)
{
	__u64 ended = 0;

	for (int i = SKBEXT_STAT_RELEASED; i <= SKBEXT_STAT_PURGED; i++)
		ended += env_stat(i);
	return ASSERT_EQ(env_stat(SKBEXT_STAT_ADDS) + env_stat(SKBEXT_STAT_SHARES),
			 ended + env_stat(SKBEXT_STAT_DELS_EMPTIED) +
			 check_live(), "adds + shares = releases + dels_emptied + live");
}

static inline bool check_table(void)
{
	return check_heads() && check_holders() && check_balance() && check_refs() &&
	       check_limits() &&
	       ASSERT_TRUE(env_canaries_ok(), "nobody wrote past an object");
}

/* Everything was released: not a slot, not a count may be left. */
static inline bool check_empty(void)
{
	for (__u32 slot = 0; slot < env_slots(); slot++)
		if (!ASSERT_EQ(*__skbext_word(slot), 0, "word after all were released"))
			return false;
	for (__u32 n = 0; n < env.ctl.buckets; n++)
		if (!ASSERT_EQ(skbext_bucket(n)->head, 0, "head after all were released"))
			return false;
	return check_table();
}

#endif /* STORE_CHECK_H */
