/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ways to make the plain traffic of traffic.h carry extensions of the kernel's own: the two
 * namespaces of a traffic_net are set up so that what goes between them is encrypted, bridged, cut
 * or forwarded. All return 0 or a negative errno; -EOPNOTSUPP: this kernel or this machine cannot.
 */
#ifndef TRAFFIC_EXT_H
#define TRAFFIC_EXT_H

#include <stdbool.h>

#include "traffic.h"

/* Runs a shell command in the namespace of one side. */
__attribute__((format(printf, 3, 4)))
int traffic_ext_run(const struct traffic_net *net, int side, const char *fmt, ...);

/* Until traffic_ext_leave(), this thread is in the namespace of one side. */
int traffic_ext_enter(const struct traffic_net *net, int side);
void traffic_ext_leave(int home);

/* Many small packets instead of few large ones. */
int traffic_ext_small(const struct traffic_net *net, unsigned int mtu);

/*
 * The receive softirq of each flow has a CPU of its own choice:
 * packets interrupt who is busy there.
 */
int traffic_ext_rps(const struct traffic_net *net);

enum traffic_esp {
	TRAFFIC_ESP_TRANSPORT,
	TRAFFIC_ESP_TUNNEL,
	TRAFFIC_ESP_TUNNEL6,	/* IPv4 in ESP in IPv6 */
};

int traffic_ext_esp(const struct traffic_net *net, enum traffic_esp kind);
int traffic_ext_esp_off(const struct traffic_net *net);

/*
 * A bridge in a third namespace takes the place of the veth pair; br_netfilter tracks all that
 * passes, which takes fragments together and apart again. flood: it learns nothing and has a third
 * port, so each packet is cloned.
 */
struct traffic_bridge {
	struct traffic_net net;		/* of which side 0 is the bridge's namespace */
};

int traffic_ext_bridge(const struct traffic_net *net, struct traffic_bridge *bridge, bool flood);
void traffic_ext_bridge_down(struct traffic_bridge *bridge);

/*
 * Rules of iptables for the ports by which packets come and go (xt_physdev),
 * one for each direction.
 */
int traffic_ext_physdev(const struct traffic_bridge *bridge);
int traffic_ext_physdev_matched(const struct traffic_bridge *bridge);	/* 0: both did */

/* MPTCP options do not arrive: connections fall back to TCP. */
int traffic_ext_strip_mptcp(const struct traffic_net *net);

/* Counts, on the client's side, MPTCP's acknowledgements (data acks) that come without data. */
int traffic_ext_count_data_acks(const struct traffic_net *net);
int traffic_ext_data_acks_counted(const struct traffic_net *net);	/* 0: there were some */

/* A second address: each connection gets another subflow. */
int traffic_ext_mptcp_join(const struct traffic_net *net);

/*
 * Sockets have so little room, and packets so little data for the room they take, that TCP copies
 * the data of those that wait into fewer (tcp_collapse()).
 */
int traffic_ext_little_room(const struct traffic_net *net);

/*
 * Buses for CAN frames: can0 on side 0, and one from its vx0 to vx1 of side 1. A frame is read at
 * `to` of `side` before the next is sent.
 */
struct traffic_can {
	const char *from, *to;
	int side;
	unsigned int count;
};

int traffic_can_up(const struct traffic_net *net);
int traffic_can(const struct traffic_net *net, const struct traffic_can *t);

/*
 * 0 if one of the kernel's counters for TCP and MPTCP (/proc/net/netstat) of this side has moved:
 * what was to be shown did happen.
 */
int traffic_ext_counted(const struct traffic_net *net, int side, const char *counter);

#endif /* TRAFFIC_EXT_H */
