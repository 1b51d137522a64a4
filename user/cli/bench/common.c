// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext bench: figures, sockets, and programs that are attached and let go again. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <skbext/layout.h>
#include "parts.h"

#define PACKET_SIZE	36	/* of the patches' author */
#define BATCH		16

/* ---- figures */

void figure_add(struct figure *f, double v)
{
	if (f->nr < BENCH_MAX_ROUNDS)
		f->v[f->nr++] = v;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double figure_median(struct figure *f)
{
	qsort(f->v, f->nr, sizeof(f->v[0]), compare);
	return f->nr ? f->v[f->nr / 2] : 0;
}

json_t *figure_json(struct figure *f)
{
	double median = figure_median(f);

	return json_pack("{s:f, s:f, s:f}", "median", median, "min", f->nr ? f->v[0] : 0,
			 "max", f->nr ? f->v[f->nr - 1] : 0);
}

void bench_pin_cpu(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

void bench_say(const struct bench *b, const char *fmt, ...)
{
	va_list args;

	if (b->json)
		return;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	fflush(stdout);
}

int bench_error(const char *what, int err)
{
	return cli_error("cannot run the bench: %s: %s", what, strerror(-err));
}

int bench_load_error(int err)
{
	return cli_error("cannot run the bench: load its programs: %s", cli_why_load(err));
}

/* ---- traffic */

int bench_lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

int bench_udp_pair(int pair[2], const char *address)
{
	const struct timeval patience = { .tv_sec = 5 };
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int room = 256 << 20;

	inet_pton(AF_INET, address, &at.sin_addr);
	pair[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pair[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (pair[0] < 0 || pair[1] < 0 || bind(pair[1], (void *)&at, len) ||
	    getsockname(pair[1], (void *)&at, &len) || connect(pair[0], (void *)&at, len))
		return -errno;
	setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(pair[1], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return 0;
}

int bench_udp_exchange(const int pair[2], unsigned int packets)
{
	char buf[PACKET_SIZE] = {};

	for (unsigned int sent = 0; sent < packets; sent += BATCH) {
		for (int i = 0; i < BATCH; i++)
			if (send(pair[0], buf, sizeof(buf), 0) < 0)
				return -errno;
		for (int i = 0; i < BATCH; i++)
			if (recv(pair[1], buf, sizeof(buf), 0) < 0)
				return -errno;
	}
	return 0;
}

/* ---- programs */

struct skbext *bench_skbext(unsigned int capacity, unsigned int payload, bool attach)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .capacity = capacity, .payload = payload,
	};
	struct skbext *sk = skbext_open(&opts);

	if (!sk || skbext_load(sk) || (attach && skbext_attach(sk)) || skbext_pin(sk)) {
		cli_lib_error("run the bench: load an skbext of its own");
		skbext_close(sk);
		return NULL;
	}
	return sk;
}

static int take(struct bench_hooks *h, const char *name)
{
	struct bpf_link_info info = {};
	struct bpf_prog_info prog = {};
	__u32 len = sizeof(info);
	char path[320];
	int fd, err;

	snprintf(path, sizeof(path), SKBEXT_DEFAULT_BPFFS "/links/%s", name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	h->link[h->nr] = -1;
	h->prog[h->nr] = err ? -1 : bpf_prog_get_fd_by_id(info.prog_id);
	snprintf(h->name[h->nr], sizeof(h->name[0]), "%.63s", name);
	close(fd);
	unlink(path);
	len = sizeof(prog);
	if (h->prog[h->nr] < 0 || bpf_obj_get_info_by_fd(h->prog[h->nr], &prog, &len))
		err = -errno;
	h->raw[h->nr++] = prog.type == BPF_PROG_TYPE_RAW_TRACEPOINT;
	return err;
}

/*
 * A hook that goes ends all trust in records (bpf/watch.bpf.h), and here they come and go: trusted
 * again, once the links that were let go have ended, which the kernel does in its own time.
 */
static int trust_again(void)
{
	const __u64 dead = SKBEXT_WATCH_DEAD;
	int fd = bpf_obj_get(SKBEXT_DEFAULT_BPFFS "/slots");
	struct skbext_state *state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED,
					  fd, 0);
	int err = state == MAP_FAILED ? -errno : 0;

	for (int quiet = 0; !err && quiet < 20; quiet++) {
		if (__atomic_fetch_and(&state->watch, ~dead, __ATOMIC_SEQ_CST) & dead)
			quiet = 0;
		usleep(20000);
	}
	if (!err)
		munmap(state, sizeof(*state));
	if (fd >= 0)
		close(fd);
	return err;
}

/* From the pinned links, which are let go. The handle that attached them must be closed. */
int bench_hooks_take(struct bench_hooks *h)
{
	DIR *d = opendir(SKBEXT_DEFAULT_BPFFS "/links");
	struct dirent *e;
	int err = d ? 0 : -errno;

	h->nr = 0;
	while (!err && (e = readdir(d)))
		if (e->d_name[0] != '.' && h->nr < BENCH_MAX_HOOKS)
			err = take(h, e->d_name);
	if (d)
		closedir(d);
	return err ?: trust_again();
}

/* They see others go, and no packet passes them. */
static bool sees_links(const char *name)
{
	return !strcmp(name, "bpf_tracing_link_release") ||
	       !strcmp(name, "bpf_raw_tp_link_release");
}

/* fentry and tp_btf programs know where they belong, raw_tp programs are told. */
int bench_hooks_attach(struct bench_hooks *h)
{
	for (unsigned int i = 0; i < h->nr; i++) {
		if (sees_links(h->name[i]))
			continue;
		h->link[i] = bpf_raw_tracepoint_open(h->raw[i] ? h->name[i] : NULL, h->prog[i]);
		if (h->link[i] < 0)
			return -errno;
	}
	return 0;
}

void bench_hooks_detach(struct bench_hooks *h)
{
	for (unsigned int i = 0; i < h->nr; i++) {
		if (h->link[i] >= 0)
			close(h->link[i]);
		h->link[i] = -1;
	}
}

void bench_hooks_free(struct bench_hooks *h)
{
	bench_hooks_detach(h);
	for (unsigned int i = 0; i < h->nr; i++)
		close(h->prog[i]);
	h->nr = 0;
}

int bench_tc_attach(int prog_fd, int ifindex, bool egress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .handle = 1, .priority = 1);
	/* It reports a clsact that is there already. */
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	int err = bpf_tc_hook_create(&hook);

	hook.attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS;
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&hook, &opts);
	libbpf_set_print(print);
	return err;
}

void bench_tc_detach(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS);

	bpf_tc_hook_destroy(&hook);
}
