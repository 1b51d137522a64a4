/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tools of tests/icount/icount.c: the traffic, the ruler, and programs that come and go.
 * Included by it alone.
 */
#ifndef ICOUNT_ENV_H
#define ICOUNT_ENV_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <skbext/skbext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define BPFFS		"/sys/fs/bpf/skbext-icount"
#define BLOCK		100	/* packets */
#define LO		1	/* ifindex */
#define UDP_SIZE	36
#define TCP_SIZE	512
#define SETTLED		8	/* rounds of warm-up that agree */
#define WARM_UP_NS	3000000000ULL	/* of guest time since boot, at least */
#define WARM_UP_LIMIT	60000000000ULL

/* Hooks by the role that the library says they have; OTHER: no hook, or no packet passes it. */
enum role {
	RELEASE = 1 << SKBEXT_ROLE_RELEASE, SHARE = 1 << SKBEXT_ROLE_SHARE,
	POLICY = 1 << SKBEXT_ROLE_POLICY, FATE = 1 << SKBEXT_ROLE_FATE,
	WATCH = 1 << SKBEXT_ROLE_WATCH, OTHER = WATCH << 1,
	HOOKS = RELEASE | SHARE | POLICY | FATE | WATCH,
};

/* Programs of one kind, found by name: hooks, and write_all, write_some, read_back for tc. */
struct set {
	struct bpf_object *obj;
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

static struct set empty, hash, hash_look, lru, skbext;
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

static struct bpf_prog_info prog_info(int prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		die("program info");
	return info;
}

/* measure() reads all executed instructions, or what the kernel counts as time in programs. */
static __u64 (*ruler)(void) = now;

/* ---- traffic */

static int udp[2], tcp[2];	/* from, to */

static void connect_pair(int pair[2], int type)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int one = 1, listener;

	pair[0] = socket(AF_INET, type, 0);
	pair[1] = socket(AF_INET, type, 0);
	if (pair[0] < 0 || pair[1] < 0 || bind(pair[1], (void *)&at, len) ||
	    getsockname(pair[1], (void *)&at, &len))
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

	if (send(pair[0], buf, size, 0) != (ssize_t)size ||
	    recv(pair[1], buf, size, MSG_WAITALL) != (ssize_t)size)
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
	__u64 start = ruler();

	for (int i = 0; i < BLOCK; i++)
		exchange(pair, size);
	return (double)(ruler() - start) / BLOCK;
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

/* The library's hooks, in its order. */
static bool hook_get(unsigned int n, struct skbext_hook *hook)
{
	const struct skbext_open_opts opts = { .sz = sizeof(opts), .unpinned = true };
	static struct skbext *sk;

	sk = sk ?: skbext_open(&opts);
	*hook = (struct skbext_hook){ .sz = sizeof(*hook) };
	return sk && !skbext_hook(sk, n, hook);
}

/* Of the hooks that watch these alone are on a packet's way; others wait for a hook to go. */
static bool is_passed(const struct skbext_hook *hook)
{
	return hook->role != SKBEXT_ROLE_WATCH || !strcmp(hook->name, "irq_enter_rcu") ||
	       !strcmp(hook->name, "sched_switch");
}

static enum role role_of(const char *name)
{
	struct skbext_hook hook;

	for (unsigned int n = 0; hook_get(n, &hook); n++)
		if (!strcmp(hook.name, name))
			return is_passed(&hook) ? 1 << hook.role : OTHER;
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
	set->obj = obj;
	return obj;
}

static void load_hash(const char *dir, struct set *set, enum bpf_map_type type, bool look_first)
{
	struct bpf_object *obj = open_object(dir, "hash");
	struct bpf_map *rodata = bpf_object__find_map_by_name(obj, ".rodata");
	size_t size;

	bpf_map__set_type(bpf_object__find_map_by_name(obj, "notes"), type);
	*(bool *)bpf_map__initial_value(rodata, &size) = look_first;	/* its only constant */
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
 * Its hooks are taken from it and come and go here, which ends all trust in its records; links end
 * some time after their pins, and the last that ends is the one that could tell.
 */
static void trust_again(struct skbext_state *state)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		if (__atomic_exchange_n(&state->watch, 0, __ATOMIC_SEQ_CST))
			quiet = 0;
		usleep(20000);
	}
	munmap(state, sizeof(*state));
}

static struct skbext *load_skbext(const char *dir)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = BPFFS, .mode = SKBEXT_MODE_EXACT,
		.require_complete = true,
	};
	struct skbext *sk = skbext_open(&opts);
	struct bpf_object *obj = open_object(dir, "skbext");
	struct skbext_state *state;
	int slots;

	if (!sk || skbext_load(sk) || skbext_attach(sk) || skbext_pin(sk) ||
	    skbext_bind(obj, BPFFS))
		die("%s", skbext_errmsg());
	load_object(obj, &skbext);
	skbext_close(sk);	/* or its own links stay */
	sk = skbext_open_pinned(BPFFS);
	if (!sk)
		die("%s", skbext_errmsg());
	slots = bpf_obj_get(BPFFS "/slots");
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, slots, 0);
	if (state == MAP_FAILED)
		die("slots");
	close(slots);
	take_hooks(&skbext);
	trust_again(state);
	return sk;
}

/* ---- what is attached */

static int links[64], nr_links, attached[64], nr_attached;

static void attach(int prog)
{
	int link = bpf_raw_tracepoint_open(NULL, prog);

	if (link < 0)
		die("attach");
	links[nr_links++] = link;
	attached[nr_attached++] = prog;
}

static void attach_hooks(const struct set *set, int mask)
{
	for (int i = 0; i < set->nr; i++)
		if (role_of(set->prog[i].name) & mask)
			attach(set->prog[i].fd);
}

static int attach_cls(const struct set *set, const char *name, enum bpf_tc_attach_point where)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO, .attach_point = where);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = set_find(set, name));

	attached[nr_attached++] = opts.prog_fd;
	return bpf_tc_attach(&hook, &opts);
}

static void attach_pair(const struct set *set, const char *writer, const char *reader)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO,
		    .attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS);
	int err = bpf_tc_hook_create(&hook);

	if (writer)
		err = err ?: attach_cls(set, writer, BPF_TC_EGRESS);
	err = err ?: attach_cls(set, reader, BPF_TC_INGRESS);
	errno = -err;
	if (err)
		die("attach to tc");
}

static void attach_tc(const struct set *set, const char *writer)
{
	attach_pair(set, writer, "read_back");
}

static void detach_tc(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO,
		    .attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS);

	bpf_tc_hook_destroy(&hook);
	nr_attached = nr_links;
}

/* After detach_tc(), if there is something at tc. */
static void detach_hooks(void)
{
	while (nr_links)
		close(links[--nr_links]);
	nr_attached = 0;
}

/* While bpf_stats are on: of all that is attached, whether it ran or not. */
static __u64 run_time(void)
{
	__u64 sum = 0;

	for (int i = 0; i < nr_attached; i++)
		sum += prog_info(attached[i]).run_time_ns;
	return sum;
}

/*
 * How often each of these programs runs for one packet: costs are per run, and some kernels
 * pass two hooks for one free.
 */
static __u64 runs(int prog)
{
	return prog_info(prog).run_cnt;
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
			fprintf(stderr, "%-4s %s runs %.2f times a packet\n", traffic,
				set->prog[i].name, n);
	}
	detach_hooks();
	close(stats);
}

#endif /* ICOUNT_ENV_H */
