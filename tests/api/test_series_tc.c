// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What BPF was refused, part two: one packet in the hands of tc. The cases of the series'
 * skb_ext_basic, of its forerunner's several storages on one packet, and of the kernel's tests for
 * the metadata of XDP, by their names. What has no counterpart here: dynptrs with their flags and
 * offsets (a record is a struct), and sizes that differ from one packet to the next.
 */
#include "series_env.h"
#include "traffic.h"

static struct api_seen *seen;

static void send_only(void)
{
	for (int i = 0; i < API_PACKETS; i++)
		ASSERT_OK(api_send(api_from, api_to, 10 + i), "send");
}

/* Seen by a program at tc egress of lo itself. */
static void one(const char *program, void (*traffic)(void))
{
	struct bpf_object *obj = NULL;

	series_begin();
	seen = SERIES_LOAD(&obj, "series_tc", program);
	if (seen && series_attach(obj, program)) {
		traffic();
		ASSERT_EQ(seen->runs, API_PACKETS, program);
		ASSERT_EQ(seen->failed, 0, "line of series_tc.bpf.c");
	}
	series_end(obj);
}

static void tc_no_alloc(void)
{
	__u64 adds = API_STAT(series_sk, adds);

	one("tc_no_alloc", api_traffic);
	ASSERT_EQ(API_STAT(series_sk, adds), adds, "records made by looking");
}

static void tc_slice_write_read(void) { one("tc_slice_write_read", api_traffic); }
static void tc_double_alloc(void) { one("tc_double_alloc", api_traffic); }
static void tc_recreate(void) { one("tc_recreate", api_traffic); }
static void helper_skb_vlan_push_pop(void) { one("helper_skb_vlan_push_pop", api_traffic); }
static void helper_skb_adjust_room(void) { one("helper_skb_adjust_room", api_traffic); }
static void helper_skb_change_head_tail(void) { one("helper_skb_change_head_tail", send_only); }
static void helper_skb_change_proto(void) { one("helper_skb_change_proto", send_only); }

/* The counterpart of flags that the kernel does not know: a policy that skbext does not know. */
static void tc_invalid_flags(void)
{
	ASSERT_EQ(skbext_type_add(series_sk, "odd_flags", 16, 1U << 30), -EINVAL,
		  "a policy of no meaning");
	ASSERT_EQ(skbext_type_find(series_sk, "odd_flags"), -ENOENT, "left behind");
}

/* ---- clones */

/* One end of a pair: not every kernel has dummy devices. */
static bool mirror_up(void)
{
	return series_shell("ip link add mirror index %d type veth peer name mirror1 && "
			    "ip link set mirror up && ip link set mirror1 up", API_MIRROR);
}

static void mirror_down(void)
{
	series_shell("ip link del mirror");
}

static void with_mirror(const char *program, void (*traffic)(void))
{
	if (mirror_up())
		one(program, traffic);
	mirror_down();
}

static void tc_write_clone_read(void) { with_mirror("tc_write_clone_read", api_traffic); }
static void clone_survives_data_write(void) { with_mirror("clone_survives_data_write", send_only); }

/* Before what writes the note: each filter comes in front of those that are there. */
static bool mirror_all(struct bpf_object *obj)
{
	bool mirred = !system("{ tc qdisc add dev lo clsact && tc filter add dev lo egress "
			      "matchall action mirred egress mirror dev mirror; } 2>/dev/null");

	printf("  clones by %s\n", mirred ? "mirred" : "bpf_clone_redirect");
	return mirred || series_tc(obj, "mirror_by_bpf", "lo", BPF_TC_EGRESS);
}

/* @reader sees the clone, on the mirror device; the original comes to tc ingress after it. */
static bool clone_run(struct bpf_object **obj, const char *reader)
{
	seen = SERIES_LOAD(obj, "series_tc", "mirror_by_bpf", "clone_origin", "clone_origin_later",
			   reader);
	if (!seen || !mirror_all(*obj) || !series_attach(*obj, "clone_origin") ||
	    !series_tc(*obj, "clone_origin_later", "lo", BPF_TC_INGRESS) ||
	    !series_tc(*obj, reader, "mirror", BPF_TC_EGRESS))
		return false;
	api_traffic();
	printf("  %s: clones with the note %llu, another %llu, without %llu\n", reader,
	       seen->right[1], seen->wrong[1], seen->found);
	ASSERT_EQ(seen->added, API_PACKETS, "written");
	ASSERT_EQ(seen->right[0], API_PACKETS, "originals, after their clones");
	ASSERT_EQ(seen->wrong[0] + seen->wrong[1], 0, "another note");
	return true;
}

static void cloned(const char *reader, __u64 cow)
{
	struct bpf_object *obj = NULL;
	__u64 before = API_STAT(series_sk, cow);
	bool exact = api_exact(series_sk);

	series_begin();
	if (mirror_up() && clone_run(&obj, reader)) {
		ASSERT_EQ(seen->right[1], exact ? API_PACKETS : 0, "clones with the note");
		ASSERT_EQ(seen->found, exact ? 0 : API_PACKETS, "clones without");
		ASSERT_EQ(API_STAT(series_sk, cow) - before, exact ? cow : 0, "copies on write");
		if (!exact)
			series_skip("%s: clones carry nothing, which holds", "tracepoint mode");
	}
	series_end(obj);
	mirror_down();
}

/* Reading alone copies nothing: also the series' tc_rdonly. */
static void clone_ext_read(void) { cloned("clone_reader", 0); }
static void clone_ext_cow(void) { cloned("clone_writer", API_PACKETS); }

/* ---- scrubbed packets: only a type that asked for it stays */

static void check_scrubbed(const char *where, bool may_lose)
{
	printf("  %s: written %llu, kept %llu, lost %llu\n", where, seen->added,
	       seen->right[0], seen->wrong[1]);
	ASSERT_EQ(seen->added, API_PACKETS, "written");
	ASSERT_EQ(seen->right[0] + seen->wrong[1], API_PACKETS, "arrived");
	ASSERT_EQ(seen->found, 0, "a type that did not ask for it");
	ASSERT_EQ(seen->wrong[0], 0, "another packet's");
	if (!may_lose)
		ASSERT_EQ(seen->wrong[1], 0, "lost");
	else if (seen->wrong[1])
		series_skip("%s: behind GRO nothing is kept", "tracepoint mode");
}

static bool in_namespace(int ns, struct bpf_object *obj, const char *name, const char *device,
			 enum bpf_tc_attach_point where)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	bool ok = ASSERT_OK(setns(ns, CLONE_NEWNET), "setns") &&
		  series_tc(obj, name, device, where);

	ok &= ASSERT_OK(setns(home, CLONE_NEWNET), "back home");
	close(home);
	return ok;
}

static void survives_veth(void)
{
	const struct traffic t = { .place = TRAFFIC_VETH, .count = API_PACKETS, .size = 64 };
	struct traffic_net net = { .ns = { -1, -1 } };
	struct bpf_object *obj = NULL;
	struct traffic_result r;

	series_begin();
	seen = SERIES_LOAD(&obj, "series_tc", "scrub_write", "scrub_read");
	if (seen && ASSERT_OK(traffic_net_up(&net), "namespaces") &&
	    in_namespace(net.ns[0], obj, "scrub_write", "v0", BPF_TC_EGRESS) &&
	    in_namespace(net.ns[1], obj, "scrub_read", "v1", BPF_TC_INGRESS)) {
		ASSERT_OK(traffic_udp(&net, &t, &r), "udp");
		check_scrubbed("veth", false);
	}
	traffic_net_down(&net);
	series_end(obj);
}

/* Two ends of one tunnel, in one namespace; what is in it is UDP that nobody listens to. */
static bool gre_up(void)
{
	if (system("{ modprobe ip_gre; ip link add g0 type gretap local 127.0.0.1 "
		   "remote 127.0.0.2; } 2>/dev/null"))
		return series_skip("no %s here", "gretap");
	return series_shell("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
			    "ip link add g1 type gretap local 127.0.0.2 remote 127.0.0.1 && "
			    "ip addr add 10.9.7.1/24 dev g0 && ip link set g1 up && "
			    "ip link set g0 up && "
			    "ip neigh add 10.9.7.2 lladdr 02:00:00:00:00:77 dev g0 nud permanent");
}

static void gre_traffic(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7),
				  .sin_addr.s_addr = htonl(0x0a090702) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; i < API_PACKETS; i++)
		ASSERT_EQ(sendto(fd, "skbext", 6, 0, (struct sockaddr *)&to, sizeof(to)), 6,
			  "send");
	for (int i = 0; i < 600 && seen->right[0] + seen->wrong[0] + seen->wrong[1] < API_PACKETS;
	     i++)
		usleep(10000);
	close(fd);
}

static void survives_gre(void)
{
	struct bpf_object *obj = NULL;

	series_begin();
	seen = SERIES_LOAD(&obj, "series_tc", "scrub_write", "scrub_read");
	if (seen && gre_up() && series_tc(obj, "scrub_write", "g0", BPF_TC_EGRESS) &&
	    series_tc(obj, "scrub_read", "g1", BPF_TC_INGRESS)) {
		gre_traffic();
		check_scrubbed("gre", !api_exact(series_sk));
	}
	system("ip link del g0 2>/dev/null; ip link del g1 2>/dev/null");
	series_end(obj);
}

/* ---- several owners, each with an object of its own */

#define OWNERS 3

static bool owner_up(struct bpf_object **obj, struct api_seen **its, const char *object,
		     bool deletes)
{
	*its = deletes ? SERIES_LOAD(obj, object, "own_write", "own_read", "own_del") :
			 SERIES_LOAD(obj, object, "own_write", "own_read");
	return *its && series_tc(*obj, "own_write", "lo", BPF_TC_EGRESS) &&
	       series_tc(*obj, "own_read", "lo", BPF_TC_INGRESS) &&
	       (!deletes || series_attach(*obj, "own_del"));
}

/* The second of them takes its own from every second packet; the others do not notice. */
static void skb_storage_multi(void)
{
	static const char *const names[OWNERS] = {
		"series_owner_a", "series_owner_b", "series_owner_c",
	};
	struct bpf_object *obj[OWNERS] = { NULL };
	struct api_seen *its[OWNERS] = { NULL };
	bool ok = true;

	series_begin();
	for (int i = 0; i < OWNERS; i++)
		ok = ok && owner_up(&obj[i], &its[i], names[i], i == 1);
	if (ok)
		api_traffic();
	for (int i = 0; ok && i < OWNERS; i++) {
		ASSERT_EQ(its[i]->added, API_PACKETS, names[i]);
		ASSERT_EQ(its[i]->wrong[0], 0, "another's, or another packet's");
		ASSERT_EQ(its[i]->right[0], i == 1 ? API_PACKETS / 2 : API_PACKETS, "its own");
		ASSERT_EQ(its[i]->found, i == 1 ? API_PACKETS / 2 : 0, "packets without");
		ASSERT_EQ(its[i]->failed, i == 1 ? API_PACKETS / 2 : 0, "taken away by itself");
	}
	for (int i = 1; i < OWNERS; i++)
		bpf_object__close(obj[i]);
	series_end(obj[0]);
}

int main(int argc, char **argv)
{
	if (!series_up(argv[0]))
		return 1;
	TEST_CASE(tc_no_alloc);
	TEST_CASE(tc_invalid_flags);
	TEST_CASE(tc_slice_write_read);
	TEST_CASE(tc_double_alloc);
	TEST_CASE(tc_recreate);
	TEST_CASE(tc_write_clone_read);
	TEST_CASE(clone_ext_read);
	TEST_CASE(clone_ext_cow);
	TEST_CASE(clone_survives_data_write);
	TEST_CASE(helper_skb_vlan_push_pop);
	TEST_CASE(helper_skb_adjust_room);
	TEST_CASE(helper_skb_change_head_tail);
	TEST_CASE(helper_skb_change_proto);
	TEST_CASE(survives_veth);
	TEST_CASE(survives_gre);
	TEST_CASE(skb_storage_multi);
	return series_down();
}
