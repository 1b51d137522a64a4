// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext unload: safe to repeat, and to use on what is damaged or of another version. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

#define ENDING_TRIES	50	/* looks at programs that are ending, 20 ms apart */

static int print_result(bool json, int removed)
{
	if (json)
		return cli_print_json(json_pack("{s:b}", "removed", removed));
	puts(removed ? "unloaded" : "nothing is loaded");
	return CLI_DONE;
}

static bool any_kept(const struct cli_common *common)
{
	json_t *attached = cli_json_attached(common), *one;
	bool any = false;
	size_t i;

	json_array_foreach(attached, i, one)
		any |= json_is_true(json_object_get(one, "kept"));
	json_decref(attached);
	return any;
}

static int unload(const struct cli_common *common)
{
	int removed = skbext_unpin_unused(common->bpffs);
	char why[512];

	if (removed >= 0)
		return print_result(common->json, removed);
	snprintf(why, sizeof(why), "%s", skbext_errmsg());
	return cli_error("cannot unload: %s%s", why, removed == -EBUSY && any_kept(common) ?
			 "; the next load attaches again what is kept, and detach forgets it" : "");
}

struct forced {
	int removed;
	bool stopped;		/* those in bound */
	json_t *bound;		/* NULL: nobody could look */
	json_t *detached;	/* names of what attach had attached */
	char why[512];		/* nobody could */
};

static int print_forced_json(const struct forced *f)
{
	json_t *all = json_pack("{s:b, s:o?, s:o}", "removed", f->removed,
				f->stopped ? "stopped" : "not_stopped", f->bound,
				"detached", f->detached);

	if (all && !f->bound)
		json_object_set_new(all, "bound_unknown", json_string(f->why));
	return cli_print_json(all);
}

static int print_forced(const struct forced *f)
{
	const json_t *one;
	size_t i;

	print_result(false, f->removed);
	if (!f->bound)
		printf("who was bound is not known: %s\n", f->why);
	json_array_foreach(f->bound, i, one) {
		printf(f->stopped ? "stopped: " : "not stopped, and nobody ends its records: ");
		cli_print_bound(one);
	}
	json_array_foreach(f->detached, i, one)
		printf("detached: %s\n", json_string_value(one));
	json_decref(f->bound);
	json_decref(f->detached);
	return CLI_DONE;
}

static json_t *names_of(json_t *attached)
{
	json_t *names = json_array(), *one;
	size_t i;

	json_array_foreach(attached, i, one)
		json_array_append(names, json_object_get(one, "name"));
	json_decref(attached);
	return names;
}

static bool has_holder(const json_t *one)
{
	return json_array_size(json_object_get(one, "pids")) || json_object_get(one, "pin");
}

static bool has_ended(const json_t *one)
{
	int fd = bpf_prog_get_fd_by_id(json_integer_value(json_object_get(one, "id")));

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == ENOENT;
}

/* True: one that nothing visible holds is still there, as what a qdisc or a socket holds is. */
static bool drop_ended(json_t *bound)
{
	bool left = false;

	for (size_t i = json_array_size(bound); i--; ) {
		const json_t *one = json_array_get(bound, i);

		if (has_holder(one))
			continue;
		if (has_ended(one))
			json_array_remove(bound, i);
		else
			left = true;
	}
	return left;
}

/* A program that was detached before ends some time later: it was not stopped. */
static void drop_ending(json_t *bound)
{
	for (int i = 0; drop_ended(bound) && i < ENDING_TRIES; i++)
		usleep(20000);
}

/* Those that are bound are stopped; only where that is not to be had they are not. */
static int unload_by_force(const struct cli_common *common)
{
	struct forced f = { .bound = cli_json_bound(common, NULL) };

	snprintf(f.why, sizeof(f.why), "%s", f.bound ? "" : skbext_errmsg());
	if (!f.bound && errno == ENOENT)
		f.bound = json_array();
	f.detached = names_of(cli_json_attached(common));
	f.removed = skbext_unpin(common->bpffs);
	f.stopped = f.removed >= 0;
	if (!f.stopped && errno != EBUSY)
		f.removed = skbext_unpin_force(common->bpffs);
	if (f.removed >= 0) {
		drop_ending(f.bound);
		return common->json ? print_forced_json(&f) : print_forced(&f);
	}
	json_decref(f.bound);
	json_decref(f.detached);
	return cli_lib_error("unload");
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	bool force = false;

	while (cli_getopt(argc, argv, &common) != -1)
		force = true;
	cli_want_args(argc, 0, 0);
	return force ? unload_by_force(&common) : unload(&common);
}

enum { OPT_FORCE = CLI_OPT_OWN };

static const struct cli_option options[] = {
	{ "force", OPT_FORCE, NULL,
	  "go on while programs are bound, and say which: from then on\n"
	  "they find and add nothing. If they cannot be stopped, remove\n"
	  "it all the same: they may find what earlier packets had" },
	{ 0 },
};

const struct command cmd_unload = {
	"unload", run, "",
	"detach it and remove what is pinned, unless programs are bound", options
};
