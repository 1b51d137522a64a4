// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext doctor --measure: the report, as tables and as JSON. */
#include <stdio.h>
#include <sys/utsname.h>

#include "parts.h"

#define NUMBER(x) ((json_int_t)(x))

static __u64 tagged(const struct measure_run *m)
{
	return m->counts.tagged + m->counts.tagged_gro;
}

static json_t *hook_names(__u32 hooks)
{
	json_t *list = json_array();

	for (int i = 0; i < MEASURE_HOOKS; i++)
		if (hooks >> i & 1)
			json_array_append_new(list, json_string(measure_hook(i)->name));
	return list;
}

static json_t *hooks_json(const struct measure_run *m)
{
	json_t *list = json_array(), *hook;

	for (int i = 0; i < MEASURE_HOOKS; i++) {
		int without = measure_set_without(m, i);

		if (!measure_has(m, i))
			continue;
		hook = json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", measure_hook(i)->name,
				 "kind", measure_hook(i)->kind,
				 "fired", NUMBER(m->counts.fired[i]),
				 "released", NUMBER(m->counts.released[i]),
				 "missed", NUMBER(m->missed[i]));
		json_object_set_new(hook, "stale_without", without < 0 ? json_null() :
				    json_integer(NUMBER(m->sets[without].stale)));
		json_array_append_new(list, hook);
	}
	return list;
}

static json_t *sets_json(const struct measure_run *m)
{
	json_t *list = json_array();

	for (int i = 0; i < m->nr_sets; i++) {
		const struct measure_set *s = &m->sets[i];
		const char *without = s->without < 0 ? NULL : measure_hook(s->without)->name;

		json_array_append_new(list, json_pack(
			"{s:s, s:s?, s:o, s:I, s:I, s:I}", "set", measure_set_kind(m, i),
			"without", without, "hooks", hook_names(s->hooks),
			"tagged", NUMBER(tagged(m)), "stale", NUMBER(s->stale),
			"left", NUMBER(s->left)));
	}
	return list;
}

static int show_json(const struct measure_run *m, const char *release)
{
	bool exact = m->mode == SKBEXT_MODE_EXACT;

	return cli_print_json(json_pack(
		"{s:s, s:f, s:s, s:s?, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"kernel", release, "seconds", m->ended - m->began,
		"mode", skbext_mode_name(m->mode), "fentry_error", exact ? NULL : m->why,
		"births_in_sight", m->births_in_sight, "tagged", NUMBER(tagged(m)),
		"tagged_gro", NUMBER(m->counts.tagged_gro), "lost", NUMBER(m->counts.lost),
		"births", NUMBER(m->counts.births),
		"missed_tags", NUMBER(m->missed_tags), "missed_births", NUMBER(m->missed_births),
		"hooks", hooks_json(m), "sets", sets_json(m)));
}

static void print_hooks(const struct measure_run *m)
{
	printf("%-36s %10s %10s %8s %14s\n", "hook", "fired", "released", "missed",
	       "stale without");
	for (int i = 0; i < MEASURE_HOOKS; i++) {
		int without = measure_set_without(m, i);

		if (!measure_has(m, i))
			continue;
		printf("%-7s%-29s %10llu %10llu %8llu ", measure_hook(i)->kind,
		       measure_hook(i)->name, m->counts.fired[i], m->counts.released[i],
		       m->missed[i]);
		if (without < 0)
			printf("%14s\n", "-");
		else
			printf("%14llu\n", m->sets[without].stale);
	}
}

static void print_sets(const struct measure_run *m)
{
	char name[80];

	printf("%-36s %10s %10s %8s\n", "released by", "tagged", "stale", "left");
	for (int i = 0; i < m->nr_sets; i++) {
		measure_set_name(m, i, name, sizeof(name));
		printf("%-36s %10llu %10llu %8llu\n", name, tagged(m), m->sets[i].stale,
		       m->sets[i].left);
	}
}

static void print_losses(const struct measure_run *m)
{
	__u64 missed = 0;

	for (int i = 0; i < MEASURE_HOOKS; i++)
		missed += m->missed[i];
	if (missed)
		printf("missed: the kernel skipped up to %llu runs of both programs of a hook: so "
		       "many of the stale\n  and left may be none\n", missed);
	if (m->missed_births)
		printf("%llu births were skipped: stale may be too low by that\n",
		       m->missed_births);
	if (m->missed_tags || m->counts.lost)
		printf("%llu packets were not tagged: %llu skipped, %llu found no room\n",
		       m->missed_tags + m->counts.lost, m->missed_tags, m->counts.lost);
	if (!tagged(m))
		printf("no packet was seen: there is nothing to conclude\n");
}

static void print_notes(const struct measure_run *m)
{
	bool exact = m->mode == SKBEXT_MODE_EXACT;

	printf("stale: skbs born where the record of another one was still there\n"
	       "left:  at the end neither released nor stale; with all hooks: %s\n",
	       exact ? "packets that are still held" : "held, or parked in a cache of the CPU");
	if (!exact)
		printf("not available: kfree_skbmem and the hooks of the exact mode (fentry: %s)\n"
		       "what is stale with all hooks, the tracepoint mode purges at the birth\n",
		       m->why);
	if (!m->births_in_sight)
		printf("stale is too low: this kernel hands sk_buffs out again without a trace\n");
	print_losses(m);
}

int measure_show(const struct measure_run *m)
{
	struct utsname uts;

	uname(&uts);
	if (m->common.json)
		return show_json(m, uts.release);
	printf("kernel %s, %.1f s: %llu packets tagged at net_dev_queue", uts.release,
	       m->ended - m->began, m->counts.tagged);
	if (m->mode == SKBEXT_MODE_EXACT)
		printf(", %llu in GRO", m->counts.tagged_gro);
	printf("; %llu births seen\n\n", m->counts.births);
	print_hooks(m);
	printf("\n");
	print_sets(m);
	printf("\n");
	print_notes(m);
	return CLI_DONE;
}
