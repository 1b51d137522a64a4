// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo --json: the same as one value. */
#include "parts.h"

static void set_int(json_t *json, const char *name, __u64 value)
{
	json_object_set_new(json, name, json_integer(value));
}

static json_t *payloads(const struct demo_seen *s)
{
	json_t *json = json_object();

	if (s->notes)
		json_object_set_new(json, "flow_note", json_pack("{s:I, s:I}",
				    "stamp", (json_int_t)s->note.stamp,
				    "id", (json_int_t)s->note.id));
	if (s->traces)
		json_object_set_new(json, "trace_id", json_pack("{s:I}",
				    "id", (json_int_t)s->trace.id));
	return json;
}

/* One packet: when and with what it was seen. */
static json_t *story(const struct demo_run *d, enum demo_phase phase)
{
	json_t *list = json_array();

	for (int hook = 0; hook < DEMO_HOOKS; hook++) {
		const struct demo_seen *s = &d->seen[phase][hook];

		if (!s->packets)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:I, s:o}",
				      "hook", demo_hook_name(hook),
				      "when", (json_int_t)s->when, "found", payloads(s)));
	}
	return list;
}

static json_t *counts(const struct demo_run *d, enum demo_phase phase)
{
	json_t *list = json_array();

	for (int hook = 0; hook < DEMO_HOOKS_ON_PATH; hook++) {
		const struct demo_seen *s = &d->seen[phase][hook];

		json_t *row = json_pack("{s:s}", "hook", demo_hook_name(hook));

		if (d->absent[hook][0]) {
			json_object_set_new(row, "absent", json_string(d->absent[hook]));
		} else {
			set_int(row, "packets", s->packets);
			set_int(row, "flow_note", s->notes);
			set_int(row, "trace_id", s->traces);
		}
		json_array_append_new(list, row);
	}
	return list;
}

static json_t *counters(const struct skbext_stats *s)
{
	json_t *json = json_object();

	set_int(json, "adds", s->adds);
	set_int(json, "shares", s->shares);
	set_int(json, "cow", s->cow);
	set_int(json, "releases", s->releases);
	set_int(json, "purged_stale", s->purged_stale);
	set_int(json, "missed_hooks", s->missed_hooks);
	set_int(json, "live", s->live);
	return json;
}

json_t *demo_json(const struct demo_run *d, bool well)
{
	return json_pack("{s:s, s:s, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:b}",
			 "mode", skbext_mode_name(d->status.mode),
			 "guarantee", skbext_guarantee_name(d->status.guarantee),
			 "hooks", "udp", counts(d, DEMO_UDP), "tcp", counts(d, DEMO_TCP),
			 "icmp", counts(d, DEMO_ICMP),
			 "story", story(d, DEMO_STORY), "mirror", story(d, DEMO_MIRROR),
			 "before", counters(&d->before), "after", counters(&d->after),
			 "as_promised", well);
}
