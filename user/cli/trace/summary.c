// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace --summary: lifetimes per fate and per place of death, as log2 histograms. They are
 * made in the kernel: no packet is lost to a slow reader.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "trace.skel.h"

#define BAR 30

const struct trace_counts *trace_counts(const struct trace_run *t)
{
	return &t->skel->bss->counts;
}

json_t *trace_json_counts(const struct trace_run *t)
{
	const struct trace_counts *c = trace_counts(t);

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seen", (json_int_t)c->seen,
			 "ended", (json_int_t)c->ended, "shown", (json_int_t)c->shown,
			 "filtered", (json_int_t)c->filtered, "alive", (json_int_t)t->alive,
			 "lost", (json_int_t)c->lost, "untracked", (json_int_t)c->untracked,
			 "missed_hooks", (json_int_t)trace_missed(t));
}

static void add(struct trace_lives *to, const struct trace_lives *l)
{
	to->count += l->count;
	to->total += l->total;
	for (int i = 0; i < TRACE_SLOTS; i++)
		to->slots[i] += l->slots[i];
}

static struct trace_group *group_of(struct trace_groups *g, const struct trace_key *key)
{
	__u64 offset;
	const char *name = key->place ? trace_function(key->place, &offset) : NULL;
	struct trace_group *more;

	for (size_t i = 0; i < g->nr; i++)
		if (g->place[i].fate == key->fate && g->place[i].reason == key->reason &&
		    !strcmp(g->place[i].place, name ? name : "-"))
			return &g->place[i];
	more = realloc(g->place, (g->nr + 1) * sizeof(*g->place));
	if (!more)
		return NULL;
	g->place = more;
	more = &g->place[g->nr++];
	*more = (struct trace_group){ .fate = key->fate, .reason = key->reason };
	snprintf(more->place, sizeof(more->place), "%s", name ? name : "-");
	return more;
}

static int by_count(const void *a, const void *b)
{
	const struct trace_group *x = a, *y = b;

	if (x->fate != y->fate)
		return x->fate < y->fate ? -1 : 1;
	return x->lives.count > y->lives.count ? -1 : x->lives.count < y->lives.count;
}

int trace_groups_read(const struct trace_run *t, struct trace_groups *g)
{
	int fd = bpf_map__fd(t->skel->maps.lives);
	struct trace_key key, *from = NULL;
	struct trace_lives l;

	while (!bpf_map_get_next_key(fd, from, &key)) {
		struct trace_group *group = group_of(g, &key);

		from = &key;
		if (!group)
			return cli_error("cannot trace: out of memory; filter more");
		if (bpf_map_lookup_elem(fd, &key, &l))
			continue;
		add(&group->lives, &l);
		if (key.fate < TRACE_FATES)
			add(&g->fate[key.fate].lives, &l);
	}
	qsort(g->place, g->nr, sizeof(*g->place), by_count);
	return CLI_DONE;
}

static json_t *lives_json(const struct trace_lives *l)
{
	json_t *slots = json_array();

	for (int i = 0; i < TRACE_SLOTS; i++)
		if (l->slots[i])
			json_array_append_new(slots, json_pack("{s:I, s:I, s:I}",
				"from_ns", (json_int_t)(i ? 1LL << i : 0),
				"to_ns", (json_int_t)((2LL << i) - 1),
				"count", (json_int_t)l->slots[i]));
	return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)l->count, "average_ns",
			 (json_int_t)(l->count ? l->total / l->count : 0), "histogram", slots);
}

static json_t *place_json(const struct trace_run *t, const struct trace_group *p)
{
	json_t *o = lives_json(&p->lives);

	json_object_set_new(o, "fate", json_string(trace_fate(p->fate)));
	json_object_set_new(o, "place",
			    strcmp(p->place, "-") ? json_string(p->place) : json_null());
	if (p->fate == TRACE_DROPPED)
		json_object_set_new(o, "reason", json_string(trace_reason(t->vmlinux, p->reason)));
	return o;
}

static int print_json(const struct trace_run *t, const struct trace_groups *g)
{
	json_t *fates = json_object(), *places = json_array();

	for (int i = 0; i < TRACE_FATES; i++)
		if (g->fate[i].lives.count)
			json_object_set_new(fates, trace_fate(i), lives_json(&g->fate[i].lives));
	for (size_t i = 0; i < g->nr; i++)
		json_array_append_new(places, place_json(t, &g->place[i]));
	return cli_print_json(json_pack("{s:s, s:s, s:f, s:o, s:o, s:o}",
					"mode", skbext_mode_name(t->status.mode),
					"guarantee", skbext_guarantee_name(t->status.guarantee),
					"seconds", cli_now() - t->began,
					"counts", trace_json_counts(t), "fates", fates,
					"places", places));
}

static void print_lives(const struct trace_lives *l)
{
	char from[16], to[16], bar[BAR + 1];
	int first = 0, last = TRACE_SLOTS - 1;
	__u64 most = 0;

	for (int i = 0; i < TRACE_SLOTS; i++)
		most = l->slots[i] > most ? l->slots[i] : most;
	while (first < last && !l->slots[first])
		first++;
	while (last > first && !l->slots[last])
		last--;
	for (int i = first; most && i <= last; i++) {
		int len = (l->slots[i] * BAR + most - 1) / most;

		memset(bar, '#', len);
		bar[len] = 0;
		trace_age_text(from, sizeof(from), i ? (double)(1ULL << i) : 0);
		trace_age_text(to, sizeof(to), (double)(2ULL << i));
		printf("    %7s - %-7s %9llu  %s\n", from, to, l->slots[i], bar);
	}
}

static void print_group(const struct trace_run *t, const struct trace_group *p)
{
	char average[16];

	trace_age_text(average, sizeof(average), (double)p->lives.total / p->lives.count);
	printf("  %s%s%s: %llu packets, average %s\n",
	       p->fate == TRACE_DROPPED ? trace_reason(t->vmlinux, p->reason) : "",
	       p->fate == TRACE_DROPPED ? " in " : "",
	       strcmp(p->place, "-") ? p->place : "(not shown)", p->lives.count, average);
	print_lives(&p->lives);
}

static void print_text(const struct trace_run *t, const struct trace_groups *g)
{
	const struct trace_counts *c = trace_counts(t);

	for (__u32 i = 0; i < TRACE_FATES; i++) {
		if (!g->fate[i].lives.count)
			continue;
		printf("%s: %llu packets%s\n", trace_fate(i), g->fate[i].lives.count,
		       i == TRACE_UNSEEN ? ", which lived at least" : "");
		print_lives(&g->fate[i].lives);
		for (size_t n = 0; n < g->nr; n++)
			if (g->place[n].fate == i)
				print_group(t, &g->place[n]);
	}
	printf("%llu packets seen, %llu ended, %llu filtered out, %llu alive, %llu lost "
	       "(no room), %llu never tracked (no room), %llu hook runs missed\n", c->seen,
	       c->ended, c->filtered, t->alive, c->lost, c->untracked, trace_missed(t));
}

int trace_summary(struct trace_run *t)
{
	struct trace_groups g = { 0 };
	int ret = trace_groups_read(t, &g);

	if (!ret && t->opts.html)
		ret = trace_html(t, &g);
	if (!ret && t->common.json)
		ret = print_json(t, &g);
	else if (!ret)
		print_text(t, &g);
	free(g.place);
	return ret;
}
