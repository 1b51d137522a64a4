// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: the packets. One thread: a socket stays in the namespace where it was made. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "parts.h"

#define PORT		7777
#define UDP_PACKETS	200
#define TCP_WRITES	200
#define ICMP_PACKETS	50
#define PAYLOAD		1000

static struct sockaddr_in address(__u32 host)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(host),
	};
}

/* A socket in the namespace of that side, bound to its address. No loss may hang the demo. */
static int socket_at(const struct demo_net *net, enum demo_side side, int type, int protocol)
{
	struct sockaddr_in addr = address(side == DEMO_A ? DEMO_ADDR_A : DEMO_ADDR_B);
	struct timeval limit = { .tv_sec = 5 };
	int fd;

	if (demo_net_enter(net->ns[side]))
		return -1;
	fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

static int connect_to_b(int fd)
{
	struct sockaddr_in addr = address(DEMO_ADDR_B);

	return connect(fd, (struct sockaddr *)&addr, sizeof(addr));
}

/* Sent and received at once, so that no queue grows. */
static int pass_on(int from, int to, int times)
{
	char data[PAYLOAD] = "skbext demo";

	for (int i = 0; i < times; i++)
		if (send(from, data, sizeof(data), MSG_NOSIGNAL) != sizeof(data) ||
		    recv(to, data, sizeof(data), MSG_WAITALL) != sizeof(data))
			return -1;
	return 0;
}

static int udp(const struct demo_net *net, int packets)
{
	int to = socket_at(net, DEMO_B, SOCK_DGRAM, 0);
	int from = socket_at(net, DEMO_A, SOCK_DGRAM, 0);

	return to < 0 || from < 0 || connect_to_b(from) ? -1 : pass_on(from, to, packets);
}

/* The sender closes first: what comes to a socket in TIME_WAIT belongs to no cgroup. */
static int tcp(const struct demo_net *net)
{
	int listener = socket_at(net, DEMO_B, SOCK_STREAM, 0);
	int from = socket_at(net, DEMO_A, SOCK_STREAM, 0);
	int to, ret;

	if (listener < 0 || from < 0 || listen(listener, 1) || connect_to_b(from))
		return -1;
	to = accept(listener, NULL, NULL);
	ret = to < 0 ? -1 : pass_on(from, to, TCP_WRITES);
	close(from);
	return ret;
}

static __u16 checksum(const void *data, size_t len)
{
	const __u16 *p = data;
	__u32 sum = 0;

	for (; len > 1; len -= 2)
		sum += *p++;
	sum = (sum >> 16) + (sum & 0xffff);
	return ~(sum + (sum >> 16));
}

/* B has a raw socket open as well, as a ping daemon would: it gets a clone of each request. */
static int icmp(const struct demo_net *net)
{
	int to = socket_at(net, DEMO_B, SOCK_RAW, IPPROTO_ICMP);
	int from = socket_at(net, DEMO_A, SOCK_RAW, IPPROTO_ICMP);
	char answer[1500];

	if (to < 0 || from < 0 || connect_to_b(from))
		return -1;
	for (int i = 1; i <= ICMP_PACKETS; i++) {
		struct icmphdr echo = { .type = ICMP_ECHO, .un.echo = { htons(PORT), htons(i) } };

		echo.checksum = checksum(&echo, sizeof(echo));
		if (send(from, &echo, sizeof(echo), 0) < 0 ||
		    recv(to, answer, sizeof(answer), 0) < 0 ||
		    recv(from, answer, sizeof(answer), 0) < 0)
			return -1;
	}
	return 0;
}

int demo_traffic(const struct demo_net *net, enum demo_phase phase)
{
	static const char *const name[DEMO_PHASES] = {
		[DEMO_UDP] = "UDP", [DEMO_TCP] = "TCP", [DEMO_ICMP] = "ICMP",
		[DEMO_STORY] = "UDP", [DEMO_MIRROR] = "UDP",
	};
	int ret;

	if (phase == DEMO_TCP)
		ret = tcp(net);
	else if (phase == DEMO_ICMP)
		ret = icmp(net);
	else
		ret = udp(net, phase == DEMO_UDP ? UDP_PACKETS : 1);
	return ret ? cli_error("cannot run the demo: %s between its namespaces: %s",
			       name[phase], strerror(errno)) : CLI_DONE;
}
