// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The counters of skbext_stats(), each with its name and what it counts: for stats, metrics and top. */
#include "cli.h"

#define ROW(field, gauge, unit, help)	{ #field, offsetof(struct skbext_stats, field), gauge, unit, help },
#define GAUGE(field, unit, help)	ROW(field, true, unit, help)
#define SUM(field, help)		ROW(field, false, "", help)
#define COUNT(NAME, field, help)	ROW(field, false, "", help)

const struct cli_counter cli_counters[] = { SKBEXT_STATS(COUNT, SUM, GAUGE) { 0 } };

__u64 cli_stat(const struct skbext_stats *stats, size_t offset)
{
	return *(const __u64 *)((const char *)stats + offset);
}

__u64 cli_count(const struct skbext_stats *stats, const struct cli_counter *counter)
{
	return cli_stat(stats, counter->offset);
}

json_t *cli_json_stats(const struct skbext_stats *stats)
{
	json_t *json = json_object();

	for (const struct cli_counter *c = cli_counters; c->name; c++)
		json_object_set_new(json, c->name, json_integer(cli_count(stats, c)));
	json_object_set_new(json, "lost", cli_json_lost(stats));
	return json;
}
