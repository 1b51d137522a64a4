// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext bench: operations of the store in ns, beside maps of the kernel. All run as BPF
 * programs (bpf/bench_store.bpf.c) on the same keys: addresses of sk_buffs that were in use at
 * one time, sampled from packets which nobody reads. So many as are live are those that followed
 * each other from the allocator, as the packets do that are under way at one time; they are used in
 * random order. Each round subtracts the time of its empty loop.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../bpf/bench.h"
#include "parts.h"
#include "bench_store.skel.h"

#define SAMPLES		65536
#define ABSENT		65536	/* keys that are never live before the operation */
#define FEW		64	/* a NAPI poll's worth */
#define MANY		1024	/* a large ring's */
/* More keys than sampled: the same in other slabs, far away, still apart from CLONE(). */
#define DISTANCE	((1ULL << 34) + 12345 * 8192)

static const struct impl {
	const char *name, *prefix;
	bool bounded;		/* forgets entries by design: not every find hits */
} impls[] = {
	{ "skbext", "ours", false },
	{ "HASH prealloc", "hash_prealloc", false },
	{ "HASH no prealloc", "hash_malloc", false },
	{ "LRU_HASH", "lru_hash", true },
	{ "LRU_PERCPU_HASH", "lru_percpu_hash", true },
	{ "RHASH", "rhash", false },
	{ "ARRAY, nothing searched", "lines", false },
	{ "sk_storage", "sk_storage", false },
	{ "task_storage", "task_storage", false },
};

static const struct op {
	const char *name, *suffix;
	bool absent;		/* keys that are not live */
	bool hits;		/* it must do what it is to do each time; false: never */
} ops[] = {
	{ "find hit", "find", false, true },
	{ "find miss", "find", true, false },
	{ "add + del", "add_del", true, true },
	/* The packet's first place is taken by another one. */
	{ "add + del beside", "add_del_beside", false, true },
	{ "add + release", "add_release", true, true },
	{ "share + release", "share_release", false, true },
	{ "cow", "cow", false, true },
};

#define NR_IMPLS	(sizeof(impls) / sizeof(impls[0]))
#define NR_OPS		(sizeof(ops) / sizeof(ops[0]))

struct store_bench {
	struct bench *b;
	struct skbext *sk;
	struct bench_store *skel;
	struct bench_run *runs;		/* one per CPU, shared with the programs */
	__u64 *keys;
	__u64 *allocated;		/* the same, as they came from the allocator */
	unsigned int live_max;
	int fd[NR_IMPLS][NR_OPS];	/* -1: it has no such operation */
	int fill[NR_IMPLS];
	int empty;
	bool has_rhash;
};

/* ---- keys */

static __u64 random_next(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

struct sampled {
	__u64 key;
	unsigned int nr;
};

static int compare_keys(const void *a, const void *b)
{
	const struct sampled *x = a, *y = b;

	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) :
				  (x->nr > y->nr) - (x->nr < y->nr);
}

static int compare_order(const void *a, const void *b)
{
	const struct sampled *x = a, *y = b;

	return (x->nr > y->nr) - (x->nr < y->nr);
}

/* In their order, each where it came first. Returns how many; 0: no memory. */
static unsigned int unique(__u64 *keys, unsigned int n)
{
	struct sampled *all = calloc(n, sizeof(*all));
	unsigned int kept = 0;

	for (unsigned int i = 0; all && i < n; i++)
		all[i] = (struct sampled){ keys[i], i };
	if (all)
		qsort(all, n, sizeof(*all), compare_keys);
	for (unsigned int i = 0; all && i < n; i++)
		if (!kept || all[i].key != all[kept - 1].key)
			all[kept++] = all[i];
	if (all)
		qsort(all, kept, sizeof(*all), compare_order);
	for (unsigned int i = 0; i < kept; i++)
		keys[i] = all[i].key;
	free(all);
	return kept;
}

/* Packets to a socket that nobody reads: all their sk_buffs are in use at once. */
static int sample(struct store_bench *s)
{
	char buf[36] = {};
	int pair[2], err = bench_udp_pair(pair, "127.0.0.1");

	s->skel->links.sample = bpf_program__attach(s->skel->progs.sample);
	if (err || !s->skel->links.sample)
		return bench_error("sample addresses", err ?: -errno);
	for (int i = 0; i < SAMPLES; i++)
		send(pair[0], buf, sizeof(buf), 0);
	bpf_link__destroy(s->skel->links.sample);
	s->skel->links.sample = NULL;
	close(pair[0]);
	close(pair[1]);
	return s->skel->bss->sampled < SAMPLES / 2 ?
	       cli_error("cannot run the bench: only %llu packets were seen of %d; is something dropping them?",
			 (unsigned long long)s->skel->bss->sampled, SAMPLES) : CLI_DONE;
}

static int make_keys(struct store_bench *s)
{
	unsigned int want = s->live_max + ABSENT, n;
	int ret = sample(s);

	s->allocated = calloc(want, sizeof(*s->allocated));
	if (ret || !s->allocated)
		return ret ?: bench_error("keep the keys", -ENOMEM);
	n = unique(s->keys, s->skel->bss->sampled);
	for (unsigned int have = n; n && have < want; have++)
		s->keys[have] = s->keys[have - n] + DISTANCE;
	n = n ? unique(s->keys, want) : 0;
	if (!n)
		return bench_error("keep the keys", -ENOMEM);
	if (n < want)
		return cli_error("cannot run the bench: sampled addresses overlap; the machine has too much memory for DISTANCE");
	memcpy(s->allocated, s->keys, want * sizeof(*s->keys));
	return CLI_DONE;
}

/* So many addresses each that followed each other, in random order. */
static void mix_some(struct store_bench *s, unsigned int from, unsigned int to, unsigned int each)
{
	__u64 state = 88172645463325252ULL;

	memcpy(s->keys + from, s->allocated + from, (to - from) * sizeof(*s->keys));
	for (; from < to; from += each) {
		for (unsigned int i = each - 1; i; i--) {
			__u64 *a = &s->keys[from + i];
			__u64 *b = &s->keys[from + random_next(&state) % (i + 1)], key = *a;

			*a = *b;
			*b = key;
		}
	}
}

/* Of those that are live, and of the others. */
static void mix_keys(struct store_bench *s, unsigned int live, unsigned int absent)
{
	mix_some(s, 0, s->live_max, live);
	mix_some(s, s->live_max, s->live_max + ABSENT, absent);
}

/* ---- programs */

/* -1: this kernel does not know it. */
static int rhash_type(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int type = -1, id = btf ? btf__find_by_name_kind(btf, "bpf_map_type", BTF_KIND_ENUM) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off),
			    "BPF_MAP_TYPE_RHASH"))
			type = btf_enum(t)[i].val;
	btf__free(btf);
	return type;
}

static void size_maps(struct store_bench *s)
{
	int rhash = rhash_type();
	struct bpf_map *room[] = {
		s->skel->maps.hash_prealloc, s->skel->maps.hash_malloc, s->skel->maps.lru_hash,
		s->skel->maps.lru_percpu_hash, s->skel->maps.rhash,
	};

	for (size_t i = 0; i < sizeof(room) / sizeof(room[0]); i++)
		bpf_map__set_max_entries(room[i], 2 * s->live_max);
	bpf_map__set_max_entries(s->skel->maps.keys, s->live_max + ABSENT);
	bpf_map__set_max_entries(s->skel->maps.lines, 2 * s->live_max);
	s->skel->rodata->nr_lines = 2 * s->live_max;
	s->has_rhash = rhash > 0 && !bpf_map__set_type(s->skel->maps.rhash, rhash);
}

static int prog_fd(struct store_bench *s, const char *prefix, const char *suffix)
{
	struct bpf_program *prog;
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", prefix, suffix);
	prog = bpf_object__find_program_by_name(s->skel->obj, name);
	if (!prog || (!strcmp(prefix, "rhash") && !s->has_rhash))
		return -1;
	return bpf_program__fd(prog);
}

/* The storage hangs on the object: there is no key. */
static bool is_storage(const char *prefix)
{
	return strstr(prefix, "_storage");
}

static int open_programs(struct store_bench *s)
{
	size_t size = (s->live_max + ABSENT) * sizeof(__u64);
	int err;

	/*
	 * The same room for all. Half of it stays free: LRU maps evict, and the store refuses a
	 * few, long before they are full.
	 */
	s->sk = bench_skbext(2 * s->live_max, sizeof(struct bench_note), false);
	s->skel = bench_store__open();
	if (!s->sk || !s->skel)
		return CLI_FAILED;
	s->skel->rodata->sampled_tgid = getpid();
	size_maps(s);
	if (skbext_bind(s->skel->obj, NULL))
		return cli_lib_error("run the bench: bind its programs");
	err = bench_store__load(s->skel) ?: s->skel->data_runs ? 0 : -EAGAIN;
	if (err)
		return bench_load_error(err);
	s->keys = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(s->skel->maps.keys), 0);
	if (s->keys == MAP_FAILED)
		return bench_error("map the keys", -errno);
	s->runs = s->skel->data_runs->runs;
	s->empty = bpf_program__fd(s->skel->progs.empty);
	for (size_t i = 0; i < NR_IMPLS; i++) {
		s->fill[i] = prog_fd(s, impls[i].prefix, "fill");
		for (size_t j = 0; j < NR_OPS; j++)
			s->fd[i][j] = prog_fd(s, impls[i].prefix, ops[j].suffix);
		if (is_storage(impls[i].prefix) || !strcmp(impls[i].prefix, "lines"))
			s->fd[i][1] = -1;	/* neither can miss */
	}
	return CLI_DONE;
}

static void close_programs(struct store_bench *s)
{
	if (s->keys && s->keys != MAP_FAILED)
		munmap(s->keys, (s->live_max + ABSENT) * sizeof(__u64));
	free(s->allocated);
	bench_store__destroy(s->skel);
	if (s->sk)
		skbext_unpin(NULL);
	skbext_close(s->sk);
}

/* ---- runs */

/* On this thread's CPU. ns of one operation, negative: it failed. */
static double run(struct store_bench *s, int fd, int cpu, struct bench_run args)
{
	static const char packet[64];
	LIBBPF_OPTS(bpf_test_run_opts, tc, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	LIBBPF_OPTS(bpf_test_run_opts, raw);
	struct bench_run *r = &s->runs[cpu];
	int err;

	*r = args;
	err = bpf_prog_test_run_opts(fd, fd == bpf_program__fd(s->skel->progs.task_storage_find) ?
				     &raw : &tc);
	return err || !r->ns ? -1 : (double)r->ns / r->count;
}

/*
 * The slab hands out again what came back last: no more addresses are in use than packets are under
 * way.
 */
static unsigned int absent_span(unsigned int live)
{
	return live < FEW ? FEW : live > ABSENT ? ABSENT : live;
}

static struct bench_run run_args(struct store_bench *s, const struct op *op, unsigned int live)
{
	struct bench_run args = { .span = live, .count = s->b->quick ? 1 << 16 : 1 << 18 };

	if (op->absent) {
		args.first = s->live_max;
		args.span = absent_span(live);
	}
	return args;
}

static int check_hits(size_t impl, size_t op, const struct bench_run *r)
{
	__u64 want = ops[op].hits ? r->count : 0;

	if (r->hits == want || (impls[impl].bounded && ops[op].hits))
		return CLI_DONE;
	return cli_error("cannot run the bench: %s of %s did %llu of %u operations, not %llu",
			 ops[op].name, impls[impl].name, (unsigned long long)r->hits, r->count,
			 (unsigned long long)want);
}

/*
 * RHASH refuses while it grows, which a worker does: again, then. LRU maps take everything
 * and forget some of it.
 */
static int fill_one(struct store_bench *s, size_t impl, struct bench_run args)
{
	int cpu = s->b->cpus[0];

	for (int tries = 0; tries < 200; tries++) {
		if (run(s, s->fill[impl], cpu, args) < 0)
			return bench_error(impls[impl].name, -errno);
		if (s->runs[cpu].hits == args.count || impls[impl].bounded)
			return CLI_DONE;
		usleep(10000);
	}
	return cli_error("cannot run the bench: %s took %llu of %u records", impls[impl].name,
			 (unsigned long long)s->runs[cpu].hits, args.count);
}

/* The live records double: from 0 to 1, to 2, to 4. */
static int fill(struct store_bench *s, unsigned int from, unsigned int to)
{
	mix_keys(s, 1, 1);
	for (size_t i = 0; i < NR_IMPLS; i++) {
		for (unsigned int n = from; s->fill[i] >= 0 && n < to; n = n ? 2 * n : 1) {
			struct bench_run args = { .first = n, .span = n ?: 1, .count = n ?: 1 };

			if (fill_one(s, i, args))
				return CLI_FAILED;
		}
	}
	return CLI_DONE;
}

/* times: how long it takes beside what skbext takes in the same round. */
struct figures {
	struct figure ns[NR_IMPLS][NR_OPS], times[NR_IMPLS][NR_OPS], empty;
};

static int one_round(struct store_bench *s, unsigned int live, unsigned int round,
		     struct figures *f)
{
	double took[NR_IMPLS][NR_OPS];
	int cpu = s->b->cpus[0];

	for (size_t k = 0; k < NR_IMPLS; k++) {
		size_t i = round % 2 ? NR_IMPLS - 1 - k : k;

		for (size_t j = 0; j < NR_OPS; j++) {
			struct bench_run args = run_args(s, &ops[j], live);
			double empty, ns;

			if (s->fd[i][j] < 0)
				continue;
			empty = run(s, s->empty, cpu, args);
			ns = run(s, s->fd[i][j], cpu, args);
			if (empty < 0 || ns < 0)
				return bench_error(impls[i].name, -errno);
			if (check_hits(i, j, &s->runs[cpu]))
				return CLI_FAILED;
			took[i][j] = ns - empty;
			figure_add(&f->ns[i][j], took[i][j]);
		}
	}
	/* Nothing can be said of a round in which the empty loop took longer than skbext. */
	for (size_t i = 0; i < NR_IMPLS; i++)
		for (size_t j = 0; j < NR_OPS; j++)
			if (s->fd[i][j] >= 0 && took[0][j] > 0)
				figure_add(&f->times[i][j], took[i][j] / took[0][j]);
	figure_add(&f->empty, run(s, s->empty, cpu, run_args(s, &ops[0], live)));
	return CLI_DONE;
}

static void report_one(struct store_bench *s, unsigned int live, size_t impl, size_t op,
		       struct figures *f)
{
	struct figure *ns = &f->ns[impl][op], *times = &f->times[impl][op];
	char cell[32];

	if (!ns->nr) {
		bench_say(s->b, "%17s", "-");
		return;
	}
	snprintf(cell, sizeof(cell), impl ? "%.1f (%.1fx)" : "%.1f", figure_median(ns),
		 figure_median(times));
	bench_say(s->b, "%17s", cell);
	json_array_append_new(json_object_get(s->b->out, "store"),
			      json_pack("{s:s, s:s, s:i, s:o, s:o}", "impl", impls[impl].name,
					"op", ops[op].name, "live", (int)live, "ns",
					figure_json(ns), "times", figure_json(times)));
}

static void report(struct store_bench *s, unsigned int live, struct figures *f)
{
	bench_say(s->b,
		  "\nstore, ns per operation above an empty loop of %.1f (times skbext's, round by round), %u live\n%-38s",
		  figure_median(&f->empty), live, "");
	json_array_append_new(json_object_get(s->b->out, "store"),
			      json_pack("{s:s, s:s, s:i, s:o}", "impl", "empty loop", "op", "key",
					"live", (int)live, "ns", figure_json(&f->empty)));
	for (size_t j = 0; j < NR_OPS; j++)
		bench_say(s->b, "%17s", ops[j].name);
	for (size_t i = 0; i < NR_IMPLS; i++) {
		bench_say(s->b, "\n  %-36s", impls[i].name);
		for (size_t j = 0; j < NR_OPS; j++)
			report_one(s, live, i, j, f);
	}
	bench_say(s->b, "\n");
}

static int measure(struct store_bench *s, unsigned int live)
{
	struct figures f = {};
	/* With few records a round is short, and much of it may be somebody else's interruption. */
	unsigned int rounds = live <= FEW ? 5 * s->b->rounds : s->b->rounds;

	mix_keys(s, live, absent_span(live));
	for (unsigned int round = 0; round < rounds; round++)
		if (one_round(s, live, round, &f))
			return CLI_FAILED;
	report(s, live, &f);
	return CLI_DONE;
}

/* ---- all CPUs at once, each with keys of its own */

struct worker {
	struct store_bench *s;
	pthread_barrier_t *start;
	struct bench_run args;
	int cpu, fd;
	double ns;
	int err;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	double empty;

	bench_pin_cpu(w->cpu);
	/* The others' loops slow down the empty one too, where CPUs share a core. */
	pthread_barrier_wait(w->start);
	empty = run(w->s, w->s->empty, w->cpu, w->args);
	pthread_barrier_wait(w->start);
	w->ns = run(w->s, w->fd, w->cpu, w->args);
	w->err = empty < 0 || w->ns < 0 ? -(errno ?: EIO) : 0;
	w->ns -= empty;
	return NULL;
}

/*
 * ns of one operation on each of these CPUs at once, which take keys of their own in turn, so many
 * each. 0 or a negative errno.
 */
static int on_cpus(struct store_bench *s, unsigned int first, unsigned int n, unsigned int keys,
		    int fd, bool absent, double *ns)
{
	struct worker w[n];
	pthread_t thread[n];
	pthread_barrier_t start;
	int err = 0;

	pthread_barrier_init(&start, NULL, n);
	for (unsigned int i = 0; i < n; i++) {
		w[i] = (struct worker){ s, &start,
					{ .first = absent ? s->live_max : 0, .span = keys,
					  .count = s->b->quick ? 1 << 17 : 1 << 20 },
					s->b->cpus[first + i], fd, 0, 0 };
		w[i].args.first += (first + i) * keys;
		if (pthread_create(&thread[i], NULL, work, &w[i]))
			abort();	/* the others wait at the barrier for ever */
	}
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		ns[first + i] = w[i].ns;
		err = err ?: w[i].err;
	}
	pthread_barrier_destroy(&start);
	return err;
}

/* Throughput: of each CPU beside the others, in times of what it does alone with its keys. */
static int scale(struct store_bench *s, unsigned int keys, size_t impl, size_t op)
{
	struct figure one = {}, all = {}, times = {};
	double median;
	unsigned int n = s->b->nr_cpus < ABSENT / MANY ? s->b->nr_cpus : ABSENT / MANY;

	if (s->fd[impl][op] < 0)
		return CLI_DONE;
	for (unsigned int round = 0; round < s->b->rounds; round++) {
		double alone[n], beside[n], sum_alone = 0, sum_beside = 0, sum = 0;
		int err = 0;

		for (unsigned int i = 0; i < n; i++)
			err = err ?: on_cpus(s, i, 1, keys, s->fd[impl][op], ops[op].absent, alone);
		err = err ?: on_cpus(s, 0, n, keys, s->fd[impl][op], ops[op].absent, beside);
		if (err)
			return bench_error(impls[impl].name, err);
		for (unsigned int i = 0; i < n; i++) {
			sum_alone += alone[i];
			sum_beside += beside[i];
			sum += alone[i] / beside[i];
		}
		figure_add(&one, sum_alone / n);
		figure_add(&all, sum_beside / n);
		figure_add(&times, sum);
	}
	median = figure_median(&times);
	bench_say(s->b, "  %-24s%-16s%10.1f%10.1f%10.2f (%.2f to %.2f)\n", impls[impl].name,
		  ops[op].name, figure_median(&one), figure_median(&all), median, times.v[0],
		  times.v[times.nr - 1]);
	json_array_append_new(json_object_get(s->b->out, "scaling"),
			      json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o}", "impl",
					impls[impl].name, "op", ops[op].name, "cpus", (int)n,
					"keys", (int)keys, "ns_one", figure_json(&one), "ns_all",
					figure_json(&all), "throughput", figure_json(&times)));
	return CLI_DONE;
}

static int scale_all(struct store_bench *s, unsigned int keys)
{
	mix_keys(s, keys, keys);
	bench_say(s->b,
		  "\nstore, %u addresses a CPU in turn, ns on one CPU and on %u at once, throughput in times of one CPU\n",
		  keys, s->b->nr_cpus);
	for (size_t i = 0; i < NR_IMPLS; i++)
		for (size_t j = 0; j < 3; j++)
			if (!is_storage(impls[i].prefix) && scale(s, keys, i, j))
				return CLI_FAILED;
	return CLI_DONE;
}

/*
 * Capacity follows what is live, as it would in use: one run up to the default, one for a
 * million.
 */
static int run_capacity(struct bench *b, const unsigned int *live, unsigned int nr)
{
	struct store_bench s = { .b = b, .live_max = live[nr - 1] };
	unsigned int filled = 0;
	int ret = open_programs(&s) ?: make_keys(&s);

	for (unsigned int i = 0; !ret && i < nr; i++) {
		ret = fill(&s, filled, live[i]) ?: measure(&s, live[i]);
		filled = live[i];
		if (!ret && live[i] == 4096)
			ret = scale_all(&s, FEW) ?: scale_all(&s, MANY);
	}
	close_programs(&s);
	return ret;
}

int bench_store(struct bench *b)
{
	static const unsigned int usual[] = { 1, 64, 4096, 65536 }, million[] = { 1 << 20 };
	int ret;

	json_object_set_new(b->out, "store", json_array());
	json_object_set_new(b->out, "scaling", json_array());
	bench_pin_cpu(b->cpus[0]);
	ret = run_capacity(b, usual, 4);
	return ret ?: b->quick ? ret : run_capacity(b, million, 1);
}
