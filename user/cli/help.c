// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Made from the tables of commands and options: usage, the man page's list of commands, and
 * completion for shells.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct cli_option common_options[] = {
	{ "json", CLI_OPT_JSON, NULL, "print the result as one JSON value" },
	{ "jsonl", CLI_OPT_JSONL, NULL,
	  "the same without line breaks; of a list, one object a line" },
	{ "bpffs", CLI_OPT_BPFFS, "DIR", "where skbext is pinned (default " SKBEXT_DEFAULT_BPFFS ")" },
	{ "debug", CLI_OPT_DEBUG, NULL,
	  "print what libbpf and the kernel's verifier say, too" },
	{ "help", CLI_OPT_HELP, NULL, "print what the command takes" },
	{ 0 },
};

static const struct cli_option no_options[] = { { 0 } };

static const struct cli_option *options_of(const struct command *command)
{
	return command->options ? command->options : no_options;
}

void cli_print_usage(FILE *to)
{
	fprintf(to, "usage: skbext COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (const struct command *const *c = cli_commands; *c; c++)
		fprintf(to, "  %-8s %s\n", (*c)->name, (*c)->help);
	fprintf(to, "\n`skbext COMMAND --help` explains a command's options; all take --json, --jsonl, --bpffs DIR and --debug.\n"
		    "Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

/* Help of several lines: all but the first behind so many blanks. */
static void print_help(const char *help, int indent)
{
	for (const char *line = help; *line; line += strcspn(line, "\n")) {
		if (*line == '\n')
			printf("%*s", indent, ""), line++;
		printf("%.*s\n", (int)strcspn(line, "\n"), line);
	}
}

static void print_options(const struct cli_option *options)
{
	for (; options->name; options++) {
		int width = printf("  --%s%s%s", options->name, options->metavar ? " " : "",
				   options->metavar ? options->metavar : "");

		printf(width > 24 ? "\n%*s" : "%*s", width > 24 ? 26 : 26 - width, "");
		print_help(options->help, 26);
	}
}

void cli_print_command_usage(const struct command *command)
{
	printf("usage: skbext %s [OPTIONS]%s%s\n%s\n\n", command->name,
	       command->args[0] ? " " : "", command->args, command->help);
	print_options(options_of(command));
	print_options(common_options);
}

/* scdoc reads _ and * as emphasis, and [ at the start of a line as a table. */
static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (strchr("_*\\[]<>#|~", *text))
			putchar('\\');
		putchar(*text == '\n' ? ' ' : *text);
	}
}

static void scdoc_options(const struct cli_option *options)
{
	for (; options->name; options++) {
		printf("*--%s*", options->name);
		if (options->metavar) {
			putchar(' ');
			print_escaped(options->metavar);
		}
		printf("\n\t");
		print_escaped(options->help);
		printf("\n\n");
	}
}

static void print_scdoc(void)
{
	for (const struct command *const *c = cli_commands; *c; c++) {
		printf("## skbext %s%s%s\n\n", (*c)->name, (*c)->args[0] ? " " : "",
		       (*c)->args);
		print_escaped((*c)->help);
		printf(".\n\n");
		scdoc_options(options_of(*c));
	}
	printf("## Every command\n\n");
	scdoc_options(common_options);
}

static void print_names(const struct cli_option *options)
{
	for (; options->name; options++)
		printf(" --%s", options->name);
}

/* The first argument, where it is one of some words: "list | remove NAME". */
static void print_words(const struct command *command)
{
	unsigned int n = 0, len;

	for (const char *arg = command->args; *arg; arg += len + strspn(arg + len, " |[]")) {
		len = strcspn(arg, " |[]");
		if (len && strspn(arg, "abcdefghijklmnopqrstuvwxyz") >= len)
			printf("%s%.*s", n++ ? " " : "", (int)len, arg);
	}
}

static bool has_words(const struct command *command)
{
	return command->args[0] >= 'a' && command->args[0] <= 'z';
}

/* "auto|exact": one of these. */
static bool is_choice(const char *metavar)
{
	return !metavar[strspn(metavar, "abcdefghijklmnopqrstuvwxyz|-")];
}

static void print_choices(const char *metavar)
{
	for (; *metavar; metavar++)
		putchar(*metavar == '|' ? ' ' : *metavar);
}

/* The values of an option that are not files; bash completes those itself. */
static void bash_values(const char *command, const struct cli_option *options)
{
	for (; options->name; options++) {
		const char *metavar = options->metavar;

		if (!metavar || metavar[0] == '[' || strstr(metavar, "FILE"))
			continue;
		printf("\t%s:--%s) ", command, options->name);
		if (is_choice(metavar)) {
			printf("words='");
			print_choices(metavar);
			printf("' ;;\n");
		} else {
			printf("words=%s ;;\n", strcmp(metavar, "DIR") ? "" : "/");
		}
	}
}

static void bash_words(void)
{
	printf("\t\tcase $command in\n");
	for (const struct command *const *c = cli_commands; *c; c++) {
		printf("\t\t%s) words='", (*c)->name);
		if (has_words(*c))
			print_words(*c);
		print_names(options_of(*c));
		printf("' ;;\n");
	}
	printf("\t\tesac\n\t\twords+='");
	print_names(common_options);
	printf("' ;;\n");
}

/* --mode=exact is three words to bash. */
static void print_bash(void)
{
	printf("# Completion of skbext for bash; made by `skbext help --format bash`.\n"
	       "_skbext()\n{\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=\n"
	       "\tlocal last=${COMP_WORDS[COMP_CWORD - 1]}\n"
	       "\t[ \"$word\" != = ] || word=\n"
	       "\t[ \"$last\" != = ] || last=${COMP_WORDS[COMP_CWORD - 2]}\n"
	       "\t[ \"$COMP_CWORD\" != 1 ] || command=\n"
	       "\tcase $command:$last in\n\t:*) words='");
	for (const struct command *const *c = cli_commands; *c; c++)
		printf("%s%s", c == cli_commands ? "" : " ", (*c)->name);
	printf("' ;;\n");
	for (const struct command *const *c = cli_commands; *c; c++)
		bash_values((*c)->name, options_of(*c));
	bash_values("*", common_options);
	printf("\t*)\n");
	bash_words();
	printf("\tesac\n"
	       "\tif [ \"$words\" = / ]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n"
	       "\telse\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	       "\tfi\n"
	       "}\ncomplete -o default -F _skbext skbext\n");
}

/* The text that zsh shows behind an option: in quotes, where these characters would end it. */
static void print_zsh_help(const char *help)
{
	for (; *help && *help != '\n'; help++)
		if (!strchr("'[]:", *help))
			putchar(*help);
}

/* Whatever has a value is `--name=`: behind a '=' or a blank. */
static void zsh_value(const char *metavar)
{
	if (metavar[0] == '[')
		printf("::value: ");
	else if (is_choice(metavar))
		printf(":value:("), print_choices(metavar), putchar(')');
	else if (!strcmp(metavar, "DIR"))
		printf(":directory:_path_files -/");
	else
		printf(strstr(metavar, "FILE") ? ":file:_files" : ":value: ");
}

static void zsh_options(const struct cli_option *options)
{
	for (; options->name; options++) {
		printf(" \\\n\t\t'--%s%s[", options->name, options->metavar ? "=" : "");
		print_zsh_help(options->help);
		putchar(']');
		if (options->metavar)
			zsh_value(options->metavar);
		putchar('\'');
	}
}

static void print_zsh(void)
{
	printf("#compdef skbext\n# Made by `skbext help --format zsh`.\nlocal -a commands\ncommands=(\n");
	for (const struct command *const *c = cli_commands; *c; c++) {
		printf("\t'%s:", (*c)->name);
		print_zsh_help((*c)->help);
		printf("'\n");
	}
	printf(")\nif ((CURRENT == 2)); then\n\t_describe command commands\n\treturn\nfi\n"
	       "shift words\n((CURRENT--))\ncase $words[1] in\n");
	for (const struct command *const *c = cli_commands; *c; c++) {
		printf("%s)\n\t_arguments", (*c)->name);
		zsh_options(options_of(*c));
		zsh_options(common_options);
		if (has_words(*c)) {
			printf(" '1:argument:(");
			print_words(*c);
			printf(")'");
		}
		printf(" '*:argument:_files' ;;\n");
	}
	printf("esac\n");
}

int cli_print_tables(const char *format)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} formats[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "scdoc", print_scdoc } };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, format)) {
			formats[i].print();
			return 0;
		}
	return -1;
}
