// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext dump: records, as they were when they were read. Records are live: one that ends meanwhile
 * is shown or not, and a payload that is written meanwhile may be half old and half new.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dump/parts.h"

struct reading {
	struct dump d;
	const char *type;	/* the only one to show; NULL: all */
	__u64 older;		/* ns; 0: any age */
	struct cli_seen *before;	/* what there was then */
	struct kept **kept;
	size_t nr;
};

/* A type that was registered after the dump began. */
static void know_types(struct dump *d, __u8 active)
{
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		if (active & 1U << id && !d->types.type[id].taken) {
			cli_types_free(&d->types);
			cli_types_read(d->sk, &d->types);
			return;
		}
	}
}

static struct kept *copy(struct dump *d, const struct skbext_record *rec, __u8 active)
{
	struct kept *one = calloc(1, sizeof(*one) + SKBEXT_MAX_PAYLOAD);

	if (!one)
		return NULL;
	one->rec = *rec;
	one->rec.active = active;
	memcpy(one->payload, rec->payload, d->room);
	know_types(d, active);
	if (d->json || d->nr_fields || d->sort || d->filter)
		one->json = dump_json(d, &one->rec, one->payload);
	return one;
}

static void drop(struct kept *one)
{
	json_decref(one->json);
	free(one);
}

static int keep(struct reading *r, struct kept *one)
{
	struct kept **more = r->kept;

	if (r->d.json || r->d.nr_fields)	/* the payload is not needed any more */
		one = realloc(one, sizeof(*one)) ?: one;
	if (!(r->nr & (r->nr - 1)))	/* a power of two: full */
		more = realloc(r->kept, (r->nr ? 2 * r->nr : 1) * sizeof(*more));
	if (!more) {
		drop(one);
		return -ENOMEM;
	}
	r->kept = more;
	r->kept[r->nr++] = one;
	return 0;
}

static int take(const struct skbext_record *rec, void *arg)
{
	struct reading *r = arg;
	__u8 active = rec->active & r->d.wanted;
	struct kept *one;

	if (!active || (r->before && !cli_seen_has(r->before, rec)))
		return 0;
	one = copy(&r->d, rec, active);
	if (!one)
		return -ENOMEM;
	if (r->d.filter && !filter_holds(r->d.filter, one->json)) {
		drop(one);
		return 0;
	}
	if (r->d.json || r->d.sort || r->d.top || r->d.nr_fields)
		return keep(r, one);
	dump_print(&r->d, one);	/* nothing to wait for */
	drop(one);
	return 0;
}

static int know_fields(const struct dump *d)
{
	int ret = d->filter ? filter_know_fields(d) : CLI_DONE;

	if (!ret && d->sort)
		ret = dump_know_field(d, d->sort);
	for (unsigned int i = 0; !ret && i < d->nr_fields; i++)
		ret = dump_know_field(d, d->fields[i]);
	return ret;
}

static int wait_for_age(struct reading *r)
{
	struct timespec time = { r->older / 1000000000, r->older % 1000000000 };

	r->before = cli_see(r->d.sk, NULL);
	if (!r->before)
		return cli_error("cannot dump: out of memory; try again");
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR)
		;
	return CLI_DONE;
}

static int read_records(struct reading *r)
{
	int err;

	if (know_fields(&r->d))
		return CLI_FAILED;
	cli_types_warn(&r->d.types);
	if (r->older && wait_for_age(r))
		return CLI_FAILED;
	err = skbext_for_each(r->d.sk, take, r);
	cli_seen_free(r->before);
	if (err)
		return cli_error("cannot dump: out of memory; try again, with --filter or without --sort");
	return dump_show(&r->d, r->kept, r->nr);
}

static int dump(struct reading *r)
{
	struct skbext_status status = { .sz = sizeof(status) };
	int id = r->type ? skbext_type_find(r->d.sk, r->type) : 0, ret;

	if (id < 0 || skbext_status(r->d.sk, &status))
		return cli_lib_error("dump");
	r->d.wanted = r->type ? 1U << id : 0xff;
	r->d.room = status.payload < SKBEXT_MAX_PAYLOAD ? status.payload : SKBEXT_MAX_PAYLOAD;
	cli_types_read(r->d.sk, &r->d.types);
	ret = read_records(r);
	cli_types_free(&r->d.types);
	return ret;
}

static void parse_fields(struct dump *d, char *list)
{
	for (char *name; (name = strsep(&list, ",")); d->nr_fields++) {
		if (!*name || strlen(name) >= DUMP_NAME_LEN)
			cli_usage_error("--fields wants names with a comma between them");
		if (d->nr_fields == DUMP_MAX_FIELDS)
			cli_usage_error("--fields takes at most %d", DUMP_MAX_FIELDS);
		d->fields[d->nr_fields] = name;
	}
}

static void parse_sort(struct dump *d, const char *name)
{
	d->smallest_first = *name == '-';
	d->sort = name + d->smallest_first;
	if (!*d->sort || strlen(d->sort) >= DUMP_NAME_LEN)
		cli_usage_error("--sort wants a field");
}

enum { OPT_TYPE = CLI_OPT_OWN, OPT_OLDER, OPT_FILTER, OPT_SORT, OPT_TOP, OPT_FIELDS };

static void parse_option(struct reading *r, int option, char *value)
{
	switch (option) {
	case OPT_TYPE:
		r->type = value;
		break;
	case OPT_OLDER:
		r->older = cli_parse_time(value, "--older");
		break;
	case OPT_FILTER:
		r->d.filter = value;
		filter_check(value);
		break;
	case OPT_SORT:
		parse_sort(&r->d, value);
		break;
	case OPT_TOP:
		r->d.top = cli_parse_number(value, "--top", 1, UINT32_MAX);
		break;
	case OPT_FIELDS:
		r->d.nr_fields = 0;
		parse_fields(&r->d, value);
		break;
	}
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	struct reading r = { 0 };
	int option, ret;

	while ((option = cli_getopt(argc, argv, &common)) != -1)
		parse_option(&r, option, optarg);
	cli_want_args(argc, 0, 0);
	r.d.json = common.json;
	if (r.d.top && !r.d.sort)
		r.d.sort = "refs";
	r.d.sk = cli_open(&common, "dump");
	if (!r.d.sk)
		return CLI_FAILED;
	ret = dump(&r);
	skbext_close(r.d.sk);
	return ret;
}

static const struct cli_option options[] = {
	{ "type", OPT_TYPE, "NAME",
	  "only records in which this type is active, and of its payload" },
	{ "filter", OPT_FILTER, "EXPR",
	  "only records for which this holds, as in\n"
	  "'note.id == 7 && now - note.stamp > 5s'" },
	{ "older", OPT_OLDER, "TIME",
	  "only records that are there at two looks so far apart,\n"
	  "5s or 200ms: records have no time of birth" },
	{ "sort", OPT_SORT, "FIELD",
	  "largest first; with -FIELD the smallest" },
	{ "top", OPT_TOP, "N",
	  "the first so many; without --sort those with most refs" },
	{ "fields", OPT_FIELDS, "LIST",
	  "these alone, in columns: skb, shared, refs, object, and of a\n"
	  "type NAME its payload, NAME.MEMBER what it has there" },
	{ 0 },
};

const struct command cmd_dump = {
	"dump", run, "",
	"every record, or some, payloads decoded", options
};
