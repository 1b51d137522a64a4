// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which IPsec states have packets passed, and do packets still need them?
 *
 *	secpath PORT [hold|tap|mark]...
 *
 * hold: keeps what comes to UDP port PORT in a socket that nobody reads; tap: clones of all UDP and
 * IP packets as well; mark: and gives each clone something of its own, so that it has its own copy
 * of the path. At a signal it prints how all that compares with the kernel's own, and what is held
 * before and after all is let go. SIGHUP: on to the next.
 * Exit status 77: this kernel has no IPsec, or refuses fentry.
 * SKBEXT_BPFFS: where skbext is loaded, if not in the usual place.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <signal.h>
#include <skbext/skbext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "secpath.h"
#include "secpath.skel.h"

#define SOCKETS		3

static int sockets[SOCKETS] = { -1, -1, -1 };

static int open_sockets(int port, bool tap)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int room = 8 << 20;

	sockets[0] = socket(AF_INET, SOCK_DGRAM, 0);
	if (sockets[0] < 0 || bind(sockets[0], (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	if (tap) {
		sockets[1] = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
		sockets[2] = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	}
	for (int i = 0; i < (tap ? SOCKETS : 1); i++)
		if (setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
			return -errno;
	return 0;
}

static void close_sockets(void)
{
	for (int i = 0; i < SOCKETS; i++) {
		if (sockets[i] >= 0)
			close(sockets[i]);
		sockets[i] = -1;
	}
}

static int wait_for_signal(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	return sig;
}

/* All states with what packets hold of them; quiet: only their sum. */
static __u64 show_states(struct secpath *skel, struct skbext *sk, bool quiet)
{
	struct secpath_key key, *last = NULL;
	struct secpath_known known;
	int fd = bpf_map__fd(skel->maps.states);
	__u64 held, sum = 0;

	for (; !bpf_map_get_next_key(fd, last, &key); last = &key) {
		if (bpf_map_lookup_elem(fd, &key, &known) ||
		    skbext_refs(sk, "secpath", known.number, &held))
			continue;
		sum += held;
		if (!quiet)
			printf("state 0x%x protocol %u mode %u: packets %llu references %llu\n",
			       ntohl(key.spi), key.proto, known.mode, known.packets, held);
	}
	return sum;
}

/* A closed socket lets its packets go after a grace period of RCU. */
static __u64 left_after_close(struct secpath *skel, struct skbext *sk)
{
	__u64 left;

	close_sockets();
	for (int i = 0; (left = show_states(skel, sk, true)) && i < 600; i++)
		usleep(50000);
	return left;
}

static void forget(struct secpath *skel)
{
	int fd = bpf_map__fd(skel->maps.states);
	struct secpath_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		bpf_map_delete_elem(fd, &key);
	memset(skel->bss, 0, sizeof(*skel->bss));
}

static void report(struct secpath *skel, struct skbext *sk)
{
	printf("held %llu", show_states(skel, sk, false));
	printf(" left %llu\n", left_after_close(skel, sk));
	printf("decrypted %llu refused %llu marked %llu deepest %u\n", skel->bss->decrypted,
	       skel->bss->refused, skel->bss->marked, skel->bss->deepest);
	printf("sec_path: compared %llu differing %llu missing %llu\n", skel->bss->compared,
	       skel->bss->differing, skel->bss->missing);
	forget(skel);
}

static int run(struct secpath *skel, struct skbext *sk, int port, char **mode)
{
	int err = secpath__attach(skel), sig = SIGHUP;

	for (; !err && *mode && sig == SIGHUP; mode++) {
		skel->bss->mark_clones = !strcmp(*mode, "mark");
		err = open_sockets(port, strcmp(*mode, "hold"));
		if (err)
			break;
		sig = wait_for_signal();
		report(skel, sk);
	}
	if (err)
		fprintf(stderr, "secpath: %s\n", strerror(-err));
	return err;
}

static struct skbext *load(struct secpath *skel)
{
	const char *dir = getenv("SKBEXT_BPFFS");
	struct skbext *sk = skbext_bind(skel->obj, dir) ? NULL : skbext_open_pinned(dir);

	if (!sk)
		fprintf(stderr, "secpath: %s\n", skbext_errmsg());
	else if (secpath__load(skel)) {
		fprintf(stderr, "secpath: loading: %s\n", strerror(errno));
		skbext_close(sk);
		sk = NULL;
	}
	return sk;
}

static bool usage(int argc, char **argv)
{
	bool ok = argc > 2;

	for (int i = 2; i < argc; i++)
		ok = ok && (!strcmp(argv[i], "hold") || !strcmp(argv[i], "tap") ||
			    !strcmp(argv[i], "mark"));
	if (!ok)
		fprintf(stderr, "usage: secpath PORT [hold|tap|mark]...\n");
	return ok;
}

int main(int argc, char **argv)
{
	struct secpath *skel;
	struct skbext *sk;
	int err;

	if (!usage(argc, argv))
		return 2;
	/* BTF says it, too, but takes seconds to be read in an emulated machine. */
	if (access("/proc/sys/net/core/xfrm_acq_expires", F_OK)) {
		fprintf(stderr, "secpath: this kernel has no IPsec\n");
		return 77;
	}
	skel = secpath__open();
	sk = skel ? load(skel) : NULL;
	err = sk ? run(skel, sk, atoi(argv[1]), argv + 2) : -1;
	skbext_close(sk);
	secpath__destroy(skel);
	return !!err;
}
