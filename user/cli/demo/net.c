// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: namespaces and devices, by rtnetlink: there need not be an ip(8). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts.h"

static const unsigned char mac[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };

struct request {
	struct nlmsghdr h;
	char body[512];
};

static void put(struct request *r, const void *data, size_t len)
{
	memcpy((char *)r + r->h.nlmsg_len, data, len);
	r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len + len);
}

static void put_attr(struct request *r, int type, const void *data, size_t len)
{
	struct rtattr a = { .rta_type = type, .rta_len = RTA_LENGTH(len) };

	put(r, &a, sizeof(a));
	put(r, data, len);
}

static size_t nest(struct request *r, int type)
{
	size_t at = r->h.nlmsg_len;

	put_attr(r, type, "", 0);
	return at;
}

static void nest_end(struct request *r, size_t at)
{
	((struct rtattr *)((char *)r + at))->rta_len = r->h.nlmsg_len - at;
}

static void begin(struct request *r, int type, int flags, const void *header, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_len = NLMSG_HDRLEN;
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	put(r, header, len);
}

/* In the namespace of the calling thread. 0, or a negative errno. */
static int talk(struct request *r)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[2048];
	} answer = { 0 };
	int err = 0;

	if (fd < 0)
		return -errno;
	if (send(fd, r, r->h.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		err = -errno;
	else if (answer.h.nlmsg_type == NLMSG_ERROR)
		err = answer.e.error;
	close(fd);
	return err;
}

static int add_veth(const char *name, int index, const char *peer, int peer_index, int peer_ns,
		    bool with_macs)
{
	struct ifinfomsg dev = { .ifi_index = index }, other = { .ifi_index = peer_index };
	struct request r;
	size_t info, data, half;

	begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &dev, sizeof(dev));
	put_attr(&r, IFLA_IFNAME, name, strlen(name) + 1);
	if (with_macs)
		put_attr(&r, IFLA_ADDRESS, mac[DEMO_A], 6);
	info = nest(&r, IFLA_LINKINFO);
	put_attr(&r, IFLA_INFO_KIND, "veth", 5);
	data = nest(&r, IFLA_INFO_DATA);
	half = nest(&r, VETH_INFO_PEER);
	put(&r, &other, sizeof(other));
	put_attr(&r, IFLA_IFNAME, peer, strlen(peer) + 1);
	put_attr(&r, IFLA_NET_NS_FD, &peer_ns, sizeof(peer_ns));
	if (with_macs)
		put_attr(&r, IFLA_ADDRESS, mac[DEMO_B], 6);
	nest_end(&r, half);
	nest_end(&r, data);
	nest_end(&r, info);
	return talk(&r);
}

static int set_up(int index)
{
	struct ifinfomsg dev = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &dev, sizeof(dev));
	return talk(&r);
}

static int add_address(int index, __u32 address)
{
	struct ifaddrmsg msg = { .ifa_family = AF_INET, .ifa_prefixlen = 30, .ifa_index = index };
	__u32 addr = htonl(address);
	struct request r;

	begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &msg, sizeof(msg));
	put_attr(&r, IFA_LOCAL, &addr, sizeof(addr));
	put_attr(&r, IFA_ADDRESS, &addr, sizeof(addr));
	return talk(&r);
}

/* So that no packet waits for ARP. */
static int add_neighbour(int index, __u32 address, const unsigned char *lladdr)
{
	struct ndmsg msg = {
		.ndm_family = AF_INET, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT,
	};
	__u32 addr = htonl(address);
	struct request r;

	begin(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &msg, sizeof(msg));
	put_attr(&r, NDA_DST, &addr, sizeof(addr));
	put_attr(&r, NDA_LLADDR, lladdr, 6);
	return talk(&r);
}

static int current_ns(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

int demo_net_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET))
		return cli_error("cannot run the demo: enter a network namespace: %s",
				 strerror(errno));
	return CLI_DONE;
}

static int make_namespaces(struct demo_net *net)
{
	net->home = current_ns();
	for (int i = DEMO_A; i <= DEMO_B; i++)
		if (net->home < 0 || unshare(CLONE_NEWNET) || (net->ns[i] = current_ns()) < 0)
			return cli_error("cannot run the demo: a network namespace: %s; "
					 "it takes root and CONFIG_NET_NS", strerror(errno));
	return CLI_DONE;
}

/* The calling thread is in B, then in A. */
static int make_devices(struct demo_net *net)
{
	int mirror_peer = net->dev_mirror + 1;
	int err;

	if (demo_net_enter(net->ns[DEMO_A]))
		return CLI_FAILED;
	err = add_veth("demo-a", net->dev_a, "demo-b", net->dev_b, net->ns[DEMO_B], true);
	err = err ?: add_veth("mirror", net->dev_mirror, "mirror-end", mirror_peer,
			      net->ns[DEMO_A], false);
	err = err ?: add_address(net->dev_a, DEMO_ADDR_A);
	err = err ?: set_up(net->dev_a);
	err = err ?: set_up(net->dev_mirror);
	err = err ?: set_up(mirror_peer);
	err = err ?: add_neighbour(net->dev_a, DEMO_ADDR_B, mac[DEMO_B]);
	if (!err && demo_net_enter(net->ns[DEMO_B]))
		return CLI_FAILED;
	err = err ?: add_address(net->dev_b, DEMO_ADDR_B);
	err = err ?: set_up(net->dev_b);
	err = err ?: add_neighbour(net->dev_b, DEMO_ADDR_A, mac[DEMO_A]);
	if (err)
		return cli_error("cannot run the demo: make a veth pair: %s; it takes root and the "
				 "veth driver", strerror(-err));
	return CLI_DONE;
}

int demo_net_make(struct demo_net *net)
{
	int ret;

	/* Unique on the machine: tracing programs see the packets of all namespaces. */
	net->dev_a = 0x50000000 + getpid() * 4;
	net->dev_b = net->dev_a + 1;
	net->dev_mirror = net->dev_a + 2;
	ret = make_namespaces(net) ?: make_devices(net);
	if (net->home >= 0 && demo_net_enter(net->home))
		return CLI_FAILED;
	return ret;
}

void demo_net_free(struct demo_net *net)
{
	const int fds[] = { net->home, net->ns[DEMO_A], net->ns[DEMO_B] };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
