// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: netfilter. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

#define RULE(hook, rule) \
	"nft 'add table ip t; add chain ip t c { type filter hook " hook \
	" priority 0; }; add rule ip t c " rule "'"

static int dup_ip(const struct traffic_net *net)
{
	int err = SH(net, 0, RULE("output", "dup to " PEER " device v0"));

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 });
}

static int dup_netdev(const struct traffic_net *net)
{
	int err = SH(net, 1, "ip link add d1 type dummy && ip link set d1 up && "
		     "nft 'add table netdev t; "
		     "add chain netdev t c { type filter hook ingress device v1 priority 0; }; "
		     "add rule netdev t c dup to d1'");

	paths_arm();
	return err ?: paths_udp(net, &(struct paths_udp){ .receiver = 1 });
}

/* ---- nfqueue */

struct request {
	struct nlmsghdr nl;
	struct nfgenmsg nf;
	struct nlattr attr;
	union {
		struct nfqnl_msg_config_cmd cmd;
		struct nfqnl_msg_config_params params;
		struct nfqnl_msg_verdict_hdr verdict;
	};
} __attribute__((packed));

static int request(int fd, int type, int attr, const void *data, size_t size)
{
	struct request r = {
		.nl = { .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type, .nlmsg_flags = NLM_F_REQUEST },
		.nf = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
		.attr = { .nla_type = attr, .nla_len = sizeof(r.attr) + size },
	};

	memcpy(&r.cmd, data, size);
	r.nl.nlmsg_len = NLMSG_ALIGN(sizeof(r.nl) + sizeof(r.nf) + sizeof(r.attr) + size);
	return send(fd, &r, r.nl.nlmsg_len, 0) < 0 ? -errno : 0;
}

static int queue_bind(const struct traffic_net *net)
{
	const struct nfqnl_msg_config_cmd cmd = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = { .copy_range = htonl(64),
							.copy_mode = NFQNL_COPY_PACKET };
	int fd = traffic_socket(net, 0, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), err;

	if (fd < 0)
		return fd;
	err = request(fd, NFQNL_MSG_CONFIG, NFQA_CFG_CMD, &cmd, sizeof(cmd)) ?:
	      request(fd, NFQNL_MSG_CONFIG, NFQA_CFG_PARAMS, &params, sizeof(params));
	if (err)
		close(fd);
	return err ?: fd;
}

struct verdicts {
	int fd;
	unsigned int count;
};

/* The first attribute of each message has the packet's number. */
static void *accept_all(void *arg)
{
	const struct verdicts *v = arg;
	char buf[4096] __attribute__((aligned(8)));

	for (unsigned int n = 0; n < v->count; n++) {
		struct nfqnl_msg_packet_hdr *packet =
			(void *)(buf + NLMSG_HDRLEN + sizeof(struct nfgenmsg) + NLA_HDRLEN);
		struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT) };

		if (recv(v->fd, buf, sizeof(buf), 0) < 0)
			break;
		verdict.id = packet->packet_id;
		request(v->fd, NFQNL_MSG_VERDICT, NFQA_VERDICT_HDR, &verdict, sizeof(verdict));
	}
	return NULL;
}

static int queue_udp(const struct traffic_net *net, unsigned int verdicts,
		     const struct paths_udp *u)
{
	struct verdicts v = { .fd = queue_bind(net), .count = verdicts };
	pthread_t thread;
	int err;

	if (v.fd < 0)
		return v.fd;
	err = SH(net, 0, RULE("output", "meta l4proto udp queue num 0"));
	paths_arm();
	if (!err)
		err = -pthread_create(&thread, NULL, accept_all, &v);
	if (!err) {
		err = paths_udp(net, u);
		pthread_join(thread, NULL);
	}
	close(v.fd);
	return err;
}

static int queue(const struct traffic_net *net)
{
	return queue_udp(net, 32, &(struct paths_udp){ .receiver = 1 });
}

/* Who listens takes no packets that are still to be cut: each becomes ten for it. */
static int queue_gso(const struct traffic_net *net)
{
	return queue_udp(net, 80, &(struct paths_udp){ .receiver = 1, .count = 8, .size = 10000,
						       .segment = 1000 });
}

/* Nobody gives a verdict: they go with the listener. */
static int queue_flush(const struct traffic_net *net)
{
	int fd = queue_bind(net), err;

	if (fd < 0)
		return fd;
	err = SH(net, 0, RULE("output", "meta l4proto udp queue num 0"));
	paths_arm();
	err = err ?: paths_udp(net, &(struct paths_udp){ .receiver = -1 });
	close(fd);
	return err;
}

const struct path paths_nf[] = {
	{ "nf_dup_tee", "nf_tables nft_dup_ipv4 nf_dup_ipv4", "the copy shares, the packet keeps",
	  { TAG("ip_send_skb/1"), PROOF("__pskb_copy_fclone/0", .must = SET(ALL)),
	    SEES("tp:net_dev_start_xmit", SET(ALL) | SET(CLONE), .dev = "v0") }, .take = dup_ip },
	{ "nf_dup_netdev", "nf_tables nft_dup_netdev nf_dup_netdev dummy",
	  "the clone shares, the packet keeps",
	  { TAG("tp:netif_receive_skb", .dev = "v1"),
	    PROOF("skb_clone/0", .must = SET(ALL), .dev = "v1"),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "d1"), SEES("udp_rcv/0", SET(ALL)) },
	  .take = dup_netdev },
	{ "nfqueue", "nf_tables nft_queue nfnetlink_queue", "kept while it waits",
	  { TAG("__ip_local_out/2"), PROOF("nf_queue/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_start_xmit", SET(ALL), .dev = "v0") }, .take = queue },
	{ "nfqueue_gso", "nf_tables nft_queue nfnetlink_queue", "every segment shares",
	  { TAG("__ip_local_out/2"), PROOF("skb_segment/0", .must = SET(ALL), .only = true),
	    SEES("tp:net_dev_start_xmit", SET(CLONE), .dev = "v0") }, .take = queue_gso },
	{ "nfqueue_flush", "nf_tables nft_queue nfnetlink_queue", "freed with the packet",
	  { TAG("__ip_local_out/2"),
	    PROOF("nf_queue/0", .must = SET(ALL), .only = true) }, .take = queue_flush },
	{},
};
