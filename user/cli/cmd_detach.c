// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext detach: ends what attach began, by its name, or all of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keep/parts.h"

enum { OPT_ALL = CLI_OPT_OWN, OPT_DEV };

static json_int_t own_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : (json_int_t)st.st_ino;
}

/* At that device of this network namespace; NULL: anywhere. */
static bool is_at(const json_t *attached, const char *dev)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(attached, "programs"), i, p) {
		const char *at = json_string_value(json_object_get(p, "dev"));

		if (at && dev && !strcmp(at, dev) &&
		    json_integer_value(json_object_get(p, "netns")) == own_netns())
			return true;
	}
	return !dev;
}

/* One call: what was attached and is not any more, and what was only kept. */
struct ending {
	struct cli_common common;
	struct keep_store store;
	struct keep_why why;	/* nobody could tell what is kept, or it could not be forgotten */
	json_t *kept;		/* NULL: see why */
	json_t *done, *forgotten;
};

static int print_result(const struct ending *e)
{
	const json_t *name;
	size_t i;

	if (e->common.json)
		return cli_print_json(json_array_size(e->forgotten) ?
				      json_pack("{s:O, s:O}", "detached", e->done, "forgotten",
						e->forgotten) :
				      json_pack("{s:O}", "detached", e->done));
	json_array_foreach(e->done, i, name)
		printf("detached %s\n", json_string_value(name));
	json_array_foreach(e->forgotten, i, name)
		printf("forgot %s, which was not attached\n", json_string_value(name));
	if (!json_array_size(e->done) && !json_array_size(e->forgotten))
		puts("nothing is attached there");
	return CLI_DONE;
}

static bool is_kept(const struct ending *e, const json_t *name)
{
	return keep_find(e->kept, json_string_value(name));
}

static void forget(struct ending *e, const json_t *name, bool was_attached)
{
	bool kept = is_kept(e, name);
	int err = kept ? keep_remove(&e->store, json_string_value(name), &e->why) : 0;

	if (was_attached || (kept && !err))
		json_array_append(was_attached ? e->done : e->forgotten, (json_t *)name);
}

/* The first that cannot be detached ends it; what was done before is told. */
static int detach(struct ending *e, json_t *names)
{
	const json_t *name;
	int err = 0;
	size_t i;

	json_array_foreach(names, i, name) {
		err = skbext_detach(json_string_value(name), e->common.bpffs);
		if (err && !(err == -ENOENT && is_kept(e, name)))
			break;
		forget(e, name, !err);
		err = 0;
	}
	return err;
}

static bool has(const json_t *names, const json_t *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(names, i, one)
		if (json_equal(one, name))
			return true;
	return false;
}

/* In one step, so that what a killed attach has left goes too. */
static int detach_all(struct ending *e, json_t *names)
{
	int err = skbext_detach(NULL, e->common.bpffs);
	const json_t *name, *one;
	size_t i;

	if (err)
		return err;
	json_array_foreach(names, i, name)
		forget(e, name, true);
	json_array_foreach(e->kept, i, one)
		if (!has(names, json_object_get(one, "name")))
			forget(e, json_object_get(one, "name"), false);
	return 0;
}

static json_t *names_at(struct ending *e, const char *dev)
{
	json_t *attached = cli_json_attached(&e->common), *names, *one;
	struct keep_why why;
	size_t i;

	if (!attached)
		return NULL;
	names = json_array();
	json_array_foreach(attached, i, one)
		if (is_at(one, dev))
			json_array_append(names, json_object_get(one, "name"));
	json_array_foreach(e->kept, i, one) {
		const char *at = json_string_value(json_object_get(one, "dev"));

		if (dev && at && !strcmp(at, dev) && !keep_check_netns(one, &why) &&
		    !keep_find(attached, json_string_value(json_object_get(one, "name"))))
			json_array_append(names, json_object_get(one, "name"));
	}
	json_decref(attached);
	return names;
}

static int detach_those(struct ending *e, const char *dev)
{
	json_t *names = names_at(e, dev);
	int err = !names ? -1 : dev ? detach(e, names) : detach_all(e, names);

	json_decref(names);
	return err;
}

/* Where nothing can be forgotten, as on a full or read-only disk, what is attached ends all the same. */
static void begin(struct ending *e)
{
	e->done = json_array();
	e->forgotten = json_array();
	if (!keep_open(&e->store, &e->common, KEEP_CHANGE, &e->why))
		e->kept = keep_list(&e->store, &e->why);
}

static int end(struct ending *e, int err)
{
	int ret = CLI_DONE;

	if (json_array_size(e->done) || json_array_size(e->forgotten) || !err)
		ret = print_result(e);
	if (err)
		ret = cli_lib_error("detach");
	else if (e->why.text[0])
		ret = cli_error("what is kept is not forgotten, and the next load attaches it again: %s",
				e->why.text);
	json_decref(e->done);
	json_decref(e->forgotten);
	json_decref(e->kept);
	keep_close(&e->store);
	return ret;
}

static int run(int argc, char **argv)
{
	struct ending e = { .store.dir = -1 };
	const char *dev = NULL;
	bool all = false;
	json_t *names;
	int c, err;

	while ((c = cli_getopt(argc, argv, &e.common)) != -1) {
		all |= c == OPT_ALL;
		dev = c == OPT_DEV ? optarg : dev;
	}
	if (all + !!dev + (optind < argc) != 1)
		cli_usage_error("it wants one of NAME, --all and --dev DEV");
	begin(&e);
	if (optind == argc)
		return end(&e, detach_those(&e, dev));
	names = json_array();
	for (int i = optind; i < argc; i++)
		json_array_append_new(names, json_string(argv[i]));
	err = detach(&e, names);
	json_decref(names);
	return end(&e, err);
}

static const struct cli_option options[] = {
	{ "all", OPT_ALL, NULL, "all that attach has attached, or keeps" },
	{ "dev", OPT_DEV, "DEV",
	  "all that have a program at this device of the caller's\n"
	  "network namespace" },
	{ 0 },
};

const struct command cmd_detach = {
	"detach", run, "[NAME]...",
	"end what attach has attached, and forget what it keeps", options
};
