// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext: the command line. One table; usage comes from it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
	{ "load", cmd_load,
	  "[--type NAME:SIZE[,noclone][,keep-scrub][,keep-udp][,counted]]... [--capacity N]\n"
	  "            [--payload BYTES] [--refs N] [--mode auto|exact|tracepoint]\n"
	  "            [--require complete]",
	  "load, attach and pin skbext" },
	{ "unload", cmd_unload, "", "detach it and remove what is pinned" },
	{ "status", cmd_status, "", "mode, guarantee, hooks and types, and what holds" },
	{ "doctor", cmd_doctor, "[--measure SECONDS]",
	  "what this kernel offers, what guarantee that comes to; or what each hook is good for" },
	{ "stats", cmd_stats, "[--watch SECONDS]", "counters, or their rates" },
	{ "dump", cmd_dump, "[--type NAME]", "every record, payloads decoded" },
	{ "add", cmd_add, "SKB TYPE HEX", "make a type active on the skb at an address" },
	{ "find", cmd_find, "SKB TYPE", "show one payload" },
	{ "del", cmd_del, "SKB [TYPE]", "take a type, or all, from an skb" },
	{ "purge", cmd_purge, "", "end the records that missed releases have left" },
	{ "demo", cmd_demo, "", "show it at work on packets of its own" },
	{ "bench", cmd_bench, "[--quick] [--only cost|store|packets|forward]",
	  "what it costs, beside other maps" },
	{ "trace", cmd_trace,
	  "[--device NAME] [--type NAME] [--reason NAME] [--min-age TIME] [--sample N]\n"
	  "             [--duration SECONDS] [--count N] [--summary] [--mode auto|exact|tracepoint]",
	  "each packet at its end: age, fate, place; or a summary of lifetimes" },
	{ "bind", cmd_bind, "IN.o [OUT.o]", "write a BPF object that a stock loader can load" },
	{ "version", cmd_version, "", "print the version" },
	{ "help", cmd_help, "", "print this" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *current;

static void print_usage(FILE *to)
{
	fprintf(to, "usage: skbext COMMAND [ARGUMENTS] [--json] [--bpffs DIR]\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n`skbext COMMAND --help` shows a command's arguments.\n"
		    "Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

static void print_command_usage(void)
{
	printf("usage: skbext %s %s%s[--json] [--bpffs DIR]\n%s\n", current->name, current->args,
	       current->args[0] ? " " : "", current->help);
}

static int cmd_version(int argc, char **argv)
{
	struct cli_common common;

	cli_args(argc, argv, 0, 0, &common);
	if (common.json)
		return cli_print_json(json_pack("{s:s, s:i}", "version", SKBEXT_VERSION,
						"layout", SKBEXT_LAYOUT_VERSION));
	printf("skbext %s (layout %d)\n", SKBEXT_VERSION, SKBEXT_LAYOUT_VERSION);
	return CLI_DONE;
}

static int cmd_help(int argc, char **argv)
{
	struct cli_common common;

	cli_args(argc, argv, 0, 0, &common);
	print_usage(stdout);
	return CLI_DONE;
}

/* An argument may hold anything; the error stays one line that a terminal can show. */
static void print_error_line(const char *prefix, const char *fmt, va_list args, const char *suffix)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	fflush(stdout);
	fprintf(stderr, "skbext: %s%s%s\n", prefix, text, suffix);
}

int cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error_line("", fmt, args, "");
	va_end(args);
	return CLI_FAILED;
}

int cli_lib_error(const char *action)
{
	return cli_error("cannot %s: %s", action, skbext_errmsg());
}

void cli_usage_error(const char *fmt, ...)
{
	char prefix[64] = "cannot run: ", suffix[64] = "; see `skbext help`";
	va_list args;

	if (current) {
		snprintf(prefix, sizeof(prefix), "cannot %s: ", current->name);
		snprintf(suffix, sizeof(suffix), "; see `skbext %s --help`", current->name);
	}
	va_start(args, fmt);
	print_error_line(prefix, fmt, args, suffix);
	va_end(args);
	exit(CLI_USAGE);
}

static int bad_option(int argc, char **argv, const struct option *options, int c)
{
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "?";

	if (c == ':')
		cli_usage_error("%s wants a value", word);
	for (; optopt && options->name; options++)
		if (options->val == optopt)
			cli_usage_error("--%s takes no value", options->name);
	if (optopt > 0 && optopt < 0x80)
		cli_usage_error("unknown option -%c", optopt);
	cli_usage_error("unknown option %s", word);
}

/* As completion leaves it; what is pinned there has one name. */
static const char *without_slash(char *dir)
{
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = 0;
	return dir;
}

int cli_getopt(int argc, char **argv, const struct option *options, struct cli_common *common)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case CLI_OPT_JSON:
			common->json = true;
			break;
		case CLI_OPT_BPFFS:
			if (!optarg[0])
				cli_usage_error("--bpffs wants a directory");
			common->bpffs = without_slash(optarg);
			break;
		case CLI_OPT_HELP:
			print_command_usage();
			exit(CLI_DONE);
		case '?':
		case ':':
			bad_option(argc, argv, options, c);
			break;
		default:
			return c;
		}
	}
	return -1;
}

void cli_want_args(int argc, int min, int max)
{
	if (argc - optind < min)
		cli_usage_error("missing argument, it wants %s", current->args);
	if (argc - optind > max)
		cli_usage_error("too many arguments");
}

char **cli_args(int argc, char **argv, int min, int max, struct cli_common *common)
{
	static const struct option options[] = { CLI_COMMON_OPTIONS, { 0 } };

	*common = (struct cli_common){ 0 };
	cli_getopt(argc, argv, options, common);
	cli_want_args(argc, min, max);
	return argv + optind;
}

const char *cli_bpffs(const struct cli_common *common)
{
	return common->bpffs ? common->bpffs : SKBEXT_DEFAULT_BPFFS;
}

struct skbext *cli_open(const struct cli_common *common, const char *action)
{
	struct skbext *sk = skbext_open_pinned(common->bpffs);

	if (!sk)
		cli_lib_error(action);
	return sk;
}

int cli_print_json(json_t *value)
{
	if (!value || json_dumpf(value, stdout, JSON_INDENT(2)))
		return cli_error("cannot print JSON: out of memory or a failed write; try again");
	putchar('\n');
	json_decref(value);
	return CLI_DONE;
}

static const struct command *find_command(const char *name)
{
	if (!strcmp(name, "--version"))
		name = "version";
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2)
		cli_usage_error("no command given");
	if (!find_command(argv[1]))
		cli_usage_error("unknown command '%s'", argv[1]);
	current = find_command(argv[1]);
	status = current->fn(argc - 1, argv + 1);
	/* A full disk must not look like an empty result. */
	if (fflush(stdout) || ferror(stdout)) {
		cli_error("cannot write the result: %s; nothing was undone", strerror(errno));
		return status ? status : CLI_FAILED;
	}
	return status;
}
