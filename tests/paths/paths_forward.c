// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: packets that somebody on the way sends on. */
#include "paths_traffic.h"

static int forward(const struct traffic_net *net)
{
	return paths_behind_up(net, 1500) ?: paths_go_behind(net, BEHIND);
}

/* The second packet of a connection has one that is confirmed, and is the last that is routed. */
static int flowtable(const struct traffic_net *net)
{
	return paths_behind_up(net, 1500) ?:
	       SH(net, 1, "nft 'add table ip t; "
		  "add flowtable ip t f { hook ingress priority 0; devices = { v1, d1 }; }; "
		  "add chain ip t c { type filter hook forward priority 0; }; "
		  "add rule ip t c meta l4proto udp flow add @f'") ?:
	       paths_go_behind(net, BEHIND);
}

static int ipvs(const struct traffic_net *net)
{
	return paths_behind_up(net, 1500) ?:
	       SH(net, 1, "ipvsadm -A -u " PEER ":7007 -s rr && "
		  "ipvsadm -a -u " PEER ":7007 -r " BEHIND ":7007 -m") ?:
	       paths_go_behind(net, PEER);
}

static int seg6(const struct traffic_net *net)
{
	return paths_ipv6_up(net) ?:
	       SH(net, 0, "ip -6 route add fd78::9/128 encap seg6 mode encap segs fd77::2 dev v0") ?:
	       paths_go_behind(net, "fd78::9");
}

#define SENT_ON(name, modules, function, take_it)						\
	{ name, modules, "kept: the packet is sent on",						\
	  { TAG("tp:netif_receive_skb", .dev = "v1"),						\
	    PROOF(function, .must = SET(ALL)),							\
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "d1") }, .take = take_it }

const struct path paths_forward[] = {
	SENT_ON("ip_forward", "dummy", "ip_forward/0", forward),
	{ "nf_flowtable", "dummy nf_tables nft_flow_offload nf_flow_table nf_flow_table_inet nf_conntrack",
	  "kept: the packet is sent on",
	  { TAG("tp:netif_receive_skb", .dev = "v1"), CALLS("flow_offload_refresh"),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "d1") }, .take = flowtable },
	SENT_ON("ipvs", "dummy ip_vs ip_vs_rr", "ip_vs_nat_xmit/0", ipvs),
	{ "seg6_encap", "", "kept: the packet gets another header",
	  { TAG("__ip6_local_out/2"), PROOF("seg6_output/2", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(ALL), .dev = "v0", .min_len = 300) }, .take = seg6 },
	{},
};
