// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: redirects of XDP, of packets and of frames that were packets. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "paths_traffic.h"

struct redirect {
	const char *program, *map;	/* of paths_xdp.bpf.c */
	const char *dev;		/* what the map gets; NULL: a queue of CPU 0 */
	bool frames;			/* before there is an sk_buff, not behind it */
};

static struct bpf_object *open_program(const char *name, struct bpf_program **prog)
{
	struct bpf_object *obj;
	char path[512];

	snprintf(path, sizeof(path), "%s/paths_xdp.bpf.o",
		 getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");
	obj = bpf_object__open_file(path, NULL);
	*prog = obj ? bpf_object__find_program_by_name(obj, name) : NULL;
	if (*prog)
		bpf_program__set_autoload(*prog, true);
	return obj;
}

/* In the namespace of the device. What the kernel needs of the object it keeps. */
static int attach(const struct redirect *r)
{
	__u32 zero = 0, value = r->dev ? if_nametoindex(r->dev) : 192;
	struct bpf_program *prog;
	struct bpf_object *obj = open_program(r->program, &prog);
	int err = !prog ? -EINVAL : bpf_object__load(obj);

	err = err ?: bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, r->map), &zero,
					 &value, 0);
	err = err ?: bpf_xdp_attach(if_nametoindex("v1"), bpf_program__fd(prog),
				    r->frames ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE, NULL);
	bpf_object__close(obj);
	return err;
}

static int redirect(const struct traffic_net *net, const struct redirect *r, int receiver)
{
	int home = traffic_ext_enter(net, 1), err = attach(r);

	traffic_ext_leave(home);
	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = receiver }) ?:
	       paths_wait(2, 32) ? 0 : -ETIMEDOUT;
}

static int to_device(const struct traffic_net *net)
{
	return SH(net, 1, "ip link add d0 type dummy && ip link set d0 up") ?:
	       redirect(net, &(struct redirect){ .program = "to_device", .map = "device",
						 .dev = "d0" }, -1);
}

static int to_cpu(const struct traffic_net *net)
{
	return redirect(net, &(struct redirect){ .program = "to_cpu", .map = "cpu" }, 1);
}

/* Only an end that polls for packets takes frames. */
static int frames_to_device(const struct traffic_net *net)
{
	return SH(net, 1, "ip link add p0 type veth peer name p1 && ip link set p0 up && "
		  "ip link set p1 up && ethtool -K p1 gro on") ?:
	       redirect(net, &(struct redirect){ .program = "to_device", .map = "device",
						 .dev = "p0", .frames = true }, -1);
}

/* A frame has no checksum that somebody else is to complete: what comes of it UDP drops. */
static int frames_to_cpu(const struct traffic_net *net)
{
	return redirect(net, &(struct redirect){ .program = "to_cpu", .map = "cpu",
						 .frames = true }, -1);
}

/* From 6.9 on a packet without room for XDP is copied, and the copy shares. */
#define KEPT_OR_COPIED (SET(ALL) | SET(CLONE))

const struct path paths_xdp[] = {
	{ "xdp_generic_redirect", "dummy", "kept, or the copy with room for XDP shares",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("generic_xdp_tx/0", .may = KEPT_OR_COPIED, .only = true),
	    SEES("dummy_xmit/0", NOTHING, .may = KEPT_OR_COPIED) }, .take = to_device },
	{ "xdp_generic_cpumap", "", "kept, or the copy with room for XDP shares",
	  { TAG("tp:netif_receive_skb", .may = KEPT_OR_COPIED, .dev = "v1"),
	    PROOF("cpu_map_generic_redirect/1", .may = KEPT_OR_COPIED, .only = true),
	    SEES("udp_rcv/0", SET(ALL), .dev = "v1") }, .take = to_cpu },
	{ "xdp_redirect", "", "the frame that the packet becomes has none",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"), CALLS("xdp_do_redirect"),
	    SEES("tp:netif_receive_skb", SET(NOTHING), .dev = "p1") }, .take = frames_to_device },
	{ "xdp_cpumap", "", "the frame that the packet becomes has none",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"), CALLS("xdp_do_redirect"),
	    SEES("udp_rcv/0", SET(NOTHING), .dev = "v1") }, .take = frames_to_cpu },
	{},
};
