// SPDX-License-Identifier: GPL-2.0-only
/*
 * The native oracle's third part: what our hooks did not do because the kernel did not run them.
 *
 * A program that is already running on a CPU is skipped there (bpf_prog_enter: prog->active), and
 * prog->stats->misses counts that. Then a clone lacks its record, or a record outlives its packet:
 * known, and no fault of what is compared. Only that is excused: at each function that such a hook
 * is at, these programs run before the hook and after the function, and do in its place what it did
 * not do, if the kernel's counter for this very hook has moved in between. A share or release that
 * failed for any other reason stays as it is, and the comparison finds it.
 *
 * Loaded last, so they run first at both ends. They can be skipped too, hence three of each: see
 * oracle_mirror.bpf.c.
 */
#include "oracle_types.bpf.h"

const volatile __u32 hook_program[ORACLE_FOLLOWED];	/* ids */

struct oracle_skips skips SEC(".data.skips");

/* ---- the kernel's counters */

/*
 * Per-CPU data lies at the same distance on all CPUs, whatever it is; a variable of the kernel's
 * shows the distance.
 */
extern const struct rq runqueues __ksym;

static long learn_cpu(__u32 cpu, struct bpf_prog_stats **stats)
{
	const struct rq *there = bpf_per_cpu_ptr(&runqueues, cpu);
	__u64 distance, n = cpu;

	if (!there || cpu >= ORACLE_CPUS)
		return 1;
	asm volatile("%0 = %1; %0 -= %2" : "=&r"(distance) : "r"(there), "r"(&runqueues));
	/* The compiler knows that it is small, the verifier wants to see it. */
	asm volatile("" : "+r"(n));
	for (int i = 0; i < ORACLE_FOLLOWED; i++)
		if (stats[i])
			skips.misses[i][n & (ORACLE_CPUS - 1)] = (__u64)stats[i] + distance +
					       bpf_core_field_offset(struct bpf_prog_stats, misses);
	return 0;
}

/* All programs of the machine pass here, once. */
SEC("iter/bpf_prog")
int learn(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog_stats *stats[ORACLE_FOLLOWED] = {};
	struct bpf_prog *prog = ctx->prog;
	__u32 id = prog ? prog->aux->id : 0;
	bool ours = false;

	for (int i = 0; id && i < ORACLE_FOLLOWED; i++) {
		if (id != hook_program[i])
			continue;
		stats[i] = BPF_CORE_READ(prog, stats);
		ours = true;
	}
	if (ours)
		bpf_loop(ORACLE_CPUS, learn_cpu, stats, 0);
	return 0;
}

static __noinline __u64 misses_of(__u32 which)
{
	__u64 sum = 0;

	for (int cpu = 0; cpu < ORACLE_CPUS; cpu++) {
		__u64 n = 0, at = skips.misses[which & (ORACLE_FOLLOWED - 1)][cpu];

		if (at)
			bpf_probe_read_kernel(&n, sizeof(n), (void *)at);
		sum += n;
	}
	return sum;
}

/* ---- from before the hook until after the function */

struct window {
	__u64 h;	/* the skb whose record is to change; 0: closed */
	__u64 misses;
};

/*
 * A few are open at a time: that two want the same place is as good as excluded, and would show as
 * a difference.
 */
#define WINDOWS (1 << 16)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WINDOWS);
	__type(key, __u32);
	__type(value, struct window);
} windows SEC(".maps");

static __always_inline struct window *window_of(__u64 h)
{
	__u32 n = h * SKBEXT_MIX >> 48;	/* sk_buffs are apart in their low bits alone */

	return bpf_map_lookup_elem(&windows, &n);
}

static __always_inline void open_window(__u64 h, __u32 which)
{
	struct window *w = window_of(h);

	if (!w)
		return;
	w->h = h;
	w->misses = misses_of(which);
}

/* Was this hook skipped since? */
static __always_inline bool close_window(__u64 h, __u32 which)
{
	struct window *w = window_of(h);

	if (!w || w->h != h)
		return false;
	w->h = 0;
	return misses_of(which) != w->misses;
}

static __always_inline bool now_and_then(__u64 every)
{
	return every && !(__sync_fetch_and_add(&skips.turn, 1) % every);
}

/* ---- shares */

static __always_inline bool concerned(const struct sk_buff *to, const struct sk_buff *from)
{
	return !skbext_store_absent(__skbext_hash_of(from)) ||
	       !skbext_store_absent(__skbext_hash_of(to));
}

static __always_inline
int before_share(const struct sk_buff *to, const struct sk_buff *from, __u32 which)
{
	if (!concerned(to, from))
		return 0;
	renew(from);
	open_window(__skbext_hash_of(to), which);
	return 0;
}

static __always_inline
int after_share(const struct sk_buff *to, const struct sk_buff *from, __u32 which)
{
	__u64 h = __skbext_hash_of(to);
	int again = 0;
	bool missed;

	if (!concerned(to, from))
		return 0;
	missed = close_window(h, which);
	if (now_and_then(skips.lose))
		skbext_reset(to);
	if (now_and_then(skips.invent))
		add(to, skips.invented);
	/*
	 * A release may have been skipped meanwhile, on any CPU: then this was not shared. Another
	 * one may be while that is made up for.
	 */
	while (again < 4 && renew(from)) {
		skbext_copy(to, from);
		again++;
	}
	if (again || !missed ||
	    skbext_store_active(h) == skbext_store_active(__skbext_hash_of(from)))
		return 0;
	skbext_copy(to, from);
	__sync_fetch_and_add(&skips.skipped[which], 1);
	return 0;
}

/* ---- the release */

static __always_inline int before_release(const struct sk_buff *skb)
{
	if (!skbext_store_absent(__skbext_hash_of(skb)))
		open_window(__skbext_hash_of(skb), ORACLE_RELEASE);
	return 0;
}

static __always_inline int after_release(const struct sk_buff *skb)
{
	__u64 h = __skbext_hash_of(skb);
	bool missed = close_window(h, ORACLE_RELEASE);

	if (!missed || skbext_store_slot(h) < 0)
		return 0;
	skbext_reset(skb);
	__sync_fetch_and_add(&skips.skipped[ORACLE_RELEASE], 1);
	return 0;
}

#define SKB(n) ((struct sk_buff *)ctx[n])

#define THRICE(section, name, call)							\
	SEC(section) int name##_1(__u64 *ctx) { return call; }				\
	SEC(section) int name##_2(__u64 *ctx) { return call; }				\
	SEC(section) int name##_3(__u64 *ctx) { return call; }

#define FOLLOW(function, which, before, after)						\
	THRICE("?fentry/" #function, before_##which, before)				\
	THRICE("?fexit/" #function, after_##which, after)

#define FOLLOW_SHARE(function, which)							\
	FOLLOW(function, which, before_share(SKB(0), SKB(1), which),			\
	       after_share(SKB(0), SKB(1), which))

FOLLOW_SHARE(__copy_skb_header, ORACLE_COPY_HEADER)
FOLLOW_SHARE(ip_copy_metadata, ORACLE_IP_METADATA)
FOLLOW_SHARE(ip6_copy_metadata, ORACLE_IP6_METADATA)
FOLLOW(skb_release_head_state, ORACLE_RELEASE, before_release(SKB(0)), after_release(SKB(0)))

char LICENSE[] SEC("license") = "GPL";
