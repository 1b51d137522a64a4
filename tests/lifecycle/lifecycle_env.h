/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loading skbext and the programs of progs/lifecycle_tag.bpf.c and lifecycle_birth.bpf.c, two
 * namespaces to send in, what the programs saw, and what must hold of it whatever was sent.
 *
 * SKBEXT_TEST_MODE=tracepoint asks for that mode on a kernel that can do better.
 */
#ifndef LIFECYCLE_ENV_H
#define LIFECYCLE_ENV_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <skbext/skbext.h>
#include "lifecycle_types.h"
#include "test.h"
#include "traffic.h"

#define QUIET_SECONDS	20
#define BPFFS		"/sys/fs/bpf/lifecycle"

static struct {
	struct skbext *sk;
	__u32 capacity;		/* set before up() */
	bool exact;
	struct traffic_net net;
	struct bpf_object *tag, *birth;
	struct lifecycle_knobs knobs;
	bool soak;		/* what is sent is dropped here and there: not all arrive */
} env;

/*
 * Loading is most of the time in an emulated machine:
 * once for all cases, and each looks at what it added.
 */
struct numbers {
	struct lifecycle_counts counts;
	struct lifecycle_births births;
	struct skbext_stats stats;
	__u64 skipped;		/* runs of the test's own programs */
	__u64 missed_shares;	/* of missed_hooks */
	__u64 missed_releases;
	__u64 retransmitted;	/* TCP segments */
};

static struct numbers base, total, now;		/* before the case, after it, and the difference */

/* ---- setting up */

static inline const char *object_path(const char *name)
{
	static char path[512];
	const char *dir = getenv("SKBEXT_TEST_OBJS");
	char self[384];
	ssize_t n;

	if (!dir) {
		n = readlink("/proc/self/exe", self, sizeof(self) - 1);
		self[n < 0 ? 0 : n] = 0;
		if (strrchr(self, '/'))
			*strrchr(self, '/') = 0;
		dir = self;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* BTF also knows functions that the compiler left no symbol of. */
static inline bool kernel_has(const char *function)
{
	libbpf_print_fn_t print;
	char line[512], name[256];
	bool found = false;
	FILE *f;
	int id;

	print = libbpf_set_print(NULL);		/* "not found" is an answer */
	id = libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FENTRY);
	libbpf_set_print(print);
	if (id <= 0)
		return false;
	f = fopen("/proc/kallsyms", "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", name) == 1 && !strcmp(name, function);
	if (f)
		fclose(f);
	return found;
}

/* Programs marked "?" are for the exact mode, those of them whose function exists. */
static inline void choose_programs(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		const char *function = strchr(bpf_program__section_name(prog), '/');

		if (!bpf_program__autoload(prog) && env.exact && function)
			bpf_program__set_autoload(prog, kernel_has(function + 1));
	}
}

static inline struct bpf_object *load_object(const char *name)
{
	struct bpf_object *obj = bpf_object__open_file(object_path(name), NULL);

	if (!ASSERT_OK_PTR(obj, name))
		return NULL;
	choose_programs(obj);
	if (!ASSERT_OK(skbext_bind(obj, BPFFS), skbext_errmsg()) ||
	    !ASSERT_OK(bpf_object__load(obj), name)) {
		bpf_object__close(obj);
		return NULL;
	}
	return obj;
}

static struct bpf_link *links[32];
static int nr_links;

static inline bool attach_tracing(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		if (!bpf_program__autoload(prog) ||
		    bpf_program__type(prog) != BPF_PROG_TYPE_TRACING)
			continue;
		links[nr_links] = bpf_program__attach(prog);
		if (!ASSERT_OK_PTR(links[nr_links], bpf_program__name(prog)))
			return false;
		nr_links++;
	}
	return true;
}

static inline int tc_ingress(const char *dev)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(dev),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	opts.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(env.tag, "ingress"));
	return bpf_tc_hook_create(&hook) ?: bpf_tc_attach(&hook, &opts);
}

/* The filters end with the namespaces. */
static inline bool attach_tc(void)
{
	static const char *const dev[2][2] = { { "lo", "v0" }, { "v1", NULL } };
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	bool ok = true;

	for (int side = 0; side < 2; side++) {
		if (!ASSERT_OK(setns(env.net.ns[side], CLONE_NEWNET), "setns"))
			break;
		for (int i = 0; i < 2 && dev[side][i]; i++)
			ok &= ASSERT_OK(tc_ingress(dev[side][i]), dev[side][i]);
	}
	ok &= ASSERT_OK(setns(home, CLONE_NEWNET), "back home");
	close(home);
	return ok;
}

static inline int global_fd(struct bpf_object *obj, const char *section)
{
	return bpf_object__find_map_fd_by_name(obj, section);
}

static inline void tagging(bool on)
{
	__u32 zero = 0;

	env.knobs.tagging = on;
	ASSERT_OK(bpf_map_update_elem(global_fd(env.tag, ".data.knobs"), &zero, &env.knobs, 0),
		  "knobs");
}

/* How often the kernel did not run a program of ours because it was running on that CPU. */
static inline __u64 skipped_runs(struct bpf_object *obj)
{
	struct bpf_program *prog;
	__u64 skipped = 0;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			skipped += info.recursion_misses;
	}
	return skipped;
}

/* With PREEMPT_RT a hook has a second program, which does what the first was not run for. */
static inline __u64 missed_by_both(const struct skbext_hook *first)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	size_t len = strlen(first->name);

	for (unsigned int n = 0; !skbext_hook(env.sk, n, &hook); n++)
		if (!strncmp(hook.name, first->name, len) && !strcmp(hook.name + len, "-2") &&
		    hook.missed < first->missed)
			return hook.missed;
	return first->missed;
}

static inline __u64 missed_of(enum skbext_role role)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	__u64 missed = 0;

	for (unsigned int n = 0; !skbext_hook(env.sk, n, &hook); n++)
		if (hook.role == role && !strstr(hook.name, "-2"))
			missed += missed_by_both(&hook);
	return missed;
}

/*
 * RetransSegs of the namespace that this thread is in (net/ipv4/proc.c:
 * the names in one line, the values in the next).
 */
static inline __u64 retransmitted_here(void)
{
	FILE *f = fopen("/proc/thread-self/net/snmp", "re");
	char line[512];
	__u64 n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tcp: %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static inline __u64 retransmitted(void)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	__u64 n = 0;

	for (int side = 0; side < 2; side++)
		if (ASSERT_OK(setns(env.net.ns[side], CLONE_NEWNET), "setns"))
			n += retransmitted_here();
	ASSERT_OK(setns(home, CLONE_NEWNET), "back home");
	close(home);
	return n;
}

static inline void read_numbers(void)
{
	const __u64 *before = (const __u64 *)&base, *after = (const __u64 *)&total;
	__u64 *diff = (__u64 *)&now;
	__u32 zero = 0;

	total.stats.sz = sizeof(total.stats);
	ASSERT_OK(skbext_stats(env.sk, &total.stats), "skbext_stats");
	ASSERT_OK(bpf_map_lookup_elem(global_fd(env.tag, ".data.counts"), &zero, &total.counts),
		  "counts");
	if (env.birth)
		ASSERT_OK(bpf_map_lookup_elem(global_fd(env.birth, ".data.births"), &zero,
					      &total.births),
			  "births");
	total.skipped = skipped_runs(env.tag);
	total.missed_shares = missed_of(SKBEXT_ROLE_SHARE);
	total.missed_releases = missed_of(SKBEXT_ROLE_RELEASE);
	total.retransmitted = retransmitted();
	for (size_t i = 0; i < sizeof(now) / sizeof(*diff); i++)
		diff[i] = after[i] - before[i];
}

static inline void begin_case(void)
{
	read_numbers();
	base = total;
}

static inline bool load_skbext(void)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .bpffs_dir = BPFFS };
	struct skbext_status status = { .sz = sizeof(status) };
	const char *mode = getenv("SKBEXT_TEST_MODE");
	int err;

	opts.capacity = env.capacity ?: 16384;
	if (mode && !strcmp(mode, "tracepoint"))
		opts.mode = SKBEXT_MODE_TRACEPOINT;
	env.sk = skbext_open(&opts);
	if (!ASSERT_OK_PTR(env.sk, skbext_errmsg()))
		return false;
	err = skbext_load(env.sk) ?: skbext_attach(env.sk);
	if (err == -EOPNOTSUPP)
		snprintf(test_skip_why, sizeof(test_skip_why), "%s", skbext_errmsg());
	if (err == -EOPNOTSUPP || !ASSERT_OK(err, skbext_errmsg()) ||
	    !ASSERT_OK(skbext_pin(env.sk), skbext_errmsg()) ||
	    !ASSERT_OK(skbext_status(env.sk, &status), skbext_errmsg()))
		return false;
	env.exact = status.mode == SKBEXT_MODE_EXACT;
	return ASSERT_EQ(status.guarantee,
			 env.exact ? SKBEXT_GUARANTEE_COMPLETE : SKBEXT_GUARANTEE_PARTIAL,
			 "guarantee of the mode");
}

/* A bpffs that nobody else sees: what is pinned in it ends with the process, however that ends. */
static inline bool own_bpffs(void)
{
	static bool done;

	if (done)
		return true;
	done = true;
	return ASSERT_OK(unshare(CLONE_NEWNS), "mount namespace") &&
	       ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts") &&
	       ASSERT_OK(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), "bpffs");
}

static inline bool up(void)
{
	env.net.ns[0] = env.net.ns[1] = -1;
	if (!own_bpffs() || !ASSERT_OK(traffic_net_up(&env.net), "namespaces") || !load_skbext())
		return false;
	env.knobs.cookie[0] = env.net.cookie[0];
	env.knobs.cookie[1] = env.net.cookie[1];
	env.tag = load_object("lifecycle_tag.bpf.o");
	if (!env.tag)
		return false;
	tagging(false);
	/* Before the first tag: what it sees born later must be clean. */
	if (env.exact) {
		env.birth = load_object("lifecycle_birth.bpf.o");
		if (!env.birth || !attach_tracing(env.birth))
			return false;
	}
	return attach_tracing(env.tag) && attach_tc();
}

static inline void down(void)
{
	while (nr_links)
		bpf_link__destroy(links[--nr_links]);
	bpf_object__close(env.birth);
	bpf_object__close(env.tag);
	traffic_net_down(&env.net);
	skbext_close(env.sk);
	skbext_unpin(BPFFS);
	env.birth = env.tag = NULL;
	env.sk = NULL;
}

/* ---- quiet */

/*
 * Not one snapshot: on a machine with other users an skb may be handed out, and purged,
 * while this is read.
 */
static inline __s64 imbalance(void)
{
	const struct skbext_stats *s = &total.stats;

	return s->adds + s->shares - s->releases - s->dels_emptied - s->live;
}

static inline bool is_balanced(void)
{
	return !imbalance();
}

static inline bool all_arrived(bool veth)
{
	if (env.soak)
		return true;
	if (env.knobs.segmented)
		return now.counts.found >= now.counts.tagged || !env.exact;
	return veth ? now.counts.found_keep == now.counts.tagged_keep :
		      now.counts.found == now.counts.tagged;
}

/*
 * Wait until every packet is gone. An sk_buff that another CPU allocated is not freed where it is
 * read, but parked on a list of that CPU until its next receive softirq (skb_attempt_defer_free()),
 * which on a quiet machine never comes. Until then it is an skb like any other and keeps its
 * record. One untagged packet per CPU makes it come.
 */
static inline void quiesce(bool veth)
{
	for (int i = 0; i < QUIET_SECONDS * 20; i++) {
		if (i)
			usleep(50000);
		if (!ASSERT_OK(traffic_poke(&env.net), "poke"))
			return;
		read_numbers();
		if (!all_arrived(veth) || !is_balanced())
			continue;
		if (!total.stats.live)
			return;
		/* Records that the tracepoint mode leaves do not go away with time, */
		if (!env.exact && i > 5)
			return;
		/* nor what a skipped release has left. */
		if (now.stats.missed_hooks && i > QUIET_SECONDS * 5)
			return;
	}
}

/*
 * The kernel skips a program that is being run on this CPU:
 * by a task that was preempted in it, or interrupted.
 */
static inline void print_missed(const char *name)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; now.stats.missed_hooks && !skbext_hook(env.sk, n, &hook); n++)
		if (hook.missed)
			printf("lifecycle %s: missed so far: %s %llu times\n", name, hook.name,
			       hook.missed);
}

static inline int print_left(const struct skbext_record *rec, void *arg)
{
	const struct lifecycle_tag *tag = rec->payload;
	int *n = arg;

	fprintf(stderr,
		"    left: skb %llx active %x refs %u, first payload: magic %llx seq %llu\n",
		rec->skb, rec->active, rec->refs, tag->magic, tag->seq);
	return ++*n == 8;
}

/* ---- what must hold */

static inline void print_numbers(const char *name)
{
	const struct lifecycle_counts *c = &now.counts;
	const struct skbext_stats *s = &now.stats;

	printf("lifecycle %s: %s tagged %llu found %llu keep %llu/%llu shares %llu cow %llu "
	       "releases %llu left %llu stale %llu births %llu/%llu purged %llu replaced %llu "
	       "missed hooks %llu, of the test %llu, distrusted %llu, retransmitted %llu\n",
	       name, env.exact ? "exact" : "tracepoint", c->tagged, c->found, c->found_keep,
	       c->tagged_keep, s->shares, s->cow, s->releases, total.stats.live,
	       c->stale + c->wrong + c->tc_wrong + c->origin_wrong, now.births.stale,
	       now.births.births, s->purged_stale, s->replaced, s->missed_hooks, now.skipped,
	       s->distrusted, now.retransmitted);
	print_missed(name);
}

static inline void check_not_stale(void)
{
	const struct lifecycle_counts *c = &now.counts;

	/*
	 * A segment that waits for its socket's owner may be merged and freed before tcp_probe
	 * (tcp_add_backlog()). If it is then sent again, which takes the same sk_buff, it has what
	 * was added to it the first time; see bpf/tracepoint.bpf.c.
	 */
	ASSERT_GE(env.exact ? 0 : now.retransmitted, c->stale, "new packets with a record");
	ASSERT_EQ(c->wrong, 0, "another packet's tag on receive");
	ASSERT_EQ(c->tc_wrong, 0, "another skb's tag in tc");
	ASSERT_EQ(c->tc_bad_write, 0, "tags that were written to again");
	ASSERT_EQ(c->origin_wrong, 0, "another segment's note on a clone");
	if (!total.stats.missed_hooks)
		ASSERT_EQ(total.stats.distrusted, 0, "not trusted although nothing was missed");
	if (!env.exact)
		return;
	ASSERT_NE(now.births.births, 0, "births were watched");
	ASSERT_EQ(now.births.stale, 0, "something active on a new skb");
	/* A skipped share costs the record of that clone, and nothing else. */
	ASSERT_GE(now.missed_shares + now.stats.distrusted, now.births.clones_lost,
		  "clones without");
	ASSERT_EQ(now.births.clones_wrong, 0, "clones with something else than their original");
	/*
	 * Nobody finds the record that a skipped release leaves, and it ends when the address is used
	 * again. A copy into an sk_buff replaces what it has (skb_segment() of a frag list copies
	 * twice), so that nobody finds that either. It may be left since an earlier case.
	 */
	ASSERT_GE(total.missed_releases + total.stats.distrusted, now.stats.purged_stale,
		  "records that outlived their packet");
}

/* Records that the tracepoint mode cannot end lie in the sk_buff caches of the CPUs. */
static inline unsigned int cached_skbs(void)
{
	const int cache = 128;	/* NAPI_SKB_CACHE_SIZE: 64, in later kernels 128 */

	return cache * libbpf_num_possible_cpus();
}

static inline void check_nothing_left(void)
{
	const struct skbext_stats *s = &total.stats;
	int printed = 0;

	ASSERT_EQ(imbalance(), 0, "adds + shares = releases + dels_emptied + live");
	if (!env.exact) {
		ASSERT_GE(cached_skbs(), s->live, "records left");
		return;
	}
	/* A hook that the kernel skipped may leave its record; see missed_hooks. */
	ASSERT_GE(s->missed_hooks, s->live, "records left");
	ASSERT_GE(s->missed_hooks, s->orphans, "objects left");
	if (s->live)
		skbext_for_each(env.sk, print_left, &printed);
}

/* Records left by skipped releases; in the exact mode there are no others. Returns how many ended. */
static inline __u64 purge_left(void)
{
	const struct skbext_stats *s = &total.stats;
	__u64 ended = 0;
	int tries = 20;

	ASSERT_OK(skbext_purge(env.sk, &ended), skbext_errmsg());
	do
		read_numbers();
	while (!is_balanced() && tries-- && !usleep(50000));
	ASSERT_EQ(imbalance(), 0, "adds + shares = releases + dels_emptied + live after a purge");
	if (!env.exact)
		return ended;
	ASSERT_EQ(s->live, 0, "records left by a purge");
	ASSERT_EQ(s->orphans, 0, "objects left by a purge");
	ASSERT_EQ(s->refs, 0, "references left by a purge");
	return ended;
}

#endif /* LIFECYCLE_ENV_H */
