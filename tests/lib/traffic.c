// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/icmp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "traffic.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP		262
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE		71
#endif

#define WINDOW		16	/* datagrams under way: far from any queue's limit */
#define PATIENCE	20	/* seconds; an emulated machine on a busy one is slow */
#define MAX_SIZE	65536

static const char *const address[2] = { "10.199.77.1", "10.199.77.2" };

/* ---- namespaces */

static int own_namespace(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

__attribute__((format(printf, 1, 2))) static int run(const char *fmt, ...)
{
	char command[512];
	va_list args;
	int status;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	status = system(command);
	if (status)
		fprintf(stderr, "    traffic: '%s' failed\n", command);
	return status ? -EIO : 0;
}

static int netns_cookie(__u64 *cookie)
{
	socklen_t len = sizeof(*cookie);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/*
 * Quiet: without IPv6 the kernel sends nothing by itself, so what is counted is what the test sent.
 * And with the MTU that lo has by itself, TCP gives it more than it takes at once (at least two
 * segments of nearly 64 KiB each).
 */
static int make_namespace(struct traffic_net *net, int side)
{
	int err;

	if (unshare(CLONE_NEWNET))
		return -errno;
	net->ns[side] = own_namespace();
	if (net->ns[side] < 0)
		return -errno;
	write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv4/icmp_ratelimit", "0");
	write_file("/proc/sys/net/mptcp/enabled", "1");
	err = run("ip link set lo mtu 16384 up");
	return err ?: netns_cookie(&net->cookie[side]);
}

/* Fixed neighbours: no ARP beside the traffic. */
static int join(struct traffic_net *net)
{
	static const char *const mac[2] = { "02:00:00:00:77:01", "02:00:00:00:77:02" };
	int err = 0;

	if (setns(net->ns[0], CLONE_NEWNET))
		return -errno;
	err = run("ip link add v0 address %s type veth "
		  "peer name v1 address %s netns /proc/%d/fd/%d",
		  mac[0], mac[1], getpid(), net->ns[1]);
	for (int side = 0; !err && side < 2; side++) {
		if (setns(net->ns[side], CLONE_NEWNET))
			return -errno;
		err = run("ip addr add %s/24 dev v%d && ip link set v%d up && "
			  "ip neigh add %s lladdr %s dev v%d nud permanent",
			  address[side], side, side, address[!side], mac[!side], side);
	}
	return err;
}

void traffic_pin(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* The first and the last CPU that this process may use: two if it may use two. */
static void choose_cpus(struct traffic_net *net)
{
	cpu_set_t all;

	net->cpu[0] = net->cpu[1] = -1;
	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		if (net->cpu[0] < 0)
			net->cpu[0] = cpu;
		net->cpu[1] = cpu;
	}
}

int traffic_net_up(struct traffic_net *net)
{
	int home = own_namespace();
	int err;

	net->ns[0] = net->ns[1] = -1;
	choose_cpus(net);
	if (home < 0)
		return -errno;
	err = make_namespace(net, 0) ?: make_namespace(net, 1) ?: join(net);
	if (setns(home, CLONE_NEWNET) && !err)
		err = -errno;
	close(home);
	if (err)
		traffic_net_down(net);
	return err;
}

void traffic_net_down(struct traffic_net *net)
{
	for (int side = 0; side < 2; side++) {
		if (net->ns[side] >= 0)
			close(net->ns[side]);
		net->ns[side] = -1;
	}
}

int traffic_lo_tso(const struct traffic_net *net, bool on)
{
	struct ethtool_value tso = { .cmd = ETHTOOL_STSO, .data = on };
	struct ifreq ifr = { .ifr_name = "lo", .ifr_data = (void *)&tso };
	int fd = traffic_socket(net, 0, AF_INET, SOCK_DGRAM, 0);
	int err = fd < 0 ? fd : ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* ---- sockets */

int traffic_socket(const struct traffic_net *net, int side, int domain, int type, int protocol)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	int home = own_namespace();
	int fd, err;

	if (home < 0)
		return -errno;
	if (setns(net->ns[side], CLONE_NEWNET)) {
		err = -errno;
		close(home);
		return err;
	}
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	err = fd < 0 ? -errno : 0;
	if (setns(home, CLONE_NEWNET))
		abort();	/* what follows would run in the wrong namespace */
	close(home);
	if (err)
		return err;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static int receiver_side(const struct traffic *t)
{
	return t->place == TRAFFIC_LO ? 0 : 1;
}

int traffic_bound_socket(const struct traffic_net *net, const struct traffic *t, int type,
			 int protocol, struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = traffic_socket(net, receiver_side(t), AF_INET, type, protocol);
	int err;

	if (fd < 0)
		return fd;
	*sin = (struct sockaddr_in){ .sin_family = AF_INET };
	inet_pton(AF_INET, t->place == TRAFFIC_LO ? "127.0.0.1" : address[1], &sin->sin_addr);
	if (!bind(fd, (struct sockaddr *)sin, len) &&
	    !getsockname(fd, (struct sockaddr *)sin, &len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* ---- UDP */

struct udp_receiver {
	int fd;
	int cpu;
	unsigned int upto;
	unsigned int received;	/* read by the sender */
	int err;
};

static void udp_drain(struct udp_receiver *rx, unsigned int upto)
{
	char buf[MAX_SIZE];

	while (rx->received < upto) {
		if (recv(rx->fd, buf, sizeof(buf), 0) < 0) {
			__atomic_store_n(&rx->err, errno == EAGAIN ? -ETIMEDOUT : -errno,
					 __ATOMIC_RELEASE);
			return;
		}
		__atomic_add_fetch(&rx->received, 1, __ATOMIC_RELEASE);
	}
}

static void *udp_receive(void *arg)
{
	struct udp_receiver *rx = arg;

	traffic_pin(rx->cpu);
	udp_drain(rx, rx->upto);
	return NULL;
}

/* Datagrams carry their number behind 8 bytes: no two of them are the same packet. */
static int udp_send(int fd, const struct traffic *t, unsigned int number,
		    const struct sockaddr_in *to)
{
	char buf[MAX_SIZE];
	__u32 words[3] = { 0x74786562, 0, number };
	size_t size = t->size < sizeof(words) ? sizeof(words) : t->size;
	ssize_t n;

	memset(buf, 0, size);
	memcpy(buf, words, sizeof(words));
	n = t->connected ? send(fd, buf, size, 0) :
			   sendto(fd, buf, size, 0, (const struct sockaddr *)to, sizeof(*to));
	return n == (ssize_t)size ? 0 : -errno;
}

/* The receiver is drained here, or waited for if it is another thread. */
static int udp_await(struct udp_receiver *rx, const struct traffic *t, unsigned int sent)
{
	if (!t->two_cpus)
		udp_drain(rx, sent);
	while (__atomic_load_n(&rx->received, __ATOMIC_ACQUIRE) < sent) {
		if (__atomic_load_n(&rx->err, __ATOMIC_ACQUIRE))
			break;
		sched_yield();
	}
	return rx->err;
}

static int udp_stream(int fd, struct udp_receiver *rx, const struct traffic *t,
		      const struct sockaddr_in *to, struct traffic_result *r)
{
	int err = t->connected && connect(fd, (const struct sockaddr *)to, sizeof(*to)) ?
		  -errno : 0;

	while (!err && r->sent < t->count) {
		err = udp_send(fd, t, r->sent, to);
		if (!err)
			r->sent++;
		if (!err && (r->sent % WINDOW == 0 || r->sent == t->count))
			err = udp_await(rx, t, r->sent);
	}
	return err;
}

int traffic_udp(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r)
{
	struct udp_receiver rx = { .upto = t->count, .cpu = net->cpu[1] };
	struct sockaddr_in to;
	cpu_set_t home;
	pthread_t thread;
	int fd, err;

	*r = (struct traffic_result){};
	rx.fd = traffic_bound_socket(net, t, SOCK_DGRAM, 0, &to);
	if (rx.fd < 0)
		return rx.fd;
	fd = traffic_socket(net, 0, AF_INET, SOCK_DGRAM, 0);
	err = fd < 0 ? fd : 0;
	sched_getaffinity(0, sizeof(home), &home);
	if (!err && t->two_cpus) {
		err = -pthread_create(&thread, NULL, udp_receive, &rx);
		if (!err)
			traffic_pin(net->cpu[0]);
	}
	if (!err) {
		err = udp_stream(fd, &rx, t, &to, r);
		if (t->two_cpus)
			pthread_join(thread, NULL);
	}
	sched_setaffinity(0, sizeof(home), &home);
	r->received = rx.received;
	if (fd >= 0)
		close(fd);
	close(rx.fd);
	return err;
}

int traffic_udp_closed_port(const struct traffic_net *net, const struct traffic *t,
			    struct traffic_result *r)
{
	struct sockaddr_in to;
	int fd, err = 0, hold = traffic_bound_socket(net, t, SOCK_DGRAM, 0, &to);

	*r = (struct traffic_result){};
	if (hold < 0)
		return hold;
	close(hold);
	fd = traffic_socket(net, 0, AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return fd;
	if (t->connected && connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err = -errno;
	while (!err && r->sent < t->count) {
		err = udp_send(fd, t, r->sent, &to);
		/* The refusal of the datagram before: this one was not sent. */
		if (err == -ECONNREFUSED) {
			r->received++;
			err = 0;
			continue;
		}
		if (!err)
			r->sent++;
	}
	close(fd);
	return err ?: traffic_settle() ? 0 : -ETIMEDOUT;
}

int traffic_udp_overflow(const struct traffic_net *net, const struct traffic *t,
			 struct traffic_result *r)
{
	const int room = 1;	/* the kernel makes its minimum of it: a few packets */
	struct sockaddr_in to;
	char buf[MAX_SIZE];
	int rx = traffic_bound_socket(net, t, SOCK_DGRAM, 0, &to);
	int fd, err = 0;

	*r = (struct traffic_result){};
	if (rx < 0)
		return rx;
	setsockopt(rx, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	fd = traffic_socket(net, 0, AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) {
		close(rx);
		return fd;
	}
	if (t->connected && connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err = -errno;
	while (!err && r->sent < t->count) {
		err = udp_send(fd, t, r->sent, &to);
		if (!err)
			r->sent++;
	}
	if (!err && !traffic_settle())
		err = -ETIMEDOUT;
	while (!err && recv(rx, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		r->received++;
	close(fd);
	close(rx);
	return err;
}

/* ---- TCP and MPTCP */

struct tcp_end {
	int fd;			/* the server's: listening */
	int cpu;
	const struct traffic *t;
	__u64 to_send, to_receive;
	__u64 sent;
	__u64 received;
	int err;
};

static int tcp_socket(const struct traffic_net *net, const struct traffic *t, int side)
{
	return traffic_socket(net, side, AF_INET, SOCK_STREAM, t->mptcp ? IPPROTO_MPTCP : 0);
}

static int tcp_listener(const struct traffic_net *net, const struct traffic *t,
			struct sockaddr_in *sin)
{
	int fd = traffic_bound_socket(net, t, SOCK_STREAM, t->mptcp ? IPPROTO_MPTCP : 0, sin);
	int err;

	if (fd < 0 || !listen(fd, 8))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* One round of both directions, as far as they go without blocking. */
static int tcp_step(int fd, struct tcp_end *end, short events)
{
	static const char out[MAX_SIZE];
	char in[MAX_SIZE];
	__u64 left = end->to_send - end->sent;
	ssize_t n = 0;

	if (events & POLLOUT) {
		n = send(fd, out, left < end->t->size ? left : end->t->size,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			end->sent += n;
		if (n < 0 && errno != EAGAIN)
			return -errno;
	}
	if (events & (POLLIN | POLLHUP | POLLERR)) {
		n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
		if (n > 0)
			end->received += n;
		if (!n)
			return -EPIPE;
		if (n < 0 && errno != EAGAIN)
			return -errno;
	}
	return 0;
}

/* Sends and receives, both at once. */
static int tcp_pump(int fd, struct tcp_end *end)
{
	const int on = 1;
	int err = 0;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (!err && (end->sent < end->to_send || end->received < end->to_receive)) {
		struct pollfd p = { .fd = fd };
		int n;

		p.events = (end->sent < end->to_send ? POLLOUT : 0) |
			   (end->received < end->to_receive ? POLLIN : 0);
		n = poll(&p, 1, PATIENCE * 1000);
		err = n < 0 ? -errno : !n ? -ETIMEDOUT : tcp_step(fd, end, p.revents);
	}
	return err;
}

static void *tcp_serve(void *arg)
{
	struct tcp_end *end = arg;
	int fd;

	if (end->t->two_cpus)
		traffic_pin(end->cpu);
	fd = accept4(end->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		end->err = -errno;
		return NULL;
	}
	end->err = tcp_pump(fd, end);
	close(fd);
	return NULL;
}

static int tcp_talk(int fd, struct tcp_end *server, struct tcp_end *client,
		    const struct sockaddr_in *to)
{
	cpu_set_t home;
	pthread_t thread;
	int err = -pthread_create(&thread, NULL, tcp_serve, server);

	if (err)
		return err;
	sched_getaffinity(0, sizeof(home), &home);
	if (client->t->two_cpus)
		traffic_pin(client->cpu);
	err = connect(fd, (const struct sockaddr *)to, sizeof(*to)) ? -errno : tcp_pump(fd, client);
	pthread_join(thread, NULL);
	sched_setaffinity(0, sizeof(home), &home);
	return err ?: server->err;
}

int traffic_tcp(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r)
{
	const __u64 back = t->one_way ? 0 : t->count;
	struct tcp_end server = { .t = t, .cpu = net->cpu[1],
				  .to_send = back, .to_receive = t->count };
	struct tcp_end client = { .t = t, .cpu = net->cpu[0],
				  .to_send = t->count, .to_receive = back };
	struct sockaddr_in to;
	int fd, err;

	*r = (struct traffic_result){};
	server.fd = tcp_listener(net, t, &to);
	if (server.fd < 0)
		return server.fd;
	fd = tcp_socket(net, t, 0);
	err = fd < 0 ? fd : tcp_talk(fd, &server, &client, &to);
	if (fd >= 0)
		close(fd);
	close(server.fd);
	r->sent = client.sent + server.sent;
	r->received = client.received + server.received;
	return err;
}

static int send_all(int fd, size_t size)
{
	static const char out[MAX_SIZE];

	return send(fd, out, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

static int recv_all(int fd, size_t size)
{
	char in[MAX_SIZE];
	ssize_t n = recv(fd, in, size, MSG_WAITALL);

	return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EPIPE;
}

/* Client and server in turns: with so little under way neither end ever waits for the other. */
static int tcp_exchange(const struct traffic_net *net, const struct traffic *t, int listener,
			const struct sockaddr_in *to)
{
	int fd = tcp_socket(net, t, 0), peer = -1, err;

	if (fd < 0)
		return fd;
	err = connect(fd, (const struct sockaddr *)to, sizeof(*to)) ? -errno : 0;
	if (!err) {
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		err = peer < 0 ? -errno : 0;
	}
	err = err ?: send_all(fd, t->size) ?: recv_all(peer, t->size) ?:
		     send_all(peer, t->size) ?: recv_all(fd, t->size);
	close(fd);
	if (peer >= 0)
		close(peer);
	return err;
}

int traffic_tcp_connections(const struct traffic_net *net, const struct traffic *t,
			    struct traffic_result *r)
{
	struct sockaddr_in to;
	int err = 0, listener = tcp_listener(net, t, &to);

	*r = (struct traffic_result){};
	if (listener < 0)
		return listener;
	while (!err && r->sent < t->count) {
		r->sent++;
		err = tcp_exchange(net, t, listener, &to);
		if (!err)
			r->received++;
	}
	close(listener);
	return err;
}

/* ---- ICMP */

static __u16 checksum(const void *data, size_t size)
{
	const __u16 *words = data;
	__u32 sum = 0;

	for (size_t i = 0; i < size / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

struct echo {
	struct icmphdr icmp;
	char payload[56];
};

/* A raw socket on loopback sees the requests as well: read on until the reply. */
static int icmp_await(int fd, __u16 sequence)
{
	char buf[512];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct icmphdr *icmp = (struct icmphdr *)(buf + sizeof(struct in_addr) * 5);

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n >= 28 && icmp->type == ICMP_ECHOREPLY && icmp->un.echo.sequence == sequence)
			return 0;
	}
}

int traffic_icmp(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int err = 0, fd = traffic_socket(net, 0, AF_INET, SOCK_RAW, IPPROTO_ICMP);

	*r = (struct traffic_result){};
	if (fd < 0)
		return fd;
	inet_pton(AF_INET, t->place == TRAFFIC_LO ? "127.0.0.1" : address[1], &to.sin_addr);
	while (!err && r->sent < t->count) {
		struct echo echo = { .icmp = { .type = ICMP_ECHO } };

		echo.icmp.un.echo.id = htons(0x7362);
		echo.icmp.un.echo.sequence = htons(r->sent);
		echo.icmp.checksum = checksum(&echo, sizeof(echo));
		if (sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			err = -errno;
			break;
		}
		r->sent++;
		err = icmp_await(fd, echo.icmp.un.echo.sequence);
		if (!err)
			r->received++;
	}
	close(fd);
	return err;
}

/* ---- quiet */

/* Packets in this CPU's backlog: softnet_seq_show(), the same columns since 5.10. -1: none such. */
static int backlog_of(int cpu)
{
	FILE *f = fopen("/proc/self/net/softnet_stat", "r");
	unsigned int backlog, index;
	char line[256];
	int found = -1;

	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %x %x", &backlog,
			   &index) == 2 && index == (unsigned int)cpu)
			found = backlog;
	if (f)
		fclose(f);
	return found;
}

int traffic_on_each_cpu(int (*run)(int cpu, void *arg), void *arg)
{
	cpu_set_t all;
	int err = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -errno;
	for (int cpu = 0; !err && cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		traffic_pin(cpu);
		err = run(cpu, arg);
	}
	sched_setaffinity(0, sizeof(all), &all);
	return err;
}

/* Nothing of it is under way when it is empty: no process interrupts a softirq. */
static int wait_for_backlog(int cpu, void *end)
{
	int backlog;

	while ((backlog = backlog_of(cpu)) > 0 && time(NULL) < *(time_t *)end)
		sched_yield();
	return backlog;
}

bool traffic_settle(void)
{
	time_t end = time(NULL) + 3 * PATIENCE;

	return !traffic_on_each_cpu(wait_for_backlog, &end);
}

static int send_one(int cpu, void *net)
{
	const struct traffic one = { .place = TRAFFIC_LO, .count = 1 };
	struct traffic_result r;

	return traffic_udp(net, &one, &r);
}

int traffic_poke(const struct traffic_net *net)
{
	return traffic_on_each_cpu(send_one, (void *)net);
}
