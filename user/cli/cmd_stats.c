// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext stats: the counters; with --watch their rates, interval by interval. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

/* Opened anew each time, so that a watcher sees an unload, and follows a new load. */
static int read_stats(const struct cli_common *common, struct skbext_stats *stats)
{
	struct skbext *sk = cli_open(common, "show counters");
	int ret = CLI_DONE;

	if (!sk)
		return CLI_FAILED;
	*stats = (struct skbext_stats){ .sz = sizeof(*stats) };
	if (skbext_stats(sk, stats))
		ret = cli_lib_error("show counters");
	skbext_close(sk);
	return ret;
}

static int print_totals(const struct cli_common *common)
{
	struct skbext_stats stats;

	if (read_stats(common, &stats))
		return CLI_FAILED;
	if (common->json)
		return cli_print_json(cli_json_stats(&stats));
	for (const struct cli_counter *c = cli_counters; c->name; c++)
		printf("%-18s %12llu  %s\n", c->name, cli_count(&stats, c), c->help);
	cli_print_lost(&stats);
	return CLI_DONE;
}

struct interval {
	struct skbext_stats before, now;
	double seconds;
};

/* A counter that went back belongs to a new load: it began at 0. */
static double rate_of(const struct cli_counter *counter, const struct interval *iv)
{
	__u64 a = cli_count(&iv->before, counter), b = cli_count(&iv->now, counter);

	return (b >= a ? b - a : b) / iv->seconds;
}

/* In one line, for pipes. */
static void print_line(const struct interval *iv)
{
	for (const struct cli_counter *c = cli_counters; c->name; c++) {
		if (c->gauge)
			printf("%s%s %llu", c == cli_counters ? "" : "  ", c->name,
			       cli_count(&iv->now, c));
		else if (rate_of(c, iv) > 0)
			printf("  %s %.1f/s", c->name, rate_of(c, iv));
	}
	putchar('\n');
}

static int screen_lines(void)
{
	struct winsize size;

	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row ? size.ws_row : 24;
}

/* The counts since load, over those that were there. */
static void redraw(const struct interval *iv)
{
	int left = screen_lines() - 2;

	printf("\033[H\033[J%-18s %14s %12s  every %.0f s, Ctrl-C ends it\n", "counter", "total",
	       "per second", iv->seconds);
	for (const struct cli_counter *c = cli_counters; c->name && left; c++) {
		if (!cli_count(&iv->now, c))
			continue;
		printf("%-18s %14llu ", c->name, cli_count(&iv->now, c));
		if (c->gauge)
			printf("%12s", "");
		else
			printf("%12.1f", rate_of(c, iv));
		printf("  %.31s\n", c->help);	/* of 80 columns */
		left--;
	}
}

static void print_json_rates(const struct interval *iv)
{
	json_t *json = json_object();

	for (const struct cli_counter *c = cli_counters; c->name; c++)
		json_object_set_new(json, c->name, c->gauge ?
				    json_integer(cli_count(&iv->now, c)) :
				    json_real(rate_of(c, iv)));
	cli_lines = true;
	cli_print_json(json);
}

static int watch(const struct cli_common *common, unsigned int seconds)
{
	void (*show)(const struct interval *iv) = common->json ? print_json_rates :
		isatty(STDOUT_FILENO) ? redraw : print_line;
	struct interval iv;
	double then, at;

	cli_expect_interrupt();
	if (read_stats(common, &iv.before))
		return CLI_FAILED;
	then = cli_now();
	while (!cli_interrupted_within(seconds)) {
		if (read_stats(common, &iv.now))
			return CLI_FAILED;
		at = cli_now();
		iv.seconds = at - then;
		show(&iv);
		if (fflush(stdout))
			break;	/* main() says so */
		iv.before = iv.now;
		then = at;
	}
	return CLI_DONE;
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	unsigned int interval = 0;

	while (cli_getopt(argc, argv, &common) != -1)
		interval = optarg ? cli_parse_number(optarg, "--watch", 1, 86400) : 1;
	cli_want_args(argc, 0, 0);
	return interval ? watch(&common, interval) : print_totals(&common);
}

enum { OPT_WATCH = CLI_OPT_OWN };

static const struct cli_option options[] = {
	{ "watch", OPT_WATCH, "[SECONDS]",
	  "rates, each so many seconds (default 1) until interrupted:\n"
	  "redrawn on a terminal, else line by line" },
	{ 0 },
};

const struct command cmd_stats = {
	"stats", run, "",
	"counters, or their rates", options
};
