// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext dump: every record, as it was when it was read. Records are live: one that ends meanwhile
 * is shown or not, and a payload that is written meanwhile may be half old and half new.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

struct dump {
	struct skbext *sk;
	struct cli_types types;
	__u8 wanted;		/* types to show */
	__u32 room;		/* bytes of an object */
	json_t *records;	/* NULL: text */
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

static json_t *record_json(const struct dump *d, const struct skbext_record *rec, __u8 active,
			   const unsigned char *payload)
{
	json_t *types = json_object();
	char skb[24];

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		const struct skbext_type_info *info = &d->types.type[id].info;

		if (active & 1U << id && d->types.type[id].taken)
			json_object_set_new(types, info->name,
					    cli_json_payload(&d->types, id,
							     payload + info->offset));
	}
	snprintf(skb, sizeof(skb), "0x%016llx", rec->skb);
	return json_pack("{s:s, s:b, s:I, s:o}", "skb", skb, "shared", rec->shared,
			 "refs", (json_int_t)rec->refs, "types", types);
}

static void print_record(const struct dump *d, const struct skbext_record *rec, __u8 active,
			 const unsigned char *payload)
{
	printf("0x%016llx", rec->skb);
	if (rec->shared)
		printf("  shared by %u", rec->refs);
	putchar('\n');
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (active & 1U << id && d->types.type[id].taken)
			cli_print_payload(&d->types, id, payload + d->types.type[id].info.offset);
}

static int show(const struct skbext_record *rec, void *arg)
{
	unsigned char payload[SKBEXT_MAX_PAYLOAD] = { 0 };
	struct dump *d = arg;
	__u8 active = rec->active & d->wanted;

	if (!active)
		return 0;
	memcpy(payload, rec->payload, d->room);
	know_types(d, active);
	if (d->records)
		json_array_append_new(d->records, record_json(d, rec, active, payload));
	else
		print_record(d, rec, active, payload);
	return 0;
}

/* All records, into d->records or straight to stdout. */
static int read_records(struct dump *d)
{
	struct skbext_status status = { .sz = sizeof(status) };
	int err = skbext_status(d->sk, &status);

	if (err)
		return err;
	d->room = status.payload < SKBEXT_MAX_PAYLOAD ? status.payload : SKBEXT_MAX_PAYLOAD;
	cli_types_read(d->sk, &d->types);
	cli_types_warn(&d->types);
	err = skbext_for_each(d->sk, show, d);
	cli_types_free(&d->types);
	return err;
}

static int dump(struct skbext *sk, const char *type, bool json)
{
	struct dump d = { .sk = sk, .wanted = 0xff };
	int id = type ? skbext_type_find(sk, type) : 0;

	if (id < 0)
		return cli_lib_error("dump");
	if (type)
		d.wanted = 1U << id;
	if (json)
		d.records = json_array();
	if (read_records(&d)) {
		json_decref(d.records);
		return cli_lib_error("dump");
	}
	return json ? cli_print_json(json_pack("{s:o}", "records", d.records)) : CLI_DONE;
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	const char *type = NULL;
	struct skbext *sk;
	int ret;

	while (cli_getopt(argc, argv, &common) != -1)
		type = optarg;
	cli_want_args(argc, 0, 0);
	sk = cli_open(&common, "dump");
	if (!sk)
		return CLI_FAILED;
	ret = dump(sk, type, common.json);
	skbext_close(sk);
	return ret;
}

enum { OPT_TYPE = CLI_OPT_OWN };

static const struct cli_option options[] = {
	{ "type", OPT_TYPE, "NAME",
	  "only records in which this type is active" },
	{ 0 },
};

const struct command cmd_dump = {
	"dump", run, "",
	"every record, payloads decoded", options
};
