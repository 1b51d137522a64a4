// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: fragments, and packets that are dropped on their way. */
#include <errno.h>
#include <unistd.h>

#include "paths_traffic.h"

static int fragments(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 4000 });
}

/* On by side 1, to a device and on to nowhere. */
static int fragments_forwarded(const struct traffic_net *net)
{
	int err = paths_behind_up(net, 600);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = BEHIND, .receiver = -1,
							  .size = 1200, .fragment = true }) ?:
		      paths_wait(2, 96) ? 0 : -ETIMEDOUT;
}

static int fragments6(const struct traffic_net *net)
{
	int err = paths_ipv6_up(net);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = PEER6, .receiver = 1,
							  .size = 4000 });
}

/* A copy shares the fragments, and the first of the two that is sent cannot send them as is. */
static int fragments6_slow(const struct traffic_net *net)
{
	int err = paths_ipv6_up(net) ?:
		  SH(net, 0, "nft 'add table ip6 t; "
		     "add chain ip6 t o { type filter hook output priority 0; }; "
		     "add rule ip6 t o meta l4proto udp dup to " PEER6 " device v0'");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = PEER6, .receiver = -1,
							  .size = 4000 }) ?:
		      paths_wait(2, 96) ? 0 : -ETIMEDOUT;
}

/* The last fragment never comes: they go with the namespace. */
static int incomplete(const struct traffic_net *net)
{
	int err = SH(net, 1, "tc qdisc add dev v1 clsact && "
		     "tc filter add dev v1 ingress protocol ip u32 "
		     "match u16 0x0000 0x2000 at 6 action drop");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1, .size = 4000 }) ?:
	       paths_wait(1, 32) ? 0 : -ETIMEDOUT;
}

static int closed_port(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(1, 16) ? 0 : -ETIMEDOUT;
}

static int filter_rule(const struct traffic_net *net)
{
	int err = SH(net, 1, "nft 'add table ip t; "
		     "add chain ip t i { type filter hook input priority 0; }; "
		     "add rule ip t i drop'");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(1, 16) ? 0 : -ETIMEDOUT;
}

static int tc_action(const struct traffic_net *net)
{
	int err = SH(net, 1, "tc qdisc add dev v1 clsact && "
		     "tc filter add dev v1 ingress matchall action drop");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(1, 16) ? 0 : -ETIMEDOUT;
}

static int time_to_live(const struct traffic_net *net)
{
	int err = paths_behind_up(net, 1500) ?:
		  SH(net, 0, "echo 1 >/proc/sys/net/ipv4/ip_default_ttl");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = BEHIND, .receiver = -1 }) ?:
		      paths_wait(1, 16) ? 0 : -ETIMEDOUT;
}

/* They wait for an answer to ARP. */
static int no_neighbour(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .to = "10.199.77.99", .receiver = -1,
						   .count = 4 }) ?:
	       paths_wait(1, 4) ? 0 : -ETIMEDOUT;
}

static int no_route(const struct traffic_net *net)
{
	int err = paths_behind_up(net, 1500) ?: SH(net, 1, "ip route add unreachable 10.199.78.8");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.78.8", .receiver = -1,
							  .count = 16 }) ?:
		      paths_wait(1, 8) ? 0 : -ETIMEDOUT;
}

static int full_socket(const struct traffic_net *net)
{
	const struct traffic t = { .place = TRAFFIC_VETH, .count = 500, .size = 512 };
	struct traffic_result r;

	paths_arm();
	return traffic_udp_overflow(net, &t, &r) ?: paths_wait(1, 1) ? 0 : -ETIMEDOUT;
}

static int full_qdisc(const struct traffic_net *net)
{
	int err = SH(net, 0, "tc qdisc add dev v0 root tbf rate 8kbit burst 1600 limit 3000");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1, .count = 64 }) ?:
	       paths_wait(1, 1) ? 0 : -ETIMEDOUT;
}

static int purged(const struct traffic_net *net)
{
	paths_arm();
	return SH(net, 0, "ip link add d0 type dummy && ip link set d0 up && "
		  "ip addr add 10.199.78.1/24 dev d0 && "
		  "tc qdisc add dev d0 root netem delay 200s && "
		  "ip neigh add 10.199.78.9 lladdr 02:00:00:00:78:09 dev d0 nud permanent") ?:
	       paths_udp(net, &(struct paths_udp){ .to = BEHIND, .receiver = -1 }) ?:
	       SH(net, 0, "ip link set d0 down");
}

const struct path paths_ip[] = {
	{ "ip_fragment_list", "", "every fragment shares, the first is the packet itself",
	  { TAG("ip_do_fragment/2"),
	    PROOF("ip_copy_metadata/1", .must = SET(ALL), .may = SET(CLONE), .only = true),
	    SEES("tp:net_dev_queue", SET(ALL) | SET(CLONE), .dev = "v0") }, .take = fragments },
	{ "ip_fragment_slow", "dummy", "every fragment shares",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("ip_frag_next/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "d1") }, .take = fragments_forwarded },
	{ "ip6_fragment_list", "", "every fragment shares, the first is the packet itself",
	  { TAG("ip6_fragment/2"),
	    PROOF("ip6_copy_metadata/1", .must = SET(ALL), .may = SET(CLONE), .only = true),
	    SEES("tp:net_dev_queue", SET(ALL) | SET(CLONE), .dev = "v0", .min_len = 500) },
	  .take = fragments6 },
	{ "ip6_fragment_slow", "nf_tables nft_dup_ipv6 nf_dup_ipv6", "every fragment shares",
	  { TAG("ip6_fragment/2"), PROOF("ip6_frag_next/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(CLONE), .may = SET(ALL), .dev = "v0", .min_len = 500) },
	  .take = fragments6_slow },
	{ "ip_reassembly", "",
	  "the packet is a copy of the first fragment, in place of the last; the others lose it",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("skb_morph/1", .must = SET(ALL), .only = true),
	    SEES("udp_rcv/0", SET(CLONE), .min_len = 3000) }, .take = fragments },
	{ "ip6_reassembly", "",
	  "the packet is a copy of the first fragment, in place of the last; the others lose it",
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 500),
	    PROOF("skb_morph/1", .must = SET(ALL), .only = true),
	    SEES("udpv6_rcv/0", SET(CLONE), .min_len = 3000) }, .take = fragments6 },
	{ "ip_reassembly_never", "act_gact cls_u32 sch_ingress", "freed with the fragments",
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 1200),
	    PROOF("ip_defrag/1", .must = SET(ALL)) },
	  .take = incomplete },
	{ "drop_closed_port", "", "still there at kfree_skb, then freed",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = closed_port },
	{ "drop_filter_rule", "nf_tables", "still there at kfree_skb, then freed",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = filter_rule },
	{ "drop_tc_action", "act_gact cls_matchall sch_ingress",
	  "still there at kfree_skb, then freed",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = tc_action },
	{ "drop_ttl", "dummy", "still there at kfree_skb, then freed",
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 150),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = time_to_live },
	{ "drop_no_neighbour", "", "kept while it waits, still there at kfree_skb, then freed",
	  { TAG("ip_send_skb/1"),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = no_neighbour },
	{ "drop_no_route", "dummy", "still there at kfree_skb, then freed",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = no_route },
	{ "drop_full_socket", "", "still there at kfree_skb, then freed",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tp:kfree_skb", .must = SET(ALL), .may = SET(NOTHING), .only = true) },
	  .dropped = true, .take = full_socket },
	{ "drop_full_qdisc", "sch_tbf", "still there at kfree_skb, then freed",
	  { TAG("tp:net_dev_queue", .dev = "v0"),
	    PROOF("tp:kfree_skb", .must = SET(ALL)) }, .dropped = true, .take = full_qdisc },
	{ "qdisc_purged", "dummy sch_netem", "freed with the packet",
	  { TAG("tp:net_dev_queue", .dev = "d0"),
	    PROOF("netem_enqueue/0", .must = SET(ALL), .only = true) }, .take = purged },
	{},
};
