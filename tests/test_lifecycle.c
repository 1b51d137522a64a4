// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Real packets carry their records from queue to receiver, clones share them, none is found on another packet, and
 * none is left when the packets are gone. One case per kind of traffic; the same program for both modes, which
 * promise different things:
 *
 *				exact			tracepoint
 *	found on another packet	never			never
 *	clones			share			carry nothing
 *	left when all is quiet	none			what lies in the per-CPU caches of sk_buffs
 *
 * SKBEXT_TEST_MODE=tracepoint asks for that mode on a kernel that can do better.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <sched.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <skbext/skbext.h>
#include "progs/lifecycle_types.h"
#include "test.h"
#include "traffic.h"
#include "traffic_soak.h"

#define QUIET_SECONDS	20
#define BPFFS		"/sys/fs/bpf/lifecycle"

static struct {
	struct skbext *sk;
	bool exact;
	struct traffic_net net;
	struct bpf_object *tag, *birth;
	struct lifecycle_knobs knobs;
	bool soak;		/* what is sent is dropped here and there: not all arrive */
} env;

/* Loading is most of the time in an emulated machine: once for all cases, and each looks at what it added. */
struct numbers {
	struct lifecycle_counts counts;
	struct lifecycle_births births;
	struct skbext_stats stats;
	__u64 skipped;		/* runs of the test's own programs */
	__u64 missed_shares;	/* of missed_hooks */
	__u64 missed_releases;
};

static struct numbers base, total, now;		/* before the case, after it, and the difference */

/* ---- setting up */

static const char *object_path(const char *name)
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
static bool kernel_has(const char *function)
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
static void choose_programs(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		const char *function = strchr(bpf_program__section_name(prog), '/');

		if (!bpf_program__autoload(prog) && env.exact && function)
			bpf_program__set_autoload(prog, kernel_has(function + 1));
	}
}

static struct bpf_object *load_object(const char *name)
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

static bool attach_tracing(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		if (!bpf_program__autoload(prog) || bpf_program__type(prog) != BPF_PROG_TYPE_TRACING)
			continue;
		links[nr_links] = bpf_program__attach(prog);
		if (!ASSERT_OK_PTR(links[nr_links], bpf_program__name(prog)))
			return false;
		nr_links++;
	}
	return true;
}

static int tc_ingress(const char *dev)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(dev), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	opts.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(env.tag, "ingress"));
	return bpf_tc_hook_create(&hook) ?: bpf_tc_attach(&hook, &opts);
}

/* The filters end with the namespaces. */
static bool attach_tc(void)
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

static int global_fd(struct bpf_object *obj, const char *section)
{
	return bpf_object__find_map_fd_by_name(obj, section);
}

static void tagging(bool on)
{
	__u32 zero = 0;

	env.knobs.tagging = on;
	ASSERT_OK(bpf_map_update_elem(global_fd(env.tag, ".data.knobs"), &zero, &env.knobs, 0), "knobs");
}

/* How often the kernel did not run a program of ours because one of the same was running on that CPU. */
static __u64 skipped_runs(struct bpf_object *obj)
{
	struct bpf_program *prog;
	__u64 skipped = 0;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 && !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			skipped += info.recursion_misses;
	}
	return skipped;
}

static __u64 missed_of(enum skbext_role role)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	__u64 missed = 0;

	for (unsigned int n = 0; !skbext_hook(env.sk, n, &hook); n++)
		if (hook.role == role)
			missed += hook.missed;
	return missed;
}

static void read_numbers(void)
{
	const __u64 *before = (const __u64 *)&base, *after = (const __u64 *)&total;
	__u64 *diff = (__u64 *)&now;
	__u32 zero = 0;

	total.stats.sz = sizeof(total.stats);
	ASSERT_OK(skbext_stats(env.sk, &total.stats), "skbext_stats");
	ASSERT_OK(bpf_map_lookup_elem(global_fd(env.tag, ".data.counts"), &zero, &total.counts), "counts");
	if (env.birth)
		ASSERT_OK(bpf_map_lookup_elem(global_fd(env.birth, ".data.births"), &zero, &total.births),
			  "births");
	total.skipped = skipped_runs(env.tag);
	total.missed_shares = missed_of(SKBEXT_ROLE_SHARE);
	total.missed_releases = missed_of(SKBEXT_ROLE_RELEASE);
	for (size_t i = 0; i < sizeof(now) / sizeof(*diff); i++)
		diff[i] = after[i] - before[i];
}

static void begin_case(void)
{
	read_numbers();
	base = total;
}

static bool load_skbext(void)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .bpffs_dir = BPFFS, .capacity = 16384 };
	struct skbext_status status = { .sz = sizeof(status) };
	const char *mode = getenv("SKBEXT_TEST_MODE");
	int err;

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
	return ASSERT_EQ(status.guarantee, env.exact ? SKBEXT_GUARANTEE_COMPLETE : SKBEXT_GUARANTEE_PARTIAL,
			 "guarantee of the mode");
}

/* A bpffs that nobody else sees: what is pinned in it ends with the process, however that ends. */
static bool own_bpffs(void)
{
	return ASSERT_OK(unshare(CLONE_NEWNS), "mount namespace") &&
	       ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts") &&
	       ASSERT_OK(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), "bpffs");
}

static bool up(void)
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

static void down(void)
{
	while (nr_links)
		bpf_link__destroy(links[--nr_links]);
	bpf_object__close(env.birth);
	bpf_object__close(env.tag);
	traffic_net_down(&env.net);
	skbext_close(env.sk);
}

/* ---- quiet */

/* Not one snapshot: on a machine with other users an skb may be handed out, and purged, while this is read. */
static bool is_balanced(void)
{
	const struct skbext_stats *s = &total.stats;

	return s->adds + s->shares == s->releases + s->dels_emptied + s->live;
}

static bool all_arrived(bool veth)
{
	if (env.soak)
		return true;
	if (env.knobs.segmented)
		return now.counts.found >= now.counts.tagged || !env.exact;
	return veth ? now.counts.found_keep == now.counts.tagged_keep : now.counts.found == now.counts.tagged;
}

/*
 * Wait until every packet is gone. An sk_buff that another CPU allocated is not freed where it is read, but parked
 * on a list of that CPU until its next receive softirq (skb_attempt_defer_free()), which on a quiet machine never
 * comes. Until then it is an skb like any other and keeps its record. One untagged packet per CPU makes it come.
 */
static void quiesce(bool veth)
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
		/* What the tracepoint mode leaves does not go away with time. */
		if (!env.exact && i > 5)
			return;
	}
}

/* The kernel skips a program that is being run on this CPU: by a task that was preempted in it, or interrupted. */
static void print_missed(const char *name)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; now.stats.missed_hooks && !skbext_hook(env.sk, n, &hook); n++)
		if (hook.missed)
			printf("lifecycle %s: missed so far: %s %llu times\n", name, hook.name, hook.missed);
}

static int print_left(const struct skbext_record *rec, void *arg)
{
	const struct lifecycle_tag *tag = rec->payload;
	int *n = arg;

	fprintf(stderr, "    left: skb %llx active %x refs %u, first payload: magic %llx seq %llu\n",
		rec->skb, rec->active, rec->refs, tag->magic, tag->seq);
	return ++*n == 8;
}

/* ---- what must hold */

static void print_numbers(const char *name)
{
	const struct lifecycle_counts *c = &now.counts;
	const struct skbext_stats *s = &now.stats;

	printf("lifecycle %s: %s tagged %llu found %llu keep %llu/%llu shares %llu cow %llu releases %llu left %llu "
	       "stale %llu births %llu/%llu purged %llu missed hooks %llu, of the test %llu\n", name,
	       env.exact ? "exact" : "tracepoint", c->tagged, c->found, c->found_keep, c->tagged_keep, s->shares,
	       s->cow, s->releases, total.stats.live, c->stale + c->wrong + c->tc_wrong + c->origin_wrong,
	       now.births.stale, now.births.births, s->purged_stale, s->missed_hooks,
	       now.skipped);
	print_missed(name);
}

/* More arrive than were tagged: parts, which share, where clones are followed, what was added to the whole. */
static void check_found_parts(void)
{
	const struct lifecycle_counts *c = &now.counts;

	if (!env.exact)
		return;
	ASSERT_GE(c->found, c->tagged + 1, "parts arrive with the tag of the whole");
	ASSERT_GE(c->tc_found, c->tagged + 1, "and have it in tc");
	ASSERT_GE(now.missed_shares + now.skipped, c->missing, "parts without");
	ASSERT_GE(now.missed_shares + now.skipped, c->tc_missing, "parts without in tc");
	ASSERT_GE(now.stats.shares, c->found - c->tagged, "parts share");
}

static void check_found(bool veth)
{
	const struct lifecycle_counts *c = &now.counts;

	ASSERT_EQ(c->add_failed, 0, "room for all");
	if (env.knobs.segmented) {
		check_found_parts();
		return;
	}
	ASSERT_EQ(c->found_keep, c->tagged_keep, "a keep-scrub type arrives everywhere");
	ASSERT_EQ(c->tc_found_keep, c->tagged_keep, "and is found in tc");
	if (veth) {
		ASSERT_EQ(c->found, 0, "a default type is scrubbed");
		ASSERT_EQ(c->tc_found, 0, "and is not found in tc");
		ASSERT_EQ(now.stats.scrubbed, c->tagged - c->tagged_keep, "records that ended with the scrub");
	} else {
		ASSERT_EQ(c->found, c->tagged, "all packets on lo arrive with their tag");
		ASSERT_EQ(c->tc_found, c->tagged, "and have it in tc");
		/* But for those that net_dev_queue did not show to the test. */
		ASSERT_GE(now.skipped, c->missing, "packets without");
		ASSERT_GE(now.skipped, c->tc_missing, "packets without in tc");
		ASSERT_EQ(now.stats.scrubbed, 0, "nothing is scrubbed on lo");
	}
}

static void check_not_stale(void)
{
	const struct lifecycle_counts *c = &now.counts;

	ASSERT_EQ(c->stale, 0, "new packets with a record");
	ASSERT_EQ(c->wrong, 0, "another packet's tag on receive");
	ASSERT_EQ(c->tc_wrong, 0, "another skb's tag in tc");
	ASSERT_EQ(c->tc_bad_write, 0, "tags that were written to again");
	ASSERT_EQ(c->origin_wrong, 0, "another segment's note on a clone");
	if (!env.exact)
		return;
	ASSERT_NE(now.births.births, 0, "births were watched");
	ASSERT_EQ(now.births.stale, 0, "something active on a new skb");
	/* What a skipped share costs is the record of that clone, and nothing else. */
	ASSERT_GE(now.missed_shares, now.births.clones_lost, "clones without");
	ASSERT_EQ(now.births.clones_wrong, 0, "clones with something else than their original");
	/* What a skipped release leaves is found by nobody, and ends when the address is used again. */
	ASSERT_GE(now.missed_releases, now.stats.replaced + now.stats.purged_stale,
		  "records that outlived their packet");
}

/* What the tracepoint mode cannot end lies in the caches of sk_buffs that each CPU has for itself. */
static unsigned int cached_skbs(void)
{
	const int cache = 128;	/* NAPI_SKB_CACHE_SIZE: 64, in later kernels 128 */

	return cache * libbpf_num_possible_cpus();
}

static void check_nothing_left(void)
{
	const struct skbext_stats *s = &total.stats;
	int printed = 0;

	ASSERT_TRUE(is_balanced(), "adds + shares = releases + dels_emptied + live");
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

/* ---- cases */

struct workload {
	const char *name;
	int (*send)(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r);
	struct traffic t;
	unsigned int at_least;	/* packets that must have been seen */
	bool tcp;
	void (*extra)(const struct traffic_result *r);
};

static void check_tcp(void)
{
	if (!env.exact)
		return;
	ASSERT_NE(now.counts.origins, 0, "segments tagged in the socket");
	ASSERT_NE(now.counts.origin_found, 0, "seen on the clones that are sent");
	ASSERT_NE(now.stats.shares, 0, "clones share");
	ASSERT_GE(now.stats.cow, now.counts.origin_found, "each clone that was written to has its own copy");
}

static void run(const struct workload *w)
{
	struct traffic_result r = {};
	bool veth = w->t.place == TRAFFIC_VETH;
	int err;

	begin_case();
	tagging(true);
	err = w->send(&env.net, &w->t, &r);
	tagging(false);
	if (err == -EPROTONOSUPPORT)
		TEST_SKIP("this kernel has no such protocol");
	ASSERT_OK(err, "traffic");
	quiesce(veth);
	print_numbers(w->name);
	ASSERT_GE(now.counts.tagged, w->at_least, "packets");
	check_found(veth);
	check_not_stale();
	check_nothing_left();
	if (w->tcp)
		check_tcp();
	if (w->extra)
		w->extra(&r);
}

/* Every second datagram has a type that stays in the receive queue. */
static void check_udp(const struct traffic_result *r)
{
	ASSERT_EQ(r->received, r->sent, "datagrams");
	ASSERT_EQ(now.counts.tagged, r->sent, "one packet each");
	if (env.exact)
		ASSERT_EQ(now.stats.udp_dropped, r->sent - now.counts.tagged_keep, "ended at the receive queue");
}

static void check_dropped(const struct traffic_result *r)
{
	ASSERT_GE(r->sent - 1, r->received, "some found no room");
	ASSERT_GE(now.stats.fate_dropped, env.exact ? 1 : 0, "kfree_skb saw records");
}

static void udp_lo(void)
{
	run(&(struct workload){
		.name = "udp_lo", .send = traffic_udp,
		.t = { .count = 3000, .size = 64 },
		.at_least = 3000, .extra = check_udp,
	});
}

static void udp_veth(void)
{
	run(&(struct workload){
		.name = "udp_veth", .send = traffic_udp,
		.t = { .place = TRAFFIC_VETH, .count = 3000, .size = 64, .connected = true },
		.at_least = 3000,
	});
}

static void udp_two_cpus(void)
{
	run(&(struct workload){
		.name = "udp_two_cpus", .send = traffic_udp,
		.t = { .count = 2000, .size = 200, .connected = true, .two_cpus = true },
		.at_least = 2000, .extra = check_udp,
	});
}

static void udp_closed_port(void)
{
	run(&(struct workload){
		.name = "udp_closed_port", .send = traffic_udp_closed_port,
		.t = { .count = 500, .size = 64, .connected = true },
		.at_least = 1000,
	});
}

static void udp_overflow(void)
{
	run(&(struct workload){
		.name = "udp_overflow", .send = traffic_udp_overflow,
		.t = { .count = 500, .size = 512 },
		.at_least = 500, .extra = check_dropped,
	});
}

static void tcp_lo(void)
{
	run(&(struct workload){
		.name = "tcp_lo", .send = traffic_tcp_connections,
		.t = { .count = 100, .size = 200 },
		.at_least = 600, .tcp = true,
	});
}

static void tcp_small_lo(void)
{
	run(&(struct workload){
		.name = "tcp_small_lo", .send = traffic_tcp,
		.t = { .count = 100000, .size = 100 },
		.at_least = 50, .tcp = true,
	});
}

static void tcp_bulk_lo(void)
{
	run(&(struct workload){
		.name = "tcp_bulk_lo", .send = traffic_tcp,
		.t = { .count = 8 << 20, .size = 8192 },
		.at_least = 200, .tcp = true,
	});
}

static void tcp_segmented_lo(void)
{
	if (!ASSERT_OK(traffic_lo_tso(&env.net, false), "TSO off"))
		return;
	env.knobs.segmented = 1;
	run(&(struct workload){
		.name = "tcp_segmented_lo", .send = traffic_tcp,
		.t = { .count = 8 << 20, .size = 65536 },
		.at_least = 100, .tcp = true,
	});
	env.knobs.segmented = 0;
	ASSERT_OK(traffic_lo_tso(&env.net, true), "TSO on");
}

static void tcp_veth(void)
{
	run(&(struct workload){
		.name = "tcp_veth", .send = traffic_tcp,
		.t = { .place = TRAFFIC_VETH, .count = 4 << 20, .size = 8192, .two_cpus = true },
		.at_least = 100, .tcp = true,
	});
}

static void mptcp_lo(void)
{
	run(&(struct workload){
		.name = "mptcp_lo", .send = traffic_tcp,
		.t = { .count = 4 << 20, .size = 8192, .mptcp = true },
		.at_least = 100, .tcp = true,
	});
}

static void icmp_lo(void)
{
	run(&(struct workload){
		.name = "icmp_lo", .send = traffic_icmp,
		.t = { .count = 500 },
		.at_least = 1000,
	});
}

static void icmp_veth(void)
{
	run(&(struct workload){
		.name = "icmp_veth", .send = traffic_icmp,
		.t = { .place = TRAFFIC_VETH, .count = 500 },
		.at_least = 1000,
	});
}

struct job {
	pthread_t thread;
	int (*send)(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r);
	struct traffic t;
	int err;
};

static void *run_job(void *arg)
{
	struct traffic_result r;
	struct job *job = arg;

	job->err = job->send(&env.net, &job->t, &r);
	return NULL;
}

static int send_mixed(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r)
{
	struct job jobs[] = {
		{ .send = traffic_udp, .t = { .count = 1000, .size = 64, .two_cpus = true } },
		{ .send = traffic_tcp, .t = { .count = 2 << 20, .size = 1000, .two_cpus = true } },
		{ .send = traffic_tcp_connections, .t = { .count = 50, .size = 100 } },
		{ .send = traffic_icmp, .t = { .count = 200 } },
	};
	const int nr = sizeof(jobs) / sizeof(jobs[0]);
	int err = 0;

	for (int i = 0; i < nr; i++)
		if (pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]))
			abort();
	for (int i = 0; i < nr; i++) {
		pthread_join(jobs[i].thread, NULL);
		err = err ?: jobs[i].err;
	}
	return err;
}

static void mixed_two_cpus(void)
{
	run(&(struct workload){
		.name = "mixed_two_cpus", .send = send_mixed,
		.t = { .two_cpus = true },
		.at_least = 2000, .tcp = true,
	});
}

/* ---- clones that stay: a packet tap that nobody reads */

#define TAPPED 64

static int open_tap(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = traffic_socket(&env.net, 0, AF_PACKET, SOCK_RAW, 0);

	if (!ASSERT_OK(setns(env.net.ns[0], CLONE_NEWNET), "setns"))
		return -1;
	sll.sll_ifindex = if_nametoindex("lo");
	ASSERT_OK(setns(home, CLONE_NEWNET), "back home");
	close(home);
	ASSERT_OK(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), "bind the tap");
	return fd;
}

/* On its way out and on its way in a packet is cloned for the tap; tc then writes to what the second one shares. */
static void check_tapped(void)
{
	const struct skbext_stats *s = &now.stats;

	if (!env.exact) {
		ASSERT_EQ(s->shares, 0, "clones are not followed");
		return;
	}
	ASSERT_EQ(now.stats.live, 2 * TAPPED, "what the tap holds has its record");
	ASSERT_GE(s->shares, 2 * TAPPED, "clones share");
	ASSERT_EQ(s->cow, TAPPED, "tc wrote to what is shared");
	ASSERT_EQ(now.counts.tc_written, TAPPED, "once per packet");
}

static void tap_lo(void)
{
	const struct traffic t = { .count = TAPPED, .size = 64 };
	struct traffic_result r;
	int tap = open_tap();

	if (tap < 0)
		return;
	begin_case();
	env.knobs.write_ingress = 1;
	tagging(true);
	ASSERT_OK(traffic_udp(&env.net, &t, &r), "traffic");
	tagging(false);
	env.knobs.write_ingress = 0;
	read_numbers();
	check_tapped();
	close(tap);
	quiesce(false);
	print_numbers("tap_lo");
	check_found(false);
	check_not_stale();
	check_nothing_left();
}

/* ---- everything at once: PACKETS=n of them, tests/soak.sh sends millions */

#define SOAK_PACKETS "100000"

static bool soaked(void *packets)
{
	struct lifecycle_counts counts = {};
	__u32 zero = 0;

	return bpf_map_lookup_elem(global_fd(env.tag, ".data.counts"), &zero, &counts) ||
	       counts.tagged - base.counts.tagged >= *(__u64 *)packets;
}

static void print_soak(double seconds)
{
	const struct lifecycle_counts *c = &now.counts;
	const struct skbext_stats *s = &now.stats;

	printf("soak: %s packets %llu (%.0f/s) stale %llu births dirty %llu of %llu clones %llu "
	       "lost %llu cow %llu left %llu missed hooks %llu: adds %llu + shares %llu = "
	       "releases %llu + dels_emptied %llu + live %llu\n",
	       env.exact ? "exact" : "tracepoint", c->tagged,
	       c->tagged / seconds, c->stale + c->wrong + c->tc_wrong + c->origin_wrong,
	       now.births.stale, now.births.births, now.births.clones, now.births.clones_lost, s->cow,
	       total.stats.live, s->missed_hooks, s->adds, s->shares, s->releases, s->dels_emptied,
	       s->live);
	print_missed("soak");
}

/*
 * In the tracepoint mode a purge that the kernel skipped leaves the record of the packet before, and
 * per-CPU caches give sk_buffs back in bulk, which fires nothing: what is left has no bound.
 */
static void check_soaked_partial(void)
{
	const struct lifecycle_counts *c = &now.counts;

	ASSERT_GE(now.stats.missed_hooks, c->stale + c->wrong + c->tc_wrong, "another packet's tag");
	ASSERT_EQ(c->origin_wrong, 0, "another segment's note on a clone");
	ASSERT_TRUE(is_balanced(), "adds + shares = releases + dels_emptied + live");
}

static void soak(void)
{
	const char *text = getenv("PACKETS");
	__u64 packets = strtoull(text && *text ? text : SOAK_PACKETS, NULL, 0);
	struct timespec from, to;

	begin_case();
	env.soak = true;
	tagging(true);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ASSERT_OK(traffic_soak(&env.net, soaked, &packets), "traffic");
	clock_gettime(CLOCK_MONOTONIC, &to);
	tagging(false);
	quiesce(false);
	env.soak = false;
	print_soak(to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9);
	ASSERT_GE(now.counts.tagged, packets, "packets");
	ASSERT_EQ(now.counts.add_failed, 0, "room for all");
	if (!env.exact) {
		check_soaked_partial();
		return;
	}
	check_not_stale();
	check_nothing_left();
	/* Of what skipped releases left, the last waits for its address to be used again. */
	ASSERT_GE(now.missed_releases, total.stats.live, "records left");
	check_tcp();
}

int main(int argc, char **argv)
{
	if (!up()) {
		down();
		printf("%s setup: %s\n", test_failures ? "FAIL" : "SKIP",
		       test_failures ? "see above" : test_skip_why);
		return !!test_failures;
	}
	TEST_CASE(udp_lo);
	TEST_CASE(udp_veth);
	TEST_CASE(udp_two_cpus);
	TEST_CASE(udp_closed_port);
	TEST_CASE(udp_overflow);
	TEST_CASE(tcp_lo);
	TEST_CASE(tcp_small_lo);
	TEST_CASE(tcp_bulk_lo);
	TEST_CASE(tcp_segmented_lo);
	TEST_CASE(tcp_veth);
	TEST_CASE(mptcp_lo);
	TEST_CASE(icmp_lo);
	TEST_CASE(icmp_veth);
	TEST_CASE(mixed_two_cpus);
	TEST_CASE(tap_lo);
	TEST_CASE(soak);
	down();
	return TEST_EXIT();
}
