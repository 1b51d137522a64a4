// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: devices that hand packets to each other, and tunnels. */
#include <errno.h>
#include <stdlib.h>

#include "paths_traffic.h"

static int udp_veth(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .receiver = 1 });
}

static int xdp(const struct traffic_net *net)
{
	int err = SH(net, 1, "ip link set v1 xdp obj %s/paths_tc.bpf.o sec xdp", getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 1200 });
}

static int tunnel(const struct traffic_net *net, const char *type)
{
	int err = 0;

	for (int side = 0; !err && side < 2; side++)
		err = SH(net, side, "ip link add t%d mtu 1400 type %s local 10.199.77.%d remote 10.199.77.%d && "
			 "ip addr add 10.199.80.%d/24 dev t%d && ip link set t%d up",
			 side, type, side + 1, 2 - side, side + 1, side, side);
	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.80.2", .receiver = 1 });
}

static int gre(const struct traffic_net *net)
{
	return tunnel(net, "gre");
}

static int ipip(const struct traffic_net *net)
{
	return tunnel(net, "ipip");
}

static int vxlan(const struct traffic_net *net)
{
	return tunnel(net, "vxlan id 7 dstport 4789");
}

/* Scrubbed whether or not the tunnel crosses namespaces. */
#define ENCAP(type)										\
	{ #type "_encap", "ip_gre " #type, "dropped (skb_scrub_packet)",			\
	  { TAG("__dev_queue_xmit/0", .dev = "t0", .min_len = 150), PROOF("skb_scrub_packet/0", .must = SET(ALL), .dev = "t0"),	\
	    SEES("tp:net_dev_queue", SET(SCRUB), .dev = "v0", .min_len = 150) }, .take = type }
#define DECAP(type)										\
	{ #type "_decap", "ip_gre " #type, "dropped (skb_scrub_packet)",			\
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 150),				\
	    PROOF("__iptunnel_pull_header/0", .must = SET(ALL)),				\
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "t1", .min_len = 150) }, .take = type }

const struct path paths_virt[] = {
	{ "veth", "", "dropped (skb_scrub_packet)",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"), PROOF("skb_scrub_packet/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "v1") }, .take = udp_veth },
	{ "veth_xdp", "", "the rebuilt packet shares",
	  { TAG("skb_copy_header/1", .dev = "v1", .min_len = 1000), PROOF("__copy_skb_header/1", .must = SET(ALL), .min_len = 1000),
	    SEES("tp:netif_receive_skb", SET(CLONE), .dev = "v1", .min_len = 1000) }, .take = xdp },
	ENCAP(gre), DECAP(gre), ENCAP(ipip), DECAP(ipip), ENCAP(vxlan), DECAP(vxlan),
	{},
};
