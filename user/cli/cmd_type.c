// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext type: the registered types with the programs that use each, and the end of one. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static bool uses(const json_t *program, const char *type)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(program, "types"), i, name)
		if (!strcmp(json_string_value(name), type))
			return true;
	return false;
}

/* Of a program whose types are not known it may be any; NULL for type: only these. */
static json_t *users_of(const json_t *bound, const char *type)
{
	json_t *users = json_array(), *one;
	size_t i;

	json_array_foreach(bound, i, one)
		if (type ? uses(one, type) : !json_object_get(one, "types"))
			json_array_append(users, one);
	return users;
}

static int list_json(const struct cli_types *types, const json_t *bound, const char *why)
{
	json_t *list = cli_json_types(types), *one, *all;
	size_t i;

	json_array_foreach(list, i, one)
		json_object_set_new(one, "bound", bound ?
				    users_of(bound, json_string_value(json_object_get(one, "name"))) :
				    json_null());
	all = json_pack("{s:o}", "types", list);
	if (bound)
		json_object_set_new(all, "bound_types_unknown", users_of(bound, NULL));
	else
		json_object_set_new(all, "bound_unknown", json_string(why));
	if (types->uncounted[0])
		json_object_set_new(all, "records_unknown", json_string(types->uncounted));
	return cli_print_list(all, "types");
}

static void print_users(json_t *users)
{
	const json_t *one;
	size_t i;

	json_array_foreach(users, i, one) {
		printf("    ");
		cli_print_bound(one);
	}
	json_decref(users);
}

static int list_text(const struct cli_types *types, const json_t *bound, const char *why)
{
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		const struct skbext_type_info *info = &types->type[id].info;

		if (!types->type[id].taken)
			continue;
		printf("%s: %u bytes at %u%s\n", info->name, info->size, info->offset,
		       cli_policy_text(info));
		cli_print_use(types, id);
		print_users(users_of(bound, info->name));
	}
	if (!types->nr)
		printf("no types\n");
	if (json_array_size(bound)) {
		json_t *unknown = users_of(bound, NULL);

		if (json_array_size(unknown))
			printf("bound, and which types they use is not known:\n");
		print_users(unknown);
	}
	if (!bound)
		printf("who uses them is not known: %s\n", why);
	if (types->uncounted[0])
		printf("how many records have them is not known: %s\n", types->uncounted);
	return CLI_DONE;
}

static int list(struct skbext *sk, const struct cli_common *common)
{
	struct cli_types types;
	json_t *bound;
	int ret;

	cli_types_read(sk, &types);
	cli_types_count(sk, &types);
	bound = cli_json_bound(common, &types);	/* last: its error is asked for below */
	ret = common->json ? list_json(&types, bound, skbext_errmsg()) :
			     list_text(&types, bound, skbext_errmsg());
	json_decref(bound);
	cli_types_free(&types);
	return ret;
}

static int remove_one(struct skbext *sk, const struct cli_common *common, const char *name)
{
	if (skbext_type_remove(sk, name))
		return cli_lib_error("remove the type");
	if (common->json)
		return cli_print_json(json_pack("{s:s}", "removed", name));
	printf("removed %s\n", name);
	return CLI_DONE;
}

static int run(int argc, char **argv)
{
	struct cli_common common;
	char **args = cli_args(argc, argv, 1, 2, &common);
	bool removes = !strcmp(args[0], "remove");
	struct skbext *sk;
	int ret;

	if (!removes && strcmp(args[0], "list"))
		cli_usage_error("'%s' is neither list nor remove", args[0]);
	cli_want_args(argc, 1 + removes, 1 + removes);
	sk = cli_open(&common, removes ? "remove the type" : "list the types");
	if (!sk)
		return CLI_FAILED;
	ret = removes ? remove_one(sk, &common, args[1]) : list(sk, &common);
	skbext_close(sk);
	return ret;
}

const struct command cmd_type = {
	"type", run, "list | remove NAME",
	"list the types and who uses each, or remove one that nobody uses", NULL
};
