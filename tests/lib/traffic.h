/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Real traffic for tests: bounded in count and in time, and the same each time it runs.
 *
 * It runs in two network namespaces without a name, joined by a veth pair, each with a loopback of
 * its own. They end with the process, however that ends, and nobody else's packets are in them.
 * Only sockets live there: a thread enters a namespace to make one and leaves again.
 *
 * Every generator waits for what it sent; -ETIMEDOUT means that something got lost, other negative
 * errnos that a system call failed. -EPROTONOSUPPORT: this kernel has no such protocol.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <linux/types.h>
#include <stdbool.h>

struct traffic_net {
	int ns[2];
	__u64 cookie[2];	/* what BPF programs see as net->net_cookie */
	int cpu[2];		/* where senders and receivers run; different if there are two */
};

enum traffic_place {
	TRAFFIC_LO,		/* loopback of the first namespace */
	TRAFFIC_VETH,		/* from the first to the second */
};

struct traffic {
	enum traffic_place place;
	unsigned int count;	/* datagrams, connections or bytes in each direction */
	unsigned int size;	/* bytes of one datagram or one write */
	bool connected;		/* UDP: connect() and send(), else sendto() */
	bool two_cpus;		/* sender and receiver are threads on different CPUs */
	bool mptcp;		/* instead of TCP */
	bool one_way;		/* traffic_tcp(): nothing comes back but acknowledgements */
};

struct traffic_result {
	__u64 sent;		/* in the unit of count */
	__u64 received;
};

int traffic_net_up(struct traffic_net *net);
void traffic_net_down(struct traffic_net *net);

/* Off: the stack, not the device, cuts what TCP gives the loopback into segments. On at first. */
int traffic_lo_tso(const struct traffic_net *net, bool on);

/* A socket in one of the namespaces, with limits of time on what may block. Negative errno. */
int traffic_socket(const struct traffic_net *net, int side, int domain, int type, int protocol);

struct sockaddr_in;
/* A bound socket on the receiver's side of t->place, and its address. Negative errno. */
int traffic_bound_socket(const struct traffic_net *net, const struct traffic *t, int type,
			 int protocol, struct sockaddr_in *sin);

void traffic_pin(int cpu);	/* this thread */

/*
 * Runs on every CPU that this thread may use, one after the other, until one returns other than 0:
 * that is returned, or a negative errno.
 */
int traffic_on_each_cpu(int (*run)(int cpu, void *arg), void *arg);

int traffic_udp(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r);

/* To a port where nobody listens. received counts the refusals that came back, if t->connected. */
int traffic_udp_closed_port(const struct traffic_net *net, const struct traffic *t,
			    struct traffic_result *r);

/* Nobody reads until all is sent, and there is room for a few: the rest is dropped. */
int traffic_udp_overflow(const struct traffic_net *net, const struct traffic *t,
			 struct traffic_result *r);

/* One connection, t->count bytes each way at once, in writes of t->size. */
int traffic_tcp(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r);

/* t->count connections after each other, each a request and a reply of t->size bytes. */
int traffic_tcp_connections(const struct traffic_net *net, const struct traffic *t,
			    struct traffic_result *r);

int traffic_icmp(const struct traffic_net *net, const struct traffic *t, struct traffic_result *r);

/*
 * Wait for what was sent to a device of this machine and that nobody receives, as it is dropped
 * before a socket. On a busy machine it is still in a CPU's backlog when the sender goes on.
 * False: it does not come to an end.
 */
bool traffic_settle(void);

/* One datagram over loopback on every CPU, so that each runs its receive softirq. */
int traffic_poke(const struct traffic_net *net);

#endif /* TRAFFIC_H */
