// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext bench: datagrams per second from one namespace through another, which forwards, to a
 * third: two veth pairs. Sender, router and receiver share a CPU, as veth does it, so this is
 * the cost of the whole way, not the speed of a link.
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

#include "../../bpf/bench.h"
#include "bench_parts.h"
#include "bench_packets.skel.h"

enum { NOTHING, UNTAGGED, TAGGED, NR };

static const char *const names[NR] = { "nothing", "skbext, untagged", "skbext, all tagged" };

struct forward_bench {
	struct bench *b;
	struct skbext *sk;
	struct bench_packets *skel;
	struct bench_hooks hooks;
	int router, home, pair[2];
	unsigned int packets;
	struct figure pps[NR];
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
	"ip addr add 10.198.0.2/24 dev bench0; ip link set bench0 up;"
	"ip -n router addr add 10.198.0.1/24 dev r0; ip -n router link set r0 up;"
	"ip -n router addr add 10.198.1.1/24 dev r1; ip -n router link set r1 up;"
	"ip -n receiver addr add 10.198.1.2/24 dev bench1; ip -n receiver link set bench1 up;"
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
static int make_sockets(struct forward_bench *f)
{
	int receiver[2], err = enter("receiver");

	err = err ?: bench_udp_pair(receiver, "10.198.1.2");
	if (!err) {
		struct sockaddr_in at;
		socklen_t len = sizeof(at);

		f->pair[1] = receiver[1];
		close(receiver[0]);
		err = getsockname(receiver[1], (void *)&at, &len) ? -errno : go_home(f);
		f->pair[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (!err && (f->pair[0] < 0 || connect(f->pair[0], (void *)&at, len)))
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
	err = bench_packets__load(f->skel);
	skbext_close(f->sk);
	f->sk = NULL;
	err = err ?: bench_hooks_take(&f->hooks);
	return err ? bench_error("load its programs", err) : CLI_DONE;
}

static int tag(struct forward_bench *f, bool on)
{
	int err = 0, out = if_nametoindex("bench0"), in;

	if (on)
		err = bench_tc_attach(bpf_program__fd(f->skel->progs.ours_write), out, true);
	else
		bench_tc_detach(out);
	err = err ?: enter("router");
	in = if_nametoindex("r0");
	if (!err && on)
		err = bench_tc_attach(bpf_program__fd(f->skel->progs.ours_read), in, false);
	else
		bench_tc_detach(in);
	return go_home(f) ?: err;
}

static int run(struct forward_bench *f, int variant)
{
	__u64 read = f->skel->bss->read;
	double start;
	int err = 0;

	if (variant != NOTHING)
		err = bench_hooks_attach(&f->hooks);
	if (variant == TAGGED)
		err = err ?: tag(f, true);
	err = err ?: bench_udp_exchange(f->pair, f->packets / 8);
	start = bench_now();
	err = err ?: bench_udp_exchange(f->pair, f->packets);
	figure_add(&f->pps[variant], f->packets / (bench_now() - start));
	if (variant == TAGGED)
		err = tag(f, false) ?: err;
	bench_hooks_detach(&f->hooks);
	if (!err && variant == TAGGED && f->skel->bss->read - read < f->packets)
		return cli_error("cannot run the bench: of %u forwarded packets %llu still had their record", f->packets,
				 (unsigned long long)(f->skel->bss->read - read));
	return err ? bench_error("forward packets", err) : CLI_DONE;
}

static void report(struct forward_bench *f)
{
	json_t *list = json_array();

	bench_say(f->b, "\nUDP through veth and a forwarding namespace, packets per second\n");
	for (int i = 0; i < NR; i++) {
		double median = figure_median(&f->pps[i]);

		bench_say(f->b, "  %-24s %10.0f (%.0f to %.0f), %5.1f %%\n", names[i], median, f->pps[i].v[0],
			  f->pps[i].v[f->pps[i].nr - 1], 100 * median / figure_median(&f->pps[NOTHING]));
		json_array_append_new(list, json_pack("{s:s, s:o}", "variant", names[i], "pps",
						      figure_json(&f->pps[i])));
	}
	json_object_set_new(f->b->out, "forward", list);
}

int bench_forward(struct bench *b)
{
	struct forward_bench f = { .b = b, .packets = b->quick ? 4096 : 65536, .pair = { -1, -1 } };
	int ret;

	f.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (system("command -v ip >/dev/null")) {
		bench_say(b, "\nforwarding: left out, it takes ip(8)\n");
		close(f.home);
		return CLI_DONE;
	}
	ret = system(setup) ? cli_error("cannot run the bench: ip(8) did not make the namespaces") : CLI_DONE;
	ret = ret ?: load(&f);
	if (!ret && make_sockets(&f))
		ret = bench_error("make sockets", -errno);
	for (unsigned int round = 0; !ret && round < b->rounds; round++)
		for (int k = 0; !ret && k < NR; k++)
			ret = run(&f, round % 2 ? NR - 1 - k : k);
	if (!ret)
		report(&f);
	close(f.pair[0]);
	close(f.pair[1]);
	bench_hooks_free(&f.hooks);
	bench_packets__destroy(f.skel);
	skbext_unpin(NULL);
	close(f.home);
	return ret;
}
