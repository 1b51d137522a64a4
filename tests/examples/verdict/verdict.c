// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A UDP receiver whose packets were judged at tc ingress.
 *
 *	verdict DEVICE PORT
 *
 * Until a signal comes; then prints what every hook did and what arrived.
 * Exit status 77: this kernel has no netfilter programs (6.4).
 * SKBEXT_BPFFS: where skbext is loaded, if not in the usual place.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>		/* after netinet/in.h */
#include <signal.h>
#include <skbext/skbext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verdict.h"
#include "verdict.skel.h"

#ifndef SO_RCVMARK
#define SO_RCVMARK 75	/* 5.19 */
#endif

struct tc_program {
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;
};

static int attach(struct tc_program *tc, struct bpf_program *prog, const char *device,
		  enum bpf_tc_attach_point point)
{
	int err;

	*tc = (struct tc_program) {
		.hook = { .sz = sizeof(tc->hook), .attach_point = point },
		.opts = { .sz = sizeof(tc->opts), .prog_fd = bpf_program__fd(prog) },
	};
	tc->hook.ifindex = if_nametoindex(device);
	err = tc->hook.ifindex ? bpf_tc_hook_create(&tc->hook) : -ENODEV;
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&tc->hook, &tc->opts);
	if (err)
		fprintf(stderr, "verdict: %s on %s: %s\n", bpf_program__name(prog), device,
			strerror(-err));
	return err;
}

static void detach(struct tc_program *tc)
{
	tc->opts.prog_fd = tc->opts.prog_id = tc->opts.flags = 0;
	bpf_tc_detach(&tc->hook, &tc->opts);
}

static void wait_for_signal(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
}

/* A tc qdisc that is there already is not an error; libbpf would print one. */
static int only_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || strstr(format, "Kernel error message"))
		return 0;
	return vfprintf(stderr, format, args);
}

/* A socket that takes packets only through the filter, and tells the mark of each. */
static int open_receiver(int port, struct bpf_program *filter)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int prog = bpf_program__fd(filter), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVMARK, &one, sizeof(one))) {
		perror("verdict: receiver");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static __u32 mark_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_MARK)
			return *(__u32 *)CMSG_DATA(c);
	return 0;
}

/* Packets that arrived, those of them that should not have, and the mark that all had. */
static void receive(int fd)
{
	char data[64], control[CMSG_SPACE(sizeof(__u32))];
	struct iovec iov = { data, sizeof(data) };
	int arrived = 0, wrong = 0;
	__u32 mark = 0;

	for (;;) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };

		if (recvmsg(fd, &msg, 0) <= 0)
			break;
		wrong += data[0] == 'd' || data[0] == 'q' || (arrived && mark_of(&msg) != mark);
		mark = mark_of(&msg);
		arrived++;
	}
	printf("arrived %d wrong %d mark %u\n", arrived, wrong, mark);
}

static void report(const struct verdict__bss *seen)
{
	printf("judged %llu denied %llu quarantined %llu passed %llu without %llu unseen %llu\n",
	       seen->judged, seen->denied, seen->quarantined, seen->passed, seen->without,
	       seen->unseen);
}

static int run(struct verdict *skel, const char *device, int port)
{
	LIBBPF_OPTS(bpf_netfilter_opts, opts, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN,
		    .priority = 10);
	int fd = open_receiver(port, skel->progs.verdict_socket);
	struct tc_program judge;

	if (fd < 0)
		return -1;
	skel->links.verdict_netfilter =
		bpf_program__attach_netfilter(skel->progs.verdict_netfilter, &opts);
	if (!skel->links.verdict_netfilter ||
	    attach(&judge, skel->progs.verdict_judge, device, BPF_TC_INGRESS))
		return -1;
	wait_for_signal();
	detach(&judge);
	report(skel->bss);
	receive(fd);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct verdict *skel;
	enum bpf_prog_type netfilter;
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: verdict DEVICE PORT\n");
		return 2;
	}
	libbpf_set_print(only_warnings);
	skel = verdict__open();
	if (!skel)
		return 1;
	netfilter = bpf_program__type(skel->progs.verdict_netfilter);
	if (libbpf_probe_bpf_prog_type(netfilter, NULL) != 1) {
		fprintf(stderr, "verdict: this kernel has no netfilter programs\n");
		verdict__destroy(skel);
		return 77;
	}
	err = skbext_bind(skel->obj, getenv("SKBEXT_BPFFS"));
	if (err)
		fprintf(stderr, "verdict: %s\n", skbext_errmsg());
	else
		err = verdict__load(skel) ?: run(skel, argv[1], atoi(argv[2]));
	verdict__destroy(skel);
	return !!err;
}
