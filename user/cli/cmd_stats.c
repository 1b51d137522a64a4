// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext stats: the counters; with --watch their rates, interval by interval. */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "cli.h"

struct counter {
	const char *name;
	size_t offset;
	bool gauge;	/* a state, not a count of events */
	const char *help;
};

#define GAUGE(field, help)	{ #field, offsetof(struct skbext_stats, field), true, help }
#define COUNT(field, help)	{ #field, offsetof(struct skbext_stats, field), false, help }

static const struct counter counters[] = {
	GAUGE(live, "records now"),
	GAUGE(capacity, "places for records"),
	GAUGE(orphans, "places held by an object that outlives its first owner"),
	COUNT(adds, "records made by add"),
	COUNT(adds_more, "adds to a record that was there"),
	COUNT(add_failed, "adds refused, no room"),
	COUNT(dels, "types deleted"),
	COUNT(dels_emptied, "of dels, the last type of a record"),
	COUNT(cow, "objects copied for a write, as they were shared"),
	COUNT(shares, "records made by clone, copy, segment, fragment"),
	COUNT(share_failed, "copies that carry nothing, no room"),
	COUNT(releases, "records that ended with their skb"),
	COUNT(scrubbed, "of releases, by skb_scrub_packet"),
	COUNT(udp_dropped, "of releases, at the UDP receive queue"),
	COUNT(replaced, "of releases, something was copied over them"),
	COUNT(purged_stale, "of releases, found on a new skb, or by `skbext purge`"),
	COUNT(purged, "of purged_stale, by `skbext purge`"),
	COUNT(fate_dropped, "packets with a record that were dropped"),
	COUNT(fate_consumed, "packets with a record that were consumed"),
	COUNT(missed_hooks, "hook runs that the kernel skipped"),
	COUNT(missed_releases, "of missed_hooks, releases and purges"),
	COUNT(missed_shares, "of missed_hooks, shares: that copy carries nothing"),
	COUNT(missed_policies, "of missed_hooks, scrubs and UDP receive queues"),
	COUNT(distrusts, "times that all records lost trust, as a release was missed"),
	GAUGE(untrusted, "of live, records that nobody finds since then"),
	COUNT(distrusted, "looks at such a record, which was not shown"),
	COUNT(shares_distrusted, "of distrusted, copies that so carry nothing"),
	GAUGE(refs, "references held by counted types, now"),
};

#define NR_COUNTERS (sizeof(counters) / sizeof(counters[0]))

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig __attribute__((unused)))
{
	interrupted = 1;
}

static __u64 value_of(const struct skbext_stats *stats, const struct counter *counter)
{
	return *(const __u64 *)((const char *)stats + counter->offset);
}

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
	json_t *json;

	if (read_stats(common, &stats))
		return CLI_FAILED;
	if (!common->json) {
		for (size_t i = 0; i < NR_COUNTERS; i++)
			printf("%-18s %12llu  %s\n", counters[i].name,
			       value_of(&stats, &counters[i]), counters[i].help);
		cli_print_lost(&stats);
		return CLI_DONE;
	}
	json = json_object();
	for (size_t i = 0; i < NR_COUNTERS; i++)
		json_object_set_new(json, counters[i].name,
				    json_integer(value_of(&stats, &counters[i])));
	json_object_set_new(json, "lost", cli_json_lost(&stats));
	return cli_print_json(json);
}

/* A counter that went back belongs to a new load: it began at 0. */
static double rate_of(const struct counter *counter, const struct skbext_stats *now,
		      const struct skbext_stats *before, double seconds)
{
	__u64 a = value_of(before, counter), b = value_of(now, counter);

	return (b >= a ? b - a : b) / seconds;
}

static void print_rates(const struct skbext_stats *now, const struct skbext_stats *before,
			double seconds)
{
	for (size_t i = 0; i < NR_COUNTERS; i++) {
		const struct counter *c = &counters[i];

		if (c->gauge)
			printf("%s%s %llu", i ? "  " : "", c->name, value_of(now, c));
		else if (value_of(now, c) != value_of(before, c))
			printf("  %s %.1f/s", c->name, rate_of(c, now, before, seconds));
	}
	putchar('\n');
}

static void print_json_rates(const struct skbext_stats *now, const struct skbext_stats *before,
			     double seconds)
{
	json_t *json = json_object();

	for (size_t i = 0; i < NR_COUNTERS; i++)
		json_object_set_new(json, counters[i].name, counters[i].gauge ?
				    json_integer(value_of(now, &counters[i])) :
				    json_real(rate_of(&counters[i], now, before, seconds)));
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int watch(const struct cli_common *common, unsigned int interval)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	struct timespec pause = { .tv_sec = interval };
	struct skbext_stats before, now;
	double then, at;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (read_stats(common, &before))
		return CLI_FAILED;
	then = seconds_now();
	while (!nanosleep(&pause, NULL) && !interrupted) {
		if (read_stats(common, &now))
			return CLI_FAILED;
		at = seconds_now();
		if (common->json)
			print_json_rates(&now, &before, at - then);
		else
			print_rates(&now, &before, at - then);
		if (fflush(stdout))
			break;	/* main() says so */
		before = now;
		then = at;
	}
	return CLI_DONE;
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	unsigned int interval = 0;

	while (cli_getopt(argc, argv, &common) != -1)
		interval = cli_parse_number(optarg, "--watch", 1, 86400);
	cli_want_args(argc, 0, 0);
	return interval ? watch(&common, interval) : print_totals(&common);
}

enum { OPT_WATCH = CLI_OPT_OWN };

static const struct cli_option options[] = {
	{ "watch", OPT_WATCH, "SECONDS",
	  "print rates each so many seconds, until interrupted" },
	{ 0 },
};

const struct command cmd_stats = {
	"stats", run, "",
	"counters, or their rates", options
};
