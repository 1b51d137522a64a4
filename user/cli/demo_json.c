// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo --json: the same as one value. */
#include "demo_parts.h"

static json_t *payloads(const struct demo_seen *s)
{
	json_t *json = json_object();

	if (s->notes)
		json_object_set_new(json, "flow_note", json_pack("{s:I, s:I}", "stamp", (json_int_t)s->note.stamp,
								 "id", (json_int_t)s->note.id));
	if (s->traces)
		json_object_set_new(json, "trace_id", json_pack("{s:I}", "id", (json_int_t)s->trace.id));
	return json;
}

/* One packet: when and with what it was seen. */
static json_t *story(const struct demo_run *d, enum demo_phase phase)
{
	json_t *list = json_array();

	for (int hook = 0; hook < DEMO_HOOKS; hook++) {
		const struct demo_seen *s = &d->seen[phase][hook];

		if (s->packets)
			json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "hook", demo_hook_name(hook),
							      "when", (json_int_t)s->when,
							      "found", payloads(s)));
	}
	return list;
}

static json_t *counts(const struct demo_run *d, enum demo_phase phase)
{
	json_t *list = json_array();

	for (int hook = 0; hook < DEMO_HOOKS_ON_PATH; hook++) {
		const struct demo_seen *s = &d->seen[phase][hook];

		json_array_append_new(list, d->absent[hook][0] ?
			json_pack("{s:s, s:s}", "hook", demo_hook_name(hook), "absent", d->absent[hook]) :
			json_pack("{s:s, s:I, s:I, s:I}", "hook", demo_hook_name(hook),
				  "packets", (json_int_t)s->packets, "flow_note", (json_int_t)s->notes,
				  "trace_id", (json_int_t)s->traces));
	}
	return list;
}

static json_t *counters(const struct skbext_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "adds", (json_int_t)s->adds,
			 "shares", (json_int_t)s->shares, "cow", (json_int_t)s->cow,
			 "releases", (json_int_t)s->releases, "purged_stale", (json_int_t)s->purged_stale,
			 "missed_hooks", (json_int_t)s->missed_hooks, "live", (json_int_t)s->live);
}

json_t *demo_json(const struct demo_run *d, bool well)
{
	return json_pack("{s:s, s:s, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:b}",
			 "mode", skbext_mode_name(d->status.mode),
			 "guarantee", skbext_guarantee_name(d->status.guarantee),
			 "hooks", "udp", counts(d, DEMO_UDP), "tcp", counts(d, DEMO_TCP),
			 "icmp", counts(d, DEMO_ICMP),
			 "story", story(d, DEMO_STORY), "mirror", story(d, DEMO_MIRROR),
			 "before", counters(&d->before), "after", counters(&d->after), "as_promised", well);
}
