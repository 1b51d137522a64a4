// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A UDP receiver that knows of each packet what XDP knew.
 *
 *	xdpmeta generic|native DEVICE PORT
 *
 * Until a signal comes; then prints what was found.
 * Exit status 77: the device has no XDP of that kind.
 * SKBEXT_BPFFS: where skbext is loaded, if not in the usual place.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <skbext/skbext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xdpmeta.h"
#include "xdpmeta.skel.h"

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
		fprintf(stderr, "xdpmeta: %s on %s: %s\n", bpf_program__name(prog), device,
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

static int open_receiver(int port, struct bpf_program *filter)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), prog = bpf_program__fd(filter);
	int room = 1 << 20;

	/* Nothing is read before the end; with native XDP 6.1 charges a page for each packet. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("xdpmeta: receiver");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void report(int fd, const struct xdpmeta__bss *seen)
{
	int arrived = 0;
	char data[64];

	while (recv(fd, data, sizeof(data), 0) > 0)
		arrived++;
	printf("written %llu adopted %llu arrived %d compared %llu differing %llu missing %llu\n",
	       seen->written, seen->adopted, arrived, seen->compared, seen->differing,
	       seen->missing);
	printf("slowest from XDP to the socket: %llu ns\n", seen->slowest);
}

static int run(struct xdpmeta *skel, __u32 xdp_flags, const char *device, int port)
{
	int fd = open_receiver(port, skel->progs.xdpmeta_socket);
	int ifindex = if_nametoindex(device), err;
	struct tc_program adopt;

	if (fd < 0)
		return -errno;
	err = attach(&adopt, skel->progs.xdpmeta_adopt, device, BPF_TC_INGRESS);
	if (err)
		return err;
	err = bpf_xdp_attach(ifindex, bpf_program__fd(skel->progs.xdpmeta_write), xdp_flags, NULL);
	if (!err) {
		wait_for_signal();
		bpf_xdp_detach(ifindex, xdp_flags, NULL);
	}
	detach(&adopt);
	if (!err)
		report(fd, skel->bss);
	else
		fprintf(stderr, "xdpmeta: XDP on %s: %s\n", device, strerror(-err));
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	const char *kind = argc == 4 ? argv[1] : "";
	struct xdpmeta *skel;
	__u32 flags = kind[0] == 'g' ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	int err;

	if (strcmp(kind, "generic") && strcmp(kind, "native")) {
		fprintf(stderr, "usage: xdpmeta generic|native DEVICE PORT\n");
		return 2;
	}
	libbpf_set_print(only_warnings);
	skel = xdpmeta__open();
	err = skel ? skbext_bind(skel->obj, getenv("SKBEXT_BPFFS")) : -errno;
	if (err)
		fprintf(stderr, "xdpmeta: %s\n", skbext_errmsg());
	else
		err = xdpmeta__load(skel) ?: run(skel, flags, argv[2], atoi(argv[3]));
	xdpmeta__destroy(skel);
	return err == -EOPNOTSUPP ? 77 : !!err;
}
