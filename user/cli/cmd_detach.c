// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext detach: ends what attach began, by its name, or all of it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

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

static int print_result(const struct cli_common *common, json_t *names)
{
	const json_t *name;
	size_t i;

	if (common->json)
		return cli_print_json(json_pack("{s:O}", "detached", names));
	json_array_foreach(names, i, name)
		printf("detached %s\n", json_string_value(name));
	if (!json_array_size(names))
		puts("nothing is attached there");
	return CLI_DONE;
}

/* The first that cannot be detached ends it; what was done before is told. */
static int detach(const struct cli_common *common, json_t *names)
{
	json_t *done = json_array(), *name;
	int err = 0, ret;
	size_t i;

	json_array_foreach(names, i, name) {
		err = skbext_detach(json_string_value(name), common->bpffs);
		if (err)
			break;
		json_array_append(done, name);
	}
	if (json_array_size(done) || !err)
		ret = print_result(common, done);
	if (err)
		ret = cli_lib_error("detach");
	json_decref(done);
	return ret;
}

/* In one step, so that what a killed attach has left goes too. */
static int detach_all(const struct cli_common *common, json_t *names)
{
	return skbext_detach(NULL, common->bpffs) ? cli_lib_error("detach") :
						    print_result(common, names);
}

static int detach_those(const struct cli_common *common, const char *dev)
{
	json_t *attached = cli_json_attached(common), *names = json_array(), *one;
	size_t i;
	int ret;

	if (!attached)
		return cli_lib_error("detach");
	json_array_foreach(attached, i, one)
		if (is_at(one, dev))
			json_array_append(names, json_object_get(one, "name"));
	ret = dev ? detach(common, names) : detach_all(common, names);
	json_decref(names);
	json_decref(attached);
	return ret;
}

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	const char *dev = NULL;
	bool all = false;
	json_t *names;
	int c, ret;

	while ((c = cli_getopt(argc, argv, &common)) != -1) {
		all |= c == OPT_ALL;
		dev = c == OPT_DEV ? optarg : dev;
	}
	if (all + !!dev + (optind < argc) != 1)
		cli_usage_error("it wants one of NAME, --all and --dev DEV");
	if (optind == argc)
		return detach_those(&common, dev);
	names = json_array();
	for (int i = optind; i < argc; i++)
		json_array_append_new(names, json_string(argv[i]));
	ret = detach(&common, names);
	json_decref(names);
	return ret;
}

static const struct cli_option options[] = {
	{ "all", OPT_ALL, NULL, "all that attach has attached" },
	{ "dev", OPT_DEV, "DEV",
	  "all that have a program at this device of the caller's\n"
	  "network namespace" },
	{ 0 },
};

const struct command cmd_detach = {
	"detach", run, "[NAME]...",
	"end what attach has attached", options
};
