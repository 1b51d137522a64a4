// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is kept, attached again. */
#include <string.h>

#include "parts.h"

/* How many of its programs have their place yet; or have it not. */
static unsigned int count(json_t *attached, const char *name, bool gone)
{
	unsigned int nr = 0;
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(keep_find(attached, name), "programs"), i, p)
		nr += json_is_true(json_object_get(p, "gone")) == gone;
	return nr;
}

/* The rest runs: to attach it whole is to interrupt that, and not for us to decide. */
static void say_part(json_t *one)
{
	json_object_set_new(one, "damaged",
			    json_sprintf("the place of a part of it has gone, the rest is attached; `skbext detach %s`, then attach it again with --keep",
					 cli_member(one, "name")));
}

/* Those of the list that are not attached, or not whole; or NULL. */
static json_t *missing_of(json_t *list, json_t *attached, struct keep_why *why)
{
	json_t *missing, *one;
	size_t i;

	if (list && !attached)
		keep_fail(why, -1, "%s", skbext_errmsg());
	if (!list || !attached)
		return NULL;
	missing = json_array();
	json_array_foreach(list, i, one) {
		bool some = count(attached, cli_member(one, "name"), false);

		if (some && !count(attached, cli_member(one, "name"), true))
			continue;
		if (some)
			say_part(one);
		json_array_append(missing, one);
	}
	return missing;
}

json_t *keep_missing(const struct cli_common *common, json_t *attached, struct keep_why *why)
{
	json_t *list = keep_read(common, why), *missing = missing_of(list, attached, why);
	json_t *shown = missing ? json_array() : NULL, *one;
	size_t i;

	json_array_foreach(missing, i, one)
		json_array_append_new(shown, json_pack("{s:O, s:O*, s:O*}",
				      "name", json_object_get(one, "name"),
				      "object", json_object_get(one, "object"),
				      "damaged", json_object_get(one, "damaged")));
	json_decref(missing);
	json_decref(list);
	return shown;
}

static int attach(const json_t *entry, const struct cli_common *common, struct keep_why *why)
{
	const char *programs[KEEP_PROGRAMS + 1], *damaged = cli_member(entry, "damaged");
	struct skbext_attach_opts opts;
	int err = *damaged ? keep_fail(why, -1, "%s", damaged) : keep_opts(entry, &opts, programs, why);

	if (!err && skbext_attach_file(cli_member(entry, "object"), &opts, common->bpffs) < 0)
		err = keep_fail(why, -1, "%s", skbext_errmsg());
	return err;
}

static json_t *result_of(const json_t *entry, const struct cli_common *common)
{
	struct keep_why why = { "" };
	int err = attach(entry, common, &why);
	json_t *result = json_pack("{s:s, s:s, s:b}", "name", cli_member(entry, "name"), "object",
				   cli_member(entry, "object"), "attached", !err);

	if (err)
		json_object_set_new(result, "why", json_string(why.text));
	return result;
}

/* Those that go before or after a program that came later in the list. True: one is attached now. */
static bool attach_beside(json_t *missing, json_t *results, const struct cli_common *common)
{
	const json_t *entry;
	bool any = false;
	size_t i;

	json_array_foreach(missing, i, entry) {
		if (json_is_true(json_object_get(json_array_get(results, i), "attached")) ||
		    (!json_object_get(entry, "before") && !json_object_get(entry, "after")))
			continue;
		json_array_set_new(results, i, result_of(entry, common));
		any |= json_is_true(json_object_get(json_array_get(results, i), "attached"));
	}
	return any;
}

static json_t *attach_those(json_t *missing, const struct cli_common *common)
{
	json_t *results = json_array();
	const json_t *entry;
	size_t i;

	json_array_foreach(missing, i, entry)
		json_array_append_new(results, result_of(entry, common));
	while (attach_beside(missing, results, common))
		;
	return results;
}

json_t *keep_attach_again(const struct cli_common *common, struct keep_why *why)
{
	json_t *list, *attached, *missing, *results;
	struct keep_store store;

	if (keep_open(&store, common, KEEP_CHANGE, why))
		return NULL;
	list = keep_list(&store, why);
	attached = list ? cli_json_attached(common) : NULL;
	missing = missing_of(list, attached, why);
	results = missing ? attach_those(missing, common) : NULL;
	json_decref(missing);
	json_decref(attached);
	json_decref(list);
	keep_close(&store);
	return results;
}

void keep_print_attached(const json_t *results)
{
	const json_t *one;
	size_t i;

	json_array_foreach(results, i, one)
		if (json_is_true(json_object_get(one, "attached")))
			printf("attached again: %s (%s)\n", cli_member(one, "name"), cli_member(one, "object"));
}

unsigned int keep_print_failed(const json_t *results)
{
	unsigned int nr = 0;
	const json_t *one;
	size_t i;

	json_array_foreach(results, i, one) {
		if (json_is_true(json_object_get(one, "attached")))
			continue;
		cli_error("warning: %s is kept, but could not be attached again: %s",
			  cli_member(one, "name"), cli_member(one, "why"));
		nr++;
	}
	return nr;
}
