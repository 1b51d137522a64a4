// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext bench: what skbext costs, beside its rivals in the same run. In namespaces of its own:
 * what is pinned and whose packets are looked at is the bench's alone, and all of it ends with
 * the process.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/parts.h"

enum { OPT_QUICK = CLI_OPT_OWN, OPT_ONLY };

static const struct {
	const char *name, *doing;
	int (*run)(struct bench *b);
} parts[] = {
	{ "cost", "measuring memory and load", bench_cost },
	{ "store", "measuring the store", bench_store },
	{ "packets", "sending packets", bench_packets },
	{ "forward", "forwarding packets", bench_forward },
};

#define NR_PARTS (sizeof(parts) / sizeof(parts[0]))

static void check_part(const char *name)
{
	for (size_t i = 0; i < NR_PARTS; i++)
		if (!strcmp(parts[i].name, name))
			return;
	cli_usage_error("no part is called '%s'; there are cost, store, packets and forward", name);
}

/* Not /run itself: only where ip(8) keeps names of namespaces, which need not be there. */
static int make_box(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("skbext-bench", "/sys/fs/bpf", "bpf", 0, "mode=0700") ||
	    mount("skbext-bench", "/run", "tmpfs", 0, NULL))
		return cli_error("cannot run the bench: namespaces of its own: %s; it takes root and a mounted /sys",
				 strerror(errno));
	return bench_lo_up() ? bench_error("bring the loopback up", -errno) : CLI_DONE;
}

static void find_cpus(struct bench *b)
{
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE && b->nr_cpus < 256; cpu++)
		if (CPU_ISSET(cpu, &all))
			b->cpus[b->nr_cpus++] = cpu;
}

/* Text comes row by row, and tells by itself that it goes on. */
static int run_part(struct bench *b, size_t i)
{
	int ret;

	if (b->json || !isatty(STDOUT_FILENO))
		cli_progress(parts[i].doing);
	ret = parts[i].run(b);
	cli_progress(NULL);
	return ret;
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	struct bench b = { .rounds = 9 };
	const char *only = NULL;
	struct utsname uts;
	int c, ret;

	while ((c = cli_getopt(argc, argv, &common)) != -1) {
		if (c == OPT_QUICK) {
			b.quick = true;
			b.rounds = 3;
		} else {
			check_part(optarg);
			only = optarg;
		}
	}
	cli_want_args(argc, 0, 0);
	b.json = common.json;
	cli_libbpf_words();
	find_cpus(&b);
	uname(&uts);
	b.out = json_pack("{s:s, s:s, s:i, s:i}", "version", SKBEXT_VERSION, "kernel", uts.release,
			  "cpus", (int)b.nr_cpus, "rounds", (int)b.rounds);
	ret = make_box();
	for (size_t i = 0; !ret && i < NR_PARTS; i++)
		if (!only || !strcmp(only, parts[i].name))
			ret = run_part(&b, i);
	if (!ret && b.json)
		return cli_print_json(b.out);
	json_decref(b.out);
	return ret;
}

static const struct cli_option options[] = {
	{ "quick", OPT_QUICK, NULL,
	  "3 rounds instead of 9, fewer sizes" },
	{ "only", OPT_ONLY, "cost|store|packets|forward",
	  "this part alone" },
	{ 0 },
};

const struct command cmd_bench = {
	"bench", run, "",
	"what it costs, beside other maps", options
};
