// SPDX-License-Identifier: GPL-2.0-only
/*
 * skbext bench: operations of the store, and the same with what the kernel has. Each program
 * runs one operation many times (BPF_PROG_RUN) and takes the time itself; the empty loop is
 * subtracted by user space.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "bench.h"

SKBEXT_TYPE(bench_note, struct bench_note);

/* Addresses of sk_buffs, sampled from traffic, in random order. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} keys SEC(".maps");

struct bench_run runs[BENCH_MAX_CPUS] SEC(".data.runs");

static __always_inline struct bench_run *my_run(void)
{
	return &runs[bpf_get_smp_processor_id() & (BENCH_MAX_CPUS - 1)];
}

static __always_inline __u64 key_at(const struct bench_run *run, __u32 i)
{
	__u32 n = run->first + (i & (run->span - 1));
	__u64 *key = bpf_map_lookup_elem(&keys, &n);

	return key ? *key : 0;
}

/* body: an expression with `key`, true if it did what it should. */
#define BENCH(section, name, body)								\
	static long name##_once(__u32 i, void *unused)						\
	{											\
		struct bench_run *run = my_run();						\
		__u64 key = key_at(run, i);							\
												\
		run->hits += (body);								\
		return 0;									\
	}											\
	SEC(section) int name(void *ctx)							\
	{											\
		struct bench_run *run = my_run();						\
		__u64 start = bpf_ktime_get_ns();						\
												\
		bpf_loop(run->count, name##_once, NULL, 0);					\
		run->ns = bpf_ktime_get_ns() - start;						\
		return 0;									\
	}

BENCH("tc", empty, key != 0)

/*
 * ---- ours: what skbext_add() and the others come to, of an address instead of the program's own
 * skb. The buckets' address, which is in a register when a program needs it, cannot be subtracted
 * from a number. As much work is any other constant.
 */

static __always_inline __u64 hash(__u64 key)
{
	asm volatile("%0 -= 4224" : "+r"(key));
	return skbext_hash(key);
}

static __always_inline bool store_add(__u64 key)
{
	struct bench_note *n = __skbext_add_hash(hash(key), __SKBEXT_TYPE(bench_note), sizeof(*n));

	if (!n)
		return false;
	n->stamp = n->id = key;
	return true;
}

static __always_inline bool store_find(__u64 key)
{
	const struct bench_note *n = __skbext_find_hash(hash(key), __SKBEXT_TYPE(bench_note));

	return n && n->id == key;
}

/* As the lifecycle programs do it. */
static __always_inline bool store_release(__u64 key)
{
	return skbext_store_release(hash(key), SKBEXT_STAT_RELEASED);
}

/*
 * A clone's address, from another slab: no other key's, these are all 8-byte aligned and far less
 * than 2^40 apart.
 */
#define CLONE(key) ((key) ^ (1ULL << 40 | 1 << 20))

/* As far away, and at home in the same bucket: homes repeat after less than that. */
#define TWIN(key) ((key) + (1ULL << 36))

static __always_inline bool store_share(__u64 key)
{
	return skbext_store_share(hash(CLONE(key)), hash(key)) == 1;
}

BENCH("tc", ours_fill, store_add(key))
BENCH("tc", ours_find, store_find(key))
BENCH("tc", ours_add_del,
      store_add(key) && skbext_store_del(hash(key), __SKBEXT_TYPE(bench_note)->active))
BENCH("tc", ours_add_del_beside, store_add(TWIN(key)) &&
      skbext_store_del(hash(TWIN(key)), __SKBEXT_TYPE(bench_note)->active))
BENCH("tc", ours_add_release, store_add(key) && store_release(key))
BENCH("tc", ours_share_release, store_share(key) && store_release(CLONE(key)))
BENCH("tc", ours_cow, store_share(key) && store_add(CLONE(key)) && store_release(CLONE(key)))

/* ---- rivals */

#define RIVAL(name, map_type, flags)								\
	struct {										\
		__uint(type, map_type);								\
		__uint(map_flags, flags);							\
		__uint(max_entries, 1);								\
		__type(key, __u64);								\
		__type(value, struct bench_note);						\
	} name SEC(".maps");									\
	static __always_inline bool name##_add(__u64 key)					\
	{											\
		struct bench_note n = { key, key };						\
												\
		return !bpf_map_update_elem(&name, &key, &n, BPF_ANY);				\
	}											\
	static __always_inline bool name##_look(__u64 key)					\
	{											\
		struct bench_note *n = bpf_map_lookup_elem(&name, &key);			\
												\
		return n && n->id == key;							\
	}											\
	/* A clone hook can only copy the payload from a map. */				\
	static __always_inline bool name##_copy(__u64 to, __u64 from)				\
	{											\
		struct bench_note copy, *n = bpf_map_lookup_elem(&name, &from);			\
												\
		if (!n)										\
			return false;								\
		copy = *n;									\
		return !bpf_map_update_elem(&name, &to, &copy, BPF_ANY);			\
	}											\
	static __always_inline bool name##_del(__u64 key)					\
	{											\
		return !bpf_map_delete_elem(&name, &key);					\
	}											\
	BENCH("tc", name##_fill, name##_add(key))						\
	BENCH("tc", name##_find, name##_look(key))						\
	BENCH("tc", name##_add_del, name##_add(key) && name##_del(key))				\
	BENCH("tc", name##_share_release, name##_copy(CLONE(key), key) && name##_del(CLONE(key)))

RIVAL(hash_prealloc, BPF_MAP_TYPE_HASH, 0)
RIVAL(hash_malloc, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC)
RIVAL(lru_hash, BPF_MAP_TYPE_LRU_HASH, 0)
RIVAL(lru_percpu_hash, BPF_MAP_TYPE_LRU_PERCPU_HASH, 0)
/* User space gives it its type, where the kernel has it. */
RIVAL(rhash, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC)

/*
 * ---- nothing to search: the number of a key's cache line follows from the key. What the memory
 * itself takes, so the least for any store that finds by address.
 */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_line);
} lines SEC(".maps");

const volatile __u32 nr_lines = 1;

static __always_inline bool lines_look(__u64 key)
{
	__u32 n = key >> SKBEXT_SKB_SHIFT & (nr_lines - 1);
	struct bench_line *line = bpf_map_lookup_elem(&lines, &n);

	return line && !line->id;
}

BENCH("tc", lines_find, lines_look(key))

/*
 * ---- the kernel's own local storage: what a pointer in the object costs, which an sk_buff
 * does not have
 */

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bench_note);
} of_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bench_note);
} of_tasks SEC(".maps");

static long sk_storage_find_once(__u32 i, void *ctx)
{
	struct bench_run *run = my_run();
	struct bpf_sock *sk = (*(struct __sk_buff **)ctx)->sk;
	struct bench_note *n = sk ? bpf_sk_storage_get(&of_sockets, sk, NULL, 0) : NULL;

	if (n && key_at(run, i)) {
		run->sum += n->id;
		run->hits++;
	}
	return 0;
}

SEC("tc")
int sk_storage_find(struct __sk_buff *skb)
{
	struct bench_run *run = my_run();
	struct bpf_sock *sk = skb->sk;
	__u64 start;

	if (!sk || !bpf_sk_storage_get(&of_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE))
		return 0;
	start = bpf_ktime_get_ns();
	bpf_loop(run->count, sk_storage_find_once, &skb, 0);
	run->ns = bpf_ktime_get_ns() - start;
	return 0;
}

static long task_storage_find_once(__u32 i, void *unused)
{
	struct bench_run *run = my_run();
	struct bench_note *n = bpf_task_storage_get(&of_tasks, bpf_get_current_task_btf(), NULL, 0);

	if (n && key_at(run, i)) {
		run->sum += n->id;
		run->hits++;
	}
	return 0;
}

SEC("raw_tp/sys_enter")
int task_storage_find(void *ctx)
{
	struct bench_run *run = my_run();
	__u64 start;

	if (!bpf_task_storage_get(&of_tasks, bpf_get_current_task_btf(), NULL,
				  BPF_LOCAL_STORAGE_GET_F_CREATE))
		return 0;
	start = bpf_ktime_get_ns();
	bpf_loop(run->count, task_storage_find_once, NULL, 0);
	run->ns = bpf_ktime_get_ns() - start;
	return 0;
}

/* ---- addresses: of the packets that this process sends */

const volatile __u32 sampled_tgid;
__u64 sampled;

SEC("tp_btf/net_dev_queue")
int sample(__u64 *ctx)
{
	__u32 n = sampled;
	__u64 *key;

	if (bpf_get_current_pid_tgid() >> 32 != sampled_tgid)
		return 0;
	key = bpf_map_lookup_elem(&keys, &n);
	if (key) {
		*key = ctx[0];
		sampled++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
