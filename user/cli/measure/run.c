// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext doctor --measure: watch the machine's traffic for some seconds and say what each hook is
 * good for. How: bpf/measure.bpf.c. The loaded skbext, if there is one, neither helps nor notices.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "measure.skel.h"

#define PAUSE_US	50000
#define BATCH		4096	/* more than one bucket of the map ever has */
#define SETTLE		10	/* pauses for what is under way when no more is marked */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig __attribute__((unused)))
{
	interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Marks that are still there. In batches: deleted under us, a key would begin a walk anew. */
static int count_left(struct measure_run *m)
{
	int fd = bpf_map__fd(m->skel->maps.marks), err = 0;
	__u64 *keys = calloc(2 * BATCH, sizeof(*keys)), *values = keys + BATCH;
	__u64 batch, *from = NULL;

	for (int i = 0; i < m->nr_sets; i++)
		m->sets[i].left = 0;
	while (keys && !err) {
		__u32 n = BATCH;

		err = bpf_map_lookup_batch(fd, from, &batch, keys, values, &n, NULL);
		from = &batch;
		for (__u32 k = 0; (!err || err == -ENOENT) && k < n; k++)
			for (int i = 0; i < m->nr_sets; i++)
				m->sets[i].left += values[k] >> i & 1;
	}
	free(keys);
	if (keys && err == -ENOENT)
		return CLI_DONE;
	return cli_error("cannot measure: read its marks: %s; try again",
			 strerror(keys ? -err : ENOMEM));
}

static int settle(struct measure_run *m)
{
	int err = CLI_DONE;

	for (int i = 0; !err && i < SETTLE; i++) {
		usleep(PAUSE_US);
		err = count_left(m);
		if (!m->sets[m->complete].left)
			break;
	}
	return err;
}

static int read_counts(struct measure_run *m)
{
	int cpus = libbpf_num_possible_cpus(), err = cpus < 0 ? cpus : 0;
	struct measure_counts *all = err ? NULL : calloc(cpus, sizeof(*all));
	__u64 *sum = (__u64 *)&m->counts;
	__u32 zero = 0;

	if (!err && !all)
		err = -ENOMEM;
	err = err ?: bpf_map_lookup_elem(bpf_map__fd(m->skel->maps.counts), &zero, all);
	for (int cpu = 0; !err && cpu < cpus; cpu++)
		for (size_t i = 0; i < sizeof(*all) / sizeof(*sum); i++)
			sum[i] += ((const __u64 *)&all[cpu])[i];
	free(all);
	for (int i = 0; i < m->nr_sets; i++)
		m->sets[i].stale = m->counts.stale[i];
	return err ? cli_error("cannot measure: read its counts: %s; try again", strerror(-err)) :
		     CLI_DONE;
}

static __u64 misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (!prog || bpf_program__fd(prog) < 0 ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return 0;
	return info.recursion_misses;
}

/* Both programs of a hook miss no more than the luckier of them did. */
static void read_hook_misses(struct measure_run *m, int hook)
{
	const char *name = measure_hook(hook)->name;
	char second[64];
	__u64 a, b;

	snprintf(second, sizeof(second), "%s_2", name);
	a = misses(bpf_object__find_program_by_name(m->skel->obj, name));
	b = misses(bpf_object__find_program_by_name(m->skel->obj, second));
	m->missed[hook] = a < b ? a : b;
	m->counts.fired[hook] += a;
}

static void read_misses(struct measure_run *m)
{
	struct bpf_program *prog;

	for (int i = 0; i < MEASURE_HOOKS; i++)
		if (measure_has(m, i))
			read_hook_misses(m, i);
	bpf_object__for_each_program(prog, m->skel->obj) {
		if (!strncmp(bpf_program__name(prog), "birth_", 6))
			m->missed_births += misses(prog);
		if (!strncmp(bpf_program__name(prog), "mark_", 5))
			m->missed_tags += misses(prog);
	}
}

static int watch(struct measure_run *m)
{
	int err;

	fprintf(stderr, "skbext: measuring for %llu s, Ctrl-C ends it\n", m->seconds);
	cli_progress("measuring");
	m->began = cli_now();
	while (!interrupted && cli_now() - m->began < m->seconds)
		usleep(PAUSE_US);
	m->ended = cli_now();
	measure_stop_marking(m);
	err = settle(m);
	measure_stop(m);
	usleep(PAUSE_US);	/* programs that run just now: else the counts may not agree */
	err = err ?: count_left(m) ?: read_counts(m);
	read_misses(m);
	cli_progress(NULL);
	return err;
}

int measure(const struct cli_common *common, __u64 seconds)
{
	struct measure_run m = { .common = *common, .seconds = seconds };
	int ret;

	catch_signals();
	ret = measure_start(&m);
	if (!ret)
		ret = watch(&m);
	if (!ret)
		ret = measure_show(&m);
	measure_free(&m);
	return ret;
}
