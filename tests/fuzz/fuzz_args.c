// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The command line, an argument a line, where nothing is loaded and the kernel permits nothing. */
#include "kernel.h"

#define MAX_ARGS	16

/* Some start processes of their own or write files, and --debug (or a part of it) shows what libbpf says. */
static bool is_left_out(char **args, int nr)
{
	for (int i = 0; i < nr; i++)
		if (!strncmp(args[i], "--d", 3))
			return true;
	return !strcmp(args[0], "demo") || !strcmp(args[0], "bench") || !strcmp(args[0], "trace") ||
	       ((!strcmp(args[0], "metrics") || !strcmp(args[0], "doctor")) && nr > 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *next = text, *args[MAX_ARGS];
	struct outcome o;
	int nr = 0;

	while (next && nr < MAX_ARGS)
		args[nr++] = strsep(&next, "\n");
	if (!is_left_out(args, nr)) {
		run_cli(args, nr, &o);
		must_be_one_line(&o);
		MUST(o.status != CLI_USAGE || strstr(o.err, "see `skbext"), "%s", o.err);
		outcome_free(&o);
	}
	free(text);
	return 0;
}
