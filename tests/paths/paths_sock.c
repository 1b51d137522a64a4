// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of the path table: what sockets do with packets, and packets not of the network. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paths_traffic.h"

#ifndef SOL_TLS
#define SOL_TLS		282
#endif

static int udp_two_cpus(const struct traffic_net *net)
{
	const struct traffic t = { .count = 500, .size = 200, .connected = true, .two_cpus = true };
	struct traffic_result r;

	paths_arm();
	return traffic_udp(net, &t, &r);
}

static int timestamps(const struct traffic_net *net)
{
	const int want = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(0x0ac74d02) };
	int fd = traffic_socket(net, 0, AF_INET, SOCK_DGRAM, 0), err = 0;
	char buf[512];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd < 0)
		return fd;
	paths_arm();
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &want, sizeof(want)))
		err = -errno;
	for (int i = 0; !err && i < 32; i++) {
		struct pollfd p = { .fd = fd };

		err = sendto(fd, buf, 200, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
		if (!err && (poll(&p, 1, 10000) < 1 || recvmsg(fd, &msg, MSG_ERRQUEUE) < 0))
			err = -ETIMEDOUT;
	}
	close(fd);
	return err;
}

static int clone_sk(const struct traffic_net *net)
{
	return paths_why("only drivers of NICs and PHYs with a clock, "
			 "of which this machine has none");
}

/*
 * Besides drivers, only netpoll frees like this: what is for a device that is down. netconsole
 * itself would look, so a VLAN that stays up all the same is in between.
 */
static int kfree_irq(const struct traffic_net *net)
{
	int err;

	if (system("modprobe netconsole 2>/dev/null"))
		return paths_why("no netconsole here");
	err = SH(net, 0, "ip link add d0 type dummy && ip link set d0 up && "
		 "ip link add link d0 name d0.5 type vlan id 5 loose_binding on && "
		 "ip addr add 10.199.86.1/24 dev d0.5 && ip link set d0.5 up && "
		 "{ [ -d /sys/kernel/config/netconsole ] || "
		 "mount -t configfs paths /sys/kernel/config; } && "
		 "mkdir /sys/kernel/config/netconsole/paths && "
		 "cd /sys/kernel/config/netconsole/paths && echo d0.5 >dev_name && "
		 "echo 10.199.86.1 >local_ip && echo 10.199.86.2 >remote_ip && "
		 "echo 02:00:00:00:77:02 >remote_mac && echo 1 >enabled && ip link set d0 down");

	paths_arm();
	err = err ?: SH(net, 0, "for i in 1 2 3 4 5 6 7 8; do "
			"echo '<2>a line for netconsole' >/dev/kmsg; done") ?:
	      paths_wait(1, 8) ? 0 : -ETIMEDOUT;
	SH(net, 0, "cd /sys/kernel/config/netconsole && echo 0 >paths/enabled; rmdir paths");
	return err;
}

static int zerocopy(const struct traffic_net *net)
{
	static char data[32768];
	const int on = 1;
	struct paths_tcp t;
	char buf[4096];
	int err = paths_tcp_open(net, false, &t);

	if (!err && setsockopt(t.client, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		err = -errno;
	paths_arm();
	if (!err && send(t.client, data, sizeof(data), MSG_ZEROCOPY) < 0)
		err = -errno;
	for (size_t got = 0; !err && got < sizeof(data);) {
		ssize_t n = recv(t.server, buf, sizeof(buf), 0);

		got += n > 0 ? n : 0;
		err = n <= 0 ? -EPIPE : 0;
	}
	paths_tcp_close(&t);
	return err;
}

/* ---- kTLS */

static int tls_on(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};

	if (setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")) ||
	    setsockopt(fd, SOL_TLS, direction, &info, sizeof(info)))
		return errno == ENOENT || errno == ENOPROTOOPT ? paths_why("no kTLS with AES-GCM") :
								 -errno;
	return 0;
}

static int ktls(const struct traffic_net *net)
{
	struct paths_tcp t;
	int err = paths_tcp_open(net, false, &t) ?: tls_on(t.client, TLS_TX) ?:
		  tls_on(t.server, TLS_RX);

	paths_arm();
	for (int i = 0; !err && i < 8; i++)
		err = paths_tcp_pass(&t, 16000);
	paths_tcp_close(&t);
	return err;
}

/* ---- sockmap */

static int sockmap_join(struct bpf_object *obj, int from, int to)
{
	int map = bpf_object__find_map_fd_by_name(obj, "sockets");
	int prog = bpf_program__fd(bpf_object__find_program_by_name(obj, "verdict"));
	__u32 key[2] = { 0, 1 };
	__u64 value[2] = { to, from };

	return bpf_prog_attach(prog, map, BPF_SK_SKB_STREAM_VERDICT, 0) ?:
	       bpf_map_update_elem(map, &key[0], &value[0], 0) ?:
	       bpf_map_update_elem(map, &key[1], &value[1], 0);
}

static int sockmap_pass(const struct traffic_net *net, struct bpf_object *obj)
{
	struct paths_tcp in, out = { -1, -1, -1 };
	int err = paths_tcp_open(net, true, &in) ?: paths_tcp_open(net, false, &out) ?:
		  sockmap_join(obj, in.server, out.client);
	char buf[1000] = {};

	paths_arm();
	for (int i = 0; !err && i < 32; i++) {
		err = send(in.client, buf, sizeof(buf), 0) < 0 ? -errno : 0;
		if (!err && recv(out.server, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf))
			err = -ETIMEDOUT;
	}
	paths_tcp_close(&in);
	paths_tcp_close(&out);
	return err;
}

static int sockmap(const struct traffic_net *net)
{
	struct bpf_object *obj;
	char path[512];
	int err;

	snprintf(path, sizeof(path), "%s/paths_sk.bpf.o",
		 getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		return -errno;
	err = bpf_object__load(obj) ?: sockmap_pass(net, obj);
	bpf_object__close(obj);
	return err;
}

/* ---- not of the network */

static int unix_pair(int type, bool read)
{
	char buf[200] = {};
	int fd[2], err = 0;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd))
		return -errno;
	paths_arm();
	for (int i = 0; !err && i < 8; i++)
		err = send(fd[0], buf, sizeof(buf), 0) < 0 ? -errno : 0;
	for (int i = 0; read && !err && i < 8; i++)
		err = recv(fd[1], buf, sizeof(buf), 0) < 0 ? -errno : 0;
	close(fd[0]);
	close(fd[1]);
	return err;
}

static int unix_datagram(const struct traffic_net *net)
{
	return unix_pair(SOCK_DGRAM, true);
}

static int unix_stream(const struct traffic_net *net)
{
	return unix_pair(SOCK_STREAM, true);
}

static int unix_unread(const struct traffic_net *net)
{
	return unix_pair(SOCK_DGRAM, false);
}

static int netlink(const struct traffic_net *net)
{
	paths_arm();
	return SH(net, 0, "ip link show >/dev/null && ip link add d0 type dummy");
}

static int netlink_broadcast(const struct traffic_net *net)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd[2], err = 0;
	char buf[8192];

	for (int i = 0; i < 2; i++) {
		fd[i] = traffic_socket(net, 0, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
		if (fd[i] < 0 || bind(fd[i], (struct sockaddr *)&sa, sizeof(sa)))
			err = -errno;
	}
	paths_arm();
	err = err ?: SH(net, 0, "ip link add d0 type dummy");
	for (int i = 0; i < 2; i++) {
		if (!err && recv(fd[i], buf, sizeof(buf), 0) < 0)
			err = -errno;
		close(fd[i]);
	}
	return err;
}

const struct path paths_sock[] = {
	{ "udp_receive_two_cpus", "", "dropped at the receive queue",
	  { TAG("tp:netif_receive_skb", .dev = "lo"),
	    PROOF("skb_consume_udp/1", .must = SET(UDP), .only = true) },
	  .take = udp_two_cpus },
	{ "tx_timestamp", "", "the clone in the error queue shares, the packet keeps",
	  { TAG("__dev_queue_xmit/0", .dev = "v0"),
	    PROOF("__skb_tstamp_tx/0", .must = SET(ALL), .only = true),
	    SEES("sock_queue_err_skb/1", SET(CLONE)),
	    SEES("skb_scrub_packet/0", SET(ALL), .dev = "v0") }, .take = timestamps },
	{ "skb_clone_sk", "", "the clone shares", { CALLS("skb_clone_sk") }, .take = clone_sk },
	{ "dev_kfree_skb_irq", "8021q dummy netconsole", "dropped when it is freed",
	  { TAG("netpoll_send_skb/1", .dev = "d0.5"),
	    PROOF("dev_kfree_skb_irq_reason/0 __dev_kfree_skb_irq/0", .must = SET(ALL),
		  .only = true) },
	  .take = kfree_irq },
	{ "zerocopy", "", "kept: the same packet gets its own pages",
	  { TAG("tp:net_dev_queue", .dev = "lo", .min_len = 1000),
	    PROOF("skb_copy_ubufs/0", .must = SET(ALL)),
	    SEES("tcp_v4_rcv/0", SET(ALL), .min_len = 1000) }, .take = zerocopy },
	{ "ktls", "tls",
	  "the anchor shares with one packet after the other; each is freed with its packet",
	  { TAG("tp:netif_receive_skb", .dev = "lo", .min_len = 1000),
	    PROOF("skb_copy_header/1", .must = SET(ALL)) },
	  .replaces = true, .take = ktls },
	{ "sockmap_redirect", "", "kept: the same packet is sent on",
	  { TAG("tp:netif_receive_skb", .dev = "v1", .min_len = 500),
	    PROOF("sk_psock_verdict_recv/1", .must = SET(ALL)) },
	  .take = sockmap },
	{ "unix_datagram", "", "kept until it is read",
	  { TAG("ret:sock_alloc_send_pskb"),
	    PROOF("tp:skb_copy_datagram_iovec", .must = SET(ALL)) }, .take = unix_datagram },
	{ "unix_stream", "", "kept until it is read",
	  { TAG("ret:sock_alloc_send_pskb"),
	    PROOF("unix_stream_read_actor/0", .must = SET(ALL)) }, .take = unix_stream },
	{ "unix_unread", "", "freed with the socket",
	  { TAG("ret:sock_alloc_send_pskb"),
	    PROOF("skb_release_head_state/0", .must = SET(ALL)) }, .take = unix_unread },
	{ "netlink_request", "dummy", "freed with the message",
	  { TAG("netlink_unicast/1"),
	    PROOF("rtnetlink_rcv/0", .must = SET(ALL)) }, .take = netlink },
	{ "netlink_reply", "dummy", "kept until it is read",
	  { TAG("__netlink_sendskb/1"),
	    PROOF("tp:skb_copy_datagram_iovec", .must = SET(ALL)) }, .take = netlink },
	{ "netlink_broadcast", "dummy", "the clones share",
	  { TAG("netlink_broadcast_filtered/1 netlink_broadcast/1"),
	    PROOF("tp:skb_copy_datagram_iovec", .must = SET(CLONE)) },
	  .take = netlink_broadcast },
	{},
};
