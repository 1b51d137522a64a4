/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TRAFFIC_H
#define TRAFFIC_H

/* An MPTCP connection with data both ways at the same time. */
#include <arpa/inet.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP	262
#endif

#ifndef SOL_MPTCP
#define SOL_MPTCP	284
#endif

#define SUBFLOWS	8
#define CHUNK		20000	/* no multiple of what a packet carries */
#define PATIENCE_MS	60000	/* for progress, in an emulated machine on a busy one */
#define JOIN_MS		20000	/* for further subflows; the kernel may have given up on them */
#define NOT_JOINED	3	/* exit status */

/* The byte at an offset of the stream: packets in the wrong place would show. */
static unsigned char byte_at(long long at)
{
	return at * 7 ^ at >> 8 ^ at >> 16;
}

static int send_some(int fd, long long *done, long long bytes)
{
	unsigned char chunk[CHUNK];
	long long left = bytes - *done;
	ssize_t n = left < CHUNK ? left : CHUNK;

	for (ssize_t i = 0; i < n; i++)
		chunk[i] = byte_at(*done + i);
	n = send(fd, chunk, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -1;
	*done += n;
	return *done == bytes ? shutdown(fd, SHUT_WR) : 0;
}

static int receive_some(int fd, long long *done)
{
	unsigned char chunk[CHUNK];
	ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		if (chunk[i] != byte_at(*done + i))
			return -1;
	*done += n > 0 ? n : 0;
	return n;
}

/* Subflows that are through their handshake. */
static int count_subflows(int fd)
{
	struct {
		struct mptcp_subflow_data head;
		struct tcp_info of[SUBFLOWS];
	} info = { .head = { .size_subflow_data = sizeof(info.head),
			     .size_user = sizeof(info.of[0]) } };
	socklen_t len = sizeof(info);
	int n = 0;

	if (getsockopt(fd, SOL_MPTCP, MPTCP_TCPINFO, &info, &len))
		return 0;
	for (unsigned int i = 0; i < info.head.num_subflows && i < SUBFLOWS; i++)
		n += info.of[i].tcpi_state == TCP_ESTABLISHED;
	return n;
}

/*
 * The kernel opens further ones when the first data has come through;
 * the rest could be gone by then.
 */
static bool has_subflows(int fd, int further)
{
	if (!further)
		return true;
	for (int ms = 0; count_subflows(fd) < 1 + further; ms += 10) {
		if (ms >= JOIN_MS)
			return false;
		usleep(10000);
	}
	usleep(10000);		/* who has joined may not send before his handshake is acked */
	return true;
}

/* 0: all of it went both ways. */
static int exchange(int fd, long long bytes, long long out)
{
	long long in = 0;
	bool end = false;

	while (!end || out < bytes) {
		short events = (end ? 0 : POLLIN) | (out < bytes ? POLLOUT : 0);
		struct pollfd p = { .fd = fd, .events = events };
		int n = 1;

		if (poll(&p, 1, PATIENCE_MS) <= 0 || p.revents & (POLLERR | POLLNVAL) ||
		    (p.revents & POLLOUT && send_some(fd, &out, bytes)))
			break;
		if (p.revents & POLLIN)
			n = receive_some(fd, &in);
		if (n < 0)
			break;
		end |= !n;
	}
	if (out != bytes || in != bytes)
		fprintf(stderr, "of %lld bytes %lld sent, %lld received: %m\n", bytes, out, in);
	return out != bytes || in != bytes;
}

/* The server keeps silent until it hears something. */
static int converse(int fd, long long bytes, bool server, int further)
{
	struct pollfd first = { .fd = fd, .events = server ? POLLIN : POLLOUT };
	long long out = 0;
	int status;

	if (poll(&first, 1, PATIENCE_MS) != 1 || (!server && send_some(fd, &out, bytes))) {
		perror("the first bytes");
		status = 1;
	} else if (!has_subflows(fd, further)) {
		fprintf(stderr, "of %d further subflows %d came\n", further,
			count_subflows(fd) - 1);
		status = NOT_JOINED;
	} else {
		status = exchange(fd, bytes, out);
	}
	close(fd);
	return status;
}

static int serve(bool mptcp, int port, long long bytes, int further)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, mptcp ? IPPROTO_MPTCP : 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) || listen(fd, 1)) {
		perror("serve");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	/* The listener stays: it is what further subflows come to. */
	return converse(accept(fd, NULL, NULL), bytes, true, further);
}

static int connect_to(const char *address, int port, long long bytes, int further)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0 || !inet_aton(address, &to.sin_addr) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("connect");
		return 1;
	}
	return converse(fd, bytes, false, further);
}

#endif /* TRAFFIC_H */
