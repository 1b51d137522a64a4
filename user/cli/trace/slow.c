// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace --html: the slowest packets, one by one. The kernel sends those that are slower than
 * the last that is kept, and these become few.
 */
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "trace.skel.h"

/* The last one goes where there are too many. */
static void insert(struct trace_run *t, struct trace_report *r)
{
	unsigned int i = t->nr_slow;

	if (i == TRACE_SLOWEST)
		free(t->slow[--i]);
	else
		t->nr_slow++;
	for (; i && trace_age(t->slow[i - 1]) < trace_age(r); i--)
		t->slow[i] = t->slow[i - 1];
	t->slow[i] = r;
}

void trace_slow_add(struct trace_run *t, const struct trace_report *r, size_t size)
{
	struct trace_report *copy;

	if (t->nr_slow == TRACE_SLOWEST && trace_age(r) <= trace_age(t->slow[TRACE_SLOWEST - 1]))
		return;
	copy = malloc(size);
	if (!copy)
		return;
	memcpy(copy, r, size);
	insert(t, copy);
	if (t->nr_slow == TRACE_SLOWEST)
		t->skel->data->slow_floor = trace_age(t->slow[TRACE_SLOWEST - 1]);
}

void trace_slow_free(struct trace_run *t)
{
	while (t->nr_slow)
		free(t->slow[--t->nr_slow]);
}
