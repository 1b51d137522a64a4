// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs that are bound, as status, unload and type show them. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static json_t *pids_json(const struct skbext_bound *b)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < b->nr_pids; i++)
		json_array_append_new(list, json_integer(b->pids[i]));
	return list;
}

/* A bit without a name is a type's that was removed. */
static json_t *names_json(const struct cli_types *types, __u8 bits)
{
	json_t *list = json_array();

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (bits & 1 << id && types->type[id].taken)
			json_array_append_new(list, json_string(types->type[id].info.name));
	return list;
}

struct collect {
	const struct cli_types *types;	/* NULL: not known */
	json_t *list;
};

static int collect_one(const struct skbext_bound *b, void *arg)
{
	const struct collect *c = arg;
	const char *type = libbpf_bpf_prog_type_str(b->prog_type);
	char tag[2 * sizeof(b->tag) + 1];
	json_t *one;

	for (size_t i = 0; i < sizeof(b->tag); i++)
		snprintf(tag + 2 * i, 3, "%02x", b->tag[i]);
	one = json_pack("{s:I, s:s, s:s, s:s, s:o}", "id", (json_int_t)b->id, "name", b->name,
			"type", type ? type : "unknown", "tag", tag, "pids", pids_json(b));
	if (b->pin)
		json_object_set_new(one, "pin", cli_json_text(b->pin));
	if (b->types_known && c->types)
		json_object_set_new(one, "types", names_json(c->types, b->types));
	json_array_append_new(c->list, one);
	return 0;
}

json_t *cli_json_bound(const struct cli_common *common, const struct cli_types *types)
{
	struct collect c = { .types = types, .list = json_array() };

	if (!skbext_for_each_bound(common->bpffs, collect_one, &c))
		return c.list;
	json_decref(c.list);
	return NULL;
}

static void print_list(const char *what, const json_t *list)
{
	const json_t *item;
	size_t i;

	if (!json_array_size(list))
		return;
	printf(", %s", what);
	json_array_foreach(list, i, item)
		if (json_is_integer(item))
			printf(" %lld", (long long)json_integer_value(item));
		else
			printf(" %s", json_string_value(item));
}

void cli_print_bound(const json_t *one)
{
	const char *pin = json_string_value(json_object_get(one, "pin"));

	printf("%s: id %lld, %s, tag %s", json_string_value(json_object_get(one, "name")),
	       (long long)json_integer_value(json_object_get(one, "id")),
	       json_string_value(json_object_get(one, "type")),
	       json_string_value(json_object_get(one, "tag")));
	print_list("pid", json_object_get(one, "pids"));
	if (pin)
		printf(", pinned as %s", pin);
	print_list("types", json_object_get(one, "types"));
	putchar('\n');
}
