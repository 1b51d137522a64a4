// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext unload: safe to repeat, and to use on what is damaged or of another version. */
#include <stdio.h>

#include "cli.h"

static int run(int argc, char **argv)
{
	struct cli_common common;
	int removed;

	cli_args(argc, argv, 0, 0, &common);
	removed = skbext_unpin(common.bpffs);
	if (removed < 0)
		return cli_lib_error("unload");
	if (common.json)
		return cli_print_json(json_pack("{s:b}", "removed", removed));
	puts(removed ? "unloaded" : "nothing is loaded");
	return CLI_DONE;
}

const struct command cmd_unload = {
	"unload", run, "",
	"detach it and remove what is pinned", NULL
};
