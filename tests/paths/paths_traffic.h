/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Traffic for the path table that the plain generators do not make.
 * All return 0 or a negative errno.
 */
#ifndef PATHS_TRAFFIC_H
#define PATHS_TRAFFIC_H

#include <stddef.h>

#include "paths.h"

#define PEER	"10.199.77.2"	/* of the second side, over veth */
#define PEER6	"fd77::2"

/* Datagrams from side 0; each is waited for, unless nobody is to receive it. */
struct paths_udp {
	const char *to;		/* with a colon: IPv6; NULL: PEER */
	const char *from;	/* device to leave by */
	int receiver;		/* side, -1: nobody listens */
	unsigned int count, size;	/* 0: 32 of 200 bytes */
	unsigned int segment;	/* UDP_SEGMENT: one send is cut into parts of this size */
	bool gro;		/* the receiver takes several at once */
	bool fragment;		/* do not set DF */
};

int paths_udp(const struct traffic_net *net, const struct paths_udp *u);

/* A TCP connection from side 0 to 1 over veth, or within side 0 over loopback. */
struct paths_tcp {
	int client, server, listener;
};

int paths_tcp_open(const struct traffic_net *net, bool veth, struct paths_tcp *t);
void paths_tcp_close(struct paths_tcp *t);
int paths_tcp_pass(struct paths_tcp *t, size_t size);	/* client to server, and read there */

/* IPv6 over veth: PEER6. */
int paths_ipv6_up(const struct traffic_net *net);

/* Side 1 forwards to a neighbour that there is not, on its device d1, whose index is 77. */
#define BEHIND	"10.199.78.9"
int paths_behind_up(const struct traffic_net *net, unsigned int mtu);
/* paths_arm(), and datagrams to this address, until the third point has seen all of them. */
int paths_go_behind(const struct traffic_net *net, const char *to);

/* Frames as they are on the wire. */
#define PATHS_FRAME_HEAD	54
size_t paths_tcp_frame(unsigned char *frame, unsigned int number, size_t size);
int paths_vhost_send(int tap, const void *frame, size_t len);	/* needs vhost_net */
int paths_packet_socket(const struct traffic_net *net, int side, const char *dev);

#endif /* PATHS_TRAFFIC_H */
