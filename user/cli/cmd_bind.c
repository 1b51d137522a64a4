// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext bind: for loaders that know nothing of skbext, write an object bound to the loaded one. */
#include <stdio.h>

#include "cli.h"

static json_t *maps_json(const struct cli_common *common)
{
	json_t *maps = json_object();
	const char *name, *pin;

	for (unsigned int n = 0; !skbext_map_pin(n, &name, &pin); n++)
		json_object_set_new(maps, name, json_sprintf("%s/%s", cli_bpffs(common), pin));
	return maps;
}

static void print_maps(const struct cli_common *common, const char *out)
{
	const char *name, *pin;

	printf("bound; to load it:\nbpftool prog loadall %s DIR", out);
	for (unsigned int n = 0; !skbext_map_pin(n, &name, &pin); n++)
		printf(" \\\n\tmap name %s pinned %s/%s", name, cli_bpffs(common), pin);
	putchar('\n');
}

static int run(int argc, char **argv)
{
	struct cli_common common;
	char **args = cli_args(argc, argv, 1, 2, &common);
	const char *out = argc - optind == 2 ? args[1] : args[0];

	if (skbext_bind_file(args[0], out, common.bpffs))
		return cli_lib_error("bind");
	if (common.json)
		return cli_print_json(json_pack("{s:o, s:o}", "object", cli_json_text(out),
						"maps", maps_json(&common)));
	print_maps(&common, out);
	return CLI_DONE;
}

const struct command cmd_bind = {
	"bind", run, "IN.o [OUT.o]",
	"write a BPF object that a stock loader can load", NULL
};
