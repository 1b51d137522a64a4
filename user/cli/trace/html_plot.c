// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext trace --html: its pictures, as SVG inside of the page; each has its numbers with it. */
#include <stdio.h>

#include "parts.h"

struct size {
	int width, height;	/* of the bars; numbers are above and below */
	int above, below;
};

static const struct size large = { .width = 920, .height = 90, .above = 16, .below = 20 };
static const struct size small = { .width = 160, .height = 26 };

static void slot_text(char *text, size_t size, int slot)
{
	trace_age_text(text, size, slot ? (double)(1ULL << slot) : 0);
}

static __u64 most_of(const struct trace_lives *l)
{
	__u64 most = 1;

	for (int i = 0; i < TRACE_SLOTS; i++)
		most = l->slots[i] > most ? l->slots[i] : most;
	return most;
}

/* The smallest is still to be seen. */
static double length_of(__u64 value, __u64 most, int full)
{
	double length = (double)value * full / most;

	return value && length < 1.5 ? 1.5 : length;
}

static void draw_slot(FILE *to, const struct size *size, double x, double width, int slot,
		      const struct trace_lives *l)
{
	double height = length_of(l->slots[slot], most_of(l), size->height);
	char from[16], until[16];

	slot_text(from, sizeof(from), slot);
	slot_text(until, sizeof(until), slot + 1);
	fprintf(to, "<rect data-count=\"%llu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"1\">"
		"<title>%s to %s: %llu</title></rect>\n", l->slots[slot], x + 1,
		size->above + size->height - height, width - 2, height, from, until, l->slots[slot]);
	if (size->above)
		fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%llu</text>\n", x + width / 2,
			size->above + size->height - height - 4, l->slots[slot]);
}

/* Where a slot begins, as many as there is room for, and where the last one ends. */
static void draw_axis(FILE *to, const struct trace_plot *plot, const struct size *size, double width)
{
	int every = width >= 48 ? 1 : width >= 24 ? 2 : 4, y = size->above + size->height;
	char text[16];

	for (int i = plot->first; i <= plot->last + 1; i += every) {
		slot_text(text, sizeof(text), i);
		fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			20 + (i - plot->first) * width, y + 15, text);
	}
}

void trace_html_plot(FILE *to, const struct trace_plot *plot, const char *fate,
		     const struct trace_lives *l)
{
	const struct size *size = plot->large ? &large : &small;
	int margin = plot->large ? 20 : 0, nr = plot->last - plot->first + 1;
	double width = (double)size->width / nr;

	if (width > size->width / 14)
		width = size->width / 14;
	fprintf(to, "<svg class=\"%s %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"histogram\">\n",
		plot->large ? "plot" : "spark", fate, size->width + 2 * margin,
		size->above + size->height + size->below);
	for (int i = plot->first; i <= plot->last; i++)
		if (l->slots[i])
			draw_slot(to, size, margin + (i - plot->first) * width, width, i, l);
	fprintf(to, "<line x1=\"%d\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", margin, margin + nr * width,
		size->above + size->height, size->above + size->height);
	if (plot->large)
		draw_axis(to, plot, size, width);
	fputs("</svg>", to);
}

void trace_html_bar(FILE *to, const char *fate, __u64 value, __u64 most)
{
	fprintf(to, "<svg class=\"bar %s\" viewBox=\"0 0 300 12\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
		"<rect data-count=\"%llu\" width=\"%.1f\" height=\"12\" rx=\"2\"/></svg>", fate, value,
		length_of(value, most, 300));
}
