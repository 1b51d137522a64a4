/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the files of `skbext doctor --measure`. */
#ifndef SKBEXT_MEASURE_PARTS_H
#define SKBEXT_MEASURE_PARTS_H

#include <linux/types.h>

#include "../../../bpf/measure.h"
#include "../cli.h"

struct measure;		/* the skeleton */
struct bpf_link;

struct measure_hook_def {
	const char *name;	/* of its first program as well; the second ends in _2 */
	const char *kind;
	__u32 modes;		/* bits of enum skbext_mode */
	bool release;		/* skbext itself relies on it in these modes */
};

/* Hooks that a hash would be cleaned at, and what came of it. */
struct measure_set {
	__u32 hooks;		/* bits of enum measure_hook */
	int without;		/* the one that this set lacks of the complete one; -1 */
	__u64 stale;
	__u64 left;
};

struct measure_run {
	struct cli_common common;
	__u64 seconds;
	enum skbext_mode mode;
	bool births_in_sight;
	char why[128];		/* not exact: what refused it */
	struct measure *skel;
	struct bpf_link *links[64];	/* those that mark packets come last */
	int nr_links, nr_ends;
	double began, ended;
	int nr_sets;
	int complete;		/* the set of all hooks of the mode */
	struct measure_set sets[MEASURE_SETS];
	struct measure_counts counts;	/* of all CPUs */
	__u64 missed[MEASURE_HOOKS];	/* runs that the kernel may have skipped of both programs */
	__u64 missed_tags, missed_births;
};

/* sets.c: which hooks there are and which sets of them are compared. */
const struct measure_hook_def *measure_hook(int hook);
bool measure_has(const struct measure_run *m, int hook);
void measure_choose_sets(struct measure_run *m);
int measure_set_without(const struct measure_run *m, int hook);	/* -1: none */
const char *measure_set_kind(const struct measure_run *m, int set);
void measure_set_name(const struct measure_run *m, int set, char *name, size_t size);

/* load.c */
int measure_start(struct measure_run *m);
void measure_stop_marking(struct measure_run *m);	/* what is marked is still followed */
void measure_stop(struct measure_run *m);
void measure_free(struct measure_run *m);

/* show.c */
int measure_show(const struct measure_run *m);

/* measure.c */
int measure(const struct cli_common *common, __u64 seconds);

#endif /* SKBEXT_MEASURE_PARTS_H */
