// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A missed hook is harmless: whatever keeps a release from being seen, no packet finds the record
 * of another one.
 *
 * Each case forces it on real packets: releases that the kernel skips because their program is
 * running on that CPU, hooks that are detached while packets carry records, adds to packets that
 * are being freed, and programs that work on records in interrupts.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "lifecycle_env.h"
#include "missed_types.h"

/* ---- storm: one CPU, the last one, where releases are interrupted and preempted by others */

#define PREEMPT		"/sys/kernel/debug/sched/preempt"
#define STORM_SECONDS	10
#define STORM_MISSED	300	/* enough of it */
#define WOKEN_SECONDS	40	/* what only an IPI finds is found once in a thousand */
#define WOKEN_MISSED	3000
#define BREEZES		3
#define GUSTS		3
#define DATAGRAM	36

static volatile bool storming;

struct wind {
	pthread_t thread;
	enum traffic_place place;
	long period;		/* of a gust, in nanoseconds */
	int priority;
	int wakes;		/* eventfd that it waits for instead; 0: none */
	volatile unsigned int woken;	/* times that it has blown since */
	int tx, rx, unix_pair[2];
	struct sockaddr_in to;
	__u64 sent;
	int err;
};

static int open_wind(struct wind *w)
{
	const struct traffic to = { .place = w->place };

	w->rx = traffic_bound_socket(&env.net, &to, SOCK_DGRAM, 0, &w->to);
	w->tx = traffic_socket(&env.net, 0, AF_INET, SOCK_DGRAM, 0);
	if (w->rx < 0 || w->tx < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, w->unix_pair))
		return -EIO;
	return 0;
}

static void close_wind(struct wind *w)
{
	close(w->rx);
	close(w->tx);
	close(w->unix_pair[0]);
	close(w->unix_pair[1]);
}

/* The number is where progs/lifecycle_tag.bpf.c looks for it. */
static void blow(struct wind *w, int count)
{
	char datagram[DATAGRAM] = {};

	for (int i = 0; i < count; i++) {
		memcpy(datagram + 8, &w->sent, sizeof(w->sent));
		if (sendto(w->tx, datagram, sizeof(datagram), 0, (struct sockaddr *)&w->to,
			   sizeof(w->to)) < 0)
			w->err = errno;
		w->sent++;
	}
	while (recv(w->rx, datagram, sizeof(datagram), MSG_DONTWAIT) > 0)
		;
}

/* Untagged packets, whose sk_buffs are the same ones. */
static void whisper(struct wind *w)
{
	char datagram[DATAGRAM] = {};

	for (int i = 0; i < 8; i++)
		if (write(w->unix_pair[0], datagram, sizeof(datagram)) < 0)
			w->err = errno;
	for (int i = 0; i < 8; i++)
		if (read(w->unix_pair[1], datagram, sizeof(datagram)) < 0)
			w->err = errno;
}

static void *breeze(void *arg)
{
	struct wind *w = arg;

	traffic_pin(env.net.cpu[1]);
	while (storming) {
		whisper(w);
		blow(w, 16);
	}
	return NULL;
}

/* Wakes up in an interrupt, and then runs instead of what was interrupted. */
static void *gust(void *arg)
{
	struct wind *w = arg;
	struct sched_param first = { .sched_priority = w->priority };
	struct timespec period = { .tv_nsec = w->period };

	traffic_pin(env.net.cpu[1]);
	prctl(PR_SET_TIMERSLACK, 1);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &first))
		w->err = errno;
	while (storming) {
		eventfd_t n;

		if (w->wakes)
			eventfd_read(w->wakes, &n);
		else
			nanosleep(&period, NULL);
		blow(w, w->wakes ? 1 : 4);
		w->woken++;
	}
	return NULL;
}

/*
 * From another CPU: the one that is interrupted gets an IPI, which is no timer's interrupt. What it
 * interrupts is a breeze, if the gust before is over and some time has passed.
 */
static void *wake(void *arg)
{
	struct wind *w = arg;

	traffic_pin(env.net.cpu[0]);
	for (unsigned int turn = 0; storming; turn++) {
		while (storming && w->woken != turn)
			;
		for (volatile unsigned int i = 0; i < turn * 7919 % 2000; i++)
			;
		eventfd_write(w->wakes, 1);
	}
	eventfd_write(w->wakes, 1);
	return NULL;
}

static bool start_wind(struct wind *w)
{
	return ASSERT_OK(open_wind(w), "sockets") &&
	       ASSERT_OK(pthread_create(&w->thread, NULL, w->period ? gust : breeze, w), "thread");
}

static void end_wind(struct wind *w)
{
	pthread_join(w->thread, NULL);
	ASSERT_OK(w->err, w->period ? "gust" : "breeze");
	close_wind(w);
}

static double seconds_since(const struct timespec *from)
{
	struct timespec to;

	clock_gettime(CLOCK_MONOTONIC, &to);
	return to.tv_sec - from->tv_sec + (to.tv_nsec - from->tv_nsec) / 1e9;
}

static __u64 missed_releases(void)
{
	return missed_of(SKBEXT_ROLE_RELEASE) + missed_of(SKBEXT_ROLE_PURGE);
}

static void wait_for_misses(__u64 enough, int seconds)
{
	__u64 before = missed_releases();
	struct timespec from;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		usleep(100000);
	while (missed_releases() - before < enough && seconds_since(&from) < seconds);
}

/* woken: the gusts are one, which another CPU wakes. */
static void blow_all(bool woken)
{
	static const long periods[GUSTS] = { 1000000, 2300000, 5700000 };
	struct wind winds[BREEZES + GUSTS] = {};
	int nr = 0, all = BREEZES + (woken ? 1 : GUSTS);
	pthread_t waker;

	storming = true;
	for (; nr < all; nr++) {
		struct wind *w = &winds[nr];

		if (nr >= BREEZES)
			*w = (struct wind){ .period = periods[nr - BREEZES], .priority = 10 };
		if (nr >= BREEZES && woken)
			w->wakes = eventfd(0, 0);
		if (!start_wind(w))
			break;
	}
	if (woken)
		ASSERT_OK(pthread_create(&waker, NULL, wake, &winds[BREEZES]), "thread");
	if (woken)
		wait_for_misses(WOKEN_MISSED, WOKEN_SECONDS);
	else
		wait_for_misses(STORM_MISSED, STORM_SECONDS);
	storming = false;
	if (woken)
		pthread_join(waker, NULL);
	while (nr)
		end_wind(&winds[--nr]);
}

/* "none voluntary (full)": what is chosen is in brackets. "": this kernel cannot choose. */
static void read_preempt(char *chosen, size_t len)
{
	char text[128] = "", *from, *to;
	FILE *f = fopen(PREEMPT, "r");

	chosen[0] = 0;
	if (!f)
		return;
	if (fgets(text, sizeof(text), f) && (from = strchr(text, '(')) && (to = strchr(from, ')')))
		snprintf(chosen, len, "%.*s", (int)(to - from - 1), from + 1);
	fclose(f);
}

static void write_preempt(const char *how)
{
	int fd = open(PREEMPT, O_WRONLY);

	ASSERT_EQ(write(fd, how, strlen(how)), strlen(how), PREEMPT);
	close(fd);
}

static __u64 suspended_releases(void)
{
	int fd = bpf_obj_get(BPFFS "/watches");
	struct skbext_watch w;
	__u64 n = 0;

	for (__u32 cpu = 0; !bpf_map_lookup_elem(fd, &cpu, &w); cpu++)
		n += w.opened;
	close(fd);
	return n;
}

/*
 * In the tracepoint mode what lies in the CPUs' caches of sk_buffs keeps its record,
 * and a storm fills them.
 */
static void check_left(void)
{
	if (env.exact)
		check_nothing_left();
	else
		ASSERT_TRUE(is_balanced(), "adds + shares = releases + dels_emptied + live");
}

static void check_storm(void)
{
	__u64 missed = now.missed_releases;

	ASSERT_NE(now.counts.tagged, 0, "packets");
	ASSERT_EQ(now.counts.add_failed, 0, "room for all");
	ASSERT_GE(now.stats.missed_hooks, missed, "what is missed is counted");
	check_not_stale();
	check_left();
	if (!missed)
		TEST_SKIP("the kernel skipped no release in %d seconds", STORM_SECONDS);
}

static void storm_of(const char *name, bool woken)
{
	/* Only a machine that is ours alone is switched. */
	bool ours = getenv("SKBEXT_VM");
	__u64 suspended = suspended_releases();
	char before[32] = "";

	if (ours)
		read_preempt(before, sizeof(before));
	if (before[0])
		write_preempt("full");
	begin_case();
	tagging(true);
	blow_all(woken);
	tagging(false);
	if (before[0])
		write_preempt(before);
	env.soak = true;
	quiesce(false);
	env.soak = false;
	print_numbers(name);
	printf("missed: %s: releases suspended %llu\n", name, suspended_releases() - suspended);
	check_storm();
	purge_left();
}

static void storm(void)
{
	storm_of("storm", false);
}

static int write_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	fd = open(path, O_WRONLY);
	err = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/*
 * With statistics on, a program may be preempted before it begins and after it ends, where it is
 * counted as running (sched_clock()), and by an interrupt that is no irq_enter_rcu().
 */
static void storm_with_stats(void)
{
	if (!getenv("SKBEXT_VM"))
		TEST_SKIP("kernel.bpf_stats_enabled is the whole machine's, which is not ours");
	if (env.net.cpu[0] == env.net.cpu[1])
		TEST_SKIP("one CPU: none can wake another one's task");
	ASSERT_OK(write_sysctl("bpf_stats_enabled", "1"), "kernel.bpf_stats_enabled");
	storm_of("storm_with_stats", true);
	ASSERT_OK(write_sysctl("bpf_stats_enabled", "0"), "kernel.bpf_stats_enabled");
}

static void check_none_wrong(void)
{
	const struct lifecycle_counts *c = &now.counts;

	ASSERT_EQ(c->stale, 0, "new packets with a record");
	ASSERT_EQ(c->wrong + c->tc_wrong, 0, "another packet's tag");
	ASSERT_EQ(now.births.stale, 0, "something active on a new skb");
}

/* ---- threaded NAPI: what are softirqs elsewhere are tasks, of which one preempts the other */

#define SYSFS		"/run/skbext-missed-sys"
#define NAPI_SECONDS	15
#define NAPI_GUSTS	2

/* In both namespaces, with the name of their end of the veth pair. */
static bool on_both_ends(bool (*fn)(const char *dev))
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	bool ok = true;

	for (int side = 0; side < 2; side++)
		ok &= ASSERT_OK(setns(env.net.ns[side], CLONE_NEWNET), "setns") &&
		      fn(side ? "v1" : "v0");
	ok &= ASSERT_OK(setns(home, CLONE_NEWNET), "back home");
	close(home);
	return ok;
}

static struct bpf_object *xdp;

static bool attach_xdp(const char *dev)
{
	struct bpf_program *prog = bpf_object__next_program(xdp, NULL);

	return ASSERT_OK(bpf_xdp_attach(if_nametoindex(dev), bpf_program__fd(prog), 0, NULL), dev);
}

static bool make_threaded(const char *dev)
{
	char path[128];
	bool ok;
	int fd;

	if (mkdir(SYSFS, 0700) && !ASSERT_EQ(errno, EEXIST, SYSFS))
		return false;
	if (!ASSERT_OK(mount("sysfs", SYSFS, "sysfs", 0, NULL), "this namespace's sysfs"))
		return false;
	snprintf(path, sizeof(path), SYSFS "/class/net/%s/threaded", dev);
	fd = open(path, O_WRONLY);
	ok = ASSERT_EQ(write(fd, "1", 1), 1, path);
	close(fd);
	return ASSERT_OK(umount2(SYSFS, MNT_DETACH), SYSFS) && ok;
}

/* "napi/v0-8194" and so on: all on one CPU, each of another priority: 30, 50. */
static int pin_napi(void)
{
	struct sched_param param = { .sched_priority = 10 };
	DIR *proc = opendir("/proc");
	struct dirent *e;
	cpu_set_t one;
	int found = 0;

	CPU_ZERO(&one);
	CPU_SET(env.net.cpu[1], &one);
	while ((e = readdir(proc))) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
		if (strncmp(name, "napi/v", 6))
			continue;
		param.sched_priority += 20;
		ASSERT_OK(sched_setaffinity(atoi(e->d_name), sizeof(one), &one), name);
		ASSERT_OK(sched_setscheduler(atoi(e->d_name), SCHED_FIFO, &param), name);
		found++;
	}
	closedir(proc);
	return found;
}

static bool threaded_napi_up(void)
{
	xdp = bpf_object__open_file(object_path("missed_xdp.bpf.o"), NULL);
	return ASSERT_OK_PTR(xdp, "missed_xdp.bpf.o") &&
	       ASSERT_OK(bpf_object__load(xdp), "missed_xdp.bpf.o") && on_both_ends(attach_xdp) &&
	       on_both_ends(make_threaded) && ASSERT_GE(pin_napi(), 2, "NAPI's threads");
}

static void *send_both_ways(void *arg)
{
	const struct traffic tcp = { .place = TRAFFIC_VETH, .count = 400000, .size = 1000,
				     .two_cpus = true };
	const struct traffic udp = { .place = TRAFFIC_VETH, .count = 500, .size = 64 };
	struct traffic_result r;
	int *err = arg;

	while (storming && !*err)
		*err = traffic_tcp(&env.net, &tcp, &r) ?: traffic_udp(&env.net, &udp, &r);
	return NULL;
}

/* NAPI_SECONDS, or PACKETS=n of them (soak.sh). */
static void send_enough(const int *err)
{
	const char *text = getenv("PACKETS");
	__u64 packets = text ? strtoull(text, NULL, 0) : 0;

	if (!packets)
		sleep(NAPI_SECONDS);
	while (now.counts.tagged < packets && !err[0] && !err[1]) {
		sleep(1);
		read_numbers();
	}
}

static void print_napi(void)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; !skbext_hook(env.sk, n, &hook); n++)
		if (hook.missed)
			printf("missed: napi: %s %llu times\n", hook.name, hook.missed);
	printf("missed: napi: tagged %llu births dirty %llu of %llu, behind a scrub %llu, "
	       "stale %llu wrong %llu, kept %llu of %llu, looks not trusted %llu, shares not "
	       "trusted %llu, trust ended %llu times\n", now.counts.tagged, now.births.stale,
	       now.births.births, now.counts.found + now.counts.tc_found, now.counts.stale,
	       now.counts.wrong + now.counts.tc_wrong, now.counts.found_keep,
	       now.counts.tagged_keep, now.stats.distrusted, now.stats.shares_distrusted,
	       now.stats.distrusts);
}

static void send_all_ways(void)
{
	struct wind gusts[NAPI_GUSTS] = {
		{ .place = TRAFFIC_VETH, .period = 1000000, .priority = 20 },
		{ .place = TRAFFIC_VETH, .period = 2300000, .priority = 40 },
	};
	pthread_t senders[2];
	int err[2] = {}, nr = 0;

	storming = true;
	for (int i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&senders[i], NULL, send_both_ways, &err[i]), "thread");
	while (nr < NAPI_GUSTS && start_wind(&gusts[nr]))
		nr++;
	send_enough(err);
	storming = false;
	while (nr)
		end_wind(&gusts[--nr]);
	for (int i = 0; i < 2; i++) {
		pthread_join(senders[i], NULL);
		ASSERT_OK(err[i], "traffic");
	}
}

/*
 * Two threads of NAPI and tasks between their priorities, all on one CPU. XDP's packets are others
 * than those that were sent, with the tag of those.
 */
static void threaded_napi(void)
{
	if (!getenv("SKBEXT_VM"))
		TEST_SKIP("tasks that no other one can interrupt belong on no machine that is not ours");
	if (!threaded_napi_up())
		return;
	env.knobs.segmented = 1;
	begin_case();
	tagging(true);
	send_all_ways();
	tagging(false);
	env.soak = true;
	quiesce(true);
	env.soak = false;
	env.knobs.segmented = 0;
	print_napi();
	ASSERT_NE(now.counts.tagged, 0, "packets");
	ASSERT_NE(now.counts.found_keep, 0, "packets that arrive with what they keep");
	ASSERT_EQ(now.counts.found + now.counts.tc_found, 0, "what a scrub takes, behind it");
	check_none_wrong();
	purge_left();
	bpf_object__close(xdp);
}

/* ---- adds to packets that are being freed */

static struct bpf_object *dying;

static struct dying_counts dying_counts(void)
{
	struct dying_counts c = {};
	__u32 zero = 0;

	ASSERT_OK(bpf_map_lookup_elem(global_fd(dying, ".data.dying"), &zero, &c), "dying counts");
	return c;
}

/*
 * Switched off, not detached: the kernel takes links apart in a worker, and an emulated CPU may run
 * code of another one while that changes it (tests/kernels/test_kernels.sh).
 */
static void adds_at(enum adds_at where)
{
	struct dying_knobs knobs = { .adds_at = where };
	__u32 zero = 0;

	ASSERT_OK(bpf_map_update_elem(global_fd(dying, ".data.knobs"), &zero, &knobs, 0), "knobs");
}

static bool attach_dying(void)
{
	if (dying)
		return true;
	dying = load_object("missed_dying.bpf.o");
	return dying && attach_tracing(dying);
}

/* Packets that end in all ways: read, refused, acknowledged, answered. */
static void send_all_kinds(void)
{
	const struct traffic udp = { .count = 300, .size = 64 };
	const struct traffic refused = { .count = 100, .size = 64, .connected = true };
	const struct traffic tcp = { .count = 20, .size = 200 };
	const struct traffic icmp = { .count = 50 };
	struct traffic_result r;

	ASSERT_OK(traffic_udp(&env.net, &udp, &r), "UDP");
	ASSERT_OK(traffic_udp_closed_port(&env.net, &refused, &r), "UDP to a closed port");
	ASSERT_OK(traffic_tcp_connections(&env.net, &tcp, &r), "TCP");
	ASSERT_OK(traffic_icmp(&env.net, &icmp, &r), "ICMP");
}

static void print_dying(const char *name, const struct dying_counts *c)
{
	printf("missed: adds at %s: %llu refused %llu found on other packets %llu "
	       "births dirty %llu of %llu left %llu\n", name, c->added, c->refused, c->found,
	       now.births.stale, now.births.births, total.stats.live);
}

/* The packets of the second round get the sk_buffs of the first. */
static void add_at(enum adds_at where, const char *name)
{
	struct dying_counts before, c;

	if (!attach_dying())
		return;
	before = dying_counts();
	begin_case();
	adds_at(where);
	send_all_kinds();
	adds_at(NOWHERE);
	send_all_kinds();
	quiesce(false);
	c = dying_counts();
	c.added -= before.added;
	c.refused -= before.refused;
	c.found -= before.found;
	print_dying(name, &c);
	ASSERT_NE(c.added, 0, "packets were freed there");
	ASSERT_EQ(c.refused, 0, "room for all");
	ASSERT_EQ(c.found, 0, "found by another packet");
	ASSERT_EQ(now.births.stale, 0, "something active on a new skb");
	check_left();
}

static void add_at_kfree_skb(void)
{
	add_at(AT_KFREE_SKB, "kfree_skb");
}

static void add_at_release(void)
{
	add_at(AT_RELEASE, "skb_release_head_state");
}

/* The others as of a type with which adding is right. */
static void check_refused(const char *name)
{
	struct bpf_object *obj = bpf_object__open_file(object_path("missed_late.bpf.o"), NULL);
	struct bpf_program *prog;

	if (!ASSERT_OK_PTR(obj, "missed_late.bpf.o"))
		return;
	bpf_object__for_each_program(prog, obj)
		if (strcmp(bpf_program__name(prog), name))
			bpf_program__set_type(prog, BPF_PROG_TYPE_SOCKET_FILTER);
	ASSERT_EQ(skbext_bind(obj, BPFFS), -EINVAL, name);
	ASSERT_OK_PTR(strstr(skbext_errmsg(), name), skbext_errmsg());
	bpf_object__close(obj);
}

/* No hook of ours is behind these: on 6.1 each packet that got such an sk_buff found the record. */
static void adds_refused_after_release(void)
{
	check_refused("at_consume_skb");
	check_refused("after_release");
	check_refused("at_kfree_skbmem");
	check_refused("copies_after_free");
	ASSERT_EQ(skbext_bind_file(object_path("missed_late.bpf.o"), "/dev/null", BPFFS), -EINVAL,
		  "a file");
}

/* ---- hooks that are detached while packets carry records */

#define PATIENCE	10
#define HELD		400	/* datagrams that nobody reads */
#define NO_SKB		0xffff888000001000ULL

static bool is_dead(void)
{
	int fd = bpf_obj_get(BPFFS "/slots");
	struct skbext_state *state = mmap(NULL, sizeof(*state), PROT_READ, MAP_SHARED, fd, 0);
	bool dead = ASSERT_TRUE(state != MAP_FAILED, "slots") && state->watch & SKBEXT_WATCH_DEAD;

	munmap(state, sizeof(*state));
	close(fd);
	return dead;
}

/* The kernel releases links in a worker. */
static bool dies(void)
{
	struct timespec from;

	clock_gettime(CLOCK_MONOTONIC, &from);
	while (!is_dead() && seconds_since(&from) < PATIENCE)
		usleep(10000);
	return ASSERT_TRUE(is_dead(), "all trust ends with a hook");
}

/* From now on the links are held by their pins alone, and the handle shows what is pinned. */
static bool reopen(void)
{
	skbext_close(env.sk);
	env.sk = skbext_open_pinned(BPFFS);
	return ASSERT_OK_PTR(env.sk, skbext_errmsg());
}

static void detach(const char *hook)
{
	char path[256];

	snprintf(path, sizeof(path), BPFFS "/links/%s", hook);
	ASSERT_OK(unlink(path), path);
}

static void check_status(void)
{
	struct skbext_status status = { .sz = sizeof(status) };
	__u64 tag[8];

	ASSERT_OK(skbext_status(env.sk, &status), skbext_errmsg());
	ASSERT_TRUE(!status.healthy, "not healthy");
	ASSERT_EQ(skbext_add(env.sk, NO_SKB, "tag", "x", 1), -ESTALE, "add by address");
	ASSERT_EQ(skbext_type_add(env.sk, "late", 8, 0), -ESTALE, "a new type");
	ASSERT_EQ(skbext_find(env.sk, NO_SKB, "tag", tag, sizeof(tag)), -ENODATA,
		  "find by address");
}

/* Every packet wants a tag, and looks for one. */
static void check_dead(const char *name)
{
	const struct lifecycle_counts *c = &now.counts;

	begin_case();
	tagging(true);
	send_all_kinds();
	tagging(false);
	read_numbers();
	printf("missed: %s: after that tagged %llu refused %llu found %llu "
	       "births dirty %llu of %llu left %llu\n", name, c->tagged, c->add_failed,
	       c->found + c->found_keep, now.births.stale, now.births.births, total.stats.live);
	ASSERT_EQ(c->tagged + now.stats.adds + now.stats.shares, 0, "nothing is added");
	ASSERT_NE(c->add_failed, 0, "adds were tried");
	ASSERT_EQ(c->found + c->found_keep + c->tc_found + c->tc_found_keep, 0, "nothing is found");
	ASSERT_NE(now.births.births, 0, "births were watched");
	check_none_wrong();
	check_status();
}

/* Nothing else would end it. */
static void check_purge(void)
{
	__u64 left = total.stats.live;

	ASSERT_EQ(purge_left(), left, "records that end with a purge");
}

/* On the CPU whose worker releases the link. */
static void *keep_sending(void *arg)
{
	const struct traffic udp = { .count = 200, .size = 64 };
	struct traffic_result r;
	int *err = arg;

	traffic_pin(env.net.cpu[0]);
	while (storming && !*err)
		*err = traffic_udp(&env.net, &udp, &r);
	return NULL;
}

/* Packets that nobody reads keep their records. Returns the socket they are in. */
static int hold_packets(int count)
{
	struct wind w = {};

	if (!ASSERT_OK(open_wind(&w), "sockets"))
		return -1;
	for (int i = 0; i < count; i++) {
		char datagram[DATAGRAM] = {};

		memcpy(datagram + 8, &i, sizeof(i));
		sendto(w.tx, datagram, sizeof(datagram), 0, (struct sockaddr *)&w.to, sizeof(w.to));
	}
	w.rx = dup(w.rx);
	close(w.tx);
	close(w.unix_pair[0]);
	close(w.unix_pair[1]);
	return w.rx;
}

static int write_ftrace_enabled(const char *value)
{
	return write_sysctl("ftrace_enabled", value);
}

/* What leaves it as it is ends nothing. */
static void ftrace_written(void)
{
	if (!getenv("SKBEXT_VM"))
		TEST_SKIP("kernel.ftrace_enabled is the whole machine's, which is not ours");
	ASSERT_OK(write_ftrace_enabled("1"), "1 while it is 1");
	ASSERT_OK(write_ftrace_enabled(" 1\n"), "the same with spaces");
	ASSERT_EQ(write_ftrace_enabled("off"), -EINVAL, "no number");
	ASSERT_OK(write_sysctl("panic", "0"), "another one's 0");
	ASSERT_TRUE(!is_dead(), "all hooks are there");
	begin_case();
	tagging(true);
	send_all_kinds();
	tagging(false);
	quiesce(false);
	ASSERT_NE(now.counts.tagged, 0, "adds");
	ASSERT_EQ(now.counts.add_failed, 0, "adds");
	ASSERT_NE(now.counts.found, 0, "finds");
	check_none_wrong();
}

/* While it is 0 nothing watches births either: those of them that are seen come after that. */
static void ftrace_disabled(void)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .bpffs_dir = BPFFS "-2",
					 .mode = SKBEXT_MODE_EXACT };
	struct skbext *second;
	int held, err;

	if (!getenv("SKBEXT_VM"))
		TEST_SKIP("kernel.ftrace_enabled is the whole machine's, which is not ours");
	tagging(true);
	held = hold_packets(64);
	tagging(false);
	read_numbers();
	ASSERT_GE(total.stats.live, 32, "records while it happens");
	err = write_ftrace_enabled("0");
	ASSERT_TRUE(is_dead(), "all trust ends with the hooks");
	close(held);
	if (err == -EBUSY || err == -EOPNOTSUPP)
		TEST_SKIP("this kernel refuses kernel.ftrace_enabled = 0 "
			  "while programs are attached");
	ASSERT_OK(err, "kernel.ftrace_enabled");
	second = skbext_open(&opts);
	ASSERT_EQ(skbext_load(second) ?: skbext_attach(second), -EOPNOTSUPP,
		  "nothing attaches silently");
	ASSERT_OK_PTR(strstr(skbext_errmsg(), "ftrace_enabled"), skbext_errmsg());
	skbext_close(second);
	begin_case();
	tagging(true);
	send_all_kinds();
	tagging(false);
	read_numbers();
	ASSERT_EQ(now.counts.found + now.counts.found_keep + now.counts.tagged, 0,
		  "found or added");
	ASSERT_EQ(now.counts.stale, 0, "new packets with a record");
	ASSERT_OK(write_ftrace_enabled("1"), "kernel.ftrace_enabled");
	check_dead("ftrace_enabled off and on");
	check_purge();
}

static void detach_under_load(void)
{
	pthread_t sender;
	int err = 0, held;
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	traffic_pin(env.net.cpu[0]);
	begin_case();
	tagging(true);
	held = hold_packets(64);
	storming = true;
	if (!ASSERT_OK(pthread_create(&sender, NULL, keep_sending, &err), "thread"))
		return;
	do {
		usleep(10000);
		read_numbers();
	} while (now.counts.tagged < 1000 && !err);
	ASSERT_GE(total.stats.live, 32, "records while it happens");
	detach("skb_release_head_state");
	dies();
	storming = false;
	pthread_join(sender, NULL);
	tagging(false);
	ASSERT_OK(err, "traffic");
	read_numbers();
	check_none_wrong();
	close(held);
	reopen();
	check_dead("skb_release_head_state detached");
	check_purge();
	sched_setaffinity(0, sizeof(all), &all);
}

/* What one hook is for, nobody does when it is gone: the others are there, and it matters as much. */
static void hook_detached(const char *hook)
{
	detach(hook);
	dies();
	check_dead(hook);
	check_purge();
}

static void policy_detached(void)
{
	hook_detached("skb_scrub_packet");
}

static void switch_detached(void)
{
	hook_detached("sched_switch");
}

/* The one that sees links go is the first to go, and nothing releases what the table is full of. */
static void kill_links_with_full_table(void)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	int held;

	begin_case();
	tagging(true);
	held = hold_packets(HELD);
	tagging(false);
	read_numbers();
	ASSERT_NE(now.counts.add_failed, 0, "the table is full");
	detach("bpf_tracing_link_release");
	for (unsigned int n = 0; !skbext_hook(env.sk, n, &hook); n++)
		if (hook.attached && strcmp(hook.name, "bpf_tracing_link_release"))
			detach(hook.name);
	dies();
	close(held);
	check_dead("all links gone, table full");
	ASSERT_GE(total.stats.live, 32, "what was left is still there");
	check_purge();
}

/*
 * Programs are not told in the tracepoint mode, which cannot hook the kernel's release of links.
 * People are.
 */
static void detach_in_tracepoint_mode(void)
{
	struct skbext_status status = { .sz = sizeof(status) };

	detach("kmem_cache_alloc");
	if (!reopen())
		return;
	ASSERT_OK(skbext_status(env.sk, &status), skbext_errmsg());
	ASSERT_TRUE(!status.healthy, "not healthy");
	ASSERT_EQ(status.guarantee, SKBEXT_GUARANTEE_NONE, "nothing is guaranteed");
}

/* ---- programs in interrupts */

#define MEETING_SECONDS	5

static struct irq_counts irq_counts(struct bpf_object *obj)
{
	struct irq_counts c = {};
	__u32 zero = 0;

	ASSERT_OK(bpf_map_lookup_elem(global_fd(obj, ".data.irq"), &zero, &c),
		  "interrupts' counts");
	return c;
}

/* Each sleep ends with a timer's interrupt. */
static void *tick(void *arg)
{
	const struct timespec period = { .tv_nsec = 100000 };

	traffic_pin(env.net.cpu[0]);
	prctl(PR_SET_TIMERSLACK, 1);
	while (storming)
		nanosleep(&period, NULL);
	return NULL;
}

/* An NMI for every other CPU. The kernel's log tells what it was doing. */
static void *shout(void *arg)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	traffic_pin(env.net.cpu[1]);
	while (storming && write(fd, "l", 1) == 1)
		usleep(10000);
	close(fd);
	return NULL;
}

/* On one CPU, so that a packet that is looked at from its interrupt stays where it is. */
static void *send_until_met(void *arg)
{
	const struct traffic udp = { .count = 200, .size = 64 };
	struct bpf_object *obj = arg;
	struct traffic_result r;
	struct timespec from;
	struct irq_counts c;

	traffic_pin(env.net.cpu[0]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		if (!ASSERT_OK(traffic_udp(&env.net, &udp, &r), "traffic"))
			break;
		c = irq_counts(obj);
	} while ((c.found < 200 || c.taken < 20) && seconds_since(&from) < MEETING_SECONDS);
	return NULL;
}

static void check_interrupted(const char *name, struct bpf_object *obj, __u64 suspended)
{
	struct irq_counts c = irq_counts(obj);

	printf("missed: %s: fired %llu found %llu wrong %llu taken %llu own %llu refused %llu "
	       "wrong %llu, releases suspended %llu, of packets: tagged %llu found %llu "
	       "wrong %llu births dirty %llu of %llu left %llu\n",
	       name, c.fired, c.found, c.wrong, c.taken, c.own, c.own_refused, c.own_wrong,
	       suspended, now.counts.tagged, now.counts.found, now.counts.wrong, now.births.stale,
	       now.births.births, total.stats.live);
	ASSERT_EQ(c.wrong, 0, "another packet's tag in an interrupt");
	ASSERT_EQ(c.own_wrong, 0, "records of its own");
	ASSERT_NE(c.own, 0, "records of its own");
	/* Deleted while its owner was adding a second type. */
	ASSERT_GE(c.taken + c.own_refused, now.stats.add_failed, "room for all");
	check_not_stale();
	check_left();
	if (!c.found)
		TEST_SKIP("%s: %llu of them, none met a packet with a record", name, c.fired);
}

static void irq_on(struct bpf_object *obj, bool on)
{
	struct irq_knobs knobs = { .on = on };
	__u32 zero = 0;

	ASSERT_OK(bpf_map_update_elem(global_fd(obj, ".data.knobs"), &zero, &knobs, 0), "knobs");
}

static void interrupt(const char *name, const char *object, void *(*cause)(void *))
{
	__u64 suspended = suspended_releases();
	struct bpf_object *obj = load_object(object);
	pthread_t threads[2];

	if (!obj || !attach_tracing(obj))
		return;
	begin_case();
	/* As user space that deletes by address: owners hear of it first. */
	ASSERT_EQ(skbext_del(env.sk, NO_SKB, "tag"), -ENODATA, "nothing there");
	tagging(true);
	irq_on(obj, true);
	storming = true;
	pthread_create(&threads[0], NULL, cause, NULL);
	pthread_create(&threads[1], NULL, send_until_met, obj);
	pthread_join(threads[1], NULL);
	storming = false;
	pthread_join(threads[0], NULL);
	irq_on(obj, false);
	tagging(false);
	env.soak = true;
	quiesce(false);
	env.soak = false;
	check_interrupted(name, obj, suspended_releases() - suspended);
	bpf_object__close(obj);
}

static void hardirq(void)
{
	interrupt("hardirq", "missed_hardirq.bpf.o", tick);
}

static void nmi(void)
{
	if (libbpf_find_vmlinux_btf_id("nmi_handler", BPF_TRACE_RAW_TP) <= 0)
		TEST_SKIP("this kernel has no tracepoint in NMIs");
	if (!getenv("SKBEXT_VM"))
		TEST_SKIP("NMIs are caused by sysrq, which fills the log of a machine "
			  "that is not ours");
	if (env.net.cpu[0] == env.net.cpu[1])
		TEST_SKIP("one CPU: none can send another one an NMI");
	interrupt("nmi", "missed_nmi.bpf.o", shout);
}

static bool start(__u32 capacity)
{
	env.capacity = capacity;
	if (up())
		return true;
	printf("%s setup: %s\n", test_failures ? "FAIL" : "SKIP",
	       test_failures ? "see above" : test_skip_why);
	test_failed_cases += !!test_failures;
	return false;
}

static void stop(void)
{
	bpf_object__close(dying);
	dying = NULL;
	down();
}

/* Loading takes longest: not for a case that is not to be run. */
#define ALONE(fn) (argc < 2 || !strcmp(argv[1], #fn))

int main(int argc, char **argv)
{
	if (start(0)) {
		TEST_CASE(storm);
		TEST_CASE(storm_with_stats);
		TEST_CASE(add_at_kfree_skb);
		TEST_CASE(adds_refused_after_release);
		if (env.exact) {
			TEST_CASE(add_at_release);
			TEST_CASE(ftrace_written);
			reopen();
			TEST_CASE(detach_under_load);
		}
	}
	stop();
	if (env.exact && ALONE(threaded_napi)) {
		if (start(0))
			TEST_CASE(threaded_napi);
		stop();
	}
	/* Few places, which therefore are often used. */
	if (start(64)) {
		TEST_CASE(hardirq);
		TEST_CASE(nmi);
		if (env.exact) {
			reopen();
			TEST_CASE(kill_links_with_full_table);
		} else {
			TEST_CASE(detach_in_tracepoint_mode);
		}
	}
	stop();
	if (env.exact) {
		if (ALONE(policy_detached) && start(0) && reopen())
			TEST_CASE(policy_detached);
		stop();
		if (ALONE(switch_detached) && start(0) && reopen())
			TEST_CASE(switch_detached);
		stop();
		if (ALONE(ftrace_disabled) && start(0))
			TEST_CASE(ftrace_disabled);
		stop();
	}
	return TEST_EXIT();
}
