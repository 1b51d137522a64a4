// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext top: what is shown, made of two snapshots. A recorded one may be any JSON object. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static double real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static json_int_t integer(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* A counter that went back belongs to a new load, which began at 0. */
static double grown(const json_t *before, const json_t *now, const char *name)
{
	double a = real(before, name), b = real(now, name);

	return b >= a ? b - a : b;
}

__u64 top_count(const struct top_model *m, const char *name)
{
	return integer(json_object_get(m->now, "stats"), name);
}

double top_rate(const struct top_model *m, const char *name)
{
	if (m->seconds <= 0)
		return 0;
	return grown(json_object_get(m->before, "stats"), json_object_get(m->now, "stats"), name) /
	       m->seconds;
}

static const json_t *by_name(const json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!strcmp(cli_member(one, "name"), name))
			return one;
	return NULL;
}

static struct top_hook make_hook(const struct top_model *m, const json_t *one, int nr)
{
	struct top_hook h = { .name = cli_member(one, "name"), .role = cli_member(one, "role"), .nr = nr,
			      .attached = json_is_true(json_object_get(one, "attached")),
			      .missed = integer(one, "missed") };
	const json_t *old = by_name(json_object_get(m->before, "hooks"), h.name);
	double runs, ns;

	if (!old || m->seconds <= 0)
		return h;
	runs = grown(old, one, "runs");
	ns = grown(old, one, "run_time_ns");
	h.runs = runs / m->seconds;
	h.ns = runs > 0 ? ns / runs : 0;
	h.cpu = ns / m->seconds / 1e7;
	return h;
}

static struct top_type make_type(const json_t *one)
{
	return (struct top_type){ .name = cli_member(one, "name"), .size = integer(one, "size"),
				  .live = integer(one, "live"), .shared = integer(one, "shared"),
				  .flags = json_object_get(one, "flags") };
}

static struct top_bound make_bound(const json_t *one)
{
	return (struct top_bound){ .name = cli_member(one, "name"), .kind = cli_member(one, "type"),
				   .id = integer(one, "id"), .pids = json_object_get(one, "pids"),
				   .types = json_object_get(one, "types") };
}

void top_model(struct top_model *m, const json_t *before, const json_t *now)
{
	const json_t *one;
	size_t i;

	*m = (struct top_model){ .before = before, .now = now, .error = cli_member(now, "error") };
	if (before && !cli_member(before, "error")[0])
		m->seconds = real(now, "clock") - real(before, "clock");
	json_array_foreach(json_object_get(now, "hooks"), i, one) {
		if (m->nr_hooks == TOP_HOOKS)
			break;
		m->hooks[m->nr_hooks] = make_hook(m, one, i);
		m->timed |= m->hooks[m->nr_hooks++].runs > 0;
	}
	json_array_foreach(json_object_get(now, "types"), i, one)
		if (m->nr_types < SKBEXT_MAX_TYPES)
			m->types[m->nr_types++] = make_type(one);
	json_array_foreach(json_object_get(now, "bound"), i, one)
		if (m->nr_bound++ < TOP_BOUND)
			m->bound[m->nr_bound - 1] = make_bound(one);
}

static int larger_first(double a, double b)
{
	return a > b ? -1 : a < b;
}

static int compare_hooks(const void *x, const void *y, void *arg)
{
	const struct top_hook *a = x, *b = y;
	int cmp = 0;

	switch (*(enum top_sort *)arg) {
	case TOP_BY_NAME:
		cmp = strcmp(a->name, b->name);
		break;
	case TOP_BY_RUNS:
		cmp = larger_first(a->runs, b->runs);
		break;
	case TOP_BY_TIME:
		cmp = larger_first(a->cpu, b->cpu);
		break;
	case TOP_BY_MISSED:
		cmp = larger_first(a->missed, b->missed);
		break;
	default:
		break;
	}
	return cmp ? cmp : a->nr - b->nr;
}

static int compare_types(const void *x, const void *y, void *arg)
{
	const struct top_type *a = x, *b = y;
	int cmp = *(enum top_sort *)arg == TOP_BY_NAME ? 0 : larger_first(a->live, b->live);

	return cmp ? cmp : strcmp(a->name, b->name);
}

void top_sort(struct top_model *m, enum top_sort by)
{
	qsort_r(m->hooks, m->nr_hooks, sizeof(m->hooks[0]), compare_hooks, &by);
	qsort_r(m->types, m->nr_types, sizeof(m->types[0]), compare_types, &by);
}
