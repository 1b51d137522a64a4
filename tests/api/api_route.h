/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A local route with a BPF program in its tunnel: `ip route add local ADDR encap bpf`. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <errno.h>
#include <linux/lwtunnel.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api_env.h"

#define API_LWT_ADDR	htonl(0x0a090001)

struct api_route {
	struct nlmsghdr nh;
	struct rtmsg rt;
	char attrs[256];
};

static inline struct nlattr *api_attr(struct api_route *r, int type, const void *data, size_t len)
{
	struct nlattr *a = (void *)((char *)r + NLMSG_ALIGN(r->nh.nlmsg_len));

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
	r->nh.nlmsg_len = NLMSG_ALIGN(r->nh.nlmsg_len) + NLA_ALIGN(a->nla_len);
	return a;
}

static inline void api_attr_end(struct api_route *r, struct nlattr *nest)
{
	nest->nla_len = (char *)r + r->nh.nlmsg_len - (char *)nest;
}

static inline int api_route_talk(struct api_route *r)
{
	struct { struct nlmsghdr nh; struct nlmsgerr err; char more[512]; } answer;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), ret;

	if (fd < 0)
		return -errno;
	ret = send(fd, r, r->nh.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0 ?
	      -errno : answer.err.error;
	close(fd);
	return ret;
}

/* @where: LWT_BPF_IN or LWT_BPF_XMIT. */
static inline int api_route_bpf(__u32 addr, int ifindex, int where, int prog_fd, const char *name)
{
	struct api_route r = {
		.nh = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_NEWROUTE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
		.rt = { .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_LOCAL,
			.rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_HOST,
			.rtm_type = RTN_LOCAL },
	};
	__u16 encap = LWTUNNEL_ENCAP_BPF;
	struct nlattr *outer, *inner;

	api_attr(&r, RTA_DST, &addr, sizeof(addr));
	api_attr(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	api_attr(&r, RTA_ENCAP_TYPE, &encap, sizeof(encap));
	outer = api_attr(&r, RTA_ENCAP | NLA_F_NESTED, NULL, 0);
	inner = api_attr(&r, where | NLA_F_NESTED, NULL, 0);
	api_attr(&r, LWT_BPF_PROG_FD, &prog_fd, sizeof(prog_fd));
	api_attr(&r, LWT_BPF_PROG_NAME, name, strlen(name) + 1);
	api_attr_end(&r, inner);
	api_attr_end(&r, outer);
	return api_route_talk(&r);
}

static inline int api_route_del(__u32 addr, int ifindex)
{
	struct api_route r = {
		.nh = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_DELROUTE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.rt = { .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_LOCAL,
			.rtm_scope = RT_SCOPE_NOWHERE, .rtm_type = RTN_LOCAL },
	};

	api_attr(&r, RTA_DST, &addr, sizeof(addr));
	api_attr(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	return api_route_talk(&r);
}

/* As api_traffic(), to the address of the route. */
static inline void api_lwt_traffic(void)
{
	char data[100];
	int to = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = API_LWT_ADDR };
	struct timeval patience = { .tv_sec = 30 };

	setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	ASSERT_OK(bind(to, (struct sockaddr *)&sa, sizeof(sa)), "bind to the address of the route");
	for (int i = 0; i < API_PACKETS && !test_failures; i++) {
		ASSERT_OK(api_send(api_from, to, 50), "send");
		ASSERT_EQ(recv(to, data, sizeof(data), 0), 50, "received");
	}
	close(to);
}

static inline void api_lwt_detach(void)
{
	api_route_del(API_LWT_ADDR, api_lo);
}

#endif /* API_ROUTE_H */
