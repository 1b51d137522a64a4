// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext unload: safe to repeat, and to use on what is damaged or of another version. */
#include <stdio.h>

#include "cli.h"

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	bool force = false;
	int removed;

	while (cli_getopt(argc, argv, &common) != -1)
		force = true;
	cli_want_args(argc, 0, 0);
	removed = force ? skbext_unpin_force(common.bpffs) : skbext_unpin(common.bpffs);
	if (removed < 0)
		return cli_lib_error("unload");
	if (common.json)
		return cli_print_json(json_pack("{s:b}", "removed", removed));
	puts(removed ? "unloaded" : "nothing is loaded");
	return CLI_DONE;
}

enum { OPT_FORCE = CLI_OPT_OWN };

static const struct cli_option options[] = {
	{ "force", OPT_FORCE, NULL,
	  "remove it also where the programs that are bound cannot be\n"
	  "stopped: they may then find what earlier packets had" },
	{ 0 },
};

const struct command cmd_unload = {
	"unload", run, "",
	"detach it and remove what is pinned", options
};
