// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext bench: datagrams per second from one namespace to another, through a veth pair, and
 * through two pairs and a namespace in between, which forwards. Sender, router and receiver share
 * a CPU, as veth does it, so this is the cost of the whole way, not the speed of a link.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../bpf/bench.h"
#include "parts.h"
#include "bench_packets.skel.h"

enum { NOTHING, UNTAGGED, TAGGED, NR };

static const char *const names[NR] = { "nothing", "skbext, untagged", "skbext, all tagged" };

/* Written at the egress of one end of the first veth pair, read at the ingress of the other. */
static struct way {
	const char *key, *title;	/* key: in the JSON */
	const char *to;			/* the receiver's address */
	const char *out, *in, *in_ns;	/* devices; in is in that namespace */
	struct figure pps[NR];
} ways[] = {
	{ "veth", "a veth pair", "10.198.2.2", "bench2", "bench3", "receiver", {} },
	{ "forward", "veth and a forwarding namespace", "10.198.1.2", "bench0", "r0", "router",
	  {} },
};

#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

struct forward_bench {
	struct bench *b;
	struct skbext *sk;
	struct bench_packets *skel;
	struct bench_hooks hooks;
	int home, pair[NR_WAYS][2];
	unsigned int packets;
};

/*
 * The bench's own namespace sends; router and receiver get names, on a tmpfs that only this
 * process sees.
 */
static const char setup[] =
	"set -e;"
	"ip netns add router; ip netns add receiver;"
	"ip link add bench0 type veth peer name r0 netns router;"
	"ip -n router link add r1 type veth peer name bench1 netns receiver;"
	"ip link add bench2 type veth peer name bench3 netns receiver;"
	"ip addr add 10.198.0.2/24 dev bench0; ip link set bench0 up;"
	"ip addr add 10.198.2.1/24 dev bench2; ip link set bench2 up;"
	"ip -n router addr add 10.198.0.1/24 dev r0; ip -n router link set r0 up;"
	"ip -n router addr add 10.198.1.1/24 dev r1; ip -n router link set r1 up;"
	"ip -n receiver addr add 10.198.1.2/24 dev bench1; ip -n receiver link set bench1 up;"
	"ip -n receiver addr add 10.198.2.2/24 dev bench3; ip -n receiver link set bench3 up;"
	"ip route add 10.198.1.0/24 via 10.198.0.1;"
	"ip -n receiver route add 10.198.0.0/24 via 10.198.1.1;"
	"ip netns exec router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'";

static int enter(const char *name)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static int go_home(struct forward_bench *f)
{
	return setns(f->home, CLONE_NEWNET) ? -errno : 0;
}

/* The receiving socket belongs to the namespace in which it was made. */
static int make_sockets(struct forward_bench *f, int pair[2], const char *to)
{
	int receiver[2], err = enter("receiver");

	err = err ?: bench_udp_pair(receiver, to);
	if (!err) {
		struct sockaddr_in at;
		socklen_t len = sizeof(at);

		pair[1] = receiver[1];
		close(receiver[0]);
		err = getsockname(receiver[1], (void *)&at, &len) ? -errno : go_home(f);
		pair[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (!err && (pair[0] < 0 || connect(pair[0], (void *)&at, len)))
			err = -errno;
	}
	return err;
}

static int load(struct forward_bench *f)
{
	struct bpf_program *prog;
	int err;

	f->sk = bench_skbext(65536, 0, true);
	if (!f->sk)
		return CLI_FAILED;
	f->skel = bench_packets__open();
	if (!f->skel || skbext_bind(f->skel->obj, NULL))
		return cli_lib_error("run the bench: bind its programs");
	bpf_object__for_each_program(prog, f->skel->obj)
		bpf_program__set_autoload(prog, !strncmp(bpf_program__name(prog), "ours_", 5));
	err = bench_packets__load(f->skel) ?: f->skel->bss ? 0 : -EAGAIN;
	skbext_close(f->sk);
	f->sk = NULL;
	if (err)
		return bench_load_error(err);
	err = bench_hooks_take(&f->hooks);
	return err ? bench_error("take the lifecycle programs", err) : CLI_DONE;
}

static int tag(struct forward_bench *f, const struct way *way, bool on)
{
	int err = 0, out = if_nametoindex(way->out), in;

	if (on)
		err = bench_tc_attach(bpf_program__fd(f->skel->progs.ours_write), out, true);
	else
		bench_tc_detach(out);
	err = err ?: enter(way->in_ns);
	in = if_nametoindex(way->in);
	if (!err && on)
		err = bench_tc_attach(bpf_program__fd(f->skel->progs.ours_read), in, false);
	else
		bench_tc_detach(in);
	return go_home(f) ?: err;
}

static int run(struct forward_bench *f, struct way *way, int variant)
{
	const int *pair = f->pair[way - ways];
	__u64 read = f->skel->bss->read;
	double start;
	int err = 0;

	if (variant != NOTHING)
		err = bench_hooks_attach(&f->hooks);
	if (variant == TAGGED)
		err = err ?: tag(f, way, true);
	err = err ?: bench_udp_exchange(pair, f->packets / 8);
	start = cli_now();
	err = err ?: bench_udp_exchange(pair, f->packets);
	figure_add(&way->pps[variant], f->packets / (cli_now() - start));
	if (variant == TAGGED)
		err = tag(f, way, false) ?: err;
	bench_hooks_detach(&f->hooks);
	read = f->skel->bss->read - read;
	if (!err && variant == TAGGED && read < f->packets)
		return cli_error("cannot run the bench: of %u packets through %s %llu had a record",
				 f->packets, way->title, (unsigned long long)read);
	return err ? bench_error(way->title, err) : CLI_DONE;
}

/* Of the packets that pass with nothing loaded, in each round. Before any median: that sorts. */
static struct figure percent(const struct way *way, int variant)
{
	struct figure f = {};

	for (unsigned int i = 0; i < way->pps[variant].nr; i++)
		figure_add(&f, 100 * way->pps[variant].v[i] / way->pps[NOTHING].v[i]);
	return f;
}

static void report(struct bench *b, struct way *way)
{
	json_t *list = json_array();
	struct figure of_nothing[NR];

	for (int i = 0; i < NR; i++)
		of_nothing[i] = percent(way, i);
	bench_say(b, "\nUDP through %s, packets per second\n", way->title);
	for (int i = 0; i < NR; i++) {
		struct figure *pps = &way->pps[i];
		double median = figure_median(pps);

		bench_say(b, "  %-24s %10.0f (%.0f to %.0f), %5.1f %%\n", names[i], median,
			  pps->v[0], pps->v[pps->nr - 1], figure_median(&of_nothing[i]));
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "variant", names[i],
						      "pps", figure_json(pps),
						      "percent", figure_json(&of_nothing[i])));
	}
	json_object_set_new(b->out, way->key, list);
}

static int open_bench(struct forward_bench *f)
{
	int ret;

	if (system(setup))
		return cli_error("cannot run the bench: ip(8) did not make the namespaces");
	ret = load(f);
	for (size_t i = 0; !ret && i < NR_WAYS; i++) {
		int err = make_sockets(f, f->pair[i], ways[i].to);

		ret = err ? bench_error("make sockets", err) : CLI_DONE;
	}
	return ret;
}

static void close_bench(struct forward_bench *f)
{
	for (size_t i = 0; i < NR_WAYS; i++) {
		close(f->pair[i][0]);
		close(f->pair[i][1]);
	}
	bench_hooks_free(&f->hooks);
	bench_packets__destroy(f->skel);
	skbext_unpin(NULL);
	close(f->home);
}

int bench_forward(struct bench *b)
{
	struct forward_bench f = {
		.b = b, .packets = b->quick ? 4096 : 65536, .pair = { { -1, -1 }, { -1, -1 } },
	};
	int ret;

	if (system("command -v ip >/dev/null")) {
		bench_say(b, "\nveth and forwarding: left out, they take ip(8)\n");
		return CLI_DONE;
	}
	f.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ret = open_bench(&f);
	for (unsigned int round = 0; !ret && round < b->rounds; round++)
		for (int k = 0; !ret && k < NR; k++)
			for (size_t i = 0; !ret && i < NR_WAYS; i++)
				ret = run(&f, &ways[i], round % 2 ? NR - 1 - k : k);
	for (size_t i = 0; !ret && i < NR_WAYS; i++)
		report(b, &ways[i]);
	close_bench(&f);
	return ret;
}
