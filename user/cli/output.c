// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The output of a command: errors as one line on stderr, results as JSON; and the handle it works on. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* An argument may hold anything; the error stays one line that a terminal can show. */
static void print_error_line(const char *prefix, const char *fmt, va_list args, const char *suffix)
{
	char text[1024];

	cli_progress(NULL);
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

	if (cli_current) {
		snprintf(prefix, sizeof(prefix), "cannot %s: ", cli_current->name);
		snprintf(suffix, sizeof(suffix), "; see `skbext %s --help`", cli_current->name);
	}
	va_start(args, fmt);
	print_error_line(prefix, fmt, args, suffix);
	va_end(args);
	exit(CLI_USAGE);
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

static int print_value(const json_t *value, size_t flags)
{
	if (!value || json_dumpf(value, stdout, flags))
		return cli_error("cannot print JSON: out of memory or a failed write; try again");
	putchar('\n');
	return CLI_DONE;
}

void cli_clean_text(char *text)
{
	json_t *utf8 = json_string(text);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || (!utf8 && (unsigned char)*c >= 0x80))
			*c = '?';
	json_decref(utf8);
}

json_t *cli_json_text(const char *text)
{
	char *copy = strdup(text);
	json_t *clean = NULL;

	if (copy) {
		cli_clean_text(copy);
		clean = json_string(copy);
	}
	free(copy);
	return clean;
}

const char *cli_member(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

int cli_print_json(json_t *value)
{
	int ret = print_value(value, cli_lines ? JSON_COMPACT : JSON_INDENT(2));

	json_decref(value);
	return ret;
}

int cli_print_list(json_t *value, const char *list)
{
	const json_t *item;
	int ret = CLI_DONE;
	size_t i;

	if (!cli_lines || !value)
		return cli_print_json(value);
	json_array_foreach(json_object_get(value, list), i, item)
		ret = ret ?: print_value(item, JSON_COMPACT);
	json_decref(value);
	return ret;
}
