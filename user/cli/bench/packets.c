// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext bench: the workload of the kernel patches' author, measured as he did. Loopback UDP,
 * 36-byte datagrams, 16 bytes written at tc egress, read at tc ingress, released at free; the
 * kernel's own count of the time in each program (kernel.bpf_stats_enabled), divided by the
 * packets. His figures are above two programs that only count, because taking the time takes
 * time: his kernel patch comes to 0.36 of the best map.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../../bpf/bench.h"
#include "parts.h"
#include "bench_packets.skel.h"

#define LO		1	/* ifindex, in every namespace */
#define MAX_PROGS	(2 + BENCH_MAX_HOOKS)

struct variant {
	const char *name, *prefix;
	unsigned int nr;		/* the first two: writer, reader */
	int prog[MAX_PROGS], link[MAX_PROGS];
	const char *raw[MAX_PROGS];	/* a raw_tp program's tracepoint; the others know theirs */
	struct figure all, tc;		/* ns per packet: all programs; writer and reader alone */
};

struct packets_bench {
	struct bench *b;
	struct skbext *sk;
	struct bench_packets *skel;
	struct bench_hooks hooks;
	enum skbext_mode mode;
	int pair[2];
	unsigned int packets;
};

static struct variant variants[] = {
	{ .name = "two counting programs", .prefix = "floor" },
	{ .name = "LRU_PERCPU_HASH", .prefix = "lru_percpu" },
	{ .name = "HASH", .prefix = "hash" },
	{ .name = "skbext", .prefix = "ours" },
};

#define NR_VARIANTS (sizeof(variants) / sizeof(variants[0]))

static bool is_ours(const struct variant *v)
{
	return !strcmp(v->prefix, "ours");
}

static bool in_variant(const struct variant *v, const char *prog, enum skbext_mode mode)
{
	const char *kind = mode == SKBEXT_MODE_EXACT ? "_exact_" : "_tp_";
	size_t len = strlen(v->prefix);

	return !strncmp(prog, v->prefix, len) && !strncmp(prog + len, kind, strlen(kind));
}

static void collect(struct packets_bench *p, struct variant *v)
{
	struct bpf_program *prog;
	char name[64];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s_%s", v->prefix, i ? "read" : "write");
		v->prog[i] = bpf_program__fd(bpf_object__find_program_by_name(p->skel->obj, name));
	}
	v->nr = 2;
	bpf_object__for_each_program(prog, p->skel->obj)
		if (in_variant(v, bpf_program__name(prog), p->mode)) {
			const char *section = bpf_program__section_name(prog);

			v->raw[v->nr] = strncmp(section, "raw_tp/", 7) ? NULL : section + 7;
			v->prog[v->nr++] = bpf_program__fd(prog);
		}
	for (unsigned int i = 0; is_ours(v) && i < p->hooks.nr; i++)
		v->prog[v->nr++] = p->hooks.prog[i];
}

static int open_programs(struct packets_bench *p)
{
	struct skbext_status st = { .sz = sizeof(st) };
	struct bpf_program *prog;
	int err;

	p->sk = bench_skbext(65536, 0, true);
	if (!p->sk)
		return CLI_FAILED;
	skbext_status(p->sk, &st);
	p->mode = st.mode;
	p->skel = bench_packets__open();
	if (!p->skel || skbext_bind(p->skel->obj, NULL))
		return cli_lib_error("run the bench: bind its programs");
	bpf_object__for_each_program(prog, p->skel->obj)
		if (p->mode != SKBEXT_MODE_EXACT &&
		    strstr(bpf_program__section_name(prog), "fentry"))
			bpf_program__set_autoload(prog, false);
	err = bench_packets__load(p->skel) ?: p->skel->bss ? 0 : -EAGAIN;
	if (err)
		return bench_load_error(err);
	skbext_close(p->sk);	/* its links would stay */
	p->sk = skbext_open_pinned(NULL);
	err = bench_hooks_take(&p->hooks) ?: bench_udp_pair(p->pair, "127.0.0.1");
	if (!p->sk || err)
		return bench_error("take the lifecycle programs", err);
	for (size_t i = 0; i < NR_VARIANTS; i++)
		collect(p, &variants[i]);
	return CLI_DONE;
}

static void detach(struct packets_bench *p, struct variant *v)
{
	bench_hooks_detach(&p->hooks);
	for (unsigned int i = 2; i < v->nr; i++)
		if (v->link[i] > 0)
			close(v->link[i]);
	memset(v->link, 0, sizeof(v->link));
	bench_tc_detach(LO);
}

static int attach(struct packets_bench *p, struct variant *v)
{
	int err = bench_tc_attach(v->prog[0], LO, true) ?: bench_tc_attach(v->prog[1], LO, false);

	if (is_ours(v))
		return err ?: bench_hooks_attach(&p->hooks);
	for (unsigned int i = 2; !err && i < v->nr; i++) {
		v->link[i] = bpf_raw_tracepoint_open(v->raw[i], v->prog[i]);
		err = v->link[i] < 0 ? -errno : 0;
	}
	return err;
}

static int read_times(const struct variant *v, __u64 ns[MAX_PROGS])
{
	for (unsigned int i = 0; i < v->nr; i++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(v->prog[i], &info, &len))
			return -errno;
		ns[i] = info.run_time_ns;
	}
	return 0;
}

static int run(struct packets_bench *p, struct variant *v)
{
	__u64 before[MAX_PROGS], after[MAX_PROGS], found;
	double all = 0, tc = 0;
	int err = attach(p, v) ?: bench_udp_exchange(p->pair, p->packets / 8);

	found = p->skel->bss->read;
	err = err ?: read_times(v, before) ?: bench_udp_exchange(p->pair, p->packets) ?:
		     read_times(v, after);
	found = p->skel->bss->read - found;
	detach(p, v);
	if (err)
		return bench_error(v->name, err);
	if (found < p->packets)
		return cli_error("cannot run the bench: %s found %llu records on %u packets",
				 v->name, (unsigned long long)found, p->packets);
	for (unsigned int i = 0; i < v->nr; i++) {
		double ns = (double)(after[i] - before[i]) / p->packets;

		all += ns;
		tc += i < 2 ? ns : 0;
	}
	figure_add(&v->all, all);
	figure_add(&v->tc, tc);
	return CLI_DONE;
}

/* Ours over a rival's, both above the floor, in each round. */
static json_t *ratio(struct packets_bench *p, const struct variant *rival, bool tc)
{
	const struct variant *ours = &variants[NR_VARIANTS - 1];
	struct figure f = {};
	double median;

	/* Before any median: that sorts. */
	for (unsigned int i = 0; i < p->b->rounds; i++) {
		double floor = tc ? variants[0].tc.v[i] : variants[0].all.v[i];

		figure_add(&f, ((tc ? ours->tc.v[i] : ours->all.v[i]) - floor) /
			       ((tc ? rival->tc.v[i] : rival->all.v[i]) - floor));
	}
	median = figure_median(&f);
	bench_say(p->b, "  skbext / %s, above the floor, %-24s %.2f (%.2f to %.2f)\n", rival->name,
		  tc ? "write and read alone" : "release included", median, f.v[0], f.v[f.nr - 1]);
	return json_pack("{s:s, s:s, s:o}", "rival", rival->name,
			 "of", tc ? "write and read" : "all", "ratio", figure_json(&f));
}

static void report(struct packets_bench *p)
{
	json_t *list = json_array(), *ratios = json_array();

	bench_say(p->b, "\nloopback UDP, ns in programs per packet (bpf_stats), mode %s\n",
		  skbext_mode_name(p->mode));
	for (size_t i = 1; i + 1 < NR_VARIANTS; i++) {
		json_array_append_new(ratios, ratio(p, &variants[i], false));
		json_array_append_new(ratios, ratio(p, &variants[i], true));
	}
	for (size_t i = 0; i < NR_VARIANTS; i++) {
		struct variant *v = &variants[i];

		bench_say(p->b, "  %-24s %8.1f, write and read %8.1f, %u programs\n", v->name,
			  figure_median(&v->all), figure_median(&v->tc), v->nr);
		json_array_append_new(list, json_pack("{s:s, s:i, s:o, s:o}", "impl", v->name,
						      "programs", (int)v->nr,
						      "ns", figure_json(&v->all),
						      "ns_write_read", figure_json(&v->tc)));
	}
	json_object_set_new(p->b->out, "packets",
			    json_pack("{s:s, s:o, s:o}", "mode", skbext_mode_name(p->mode),
				      "variants", list, "ratios", ratios));
}

int bench_packets(struct bench *b)
{
	struct packets_bench p = { .b = b, .packets = b->quick ? 4096 : 32768, .pair = { -1, -1 } };
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	int ret = stats < 0 ? bench_error("enable bpf_stats", -errno) : open_programs(&p);

	for (unsigned int round = 0; !ret && round < b->rounds; round++)
		for (size_t k = 0; !ret && k < NR_VARIANTS; k++)
			ret = run(&p, &variants[round % 2 ? NR_VARIANTS - 1 - k : k]);
	if (!ret)
		report(&p);
	close(p.pair[0]);
	close(p.pair[1]);
	bench_hooks_free(&p.hooks);
	bench_packets__destroy(p.skel);
	skbext_unpin(NULL);
	skbext_close(p.sk);
	close(stats);
	return ret;
}
