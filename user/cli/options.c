// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The options and arguments of the command that runs, by its table. */
#include <getopt.h>
#include <string.h>

#include "cli.h"

#define MAX_OPTIONS	32

const struct command *cli_current;
bool cli_lines;

static int wants_value(const struct cli_option *option)
{
	if (!option->metavar)
		return no_argument;
	return option->metavar[0] == '[' ? optional_argument : required_argument;
}

/* The table as getopt_long() wants it: the common options, then the command's own. */
static struct option longs[MAX_OPTIONS + 1] = {};

static void make_longs(void)
{
	const struct cli_option *own = cli_current->options;
	int n = 0;

	longs[n++] = (struct option){ "json", no_argument, NULL, CLI_OPT_JSON };
	longs[n++] = (struct option){ "jsonl", no_argument, NULL, CLI_OPT_JSONL };
	longs[n++] = (struct option){ "bpffs", required_argument, NULL, CLI_OPT_BPFFS };
	longs[n++] = (struct option){ "help", no_argument, NULL, CLI_OPT_HELP };
	longs[n++] = (struct option){ "debug", no_argument, NULL, CLI_OPT_DEBUG };
	for (; own && own->name && n < MAX_OPTIONS; own++)
		longs[n++] = (struct option){ own->name, wants_value(own), NULL, own->val };
}

static int bad_option(int argc, char **argv, int c)
{
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "?";

	if (c == ':')
		cli_usage_error("%s wants a value", word);
	for (int i = 0; optopt && longs[i].name; i++)
		if (longs[i].val == optopt)
			cli_usage_error("--%s takes no value", longs[i].name);
	if (optopt > 0 && optopt < 0x80)
		cli_usage_error("unknown option -%c", optopt);
	cli_usage_error("unknown option %s", word);
}

/* getopt_long() takes a value that may be left out behind a '=' alone; we, the next word as well. */
static void take_value(int argc, char **argv, int c)
{
	for (int i = 0; longs[i].name; i++)
		if (longs[i].val == c && longs[i].has_arg == optional_argument && !optarg &&
		    optind < argc && argv[optind][0] != '-')
			optarg = argv[optind++];
}

/* As completion leaves it; what is pinned there has one name. */
static const char *without_slash(char *dir)
{
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = 0;
	return dir;
}

int cli_getopt(int argc, char **argv, struct cli_common *common)
{
	int c;

	opterr = 0;
	if (!longs[0].name)
		make_longs();
	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (c) {
		case CLI_OPT_JSON:
			common->json = true;
			break;
		case CLI_OPT_JSONL:
			common->json = cli_lines = true;
			break;
		case CLI_OPT_BPFFS:
			if (!optarg[0])
				cli_usage_error("--bpffs wants a directory");
			common->bpffs = without_slash(optarg);
			break;
		case CLI_OPT_HELP:
			cli_print_command_usage(cli_current);
			exit(CLI_DONE);
		case CLI_OPT_DEBUG:
			cli_debug = true;
			skbext_debug(true);
			break;
		case '?':
		case ':':
			bad_option(argc, argv, c);
			break;
		default:
			take_value(argc, argv, c);
			return c;
		}
	}
	return -1;
}

void cli_want_args(int argc, int min, int max)
{
	if (argc - optind < min)
		cli_usage_error("missing argument, it wants %s", cli_current->args);
	if (argc - optind > max)
		cli_usage_error("too many arguments");
}

char **cli_args(int argc, char **argv, int min, int max, struct cli_common *common)
{
	*common = (struct cli_common){ 0 };
	cli_getopt(argc, argv, common);
	cli_want_args(argc, min, max);
	return argv + optind;
}
