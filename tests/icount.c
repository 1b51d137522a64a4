// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The guest's half of scripts/icount: what programs on a packet's way cost, in a machine whose
 * clock counts instructions.
 *
 * One process sends a packet over loopback and receives it, again and again: nothing else runs,
 * so the clock's difference is what that packet took, softirq included. Times are taken over
 * blocks of 100 packets (one of which is tagged in the "1 %" variants); the median block tells,
 * because the timer's tick is in one block of some. UDP repeats to the instruction. On 6.1 a TCP
 * packet takes one of two numbers, 280 apart, from variant to variant (seen, not explained);
 * later kernels repeat to 10.
 *
 *	icount [--quick | --guard] DIRECTORY	(of the BPF objects; --guard: the rows of tests/icount.expected)
 *
 * A table on stderr, one JSON object a line on stdout.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <skbext/skbext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define BPFFS		"/sys/fs/bpf/skbext-icount"
#define BLOCK		100	/* packets */
#define UDP_SIZE	36
#define TCP_SIZE	512
#define SETTLED		8	/* rounds of warm-up that agree */
#define WARM_UP_NS	3000000000ULL	/* of guest time since boot, at least */
#define WARM_UP_LIMIT	60000000000ULL

enum role { RELEASE = 1, SHARE = 2, POLICY = 4, FATE = 8, OTHER = 16, WATCH = 32, HOOKS = 47 };

static const struct {
	const char *name;
	enum role role;
} roles[] = {
	{ "skb_release_head_state", RELEASE },
	{ "__consume_stateless_skb", RELEASE },
	{ "napi_skb_free_stolen_head", RELEASE },
	{ "napi_reuse_skb", RELEASE },
	{ "__copy_skb_header", SHARE },
	{ "ip_copy_metadata", SHARE },
	{ "ip6_copy_metadata", SHARE },
	{ "skb_scrub_packet", POLICY },
	{ "__udp_enqueue_schedule_skb", POLICY },
	{ "kfree_skb", FATE },
	{ "consume_skb", FATE },
	{ "irq_enter_rcu", WATCH },
	{ "preempt_schedule_irq", WATCH },
};

#define NR_ROLES (sizeof(roles) / sizeof(roles[0]))

/* Programs of one kind, found by name: hooks, and write_all, write_some, read_back for tc. */
struct set {
	int nr;
	struct {
		char name[64];
		int fd;
	} prog[32];
};

struct row {
	const char *traffic, *name, *detail;
	int base;		/* row to subtract; -1: none */
	double median, min, max;
};

static struct set empty, hash, hash_look, skbext;
static struct row rows[128];
static int nr_rows, blocks = 81;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "icount: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* ---- traffic */

static int udp[2], tcp[2];	/* from, to */

static void connect_pair(int pair[2], int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int one = 1, listener;

	pair[0] = socket(AF_INET, type, 0);
	pair[1] = socket(AF_INET, type, 0);
	if (pair[0] < 0 || pair[1] < 0 || bind(pair[1], (void *)&at, len) || getsockname(pair[1], (void *)&at, &len))
		die("socket");
	if (type == SOCK_STREAM && listen(pair[1], 1))
		die("listen");
	if (connect(pair[0], (void *)&at, len))
		die("connect");
	if (type != SOCK_STREAM)
		return;
	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	listener = pair[1];
	pair[1] = accept(listener, NULL, NULL);
	if (pair[1] < 0)
		die("accept");
	close(listener);
}

static void exchange(const int pair[2], size_t size)
{
	char buf[TCP_SIZE] = {};

	if (send(pair[0], buf, size, 0) != (ssize_t)size || recv(pair[1], buf, size, MSG_WAITALL) != (ssize_t)size)
		die("a packet got lost");
}

static bool is_tcp(const char *traffic)
{
	return !strcmp(traffic, "tcp");
}

static double block(const char *traffic)
{
	const int *pair = is_tcp(traffic) ? tcp : udp;
	size_t size = is_tcp(traffic) ? TCP_SIZE : UDP_SIZE;
	__u64 start = now();

	for (int i = 0; i < BLOCK; i++)
		exchange(pair, size);
	return (double)(now() - start) / BLOCK;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(const char *traffic, double *t, int n)
{
	for (int i = 0; i < n; i++)
		t[i] = block(traffic);
	qsort(t, n, sizeof(*t), compare);
	return t[n / 2];
}

static int measure(const char *traffic, const char *name, const char *detail, int base)
{
	struct row *row = &rows[nr_rows];
	double *t = calloc(blocks, sizeof(*t));

	if (!t)
		die("memory");
	for (int i = 0; i < blocks / 4; i++)
		block(traffic);
	*row = (struct row){ traffic, name, detail, base, median_of(traffic, t, blocks), 0, 0 };
	row->min = t[0];
	row->max = t[blocks - 1];
	free(t);
	fprintf(stderr, "%-4s %-38s %-27s %9.1f", traffic, name, detail, row->median);
	if (base >= 0)
		fprintf(stderr, " %+8.1f", row->median - rows[base].median);
	fprintf(stderr, "\n");
	return nr_rows++;
}

/* ---- programs */

static enum role role_of(const char *name)
{
	for (size_t i = 0; i < NR_ROLES; i++)
		if (!strcmp(roles[i].name, name))
			return roles[i].role;
	return OTHER;
}

static void set_add(struct set *set, const char *name, int fd)
{
	snprintf(set->prog[set->nr].name, sizeof(set->prog[0].name), "%.63s", name);
	set->prog[set->nr++].fd = fd;
}

static int set_find(const struct set *set, const char *name)
{
	for (int i = 0; i < set->nr; i++)
		if (!strcmp(set->prog[i].name, name))
			return set->prog[i].fd;
	return -1;
}

static struct bpf_object *open_object(const char *dir, const char *name)
{
	char path[512];
	struct bpf_object *obj;

	snprintf(path, sizeof(path), "%s/icount_%s.bpf.o", dir, name);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die("%s", path);
	return obj;
}

static struct bpf_object *load_object(struct bpf_object *obj, struct set *set)
{
	struct bpf_program *prog;

	if (bpf_object__load(obj))
		die("load %s", bpf_object__name(obj));
	bpf_object__for_each_program(prog, obj)
		set_add(set, bpf_program__name(prog), bpf_program__fd(prog));
	return obj;
}

static void load_hash(const char *dir, struct set *set, bool look_first)
{
	struct bpf_object *obj = open_object(dir, "hash");
	size_t size;

	/* The only constant of that object. */
	*(bool *)bpf_map__initial_value(bpf_object__find_map_by_name(obj, ".rodata"), &size) = look_first;
	load_object(obj, set);
}

/* The lifecycle programs as the library loads them, taken from their pinned links and let go. */
static void take_hooks(struct set *set)
{
	DIR *d = opendir(BPFFS "/links");
	struct dirent *e;
	char path[512];

	if (!d)
		die(BPFFS "/links");
	while ((e = readdir(d))) {
		struct bpf_link_info info = {};
		__u32 len = sizeof(info);
		int fd;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), BPFFS "/links/%s", e->d_name);
		fd = bpf_obj_get(path);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
			die("%s", path);
		set_add(set, e->d_name, bpf_prog_get_fd_by_id(info.prog_id));
		close(fd);
		unlink(path);
	}
	closedir(d);
}

/*
 * Its hooks are taken from it and come and go here, which ends all trust in its records; links end some time after their
 * pins, and the last that ends is the one that could tell.
 */
static void trust_again(int ctl_fd)
{
	struct skbext_ctl ctl;
	__u32 zero = 0;

	for (int quiet = 0; quiet < 20; quiet++) {
		if (bpf_map_lookup_elem(ctl_fd, &zero, &ctl))
			die("control map");
		if (ctl.watch)
			quiet = 0;
		ctl.watch = 0;
		if (bpf_map_update_elem(ctl_fd, &zero, &ctl, BPF_ANY))
			die("control map");
		usleep(20000);
	}
	close(ctl_fd);
}

static struct skbext *load_skbext(const char *dir)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = BPFFS, .mode = SKBEXT_MODE_EXACT, .require_complete = true,
	};
	struct skbext *sk = skbext_open(&opts);
	struct bpf_object *obj = open_object(dir, "skbext");
	int ctl;

	if (!sk || skbext_load(sk) || skbext_attach(sk) || skbext_pin(sk) || skbext_bind(obj, BPFFS))
		die("%s", skbext_errmsg());
	load_object(obj, &skbext);
	skbext_close(sk);	/* or its own links stay */
	sk = skbext_open_pinned(BPFFS);
	if (!sk)
		die("%s", skbext_errmsg());
	ctl = bpf_obj_get(BPFFS "/ctl");
	take_hooks(&skbext);
	trust_again(ctl);
	return sk;
}

/* ---- what is attached */

static int links[64], nr_links;

static void attach(int prog)
{
	int link = bpf_raw_tracepoint_open(NULL, prog);

	if (link < 0)
		die("attach");
	links[nr_links++] = link;
}

static void attach_hooks(const struct set *set, int mask)
{
	for (int i = 0; i < set->nr; i++)
		if (role_of(set->prog[i].name) & mask)
			attach(set->prog[i].fd);
}

static void attach_tc(const struct set *set, const char *writer)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, write, .prog_fd = writer ? set_find(set, writer) : -1);
	LIBBPF_OPTS(bpf_tc_opts, read, .prog_fd = set_find(set, "read_back"));
	int err = bpf_tc_hook_create(&hook);

	hook.attach_point = BPF_TC_EGRESS;
	if (writer)
		err = err ?: bpf_tc_attach(&hook, &write);
	hook.attach_point = BPF_TC_INGRESS;
	err = err ?: bpf_tc_attach(&hook, &read);
	errno = -err;
	if (err)
		die("attach to tc");
}

static void detach_tc(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS);

	bpf_tc_hook_destroy(&hook);
}

static void detach_hooks(void)
{
	while (nr_links)
		close(links[--nr_links]);
}

/*
 * How often each of these programs runs for one packet: costs are per run, and some kernels
 * pass two hooks for one free.
 */
static __u64 runs(int prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		die("program info");
	return info.run_cnt;
}

static void count_runs(const struct set *set, const char *traffic, const char *kernel)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	__u64 before[32];

	attach_hooks(set, HOOKS);
	for (int i = 0; i < set->nr; i++)
		before[i] = runs(set->prog[i].fd);
	for (int i = 0; i < 10; i++)
		block(traffic);
	for (int i = 0; i < set->nr; i++) {
		double n = (runs(set->prog[i].fd) - before[i]) / (10.0 * BLOCK);

		if (role_of(set->prog[i].name) == OTHER)
			continue;
		printf("{\"kernel\":\"%s\",\"traffic\":\"%s\",\"hook\":\"%s\",\"runs\":%.3f}\n",
		       kernel, traffic, set->prog[i].name, n);
		if (n)
			fprintf(stderr, "%-4s %s runs %.2f times a packet\n", traffic, set->prog[i].name, n);
	}
	detach_hooks();
	close(stats);
}

/* ---- variants */

/*
 * For some seconds after boot, and until the first programs came and went, a kernel has work of
 * its own that doubles what a packet takes. Wait until it takes the same several times in a row.
 */
static void settle(void)
{
	double t[11], last = 0;
	int same = 0;

	while (same < SETTLED || now() < WARM_UP_NS) {
		double udp_now;

		if (now() > WARM_UP_LIMIT)
			die("this kernel does not settle");
		attach_hooks(&empty, HOOKS);
		block("tcp");
		detach_hooks();
		udp_now = median_of("udp", t, 11);
		same = udp_now > last * 1.0005 || udp_now < last * 0.9995 ? 0 : same + 1;
		last = udp_now;
	}
	fprintf(stderr, "settled %.1f s after boot\n", now() / 1e9);
}

static void untagged(const char *traffic, const char *name, const struct set *set, int base)
{
	attach_hooks(set, HOOKS);
	measure(traffic, name, "all hooks", base);
	detach_hooks();
}

/*
 * Tagged, over the same hooks with an empty writer and reader: what add, find and the
 * record's end cost.
 */
static void tagged(const char *traffic, const char *name, const struct set *set)
{
	int base;

	attach_hooks(set, HOOKS);
	attach_tc(&empty, "write_all");
	base = measure(traffic, name, "empty writer and reader", -1);
	detach_tc();
	attach_tc(set, "write_some");
	measure(traffic, name, "1 % tagged", base);
	detach_tc();
	attach_tc(set, "write_all");
	measure(traffic, name, "all tagged", base);
	detach_tc();
	detach_hooks();
}

/* The same for a packet that is tagged before TCP clones it: add, share, find, and two ends. */
static void tagged_clones(const char *name, const struct set *set)
{
	int base = -1;

	for (int full = 0; full < 2; full++) {
		const struct set *user = full ? set : &empty;

		attach_hooks(set, HOOKS);
		attach(set_find(user, "skb_clone"));
		attach_tc(user, NULL);
		base = measure("tcp", name, full ? "tagged, then cloned" : "empty ones, before clone", base);
		detach_tc();
		detach_hooks();
	}
}

static void hook_prices(int nothing)
{
	int head = set_find(&empty, "skb_release_head_state");

	attach(head);
	measure("udp", "one empty program", "skb_release_head_state", nothing);
	attach(set_find(&empty, "second"));
	measure("udp", "two empty programs", "skb_release_head_state", nothing);
	detach_hooks();
}

static void each_alone(const char *traffic, const char *name, const struct set *set, int nothing)
{
	for (size_t i = 0; i < NR_ROLES; i++) {
		int prog = set_find(set, roles[i].name);

		if (prog < 0)
			continue;
		attach(prog);
		measure(traffic, name, roles[i].name, nothing);
		detach_hooks();
	}
}

static void subset(const char *detail, int mask, int nothing)
{
	attach_hooks(&skbext, mask);
	measure("udp", "skbext", detail, nothing);
	detach_hooks();
}

static void udp_variants(void)
{
	int nothing = measure("udp", "nothing attached", "", -1);

	hook_prices(nothing);
	untagged("udp", "empty programs", &empty, nothing);
	untagged("udp", "skbext", &skbext, nothing);
	subset("all but policy", HOOKS & ~POLICY, nothing);
	subset("all but fate", HOOKS & ~FATE, nothing);
	subset("release and share", RELEASE | SHARE, nothing);
	untagged("udp", "hash, delete", &hash, nothing);
	untagged("udp", "hash, look first", &hash_look, nothing);
	each_alone("udp", "skbext, one hook", &skbext, nothing);
	tagged("udp", "skbext", &skbext);
	tagged("udp", "hash, delete", &hash);
	measure("udp", "nothing attached", "again", nothing);
}

/* What tests/test_icount.sh watches: few, to be quick. */
static void guarded(void)
{
	int nothing = measure("udp", "nothing attached", "", -1);

	untagged("udp", "skbext", &skbext, nothing);
	subset("release and share", RELEASE | SHARE, nothing);
	tagged("udp", "skbext", &skbext);
	nothing = measure("tcp", "nothing attached", "", -1);
	untagged("tcp", "skbext", &skbext, nothing);
	tagged_clones("skbext", &skbext);
}

static void tcp_variants(void)
{
	int nothing = measure("tcp", "nothing attached", "", -1);

	untagged("tcp", "empty programs", &empty, nothing);
	untagged("tcp", "skbext", &skbext, nothing);
	untagged("tcp", "hash, delete", &hash, nothing);
	untagged("tcp", "hash, look first", &hash_look, nothing);
	tagged("tcp", "skbext", &skbext);
	tagged("tcp", "hash, delete", &hash);
	tagged_clones("skbext", &skbext);
	tagged_clones("hash, delete", &hash);
	measure("tcp", "nothing attached", "again", nothing);
}

static void all_variants(const char *kernel)
{
	udp_variants();
	tcp_variants();
	count_runs(&skbext, "udp", kernel);
	count_runs(&skbext, "tcp", kernel);
}

/* A variant that lost its records measured something else. */
static void check_stats(struct skbext *sk)
{
	struct skbext_stats st = { .sz = sizeof(st) };

	if (skbext_stats(sk, &st))
		die("%s", skbext_errmsg());
	fprintf(stderr, "skbext: %llu adds, %llu shares, %llu releases, %llu live, %llu refused, %llu missed\n",
		st.adds, st.shares, st.releases, st.live, st.add_failed + st.share_failed, st.missed_hooks);
	if (!st.adds || !st.shares || st.add_failed || st.share_failed || st.live > 8)
		die("the records are not what the traffic should have made of them");
}

static void print_json(const char *kernel)
{
	for (int i = 0; i < nr_rows; i++) {
		const struct row *r = &rows[i];

		printf("{\"kernel\":\"%s\",\"traffic\":\"%s\",\"variant\":\"%s\",\"detail\":\"%s\",",
		       kernel, r->traffic, r->name, r->detail);
		printf("\"median\":%.2f,\"min\":%.2f,\"max\":%.2f", r->median, r->min, r->max);
		if (r->base >= 0)
			printf(",\"over\":\"%s, %s\",\"added\":%.2f", rows[r->base].name, rows[r->base].detail,
			       r->median - rows[r->base].median);
		printf("}\n");
	}
}

int main(int argc, char **argv)
{
	struct skbext *sk;
	struct utsname uts;
	bool guard;

	if (argc < 2)
		return 2;
	guard = !strcmp(argv[1], "--guard");
	if (guard || !strcmp(argv[1], "--quick"))
		blocks = 21;
	uname(&uts);
	connect_pair(udp, SOCK_DGRAM);
	connect_pair(tcp, SOCK_STREAM);
	load_object(open_object(argv[argc - 1], "empty"), &empty);
	load_hash(argv[argc - 1], &hash, false);
	load_hash(argv[argc - 1], &hash_look, true);
	sk = load_skbext(argv[argc - 1]);
	settle();
	fprintf(stderr, "%s: instructions per packet, median of %d blocks of %d\n", uts.release, blocks, BLOCK);
	if (guard)
		guarded();
	else
		all_variants(uts.release);
	check_stats(sk);
	print_json(uts.release);
	skbext_close(sk);
	skbext_unpin(BPFFS);
	return 0;
}
