/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of `skbext dump`: what a record has as fields (fields.c), which records are wanted
 * (filter.c, older.c), in which order and form they are shown (show.c).
 */
#ifndef SKBEXT_DUMP_PARTS_H
#define SKBEXT_DUMP_PARTS_H

#include "../cli.h"

#define DUMP_MAX_FIELDS	32
#define DUMP_NAME_LEN	128	/* of a field, with its NUL */

struct look;

struct dump {
	struct skbext *sk;
	struct cli_types types;
	__u32 room;			/* bytes of an object */
	__u8 wanted;			/* types to show */
	const char *filter;		/* NULL: all */
	char *fields[DUMP_MAX_FIELDS];	/* in this order; none: all */
	unsigned int nr_fields;
	const char *sort;		/* NULL: as they lie */
	bool smallest_first;
	size_t top;			/* 0: all */
	bool json;
};

/* A record, copied, and what is shown of it. */
struct kept {
	struct skbext_record rec;	/* .active: the wanted ones; .payload: not good any more */
	json_t *json;			/* NULL: not needed */
	unsigned char payload[];
};

/* fields.c: a record as JSON. data: its payload. */
json_t *dump_json(const struct dump *d, const struct skbext_record *rec,
		  const unsigned char *data);

/* Of such JSON, and it stays the record's. NULL: it has no field of this name. */
json_t *dump_field(const json_t *record, const char *name);

/* CLI_FAILED, and it is said: no record can have such a field. */
int dump_know_field(const struct dump *d, const char *name);

/* filter.c: ends the process unless this is an expression. */
void filter_check(const char *text);
bool filter_holds(const char *text, const json_t *record);
/* dump_know_field() for each field that it names. */
int filter_know_fields(const struct dump *d);

/* show.c: sorts, prints, and frees what is kept. */
int dump_show(const struct dump *d, struct kept **kept, size_t nr);
/* One record as text. */
void dump_print(const struct dump *d, const struct kept *one);

#endif /* SKBEXT_DUMP_PARTS_H */
