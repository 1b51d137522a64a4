// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records have no time of birth, which would cost every packet that has one. So age is seen: what
 * was there at a look is at least as old as that look.
 */
#include <stdlib.h>

#include "cli.h"

struct one {
	__u64 skb, turn;
	double since;
	__u32 object;
};

struct cli_seen {
	const struct cli_seen *before;
	double now;
	size_t nr, room;
	struct one *all;
};

static int by_skb(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	return x->skb < y->skb ? -1 : x->skb > y->skb;
}

/* A record that another one followed there has another turn. */
static const struct one *find(const struct cli_seen *seen, const struct skbext_record *rec)
{
	struct one wanted = { .skb = rec->skb };
	const struct one *one = seen && seen->nr ?
		bsearch(&wanted, seen->all, seen->nr, sizeof(wanted), by_skb) : NULL;

	return one && one->turn == rec->turn && one->object == rec->object ? one : NULL;
}

static int see(const struct skbext_record *rec, void *arg)
{
	struct cli_seen *seen = arg;
	const struct one *before = find(seen->before, rec);
	struct one *more = seen->all;

	if (seen->nr == seen->room) {
		seen->room = seen->room ? 2 * seen->room : 1024;
		more = realloc(seen->all, seen->room * sizeof(*more));
	}
	if (!more)
		return -1;
	seen->all = more;
	seen->all[seen->nr++] = (struct one){ rec->skb, rec->turn, before ? before->since : seen->now,
					      rec->object };
	return 0;
}

struct cli_seen *cli_see(struct skbext *sk, const struct cli_seen *before)
{
	struct cli_seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return NULL;
	seen->before = before;
	seen->now = cli_now();
	if (skbext_for_each(sk, see, seen)) {
		cli_seen_free(seen);
		return NULL;
	}
	seen->before = NULL;
	if (seen->nr)
		qsort(seen->all, seen->nr, sizeof(*seen->all), by_skb);
	return seen;
}

void cli_seen_free(struct cli_seen *seen)
{
	if (seen)
		free(seen->all);
	free(seen);
}

bool cli_seen_has(const struct cli_seen *seen, const struct skbext_record *rec)
{
	return find(seen, rec);
}

json_t *cli_json_ages(const struct cli_seen *seen)
{
	static const double from[] = { 0, 1, 10, 60, 600, 3600 };
	const size_t nr = sizeof(from) / sizeof(from[0]);
	json_int_t records[sizeof(from) / sizeof(from[0])] = { 0 };
	json_t *list = json_array();

	for (size_t i = 0; i < seen->nr; i++) {
		double age = seen->now - seen->all[i].since;
		size_t n = nr - 1;

		while (n && age < from[n])
			n--;
		records[n]++;
	}
	for (size_t n = 0; n < nr; n++)
		json_array_append_new(list, json_pack("{s:f, s:I}", "from", from[n], "records", records[n]));
	return list;
}
