// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic_soak.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define BATCH		64	/* datagrams of a system call */
#define SIZE		48	/* of one, and of a segment */
#define SEGMENTS	8	/* that go as one packet, where they do */
#define LAG		512	/* datagrams that a receiver may be behind */

struct worker {
	pthread_t thread;
	int (*work)(struct worker *w);	/* one round */
	int side;			/* of net->cpu */
	enum traffic_place place;
	bool segments;
	const struct traffic_net *net;
	int err;

	int from, to;			/* UDP */
	__u32 number;
	__u64 sent, received;
	unsigned int round;
};

static bool stop;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* ---- UDP */

struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	char bytes[BATCH][SIZE * SEGMENTS];
};

static void batch_init(struct batch *b, size_t size)
{
	memset(b, 0, sizeof(*b));
	for (int i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){ b->bytes[i], size };
		b->msg[i].msg_hdr.msg_iov = &b->iov[i];
		b->msg[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Reads what is there; a part is enough. */
static int udp_take(struct worker *w, struct batch *in, int flags)
{
	int n = recvmmsg(w->to, in->msg, BATCH, flags, NULL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	__atomic_add_fetch(&w->received, n, __ATOMIC_RELAXED);
	return n;
}

/* As traffic_udp(): each datagram has its own number, behind 8 bytes. */
static int udp_give(struct worker *w, struct batch *out)
{
	int n;

	for (int i = 0; i < BATCH; i++)
		((__u32 *)out->bytes[i])[2] = w->number++;
	n = sendmmsg(w->from, out->msg, BATCH, 0);
	if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
		return -errno;
	w->sent += n < 0 ? 0 : n * (w->segments ? SEGMENTS : 1);
	return 0;
}

static int udp_open(struct worker *w)
{
	const struct traffic t = { .place = w->place };
	const struct timeval soon = { .tv_usec = 50000 };
	const int segment = SIZE;
	struct sockaddr_in to;

	w->to = traffic_bound_socket(w->net, &t, SOCK_DGRAM, 0, &to);
	if (w->to < 0)
		return w->to;
	w->from = traffic_socket(w->net, 0, AF_INET, SOCK_DGRAM, 0);
	if (w->from < 0)
		return w->from;
	setsockopt(w->to, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	if (w->segments &&
	    setsockopt(w->from, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		return -errno;
	return connect(w->from, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
}

static size_t datagram_size(const struct worker *w)
{
	return w->segments ? SIZE * SEGMENTS : SIZE;
}

/* Sent and received by one thread. */
static int udp_alone(struct worker *w)
{
	struct batch out, in;
	int err = udp_open(w), n = 0;

	batch_init(&out, datagram_size(w));
	batch_init(&in, SIZE);
	while (!err && !stopped()) {
		err = udp_give(w, &out);
		do
			n = err ? 0 : udp_take(w, &in, MSG_DONTWAIT);
		while (n > 0);
		err = err ?: n;
	}
	return err;
}

static void *udp_receive(void *arg)
{
	struct worker *w = arg;
	struct batch in;
	int n = 0;

	traffic_pin(w->net->cpu[!w->side]);
	batch_init(&in, SIZE);
	while (n >= 0 && !stopped())
		n = udp_take(w, &in, MSG_WAITFORONE);
	return (void *)(long)(n < 0 ? n : 0);
}

/*
 * Received on the other CPU, where the receiver frees what this one allocated. One that lags far
 * behind is given time, but not waited for: what finds no room is dropped, and shall be.
 */
static int udp_across(struct worker *w)
{
	struct batch out;
	pthread_t receiver;
	void *ret = NULL;
	int err = udp_open(w) ?: -pthread_create(&receiver, NULL, udp_receive, w);

	if (err)
		return err;
	batch_init(&out, datagram_size(w));
	while (!err && !stopped()) {
		err = udp_give(w, &out);
		for (int i = 0; i < 4; i++)
			if (w->sent - __atomic_load_n(&w->received, __ATOMIC_RELAXED) > LAG)
				sched_yield();
	}
	pthread_join(receiver, &ret);
	return err ?: (int)(long)ret;
}

/* ---- the rest, in turns */

static int others(struct worker *w)
{
	static const struct {
		int (*send)(const struct traffic_net *net, const struct traffic *t,
			    struct traffic_result *r);
		struct traffic t;
	} turn[] = {
		{ traffic_tcp, { .count = 1 << 20, .size = 8192, .two_cpus = true } },
		{ traffic_icmp, { .count = 50 } },
		{ traffic_tcp, { .place = TRAFFIC_VETH, .count = 1 << 20, .size = 1400,
				 .two_cpus = true } },
		{ traffic_tcp_connections, { .count = 10, .size = 200 } },
		{ traffic_tcp, { .count = 1 << 20, .size = 4096, .mptcp = true } },
		{ traffic_icmp, { .place = TRAFFIC_VETH, .count = 50 } },
		{ traffic_udp_closed_port, { .count = 50, .size = 64, .connected = true } },
		{ traffic_udp_overflow, { .count = 50, .size = 512 } },
	};
	struct traffic_result r;
	int err = 0;

	for (; !err && !stopped(); w->round++) {
		unsigned int n = w->round % (sizeof(turn) / sizeof(*turn));

		err = turn[n].send(w->net, &turn[n].t, &r);
		/* In a flood a packet may find a queue full; nobody sends ICMP or UDP again. */
		if (err == -EPROTONOSUPPORT || err == -ETIMEDOUT)
			err = 0;
		if (err)
			fprintf(stderr, "    soak: turn %u: %d\n", n, err);
	}
	return err;
}

/* A tap clones all that passes until its queue is full, and what lies there goes with it. */
static int tap_round(struct worker *w, const char *dev)
{
	int fd = traffic_socket(w->net, w->place == TRAFFIC_VETH, AF_PACKET, SOCK_RAW, 0);
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq ifr = {};
	char byte;
	int err = fd < 0 ? fd : 0;

	strcpy(ifr.ifr_name, dev);
	if (!err && ioctl(fd, SIOCGIFINDEX, &ifr))
		err = -errno;
	sll.sll_ifindex = ifr.ifr_ifindex;
	if (!err && bind(fd, (struct sockaddr *)&sll, sizeof(sll)))
		err = -errno;
	for (int i = 0; !err && i < 20 && !stopped(); i++) {
		usleep(2000);
		for (int n = 0; n < 20 && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; n++)
			;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int taps(struct worker *w)
{
	int err = 0;

	for (; !err && !stopped(); w->round++) {
		w->place = w->round & 1 ? TRAFFIC_VETH : TRAFFIC_LO;
		err = tap_round(w, w->place == TRAFFIC_VETH ? "v1" : "lo");
		usleep(20000);
	}
	return err;
}

/* ---- all of it */

static void *run_worker(void *arg)
{
	struct worker *w = arg;

	w->from = w->to = -1;
	traffic_pin(w->net->cpu[w->side]);
	w->err = w->work(w);
	if (w->from >= 0)
		close(w->from);
	if (w->to >= 0)
		close(w->to);
	return NULL;
}

int traffic_soak(const struct traffic_net *net, bool (*enough)(void *arg), void *arg)
{
	struct worker workers[] = {
		{ .work = udp_alone, .side = 0 },
		{ .work = udp_alone, .side = 1, .place = TRAFFIC_VETH },
		{ .work = udp_across, .side = 0, .place = TRAFFIC_VETH },
		{ .work = udp_across, .side = 1 },
		{ .work = udp_alone, .side = 1, .segments = true },
		{ .work = udp_across, .side = 0, .place = TRAFFIC_VETH, .segments = true },
		{ .work = others },
		{ .work = taps, .side = 1 },
	};
	const int nr = sizeof(workers) / sizeof(*workers);
	int err = 0;

	stop = false;
	for (int i = 0; i < nr; i++) {
		workers[i].net = net;
		if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]))
			abort();
	}
	while (!enough(arg)) {
		usleep(50000);
		for (int i = 0; i < nr; i++)
			err = err ?: __atomic_load_n(&workers[i].err, __ATOMIC_RELAXED);
		if (err)
			break;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < nr; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].err)
			fprintf(stderr, "    soak: worker %d: %d\n", i, workers[i].err);
		err = err ?: workers[i].err;
	}
	return err;
}
