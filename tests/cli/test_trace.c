// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `skbext trace` accounts for every packet of a known mix: so many delivered, so many dropped by a
 * closed port, a full queue, a filter rule. In the mode that this kernel has. The packets are told
 * by their device, which is in a namespace of this test's own. SKBEXT_TEST_MODE=tracepoint asks for
 * that mode on a kernel that can do better.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <skbext/skbext.h>
#include "api_common.h"
#include "test.h"
#include "traffic.h"

#define DEVICE		"v0"		/* of traffic.c, as is the address */
#define RECEIVER	"10.199.77.2"
#define RULE_PORT	7
#define PATIENCE	180		/* seconds; loading is slow in an emulated machine */

static struct traffic_net net;
static char command[512], tmp[64];
static bool exact, asked_mode;

/* ---- a trace that runs */

struct tracer {
	pid_t pid;
	char out[96], err[96];
	int status;
};

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static bool has_text(const char *path, const char *text)
{
	char buf[4096] = "";
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	if (f)
		fclose(f);
	buf[n] = 0;
	return strstr(buf, text);
}

static void show_file(const char *path)
{
	char line[1024];
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		fprintf(stderr, "    %s", line);
	if (f)
		fclose(f);
}

static void __attribute__((noreturn)) run_trace(const struct tracer *t, const char *args)
{
	char text[512], *word, *argv[32] = { command, "trace", "--json" };
	int n = 3;

	snprintf(text, sizeof(text), "%s%s", args, asked_mode ? " --mode tracepoint" : "");
	for (word = strtok(text, " "); word && n < 31; word = strtok(NULL, " "))
		argv[n++] = word;
	if (!freopen(t->out, "w", stdout) || !freopen(t->err, "w", stderr))
		_exit(126);
	execv(command, argv);
	_exit(127);
}

/* Ended by itself, within the patience. */
static bool ended(struct tracer *t)
{
	for (int i = 0; i < PATIENCE * 20; i++) {
		if (waitpid(t->pid, &t->status, WNOHANG) == t->pid)
			return true;
		pause_ms(50);
	}
	return TEST_FAIL("trace does not end");
}

static void launch(struct tracer *t, const char *args)
{
	snprintf(t->out, sizeof(t->out), "%s/out", tmp);
	snprintf(t->err, sizeof(t->err), "%s/err", tmp);
	unlink(t->out);
	unlink(t->err);
	t->pid = fork();
	if (!t->pid)
		run_trace(t, args);
}

static bool start(struct tracer *t, const char *args)
{
	launch(t, args);
	for (int i = 0; i < PATIENCE * 20; i++) {
		if (has_text(t->err, "tracing in"))
			return true;
		if (waitpid(t->pid, &t->status, WNOHANG) == t->pid)
			break;
		pause_ms(50);
	}
	show_file(t->err);
	return TEST_FAIL("trace %s did not start", args);
}

/* The rest of its packets may end a moment after the traffic did: poke, and give them one. */
static void stop(struct tracer *t)
{
	ASSERT_OK(traffic_poke(&net), "poke");
	pause_ms(300);
	kill(t->pid, SIGINT);
	if (ended(t) && !ASSERT_EQ(t->status, 0, "status of trace"))
		show_file(t->err);
}

/* ---- what it printed */

static json_t *summary_of(const struct tracer *t)
{
	json_error_t error;
	json_t *json = json_load_file(t->out, 0, &error);

	if (!ASSERT_OK_PTR(json, error.text))
		show_file(t->out);
	return json;
}

/* The packets, and the counts of the last line. */
static json_t *packets_of(const struct tracer *t, json_t **counts)
{
	FILE *f = fopen(t->out, "r");
	json_t *list = json_array();
	char line[8192];

	*counts = NULL;
	while (f && fgets(line, sizeof(line), f)) {
		json_t *one = json_loads(line, 0, NULL);

		if (!ASSERT_OK_PTR(one, line))
			break;
		if (json_object_get(one, "counts"))
			*counts = one;
		else
			json_array_append_new(list, one);
	}
	if (f)
		fclose(f);
	ASSERT_OK_PTR(*counts, "a last line with counts");
	return list;
}

static long long number(json_t *json, const char *object, const char *key)
{
	json_t *o = object ? json_object_get(json, object) : json;

	return json_integer_value(json_object_get(o, key));
}

static const char *text(json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	return s ? s : "";
}

static bool is(json_t *json, const char *key, const char *wanted)
{
	return !strcmp(text(json, key), wanted);
}

/* Packets of a summary that had this fate, of them those dropped for this reason. */
static long long packets(json_t *summary, const char *fate, const char *reason)
{
	json_t *place;
	long long n = 0;
	size_t i;

	json_array_foreach(json_object_get(summary, "places"), i, place)
		if (is(place, "fate", fate) && (!reason || is(place, "reason", reason)))
			n += number(place, NULL, "count");
	return n;
}

static long long in_histogram(json_t *lives)
{
	json_t *slot;
	long long n = 0;
	size_t i;

	json_array_foreach(json_object_get(lives, "histogram"), i, slot) {
		ASSERT_GE(number(slot, NULL, "to_ns"), number(slot, NULL, "from_ns"), "a slot");
		n += number(slot, NULL, "count");
	}
	return n;
}

/* Nothing may be lost here: the rings and tables are far larger than the traffic. */
static void check_no_loss(json_t *json)
{
	ASSERT_EQ(number(json, "counts", "lost"), 0, "lost");
	ASSERT_EQ(number(json, "counts", "untracked"), 0, "untracked");
	ASSERT_EQ(number(json, "counts", "seen"),
		  number(json, "counts", "ended") + number(json, "counts", "alive"),
		  "who is seen has ended or is alive");
}

/* ---- traffic that traffic.c does not have */

static int on_side(int side, const char *shell)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		if (setns(net.ns[side], CLONE_NEWNET))
			_exit(126);
		execl("/bin/sh", "sh", "-c", shell, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static bool add_rule(void)
{
	char shell[512];

	snprintf(shell, sizeof(shell), "PATH=$PATH:/usr/sbin:/sbin; { nft add table ip t && "
		 "nft add chain ip t i '{ type filter hook input priority 0 ; }' && "
		 "nft add rule ip t i udp dport %d drop; } 2>%s/nft", RULE_PORT, tmp);
	if (!on_side(1, shell))
		return true;
	snprintf(shell, sizeof(shell), "%s/nft", tmp);
	show_file(shell);
	return false;
}

static int udp_to_address(const char *address, int port, int n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = traffic_socket(&net, 0, AF_INET, SOCK_DGRAM, 0), sent = 0;

	inet_pton(AF_INET, address, &to.sin_addr);
	while (fd >= 0 && sent < n && sendto(fd, "12345678", 8, 0, (void *)&to, sizeof(to)) == 8)
		sent++;
	close(fd);
	ASSERT_TRUE(traffic_settle(), "what was sent arrives");
	return sent;
}

static int udp_to(int port, int n)
{
	return udp_to_address(RECEIVER, port, n);
}

/* A socket of the receiving side, and its port. */
static int receiver(int *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = traffic_socket(&net, 1, AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, RECEIVER, &sin.sin_addr);
	ASSERT_OK(bind(fd, (void *)&sin, len), "bind");
	getsockname(fd, (void *)&sin, &len);
	*port = ntohs(sin.sin_port);
	return fd;
}

/* To a socket whose filter takes nothing. */
static int filtered_by_socket(int n)
{
	struct sock_filter none = { BPF_RET | BPF_K, 0, 0, 0 };
	struct sock_fprog prog = { 1, &none };
	int port, fd = receiver(&port), sent;

	ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), "filter");
	sent = udp_to(port, n);
	close(fd);
	return sent;
}

static void drain(int fd, int n)
{
	char buf[64];

	for (int i = 0; i < n; i++)
		ASSERT_EQ(recv(fd, buf, sizeof(buf), 0), 8, "datagram");
}

/* Sent, left in the queue for a while, and read. */
static void queued(int n, long ms)
{
	int port, fd = receiver(&port);

	ASSERT_EQ(udp_to(port, n), n, "sent");
	pause_ms(ms);
	drain(fd, n);
	close(fd);
}

/* ---- cases */

static struct traffic_result closed, full, delivered;

/* traffic_udp(), not connected: no refusal keeps a datagram from being sent. */
static void send_mix(void)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = 200, .size = 64 };

	ASSERT_OK(traffic_udp(&net, &t, &delivered), "delivered");
	t.count = 70;
	ASSERT_OK(traffic_udp_closed_port(&net, &t, &closed), "closed port");
	t.count = 60;
	ASSERT_OK(traffic_udp_overflow(&net, &t, &full), "full queue");
}

static void summary_accounts_for_every_packet(void)
{
	bool rule = add_rule();
	struct tracer t;
	json_t *s, *place;
	long long sent, dropped, overflow, ruled = 0, refused;
	size_t i;

	if (!start(&t, "--summary --device " DEVICE))
		return;
	send_mix();
	refused = filtered_by_socket(40);
	if (rule)
		ruled = udp_to(RULE_PORT, 50);
	stop(&t);
	on_side(1, "PATH=$PATH:/usr/sbin:/sbin; nft delete table ip t 2>/dev/null");

	overflow = full.sent - full.received;
	sent = delivered.sent + closed.sent + full.sent + refused + ruled;
	dropped = closed.sent + overflow + refused + ruled;
	s = summary_of(&t);
	if (!s)
		return;
	ASSERT_GE(overflow, 1, "the queue overflowed");
	ASSERT_EQ(number(s, "counts", "seen"), sent, "every packet was seen");
	check_no_loss(s);
	ASSERT_EQ(number(s, "counts", "filtered"), 0, "filtered out");
	ASSERT_EQ(packets(s, "dropped", "NO_SOCKET"), closed.sent, "by a closed port");
	ASSERT_EQ(packets(s, "dropped", "SOCKET_RCVBUFF"), overflow, "by a full queue");
	ASSERT_EQ(packets(s, "dropped", "SOCKET_FILTER"), refused, "by a socket's filter");
	ASSERT_EQ(packets(s, "dropped", "NETFILTER_DROP"), ruled, "by a rule of nft");
	ASSERT_EQ(packets(s, "dropped", NULL), dropped, "dropped at all");
	ASSERT_EQ(packets(s, "consumed", NULL) + packets(s, "freed", NULL) +
		  packets(s, "received", NULL) + packets(s, "unseen", NULL) +
		  number(s, "counts", "alive"), sent - dropped, "delivered");
	if (exact)
		ASSERT_EQ(packets(s, "unseen", NULL) + number(s, "counts", "alive"), 0,
			  "all ends seen");
	json_array_foreach(json_object_get(s, "places"), i, place)
		ASSERT_EQ(in_histogram(place), number(place, NULL, "count"), "histogram");
	printf("trace: %s: %lld packets: %lld dropped, %lld consumed, %lld freed, "
	       "%lld received, %lld unseen, %lld alive\n",
	       text(s, "mode"), sent, packets(s, "dropped", NULL), packets(s, "consumed", NULL),
	       packets(s, "freed", NULL), packets(s, "received", NULL), packets(s, "unseen", NULL),
	       number(s, "counts", "alive"));
	json_decref(s);
	if (!rule)
		TEST_SKIP("no nft rule here; the others were right");
}

static void lines_filtered_by_reason(void)
{
	struct tracer t;
	json_t *list, *counts, *p;
	size_t i;

	if (!start(&t, "--device " DEVICE " --reason no_socket"))
		return;
	send_mix();
	stop(&t);
	list = packets_of(&t, &counts);
	if (!counts)
		return;
	check_no_loss(counts);
	ASSERT_EQ(json_array_size(list), closed.sent, "lines");
	ASSERT_EQ(number(counts, "counts", "filtered") + number(counts, "counts", "alive"),
		  delivered.sent + full.sent, "filtered out");
	json_array_foreach(list, i, p) {
		json_t *end = json_object_get(p, "end");

		ASSERT_STREQ(text(end, "fate"), "dropped", "fate");
		ASSERT_STREQ(text(end, "reason"), "NO_SOCKET", "reason");
		ASSERT_TRUE(strstr(text(end, "place"), "udp"), text(end, "place"));
		ASSERT_STREQ(text(p, "device"), DEVICE, "device");
		ASSERT_STREQ(text(p, "age_is"), "exact", "age");
		for (size_t other = 0; other < i; other++)
			ASSERT_NE(number(json_array_get(list, other), NULL, "id"),
				  number(p, NULL, "id"), "one id, one line");
	}
}

static void every_fourth(void)
{
	struct tracer t;
	json_t *list, *counts;

	if (!start(&t, "--device " DEVICE " --sample 4"))
		return;
	ASSERT_EQ(udp_to(9, 80), 80, "sent");
	stop(&t);
	list = packets_of(&t, &counts);
	ASSERT_EQ(json_array_size(list), 20, "lines");
	ASSERT_EQ(number(counts, "counts", "seen"), 20, "seen");
}

static void count_ends_it(void)
{
	struct tracer t;
	json_t *list, *counts;

	if (!start(&t, "--device " DEVICE " --count 3"))
		return;
	ASSERT_EQ(udp_to(9, 10), 10, "sent");
	if (!ended(&t))
		return;
	ASSERT_EQ(t.status, 0, "status");
	list = packets_of(&t, &counts);
	ASSERT_EQ(json_array_size(list), 3, "lines");
}

/* Time spent in the receive queue is part of a life. Only lower bounds: the machine may be slow. */
static void queued_packets_are_old(void)
{
	struct tracer t;
	json_t *list, *counts, *p;
	size_t i;

	if (!start(&t, "--device " DEVICE " --min-age 200ms"))
		return;
	queued(5, 250);
	stop(&t);
	list = packets_of(&t, &counts);
	ASSERT_EQ(json_array_size(list), 5, "lines");
	json_array_foreach(list, i, p) {
		ASSERT_GE(number(p, NULL, "age_ns"), 250000000, "age");
		ASSERT_STREQ(text(p, "age_is"), "exact", "its end was seen");
	}
}

static long long copies_of(json_t *list, json_t *original)
{
	long long n = 0;
	json_t *p;
	size_t i;

	json_array_foreach(list, i, p)
		n += json_is_integer(json_object_get(p, "copy_of")) &&
		     number(p, NULL, "copy_of") == number(original, NULL, "id");
	return n;
}

/*
 * Up to 6.13 or so a packet socket also gets a clone of what other namespaces send,
 * and drops it.
 */
static void clones_are_told(void)
{
	json_t *list, *counts, *p;
	int tap, originals = 0;
	struct tracer t;
	size_t i;

	if (!exact)
		TEST_SKIP("clones are followed in exact mode only");
	tap = traffic_socket(&net, 1, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_GE(tap, 0, "packet socket");
	if (!start(&t, "--device " DEVICE))
		return;
	queued(10, 0);
	close(tap);
	stop(&t);
	list = packets_of(&t, &counts);
	check_no_loss(counts);
	json_array_foreach(list, i, p) {
		ASSERT_EQ(number(p, NULL, "clones"), copies_of(list, p),
			  "clones, and lines that name it");
		if (json_is_integer(json_object_get(p, "copy_of")))
			continue;
		originals++;
		ASSERT_GE(number(p, NULL, "clones"), 1, "the packet socket's");
	}
	ASSERT_EQ(originals, 10, "originals");
}

static struct skbext *load_public(__u32 payload, __u32 capacity)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .payload = payload, .capacity = capacity,
	};
	struct skbext *sk = skbext_open(&opts);

	if (ASSERT_OK_PTR(sk, skbext_errmsg()) && ASSERT_OK(skbext_load(sk), skbext_errmsg()) &&
	    ASSERT_OK(skbext_attach(sk), skbext_errmsg()) &&
	    ASSERT_OK(skbext_pin(sk), skbext_errmsg()))
		return sk;
	skbext_unpin(NULL);
	skbext_close(sk);
	return NULL;
}

/* Most cases use one that is loaded: loading one for each takes seconds when emulated. */
static struct skbext *loaded;

static struct bpf_object *load_writer(void)
{
	const char *dir = getenv("SKBEXT_TEST_OBJS");
	char path[512];
	struct bpf_object *obj;

	snprintf(path, sizeof(path), "%s/api_write.bpf.o", dir ? dir : ".output/tests");
	obj = bpf_object__open_file(path, NULL);
	if (ASSERT_OK_PTR(obj, path) && ASSERT_OK(skbext_bind(obj, NULL), skbext_errmsg()))
		ASSERT_OK(bpf_object__load(obj), path);
	return obj;
}

/*
 * The API tests' program at lo's egress, which writes a record to what has its mark; here all
 * packets have the mark 0. NULL: take it away.
 */
static void attach_writer(struct bpf_object *obj)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	ASSERT_OK(setns(net.ns[0], CLONE_NEWNET), "setns");
	hook.ifindex = if_nametoindex("lo");
	if (obj) {
		opts.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "api_write"));
		ASSERT_OK(bpf_tc_hook_create(&hook), "clsact");
		ASSERT_OK(bpf_tc_attach(&hook, &opts), "tc");
	} else {
		hook.attach_point = BPF_TC_EGRESS | BPF_TC_INGRESS;
		ASSERT_OK(bpf_tc_hook_destroy(&hook), "no clsact");
	}
	ASSERT_OK(setns(home, CLONE_NEWNET), "home");
	close(home);
}

static void check_types(json_t *list)
{
	json_t *p, *note;
	size_t i;

	ASSERT_EQ(json_array_size(list), 10, "lines");
	json_array_foreach(list, i, p) {
		note = json_object_get(json_object_get(json_object_get(p, "types"), "api_note"),
				       "value");
		ASSERT_EQ(number(note, NULL, "id"), API_NOTE_ID, "id, decoded");
		ASSERT_EQ(number(note, NULL, "bytes"), 8, "bytes, decoded");
	}
}

/* Each of the ten packets is followed by its note, decoded. */
static void check_types_in_file(void)
{
	char shell[256];

	snprintf(shell, sizeof(shell), "[ \"$(grep -ao 'api_note={[^}]*\"bytes\":8' %s/packets | wc -l)\" = 10 ]",
		 tmp);
	ASSERT_EQ(system(shell), 0, "comments in the file");
}

/* Over the loopback: a veth takes away what does not ask to be kept. */
static void types_of_others_are_shown(void)
{
	char args[160];

	struct skbext_stats stats = { .sz = sizeof(stats) };
	struct bpf_object *writer;
	json_t *list, *counts;
	struct tracer t;

	if (!exact)
		TEST_SKIP("types of others are shown in exact mode only");
	if (!ASSERT_OK_PTR(loaded, "the skbext of all"))
		return;
	writer = load_writer();
	attach_writer(writer);
	snprintf(args, sizeof(args), "--device lo --reason NO_SOCKET --type api_note --pcap %s/packets", tmp);
	if (start(&t, args)) {
		ASSERT_EQ(udp_to_address("127.0.0.1", 9, 10), 10, "sent");
		stop(&t);
		list = packets_of(&t, &counts);
		check_no_loss(counts);
		check_types(list);
		check_types_in_file();
		ASSERT_OK(skbext_stats(loaded, &stats), "stats");
		ASSERT_EQ(stats.live, 0, "nothing is left");
	}
	attach_writer(NULL);
	bpf_object__close(writer);
}

#define CROWDED	20	/* packets, of which each has two clones in a tap */

/* The payload's number is the packet's own, wherever its record is. */
static void check_own_types(json_t *list)
{
	json_t *p, *note;
	int clones = 0;
	size_t i;

	json_array_foreach(list, i, p) {
		note = json_object_get(json_object_get(json_object_get(p, "types"), "api_note"),
				       "value");
		ASSERT_EQ(number(note, NULL, "id"), API_NOTE_ID, "id, decoded");
		ASSERT_EQ(number(note, NULL, "bytes"), number(p, NULL, "bytes") - API_IP_UDP_LEN,
			  "whose note it is");
		clones += json_is_integer(json_object_get(p, "copy_of"));
	}
	ASSERT_GE(clones, CROWDED, "clones that share the record");
	ASSERT_GE(json_array_size(list) - clones, CROWDED, "originals");
}

static int loopback_receiver(struct sockaddr_in *to)
{
	struct traffic t = { .place = TRAFFIC_LO };
	int fd = traffic_bound_socket(&net, &t, SOCK_DGRAM, 0, to);

	ASSERT_GE(fd, 0, "receiver");
	return fd;
}

static void crowd_packets(void)
{
	int tap = traffic_socket(&net, 0, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	int from = traffic_socket(&net, 0, AF_INET, SOCK_DGRAM, 0);
	static const char data[8 + CROWDED];
	struct sockaddr_in to;
	int fd = loopback_receiver(&to);

	for (int i = 0; i < CROWDED; i++)
		ASSERT_EQ(sendto(from, data, 8 + i, 0, (void *)&to, sizeof(to)), 8 + i, "sent");
	ASSERT_TRUE(traffic_settle(), "what was sent arrives");
	close(tap);
	close(from);
	close(fd);
}

/* Eight homes for them all: first slots, others, other buckets, and objects of other slots. */
static void types_in_any_slot_are_shown(void)
{
	struct bpf_object *writer;
	struct skbext *sk;
	json_t *counts;
	struct tracer t;

	if (!exact)
		TEST_SKIP("types of others are shown in exact mode only");
	sk = load_public(0, 64);
	writer = load_writer();
	attach_writer(writer);
	if (start(&t, "--device lo --type api_note")) {
		crowd_packets();
		stop(&t);
		check_own_types(packets_of(&t, &counts));
	}
	attach_writer(NULL);
	bpf_object__close(writer);
	skbext_unpin(NULL);
	skbext_close(sk);
}

static void fails_with_a_reason(const char *args, const char *why)
{
	struct tracer t;

	launch(&t, args);
	if (!ended(&t))
		return;
	ASSERT_TRUE(WIFEXITED(t.status) && WEXITSTATUS(t.status) == 1, args);
	if (!ASSERT_TRUE(has_text(t.err, why), why))
		show_file(t.err);
}

static void errors_are_clear(void)
{
	fails_with_a_reason("--reason NOT_A_REASON", "no drop reason NOT_A_REASON");
	fails_with_a_reason("--type not_a_type", "no type not_a_type");
	fails_with_a_reason("--bpffs /sys/fs/bpf/nothing-here", "no skbext is loaded");
}

/* ---- what a trace leaves behind: nothing */

#define PLACES	5	/* datagrams that wait in a queue while the trace ends */

/* All names below the bpffs, and the number of them. */
static int pins(char *list, size_t size)
{
	FILE *find = popen("find /sys/fs/bpf | sort", "r");
	size_t used = find ? fread(list, 1, size - 1, find) : 0;
	int n = 0;

	list[used] = 0;
	if (find)
		pclose(find);
	for (const char *c = list; *c; c++)
		n += *c == '\n';
	return n;
}

/* User space changes records: as long as that is set all packets are slower. */
static bool by_address(void)
{
	int fd = bpf_obj_get("/sys/fs/bpf/skbext/slots");
	struct skbext_state *state = mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, fd, 0);
	bool set = !ASSERT_NE(state, MAP_FAILED, "the store of all") || state->by_address;

	if (state != MAP_FAILED)
		munmap(state, getpagesize());
	close(fd);
	return set;
}

static void end_of_trace(struct tracer *t, bool killed)
{
	int port, fd = receiver(&port);

	if (start(t, "--device " DEVICE " --count 3")) {
		ASSERT_EQ(udp_to(port, PLACES), PLACES, "sent, and alive");
		if (killed)
			kill(t->pid, SIGKILL);
		else
			ASSERT_EQ(udp_to(9, 10), 10, "sent, and dropped");
		if (ended(t))
			ASSERT_EQ(t->status, killed ? SIGKILL : 0, "status of trace");
	}
	drain(fd, PLACES);
	close(fd);
}

/* The second type takes all that the first one left of the payload. */
static void check_nothing_left(bool killed)
{
	struct skbext *sk = load_public(80, 4096);
	static char before[1 << 16], after[1 << 16];
	struct tracer t;
	int first, n;

	if (!sk)
		return;
	ASSERT_EQ(first = skbext_type_add(sk, "first", 40, 0), 0, skbext_errmsg());
	n = pins(before, sizeof(before));
	end_of_trace(&t, killed);
	ASSERT_GE(n, 10, "pins of what is loaded");
	pins(after, sizeof(after));
	ASSERT_STREQ(after, before, "what is pinned");
	ASSERT_EQ(skbext_type_find(sk, "first"), first, "the type that there was");
	ASSERT_EQ(skbext_type_find(sk, "skbext_trace"), -ENOENT, "a type of the trace");
	ASSERT_EQ(skbext_type_add(sk, "second", 40, 0), 1, skbext_errmsg());
	ASSERT_EQ(by_address(), false, "user space changes records");
	skbext_unpin(NULL);
	skbext_close(sk);
}

static void trace_leaves_nothing(void)
{
	check_nothing_left(false);
}

static void killed_trace_leaves_nothing(void)
{
	check_nothing_left(true);
}

/* As many programs of others as the kernel takes: no second skbext beside what is loaded. */
static void full_function_is_told(void)
{
	struct skbext *sk = exact ? load_public(0, 4096) : NULL;
	struct bpf_object *crowd;
	struct bpf_program *prog;
	char path[512];

	if (!exact)
		TEST_SKIP("the tracepoint mode has no such limit");
	snprintf(path, sizeof(path), "%s/crowd.bpf.o",
		 getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");
	crowd = bpf_object__open_file(path, NULL);
	if (ASSERT_OK_PTR(crowd, path) && ASSERT_OK(bpf_object__load(crowd), path)) {
		bpf_object__for_each_program(prog, crowd)
			if (!bpf_program__attach(prog))
				break;
		fails_with_a_reason("--mode exact --count 1", "__copy_skb_header takes no more programs");
	}
	bpf_object__close(crowd);
	skbext_unpin(NULL);
	skbext_close(sk);
}

static void share_one(bool on)
{
	if (on && exact)
		loaded = load_public(0, 4096);
	if (on || !loaded)
		return;
	skbext_unpin(NULL);
	skbext_close(loaded);
	loaded = NULL;
}

/* The pins here, and what trace finds, are this test's alone. */
static bool up(void)
{
	struct skbext_status would = { .sz = sizeof(would) };

	return ASSERT_OK(unshare(CLONE_NEWNS), "mount namespace") &&
	       ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts") &&
	       ASSERT_OK(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), "bpffs") &&
	       ASSERT_OK(traffic_net_up(&net), "namespaces") &&
	       ASSERT_OK(skbext_probe(NULL, NULL, &would), skbext_errmsg()) &&
	       ((exact = would.mode == SKBEXT_MODE_EXACT && !asked_mode), true);
}

/* The command is where the tests are built from. */
static bool find_command(void)
{
	char self[384];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = 0;
	for (int up = 0; up < 2 && strrchr(self, '/'); up++)
		*strrchr(self, '/') = 0;
	snprintf(command, sizeof(command), "%s/skbext", self);
	return ASSERT_OK(access(command, X_OK), command);
}

int main(int argc, char **argv)
{
	char shell[96];

	if (geteuid()) {
		printf("SKIP trace: not root\n");
		return 0;
	}
	asked_mode = getenv("SKBEXT_TEST_MODE") &&
		     !strcmp(getenv("SKBEXT_TEST_MODE"), "tracepoint");
	snprintf(tmp, sizeof(tmp), "/tmp/skbext-trace-XXXXXX");
	if (!mkdtemp(tmp) || !find_command() || !up()) {
		printf("FAIL trace: no environment\n");
		return 1;
	}
	TEST_CASE(summary_accounts_for_every_packet);
	share_one(true);
	TEST_CASE(lines_filtered_by_reason);
	TEST_CASE(every_fourth);
	TEST_CASE(count_ends_it);
	TEST_CASE(queued_packets_are_old);
	TEST_CASE(clones_are_told);
	TEST_CASE(types_of_others_are_shown);
	TEST_CASE(errors_are_clear);
	share_one(false);
	TEST_CASE(types_in_any_slot_are_shown);
	TEST_CASE(trace_leaves_nothing);
	TEST_CASE(killed_trace_leaves_nothing);
	TEST_CASE(full_function_is_told);
	traffic_net_down(&net);
	snprintf(shell, sizeof(shell), "rm -rf %s", tmp);
	return system(shell) || TEST_EXIT();
}
