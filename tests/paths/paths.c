// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes every path of the table, in the exact mode, and says whether records did what the kernel's
 * extensions do.
 *
 *	paths [NAME...]
 */
#include <stdio.h>
#include <string.h>

#include "paths_run.h"

static const struct path *const tables[] = {
	paths_tc, paths_tcp, paths_gro, paths_ip, paths_virt, paths_nf, paths_sock, paths_dev,
	paths_xdp, paths_forward,
};

static bool is_wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	if (!paths_up()) {
		printf("FAIL setup: see above\n");
		paths_down();
		return 1;
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct path *path = tables[i]; path->name; path++)
			if (is_wanted(argc, argv, path->name))
				paths_run(path);
	paths_down();
	return paths_failed() ? 1 : 0;
}
