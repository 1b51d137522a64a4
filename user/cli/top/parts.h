/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of `skbext top`. A snapshot is a JSON object, as --record writes it: read.c takes one.
 * model.c makes of two what is shown; view.c makes lines of that; screen.c puts lines on a terminal
 * and takes keys, cmd_top.c prints them.
 */
#ifndef SKBEXT_TOP_PARTS_H
#define SKBEXT_TOP_PARTS_H

#include "../cli.h"

#define TOP_HOOKS	64
#define TOP_BOUND	32
#define TOP_WORD	32	/* of a filter */
#define TOP_LINES	240
#define TOP_WIDTH	256

enum top_sort { TOP_BY_ROLE, TOP_BY_NAME, TOP_BY_RUNS, TOP_BY_TIME, TOP_BY_MISSED, TOP_SORTS };

struct top_hook {
	const char *name, *role;
	bool attached;
	double runs;		/* per second */
	double ns;		/* of a run; 0: not known */
	double cpu;		/* percent of one CPU */
	__u64 missed;
	int nr;			/* in the list */
};

struct top_type {
	const char *name;
	__u64 size, live, shared;
	const json_t *flags;
};

struct top_bound {
	const char *name, *kind;
	__u64 id;
	const json_t *pids, *types;
};

struct top_model {
	const json_t *before, *now;
	double seconds;		/* from one to the other; 0: there is only one */
	const char *error;	/* not "": why there is nothing but that */
	bool timed;		/* run time is measured */
	struct top_hook hooks[TOP_HOOKS];
	unsigned int nr_hooks;
	struct top_type types[SKBEXT_MAX_TYPES];
	unsigned int nr_types;
	struct top_bound bound[TOP_BOUND];
	unsigned int nr_bound;	/* all of them; there may be more than there is room for */
};

enum top_look { TOP_PLAIN, TOP_TITLE, TOP_GOOD, TOP_BAD };

struct top_view {
	/* The visible rows. */
	enum top_sort sort;
	char filter[TOP_WORD];	/* what names of types, programs and hooks contain */
	bool help, paused, typing;
	double interval;
	const char *note;	/* or NULL */
	/* Made of it. */
	unsigned int nr, head;	/* lines; those that do not scroll */
	enum top_look look[TOP_LINES];
	char line[TOP_LINES][TOP_WIDTH];
};

struct top {
	struct cli_common common;
	double interval;	/* seconds */
	FILE *record, *replay;	/* or NULL */
	char unwritten[128];	/* "": all of the record was */
	const char *replay_name;
	bool ended;		/* the replay */
	int timing;		/* file descriptor that keeps run times measured, or -1 */
	json_t *before, *now;	/* .before: NULL at first */
	struct cli_seen *seen;	/* the records of the last snapshot, or NULL */
	struct top_view view;
};

/*
 * read.c: a snapshot of what is loaded; with "error" if that could not be read, and then with
 * "loaded": false if nothing is.
 */
json_t *top_read(const struct cli_common *common, struct cli_seen **seen);

/* model.c: points into both, which must live on. before: or NULL. */
void top_model(struct top_model *m, const json_t *before, const json_t *now);
void top_sort(struct top_model *m, enum top_sort by);
__u64 top_count(const struct top_model *m, const char *name);
double top_rate(const struct top_model *m, const char *name);	/* per second */

/* view.c */
void top_lines(struct top_view *v, const struct top_model *m);
const char *top_sort_name(enum top_sort by);

/* cmd_top.c: the next snapshot becomes .now. CLI_FAILED: there is none, view.note says why. */
int top_next(struct top *t);
void top_show(struct top *t);	/* makes the lines */
int top_time(struct top *t, bool on);	/* 0, or -errno */

/* screen.c: until the user ends it. */
int top_screen(struct top *t);

#endif /* SKBEXT_TOP_PARTS_H */
