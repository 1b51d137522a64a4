// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records have no time of birth, which would cost every packet that has one. So age is seen: what
 * was there at a look is as old as that look.
 */
#include <stdlib.h>

#include "parts.h"

struct seen {
	__u64 skb, turn;
	__u32 object;
};

struct look {
	size_t nr, room;
	struct seen *seen;
};

static int see(const struct skbext_record *rec, void *arg)
{
	struct look *look = arg;
	struct seen *more = look->seen;

	if (look->nr == look->room) {
		look->room = look->room ? 2 * look->room : 1024;
		more = realloc(look->seen, look->room * sizeof(*more));
	}
	if (!more)
		return -1;
	look->seen = more;
	look->seen[look->nr++] = (struct seen){ rec->skb, rec->turn, rec->object };
	return 0;
}

static int by_skb(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->skb < y->skb ? -1 : x->skb > y->skb;
}

struct look *look_at(struct skbext *sk)
{
	struct look *look = calloc(1, sizeof(*look));

	if (look && skbext_for_each(sk, see, look)) {
		look_free(look);
		return NULL;
	}
	if (look && look->nr)
		qsort(look->seen, look->nr, sizeof(*look->seen), by_skb);
	return look;
}

void look_free(struct look *look)
{
	if (look)
		free(look->seen);
	free(look);
}

/* A record that another one followed there has another turn. */
bool look_has(const struct look *look, const struct skbext_record *rec)
{
	struct seen wanted = { .skb = rec->skb }, *seen;

	if (!look->nr)
		return false;
	seen = bsearch(&wanted, look->seen, look->nr, sizeof(wanted), by_skb);
	return seen && seen->turn == rec->turn && seen->object == rec->object;
}
