// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The counters of skbext_stats(), each with its name and what it counts: for stats, metrics and top. */
#include "cli.h"

#define GAUGE(field, unit, help)	{ #field, offsetof(struct skbext_stats, field), true, unit, help }
#define COUNT(field, help)		{ #field, offsetof(struct skbext_stats, field), false, "", help }

const struct cli_counter cli_counters[] = {
	GAUGE(live, "_records", "records now"),
	GAUGE(capacity, "_records", "places for records"),
	GAUGE(orphans, "", "places held by an object that outlives its first owner"),
	COUNT(adds, "records made by add"),
	COUNT(adds_more, "adds to a record that was there"),
	COUNT(add_failed, "adds refused, no room"),
	COUNT(add_limited, "adds refused, their type had its max"),
	COUNT(dels, "types deleted"),
	COUNT(dels_emptied, "of dels, the last type of a record"),
	COUNT(cow, "objects copied for a write, as they were shared"),
	COUNT(shares, "records made by clone, copy, segment, fragment"),
	COUNT(share_failed, "copies that carry nothing, no room"),
	COUNT(share_limited, "copies that lack a type, which had its max"),
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
	GAUGE(untrusted, "_records", "of live, records that nobody finds since then"),
	COUNT(distrusted, "looks at such a record, which was not shown"),
	COUNT(shares_distrusted, "of distrusted, copies that so carry nothing"),
	GAUGE(refs, "", "references held by counted types, now"),
	{ 0 },
};

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
