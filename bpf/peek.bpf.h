/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet carries in another skbext than the one this object is bound to, read by address and
 * without a change to it. Only for whoever has the packet at this moment, as for skbext_find().
 *
 * As skbext_store_active() and skbext_store_find_slow(), with memory that is none of this object's:
 * each read is a bpf_probe_read_kernel(), which fails where the other skbext has been unloaded.
 */
#ifndef PEEK_BPF_H
#define PEEK_BPF_H

/* Set by user space before load. ctl: of the struct skbext_ctl; 0: there is no other skbext. */
const volatile __u64 other_ctl;
const volatile __u32 other_buckets, other_payload, other_last_home, other_cpus;

/* The other one's, in the place of this one, which is then read only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct skbext_watch);
} other_watches SEC(".maps");

struct peeked {
	__u64 payload;		/* address of the object's payloads */
	__u8 active;		/* 0: it carries nothing */
};

static __always_inline __u64 peek_at(__u64 address)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline __u64 peek_front(__u64 fronts, __u32 n)
{
	return fronts + n * SKBEXT_FRONT((__u64)other_payload);
}

static __always_inline __u64 peek_word_at(__u64 fronts, __u32 n, __u32 i)
{
	if (!i)
		return peek_front(fronts, n) + offsetof(struct skbext_bucket, first);
	return fronts + SKBEXT_REST_AT((__u64)other_payload, other_buckets) +
	       n * SKBEXT_REST((__u64)other_payload) + i * sizeof(__u64);
}

static __always_inline __u64 peek_object_at(__u64 fronts, __u32 slot)
{
	__u32 n = slot / SKBEXT_BUCKET_SLOTS, i = slot % SKBEXT_BUCKET_SLOTS;

	if (!i)
		return peek_front(fronts, n) + offsetof(struct skbext_bucket, object);
	return fronts + SKBEXT_OBJECTS_AT((__u64)other_payload, other_buckets) +
	       n * SKBEXT_REST((__u64)other_payload) + i * SKBEXT_OBJECT((__u64)other_payload);
}

/* Which slot of bucket n has this hash; SKBEXT_BUCKET_SLOTS: none. A call: verified once. */
SKBEXT_FN int peek_in(__u64 fronts, __u32 n, __u64 h)
{
	int i;

	for (i = 0; i < SKBEXT_BUCKET_SLOTS; i++)
		if (__skbext_match(peek_at(peek_word_at(fronts, n, i)), h))
			break;
	return i;
}

SKBEXT_FN int peek_slot(__u64 fronts, __u64 h)
{
	__u32 n = h >> (SKBEXT_KEY_SHIFT + SKBEXT_SKB_SHIFT) & other_last_home;
	__u64 front = peek_front(fronts, n);
	__u64 head = peek_at(front + offsetof(struct skbext_bucket, head));
	__u64 farthest = head >> SKBEXT_H_FAR_SHIFT;

	if (!head && !peek_at(front + offsetof(struct skbext_bucket, first)))
		return -1;
	for (__u32 probe = 0; probe < SKBEXT_PROBES && probe <= farthest; probe++) {
		int i = peek_in(fronts, n, h);

		if (i < SKBEXT_BUCKET_SLOTS)
			return n * SKBEXT_BUCKET_SLOTS + i;
		n = skbext_next_of(other_buckets, n, h, probe);
	}
	return -1;
}

static __always_inline __u32 peek_missed_of(const struct skbext_watched *set)
{
	__u64 seen[SKBEXT_TIMES], sum[SKBEXT_TIMES] = {};

	if (!__skbext_read(&set->active[0][0]))
		return 0;
	__skbext_each_time
	for (int t = 0; t < SKBEXT_TIMES; t++)
		seen[t] = __skbext_read(&set->seen[t]);
	return !!__skbext_moved(set, seen, sum);
}

static long peek_missed(__u32 cpu, __u32 *missed)
{
	const struct skbext_watch *w = bpf_map_lookup_elem(&other_watches, &cpu);

	if (!w)
		return 1;
	if (__skbext_read(&w->opened) == __skbext_read(&w->closed))
		return 0;
	for (int i = 0; i < SKBEXT_SETS; i++)
		*missed |= peek_missed_of(&w->set[i]);
	return 0;
}

/* As skbext_store_distrusts(), without moving the generation. */
SKBEXT_FN int peek_trusts(__u64 fronts, __u64 link)
{
	__u64 watch = peek_at(fronts - SKBEXT_GAP + offsetof(struct skbext_state, watch));
	__u32 missed = 0;

	if ((watch ^ link) >> 32 || watch & SKBEXT_WATCH_DEAD)
		return 0;
	if (watch & SKBEXT_WATCH_OPEN)
		bpf_loop(other_cpus, peek_missed, &missed, 0);
	return !missed;
}

static __always_inline void peek(__u64 skb, struct peeked *p)
{
	__u64 fronts = other_ctl ? peek_at(other_ctl + offsetof(struct skbext_ctl, base)) : 0;
	__u64 h = skbext_hash(skb - fronts), word, link;
	int slot = fronts ? peek_slot(fronts, h) : -1;

	if (slot < 0)
		return;
	word = peek_at(peek_word_at(fronts, slot / SKBEXT_BUCKET_SLOTS, slot % SKBEXT_BUCKET_SLOTS));
	link = peek_at(peek_object_at(fronts, slot) + offsetof(struct skbext_object, link));
	if (!__skbext_match(word, h) || !peek_trusts(fronts, link))
		return;
	p->active = word & SKBEXT_W_ACTIVE;
	p->payload = peek_object_at(fronts, word & SKBEXT_W_REMOTE ? link & SKBEXT_L_LOW : slot) +
		     offsetof(struct skbext_object, payload);
}

#endif /* PEEK_BPF_H */
