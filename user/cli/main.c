// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext: the command line. One row a command. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static int version(int argc, char **argv)
{
	struct cli_common common;

	cli_args(argc, argv, 0, 0, &common);
	if (common.json)
		return cli_print_json(json_pack("{s:s, s:i}", "version", SKBEXT_VERSION,
						"layout", SKBEXT_LAYOUT_VERSION));
	printf("skbext %s (layout %d)\n", SKBEXT_VERSION, SKBEXT_LAYOUT_VERSION);
	return CLI_DONE;
}

static int help(int argc, char **argv);

enum { OPT_FORMAT = CLI_OPT_OWN };

static const struct cli_option help_options[] = {
	{ "format", OPT_FORMAT, "bash|zsh|scdoc",
	  "print all commands and options as a completion script\n"
	  "for that shell, or as a section of the man page" },
	{ 0 },
};

static const struct command cmd_version = {
	"version", version, "", "print the version", NULL
};
static const struct command cmd_help = {
	"help", help, "[COMMAND]", "print this, or what a command takes", help_options
};

#define ADDRESS(name)	&cmd_##name,
const struct command *const cli_commands[] = {
	CLI_COMMANDS(ADDRESS) &cmd_version, &cmd_help, NULL,
};

const struct command *cli_find_command(const char *name)
{
	if (!strcmp(name, "--version"))
		name = "version";
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	for (const struct command *const *c = cli_commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

static int help(int argc, char **argv)
{
	struct cli_common common = { 0 };
	const char *format = NULL;

	while (cli_getopt(argc, argv, &common) != -1)
		format = optarg;
	cli_want_args(argc, 0, format ? 0 : 1);
	if (format && cli_print_tables(format))
		cli_usage_error("--format is bash, zsh or scdoc, not '%s'", format);
	if (format)
		return CLI_DONE;
	if (argc == optind)
		cli_print_usage(stdout);
	else if (cli_find_command(argv[optind]))
		cli_print_command_usage(cli_find_command(argv[optind]));
	else
		cli_usage_error("unknown command '%s'", argv[optind]);
	return CLI_DONE;
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2)
		cli_usage_error("no command given");
	if (!cli_find_command(argv[1]))
		cli_usage_error("unknown command '%s'", argv[1]);
	cli_current = cli_find_command(argv[1]);
	status = cli_current->fn(argc - 1, argv + 1);
	/* A full disk must not look like an empty result. */
	if (fflush(stdout) || ferror(stdout)) {
		cli_error("cannot write the result: %s; nothing was undone", strerror(errno));
		return status ? status : CLI_FAILED;
	}
	return status;
}
