// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: TCP, whose sender keeps the packet that its clones are sent of. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

/* What is sent is lost until the point with this number was reached. */
static int lose_until(const struct traffic_net *net, unsigned int point, size_t size)
{
	struct paths_tcp t;
	int err = paths_tcp_open(net, true, &t) ?: SH(net, 1, "tc qdisc add dev v1 clsact && "
		  "tc filter add dev v1 ingress matchall action drop");
	static const char data[65536];
	char buf[65536];

	paths_arm();
	if (!err && send(t.client, data, size, 0) != (ssize_t)size)
		err = -errno;
	if (!err && !paths_wait(point, 1))
		err = -ETIMEDOUT;
	err = err ?: SH(net, 1, "tc filter del dev v1 ingress");
	for (size_t got = 0; !err && got < size;) {
		ssize_t n = recv(t.server, buf, sizeof(buf), 0);

		got += n > 0 ? n : 0;
		err = n < 0 ? -errno : n ? 0 : -EPIPE;
	}
	paths_tcp_close(&t);
	return err;
}

static int retransmit(const struct traffic_net *net)
{
	return lose_until(net, 1, 1000);
}

static int split(const struct traffic_net *net)
{
	return lose_until(net, 1, 9000);
}

static int gso_tcp(const struct traffic_net *net)
{
	const struct traffic t = { .place = TRAFFIC_VETH, .count = 1 << 18, .size = 16384 };
	struct traffic_result r;
	int err = SH(net, 0, "ethtool -K v0 tso off gso on >/dev/null");

	paths_arm();
	return err ?: traffic_tcp(net, &t, &r);
}

static int coalesce(const struct traffic_net *net)
{
	static const char data[300];
	static char buf[65536];
	struct paths_tcp t;
	int err = paths_tcp_open(net, false, &t);

	paths_arm();
	for (int i = 0; !err && i < 100; i++)
		err = send(t.client, data, sizeof(data), 0) < 0 ? -errno : 0;
	for (size_t got = 0; !err && got < sizeof(data) * 100;) {
		ssize_t n = recv(t.server, buf, sizeof(buf), 0);

		got += n > 0 ? n : 0;
		err = n < 0 ? -errno : n ? 0 : -EPIPE;
	}
	paths_tcp_close(&t);
	return err;
}

/*
 * A receiver with little room that reads nothing yet, and segments that each take more of it than
 * they carry. A tap's clones keep them from being merged as they arrive.
 */
static int collapse(const struct traffic_net *net)
{
	const int room = 4096, tap_room = 1 << 26;
	int tap = paths_packet_socket(net, 1, "v1"), err;
	struct paths_tcp t;
	char buf[512];

	if (tap < 0)
		return tap;
	setsockopt(tap, SOL_SOCKET, SO_RCVBUFFORCE, &tap_room, sizeof(tap_room));
	err = paths_tcp_open(net, true, &t);
	setsockopt(t.server, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	paths_arm();
	for (int i = 0; !err && i < 500 && !paths_hits(1); i++)
		for (int n = 0; n < 16; n++)
			if (send(t.client, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
				usleep(1000);
	while (!err && recv(t.server, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	close(tap);
	paths_tcp_close(&t);
	return err;
}

static int two_cpus(const struct traffic_net *net)
{
	const struct traffic t = { .place = TRAFFIC_LO, .count = 1 << 20, .size = 4096,
				   .two_cpus = true };
	struct traffic_result r;

	paths_arm();
	return traffic_tcp(net, &t, &r);
}

const struct path paths_tcp[] = {
	{ "tcp_retransmit", "act_gact cls_matchall sch_ingress",
	  "each transmission's clone shares with the queued packet",
	  { TAG("tcp_skb_entail/1"),
	    PROOF("__tcp_retransmit_skb/1", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(CLONE), .dev = "v0", .min_len = 500) },
	  .take = retransmit },
	{ "tcp_fragment", "act_gact cls_matchall sch_ingress",
	  "the first part keeps, the second has none",
	  { TAG("tcp_skb_entail/1"), PROOF("tcp_fragment/2"),
	    SEES("tp:net_dev_queue", SET(CLONE) | SET(NOTHING), .dev = "v0", .min_len = 500) },
	  .take = split },
	{ "gso_segment_tcp", "", "every segment shares",
	  { TAG("__dev_queue_xmit/0", .dev = "v0", .min_len = 3000),
	    PROOF("skb_segment/0", .must = SET(ALL)),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .may = SET(NOTHING), .dev = "v0",
		 .min_len = 500) }, .take = gso_tcp },
	{ "tcp_coalesce", "", "the packet that is merged into another loses it",
	  { TAG("tp:netif_receive_skb", .dev = "lo", .min_len = 200),
	    PROOF("kfree_skb_partial/0", .must = SET(ALL)) },
	  .take = coalesce },
	{ "tcp_collapse", "", "the new packet has none",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tcp_collapse_one/1", .must = SET(ALL)),
	    SEES("tp:skb_copy_datagram_iovec", SET(NOTHING), .may = SET(ALL)) },
	  .take = collapse },
	{ "tcp_two_cpus", "", "freed with the packet, on the CPU that allocated it",
	  { TAG("tp:netif_receive_skb", .dev = "lo"),
	    PROOF("skb_attempt_defer_free/0", .must = SET(ALL), .only = true) },
	  .take = two_cpus },
	{},
};
