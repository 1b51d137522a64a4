/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the API tests happen: a network namespace with lo alone, an own cgroup, an own skbext, and
 * sockets whose packets carry a mark. All of it goes with the process.
 */
#ifndef API_ENV_H
#define API_ENV_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_common.h"
#include "test.h"
#include "traffic.h"
#include <skbext/skbext.h>

static char api_bpffs[64], api_objs[256], api_cgroup[128], api_home_cgroup[300], api_mnt[64];
static int api_lo;			/* ifindex */
static int api_from = -1, api_to = -1;	/* the sockets of a case */

#define API_PACKETS	20

static inline __u32 api_mark(void)
{
	return 0x5b000000 | (getpid() & 0xffffff);
}

static inline int api_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The first cgroup2 mount, or an own one in a mount namespace of ours: a guest may have none. */
static inline bool api_cgroup2(char *dir, size_t len)
{
	char where[128], type[32], line[512];
	FILE *f = fopen("/proc/self/mounts", "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %127s %31s", where, type) == 2 && !strcmp(type, "cgroup2")) {
			snprintf(dir, len, "%s", where);
			found = true;
		}
	if (f)
		fclose(f);
	if (found)
		return true;
	snprintf(api_mnt, sizeof(api_mnt), "/tmp/skbext-api-%d", getpid());
	snprintf(dir, len, "%s", api_mnt);
	return !mkdir(api_mnt, 0700) && !mount("none", api_mnt, "cgroup2", 0, NULL);
}

/* Sockets belong to the cgroup their maker is in, so the process moves. */
static inline void api_cgroup_enter(void)
{
	char root[128], line[160], path[160];
	FILE *f;

	if (!api_cgroup2(root, sizeof(root)))
		return;
	snprintf(api_home_cgroup, sizeof(api_home_cgroup), "%s/cgroup.procs", root);
	f = fopen("/proc/self/cgroup", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "0::%159s", path) == 1)
			snprintf(api_home_cgroup, sizeof(api_home_cgroup), "%s%s/cgroup.procs",
				 root, path);
	if (f)
		fclose(f);

	snprintf(api_cgroup, sizeof(api_cgroup), "%.80s/skbext-api-%d", root, getpid());
	snprintf(path, sizeof(path), "%s/cgroup.procs", api_cgroup);
	if (mkdir(api_cgroup, 0755) || api_write_file(path, "0"))
		api_cgroup[0] = 0;
}

static inline void api_leave(void)
{
	skbext_unpin(api_bpffs);
	if (api_cgroup[0]) {
		api_write_file(api_home_cgroup, "0");
		rmdir(api_cgroup);
	}
	if (api_mnt[0]) {
		umount2(api_mnt, MNT_DETACH);
		rmdir(api_mnt);
	}
}

static inline void api_killed(int sig)
{
	exit(128 + sig);
}

static inline int api_lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int ret = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &ifr);

	close(fd);
	return ret;
}

static inline int api_enter(const char *self)
{
	const char *objs = getenv("SKBEXT_TEST_OBJS"), *slash = strrchr(self, '/');

	if (objs)
		snprintf(api_objs, sizeof(api_objs), "%s", objs);
	else
		snprintf(api_objs, sizeof(api_objs), "%.*s", slash ? (int)(slash - self) : 1,
			 slash ? self : ".");
	snprintf(api_bpffs, sizeof(api_bpffs), "/sys/fs/bpf/skbext-api-%d", getpid());

	if (unshare(CLONE_NEWNET) || api_lo_up())
		return -errno;
	api_lo = if_nametoindex("lo");
	atexit(api_leave);
	signal(SIGINT, api_killed);
	signal(SIGTERM, api_killed);
	api_cgroup_enter();
	return 0;
}

/* An skbext under api_bpffs. */
static inline struct skbext *api_up(__u32 capacity, __u32 payload)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = api_bpffs,
		.capacity = capacity, .payload = payload,
	};
	struct skbext *sk = skbext_open(&opts);

	if (!sk || skbext_load(sk) || skbext_attach(sk) || skbext_pin(sk)) {
		TEST_FAIL("skbext does not load: %s", skbext_errmsg());
		skbext_close(sk);
		return NULL;
	}
	return sk;
}

static inline void api_down(struct skbext *sk)
{
	skbext_close(sk);
	ASSERT_EQ(skbext_unpin(api_bpffs), sk ? 1 : 0, "unpin");
}

/*
 * The skbext of a group of cases, which follow each other and do not care what others left: loading
 * one takes seconds in an emulated machine. NULL ends the last group.
 */
static inline struct skbext *api_group(const char *name, __u32 capacity, __u32 payload)
{
	static struct skbext *sk;
	static const char *now;

	if (now && name && !strcmp(now, name))
		return ASSERT_OK_PTR(sk, name) ? sk : NULL;
	if (now)
		api_down(sk);
	now = name;
	sk = name ? api_up(capacity, payload) : NULL;
	return sk;
}

static inline void api_last_group_ends(void)
{
	api_group(NULL, 0, 0);
}

static inline __u64 api_stat(struct skbext *sk, size_t offset)
{
	struct skbext_stats st = { .sz = sizeof(st) };

	ASSERT_OK(skbext_stats(sk, &st), "stats");
	return *(__u64 *)((char *)&st + offset);
}
#define API_STAT(sk, field)	api_stat(sk, offsetof(struct skbext_stats, field))

static inline bool api_exact(struct skbext *sk)
{
	struct skbext_status status = { .sz = sizeof(status) };

	ASSERT_OK(skbext_status(sk, &status), "status");
	return status.mode == SKBEXT_MODE_EXACT;
}

/* Objects. */

static inline struct bpf_object *api_open(const char *name)
{
	char path[512];
	struct bpf_object *obj;

	snprintf(path, sizeof(path), "%s/%s.bpf.o", api_objs, name);
	obj = bpf_object__open_file(path, NULL);
	ASSERT_OK_PTR(obj, path);
	return obj;
}

/* Only these programs: the others may be of types that this kernel does not have. */
static inline void api_only(struct bpf_object *obj, const char *const *progs)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		bool wanted = false;

		for (int i = 0; progs[i]; i++)
			wanted |= !strcmp(bpf_program__name(prog), progs[i]);
		bpf_program__set_autoload(prog, wanted);
	}
}
#define API_ONLY(obj, ...)	api_only(obj, (const char *const[]){ __VA_ARGS__, NULL })

/* Mapped until the test ends: a page for each object. */
static inline struct api_seen *api_seen(struct bpf_object *obj)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(obj, ".bss");
	struct api_seen *seen = MAP_FAILED;

	if (bss && bpf_map__value_size(bss) >= sizeof(*seen))
		seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(bss), 0);
	if (!ASSERT_TRUE(seen != MAP_FAILED, "the object's .bss"))
		return NULL;
	seen->mark = api_mark();
	return seen;
}

static inline int api_prog_fd(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

/* Bind, load, and find where the object writes what it saw. */
static inline struct api_seen *api_bind_load(struct bpf_object *obj)
{
	int err;

	if (!obj)
		return NULL;
	err = skbext_bind(obj, api_bpffs);
	if (err) {
		TEST_FAIL("bind: %d: %s", err, skbext_errmsg());
		return NULL;
	}
	err = bpf_object__load(obj);
	if (err) {
		TEST_FAIL("load: %d", err);
		return NULL;
	}
	return api_seen(obj);
}

/* tc at lo, the classic way. */
static inline int api_tc_attach(int prog_fd, enum bpf_tc_attach_point where)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = api_lo,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd);
	/* The second program of a case finds the qdisc there, and libbpf would warn of it. */
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	int err = bpf_tc_hook_create(&hook);

	libbpf_set_print(print);
	if (err && err != -EEXIST)
		return err;
	hook.attach_point = where;
	return bpf_tc_attach(&hook, &opts);
}

/* Programs go with the qdisc. */
static inline void api_tc_clear(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = api_lo,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	libbpf_print_fn_t print = libbpf_set_print(NULL);	/* there may be none */

	bpf_tc_hook_destroy(&hook);
	libbpf_set_print(print);
}

static inline struct bpf_link *api_netfilter(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_netfilter_opts, opts, .pf = NFPROTO_IPV4, .priority = 1,
		    .hooknum = NF_INET_LOCAL_IN);

	return bpf_program__attach_netfilter(prog, &opts);
}

/* Traffic. */

static inline int api_socket(int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 30 };
	__u32 mark = api_mark();
	int fd = socket(AF_INET, type, 0);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	TEST_FAIL("socket: %s", strerror(errno));
	close(fd);
	return -1;
}

static inline int api_send(int from, int to, size_t len)
{
	char data[1400] = "skbext";
	struct sockaddr_in sa;
	socklen_t sa_len = sizeof(sa);

	if (getsockname(to, (struct sockaddr *)&sa, &sa_len))
		return -errno;
	if (sendto(from, data, len, 0, (struct sockaddr *)&sa, sizeof(sa)) != (ssize_t)len)
		return -errno;
	return 0;
}

/* @n packets, of 10, 11, 12 ... bytes, each received before the next is sent. */
static inline void api_udp(int from, int to, int n)
{
	char data[1500];

	for (int i = 0; i < n; i++) {
		if (!ASSERT_OK(api_send(from, to, 10 + i), "send") ||
		    !ASSERT_EQ(recv(to, data, sizeof(data), 0), 10 + i, "received"))
			return;
	}
}

static inline void api_traffic(void)
{
	api_udp(api_from, api_to, API_PACKETS);
}

/* To a port that nobody listens on. The sender is not connected: it hears nothing of it. */
static inline void api_dropped_traffic(void)
{
	int nobody = api_socket(SOCK_DGRAM);
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	getsockname(nobody, (struct sockaddr *)&sa, &len);
	close(nobody);
	for (int i = 0; i < API_PACKETS; i++)
		ASSERT_EQ(sendto(api_from, "skbext", 6, 0, (struct sockaddr *)&sa, len), 6,
			  "send to nobody");
	ASSERT_TRUE(traffic_settle(), "what was sent arrives");
}

#endif /* API_ENV_H */
