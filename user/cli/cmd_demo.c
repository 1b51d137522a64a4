// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext demo: the main job on real packets, for people who see skbext for the first time. A
 * private skbext, two namespaces, bounded traffic, and programs in every place that sees an skb;
 * gone again when it ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo/parts.h"

#define TRAFFIC_LIMIT	20	/* seconds for one phase, for slow emulated machines */
#define SETTLE_US	50000

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	interrupted = sig;
}

/* No SA_RESTART: waiting ends. */
static void catch_signals(void)
{
	const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_interrupt };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	signal(SIGCHLD, SIG_DFL);	/* ignored, there is nothing to wait for */
	signal(SIGPIPE, SIG_IGN);	/* the reader may leave early; we have to clean up */
}

static int load(struct demo_run *d, enum skbext_mode mode)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = DEMO_BPFFS, .capacity = 4096, .mode = mode,
	};

	d->sk = skbext_open(&opts);
	if (!d->sk || skbext_load(d->sk) || skbext_attach(d->sk) || skbext_pin(d->sk))
		return cli_lib_error("run the demo: load an skbext of its own");
	d->status.sz = sizeof(d->status);
	if (skbext_status(d->sk, &d->status))
		return cli_lib_error("run the demo: read the status");
	return CLI_DONE;
}

static int read_stats(struct demo_run *d, struct skbext_stats *stats)
{
	stats->sz = sizeof(*stats);
	if (skbext_stats(d->sk, stats))
		return cli_lib_error("run the demo: read the counters");
	return CLI_DONE;
}

/* In a process of its own: that is what has a cgroup, and what can be ended when it hangs. */
static void __attribute__((noreturn)) traffic_process(const struct demo_run *d,
						      enum demo_phase phase)
{
	char procs[sizeof(d->cgroup) + 16];
	FILE *f;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(TRAFFIC_LIMIT);
	if (d->cgroup[0]) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", d->cgroup);
		f = fopen(procs, "w");
		if (!f || fputs("0", f) < 0 || fclose(f))
			_exit(cli_error("cannot run the demo: enter its cgroup: %s",
					strerror(errno)));
	}
	_exit(demo_traffic(&d->net, phase));
}

static int run_phase(struct demo_run *d, enum demo_phase phase)
{
	int status = 0;
	pid_t pid;

	if (interrupted)
		return CLI_FAILED;
	*d->phase = phase;
	pid = fork();
	if (pid < 0)
		return cli_error("cannot run the demo: fork: %s", strerror(errno));
	if (!pid)
		traffic_process(d, phase);
	while (waitpid(pid, &status, 0) < 0)
		if (interrupted)
			kill(pid, SIGKILL);
	if (interrupted)
		return CLI_FAILED;
	usleep(SETTLE_US);	/* the last segments of a connection */
	*d->phase = DEMO_IDLE;
	if (WIFSIGNALED(status))
		return cli_error("cannot run the demo: its traffic did not end within %d s",
				 TRAFFIC_LIMIT);
	return WEXITSTATUS(status);
}

/* The kernel may free a packet some time after its last use: wait while that helps, 2 s at most. */
static int quiesce(struct demo_run *d)
{
	for (int i = 0; i < 40 && !interrupted; i++) {
		if (read_stats(d, &d->after))
			return CLI_FAILED;
		if (!d->after.live)
			break;
		usleep(50000);
	}
	return CLI_DONE;
}

static int run(struct demo_run *d, enum skbext_mode mode)
{
	int ret = demo_box_make(d) ?: demo_net_make(&d->net);

	ret = ret ?: load(d, mode) ?: demo_programs_start(d);
	if (ret)
		return ret;
	if (!d->json)
		demo_print_head(d);
	ret = read_stats(d, &d->before);
	for (int phase = DEMO_UDP; !ret && phase < DEMO_PHASES; phase++)
		ret = run_phase(d, phase);
	ret = ret ?: quiesce(d);
	if (!ret && !d->json) {
		demo_print_paths(d);
		demo_print_counters(d);
	}
	return ret;
}

static void clean_up(struct demo_run *d)
{
	demo_programs_stop(d);
	if (d->sk)
		skbext_unpin(DEMO_BPFFS);
	skbext_close(d->sk);
	demo_net_free(&d->net);
	demo_box_free(d);
}

static int demo(bool as_json, enum skbext_mode mode)
{
	struct demo_run d = {
		.json = as_json, .cgroup_fd = -1, .net = { .home = -1, .ns = { -1, -1 } },
	};
	json_t *json = NULL;
	char what[128];
	bool well;
	int ret;

	catch_signals();
	ret = run(&d, mode);
	well = !ret && demo_check(&d, what, sizeof(what));
	if (!ret && as_json)
		json = demo_json(&d, well);
	clean_up(&d);
	if (ret)
		return interrupted ? cli_error("demo interrupted; everything is removed") : ret;
	if (as_json)
		cli_print_json(json);
	else
		demo_print_end(&d, well);
	return well ? CLI_DONE : cli_error("the demo shows an error: %s; please report it", what);
}

enum { OPT_MODE = CLI_OPT_OWN };

static int command(int argc, char **argv)
{
	struct cli_common common = { 0 };
	enum skbext_mode mode = SKBEXT_MODE_AUTO;

	while (cli_getopt(argc, argv, &common) != -1)
		mode = cli_parse_mode(optarg);
	cli_want_args(argc, 0, 0);
	return demo(common.json, mode);
}

static const struct cli_option options[] = {
	{ "mode", OPT_MODE, "auto|exact|tracepoint",
	  "which hooks (default auto)" },
	{ 0 },
};

const struct command cmd_demo = {
	"demo", command, "",
	"show it at work on packets of its own", options
};
