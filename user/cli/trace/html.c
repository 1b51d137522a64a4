// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace --html: one page that needs nothing else, with what --summary counts and the slowest
 * packets. It has no script, and forbids browsers to load anything. Whatever has a name outside of
 * skbext, a device, a type, a payload, is escaped.
 */
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "html_style.h"
#include "parts.h"

void trace_html_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if (strchr("<>&\"'", c))
			fprintf(to, "&#%d;", c);
		else
			fputs(c < ' ' || c == 0x7f ? "&#65533;" : (char[]){ c, 0 }, to);
	}
}

static void print_age(FILE *to, double ns)
{
	char text[16];

	trace_age_text(text, sizeof(text), ns);
	fputs(text, to);
}

/* ---- the head */

static void print_only(FILE *to, const char *option, const char *value)
{
	if (!value)
		return;
	fprintf(to, " --%s ", option);
	trace_html_text(to, value);
}

static void print_options(FILE *to, const struct trace_options *o)
{
	fputs("<p><code>skbext trace", to);
	print_only(to, "device", o->device);
	print_only(to, "type", o->type);
	print_only(to, "reason", o->reason);
	if (o->min_age)
		fprintf(to, " --min-age %lluns", o->min_age);
	if (o->sample > 1)
		fprintf(to, " --sample %u", o->sample);
	if (o->filter) {
		fputs(" '", to);
		trace_html_text(to, o->filter);
		fputs("'", to);
	}
	fputs("</code></p>\n", to);
}

static void print_about(FILE *to, const struct trace_run *t)
{
	char began[40] = "";
	struct utsname uts = { 0 };
	time_t when = time(NULL) - (time_t)(cli_now() - t->began);
	struct tm tm;

	uname(&uts);
	if (localtime_r(&when, &tm))
		strftime(began, sizeof(began), "%Y-%m-%d %H:%M:%S %z", &tm);
	fprintf(to, "<p>%.1f s from %s, skbext %s, Linux ", cli_now() - t->began, began, SKBEXT_VERSION);
	trace_html_text(to, uts.release);
	fprintf(to, ", %s mode, %s", skbext_mode_name(t->status.mode),
		skbext_guarantee_name(t->status.guarantee));
	if (t->why[0]) {
		fputs(": ", to);
		trace_html_text(to, t->why);
	}
	fputs("</p>\n", to);
	print_options(to, &t->opts);
}

/* Losses only where there are some: they are to be seen. */
static void print_tiles(FILE *to, const struct trace_run *t)
{
	const struct trace_counts *c = trace_counts(t);
	const struct {
		const char *key, *what;
		__u64 count;
		bool loss;
	} tiles[] = {
		{ "seen", "packets seen", c->seen, false },
		{ "ended", "ended", c->ended, false },
		{ "alive", "still alive", t->alive, false },
		{ "filtered", "filtered out", c->filtered, false },
		{ "lost", "not counted below: no room", c->lost, true },
		{ "untracked", "never followed: no room", c->untracked, true },
		{ "missed_hooks", "runs of hooks that the kernel skipped", trace_missed(t), true },
	};

	fputs("<ul class=\"tiles\">\n", to);
	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
		if (tiles[i].count || !tiles[i].loss)
			fprintf(to, "<li data-key=\"%s\"%s><b>%llu</b>%s</li>\n", tiles[i].key,
				tiles[i].loss ? " class=\"warn\"" : "", tiles[i].count, tiles[i].what);
	fputs("</ul>\n", to);
}

/* ---- lifetimes */

/* Where the slot ends in which the packet of this rank is: so long at most. */
static double within(const struct trace_lives *l, unsigned int percent)
{
	__u64 sum = 0;

	for (int i = 0; i < TRACE_SLOTS; i++) {
		sum += l->slots[i];
		if (sum * 100 >= l->count * percent)
			return (double)(2ULL << i);
	}
	return 0;
}

/* All histograms have the same slots, so that they can be compared. */
static struct trace_plot plot_for(const struct trace_groups *g)
{
	struct trace_plot plot = { .first = TRACE_SLOTS, .last = -1 };

	for (int fate = 0; fate < TRACE_FATES; fate++) {
		for (int i = 0; i < TRACE_SLOTS; i++) {
			if (!g->fate[fate].lives.slots[i])
				continue;
			plot.first = i < plot.first ? i : plot.first;
			plot.last = i > plot.last ? i : plot.last;
		}
	}
	return plot;
}

static void print_fate(FILE *to, struct trace_plot plot, unsigned int fate, const struct trace_lives *l)
{
	plot.large = true;
	fprintf(to, "<figure data-fate=\"%s\"><figcaption><b><span class=\"dot %s\"></span>%s</b>"
		"<span><b data-count=\"%llu\">%llu</b> packet%s</span><span>average ", trace_fate(fate),
		trace_fate(fate), trace_fate(fate), l->count, l->count, l->count == 1 ? "" : "s");
	print_age(to, (double)l->total / l->count);
	fputs("</span><span>half within ", to);
	print_age(to, within(l, 50));
	fputs("</span><span>99 % within ", to);
	print_age(to, within(l, 99));
	fputs(fate == TRACE_UNSEEN ? "</span><span>at least: nobody saw the end</span></figcaption>\n" :
	      "</span></figcaption>\n", to);
	trace_html_plot(to, &plot, trace_fate(fate), l);
	fputs("</figure>\n", to);
}

static void print_fates(FILE *to, const struct trace_plot *plot, const struct trace_groups *g)
{
	fputs("<h2>How long packets lived</h2>\n"
	      "<p>Packets by age at their end. Each bar is twice as long a time as the one before it, and is as\n"
	      "high as its number of packets; the highest bar of each picture has the same height.</p>\n", to);
	for (unsigned int i = 0; i < TRACE_FATES; i++)
		if (g->fate[i].lives.count)
			print_fate(to, *plot, i, &g->fate[i].lives);
	if (plot->last < 0)
		fputs("<p>No packet ended.</p>\n", to);
}

/* ---- drops */

struct drops {
	__u32 reason;
	__u64 count;
};

static int by_drops(const void *a, const void *b)
{
	const struct drops *x = a, *y = b;

	return x->count > y->count ? -1 : x->count < y->count;
}

/* Reasons of all places; there are no more of them than of places. */
static size_t sum_drops(const struct trace_groups *g, struct drops *drops)
{
	size_t nr = 0, i;

	for (size_t p = 0; p < g->nr; p++) {
		if (g->place[p].fate != TRACE_DROPPED)
			continue;
		for (i = 0; i < nr && drops[i].reason != g->place[p].reason; i++)
			;
		if (i == nr)
			drops[nr++] = (struct drops){ .reason = g->place[p].reason };
		drops[i].count += g->place[p].lives.count;
	}
	qsort(drops, nr, sizeof(*drops), by_drops);
	return nr;
}

static void print_drops(FILE *to, const struct trace_run *t, const struct trace_groups *g)
{
	struct drops *drops = calloc(g->nr + 1, sizeof(*drops));
	size_t nr = drops ? sum_drops(g, drops) : 0;
	double all = g->fate[TRACE_DROPPED].lives.count;

	fputs("<h2>Drops by reason</h2>\n", to);
	fputs(nr ? "<div class=\"card\"><table id=\"reasons\"><tbody>\n" : "<p>No packet was dropped.</p>\n", to);
	for (size_t i = 0; i < nr; i++) {
		fputs("<tr><th>", to);
		trace_html_text(to, trace_reason(t->vmlinux, drops[i].reason));
		fprintf(to, "</th><td class=\"n\" data-count=\"%llu\">%llu</td><td class=\"n\">%.1f %%</td>"
			"<td style=\"width:55%%\">", drops[i].count, drops[i].count, drops[i].count * 100 / all);
		trace_html_bar(to, "dropped", drops[i].count, drops[0].count);
		fputs("</td></tr>\n", to);
	}
	fputs(nr ? "</tbody></table></div>\n" : "", to);
	free(drops);
}

/* ---- places */

static void print_place(FILE *to, const struct trace_run *t, const struct trace_plot *plot,
			const struct trace_group *p)
{
	fprintf(to, "<tr data-fate=\"%s\"><td><span class=\"dot %s\"></span>%s", trace_fate(p->fate),
		trace_fate(p->fate), trace_fate(p->fate));
	fputs("</td><th><code>", to);
	trace_html_text(to, strcmp(p->place, "-") ? p->place : "(not shown)");
	fputs("</code></th><td>", to);
	if (p->fate == TRACE_DROPPED)
		trace_html_text(to, trace_reason(t->vmlinux, p->reason));
	fprintf(to, "</td><td class=\"n\" data-count=\"%llu\">%llu</td><td class=\"n\">", p->lives.count,
		p->lives.count);
	print_age(to, (double)p->lives.total / p->lives.count);
	fputs("</td><td class=\"n\">", to);
	print_age(to, within(&p->lives, 99));
	fputs("</td><td>", to);
	trace_html_plot(to, plot, trace_fate(p->fate), &p->lives);
	fputs("</td></tr>\n", to);
}

static void print_places(FILE *to, const struct trace_run *t, const struct trace_plot *plot,
			 const struct trace_groups *g)
{
	if (!g->nr)
		return;
	fputs("<h2>Where packets ended</h2>\n<p>The function that was done with the packet. Pictures have the\n"
	      "times of those above.</p>\n<div class=\"card\"><table id=\"places\"><thead><tr><th>fate</th>"
	      "<th>function</th>"
	      "<th>reason</th><th class=\"n\">packets</th><th class=\"n\">average</th><th class=\"n\">99 % within</th>"
	      "<th>age</th></tr></thead><tbody>\n", to);
	for (size_t i = 0; i < g->nr; i++)
		print_place(to, t, plot, &g->place[i]);
	fputs("</tbody></table></div>\n", to);
}

/* ---- the slowest */

static void print_step(FILE *to, double after, const char *what, const char *device, unsigned int cpu)
{
	fputs("<li><b>+", to);
	print_age(to, after);
	fprintf(to, "</b> %s%s", what, *device ? " " : "");
	trace_html_text(to, device);
	fprintf(to, ", CPU %u</li>\n", cpu);
}

static void print_path(FILE *to, const struct trace_report *r)
{
	const struct skbext_trace *n = &r->note;
	char device[TRACE_DEVICE_LEN + 1];
	__u64 offset;
	const char *place = r->place ? trace_function(r->place, &offset) : NULL;

	fputs("<ol class=\"path\">\n", to);
	if (n->origin == TRACE_AT_ALLOC || n->origin == TRACE_AT_COPY)
		print_step(to, 0, trace_origin(n->origin), "", n->cpu);
	for (unsigned int i = 0; i < trace_steps(n); i++) {
		trace_device(device, n->path[i].device);
		if (n->steps > TRACE_STEPS && i == TRACE_STEPS - 1)
			fprintf(to, "<li>%u more</li>\n", n->steps - TRACE_STEPS);
		print_step(to, n->path[i].when - n->born, trace_origin(n->path[i].where), device,
			   n->path[i].cpu);
	}
	print_step(to, trace_age(r), trace_fate(r->fate), place ? place : "", r->cpu);
	fputs("</ol>\n", to);
}

static void print_types(FILE *to, struct trace_run *t, const struct trace_report *r)
{
	json_t *types = trace_types(t, r), *value;
	const char *name;

	if (json_object_size(types))
		fputs("<dl>\n", to);
	json_object_foreach(types, name, value) {
		char *text = trace_payload_text(value);

		fputs("<dt><code>", to);
		trace_html_text(to, name);
		fputs("</code></dt><dd><code>", to);
		trace_html_text(to, text ? text : "");
		fputs("</code></dd>\n", to);
		free(text);
	}
	if (json_object_size(types))
		fputs("</dl>\n", to);
	json_decref(types);
}

static void print_packet(FILE *to, struct trace_run *t, const struct trace_report *r)
{
	const struct skbext_trace *n = &r->note;
	char device[TRACE_DEVICE_LEN + 1];

	trace_device(device, n->device);
	fprintf(to, "<div class=\"card\" data-id=\"%llu\" data-age=\"%llu\"><div class=\"packet\"><b>", n->id,
		trace_age(r));
	print_age(to, trace_age(r));
	fprintf(to, "</b><span><span class=\"dot %s\"></span>%s", trace_fate(r->fate), trace_fate(r->fate));
	if (r->fate == TRACE_DROPPED) {
		fputs(": ", to);
		trace_html_text(to, trace_reason(t->vmlinux, r->reason));
	}
	fputs("</span><span class=\"device\">", to);
	trace_html_text(to, device);
	fprintf(to, "</span><span>%s, %u bytes</span><span>packet %llu", trace_protocol(n->protocol), n->len,
		n->id);
	if (n->parent)
		fprintf(to, ", copy of %llu", n->parent);
	fputs("</span></div>\n", to);
	print_path(to, r);
	print_types(to, t, r);
	fputs("</div>\n", to);
}

static void print_slowest(FILE *to, struct trace_run *t)
{
	__u64 lost = trace_counts(t)->slow_lost;

	if (!t->nr_slow)
		return;
	fprintf(to, "<h2>The %u slowest packets</h2>\n<p>With the devices that each came to, and the time since\n"
		"its birth.", t->nr_slow);
	if (lost)
		fprintf(to, " <b class=\"warn\">%llu that may belong here came too fast to be told one by one.</b>",
			lost);
	fputs("</p>\n<div id=\"slowest\">\n", to);
	for (unsigned int i = 0; i < t->nr_slow; i++)
		print_packet(to, t, t->slow[i]);
	fputs("</div>\n", to);
}

/* ---- all of it */

static void print_page(FILE *to, struct trace_run *t, const struct trace_groups *g)
{
	struct trace_plot plot = plot_for(g);

	fprintf(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>skbext trace: %llu packets</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n"
		"<h1>Packets from birth to end</h1>\n", trace_counts(t)->ended, trace_html_style);
	print_about(to, t);
	print_tiles(to, t);
	print_fates(to, &plot, g);
	print_drops(to, t, g);
	print_places(to, t, &plot, g);
	print_slowest(to, t);
	fputs("</main>\n</body>\n</html>\n", to);
}

int trace_html(struct trace_run *t, const struct trace_groups *g)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (to)
		print_page(to, t, g);
	if (!to || fclose(to)) {
		free(text);
		return cli_error("cannot write %s: out of memory; filter more", t->opts.html);
	}
	cli_file_write(&t->page, text, len);
	free(text);
	return cli_file_close(&t->page);
}
