// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#include "oracle_traffic.h"
#include "traffic_ext.h"

#define MiB (1U << 20)

static const struct traffic_net *net;
static unsigned int scale;

static int mptcp_bulk(unsigned int bytes)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = bytes * scale, .size = 8192,
			     .mptcp = true };
	struct traffic_result r;

	return traffic_tcp(net, &t, &r);
}

static int tcp_bulk(unsigned int bytes)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = bytes * scale, .size = 8192 };
	struct traffic_result r;

	return traffic_tcp(net, &t, &r);
}

static int udp(unsigned int count, unsigned int size)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = count * scale, .size = size };
	struct traffic_result r;

	return traffic_udp(net, &t, &r);
}

static int run_mptcp(void)
{
	return mptcp_bulk(MiB / 4);
}

static int run_mptcp_lo(void)
{
	struct traffic t = { .place = TRAFFIC_LO, .count = MiB / 4 * scale, .size = 8192,
			     .mptcp = true, .two_cpus = true };
	struct traffic_result r;

	return traffic_tcp(net, &t, &r);
}

static int run_mptcp_connections(void)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = 8, .size = 512, .mptcp = true };
	struct traffic_result r;

	return traffic_tcp_connections(net, &t, &r);
}

static int run_mptcp_data_acks(void)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = MiB / 8 * scale, .size = 8192,
			     .mptcp = true, .one_way = true };
	struct traffic_result r;

	return traffic_ext_count_data_acks(net) ?: traffic_tcp(net, &t, &r) ?:
	       traffic_ext_data_acks_counted(net);
}

static void *mptcp_thread(void *err)
{
	*(int *)err = mptcp_bulk(MiB / 16);
	return NULL;
}

/*
 * Connections that interrupt each other while they send: now and then the kernel skips a hook of
 * ours.
 */
static int run_mptcp_interrupted(void)
{
	pthread_t thread[4];
	int n, result[4] = {}, err = traffic_ext_rps(net);

	for (n = 0; !err && n < 4; n++)
		err = -pthread_create(&thread[n], NULL, mptcp_thread, &result[n]);
	while (n--) {
		pthread_join(thread[n], NULL);
		err = err ?: result[n];
	}
	return err;
}

/*
 * Since 7.x TCP rarely takes more than it has room for. Always as much, which is many packets: less
 * does not always get so far.
 */
static int run_mptcp_collapse(void)
{
	int err = traffic_ext_little_room(net) ?: mptcp_bulk(MiB / 4 / scale);

	if (!err && traffic_ext_counted(net, 1, "TCPRcvCollapsed"))
		fprintf(stderr, "    mptcp_collapse: nothing had to be collapsed\n");
	return err;
}

static int run_mptcp_fallback(void)
{
	return traffic_ext_strip_mptcp(net) ?: mptcp_bulk(MiB / 16) ?:
	       traffic_ext_counted(net, 0, "MPCapableFallbackSYNACK");
}

static int run_mptcp_join(void)
{
	return traffic_ext_mptcp_join(net) ?: mptcp_bulk(MiB / 4) ?:
	       traffic_ext_counted(net, 1, "MPJoinAckRx");
}

static int run_esp(enum traffic_esp kind)
{
	int err = traffic_ext_esp(net, kind);

	err = err ?: udp(100, 100) ?: udp(10, 4000) ?: tcp_bulk(MiB / 16) ?: mptcp_bulk(MiB / 8);
	return err ?: traffic_ext_esp_off(net);
}

static int run_esp_transport(void)
{
	return run_esp(TRAFFIC_ESP_TRANSPORT);
}

static int run_esp_tunnel(void)
{
	return run_esp(TRAFFIC_ESP_TUNNEL);
}

static int run_esp_tunnel6(void)
{
	return run_esp(TRAFFIC_ESP_TUNNEL6);
}

static int run_bridge(bool flood)
{
	struct traffic_bridge bridge;
	int err = traffic_ext_bridge(net, &bridge, flood);
	bool ruled;

	if (err)
		return err;
	/* A kernel with PREEMPT_RT may have no iptables; then bridge netfilter has no reader. */
	err = traffic_ext_physdev(&bridge);
	ruled = err != -ENOPROTOOPT;
	err = ruled ? err : 0;
	err = err ?: udp(100, 100) ?: udp(10, 4000) ?: tcp_bulk(MiB / 16) ?: mptcp_bulk(MiB / 8);
	if (!err && ruled)
		err = traffic_ext_physdev_matched(&bridge);
	traffic_ext_bridge_down(&bridge);
	return err;
}

static int run_bridge_learned(void)
{
	return run_bridge(false);
}

static int run_bridge_flood(void)
{
	return run_bridge(true);
}

/* can_send() clones each frame that leaves, for who listens on this side. */
static int run_can(void)
{
	const struct traffic_can bus = { .from = "can0", .to = "can0", .count = 100 * scale };

	return traffic_can_up(net) ?: traffic_can(net, &bus);
}

/* To another namespace, which scrubs nothing. */
static int run_can_peer(void)
{
	const struct traffic_can bus = { .from = "vx0", .to = "vx1", .side = 1,
					 .count = 100 * scale };

	return traffic_can_up(net) ?: traffic_can(net, &bus);
}

const struct oracle_traffic oracle_traffic[ORACLE_TRAFFIC_MAX] = {
	{ "mptcp", "mptcp", run_mptcp, 0 },
	{ "mptcp_large", "mptcp", run_mptcp, ORACLE_LARGE },
	{ "mptcp_lo", "mptcp", run_mptcp_lo, 0 },
	{ "mptcp_connections", "mptcp", run_mptcp_connections, 0 },
	{ "mptcp_data_acks", "mptcp", run_mptcp_data_acks, 0 },
	{ "mptcp_join", "mptcp", run_mptcp_join, ORACLE_BRIEF },
	{ "mptcp_collapse", "mptcp", run_mptcp_collapse, ORACLE_BRIEF },
	{ "mptcp_fallback", NULL, run_mptcp_fallback, 0 },
	{ "mptcp_interrupted", "mptcp", run_mptcp_interrupted, ORACLE_BRIEF },
	{ "esp_transport", "sec_path", run_esp_transport, 0 },
	{ "esp_tunnel", "sec_path", run_esp_tunnel, ORACLE_BRIEF },
	{ "esp_tunnel6", "sec_path", run_esp_tunnel6, 0 },
	{ "bridge", "bridge_nf", run_bridge_learned, ORACLE_BRIEF },
	{ "bridge_flood", "bridge_nf", run_bridge_flood, 0 },
	{ "can", "can", run_can, ORACLE_BRIEF | ORACLE_IF_BUILT },
	{ "can_peer", "can", run_can_peer, ORACLE_BRIEF | ORACLE_IF_BUILT },
};

int oracle_traffic_run(const struct oracle_traffic *t, const struct traffic_net *between,
		       unsigned int times)
{
	int err;

	net = between;
	scale = times;
	err = t->flags & ORACLE_LARGE ? 0 : traffic_ext_small(net, 1400);
	return err ?: t->run();
}
