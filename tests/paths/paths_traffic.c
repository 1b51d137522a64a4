// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif
#ifndef UDP_GRO
#define UDP_GRO		104
#endif

#define PORT		7007

/* ---- UDP */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *text, union address *a)
{
	*a = (union address){};
	if (strchr(text, ':')) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(PORT);
		inet_pton(AF_INET6, text, &a->v6.sin6_addr);
		return sizeof(a->v6);
	}
	a->v4.sin_family = AF_INET;
	a->v4.sin_port = htons(PORT);
	inet_pton(AF_INET, text, &a->v4.sin_addr);
	return sizeof(a->v4);
}

static int udp_receiver(const struct traffic_net *net, const struct paths_udp *u,
			const union address *to, socklen_t len)
{
	const int on = 1, room = 1 << 20;
	int fd;

	if (u->receiver < 0)
		return -1;
	fd = traffic_socket(net, u->receiver, to->any.sa_family, SOCK_DGRAM, 0);
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if ((u->gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on))) ||
	    bind(fd, &to->any, len)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int udp_sender(const struct traffic_net *net, const struct paths_udp *u,
		      const union address *to)
{
	const int want = IP_PMTUDISC_DONT;
	int segment = u->segment;
	int fd = traffic_socket(net, 0, to->any.sa_family, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	if (u->from)
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, u->from, strlen(u->from) + 1);
	if (u->fragment)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &want, sizeof(want));
	if (segment)
		setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return fd;
}

/* What was sent may arrive in parts. */
static int udp_read(int fd, size_t size)
{
	static char buf[65536];

	while (size) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if ((size_t)n > size)
			return -EMSGSIZE;
		size -= n;
	}
	return 0;
}

int paths_udp(const struct traffic_net *net, const struct paths_udp *u)
{
	static const char data[65000];
	size_t size = u->size ?: 200;
	union address to;
	socklen_t len = parse_address(u->to ?: PEER, &to);
	int rx = udp_receiver(net, u, &to, len), tx = udp_sender(net, u, &to), err = 0;

	if (tx < 0 || rx < -1)
		return tx < 0 ? tx : rx;
	for (unsigned int i = 0; !err && i < (u->count ?: 32); i++) {
		err = sendto(tx, data, size, 0, &to.any, len) == (ssize_t)size ? 0 : -errno;
		if (!err && rx >= 0)
			err = udp_read(rx, size);
	}
	close(tx);
	if (rx >= 0)
		close(rx);
	return err;
}

/* ---- TCP */

int paths_tcp_open(const struct traffic_net *net, bool veth, struct paths_tcp *t)
{
	union address a;
	socklen_t len = parse_address(veth ? PEER : "127.0.0.1", &a);
	const int on = 1;
	int err = 0;

	t->client = traffic_socket(net, 0, AF_INET, SOCK_STREAM, 0);
	t->listener = traffic_socket(net, veth, AF_INET, SOCK_STREAM, 0);
	t->server = -1;
	if (t->client < 0 || t->listener < 0 || bind(t->listener, &a.any, len) ||
	    listen(t->listener, 1) || connect(t->client, &a.any, len))
		err = -errno;
	if (!err) {
		t->server = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);
		err = t->server < 0 ? -errno : 0;
	}
	setsockopt(t->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return err;
}

void paths_tcp_close(struct paths_tcp *t)
{
	if (t->client >= 0)
		close(t->client);
	if (t->server >= 0)
		close(t->server);
	if (t->listener >= 0)
		close(t->listener);
}

static int tcp_read(int fd, size_t size)
{
	static char buf[65536];

	while (size) {
		ssize_t n = recv(fd, buf, size < sizeof(buf) ? size : sizeof(buf), 0);

		if (n <= 0)
			return n ? -errno : -EPIPE;
		size -= n;
	}
	return 0;
}

int paths_tcp_pass(struct paths_tcp *t, size_t size)
{
	static const char data[65536];

	while (size) {
		size_t part = size < sizeof(data) ? size : sizeof(data);
		int err;

		if (send(t->client, data, part, MSG_NOSIGNAL) != (ssize_t)part)
			return -errno;
		err = tcp_read(t->server, part);
		if (err)
			return err;
		size -= part;
	}
	return 0;
}

int paths_ipv6_up(const struct traffic_net *net)
{
	int err = 0;

	for (int side = 0; !err && side < 2; side++)
		err = SH(net, side, "echo 0 >/proc/sys/net/ipv6/conf/v%d/disable_ipv6 && "
			 "ip addr add fd77::%d/64 dev v%d nodad && ip neigh replace fd77::%d "
			 "lladdr 02:00:00:00:77:0%d dev v%d nud permanent",
			 side, side + 1, side, 2 - side, 2 - side, side);
	return err;
}

int paths_behind_up(const struct traffic_net *net, unsigned int mtu)
{
	return SH(net, 0, "ip route add 10.199.78.0/24 via " PEER) ?:
	       SH(net, 1, "echo 1 >/proc/sys/net/ipv4/ip_forward && "
		  "ip link add d1 index 77 mtu %u type dummy && "
		  "ip addr add 10.199.78.1/24 dev d1 && ip link set d1 up && "
		  "ip neigh add " BEHIND " lladdr 02:00:00:00:78:09 dev d1 nud permanent", mtu);
}

int paths_go_behind(const struct traffic_net *net, const char *to)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .to = to, .receiver = -1 }) ?:
	       paths_wait(2, 32) ? 0 : -ETIMEDOUT;
}

/* ---- frames */

static __u32 sum(const void *data, size_t size, __u32 start)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i += 2)
		start += p[i] << 8 | (i + 1 < size ? p[i + 1] : 0);
	return start;
}

static __u16 fold(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

/*
 * The number-th segment of one connection, size bytes of data each:
 * 10.199.79.9 to 10.199.79.1, any MAC to broadcast.
 */
size_t paths_tcp_frame(unsigned char *frame, unsigned int number, size_t size)
{
	struct ethhdr *eth = (struct ethhdr *)frame;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	size_t len = sizeof(*tcp) + size;

	memset(frame, 0, PATHS_FRAME_HEAD + size);
	memcpy(eth->h_dest, "\x02\0\0\0\x79\x01", 6);
	memcpy(eth->h_source, "\x02\0\0\0\x79\x09", 6);
	eth->h_proto = htons(ETH_P_IP);
	*ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
			      .frag_off = htons(IP_DF), .tot_len = htons(sizeof(*ip) + len) };
	ip->saddr = htonl(0x0ac74f09);
	ip->daddr = htonl(0x0ac74f01);
	ip->check = fold(sum(ip, sizeof(*ip), 0));
	*tcp = (struct tcphdr){ .source = htons(4444), .dest = htons(5555), .doff = 5, .ack = 1,
				.seq = htonl(1 + number * size), .ack_seq = htonl(1),
				.window = htons(1000) };
	tcp->check = fold(sum(tcp, len, sum(&ip->saddr, 8, IPPROTO_TCP + len)));
	return PATHS_FRAME_HEAD + size;
}

int paths_packet_socket(const struct traffic_net *net, int side, const char *dev)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = traffic_socket(net, side, AF_PACKET, SOCK_RAW, 0);
	int home;

	if (fd < 0)
		return fd;
	home = traffic_ext_enter(net, side);
	sll.sll_ifindex = if_nametoindex(dev);
	traffic_ext_leave(home);
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll))) {
		close(fd);
		return -errno;
	}
	return fd;
}
