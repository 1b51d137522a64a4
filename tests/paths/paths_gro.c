// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: GRO, and the GSO that undoes it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "paths_traffic.h"

#define GRO_RECEIVE	"gro_receive_skb/1 napi_gro_receive/1"

/* Through NAPI, as a NIC's packets come. */
static int open_tun(const struct traffic_net *net)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS };
	int home = traffic_ext_enter(net, 0);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), err;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "tap0");
	err = fd < 0 || ioctl(fd, TUNSETIFF, &req) ? -errno : 0;
	traffic_ext_leave(home);
	err = err ?: SH(net, 0, "ip link set tap0 address 02:00:00:00:79:01 up && "
			"ip addr add 10.199.79.1/24 dev tap0");
	if (err && fd >= 0)
		close(fd);
	return err ?: fd;
}

/* Segments of one connection, the data in pages. */
static int send_frags(int fd)
{
	unsigned char frame[2048];

	for (int i = 0; i < 32; i++) {
		size_t len = paths_tcp_frame(frame, i, 500);
		struct iovec parts[2] = { { frame, PATHS_FRAME_HEAD },
					  { frame + PATHS_FRAME_HEAD, len - PATHS_FRAME_HEAD } };

		if (writev(fd, parts, 2) != (ssize_t)len)
			return -errno;
	}
	return 0;
}

static int napi_frags(const struct traffic_net *net)
{
	int fd = open_tun(net), err;

	if (fd < 0)
		return fd;
	paths_arm();
	err = send_frags(fd);
	close(fd);
	return err;
}

/*
 * tun ends GRO after each frame, and nothing is merged, unless the device's interrupts are
 * deferred. It has none, but NAPI counts all the same from the time it last had work to do; and tun
 * gives it some only for what comes from vhost.
 */
static int napi_reuse(const struct traffic_net *net)
{
	static const unsigned char nothing[60] = {
		2, 0, 0, 0, 0x79, 1, 2, 0, 0, 0, 0x79, 9, 0x88, 0xb5
	};
	int fd = open_tun(net), err;

	if (fd < 0)
		return fd;
	/* A mount that ends with its namespace: to unmount may fail as long as something looks. */
	err = SH(net, 0, "exec unshare -m sh -c 'mount -t sysfs napi /sys && "
		 "cd /sys/class/net/tap0 && echo 1000000 >napi_defer_hard_irqs && "
		 "echo 50000000 >gro_flush_timeout'") ?:
	      paths_vhost_send(fd, nothing, sizeof(nothing));
	paths_arm();
	err = err ?: send_frags(fd) ?: paths_wait(2, 1) ? 0 : -ETIMEDOUT;
	close(fd);
	return err;
}

static int merge(const struct traffic_net *net)
{
	const struct traffic t = { .place = TRAFFIC_VETH, .count = 1 << 18, .size = 16384 };
	struct traffic_result r;
	int err = SH(net, 0, "ethtool -K v0 tso off gso off >/dev/null") ?:
		  SH(net, 1, "ethtool -K v1 gro on >/dev/null");

	paths_arm();
	return err ?: traffic_tcp(net, &t, &r);
}

/* XDP makes veth rebuild packets as a NIC does, with a head in a page that can be taken over. */
static int stolen_head(const struct traffic_net *net)
{
	return SH(net, 1, "ip link set v1 xdp obj %s/paths_tc.bpf.o sec xdp",
		  getenv("SKBEXT_TEST_OBJS") ?: ".output/tests") ?:
	       merge(net);
}

static int udp_parts(const struct traffic_net *net, const char *feature, bool gro)
{
	int err = SH(net, 0, "ethtool -K v0 tx-udp-segmentation off >/dev/null") ?:
		  SH(net, 1, "ethtool -K v1 gro on %s on >/dev/null", feature);

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 10000,
							  .segment = 1000, .gro = gro });
}

static int udp_gro(const struct traffic_net *net)
{
	return udp_parts(net, "rx-udp-gro-forwarding", true);
}

static int gro_list(const struct traffic_net *net)
{
	return udp_parts(net, "rx-gro-list", false);
}

static int gro_list_forward(const struct traffic_net *net)
{
	int err = paths_behind_up(net, 1500) ?:
		  SH(net, 0, "ethtool -K v0 tx-udp-segmentation off >/dev/null") ?:
		  SH(net, 1, "ethtool -K v1 gro on rx-gro-list on >/dev/null && "
		     "ethtool -K d1 tx-gso-list off >/dev/null");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .to = BEHIND, .receiver = -1,
							  .size = 10000, .segment = 1000 }) ?:
		      paths_wait(2, 320) ? 0 : -ETIMEDOUT;
}

static int udp_gso(const struct traffic_net *net)
{
	int err = SH(net, 0, "ethtool -K v0 tx-udp-segmentation off >/dev/null");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 10000,
							  .segment = 1000 });
}

/* The packet crosses veth whole, and a receiver that takes no such packets gets parts. */
static int udp_rcv_segment(const struct traffic_net *net)
{
	paths_arm();
	return paths_udp(net, &(struct paths_udp){ .receiver = 1, .size = 10000, .segment = 1000 });
}

const struct path paths_gro[] = {
	{ "gro_stolen_head", "", "the first packet keeps, what is merged into it loses",
	  { TAG(GRO_RECEIVE, .dev = "v1", .min_len = 1000),
	    PROOF("napi_skb_free_stolen_head/0", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(ALL), .dev = "v1", .min_len = 1600) },
	  .take = stolen_head },
	{ "gro_merge", "", "the first packet keeps, what is merged into it loses",
	  { TAG(GRO_RECEIVE, .dev = "v1", .min_len = 1000),
	    PROOF("skb_gro_receive/1", .must = SET(ALL)),
	    SEES("tp:netif_receive_skb", SET(ALL), .dev = "v1", .min_len = 1600) }, .take = merge },
	{ "napi_gro_frags", "tun", "the packet keeps",
	  { TAG("napi:napi_gro_frags/0", .min_len = 100),
	    PROOF("tp:netif_receive_skb", .must = SET(ALL), .only = true, .dev = "tap0") },
	  .take = napi_frags },
	{ "napi_reuse_skb", "tun vhost_net",
	  "dropped: the same sk_buff, the driver's next packet, has none",
	  { TAG("napi:napi_gro_frags/0", .min_len = 100),
	    PROOF("napi_reuse_skb/1", .must = SET(ALL), .only = true),
	    SEES("tp:netif_receive_skb", SET(ALL), .dev = "tap0", .min_len = 600) },
	  .take = napi_reuse },
	{ "udp_gro", "",
	  "the first packet keeps, what is merged into it loses; dropped at the receive queue",
	  { TAG(GRO_RECEIVE, .dev = "v1", .min_len = 1000),
	    PROOF("skb_gro_receive/1", .must = SET(ALL)),
	    SEES("__udp_enqueue_schedule_skb/1", SET(ALL), .min_len = 1600),
	    SEES("tp:skb_copy_datagram_iovec", SET(UDP)) }, .take = udp_gro },
	{ "gso_frag_list_receive", "", "each part of the list gets that of its first packet",
	  { TAG(GRO_RECEIVE, .dev = "v1", .min_len = 1000),
	    PROOF("skb_segment_list/0", .must = SET(ALL)),
	    SEES("__udp_enqueue_schedule_skb/1", SET(ALL) | SET(CLONE)),
	    SEES("tp:skb_copy_datagram_iovec", SET(UDP)) }, .take = gro_list },
	{ "gso_frag_list_forward", "dummy", "each part of the list gets that of its first packet",
	  { TAG(GRO_RECEIVE, .dev = "v1", .min_len = 1000),
	    PROOF("skb_segment_list/0", .must = SET(ALL)),
	    SEES("tp:net_dev_start_xmit", SET(ALL) | SET(CLONE), .dev = "d1") },
	  .take = gro_list_forward },
	{ "gso_segment_udp", "", "every segment shares",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"),
	    PROOF("skb_segment/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "v0") }, .take = udp_gso },
	{ "udp_rcv_segment", "", "every part shares; dropped at the receive queue",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("skb_segment/0", .must = SET(ALL), .only = true),
	    SEES("__udp_enqueue_schedule_skb/1", SET(CLONE)),
	    SEES("tp:skb_copy_datagram_iovec", SET(UDP)) }, .take = udp_rcv_segment },
	{},
};
