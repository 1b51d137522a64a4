// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What `skbext attach` has attached, as attach, detach and status show it. */
#include <stdio.h>
#include <string.h>

#include "keep/parts.h"

static const char *direction(const struct skbext_attached *a)
{
	return a->direction == SKBEXT_EGRESS ? "egress" : "ingress";
}

static json_t *program_json(const struct skbext_attached *a)
{
	json_t *one = json_pack("{s:s, s:I, s:o, s:s, s:b}", "name", a->program,
				"id", (json_int_t)a->id, "section", cli_json_text(a->section), "how", a->how,
				"gone", a->gone);

	if (a->dev)
		json_object_update_new(one, json_pack("{s:o, s:I, s:I}", "dev", cli_json_text(a->dev),
						      "netns", (json_int_t)a->netns,
						      "prio", (json_int_t)a->prio));
	if (a->cgroup)
		json_object_set_new(one, "cgroup", cli_json_text(a->cgroup));
	if (a->direction)
		json_object_set_new(one, "direction", json_string(direction(a)));
	return one;
}

static int collect(const struct skbext_attached *a, void *list)
{
	json_t *last = json_array_get(list, json_array_size(list) - 1);
	const char *name = json_string_value(json_object_get(last, "name"));

	if (!name || strcmp(name, a->name)) {
		last = json_pack("{s:s, s:o, s:[]}", "name", a->name, "object", cli_json_text(a->file),
				 "programs");
		json_array_append_new(list, last);
	}
	json_array_append_new(json_object_get(last, "programs"), program_json(a));
	return 0;
}

static void mark_kept(json_t *list, const struct cli_common *common)
{
	struct keep_why why = { "" };
	json_t *kept = keep_read(common, &why), *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (kept)
			json_object_set_new(one, "kept",
					    json_boolean(keep_find(kept, cli_member(one, "name"))));
		else
			json_object_set_new(one, "kept_unknown", json_string(why.text));
	json_decref(kept);
}

json_t *cli_json_attached(const struct cli_common *common)
{
	json_t *list = json_array();

	if (!skbext_for_each_attached(common->bpffs, collect, list)) {
		mark_kept(list, common);
		return list;
	}
	json_decref(list);
	return NULL;
}

static void print_program(const json_t *p)
{
	bool placed = json_object_get(p, "direction");

	printf("    %s: id %lld, ", cli_member(p, "name"),
	       (long long)json_integer_value(json_object_get(p, "id")));
	if (placed)
		printf("%s%s %s, ", cli_member(p, "dev"), cli_member(p, "cgroup"), cli_member(p, "direction"));
	printf("%s%s\n", placed ? cli_member(p, "how") : cli_member(p, "section"),
	       json_is_true(json_object_get(p, "gone")) ? ", which has gone" : "");
}

void cli_print_attached(const json_t *one)
{
	bool unknown = json_object_get(one, "kept_unknown");
	const json_t *p;
	size_t i;

	printf("  %s: %s%s%s\n", cli_member(one, "name"), cli_member(one, "object"),
	       unknown ? ", whether it is kept is not known: " :
	       json_is_true(json_object_get(one, "kept")) ? ", kept" : "",
	       cli_member(one, "kept_unknown"));
	json_array_foreach(json_object_get(one, "programs"), i, p)
		print_program(p);
}
