// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records that packets lost, by cause, as stats, status and metrics show them. What is counted is said
 * with each: a record that is looked for three times counts three times in one, once in another.
 */
#include <stdio.h>

#include "cli.h"

#define CAUSE(field, once, what)	{ #field, offsetof(struct skbext_stats, field), once, what }

const struct cli_cause cli_causes[] = {
	CAUSE(add_failed, true, "adds refused, no room"),
	CAUSE(add_limited, true, "adds refused, their type had its max"),
	CAUSE(share_failed, true, "copies that carry nothing, no room"),
	CAUSE(share_limited, true, "copies that lack a type, which had its max"),
	CAUSE(missed_shares, true, "copies that carry nothing if their original did, hook skipped"),
	CAUSE(shares_distrusted, true, "copies that carry nothing, a release was skipped before"),
	CAUSE(distrusted, false, "looks that found nothing, a release was skipped before"),
	CAUSE(untrusted, false, "records now that nobody finds, a release was skipped since"),
	CAUSE(purged, true, "records that nobody found any more, ended by `skbext purge`"),
	{ 0 },
};

__u64 cli_cause_value(const struct skbext_stats *stats, const struct cli_cause *cause)
{
	return cli_stat(stats, cause->offset);
}

json_t *cli_json_lost(const struct skbext_stats *stats)
{
	json_t *json = json_object();

	for (const struct cli_cause *c = cli_causes; c->name; c++)
		json_object_set_new(json, c->name, json_integer(cli_cause_value(stats, c)));
	return json;
}

void cli_print_lost(const struct skbext_stats *stats)
{
	bool any = false;

	for (const struct cli_cause *c = cli_causes; c->name; c++)
		any |= cli_cause_value(stats, c);
	printf("lost%s\n", any ? "" : "       nothing");
	for (const struct cli_cause *c = cli_causes; c->name; c++)
		if (cli_cause_value(stats, c))
			printf("  %llu %s (%s)\n", cli_cause_value(stats, c), c->what, c->name);
}
