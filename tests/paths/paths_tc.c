// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: packets that are multiplied between the stack and a device. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

#define DUMMY "ip link add d0 index 77 type dummy && ip link set d0 up && " \
	      "tc qdisc add dev v0 clsact && "

static const char *program(void)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/paths_tc.bpf.o",
		 getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");
	return path;
}

static int udp_veth(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .receiver = 1 });
}

static int mirred(const struct traffic_net *net)
{
	return SH(net, 0, DUMMY "tc filter add dev v0 egress matchall "
		  "action mirred egress mirror dev d0") ?: udp_veth(net);
}

static int clone_redirect(const struct traffic_net *net)
{
	return SH(net, 0, DUMMY "tc filter add dev v0 egress bpf da obj %s sec tc/clone_redirect",
		  program()) ?: udp_veth(net);
}

static int redirect_ingress(const struct traffic_net *net)
{
	int err = SH(net, 0, DUMMY "tc filter add dev v0 egress bpf da obj %s "
		     "sec tc/redirect_ingress", program());

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 });
}

static int tap(const struct traffic_net *net)
{
	int fd = paths_packet_socket(net, 0, "v0"), err;
	char buf[2048];

	if (fd < 0)
		return fd;
	err = udp_veth(net);
	for (int i = 0; !err && i < 32; i++)
		err = recv(fd, buf, sizeof(buf), 0) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* The socket goes with all that it holds. */
static int tap_unread(const struct traffic_net *net)
{
	int fd = paths_packet_socket(net, 0, "v0"), err;

	if (fd < 0)
		return fd;
	err = udp_veth(net);
	close(fd);
	return err;
}

static int netem_duplicate(const struct traffic_net *net)
{
	int err = SH(net, 0, "tc qdisc add dev v0 root netem duplicate 100%%");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(2, 64) ? 0 : -ETIMEDOUT;
}

static int bridge_flood(const struct traffic_net *net)
{
	int err = SH(net, 1, "ip addr flush dev v1 && "
		     "ip link add br0 type bridge mcast_snooping 0 && "
		     "ip link set br0 up && ip link set v1 master br0 && "
		     "for d in d1 d2; do "
		     "ip link add $d type dummy && ip link set $d master br0 up; done");

	err = err ?: SH(net, 0, "ip neigh replace " PEER
			" lladdr 02:00:00:00:77:99 dev v0 nud permanent");
	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(2, 32) ? 0 : -ETIMEDOUT;
}

static int macvlan_broadcast(const struct traffic_net *net)
{
	int err = SH(net, 1, "for m in m1 m2; do "
		     "ip link add link v1 name $m type macvlan mode bridge && "
		     "ip link set $m up; done") ?:
		  SH(net, 0, "ip neigh replace " PEER
		     " lladdr ff:ff:ff:ff:ff:ff dev v0 nud permanent");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(2, 32) ? 0 : -ETIMEDOUT;
}

/* It comes back to those who joined, on the device that it leaves by. */
static int multicast_loop(const struct traffic_net *net)
{
	struct ip_mreqn join = { .imr_multiaddr.s_addr = htonl(0xef070707),
				 .imr_address.s_addr = htonl(0x0ac74d01) };
	int fd = traffic_socket(net, 0, AF_INET, SOCK_DGRAM, 0);
	int err = SH(net, 0, "ip route add 239.7.7.7 dev v0");

	if (fd < 0)
		return fd;
	if (!err && setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)))
		err = -errno;
	paths_arm();
	err = err ?: paths_udp(net, &(struct paths_udp){ .to = "239.7.7.7", .receiver = -1 }) ?:
	       paths_wait(2, 32) ? 0 : -ETIMEDOUT;
	close(fd);
	return err;
}

static int pktgen(const struct traffic_net *net, const char *mode)
{
	int err = SH(net, 0, "ip link add d0 type dummy && ip link set d0 up && "
		     "cd /proc/net/pktgen && echo add_device d0 >kpktgend_0 && "
		     "for c in 'count 200' %s 'pkt_size 200' 'dst 10.9.9.9' "
		     "'dst_mac 02:00:00:00:77:09'; do echo $c >d0; done", mode);

	paths_arm();
	return err ?: SH(net, 0, "echo start >/proc/net/pktgen/pgctrl");
}

static int pktgen_queue(const struct traffic_net *net)
{
	return pktgen(net, "'xmit_mode queue_xmit'");
}

static int pktgen_receive(const struct traffic_net *net)
{
	return pktgen(net, "'xmit_mode netif_receive' 'burst 8'");
}

static int pktgen_clone(const struct traffic_net *net)
{
	return pktgen(net, "'clone_skb 10'");
}

const struct path paths_tc[] = {
	{ "mirred", "act_mirred cls_matchall sch_ingress dummy",
	  "the clone shares, the packet keeps",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"), PROOF("tcf_mirred_act/0"),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "d0"),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "v0") }, .take = mirred },
	{ "clone_redirect", "cls_bpf sch_ingress dummy", "the clone shares, the packet keeps",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"),
	    PROOF("skb_clone/0", .must = SET(ALL), .dev = "v0"),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "d0"),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "v0") }, .take = clone_redirect },
	{ "redirect_ingress", "cls_bpf sch_ingress dummy", "dropped (____dev_forward_skb scrubs)",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"), PROOF("skb_scrub_packet/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "d0"), }, .take = redirect_ingress },
	{ "packet_tap", "", "the tap's clone shares, the packet keeps",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"),
	    PROOF("dev_queue_xmit_nit/0", .must = SET(ALL), .only = true),
	    SEES("packet_rcv/0", SET(CLONE), .dev = "v0"),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "v0"),
	    SEES("tp:skb_copy_datagram_iovec", SET(CLONE), .may = SET(NOTHING)) }, .take = tap },
	{ "packet_tap_unread", "", "the tap's clone shares, and is freed with the socket",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"),
	    PROOF("dev_queue_xmit_nit/0", .must = SET(ALL), .only = true),
	    SEES("packet_rcv/0", SET(CLONE), .dev = "v0") }, .take = tap_unread },
	{ "netem_duplicate", "sch_netem", "the clone shares, the packet keeps",
	  { TAG("tp:net_dev_queue", .dev = "v0"), PROOF("netem_enqueue/0"),
	    SEES("tp:net_dev_start_xmit", SET(ALL) | SET(CLONE), .dev = "v0") },
	  .take = netem_duplicate },
	{ "bridge_flood", "bridge dummy", "the clones share, the last port gets the packet itself",
	  { TAG("tp:netif_receive_skb", .dev = "v1"), PROOF("br_flood/1", .must = SET(ALL)),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "d1"),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "d2") }, .take = bridge_flood },
	{ "macvlan_broadcast", "macvlan", "the clones share",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("macvlan_broadcast/0", .must = SET(CLONE)),
	    SEES("tp:netif_receive_skb", SET(CLONE), .dev = "m1") }, .take = macvlan_broadcast },
	{ "multicast_loop", "", "the clone that comes back shares, the packet keeps",
	  { TAG("ip_mc_output/2"), PROOF("ip_mc_finish_output/2", .must = SET(CLONE)),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "v0", .min_len = 200) },
	  .take = multicast_loop },
	{ "pktgen_queue_xmit", "pktgen dummy", "freed with the packet",
	  { TAG("__dev_queue_xmit/0", .dev = "d0"),
	    PROOF("tp:net_dev_start_xmit", .must = SET(ALL), .only = true, .dev = "d0") },
	  .take = pktgen_queue },
	{ "pktgen_netif_receive", "pktgen dummy", "freed with the packet",
	  { TAG("tp:netif_receive_skb", .may = SET(ALL), .dev = "d0"),
	    PROOF("ip_rcv/0", .must = SET(ALL), .dev = "d0") }, .take = pktgen_receive },
	{ "pktgen_clone_skb", "pktgen dummy", "freed with the packet's last reference",
	  { TAG("dummy_xmit/0", .may = SET(ALL)), PROOF("dummy_xmit/0", .must = SET(ALL)) },
	  .take = pktgen_clone },
	{},
};
