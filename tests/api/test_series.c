// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What BPF was refused, part one: metadata from one hook to another. The cases of "skb extension
 * for BPF metadata" (2026-08) and of its forerunner, by their names, and those that the series
 * itself leaves out: records that are added by tracing and LSM programs. On real packets, each of
 * which must be found with its own note.
 */
#include "series_env.h"

static struct api_seen *seen;

static bool run(struct bpf_object **obj, const char *object, const char *writer, const char *reader,
		void (*traffic)(void))
{
	seen = SERIES_LOAD(obj, object, writer, reader);
	if (!seen || !series_attach(*obj, reader) || !series_attach(*obj, writer))
		return false;
	traffic();
	printf("  %s to %s: written %llu, found %llu, wrong %llu, without %llu\n", writer,
	       reader, seen->added, seen->right[0], seen->wrong[0], seen->found);
	ASSERT_GE(seen->runs, API_PACKETS, writer);
	ASSERT_EQ(seen->added, seen->runs, "packets that took a note");
	ASSERT_EQ(seen->wrong[0], 0, "another packet's note");
	return true;
}

static void cross(const char *writer, const char *reader, void (*traffic)(void))
{
	struct bpf_object *obj = NULL;

	series_begin();
	if (run(&obj, "series_hooks", writer, reader, traffic)) {
		ASSERT_EQ(seen->right[0], API_PACKETS, "packets with their own note");
		ASSERT_EQ(seen->found, 0, "packets without");
	}
	series_end(obj);
}

/* The kfree_skb tracepoint comes before the release only where release has a hook of its own. */
static void cross_to_kfree_skb(const char *writer, void (*traffic)(void))
{
	struct bpf_object *obj = NULL;

	series_begin();
	if (run(&obj, "series_hooks", writer, "read_kfree_skb", traffic)) {
		ASSERT_EQ(seen->right[0] + seen->found, API_PACKETS, "drops seen");
		if (api_exact(series_sk))
			ASSERT_EQ(seen->found, 0, "dropped packets without");
		else
			series_skip("%s: the record ends before later programs look",
				    "tracepoint mode");
	}
	series_end(obj);
}

#define CROSS(name, writer, reader)	\
	static void name(void) { cross(writer, reader, api_traffic); }
#define CROSS_LWT(name, writer, reader)	\
	static void name(void) { cross(writer, reader, api_lwt_traffic); api_lwt_detach(); }

CROSS(tc_write_read, "write_tc_egress", "read_tc_ingress")
CROSS(tc_to_cgrp_ingress, "write_tc_egress", "read_cgroup_ingress")
CROSS(tc_to_sk_filter, "write_tc_egress", "read_socket")
CROSS(tc_to_lsm, "write_tc_egress", "read_lsm")
CROSS(tc_to_nf, "write_tc_egress", "read_netfilter")
CROSS_LWT(tc_to_lwt, "write_tc_egress", "read_lwt_in")
CROSS(tc_to_tp_btf, "write_tc_egress", "read_tp_btf")
CROSS(tc_to_fentry, "write_tc_egress", "read_fentry")
CROSS(cgrp_egress_to_tc, "write_cgroup_egress", "read_tc_egress")
CROSS(cgrp_ingress_to_sk_filter, "write_cgroup_ingress", "read_socket")
CROSS(nf_to_cgrp_ingress, "write_netfilter", "read_cgroup_ingress")
CROSS_LWT(lwt_to_tc, "write_lwt_xmit", "read_tc_egress")
CROSS(tp_btf_to_tc, "write_tp_btf", "read_tc_ingress")
CROSS(fentry_to_cgrp_ingress, "write_fentry", "read_cgroup_ingress")
CROSS(lsm_to_sk_filter, "write_lsm", "read_socket")

static void cgrp_egress_to_kfree_skb(void)
{
	cross_to_kfree_skb("write_cgroup_egress", api_dropped_traffic);
}

/* Its filter takes none: there is nothing to be received. */
static void refused_traffic(void)
{
	for (int i = 0; i < API_PACKETS; i++)
		ASSERT_OK(api_send(api_from, api_to, 10 + i), "send");
	ASSERT_TRUE(traffic_settle(), "what was sent arrives");
}

static void sk_filter_to_kfree_skb(void)
{
	cross_to_kfree_skb("write_socket_drop", refused_traffic);
}

/* ---- sock_ops */

static bool connect_once(int listener, const struct sockaddr_in *to)
{
	int from = api_socket(SOCK_STREAM), peer = -1;
	char byte = 'x';
	bool ok = ASSERT_OK(connect(from, (const struct sockaddr *)to, sizeof(*to)), "connect");

	if (ok) {
		peer = accept(listener, NULL, NULL);
		ok = ASSERT_EQ(send(from, &byte, 1, 0), 1, "send") &&
		     ASSERT_EQ(recv(peer, &byte, 1, 0), 1, "recv");
	}
	close(peer);
	close(from);
	return ok;
}

static void connections(void)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int listener = api_socket(SOCK_STREAM);

	ASSERT_OK(listen(listener, 1), "listen");
	ASSERT_OK(getsockname(listener, (struct sockaddr *)&sa, &len), "its port");
	for (int i = 0; i < API_PACKETS; i++)
		if (!connect_once(listener, &sa))
			break;
	close(listener);
}

/* Both ends of a connection send: more is written to than is looked at, or the other way round. */
static void skops(const char *writer, const char *reader, bool all_have_it)
{
	struct bpf_object *obj = NULL;

	series_begin();
	if (run(&obj, "series_skops", writer, reader, connections)) {
		ASSERT_GE(seen->right[0], API_PACKETS, "found, of this connection");
		if (all_have_it)
			ASSERT_EQ(seen->found, 0, "skbs without");
		else
			ASSERT_EQ(seen->right[0], seen->added, "all that were written are found");
	}
	series_end(obj);
}

static void tc_to_skops(void) { skops("write_tc_tcp", "read_skops", true); }
static void skops_to_tc(void) { skops("write_skops", "read_tc_tcp", false); }

int main(int argc, char **argv)
{
	if (!series_up(argv[0]))
		return 1;
	TEST_CASE(tc_write_read);
	TEST_CASE(tc_to_cgrp_ingress);
	TEST_CASE(tc_to_sk_filter);
	TEST_CASE(tc_to_lsm);
	TEST_CASE(tc_to_skops);
	TEST_CASE(tc_to_nf);
	TEST_CASE(tc_to_lwt);
	TEST_CASE(tc_to_tp_btf);
	TEST_CASE(tc_to_fentry);
	TEST_CASE(cgrp_egress_to_kfree_skb);
	TEST_CASE(cgrp_egress_to_tc);
	TEST_CASE(cgrp_ingress_to_sk_filter);
	TEST_CASE(sk_filter_to_kfree_skb);
	TEST_CASE(nf_to_cgrp_ingress);
	TEST_CASE(lwt_to_tc);
	TEST_CASE(skops_to_tc);
	TEST_CASE(tp_btf_to_tc);
	TEST_CASE(fentry_to_cgrp_ingress);
	TEST_CASE(lsm_to_sk_filter);
	return series_down();
}
