// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext top: the lines that are shown, 80 columns wide. */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "parts.h"

static const char *const sort_names[TOP_SORTS] = { "role", "name", "runs", "time", "missed" };

const char *top_sort_name(enum top_sort by)
{
	return sort_names[by];
}

/* A recorded snapshot may hold anything: a terminal gets what it can show. */
static void __attribute__((format(printf, 3, 4)))
line(struct top_view *v, enum top_look look, const char *fmt, ...)
{
	va_list args;

	if (v->nr == TOP_LINES)
		return;
	va_start(args, fmt);
	vsnprintf(v->line[v->nr], TOP_WIDTH, fmt, args);
	va_end(args);
	for (char *c = v->line[v->nr]; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	v->look[v->nr++] = look;
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "?";
}

static json_int_t integer(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void title(struct top_view *v, const struct top_model *m)
{
	bool healthy = json_is_true(json_object_get(m->now, "healthy"));
	time_t at = json_number_value(json_object_get(m->now, "time"));
	char clock[16], every[32] = "";
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&at, &tm));
	if (v->interval > 0)
		snprintf(every, sizeof(every), "  every %g s", v->interval);
	if (m->error[0])
		line(v, TOP_BAD, "skbext top  %s  %s%s%s", clock,
		     json_is_false(json_object_get(m->now, "loaded")) ? "not loaded" : "cannot be read",
		     every, v->paused ? "  PAUSED" : "");
	else
		line(v, healthy ? TOP_GOOD : TOP_BAD, "skbext top  %s  %s, %s, %s%s%s", clock,
		     text(m->now, "mode"), text(m->now, "guarantee"),
		     healthy ? "healthy" : "NOT HEALTHY", every, v->paused ? "  PAUSED" : "");
	if (m->error[0])
		line(v, TOP_PLAIN, "%s", m->error);
	else if (text(m->now, "reason")[0])
		line(v, TOP_PLAIN, "not complete: %s", text(m->now, "reason"));
}

static void records(struct top_view *v, const struct top_model *m)
{
	static const char *const rates[][2] = {
		{ "adds", "adds" }, { "shares", "shares" }, { "releases", "releases" },
		{ "dels", "dels" }, { "cow", "COW" }, { "add_failed", "failed" },
	};
	__u64 live = top_count(m, "live"), capacity = top_count(m, "capacity");
	char text[TOP_WIDTH] = "";
	size_t len = 0;

	line(v, TOP_PLAIN, "records %llu of %llu (%.1f%%), orphans %llu, untrusted %llu, refs %llu",
	     live, capacity, capacity ? 100.0 * live / capacity : 0, top_count(m, "orphans"),
	     top_count(m, "untrusted"), top_count(m, "refs"));
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s %.0f", i ? "  " : "",
				rates[i][1], top_rate(m, rates[i][0]));
	line(v, TOP_PLAIN, "each second: %s", text);
}

static void losses(struct top_view *v, const struct top_model *m)
{
	json_t *lost = json_object_get(json_object_get(m->now, "stats"), "lost"), *value;
	const char *name;
	bool any = false;

	json_object_foreach(lost, name, value) {
		if (!json_integer_value(value))
			continue;
		if (!any)
			line(v, TOP_TITLE, "%-22s %12s %12s", "LOST BY", "TOTAL", "PER SECOND");
		any = true;
		line(v, TOP_BAD, "%-22.22s %12lld %12.1f", name,
		     (long long)json_integer_value(value), top_rate(m, name));
	}
	if (!any)
		line(v, TOP_PLAIN, "lost: nothing");
}

/* "a,b" of a list of strings or numbers. */
static const char *listed(char *to, size_t size, const json_t *list)
{
	const json_t *item;
	size_t n, len = 0;

	*to = 0;
	json_array_foreach(list, n, item) {
		if (len >= size)
			break;
		if (json_is_string(item))
			len += snprintf(to + len, size - len, "%s%s", len ? "," : "", json_string_value(item));
		else if (json_is_integer(item))
			len += snprintf(to + len, size - len, "%s%lld", len ? "," : "",
					(long long)json_integer_value(item));
	}
	return to;
}

static bool passes(const struct top_view *v, const char *name)
{
	return strstr(name, v->filter);
}

static void types(struct top_view *v, const struct top_model *m)
{
	char flags[64];

	line(v, TOP_TITLE, "%-22s %12s %12s %6s  %s", "TYPE", "RECORDS", "SHARED", "BYTES", "POLICY");
	for (unsigned int i = 0; i < m->nr_types; i++) {
		const struct top_type *t = &m->types[i];

		if (passes(v, t->name))
			line(v, TOP_PLAIN, "%-22.22s %12llu %12llu %6llu  %s", t->name, t->live,
			     t->shared, t->size, listed(flags, sizeof(flags), t->flags));
	}
	if (!m->nr_types)
		line(v, TOP_PLAIN, "none");
}

static void bound(struct top_view *v, const struct top_model *m)
{
	const char *unknown = json_string_value(json_object_get(m->now, "bound_unknown"));
	char pids[32], names[64];

	if (!json_object_get(m->now, "bound"))
		return;		/* recorded by a version that did not look */
	line(v, TOP_TITLE, "%-22s %-16s %10s %10s  %s", "BOUND PROGRAM", "KIND", "ID", "PID", "TYPES");
	for (unsigned int i = 0; i < m->nr_bound && i < TOP_BOUND; i++) {
		const struct top_bound *b = &m->bound[i];

		if (passes(v, b->name))
			line(v, TOP_PLAIN, "%-22.22s %-16.16s %10llu %10.10s  %.17s", b->name, b->kind, b->id,
			     listed(pids, sizeof(pids), b->pids), listed(names, sizeof(names), b->types));
	}
	if (m->nr_bound > TOP_BOUND)
		line(v, TOP_PLAIN, "and %u more: `skbext status` has all", m->nr_bound - TOP_BOUND);
	if (unknown)
		line(v, TOP_PLAIN, "not known: %s", unknown);
	else if (!m->nr_bound)
		line(v, TOP_PLAIN, "none");
	line(v, TOP_PLAIN, " ");
}

static void ages(struct top_view *v, const struct top_model *m)
{
	static const char bar[] = "########################################";
	const json_t *list = json_object_get(m->now, "ages"), *one;
	json_int_t most = 1;
	size_t i;

	json_array_foreach(list, i, one)
		if (integer(one, "records") > most)
			most = integer(one, "records");
	if (json_array_size(list))
		line(v, TOP_TITLE, "%-22s %12s", "SEEN FOR AT LEAST", "RECORDS");
	json_array_foreach(list, i, one) {
		json_int_t records = integer(one, "records");

		if (records > 0)
			line(v, TOP_PLAIN, "%20g s %12lld  %.*s",
			     json_number_value(json_object_get(one, "from")), (long long)records,
			     (int)((sizeof(bar) - 1) * (double)records / most), bar);
	}
	if (json_array_size(list))
		line(v, TOP_PLAIN, " ");
}

static void hooks(struct top_view *v, const struct top_model *m)
{
	line(v, TOP_TITLE, "%-30s %-8s %10s %8s %6s %9s", "HOOK", "ROLE", "RUNS/S", "NS/RUN", "CPU%",
	     "MISSED");
	for (unsigned int i = 0; i < m->nr_hooks; i++) {
		const struct top_hook *h = &m->hooks[i];

		if (!passes(v, h->name))
			continue;
		if (!h->attached)
			line(v, TOP_BAD, "%-30.30s %-8.8s NOT ATTACHED", h->name, h->role);
		else if (!m->timed)
			line(v, h->missed ? TOP_BAD : TOP_PLAIN, "%-30.30s %-8.8s %10s %8s %6s %9llu",
			     h->name, h->role, "-", "-", "-", h->missed);
		else
			line(v, h->missed ? TOP_BAD : TOP_PLAIN,
			     "%-30.30s %-8.8s %10.0f %8.0f %6.2f %9llu", h->name, h->role, h->runs,
			     h->ns, h->cpu, h->missed);
	}
}

static void help(struct top_view *v)
{
	static const char *const lines[] = {
		"h ?        this, or back",
		"q          quit",
		"p space    pause, or go on",
		"s          sort hooks by the next of role, name, runs, time, missed",
		"N R T M    sort by name, runs, time, missed; types by name or by records",
		"t          measure run times, or no more: it slows all BPF programs a little",
		"/          show only types, programs and hooks whose names contain a word:",
		"           type it, Enter; Escape shows all again",
		"+ -        longer or shorter intervals",
		"up down    scroll; also k and j",
		"",
		"Rates are those of the last interval. NS/RUN and CPU% are known while run times",
		"are measured: by t, --run-time, or sysctl kernel.bpf_stats_enabled=1.",
	};

	v->head = v->nr;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		line(v, TOP_PLAIN, "%s", lines[i]);
}

void top_lines(struct top_view *v, const struct top_model *m)
{
	v->nr = v->head = 0;
	title(v, m);
	if (v->note)
		line(v, TOP_BAD, "%s", v->note);
	if (v->typing || v->filter[0])
		line(v, TOP_PLAIN, "only names with: %s%s", v->filter, v->typing ? "_" : "");
	if (v->help)
		return help(v);
	v->head = v->nr;
	if (m->error[0])
		return;
	records(v, m);
	v->head = v->nr;
	line(v, TOP_PLAIN, " ");
	losses(v, m);
	line(v, TOP_PLAIN, " ");
	types(v, m);
	line(v, TOP_PLAIN, " ");
	bound(v, m);
	ages(v, m);
	hooks(v, m);
}
