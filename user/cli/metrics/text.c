// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The families of metrics. A counter is called NAME_total; OpenMetrics names its family without that,
 * Prometheus' older text with it. `# EOF` ends both, so that a reader sees that nothing is missing.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "parts.h"
#include "../keep/parts.h"

enum kind { GAUGE, COUNTER };

struct out {
	FILE *f;
	bool openmetrics;
	/* The family that is being written. */
	const char *name, *unit;
	enum kind kind;
};

static const char *suffix(enum kind kind)
{
	return kind == COUNTER ? "_total" : "";
}

static void family(struct out *o, enum kind kind, const char *name, const char *unit, const char *help)
{
	const char *total = o->openmetrics ? "" : suffix(kind);

	o->kind = kind;
	o->name = name;
	o->unit = unit;
	fprintf(o->f, "# HELP skbext_%s%s%s %s\n# TYPE skbext_%s%s%s %s\n", name, unit, total, help,
		name, unit, total, kind == COUNTER ? "counter" : "gauge");
}

/* Readers have doubles, too: exact up to 2^53. Of seconds, nanoseconds. */
static void print_value(const struct out *o, double value)
{
	fprintf(o->f, " %.*f\n", value == (double)(__u64)value ? 0 : 9, value);
}

static void sample(const struct out *o, double value)
{
	fprintf(o->f, "skbext_%s%s%s", o->name, o->unit, suffix(o->kind));
	print_value(o, value);
}

/* labels: "hook=\"%s\"". */
__attribute__((format(printf, 3, 4)))
static void labelled(const struct out *o, double value, const char *labels, ...)
{
	va_list args;

	va_start(args, labels);
	fprintf(o->f, "skbext_%s%s%s{", o->name, o->unit, suffix(o->kind));
	vfprintf(o->f, labels, args);
	fputc('}', o->f);
	print_value(o, value);
	va_end(args);
}

static void single(struct out *o, const char *name, double value, const char *help)
{
	family(o, GAUGE, name, "", help);
	sample(o, value);
}

static void write_health(struct out *o, struct skbext *sk, const struct cli_common *common,
			 const struct skbext_status *st, const struct skbext_stats *stats)
{
	const struct cli_limits limits = { 0 };
	struct keep_why why = { "" };
	json_t *attached = cli_json_attached(common), *missing = keep_missing(common, attached, &why);
	json_t *problems = cli_problems(sk, common, st, stats, "", missing, why.text, &limits);

	single(o, "healthy", !json_array_size(problems), "whether `skbext status` finds no problem");
	json_decref(problems);
	json_decref(missing);
	json_decref(attached);
}

static void write_status(struct out *o, const struct skbext_status *st)
{
	single(o, "up", 1, "whether skbext is loaded and can be read");
	family(o, GAUGE, "info", "", "what is loaded");
	labelled(o, 1, "version=\"%s\",layout=\"%u\",mode=\"%s\"", SKBEXT_VERSION, st->version,
	       skbext_mode_name(st->mode));
	family(o, GAUGE, "guarantee", "", "1 for the guarantee that holds, see `skbext status`");
	for (int g = SKBEXT_GUARANTEE_NONE; g <= SKBEXT_GUARANTEE_COMPLETE; g++)
		labelled(o, st->guarantee == (enum skbext_guarantee)g, "guarantee=\"%s\"",
		       skbext_guarantee_name(g));
	single(o, "payload_bytes", st->payload, "room for the payloads of all types of one packet");
	single(o, "payload_used_bytes", st->payload_used, "of that, taken by types");
}

static void write_counters(struct out *o, const struct skbext_stats *stats)
{
	for (const struct cli_counter *c = cli_counters; c->name; c++) {
		family(o, c->gauge ? GAUGE : COUNTER, c->name, c->unit, c->help);
		sample(o, cli_count(stats, c));
	}
	family(o, COUNTER, "lost", "", "records that packets lost, each once, by cause");
	for (const struct cli_cause *c = cli_causes; c->name; c++)
		if (c->once)
			labelled(o, cli_cause_value(stats, c), "cause=\"%s\"", c->name);
}

static int write_memory(struct out *o, const struct cli_common *common)
{
	struct cli_memory memory;
	const char *why = cli_read_memory(common, &memory);

	if (why)
		return cli_error("%s", why);
	family(o, GAUGE, "kernel_bytes", "", "memory that the kernel accounts to maps and programs");
	labelled(o, memory.maps, "of=\"maps\"");
	labelled(o, memory.programs, "of=\"programs\"");
	return CLI_DONE;
}

/* Pins may be damaged: a name must not end a line or a label. */
static const char *label_text(struct skbext_type_info *info)
{
	info->name[SKBEXT_NAME_LEN - 1] = 0;
	for (char *c = info->name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			*c = '?';
	return info->name;
}

/* What a family says of one type. */
struct use {
	const struct skbext_type_info *info;
	const struct skbext_stats *stats;
	unsigned int id;
};

static double type_bytes(const struct use *u) { return u->info->size; }
static double type_records(const struct use *u) { return u->stats->type_live[u->id]; }
static double type_max(const struct use *u) { return u->info->max ?: u->stats->capacity; }
static double type_failed(const struct use *u) { return u->stats->type_add_failed[u->id]; }
static double type_limited(const struct use *u) { return u->stats->type_add_limited[u->id]; }

static const struct {
	enum kind kind;
	const char *name, *unit, *help;
	double (*value)(const struct use *u);
} of_types[] = {
	{ GAUGE, "type", "_bytes", "payload of each type", type_bytes },
	{ GAUGE, "type", "_records", "records that have the type", type_records },
	{ GAUGE, "type_max", "_records", "of these, how many there may be; the capacity where there is no max",
	  type_max },
	{ COUNTER, "type_add_failed", "", "adds of the type that found no room", type_failed },
	{ COUNTER, "type_add_limited", "", "adds of the type that found it at its max", type_limited },
};

static void write_types(struct out *o, struct skbext *sk, const struct skbext_stats *stats)
{
	struct skbext_type_info info;

	for (size_t i = 0; i < sizeof(of_types) / sizeof(of_types[0]); i++) {
		family(o, of_types[i].kind, of_types[i].name, of_types[i].unit, of_types[i].help);
		for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
			if (!skbext_type_get(sk, id, &info))
				labelled(o, of_types[i].value(&(struct use){ &info, stats, id }), "type=\"%s\"",
					 label_text(&info));
	}
}

static double attached(const struct skbext_hook *h) { return h->attached; }
static double missed(const struct skbext_hook *h) { return h->missed; }
static double runs(const struct skbext_hook *h) { return h->runs; }
static double seconds(const struct skbext_hook *h) { return h->run_time_ns / 1e9; }

static void write_hook(struct out *o, struct skbext *sk, enum skbext_mode mode,
		       double (*value)(const struct skbext_hook *hook))
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; !skbext_hook(sk, n, &hook); n++)
		if (cli_hook_serves(&hook, mode))
			labelled(o, value(&hook), "hook=\"%s\",role=\"%s\"", hook.name,
			       skbext_role_name(hook.role));
}

/* Else the counts of runs stand still, whatever runs. -1: nobody knows, and the error is printed. */
static int runs_are_counted(void)
{
	FILE *f = fopen("/proc/sys/kernel/bpf_stats_enabled", "re");
	int c = f ? fgetc(f) : '0';

	if ((!f && errno != ENOENT) || c == EOF) {
		cli_error("cannot read kernel.bpf_stats_enabled: %s; try again", strerror(errno));
		c = EOF;
	}
	if (f)
		fclose(f);
	return c == EOF ? -1 : c != '0';
}

static int write_hooks(struct out *o, struct skbext *sk, enum skbext_mode mode)
{
	int counted = runs_are_counted();

	family(o, GAUGE, "hook_attached", "", "whether the hook is attached");
	write_hook(o, sk, mode, attached);
	family(o, COUNTER, "hook_missed", "", "runs of the hook that the kernel skipped");
	write_hook(o, sk, mode, missed);
	if (counted <= 0)
		return counted ? CLI_FAILED : CLI_DONE;
	family(o, COUNTER, "hook_runs", "", "runs of the hook while kernel.bpf_stats_enabled is set");
	write_hook(o, sk, mode, runs);
	family(o, COUNTER, "hook_run_seconds", "", "how long these took");
	write_hook(o, sk, mode, seconds);
	return CLI_DONE;
}

int metrics_write(struct skbext *sk, const struct cli_common *common, FILE *to, bool openmetrics)
{
	struct skbext_status status = { .sz = sizeof(status) };
	struct skbext_stats stats = { .sz = sizeof(stats) };
	struct out o = { .f = to, .openmetrics = openmetrics };

	if (skbext_status(sk, &status) || skbext_stats(sk, &stats))
		return cli_lib_error("read what is loaded");
	write_status(&o, &status);
	write_health(&o, sk, common, &status, &stats);
	write_counters(&o, &stats);
	write_types(&o, sk, &stats);
	if (write_memory(&o, common) || write_hooks(&o, sk, status.mode))
		return CLI_FAILED;
	fprintf(to, "# EOF\n");
	return CLI_DONE;
}

void metrics_write_down(FILE *to, bool openmetrics)
{
	struct out o = { .f = to, .openmetrics = openmetrics };

	single(&o, "up", 0, "whether skbext is loaded and can be read");
	fprintf(to, "# EOF\n");
}
