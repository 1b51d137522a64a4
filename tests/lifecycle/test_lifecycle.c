// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Real packets carry their records from queue to receiver, clones share them, none is found on
 * another packet, and none is left when the packets are gone. One case per kind of traffic; the
 * same program for both modes, which promise different things:
 *
 *				exact			tracepoint
 *	found on another packet	never			never
 *	clones			share			carry nothing
 *	left when all is quiet	none			what lies in the per-CPU caches of sk_buffs
 *
 * SKBEXT_TEST_MODE=tracepoint asks for that mode on a kernel that can do better.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "lifecycle_env.h"
#include "traffic_soak.h"

/* ---- what must be found */

/*
 * More arrive than were tagged: parts, which share, where clones are followed,
 * what was added to the whole.
 */
static void check_found_parts(void)
{
	const struct lifecycle_counts *c = &now.counts;
	__u64 lost = now.missed_shares + now.skipped + now.stats.distrusted;

	if (!env.exact)
		return;
	ASSERT_GE(c->found, c->tagged + 1, "parts arrive with the tag of the whole");
	ASSERT_GE(c->tc_found, c->tagged + 1, "and have it in tc");
	ASSERT_GE(lost, c->missing, "parts without");
	ASSERT_GE(lost, c->tc_missing, "parts without in tc");
	ASSERT_GE(now.stats.shares, c->found - c->tagged, "parts share");
}

/*
 * A packet whose record is not trusted any more, because a release was missed meanwhile,
 * has lost it.
 */
static void check_all_found(__u64 found, __u64 tagged, const char *what)
{
	ASSERT_GE(tagged, found, what);
	ASSERT_GE(found + now.stats.distrusted, tagged, what);
}

static void check_found(bool veth)
{
	const struct lifecycle_counts *c = &now.counts;

	ASSERT_EQ(c->add_failed, 0, "room for all");
	if (env.knobs.segmented) {
		check_found_parts();
		return;
	}
	check_all_found(c->found_keep, c->tagged_keep, "a keep-scrub type arrives everywhere");
	check_all_found(c->tc_found_keep, c->tagged_keep, "and is found in tc");
	if (veth) {
		ASSERT_EQ(c->found, 0, "a default type is scrubbed");
		ASSERT_EQ(c->tc_found, 0, "and is not found in tc");
		ASSERT_EQ(now.stats.scrubbed, c->tagged - c->tagged_keep,
			  "records that ended with the scrub");
	} else {
		check_all_found(c->found, c->tagged, "all packets on lo arrive with their tag");
		check_all_found(c->tc_found, c->tagged, "and have it in tc");
		/* But for those that net_dev_queue did not show to the test. */
		ASSERT_GE(now.skipped + now.stats.distrusted, c->missing, "packets without");
		ASSERT_GE(now.skipped + now.stats.distrusted, c->tc_missing,
			  "packets without in tc");
		ASSERT_EQ(now.stats.scrubbed, 0, "nothing is scrubbed on lo");
	}
}

/* ---- cases */

struct workload {
	const char *name;
	int (*send)(const struct traffic_net *net, const struct traffic *t,
		    struct traffic_result *r);
	struct traffic t;
	unsigned int at_least;	/* packets that must have been seen */
	bool tcp;
	void (*extra)(const struct traffic_result *r);
};

static void check_tcp(void)
{
	if (!env.exact)
		return;
	ASSERT_NE(now.counts.origins, 0, "segments tagged in the socket");
	ASSERT_NE(now.counts.origin_found, 0, "seen on the clones that are sent");
	ASSERT_NE(now.stats.shares, 0, "clones share");
	/* What is not trusted any more is not copied but made anew. */
	ASSERT_GE(now.stats.cow + now.stats.distrusted, now.counts.origin_found,
		  "each clone that was written to has its own copy");
}

static void run(const struct workload *w)
{
	struct traffic_result r = {};
	bool veth = w->t.place == TRAFFIC_VETH;
	int err;

	begin_case();
	tagging(true);
	err = w->send(&env.net, &w->t, &r);
	tagging(false);
	if (err == -EPROTONOSUPPORT)
		TEST_SKIP("this kernel has no such protocol");
	ASSERT_OK(err, "traffic");
	quiesce(veth);
	print_numbers(w->name);
	ASSERT_GE(now.counts.tagged, w->at_least, "packets");
	check_found(veth);
	check_not_stale();
	check_nothing_left();
	if (w->tcp)
		check_tcp();
	if (w->extra)
		w->extra(&r);
}

/* Every second datagram has a type that stays in the receive queue. */
static void check_udp(const struct traffic_result *r)
{
	ASSERT_EQ(r->received, r->sent, "datagrams");
	ASSERT_EQ(now.counts.tagged, r->sent, "one packet each");
	if (env.exact)
		ASSERT_EQ(now.stats.udp_dropped, r->sent - now.counts.tagged_keep,
			  "ended at the receive queue");
}

static void check_dropped(const struct traffic_result *r)
{
	ASSERT_GE(r->sent - 1, r->received, "some found no room");
	ASSERT_GE(now.stats.fate_dropped, env.exact ? 1 : 0, "kfree_skb saw records");
}

static void udp_lo(void)
{
	run(&(struct workload){
		.name = "udp_lo", .send = traffic_udp,
		.t = { .count = 3000, .size = 64 },
		.at_least = 3000, .extra = check_udp,
	});
}

static void udp_veth(void)
{
	run(&(struct workload){
		.name = "udp_veth", .send = traffic_udp,
		.t = { .place = TRAFFIC_VETH, .count = 3000, .size = 64, .connected = true },
		.at_least = 3000,
	});
}

static void udp_two_cpus(void)
{
	run(&(struct workload){
		.name = "udp_two_cpus", .send = traffic_udp,
		.t = { .count = 2000, .size = 200, .connected = true, .two_cpus = true },
		.at_least = 2000, .extra = check_udp,
	});
}

static void udp_closed_port(void)
{
	run(&(struct workload){
		.name = "udp_closed_port", .send = traffic_udp_closed_port,
		.t = { .count = 500, .size = 64, .connected = true },
		.at_least = 1000,
	});
}

static void udp_overflow(void)
{
	run(&(struct workload){
		.name = "udp_overflow", .send = traffic_udp_overflow,
		.t = { .count = 500, .size = 512 },
		.at_least = 500, .extra = check_dropped,
	});
}

static void tcp_lo(void)
{
	run(&(struct workload){
		.name = "tcp_lo", .send = traffic_tcp_connections,
		.t = { .count = 100, .size = 200 },
		.at_least = 600, .tcp = true,
	});
}

static void tcp_small_lo(void)
{
	run(&(struct workload){
		.name = "tcp_small_lo", .send = traffic_tcp,
		.t = { .count = 100000, .size = 100 },
		.at_least = 50, .tcp = true,
	});
}

static void tcp_bulk_lo(void)
{
	run(&(struct workload){
		.name = "tcp_bulk_lo", .send = traffic_tcp,
		.t = { .count = 8 << 20, .size = 8192 },
		.at_least = 200, .tcp = true,
	});
}

static void tcp_segmented_lo(void)
{
	if (!ASSERT_OK(traffic_lo_tso(&env.net, false), "TSO off"))
		return;
	env.knobs.segmented = 1;
	run(&(struct workload){
		.name = "tcp_segmented_lo", .send = traffic_tcp,
		.t = { .count = 8 << 20, .size = 65536 },
		.at_least = 100, .tcp = true,
	});
	env.knobs.segmented = 0;
	ASSERT_OK(traffic_lo_tso(&env.net, true), "TSO on");
}

static void tcp_veth(void)
{
	run(&(struct workload){
		.name = "tcp_veth", .send = traffic_tcp,
		.t = { .place = TRAFFIC_VETH, .count = 4 << 20, .size = 8192, .two_cpus = true },
		.at_least = 100, .tcp = true,
	});
}

static void mptcp_lo(void)
{
	run(&(struct workload){
		.name = "mptcp_lo", .send = traffic_tcp,
		.t = { .count = 4 << 20, .size = 8192, .mptcp = true },
		.at_least = 100, .tcp = true,
	});
}

static void icmp_lo(void)
{
	run(&(struct workload){
		.name = "icmp_lo", .send = traffic_icmp,
		.t = { .count = 500 },
		.at_least = 1000,
	});
}

static void icmp_veth(void)
{
	run(&(struct workload){
		.name = "icmp_veth", .send = traffic_icmp,
		.t = { .place = TRAFFIC_VETH, .count = 500 },
		.at_least = 1000,
	});
}

struct job {
	pthread_t thread;
	int (*send)(const struct traffic_net *net, const struct traffic *t,
		    struct traffic_result *r);
	struct traffic t;
	int err;
};

static void *run_job(void *arg)
{
	struct traffic_result r;
	struct job *job = arg;

	job->err = job->send(&env.net, &job->t, &r);
	return NULL;
}

static int send_mixed(const struct traffic_net *net, const struct traffic *t,
		      struct traffic_result *r)
{
	struct job jobs[] = {
		{ .send = traffic_udp, .t = { .count = 1000, .size = 64, .two_cpus = true } },
		{ .send = traffic_tcp, .t = { .count = 2 << 20, .size = 1000, .two_cpus = true } },
		{ .send = traffic_tcp_connections, .t = { .count = 50, .size = 100 } },
		{ .send = traffic_icmp, .t = { .count = 200 } },
	};
	const int nr = sizeof(jobs) / sizeof(jobs[0]);
	int err = 0;

	for (int i = 0; i < nr; i++)
		if (pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]))
			abort();
	for (int i = 0; i < nr; i++) {
		pthread_join(jobs[i].thread, NULL);
		err = err ?: jobs[i].err;
	}
	return err;
}

static void mixed_two_cpus(void)
{
	run(&(struct workload){
		.name = "mixed_two_cpus", .send = send_mixed,
		.t = { .two_cpus = true },
		.at_least = 2000, .tcp = true,
	});
}

/* ---- clones that stay: a packet tap that nobody reads */

#define TAPPED 64

static int open_tap(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = traffic_socket(&env.net, 0, AF_PACKET, SOCK_RAW, 0);

	if (!ASSERT_OK(setns(env.net.ns[0], CLONE_NEWNET), "setns"))
		return -1;
	sll.sll_ifindex = if_nametoindex("lo");
	ASSERT_OK(setns(home, CLONE_NEWNET), "back home");
	close(home);
	ASSERT_OK(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), "bind the tap");
	return fd;
}

/*
 * On its way out and on its way in a packet is cloned for the tap;
 * tc then writes to what the second one shares.
 */
static void check_tapped(void)
{
	const struct skbext_stats *s = &now.stats;

	if (!env.exact) {
		ASSERT_EQ(s->shares, 0, "clones are not followed");
		return;
	}
	ASSERT_EQ(now.stats.live, 2 * TAPPED, "what the tap holds has its record");
	ASSERT_GE(s->shares, 2 * TAPPED, "clones share");
	ASSERT_EQ(s->cow, TAPPED, "tc wrote to what is shared");
	ASSERT_EQ(now.counts.tc_written, TAPPED, "once per packet");
}

static void tap_lo(void)
{
	const struct traffic t = { .count = TAPPED, .size = 64 };
	struct traffic_result r;
	int tap = open_tap();

	if (tap < 0)
		return;
	begin_case();
	env.knobs.write_ingress = 1;
	tagging(true);
	ASSERT_OK(traffic_udp(&env.net, &t, &r), "traffic");
	tagging(false);
	env.knobs.write_ingress = 0;
	read_numbers();
	check_tapped();
	close(tap);
	quiesce(false);
	print_numbers("tap_lo");
	check_found(false);
	check_not_stale();
	check_nothing_left();
}

/* ---- everything at once: PACKETS=n of them, tests/lifecycle/soak.sh sends millions */

#define SOAK_PACKETS "100000"

static bool soaked(void *packets)
{
	struct lifecycle_counts counts = {};
	__u32 zero = 0;

	return bpf_map_lookup_elem(global_fd(env.tag, ".data.counts"), &zero, &counts) ||
	       counts.tagged - base.counts.tagged >= *(__u64 *)packets;
}

static void print_soak(double seconds, __u64 left, __u64 purged)
{
	const struct lifecycle_counts *c = &now.counts;
	const struct skbext_stats *s = &now.stats;

	printf("soak: %s packets %llu (%.0f/s) stale %llu births dirty %llu of %llu clones %llu "
	       "lost %llu cow %llu left %llu, purged %llu, left now %llu, missed hooks %llu: "
	       "adds %llu + shares %llu = releases %llu + dels_emptied %llu + live %llu, "
	       "retransmitted %llu\n",
	       env.exact ? "exact" : "tracepoint", c->tagged, c->tagged / seconds,
	       c->stale + c->wrong + c->tc_wrong + c->origin_wrong, now.births.stale,
	       now.births.births, now.births.clones, now.births.clones_lost, s->cow, left, purged,
	       total.stats.live, s->missed_hooks, s->adds, s->shares, s->releases, s->dels_emptied,
	       s->live, now.retransmitted);
	/* The test's own programs are skipped as well, and then a packet never had a tag. */
	printf("soak: lost per million tagged: %.2f: %llu on lo, %llu clones (not counted: %llu on "
	       "lo without a record; runs skipped of the test's programs: %llu); adds failed %llu, "
	       "shares failed %llu, shares skipped %llu, "
	       "shares not trusted %llu, looks not trusted %llu, trust ended %llu times\n",
	       1e6 * (c->lo_lost + now.births.clones_lost) / c->tagged, c->lo_lost,
	       now.births.clones_lost, c->lo_missing - c->lo_lost, now.skipped, s->add_failed,
	       s->share_failed,
	       s->missed_shares, s->shares_distrusted, s->distrusted, s->distrusts);
	print_missed("soak");
}

/* Per-CPU caches give sk_buffs back in bulk, which fires nothing: what is left has no bound. */
static void check_soaked_partial(void)
{
	check_not_stale();
	ASSERT_TRUE(is_balanced(), "adds + shares = releases + dels_emptied + live");
}

static void check_soaked(void)
{
	check_not_stale();
	check_nothing_left();
	/* What skipped releases left waits for its address to be used again, or for a purge. */
	ASSERT_GE(total.missed_releases, total.stats.live, "records left");
	check_tcp();
}

static void soak(void)
{
	const char *text = getenv("PACKETS");
	__u64 packets = strtoull(text && *text ? text : SOAK_PACKETS, NULL, 0);
	struct timespec from, to;
	__u64 left, purged;

	begin_case();
	env.soak = true;
	tagging(true);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ASSERT_OK(traffic_soak(&env.net, soaked, &packets), "traffic");
	clock_gettime(CLOCK_MONOTONIC, &to);
	tagging(false);
	quiesce(false);
	env.soak = false;
	ASSERT_GE(now.counts.tagged, packets, "packets");
	ASSERT_EQ(now.counts.add_failed, 0, "room for all");
	if (env.exact)
		check_soaked();
	else
		check_soaked_partial();
	left = total.stats.live;
	purged = purge_left();
	print_soak(to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9, left, purged);
}

int main(int argc, char **argv)
{
	if (!up()) {
		down();
		printf("%s setup: %s\n", test_failures ? "FAIL" : "SKIP",
		       test_failures ? "see above" : test_skip_why);
		return !!test_failures;
	}
	TEST_CASE(udp_lo);
	TEST_CASE(udp_veth);
	TEST_CASE(udp_two_cpus);
	TEST_CASE(udp_closed_port);
	TEST_CASE(udp_overflow);
	TEST_CASE(tcp_lo);
	TEST_CASE(tcp_small_lo);
	TEST_CASE(tcp_bulk_lo);
	TEST_CASE(tcp_segmented_lo);
	TEST_CASE(tcp_veth);
	TEST_CASE(mptcp_lo);
	TEST_CASE(icmp_lo);
	TEST_CASE(icmp_veth);
	TEST_CASE(mixed_two_cpus);
	TEST_CASE(tap_lo);
	TEST_CASE(soak);
	down();
	return TEST_EXIT();
}
