// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The whole API from every kind of program that sees packets, on real packets. */
#include "api_env.h"
#include "api_route.h"

/* A hook: how its program gets there, which packets it then sees. */
struct hook {
	const char *program;
	bool (*attach)(struct bpf_program *prog);	/* false: skipped, or a failure says why */
	void (*traffic)(void);
	void (*detach)(void);
};

static struct bpf_link *link_now;

static void skip_because(const char *fmt, const char *what, int err)
{
	snprintf(test_skip_why, sizeof(test_skip_why), fmt, what, strerror(err < 0 ? -err : err));
}

static bool attached(struct bpf_link *link, const char *what)
{
	link_now = link;
	return ASSERT_OK_PTR(link, what);
}

static void unlink_now(void)
{
	bpf_link__destroy(link_now);
	link_now = NULL;
}

/* A program type that the kernel lacks is not a failure; a program that it refuses is. */
static bool loads(struct bpf_object *obj, struct bpf_program *prog)
{
	enum bpf_prog_type type = bpf_program__type(prog);
	int err;

	/* The probe of tracing programs is itself an fentry program. */
	if (type != BPF_PROG_TYPE_TRACING && libbpf_probe_bpf_prog_type(type, NULL) == 0) {
		skip_because("the kernel has no %s programs%.0s",
			     libbpf_bpf_prog_type_str(type), 0);
		return false;
	}
	if (!ASSERT_OK(skbext_bind(obj, api_bpffs), skbext_errmsg()))
		return false;
	err = bpf_object__load(obj);
	if (err == -EPERM && type == BPF_PROG_TYPE_TRACING &&
	    bpf_program__expected_attach_type(prog) == BPF_TRACE_FENTRY) {
		skip_because("fentry programs are refused here%.0s: %s", "", err);
		return false;
	}
	return ASSERT_OK(err, "load");
}

/*
 * The traffic, once more where the kernel skipped a release meanwhile, as busy machines do: no record
 * is trusted then, and a note that was just added is rightly not found.
 */
static void send_undisturbed(struct skbext *sk, const struct hook *h, struct api_seen *seen)
{
	for (int i = 0; i < 5; i++) {
		__u64 distrusts = API_STAT(sk, distrusts);
		__u32 mark = seen->mark;

		h->traffic();
		if (!seen->failed || API_STAT(sk, distrusts) == distrusts)
			return;
		memset(seen, 0, sizeof(*seen));
		seen->mark = mark;
	}
}

static void exercise_with(struct skbext *sk, const struct hook *h, struct bpf_object *obj)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, h->program);
	__u64 failed_adds = API_STAT(sk, add_failed);
	struct api_seen *seen;

	if (!ASSERT_OK_PTR(prog, h->program))
		return;
	API_ONLY(obj, h->program);
	if (!loads(obj, prog))
		return;
	seen = api_seen(obj);
	if (!seen)
		return;
	if (h->attach(prog)) {
		send_undisturbed(sk, h, seen);
		ASSERT_GE(seen->runs, API_PACKETS, h->program);
		ASSERT_EQ(seen->added, seen->runs, "packets that took a note");
		ASSERT_EQ(seen->found, 0, "notes found before or after their time");
		ASSERT_EQ(seen->failed, 0, "line of api_exercise.bpf.h");
		ASSERT_EQ(API_STAT(sk, add_failed), failed_adds, "adds that were refused");
		ASSERT_EQ(API_STAT(sk, live), 0, "records left");
	}
	h->detach();
}

static void exercise(const char *object, const char *program,
		     bool (*attach)(struct bpf_program *), void (*traffic)(void),
		     void (*detach)(void))
{
	struct hook h = { program, attach, traffic, detach };
	/* One for all: every packet leaves as it came. */
	struct skbext *sk = api_group("all", 0, 0);
	struct bpf_object *obj = api_open(object);

	api_from = api_socket(SOCK_DGRAM);
	api_to = api_socket(SOCK_DGRAM);
	if (sk && obj)
		exercise_with(sk, &h, obj);
	bpf_object__close(obj);
	close(api_from);
	close(api_to);
}

/* tc */

static bool attach_tc(struct bpf_program *prog)
{
	return ASSERT_OK(api_tc_attach(bpf_program__fd(prog), BPF_TC_EGRESS), "attach at clsact");
}

static void tc(void)
{
	exercise("api_net", "api_tc", attach_tc, api_traffic, api_tc_clear);
}

static bool attach_tcx(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query);
	int err = bpf_prog_query_opts(api_lo, bpf_program__expected_attach_type(prog), &query);

	if (err == -EINVAL) {
		skip_because("the kernel has no %s: %s", "tcx", err);
		return false;
	}
	return attached(bpf_program__attach_tcx(prog, api_lo, NULL), "attach at tcx");
}

static void tcx(void)
{
	exercise("api_net", "api_tcx", attach_tcx, api_traffic, unlink_now);
}

/* cgroup_skb and sockets */

static bool attach_cgroup(struct bpf_program *prog)
{
	int fd = api_cgroup[0] ? open(api_cgroup, O_RDONLY | O_DIRECTORY) : -1;
	bool ok;

	if (fd < 0) {
		skip_because("%s to be had%.0s", "no cgroup2 is", 0);
		return false;
	}
	ok = attached(bpf_program__attach_cgroup(prog, fd), "attach at the cgroup");
	close(fd);
	return ok;
}

static void cgroup_egress(void)
{
	exercise("api_net", "api_cgroup_egress", attach_cgroup, api_traffic, unlink_now);
}

static void cgroup_ingress(void)
{
	exercise("api_net", "api_cgroup_ingress", attach_cgroup, api_traffic, unlink_now);
}

static bool socket_refused;

static bool attach_socket(struct bpf_program *prog)
{
	int fd = bpf_program__fd(prog);
	int err = setsockopt(api_to, SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)) ? errno : 0;

	/*
	 * This program does everything there is to do, several times.
	 * sk_filter_charge() lets it have no more.
	 */
	socket_refused = err == ENOMEM;
	return !socket_refused && ASSERT_EQ(err, 0, "SO_ATTACH_BPF");
}

static void socket_filter(void)
{
	socket_refused = false;
	exercise("api_net", "api_socket", attach_socket, api_traffic, unlink_now);
	if (socket_refused)
		TEST_SKIP("net.core.optmem_max of this kernel is too little "
			  "for so large a program");
}

/* A connected pair, its receiving end in a sockmap. */

static int stream_map = -1, stream_prog = -1, stream_from = -1, stream_to = -1;

static bool stream_connect(void)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int listener = api_socket(SOCK_STREAM);

	stream_from = api_socket(SOCK_STREAM);
	if (listen(listener, 1) || getsockname(listener, (struct sockaddr *)&sa, &len) ||
	    connect(stream_from, (struct sockaddr *)&sa, len))
		TEST_FAIL("tcp connection: %s", strerror(errno));
	else
		stream_to = accept(listener, NULL, NULL);
	close(listener);
	return stream_to >= 0;
}

static bool attach_stream(struct bpf_program *prog)
{
	__u32 zero = 0;
	__u64 value;

	stream_prog = bpf_program__fd(prog);
	stream_map = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "api_stream", 4, 8, 1, NULL);
	if (!ASSERT_TRUE(stream_map >= 0, "sockmap") || !stream_connect())
		return false;
	value = stream_to;
	return ASSERT_OK(bpf_prog_attach(stream_prog, stream_map, BPF_SK_SKB_STREAM_VERDICT, 0),
			 "attach to the sockmap") &&
	       ASSERT_OK(bpf_map_update_elem(stream_map, &zero, &value, BPF_ANY),
			 "socket into the sockmap");
}

static void stream_traffic(void)
{
	struct timeval patience = { .tv_sec = 30 };
	char data[100] = "skbext";

	setsockopt(stream_to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < API_PACKETS; i++)
		if (!ASSERT_EQ(send(stream_from, data, 100, 0), 100, "send") ||
		    !ASSERT_EQ(recv(stream_to, data, 100, MSG_WAITALL), 100, "recv"))
			return;
}

static void detach_stream(void)
{
	bpf_prog_detach2(stream_prog, stream_map, BPF_SK_SKB_STREAM_VERDICT);
	close(stream_map);
	close(stream_from);
	close(stream_to);
	stream_map = stream_from = stream_to = -1;
}

static void sk_skb(void)
{
	exercise("api_net", "api_stream_verdict", attach_stream, stream_traffic,
		 detach_stream);
}

/* Light-weight tunnels: a local route of its own, through lo. */

static bool attach_lwt(struct bpf_program *prog, int where)
{
	int err = api_route_bpf(API_LWT_ADDR, api_lo, where, bpf_program__fd(prog),
				bpf_program__name(prog));

	if (err == -EOPNOTSUPP) {
		skip_because("the kernel has no %s: %s", "routes with a BPF tunnel", err);
		return false;
	}
	return ASSERT_OK(err, "route with a BPF tunnel");
}

static bool attach_lwt_xmit(struct bpf_program *prog)
{
	return attach_lwt(prog, LWT_BPF_XMIT);
}

static bool attach_lwt_in(struct bpf_program *prog)
{
	return attach_lwt(prog, LWT_BPF_IN);
}

static void lwt_xmit(void)
{
	exercise("api_net", "api_lwt_xmit", attach_lwt_xmit, api_lwt_traffic, api_lwt_detach);
}

static void lwt_in(void)
{
	exercise("api_net", "api_lwt_in", attach_lwt_in, api_lwt_traffic, api_lwt_detach);
}

/* netfilter and tracing */

static bool attach_netfilter(struct bpf_program *prog)
{
	return attached(api_netfilter(prog), "attach at netfilter");
}

static void netfilter(void)
{
	exercise("api_netfilter", "api_netfilter", attach_netfilter, api_traffic, unlink_now);
}

static bool attach_trace(struct bpf_program *prog)
{
	return attached(bpf_program__attach(prog), "attach");
}

static void tp_btf_net_dev_queue(void)
{
	exercise("api_trace", "api_net_dev_queue", attach_trace, api_traffic, unlink_now);
}

static void tp_btf_netif_receive_skb(void)
{
	exercise("api_trace", "api_netif_receive_skb", attach_trace, api_traffic,
		 unlink_now);
}

static void tp_btf_kfree_skb(void)
{
	exercise("api_trace", "api_kfree_skb", attach_trace, api_dropped_traffic, unlink_now);
}

static void fentry(void)
{
	exercise("api_trace", "api_fentry", attach_trace, api_traffic, unlink_now);
}

/* The address of an skb is a number to these programs: they read what others added. */

static void read_by_address(struct bpf_object *obj, const char *reader)
{
	struct bpf_program *add = bpf_object__find_program_by_name(obj, "api_address_add");
	struct bpf_program *look = bpf_object__find_program_by_name(obj, reader);
	struct bpf_link *adds = NULL;
	struct api_seen *seen;

	API_ONLY(obj, "api_address_add", reader);
	if (!ASSERT_OK_PTR(add, "adder") || !ASSERT_OK_PTR(look, reader) || !loads(obj, look))
		return;
	seen = api_seen(obj);
	adds = bpf_program__attach(add);
	if (seen && ASSERT_OK_PTR(adds, "attach") && attach_trace(look)) {
		api_traffic();
		ASSERT_GE(seen->added, API_PACKETS, "packets that took a note");
		ASSERT_EQ(seen->runs, seen->added, "packets that were looked at");
		ASSERT_EQ(seen->found, seen->added, "notes found by address");
		ASSERT_EQ(seen->failed, 0, "line of api_address.bpf.c");
	}
	unlink_now();
	bpf_link__destroy(adds);
}

static void by_address(const char *reader)
{
	struct bpf_object *obj = api_group("all", 0, 0) ? api_open("api_address") : NULL;

	api_from = api_socket(SOCK_DGRAM);
	api_to = api_socket(SOCK_DGRAM);
	if (obj)
		read_by_address(obj, reader);
	bpf_object__close(obj);
	close(api_from);
	close(api_to);
}

static void raw_tp_by_address(void)
{
	by_address("api_address_raw");
}

static void kprobe_by_address(void)
{
	if (access("/sys/bus/event_source/devices/kprobe/type", F_OK))
		TEST_SKIP("this kernel has no kprobe events");
	else
		by_address("api_address_kprobe");
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL api: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(tc);
	TEST_CASE(tcx);
	TEST_CASE(cgroup_egress);
	TEST_CASE(cgroup_ingress);
	TEST_CASE(socket_filter);
	TEST_CASE(sk_skb);
	TEST_CASE(lwt_xmit);
	TEST_CASE(lwt_in);
	TEST_CASE(netfilter);
	TEST_CASE(tp_btf_net_dev_queue);
	TEST_CASE(tp_btf_netif_receive_skb);
	TEST_CASE(tp_btf_kfree_skb);
	TEST_CASE(fentry);
	TEST_CASE(raw_tp_by_address);
	TEST_CASE(kprobe_by_address);
	TEST_CASE(api_last_group_ends);
	return TEST_EXIT();
}
