// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: more devices, queues that cut packets, redirects of BPF, and buses. */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

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

/* ---- bonding */

static int bond_end(const struct traffic_net *net, int side)
{
	return SH(net, side, "ip link add b%d type bond mode active-backup miimon 100 && "
		  "ip link set v%d down && ip link set v%d master b%d && "
		  "ip addr add 10.199.86.%d/24 dev b%d && ip link set b%d up && "
		  "ip neigh add 10.199.86.%d lladdr 02:00:00:00:77:0%d dev b%d nud permanent",
		  side, side, side, side, side + 1, side, side, 2 - side, 2 - side, side);
}

static int has_carrier(const struct traffic_net *net, int side)
{
	return SH(net, side, "for i in $(seq 100); do ip link show dev b%d | grep -q LOWER_UP && "
		  "exit 0; sleep 0.1; done; exit 1", side);
}

static int bond(const struct traffic_net *net)
{
	int err = bond_end(net, 0) ?: bond_end(net, 1) ?: has_carrier(net, 0) ?:
		  has_carrier(net, 1);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.86.2", .receiver = 1 });
}

/* ---- tc actions at ingress of v1 */

static int ingress(const struct traffic_net *net, const char *before, const char *action)
{
	return SH(net, 1, "%s tc qdisc add dev v1 clsact && "
		  "tc filter add dev v1 ingress protocol ip matchall %s", before, action);
}

static int ifb(const struct traffic_net *net)
{
	return ingress(net, "ip link add i0 type ifb && ip link set i0 up &&",
		       "action mirred egress redirect dev i0") ?:
	       udp_veth(net);
}

static int act_ct(const struct traffic_net *net)
{
	return ingress(net, "", "action ct pipe action pass") ?: udp_veth(net);
}

static int act_sample(const struct traffic_net *net)
{
	return ingress(net, "", "action sample rate 1 group 5") ?: udp_veth(net);
}

/* ---- qdiscs that cut */

static int cut_by(const struct traffic_net *net, const char *qdisc)
{
	int err = SH(net, 0, "tc qdisc add dev v0 root %s", qdisc);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 10000,
							  .segment = 1000 });
}

static int tbf(const struct traffic_net *net)
{
	return cut_by(net, "tbf rate 1gbit burst 3000 latency 1s");
}

/* Nobody waits for each: cake of 6.12.118 was seen to keep the last part, as if until the next packet. */
static int cake(const struct traffic_net *net)
{
	int err = SH(net, 0, "tc qdisc add dev v0 root cake bandwidth 1gbit split-gso");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1, .size = 10000,
							  .segment = 1000 }) ?:
		      paths_wait(2, 32 * 9) ? 0 : -ETIMEDOUT;
}

/* ---- redirects of BPF */

static int tc_program(const struct traffic_net *net, const char *section)
{
	return SH(net, 1, "tc qdisc add dev v1 clsact && "
		  "tc filter add dev v1 ingress bpf da obj %s sec %s", program(), section);
}

static int redirect_neigh(const struct traffic_net *net)
{
	return paths_behind_up(net, 1500) ?: tc_program(net, "tc/redirect_neigh") ?:
	       paths_go_behind(net, BEHIND);
}

static int redirect_peer(const struct traffic_net *net)
{
	return SH(net, 1, "ip link add p0 index 77 type veth peer name p1 && "
		  "ip link set p0 up && ip link set p1 netns /proc/%d/fd/%d",
		  getpid(), net->ns[0]) ?:
	       SH(net, 0, "ip link set p1 up && ip route add 10.199.78.0/24 via " PEER) ?:
	       tc_program(net, "tc/redirect_peer") ?: paths_go_behind(net, BEHIND);
}

/* ---- a tunnel that scrubs only where packets come out of it */

static int l2tp_end(const struct traffic_net *net, int side)
{
	return SH(net, side, "ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap ip "
		  "local 10.199.77.%d remote 10.199.77.%d && "
		  "ip l2tp add session name l%d tunnel_id 1 session_id 1 peer_session_id 1 && "
		  "ip addr add 10.199.87.%d/24 dev l%d && ip link set l%d up mtu 1400 "
		  "address 02:00:00:00:87:0%d && "
		  "ip neigh add 10.199.87.%d lladdr 02:00:00:00:87:0%d dev l%d nud permanent",
		  side + 1, 2 - side, side, side + 1, side, side, side + 1, 2 - side, 2 - side,
		  side);
}

static int l2tp(const struct traffic_net *net)
{
	int err = l2tp_end(net, 0) ?: l2tp_end(net, 1);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.87.2", .receiver = 1 });
}

/* ---- sockets and buses */

static int pass(int from, int to)
{
	static const char data[500];
	char buf[500];

	for (int i = 0; i < 16; i++)
		if (send(from, data, sizeof(data), MSG_NOSIGNAL) != sizeof(data) ||
		    recv(to, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf))
			return -errno;
	return 0;
}

static int connected(const struct traffic_net *net, int side, int domain, int protocol,
		     const struct sockaddr *to, socklen_t len)
{
	int listener = traffic_socket(net, side, domain, SOCK_STREAM, protocol);
	int client = traffic_socket(net, 0, domain, SOCK_STREAM, protocol), server, err;

	if (listener < 0 || client < 0)
		return paths_why("this kernel has no such sockets");
	err = bind(listener, to, len) || listen(listener, 1) || connect(client, to, len) ?
	      -errno : 0;
	server = err ? -1 : accept(listener, NULL, NULL);
	paths_arm();
	err = err ?: server < 0 ? -errno : pass(client, server);
	close(listener);
	close(client);
	if (server >= 0)
		close(server);
	return err;
}

static int sctp(const struct traffic_net *net)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7008),
				  .sin_addr.s_addr = htonl(0x0ac74d02) };

	return connected(net, 1, AF_INET, IPPROTO_SCTP, (struct sockaddr *)&to, sizeof(to));
}

static int vsock(const struct traffic_net *net)
{
	struct sockaddr_vm to = { .svm_family = AF_VSOCK, .svm_port = 7009,
				  .svm_cid = VMADDR_CID_LOCAL };

	return connected(net, 0, AF_VSOCK, 0, (struct sockaddr *)&to, sizeof(to));
}

static int can(const struct traffic_net *net)
{
	int err = traffic_can_up(net);

	paths_arm();
	return err ?: traffic_can(net, &(struct traffic_can){ .from = "can0", .to = "can0",
							      .count = 32 });
}

static int can_peer(const struct traffic_net *net)
{
	int err = traffic_can_up(net);

	paths_arm();
	return err ?: traffic_can(net, &(struct traffic_can){ .from = "vx0", .to = "vx1",
							      .side = 1, .count = 32 });
}

/* A qdisc gets one large packet, and the device the parts. */
#define CUT(name, modules, take_it)								\
	{ name, modules, "every segment shares",						\
	  { TAG("__dev_queue_xmit/0", .dev = "v0"),						\
	    PROOF("skb_segment/0", .must = SET(ALL), .only = true),				\
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "v0") }, .take = take_it }
#define ACTION(name, modules, function, take_it)						\
	{ name, modules, "kept: the packet goes on",						\
	  { TAG("tp:netif_receive_skb", .dev = "v1"),						\
	    PROOF(function "/0", .must = SET(ALL), .only = true),				\
	    SEES("udp_rcv/0", SET(ALL), .dev = "v1") }, .take = take_it }

const struct path paths_dev[] = {
	{ "bond_xmit", "bonding", "kept: the packet goes on to the other device",
	  { TAG("__dev_queue_xmit/0", .dev = "b0"),
	    PROOF("bond_start_xmit/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(ALL), .dev = "v0") }, .take = bond },
	{ "bond_receive", "bonding", "kept: the packet changes its device",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("udp_rcv/0", .must = SET(ALL), .only = true, .dev = "b1") }, .take = bond },
	{ "ifb", "ifb act_mirred cls_matchall sch_ingress",
	  "kept: the packet comes again from its device",
	  { TAG("tp:netif_receive_skb", .may = SET(ALL), .dev = "v1"),
	    PROOF("ifb_xmit/0", .must = SET(ALL), .only = true),
	    SEES("udp_rcv/0", SET(ALL), .dev = "v1") }, .take = ifb },
	ACTION("act_ct", "act_ct cls_matchall sch_ingress", "tcf_ct_act", act_ct),
	ACTION("act_sample", "act_sample cls_matchall sch_ingress psample", "tcf_sample_act",
	       act_sample),
	CUT("tbf_segment", "sch_tbf", tbf), CUT("cake_segment", "sch_cake", cake),
	{ "redirect_neigh", "cls_bpf sch_ingress dummy", "kept: the packet is sent on",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("skb_do_redirect/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "d1") }, .take = redirect_neigh },
	/* From 6.15, and in what is released of older ones after it, skb_scrub_packet(). */
	{ "redirect_peer", "cls_bpf sch_ingress",
	  "dropped (skb_scrub_packet) where the kernel scrubs here, else kept",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("skb_do_redirect/0", .must = SET(ALL), .only = true),
	    SEES("ip_rcv/0", NOTHING, .may = SET(ALL) | SET(SCRUB), .dev = "p1") },
	  .take = redirect_peer },
	{ "l2tp_encap", "l2tp_eth l2tp_ip", "kept: the packet gets another header",
	  { TAG("__dev_queue_xmit/0", .dev = "l0"),
	    PROOF("l2tp_xmit_skb/1", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(ALL), .dev = "v0", .min_len = 150) }, .take = l2tp },
	{ "l2tp_decap", "l2tp_eth l2tp_ip", "dropped (dev_forward_skb scrubs)",
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 150),
	    PROOF("skb_scrub_packet/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "l1", .min_len = 150) },
	  .take = l2tp },
	{ "sctp_receive", "sctp", "kept until it is read",
	  { TAG("tp:netif_receive_skb", .dev = "v1"), PROOF("sctp_rcv/0", .must = SET(ALL)) },
	  .take = sctp },
	{ "vsock_loopback", "vsock_loopback", "kept until it is read",
	  { TAG("vsock_loopback_send_pkt/0"),
	    PROOF("virtio_transport_recv_pkt/1", .must = SET(ALL), .only = true) },
	  .take = vsock },
	{ "can_loopback", "can can_raw vcan vxcan", "the clone that comes back shares",
	  { TAG("can_send/0"), PROOF("skb_clone/0", .must = SET(ALL)),
	    SEES("tp:net_dev_queue", SET(ALL), .dev = "can0"),
	    SEES("tp:netif_receive_skb", SET(CLONE), .dev = "can0") }, .take = can },
	{ "vxcan", "can can_raw vcan vxcan", "the clone that crosses shares: nothing scrubs",
	  { TAG("can_send/0"), PROOF("skb_clone/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(CLONE), .dev = "vx1") }, .take = can_peer },
	{},
};
