// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The store as seen from user space, through mmap: records, counters, and its end.
 * Reads with the store's own source.
 */
#include "cpus.h"
#include "internal.h"

/* store.h works on one store; a thread looks at one at a time. */
static _Thread_local struct skbext *here;

#define SKBEXT_FN	static inline __attribute__((unused))
#define SKBEXT_BUCKETS	(here->ctl->buckets)
#define SKBEXT_ROOM	(here->ctl->payload)
#define SKBEXT_SLOTS	(here->slots + SKBEXT_GAP)
#define SKBEXT_STATE	(here->state)

static inline __u64 *skbext_counter(__u32 n)
{
	return n < here->ctl->refs * SKBEXT_MAX_TYPES ? &here->counters[n] : NULL;
}

static inline void skbext_count(__u32 stat)
{
}

/* Needs the kernel's counters: left to programs. */
static inline void skbext_look(void)
{
}

static inline void skbext_verify(void)
{
}

#include <skbext/store.h>

static __u32 nr_slots(const struct skbext *sk)
{
	return sk->ctl->buckets * SKBEXT_BUCKET_SLOTS;
}

/* Left by a missed release, or its packet has lost it with one: no program finds it. */
static bool is_older(__u64 link)
{
	return (link ^ __skbext_stamp()) >> 32;
}

/* Counts of the records that had this slot, where each slot has its own counters. */
static __u64 turn_of(__u32 slot)
{
	__u32 n = slot / SKBEXT_BUCKET_SLOTS;
	struct skbext_bucket *b = skbext_bucket(n);

	if (slot % SKBEXT_BUCKET_SLOTS)
		return 0;
	return __skbext_read(&b->adds) + __skbext_read(&b->releases) + __skbext_read(&b->dels) +
	       __skbext_read(__skbext_udp_dropped(b, n));
}

/*
 * Records end while they are read: what was copied counts only if the word, all of it,
 * is still the same after that.
 */
static bool read_record(struct skbext *sk, __u32 slot, struct skbext_record *rec)
{
	static _Thread_local __u64 payload[SKBEXT_MAX_PAYLOAD / 8];
	__u64 word = __skbext_read(__skbext_word(slot));

	if (!(word >> SKBEXT_W_META_BITS) || !(word & SKBEXT_W_ACTIVE))
		return false;
	if (is_older(__skbext_read(__skbext_link(slot))))
		return false;
	rec->skb = skbext_address(word, sk->state->base);
	rec->active = word & SKBEXT_W_ACTIVE;
	rec->object = __skbext_object_of(slot, word);
	if (rec->object >= nr_slots(sk))
		return false;
	rec->turn = turn_of(slot);
	rec->refs = 1 + (__skbext_read(__skbext_link(rec->object)) & SKBEXT_L_LOW);
	rec->shared = rec->refs > 1;
	memcpy(payload, skbext_object(rec->object)->payload, sk->ctl->payload);
	rec->payload = payload;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __skbext_read(__skbext_word(slot)) == word;
}

int skbext_for_each(struct skbext *sk, int (*fn)(const struct skbext_record *rec, void *arg),
		    void *arg)
{
	struct skbext_record rec;
	int ret = 0;

	for (__u32 slot = 0; !ret && slot < nr_slots(sk); slot++) {
		here = sk;	/* fn may look at another one */
		if (read_record(sk, slot, &rec))
			ret = fn(&rec, arg);
	}
	return ret;
}

static void count_slots(struct skbext *sk, struct skbext_stats *st)
{
	here = sk;
	st->capacity = nr_slots(sk);
	for (__u32 slot = 0; slot < nr_slots(sk); slot++) {
		__u64 word = __skbext_read(__skbext_word(slot));

		st->orphans += word == SKBEXT_W_ORPHAN;
		if (!(word >> SKBEXT_W_META_BITS) || !(word & SKBEXT_W_ACTIVE))
			continue;
		st->live++;
		for (int type = 0; type < SKBEXT_MAX_TYPES; type++)
			st->type_live[type] += word >> type & 1;
		st->untrusted += is_older(__skbext_read(__skbext_link(slot)));
	}
}

/* Counts by the owners of first slots. */
static void sum_buckets(struct skbext *sk, __u64 *sum)
{
	here = sk;
	for (__u32 n = 0; n < sk->ctl->buckets; n++) {
		struct skbext_bucket *b = skbext_bucket(n);

		sum[SKBEXT_STAT_ADDS] += __skbext_read(&b->adds);
		sum[SKBEXT_STAT_RELEASED] += __skbext_read(&b->releases);
		sum[SKBEXT_STAT_UDP_DROPPED] += __skbext_read(__skbext_udp_dropped(b, n));
		sum[SKBEXT_STAT_DELS_EMPTIED] += __skbext_read(&b->dels);
	}
}

static __u64 sum_refs(const struct skbext *sk)
{
	__u64 sum = 0;

	for (__u32 n = 0; n < sk->ctl->refs * SKBEXT_MAX_TYPES; n++)
		sum += __skbext_read(&sk->counters[n]);
	return sum;
}

int skbext_refs(struct skbext *sk, const char *type, __u32 id, __u64 *held)
{
	int t = need_loaded(sk) ?: skbext_type_find(sk, type);

	if (t < 0)
		return t;
	if (!(sk->ctl->types[t].flags & SKBEXT_F_COUNTED) || id >= sk->ctl->refs)
		return fail(-EINVAL,
			    "type %s has no counter %u; types with SKBEXT_F_COUNTED have %u",
			    type, id, sk->ctl->refs);
	here = sk;
	*held = __skbext_read(__skbext_counter(t, id));
	return 0;
}

static int sum_cpus(struct skbext *sk, __u64 *sum)
{
	struct skbext_watch w;
	int cpus = cpu_numbers();

	if (cpus < 0)
		return cpus;
	for (int cpu = 0; cpu < cpus; cpu++) {
		if (bpf_map_lookup_elem(sk->map[MAP_WATCH], &cpu, &w))
			return fail(-errno, "reading counters: %s", why_bpf(-errno));
		for (int i = 0; i < SKBEXT_STAT_NR; i++)
			sum[i] += w.stats.v[i];
	}
	return 0;
}

#define TAKE(NAME, field, help)	st.field = sum[SKBEXT_STAT_##NAME];
#define LEAVE(...)

int skbext_stats(struct skbext *sk, struct skbext_stats *stats)
{
	__u64 sum[SKBEXT_STAT_NR] = {};
	struct skbext_stats st = { .sz = stats->sz };
	__u64 missed[SKBEXT_ROLE_WATCH + 1] = {};
	int err;

	if (sk->pinned)
		hooks_look(sk);
	err = sum_cpus(sk, sum) ?: hooks_seen(sk);
	if (err)
		return err;
	hooks_missed(sk, missed);
	sum_buckets(sk, sum);
	count_slots(sk, &st);
	SKBEXT_STATS(TAKE, LEAVE, LEAVE)
	st.dels += st.dels_emptied;
	st.purged_stale += st.purged;
	for (int i = SKBEXT_STAT_SCRUBBED; i <= SKBEXT_STAT_PURGED; i++)
		st.releases += sum[i];
	for (int type = 0; type < SKBEXT_MAX_TYPES; type++) {
		st.type_add_failed[type] = sum[SKBEXT_STAT_ADD_FAILED + type];
		st.type_add_limited[type] = sum[SKBEXT_STAT_ADD_LIMITED + type];
		st.add_failed += st.type_add_failed[type];
		st.add_limited += st.type_add_limited[type];
	}
	for (int role = 0; role <= SKBEXT_ROLE_WATCH; role++)
		st.missed_hooks += missed[role];
	st.missed_releases = missed[SKBEXT_ROLE_RELEASE] + missed[SKBEXT_ROLE_PURGE];
	st.missed_shares = missed[SKBEXT_ROLE_SHARE];
	st.missed_policies = missed[SKBEXT_ROLE_POLICY];
	st.distrusts = sk->state->watch >> 32;
	st.refs = sum_refs(sk);
	memcpy(stats, &st, stats->sz < sizeof(st) ? stats->sz : sizeof(st));
	return 0;
}

static void take_all_slots(struct skbext *sk)
{
	here = sk;
	for (__u32 slot = 0; slot < nr_slots(sk); slot++)
		__skbext_write(__skbext_word(slot), SKBEXT_W_ORPHAN);
}

/*
 * Bound programs keep the maps when the hooks go, and nothing would end the records that they add
 * then. So every slot is taken for good: they find nothing and add nothing, at no cost. Twice, for
 * those that were in the middle of an operation.
 */
void store_kill(struct skbext *sk)
{
	take_all_slots(sk);
	grace();
	take_all_slots(sk);
	memset(sk->counters, 0, sk->ctl->refs * SKBEXT_MAX_TYPES * sizeof(*sk->counters));
}
