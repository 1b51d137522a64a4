// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The parts of a record: fields of its own, and the payloads of its types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static json_t *skb_json(const struct skbext_record *rec)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%016llx", rec->skb);
	return json_string(text);
}

static json_t *shared_json(const struct skbext_record *rec)
{
	return json_boolean(rec->shared);
}

static json_t *refs_json(const struct skbext_record *rec)
{
	return json_integer(rec->refs);
}

static json_t *object_json(const struct skbext_record *rec)
{
	return json_integer(rec->object);
}

static const struct {
	const char *name;
	json_t *(*json)(const struct skbext_record *rec);
} fields[] = {
	{ "skb", skb_json },
	{ "shared", shared_json },
	{ "refs", refs_json },
	{ "object", object_json },
};

#define NR_FIELDS (sizeof(fields) / sizeof(fields[0]))

static json_t *types_json(const struct dump *d, __u8 active, const unsigned char *data)
{
	json_t *types = json_object();

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		const struct skbext_type_info *info = &d->types.type[id].info;

		if (active & 1U << id && d->types.type[id].taken)
			json_object_set_new(types, info->name,
					    cli_json_payload(&d->types, id, data + info->offset));
	}
	return types;
}

json_t *dump_json(const struct dump *d, const struct skbext_record *rec, const unsigned char *data)
{
	json_t *record = json_object();

	for (size_t i = 0; i < NR_FIELDS; i++)
		json_object_set_new(record, fields[i].name, fields[i].json(rec));
	json_object_set_new(record, "types", types_json(d, rec->active, data));
	return record;
}

/* "refs.id.2": member by member, in a list by number. */
static json_t *follow(json_t *value, const char *path)
{
	char part[DUMP_NAME_LEN];

	while (value && *path) {
		size_t len = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10)) :
					       json_object_get(value, part);
		path += len + (path[len] == '.');
	}
	return value;
}

/* NAME is a payload as hex, NAME.MEMBER what it has there. */
json_t *dump_field(const json_t *record, const char *name)
{
	size_t len = strcspn(name, ".");
	char type[DUMP_NAME_LEN];
	json_t *payload;

	for (size_t i = 0; i < NR_FIELDS; i++)
		if (!strcmp(fields[i].name, name))
			return json_object_get(record, name);
	snprintf(type, sizeof(type), "%.*s", (int)len, name);
	payload = json_object_get(json_object_get(record, "types"), type);
	return name[len] ? follow(json_object_get(payload, "value"), name + len + 1) :
			   json_object_get(payload, "hex");
}

static void list_types(const struct dump *d, char *text, size_t size)
{
	size_t len = 0;

	*text = 0;
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES && len < size; id++)
		if (d->wanted & 1U << id && d->types.type[id].taken)
			len += snprintf(text + len, size - len, ", %s%s", d->types.type[id].info.name,
					d->types.type[id].btf ? " and its members" : "");
}

/* A record with all types, zeroed, has every field that there can be. */
int dump_know_field(const struct dump *d, const char *name)
{
	static const unsigned char zeroes[SKBEXT_MAX_PAYLOAD];
	struct skbext_record rec = { .active = d->wanted };
	json_t *record = dump_json(d, &rec, zeroes);
	bool found = dump_field(record, name);
	char types[512];

	json_decref(record);
	if (found)
		return CLI_DONE;
	if (d->types.unread[0])
		return cli_error("cannot dump: '%s' is not known, since payloads are not decoded: %s",
				 name, d->types.unread);
	list_types(d, types, sizeof(types));
	return cli_error("cannot dump: records have no '%s'; they have skb, shared, refs, object%s",
			 name, types);
}
