// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rules that match a packet's bridge ports are the reason for which the bridge keeps them in an
 * extension (SKB_EXT_BRIDGE_NF). nft has no such match and not every machine has iptables: this is
 * the table that
 *	iptables -A FORWARD -m physdev --physdev-in p0 --physdev-out p1 --physdev-is-bridged
 * and the same the other way round would have made.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "traffic_ext.h"

struct target {
	struct xt_standard_target std;
} __attribute__((aligned(8)));

struct plain_rule {
	struct ipt_entry entry;
	struct target target;
};

struct physdev_rule {
	struct ipt_entry entry;
	struct xt_entry_match match;
	struct xt_physdev_info info __attribute__((aligned(8)));
	struct target target;
};

struct error_rule {
	struct ipt_entry entry;
	struct xt_error_target error __attribute__((aligned(8)));
};

struct rules {
	struct plain_rule input;
	struct physdev_rule port[2];
	struct plain_rule forward, output;
	struct error_rule end;
};

#define RULES 6

static struct target accept_all(void)
{
	return (struct target){
		.std.target.u.user.target_size = sizeof(struct target),
		.std.verdict = -NF_ACCEPT - 1,
	};
}

static struct plain_rule policy(void)
{
	return (struct plain_rule){
		.entry = { .target_offset = offsetof(struct plain_rule, target),
			   .next_offset = sizeof(struct plain_rule) },
		.target = accept_all(),
	};
}

static struct physdev_rule from_port(int in)
{
	struct physdev_rule rule = {
		.entry = { .target_offset = offsetof(struct physdev_rule, target),
			   .next_offset = sizeof(struct physdev_rule) },
		.match.u.user = {
			.match_size = offsetof(struct physdev_rule, target) -
				      offsetof(struct physdev_rule, match),
			.name = "physdev",
		},
		.info.bitmask = XT_PHYSDEV_OP_IN | XT_PHYSDEV_OP_OUT | XT_PHYSDEV_OP_BRIDGED,
		.target = accept_all(),
	};

	snprintf(rule.info.physindev, IFNAMSIZ, "p%d", in);
	snprintf(rule.info.physoutdev, IFNAMSIZ, "p%d", !in);
	memset(rule.info.in_mask, 0xff, 3);	/* the name and its end */
	memset(rule.info.out_mask, 0xff, 3);
	return rule;
}

static struct error_rule end_of_table(void)
{
	return (struct error_rule){
		.entry = { .target_offset = offsetof(struct error_rule, error),
			   .next_offset = sizeof(struct error_rule) },
		.error = { .target.u.user = { .target_size = sizeof(struct error_rule) -
							     offsetof(struct error_rule, error),
					      .name = XT_ERROR_TARGET },
			   .errorname = XT_ERROR_TARGET },
	};
}

/* A socket by which the bridge's table is read and written. */
static int table_socket(const struct traffic_bridge *bridge)
{
	return traffic_socket(&bridge->net, 0, AF_INET, SOCK_RAW, IPPROTO_RAW);
}

int traffic_ext_physdev(const struct traffic_bridge *bridge)
{
	struct xt_counters old[RULES];	/* of the table before: four rules, which accept all */
	struct {
		struct ipt_replace head;
		struct rules rules;
	} table = {
		.head = {
			.name = "filter",
			.valid_hooks = 1 << NF_INET_LOCAL_IN | 1 << NF_INET_FORWARD |
				       1 << NF_INET_LOCAL_OUT,
			.num_entries = RULES, .size = sizeof(struct rules),
			.hook_entry = { [NF_INET_FORWARD] = offsetof(struct rules, port),
					[NF_INET_LOCAL_OUT] = offsetof(struct rules, output) },
			.underflow = { [NF_INET_FORWARD] = offsetof(struct rules, forward),
				       [NF_INET_LOCAL_OUT] = offsetof(struct rules, output) },
			.num_counters = 4, .counters = old,
		},
		.rules = { .input = policy(), .port = { from_port(0), from_port(1) },
			   .forward = policy(), .output = policy(), .end = end_of_table() },
	};
	int fd = table_socket(bridge);
	int err;

	if (fd < 0)
		return fd;
	err = setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, &table, sizeof(table)) ? -errno : 0;
	close(fd);
	return err;
}

int traffic_ext_physdev_matched(const struct traffic_bridge *bridge)
{
	struct {
		struct ipt_get_entries head;
		struct rules rules;
	} table = { .head = { .name = "filter", .size = sizeof(struct rules) } };
	int fd = table_socket(bridge);
	socklen_t len = sizeof(table);
	int err;

	if (fd < 0)
		return fd;
	err = getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, &table, &len) ? -errno : 0;
	close(fd);
	if (err)
		return err;
	return table.rules.port[0].entry.counters.pcnt &&
	       table.rules.port[1].entry.counters.pcnt ? 0 : -ENOMSG;
}
