// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records that packets lost, by cause, as stats and status show them. What is counted is said with
 * each: a record that is looked for three times counts three times in one, once in another.
 */
#include <stdio.h>

#include "cli.h"

#define CAUSE(field, what)	{ #field, offsetof(struct skbext_stats, field), what }

static const struct {
	const char *name;
	size_t offset;
	const char *what;
} causes[] = {
	CAUSE(add_failed, "adds refused, no room"),
	CAUSE(share_failed, "copies that carry nothing, no room"),
	CAUSE(missed_shares, "copies that carry nothing if their original did, hook skipped"),
	CAUSE(shares_distrusted, "copies that carry nothing, a release was skipped before"),
	CAUSE(distrusted, "looks that found nothing, a release was skipped before"),
	CAUSE(untrusted, "records now that nobody finds, a release was skipped since"),
	CAUSE(purged, "records that nobody found any more, ended by `skbext purge`"),
};

#define NR_CAUSES (sizeof(causes) / sizeof(causes[0]))

static __u64 number(const struct skbext_stats *stats, unsigned int n)
{
	return *(const __u64 *)((const char *)stats + causes[n].offset);
}

json_t *cli_json_lost(const struct skbext_stats *stats)
{
	json_t *json = json_object();

	for (unsigned int n = 0; n < NR_CAUSES; n++)
		json_object_set_new(json, causes[n].name, json_integer(number(stats, n)));
	return json;
}

void cli_print_lost(const struct skbext_stats *stats)
{
	bool any = false;

	for (unsigned int n = 0; n < NR_CAUSES; n++)
		any |= number(stats, n);
	printf("lost%s\n", any ? "" : "       nothing");
	for (unsigned int n = 0; n < NR_CAUSES; n++)
		if (number(stats, n))
			printf("  %llu %s (%s)\n", number(stats, n), causes[n].what, causes[n].name);
}
