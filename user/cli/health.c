// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The problems of a loaded skbext, the worst first, each with its remedy. */
#include <stdarg.h>

#include "cli.h"

__attribute__((format(printf, 2, 3)))
static void add(json_t *problems, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(problems, json_string(text));
}

static void check_hooks(json_t *problems, struct skbext *sk, const struct skbext_status *status)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; !skbext_hook(sk, n, &hook); n++)
		if (cli_hook_serves(&hook, status->mode) && !hook.attached)
			add(problems, "hook %s is not attached: unload and load again", hook.name);
	if (status->guarantee == SKBEXT_GUARANTEE_NONE && !json_array_size(problems))
		add(problems, "%s: unload and load again", status->reason);
}

static void check_room(json_t *problems, const struct skbext_stats *stats)
{
	if (stats->live + stats->orphans >= stats->capacity)
		add(problems, "the table is full: load with a larger --capacity");
}

static __u64 lost(const struct skbext_stats *stats)
{
	__u64 sum = 0;

	for (const struct cli_cause *c = cli_causes; c->name; c++)
		sum += c->once ? cli_cause_value(stats, c) : 0;
	return sum;
}

/* Without a limit of the caller's, one that found no room is one too many. */
static void check_limits(json_t *problems, const struct skbext_stats *stats,
			 const struct cli_limits *limits)
{
	if (!limits->lost && (stats->add_failed || stats->share_failed))
		add(problems, "no room for %llu adds and %llu shares: load with a larger --capacity",
		    stats->add_failed, stats->share_failed);
	if (limits->lost && lost(stats) > *limits->lost)
		add(problems, "%llu records were lost, more than %llu: `skbext stats` has the causes",
		    lost(stats), *limits->lost);
	if (limits->missed && stats->missed_hooks > *limits->missed)
		add(problems, "the kernel skipped %llu runs of hooks, more than %llu: see their counts",
		    stats->missed_hooks, *limits->missed);
}

static void check_others(json_t *problems, const struct cli_common *common)
{
	char first[128];
	unsigned int nr = cli_find_dead(common, first, sizeof(first));

	if (nr > 1)
		add(problems, "%s and %u others are bound to an skbext that was unloaded: load them again",
		    first, nr - 1);
	else if (nr)
		add(problems, "%s is bound to an skbext that was unloaded: load that program again", first);
}

static void check_kept(json_t *problems, const json_t *missing, const char *unknown)
{
	const json_t *one;
	size_t i;

	if (!missing)
		add(problems, "nobody can tell what is kept: %s", unknown);
	json_array_foreach(missing, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));

		add(problems, "%s is kept and not attached: `skbext attach --again` attaches it or says why not, `skbext detach %s` forgets it",
		    name, name);
	}
}

json_t *cli_problems(struct skbext *sk, const struct cli_common *common,
		     const struct skbext_status *status, const struct skbext_stats *stats,
		     const char *uncounted, const json_t *missing, const char *unknown,
		     const struct cli_limits *limits)
{
	json_t *problems = json_array();

	check_hooks(problems, sk, status);
	if (uncounted[0]) {
		add(problems, "its counters cannot be read: %s", uncounted);
	} else {
		check_room(problems, stats);
		check_limits(problems, stats, limits);
	}
	check_others(problems, common);
	check_kept(problems, missing, unknown);
	return problems;
}
