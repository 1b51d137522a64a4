// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records in the order and the form that are asked for: as text, in columns, as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/* Numbers, and addresses, by their value; what a record has not comes last. */
static int compare_values(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);

		return x < y ? -1 : x > y;
	}
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	return json_is_true(a) - json_is_true(b);
}

static int compare(const void *x, const void *y, void *arg)
{
	const struct kept *const *a = x, *const *b = y;
	const struct dump *d = arg;
	const json_t *va = dump_field((*a)->json, d->sort), *vb = dump_field((*b)->json, d->sort);
	int cmp = compare_values(va, vb);

	if (!va || !vb)
		return !va - !vb;
	return d->smallest_first ? cmp : -cmp;
}

void dump_print(const struct dump *d, const struct kept *one)
{
	printf("0x%016llx", one->rec.skb);
	if (one->rec.shared)
		printf("  shared by %u", one->rec.refs);
	putchar('\n');
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (one->rec.active & 1U << id && d->types.type[id].taken)
			cli_print_payload(&d->types, id,
					  one->payload + d->types.type[id].info.offset);
}

/* One value in a column. Free it. */
static char *cell(const struct kept *one, const char *field)
{
	const json_t *value = dump_field(one->json, field);

	if (json_is_string(value))
		return strdup(json_string_value(value));
	return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("-");
}

static void print_row(const struct dump *d, const struct kept *one, const int *width)
{
	for (unsigned int i = 0; i < d->nr_fields; i++) {
		char *text = one ? cell(one, d->fields[i]) : strdup(d->fields[i]);
		bool last = i + 1 == d->nr_fields;

		printf("%-*s%s", last ? 0 : width[i], text ? text : "?", last ? "\n" : "  ");
		free(text);
	}
}

static void print_columns(const struct dump *d, struct kept **kept, size_t nr)
{
	int width[DUMP_MAX_FIELDS];

	for (unsigned int i = 0; i < d->nr_fields; i++) {
		width[i] = strlen(d->fields[i]);
		for (size_t n = 0; n < nr; n++) {
			char *text = cell(kept[n], d->fields[i]);
			int len = text ? strlen(text) : 0;

			width[i] = len > width[i] ? len : width[i];
			free(text);
		}
	}
	print_row(d, NULL, width);
	for (size_t n = 0; n < nr; n++)
		print_row(d, kept[n], width);
}

/* The fields that are asked for; null where this record has none. */
static json_t *chosen(const struct dump *d, json_t *record)
{
	json_t *json = json_object();

	if (!d->nr_fields) {
		json_decref(json);
		return json_incref(record);
	}
	for (unsigned int i = 0; i < d->nr_fields; i++) {
		json_t *value = dump_field(record, d->fields[i]);

		json_object_set_new(json, d->fields[i], value ? json_incref(value) : json_null());
	}
	return json;
}

static int print_json(const struct dump *d, struct kept **kept, size_t nr)
{
	json_t *records = json_array();

	for (size_t n = 0; n < nr; n++)
		json_array_append_new(records, chosen(d, kept[n]->json));
	return cli_print_list(json_pack("{s:o}", "records", records), "records");
}

int dump_show(const struct dump *d, struct kept **kept, size_t nr)
{
	size_t shown = d->top && d->top < nr ? d->top : nr;
	int ret = CLI_DONE;

	if (d->sort)
		qsort_r(kept, nr, sizeof(*kept), compare, (void *)d);
	if (d->json)
		ret = print_json(d, kept, shown);
	else if (d->nr_fields)
		print_columns(d, kept, shown);
	else
		for (size_t n = 0; n < shown; n++)
			dump_print(d, kept[n]);
	for (size_t n = 0; n < nr; n++) {
		json_decref(kept[n]->json);
		free(kept[n]);
	}
	free(kept);
	return ret;
}
