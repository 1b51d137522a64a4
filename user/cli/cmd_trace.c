// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace: packets from birth to death, one line at the end of each, or a summary. How an end
 * is seen once and only once: bpf/trace.bpf.c.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/parts.h"
#include "trace.skel.h"

#define POLL_MS 100

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
	signal(SIGPIPE, SIG_IGN);	/* the reader may leave early; that ends us too */
}

static bool enough(const struct trace_run *t)
{
	const struct trace_options *o = &t->opts;

	if (interrupted || ferror(stdout) || (o->duration && cli_now() - t->began >= o->duration))
		return true;
	return o->count && (o->summary ? trace_counts(t)->shown : t->printed) >= o->count;
}

static int on_report(void *arg, void *data, size_t size)
{
	struct trace_run *t = arg;

	if (t->opts.summary) {
		trace_slow_add(t, data, size);
		return 0;
	}
	if (t->opts.count && t->printed >= t->opts.count)
		return 0;
	if (t->opts.pcap)
		trace_pcap_add(t, data);
	return trace_print(t, data) ? -EIO : 0;
}

static int follow(struct trace_run *t)
{
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(t->skel->maps.events), on_report, t,
						  NULL);
	int n = rb ? 0 : -errno;

	if (!t->opts.summary)
		trace_print_head(t);
	while (n >= 0 && !enough(t)) {
		fflush(stdout);
		n = ring_buffer__poll(rb, POLL_MS);
		if (n == -EINTR)
			n = 0;
	}
	trace_stop(t);
	if (n >= 0)
		n = ring_buffer__consume(rb);
	ring_buffer__free(rb);
	if (n < 0 && n != -EIO)
		return cli_error("cannot trace: read its events: %s; try again", strerror(-n));
	return n < 0 ? CLI_FAILED : CLI_DONE;
}

static int trace(struct trace_run *t)
{
	int ret;

	if ((t->opts.filter && trace_filter_compile(&t->filter, t->opts.filter)) ||
	    (t->opts.html && cli_file_open(&t->page, t->opts.html, 0644)) ||
	    (t->opts.pcap && trace_pcap_open(&t->pcap, t->opts.pcap)))
		return CLI_FAILED;
	catch_signals();
	ret = trace_start(t);
	if (!ret) {
		fprintf(stderr, "skbext: tracing in %s mode (%s%s%s), in an skbext of its own%s\n",
			skbext_mode_name(t->status.mode),
			skbext_guarantee_name(t->status.guarantee), t->why[0] ? ": " : "", t->why,
			t->loaded ? "; types of the loaded one are shown" : "");
		ret = follow(t);
		if (!ret && t->opts.summary)
			ret = trace_summary(t);
		else if (!ret)
			trace_print_end(t);
		if (!ret && t->opts.pcap)
			ret = trace_pcap_close(&t->pcap);
	}
	trace_free(t);
	cli_file_drop(&t->page);
	trace_pcap_free(&t->pcap);
	return ret;
}

/* A number and ns, us, ms or s. */
static __u64 parse_age(const char *text)
{
	static const struct {
		const char *unit;
		__u64 ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 } };
	size_t digits = strspn(text, "0123456789");
	char number[16] = "";

	for (size_t i = 0; digits && digits < sizeof(number) && i < 4; i++) {
		if (strcmp(text + digits, units[i].unit))
			continue;
		memcpy(number, text, digits);
		return cli_parse_number(number, "--min-age", 0, INT64_MAX / units[i].ns) *
		       units[i].ns;
	}
	cli_usage_error("--min-age wants a number and ns, us, ms or s, as 5ms, not '%s'", text);
}

enum {
	OPT_DEVICE = CLI_OPT_OWN, OPT_TYPE, OPT_REASON, OPT_MIN_AGE, OPT_SAMPLE, OPT_DURATION,
	OPT_COUNT, OPT_SUMMARY, OPT_HTML, OPT_PCAP, OPT_MODE,
};

static void set_option(struct trace_options *o, int c)
{
	switch (c) {
	case OPT_DEVICE:
		if (!optarg[0] || strlen(optarg) >= TRACE_DEVICE_LEN)
			cli_usage_error("--device wants a device's name, not '%s'", optarg);
		o->device = optarg;
		break;
	case OPT_TYPE:
		o->type = optarg;
		break;
	case OPT_REASON:
		o->reason = optarg;
		break;
	case OPT_MIN_AGE:
		o->min_age = parse_age(optarg);
		break;
	case OPT_SAMPLE:
		o->sample = cli_parse_number(optarg, "--sample", 1, UINT32_MAX);
		break;
	case OPT_DURATION:
		o->duration = cli_parse_number(optarg, "--duration", 1, 86400 * 365);
		break;
	case OPT_COUNT:
		o->count = cli_parse_number(optarg, "--count", 1, INT64_MAX);
		break;
	case OPT_SUMMARY:
		o->summary = true;
		break;
	case OPT_HTML:
		o->html = optarg;
		o->summary = true;
		break;
	case OPT_PCAP:
		o->pcap = optarg;
		break;
	case OPT_MODE:
		o->mode = cli_parse_mode(optarg);
		break;
	}
}

/* The words of a filter as one, so that they need no quotes where the shell wants none. */
static char *join(char **words)
{
	size_t size = 1;
	char *all;

	for (char **w = words; *w; w++)
		size += strlen(*w) + 1;
	all = calloc(1, size);
	for (char **w = words; all && *w; w++) {
		strcat(all, w == words ? "" : " ");
		strcat(all, *w);
	}
	return all;
}

static int run(int argc, char **argv)
{
	static struct trace_run t = { .opts.sample = 1 };
	int c, ret;

	while ((c = cli_getopt(argc, argv, &t.common)) != -1)
		set_option(&t.opts, c);
	if (t.opts.pcap && t.opts.summary)
		cli_usage_error("--pcap has each packet, --summary and --html count them; run one of each");
	if (optind < argc)
		t.opts.filter = join(argv + optind);
	if (optind < argc && !t.opts.filter)
		return cli_error("cannot trace: out of memory; try again");
	ret = trace(&t);
	free(t.opts.filter);
	return ret;
}

static const struct cli_option options[] = {
	{ "device", OPT_DEVICE, "NAME",
	  "packets that this network device has seen" },
	{ "type", OPT_TYPE, "NAME",
	  "packets that carry this type at their end" },
	{ "reason", OPT_REASON, "NAME",
	  "packets dropped for this reason, as the kernel names it" },
	{ "min-age", OPT_MIN_AGE, "TIME",
	  "packets that lived at least so long: 5us, 10ms, 1s" },
	{ "sample", OPT_SAMPLE, "N",
	  "one packet in N (default 1)" },
	{ "duration", OPT_DURATION, "SECONDS",
	  "end after so long (default: when interrupted)" },
	{ "count", OPT_COUNT, "N",
	  "end after so many packets" },
	{ "summary", OPT_SUMMARY, NULL,
	  "ends by place and how long packets lived" },
	{ "html", OPT_HTML, "FILE",
	  "as --summary, and a page of it with the slowest packets" },
	{ "pcap", OPT_PCAP, "FILE",
	  "write packets to a pcapng FILE, too: up to 256 bytes of each\n"
	  "at its end; comments say its age, fate, reason and types" },
	{ "mode", OPT_MODE, "auto|exact|tracepoint",
	  "which hooks (default: those of what is loaded, else auto)" },
	{ 0 },
};

const struct command cmd_trace = {
	"trace", run, "[FILTER]",
	"each packet at its end: age, fate, place; or a summary of lifetimes", options
};
