// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: devices that hand packets to each other, and tunnels. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

static int udp_veth(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .receiver = 1 });
}

static int xdp(const struct traffic_net *net)
{
	int err = SH(net, 1, "ip link set v1 xdp obj %s/paths_tc.bpf.o sec xdp",
		     getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 1200 });
}

struct tunnel {
	const char *type;
	bool over6, carries6;
	bool any_local;		/* takes no local address */
	const char *before;	/* command on each side */
};

static int tunnel_end(const struct traffic_net *net, int side, const struct tunnel *t)
{
	const char *under = t->over6 ? "fd77::" : "10.199.77.";
	char local[40] = "";

	if (!t->any_local)
		snprintf(local, sizeof(local), "local %s%d", under, side + 1);
	return SH(net, side, "%s ip link add t%d mtu 1400 type %s %s remote %s%d && "
		  "echo %d >/proc/sys/net/ipv6/conf/t%d/disable_ipv6 && "
		  "ip addr add %s%d/%s dev t%d && ip link set t%d up",
		  t->before ?: "", side, t->type, local, under, 2 - side, !t->carries6, side,
		  t->carries6 ? "fd80::" : "10.199.80.", side + 1,
		  t->carries6 ? "64 nodad" : "24", side, side);
}

static int tunnel(const struct traffic_net *net, const struct tunnel *t)
{
	int err = t->over6 ? paths_ipv6_up(net) : 0;

	for (int side = 0; !err && side < 2; side++)
		err = tunnel_end(net, side, t);
	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){
		.to = t->carries6 ? "fd80::2" : "10.199.80.2", .receiver = 1,
	});
}

#define TUNNEL(name, ...)							\
	static int name(const struct traffic_net *net)				\
	{									\
		return tunnel(net, &(struct tunnel){ __VA_ARGS__ });		\
	}

TUNNEL(gre, .type = "gre")
TUNNEL(ipip, .type = "ipip")
TUNNEL(sit, .type = "sit", .carries6 = true)
TUNNEL(vxlan, .type = "vxlan id 7 dstport 4789")
TUNNEL(geneve, .type = "geneve id 7", .any_local = true)
TUNNEL(fou, .type = "ipip encap fou encap-sport 7010 encap-dport 7010 noencap-csum",
	.before = "ip fou add port 7010 ipproto 4 &&")
TUNNEL(gue, .type = "ipip encap gue encap-sport 7011 encap-dport 7011 noencap-csum",
	.before = "ip fou add port 7011 gue &&")
TUNNEL(ip6gre, .type = "ip6gre", .over6 = true)
TUNNEL(ip6_in_ip6, .type = "ip6tnl mode ip6ip6", .over6 = true, .carries6 = true)
TUNNEL(ip_in_ip6, .type = "ip6tnl mode ipip6", .over6 = true)
TUNNEL(vxlan_over_ip6, .type = "vxlan id 7 dstport 4789", .over6 = true)
TUNNEL(geneve_over_ip6, .type = "geneve id 7", .over6 = true, .any_local = true)

/* ---- devices on top of v0 and v1 */

/* The kernel names the other end. */
static int netkit_udp(const struct traffic_net *net)
{
	int err = SH(net, 0, "ip addr add 10.199.83.1/24 dev n0 && "
		     "ip link set nk0 netns /proc/%d/fd/%d && ip link set n0 up",
		     getpid(), net->ns[1]) ?:
		  SH(net, 1, "ip addr add 10.199.83.2/24 dev nk0 && ip link set nk0 up");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.83.2", .receiver = 1 });
}

static int netkit(const struct traffic_net *net)
{
	return SH(net, 0, "ip link add n0 type netkit") ?: netkit_udp(net);
}

/* By hand, as Debian 12's ip knows no options of netkit. Kernels before 6.13 ignore these. */
static int netkit_no_scrub(const struct traffic_net *net)
{
	enum { SCRUB_OF_THIS_END = 6, SCRUB_OF_PEER };	/* IFLA_NETKIT_SCRUB: 0 is none */
	struct {
		struct nlmsghdr nl;
		struct ifinfomsg link;
		struct nlattr name;
		char n0[4];
		struct nlattr info, kind;
		char netkit[8];
		struct nlattr data, scrub;
		__u32 none;
		struct nlattr peer_scrub;
		__u32 peer_none;
	} request = {
		.nl = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL },
		.name = { NLA_HDRLEN + sizeof(request.n0), IFLA_IFNAME }, .n0 = "n0",
		.info = { sizeof(request) - offsetof(typeof(request), info), IFLA_LINKINFO },
		.kind = { NLA_HDRLEN + sizeof(request.netkit), IFLA_INFO_KIND },
		.netkit = "netkit",
		.data = { sizeof(request) - offsetof(typeof(request), data), IFLA_INFO_DATA },
		.scrub = { NLA_HDRLEN + sizeof(request.none), SCRUB_OF_THIS_END },
		.peer_scrub = { NLA_HDRLEN + sizeof(request.none), SCRUB_OF_PEER },
	};
	int fd = traffic_socket(net, 0, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), err;

	if (fd < 0)
		return fd;
	err = send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
	close(fd);
	return err ?: netkit_udp(net);
}

static int ipvlan_l2(const struct traffic_net *net)
{
	int err = SH(net, 0, "ip link add link v0 name i0 type ipvlan mode l2 && "
		     "ip addr add 10.199.84.1/24 dev i0 && ip link set i0 up && "
		     "ip neigh add 10.199.84.2 lladdr 02:00:00:00:77:02 dev i0 nud permanent") ?:
		  SH(net, 1, "ip addr add 10.199.84.2/24 dev v1");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.84.2", .receiver = 1 });
}

static int ipvlan_l3(const struct traffic_net *net)
{
	int err = SH(net, 0, "ip link add link v0 name i0 type ipvlan mode l3 && "
		     "ip addr add 10.199.77.3/24 dev i0 && ip link set i0 up");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .from = "i0", .receiver = 1 });
}

static int ipvlan_receive(const struct traffic_net *net)
{
	int err = SH(net, 0, "ip addr add 10.199.84.1/24 dev v0 && "
		     "ip neigh add 10.199.84.2 lladdr 02:00:00:00:77:02 dev v0 nud permanent") ?:
		  SH(net, 1, "ip link add link v1 name i1 type ipvlan mode l2 && "
		     "ip addr add 10.199.84.2/24 dev i1 && ip link set i1 up");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.84.2", .receiver = 1 });
}

static int ipvlan_broadcast(const struct traffic_net *net)
{
	int err = SH(net, 1, "for i in i1 i2; do "
		     "ip link add link v1 name $i type ipvlan mode l2 && "
		     "ip link set $i up; done") ?:
		  SH(net, 0, "ip neigh replace " PEER
		     " lladdr ff:ff:ff:ff:ff:ff dev v0 nud permanent");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 }) ?:
	       paths_wait(2, 32) ? 0 : -ETIMEDOUT;
}

static int macsec_end(const struct traffic_net *net, int side)
{
	static const char *const key[2] = { "00112233445566778899aabbccddeeff",
					    "ffeeddccbbaa99887766554433221100" };

	return SH(net, side, "ip link add link v%d name ms%d type macsec encrypt on && "
		  "ip macsec add ms%d tx sa 0 pn 1 on key 0%d %s && "
		  "ip macsec add ms%d rx port 1 address 02:00:00:00:77:0%d && "
		  "ip macsec add ms%d rx port 1 address 02:00:00:00:77:0%d "
		  "sa 0 pn 1 on key 0%d %s && "
		  "ip addr add 10.199.85.%d/24 dev ms%d && ip link set ms%d up && "
		  "ip neigh add 10.199.85.%d lladdr 02:00:00:00:77:0%d dev ms%d nud permanent",
		  side, side, side, side, key[side], side, 2 - side, side, 2 - side, !side,
		  key[!side], side + 1, side, side, 2 - side, 2 - side, side);
}

static int macsec(const struct traffic_net *net)
{
	int err = macsec_end(net, 0) ?: macsec_end(net, 1);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = "10.199.85.2", .receiver = 1 });
}

/* The first packet waits for the handshake. */
static int wireguard_end(const struct traffic_net *net, int side)
{
	static const char *const key[2] = { "YAnsRkYz4hPzDVVyBTZ1pEJ1yYzRlUYHUYSqPnHfBWs=",
					    "MKBHPRQdBmpqvxcYI8AIbyQ4SBxpYcAkBDS4Sv7Pl08=" };

	return SH(net, side, "ip link add w%d type wireguard && "
		  "echo %s | wg set w%d private-key /proc/self/fd/0 listen-port 7012 "
		  "peer $(echo %s | wg pubkey) allowed-ips 10.199.88.0/24 "
		  "endpoint 10.199.77.%d:7012 && "
		  "ip addr add 10.199.88.%d/24 dev w%d && ip link set w%d up mtu 1400",
		  side, key[side], side, key[!side], 2 - side, side + 1, side, side);
}

static int wireguard(const struct traffic_net *net)
{
	int err = wireguard_end(net, 0) ?: wireguard_end(net, 1);

	if (err)
		return err;
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .to = "10.199.88.2", .receiver = 1 });
}

/* Scrubbed whether or not the tunnel crosses namespaces. */
#define ENCAP(type, modules)									\
	{ #type "_encap", modules, "dropped (skb_scrub_packet)",			\
	  { TAG("__dev_queue_xmit/0", .dev = "t0", .min_len = 150),				\
	    PROOF("skb_scrub_packet/0", .must = SET(ALL), .dev = "t0"),				\
	    SEES("tp:net_dev_queue", SET(SCRUB), .dev = "v0", .min_len = 150) }, .take = type }
#define DECAP(type, modules)									\
	{ #type "_decap", modules, "dropped (skb_scrub_packet)",				\
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 150),				\
	    PROOF("skb_scrub_packet/0", .must = SET(ALL)),					\
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "t1", .min_len = 150) }, .take = type }
#define TUNNEL_ROWS(type, modules) ENCAP(type, modules), DECAP(type, modules)

/* Without scrub it keeps the mark and the priority; extensions go in either case. */
#define NETKIT(name)										\
	{ #name, "", "dropped (skb_scrub_packet)",						\
	  { TAG("__dev_queue_xmit/0", .dev = "n0"),						\
	    PROOF("netkit_xmit/0", .must = SET(ALL), .only = true),				\
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "nk0") }, .take = name }

const struct path paths_virt[] = {
	{ "veth", "", "dropped (skb_scrub_packet)",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"), PROOF("skb_scrub_packet/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "v1") }, .take = udp_veth },
	{ "veth_xdp", "", "the rebuilt packet shares",
	  { TAG("skb_copy_header/1", .dev = "v1", .min_len = 1000),
	    PROOF("__copy_skb_header/1", .must = SET(ALL), .min_len = 1000),
	    SEES("tp:netif_receive_skb", SET(CLONE), .dev = "v1", .min_len = 1000) }, .take = xdp },
	TUNNEL_ROWS(gre, "ip_gre"), TUNNEL_ROWS(ipip, "ipip"), TUNNEL_ROWS(sit, "sit"),
	TUNNEL_ROWS(vxlan, "vxlan"), TUNNEL_ROWS(vxlan_over_ip6, "vxlan"),
	TUNNEL_ROWS(geneve, "geneve"), TUNNEL_ROWS(geneve_over_ip6, "geneve"),
	TUNNEL_ROWS(fou, "ipip fou"), TUNNEL_ROWS(gue, "ipip fou"),
	TUNNEL_ROWS(ip6gre, "ip6_gre"), TUNNEL_ROWS(ip_in_ip6, "ip6_tunnel"),
	TUNNEL_ROWS(ip6_in_ip6, "ip6_tunnel"),
	{ "wireguard_encap", "wireguard", "dropped (skb_scrub_packet)",
	  { TAG("__dev_queue_xmit/0", .dev = "w0"), PROOF("wg_xmit/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(SCRUB), .dev = "v0", .min_len = 250) },
	  .take = wireguard },
	{ "wireguard_decap", "wireguard", "dropped (skb_scrub_packet)",
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 250),
	    PROOF("skb_scrub_packet/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "w1") }, .take = wireguard },
	NETKIT(netkit), NETKIT(netkit_no_scrub),
	{ "ipvlan_l2_xmit", "ipvlan", "kept: the packet goes on to the other device",
	  { TAG("__dev_queue_xmit/0", .dev = "i0"), PROOF("ipvlan_start_xmit/0", .must = SET(ALL)),
	    SEES("tp:net_dev_queue", SET(ALL), .dev = "v0") }, .take = ipvlan_l2 },
	{ "ipvlan_l3_xmit", "ipvlan", "dropped (skb_scrub_packet)",
	  { TAG("__dev_queue_xmit/0", .dev = "i0"), PROOF("skb_scrub_packet/0", .must = SET(ALL)),
	    SEES("tp:net_dev_queue", SET(SCRUB), .dev = "v0") }, .take = ipvlan_l3 },
	{ "ipvlan_receive", "ipvlan", "kept: the packet changes its device",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("udp_rcv/0", .must = SET(ALL), .only = true, .dev = "i1") },
	  .take = ipvlan_receive },
	{ "ipvlan_broadcast", "ipvlan", "a clone shares, is scrubbed, and cloned for each device",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("skb_clone/0", .must = SET(ALL) | SET(SCRUB)),
	    SEES("tp:netif_receive_skb", SET(SCRUB), .dev = "i1") }, .take = ipvlan_broadcast },
	{ "macsec_encap", "macsec gcm", "kept: encrypted in place",
	  { TAG("__dev_queue_xmit/0", .dev = "ms0"),
	    PROOF("macsec_start_xmit/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_queue", SET(ALL), .dev = "v0") }, .take = macsec },
	{ "macsec_decap", "macsec gcm", "kept: decrypted in place",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("tp:netif_receive_skb", .must = SET(ALL), .only = true, .dev = "ms1") },
	  .take = macsec },
	{},
};
