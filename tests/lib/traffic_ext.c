// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traffic_ext.h"

static const char *const address[2] = { "10.199.77.1", "10.199.77.2" };
static const char *const address6[2] = { "fd77::1", "fd77::2" };

static int in_namespace(int ns, const char *command)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (setns(ns, CLONE_NEWNET))
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	if (status)
		fprintf(stderr, "    traffic: '%s' failed\n", command);
	return status ? -EOPNOTSUPP : 0;
}

int traffic_ext_run(const struct traffic_net *net, int side, const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return in_namespace(net->ns[side], command);
}

int traffic_ext_enter(const struct traffic_net *net, int side)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0 || setns(net->ns[side], CLONE_NEWNET))
		abort();	/* what follows would run in the wrong namespace */
	return home;
}

void traffic_ext_leave(int home)
{
	if (setns(home, CLONE_NEWNET))
		abort();
	close(home);
}

int traffic_ext_small(const struct traffic_net *net, unsigned int mtu)
{
	int err = 0;

	for (int side = 0; !err && side < 2; side++)
		err = traffic_ext_run(net, side, "ip link set v%d mtu %u gso_max_segs 1 && "
				      "ethtool -K v%d tso off gso off gro off >/dev/null",
				      side, mtu, side);
	return err;
}

/* /sys shows the devices of the namespace in which it was mounted. */
int traffic_ext_rps(const struct traffic_net *net)
{
	int err = 0;

	for (int side = 0; !err && side < 2; side++)
		err = traffic_ext_run(net, side,
				      "exec unshare -m sh -c 'mount -t sysfs rps /sys && "
				      "echo 3 >/sys/class/net/v%d/queues/rx-0/rps_cpus'",
				      side);
	return err;
}

/* ---- ESP */

/* Both sides know both states; the key is as good as any. */
static int esp_states(const struct traffic_net *net, int side, const char *const *outer,
		      const char *mode)
{
	/* Else a state takes the family of its addresses for that of what it carries. */
	const char *flag = !strcmp(mode, "tunnel") ? "flag af-unspec" : "";
	int err = 0;

	for (int from = 0; !err && from < 2; from++)
		err = traffic_ext_run(net, side,
			"ip xfrm state add src %s dst %s proto esp spi 0x%x mode %s %s "
			"enc 'ecb(cipher_null)' '' auth-trunc digest_null '' 0",
			outer[from], outer[!from], 0x770 + from, mode, flag);
	return err;
}

static int esp_policies(const struct traffic_net *net, int side, const char *const *outer,
			const char *mode)
{
	static const char *const direction[2] = { "out", "in" };
	int err = 0;

	for (int in = 0; !err && in < 2; in++) {
		int from = in ? !side : side;

		err = traffic_ext_run(net, side, "ip xfrm policy add src %s dst %s dir %s "
				      "tmpl src %s dst %s proto esp mode %s",
				      address[from], address[!from], direction[in],
				      outer[from], outer[!from], mode);
	}
	return err;
}

static int ipv6_up(const struct traffic_net *net)
{
	static const char *const mac[2] = { "02:00:00:00:77:01", "02:00:00:00:77:02" };
	int err = 0;

	for (int side = 0; !err && side < 2; side++)
		err = traffic_ext_run(net, side,
				      "echo 0 >/proc/sys/net/ipv6/conf/v%d/disable_ipv6 && "
				      "ip addr add %s/64 dev v%d nodad && "
				      "ip neigh replace %s lladdr %s dev v%d nud permanent",
				      side, address6[side], side, address6[!side], mac[!side],
				      side);
	return err;
}

int traffic_ext_esp(const struct traffic_net *net, enum traffic_esp kind)
{
	const char *const *outer = kind == TRAFFIC_ESP_TUNNEL6 ? address6 : address;
	const char *mode = kind == TRAFFIC_ESP_TRANSPORT ? "transport" : "tunnel";
	int err = kind == TRAFFIC_ESP_TUNNEL6 ? ipv6_up(net) : 0;

	for (int side = 0; !err && side < 2; side++)
		err = esp_states(net, side, outer, mode) ?: esp_policies(net, side, outer, mode);
	return err;
}

int traffic_ext_esp_off(const struct traffic_net *net)
{
	int err = 0;

	for (int side = 0; !err && side < 2; side++)
		err = traffic_ext_run(net, side, "ip xfrm policy flush && ip xfrm state flush && "
				      "ip -6 addr flush dev v%d", side);
	return err;
}

/* ---- bridge */

static int new_namespace(void)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int ns = -1;

	if (home < 0)
		return -errno;
	if (!unshare(CLONE_NEWNET)) {
		ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (setns(home, CLONE_NEWNET))
			abort();	/* what follows would run in the wrong namespace */
	}
	close(home);
	return ns < 0 ? -EOPNOTSUPP : ns;
}

static int bridge_port(const struct traffic_net *net, struct traffic_bridge *bridge, int side)
{
	return traffic_ext_run(net, side,
			       "ip link del v%d 2>/dev/null; "
			       "ip link add v%d address 02:00:00:00:77:0%d type veth "
			       "peer name p%d netns /proc/%d/fd/%d && "
			       "ip addr add %s/24 dev v%d && ip link set v%d up && "
			       "ip neigh add %s lladdr 02:00:00:00:77:0%d dev v%d nud permanent",
			       side, side, side + 1, side, getpid(), bridge->net.ns[0],
			       address[side], side, side, address[!side], !side + 1, side) ?:
	       traffic_ext_run(&bridge->net, 0, "ip link set p%d master br0 up", side);
}

static int bridge_flood(const struct traffic_bridge *bridge)
{
	return traffic_ext_run(&bridge->net, 0,
			       "ip link add p2 type dummy && ip link set p2 master br0 up && "
			       "for p in p0 p1 p2; do ip link set $p type bridge_slave "
			       "learning off flood on || exit; done");
}

/* Without a rule there is nothing that br_netfilter would be asked for. */
static int bridge_rules(const struct traffic_bridge *bridge)
{
	return traffic_ext_run(&bridge->net, 0,
		"echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables && "
		"nft 'add table ip t; add chain ip t f { type filter hook forward priority 0; }; "
		"add rule ip t f ct state new,established counter accept'");
}

/* A port forwards once the kernel has looked at its carrier; until then packets are lost. */
static int bridge_forwards(const struct traffic_bridge *bridge)
{
	return traffic_ext_run(&bridge->net, 0,
		"for i in $(seq 200); do "
		"[ $(ip -d link show master br0 | grep -c 'state forwarding') -lt 2 ] || exit 0; "
		"sleep 0.1; done; exit 1");
}

int traffic_ext_bridge(const struct traffic_net *net, struct traffic_bridge *bridge, bool flood)
{
	int err;

	bridge->net = *net;
	bridge->net.ns[1] = -1;
	bridge->net.ns[0] = new_namespace();
	if (bridge->net.ns[0] < 0)
		return bridge->net.ns[0];
	/* The veth pair goes first, so that the names are free on both sides. */
	err = traffic_ext_run(net, 0, "ip link del v0") ?:
	      traffic_ext_run(&bridge->net, 0, "ip link set lo up && "
			      "ip link add br0 type bridge && ip link set br0 up") ?:
	      bridge_port(net, bridge, 0) ?: bridge_port(net, bridge, 1) ?: bridge_rules(bridge);
	if (!err && flood)
		err = bridge_flood(bridge);
	err = err ?: bridge_forwards(bridge);
	if (err)
		traffic_ext_bridge_down(bridge);
	return err;
}

void traffic_ext_bridge_down(struct traffic_bridge *bridge)
{
	if (bridge->net.ns[0] >= 0)
		close(bridge->net.ns[0]);
	bridge->net.ns[0] = -1;
}

/* ---- MPTCP */

int traffic_ext_strip_mptcp(const struct traffic_net *net)
{
	return traffic_ext_run(net, 1,
		"nft 'add table ip strip; "
		"add chain ip strip p { type filter hook prerouting priority -300; }; "
		"add rule ip strip p reset tcp option mptcp'");
}

int traffic_ext_mptcp_join(const struct traffic_net *net)
{
	return traffic_ext_run(net, 0, "ip addr add 10.199.77.3/24 dev v0 && "
			       "ip mptcp limits set subflow 2 && "
			       "ip mptcp endpoint add 10.199.77.3 dev v0 subflow") ?:
	       traffic_ext_run(net, 1, "ip mptcp limits set subflow 2 add_addr_accepted 2 && "
			       "ip neigh add 10.199.77.3 lladdr 02:00:00:00:77:01 dev v1 "
			       "nud permanent");
}

/* DSS options of packets that are too short to carry data with them. */
int traffic_ext_count_data_acks(const struct traffic_net *net)
{
	return traffic_ext_run(net, 0,
		"nft 'add table ip acks; "
		"add chain ip acks c { type filter hook prerouting priority -300; }; "
		"add rule ip acks c ip length < 100 tcp option mptcp subtype 2 counter'");
}

int traffic_ext_data_acks_counted(const struct traffic_net *net)
{
	return traffic_ext_run(net, 0, "nft list table ip acks | grep -q 'counter packets [1-9]'");
}

/* Two lines each: names, then numbers. */
int traffic_ext_counted(const struct traffic_net *net, int side, const char *counter)
{
	return traffic_ext_run(net, side,
		"awk 'NR %% 2 { n = split($0, name); next } "
		"{ for (i = 2; i <= n; i++) if (name[i] == \"%s\" && $i > 0) found = 1 } "
		"END { exit !found }' /proc/net/netstat",
		counter);
}

int traffic_ext_little_room(const struct traffic_net *net)
{
	int err = traffic_ext_small(net, 300);

	for (int side = 0; !err && side < 2; side++)
		err = traffic_ext_run(net, side,
				      "echo 4096 20000 20000 >/proc/sys/net/ipv4/tcp_rmem");
	return err;
}
