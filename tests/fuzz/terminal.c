// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The command's code in a fuzzer's process: what it prints and exits with, and what must hold. */
#include <setjmp.h>

#include "../../user/cli/options.c"
#include "kernel.h"

#define MAX_ARGS	16

static jmp_buf caught;

/* In place of exit() (the linker's --wrap). */
void __real_exit(int status) __attribute__((noreturn));
void __wrap_exit(int status) __attribute__((noreturn));
static bool catching;

void __wrap_exit(int status)
{
	if (!catching)
		__real_exit(status);
	longjmp(caught, status + 1);
}

void catch_exit(int (*fn)(void *arg), void *arg, struct outcome *o)
{
	FILE *out = stdout, *err = stderr;
	size_t len[2];
	int status;

	stdout = open_memstream(&o->out, &len[0]);
	stderr = open_memstream(&o->err, &len[1]);
	catching = true;
	status = setjmp(caught);
	o->status = status ? status - 1 : fn(arg);
	catching = false;
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = err;
}

void outcome_free(struct outcome *o)
{
	free(o->out);
	free(o->err);
}

void must_be_one_line(const struct outcome *o)
{
	const char *end = strchr(o->err, '\n');

	MUST(o->status >= CLI_DONE && o->status <= CLI_USAGE, "status %d: %s", o->status, o->err);
	MUST(!o->status || o->err[0], "status %d without a word", o->status);
	if (!o->err[0])
		return;
	MUST(end && !end[1], "not one line: %s", o->err);
	MUST(!strncmp(o->err, "skbext: ", 8), "%s", o->err);
	for (const char *c = o->err; c < end; c++)
		MUST((unsigned char)*c >= 0x20 && *c != 0x7f, "byte 0x%02x in: %s", *c, o->err);
}

/* In place of the command's (the linker's --wrap): it is interrupted at once, or would go on for ever. */
bool __wrap_cli_interrupted_within(double seconds);

bool __wrap_cli_interrupted_within(double seconds)
{
	return true;
}

struct args {
	int argc;
	char *argv[MAX_ARGS + 2];
};

int cli_main(int argc, char **argv);

static int start(void *arg)
{
	struct args *args = arg;

	/* As it is when a process begins. */
	optind = 0;
	memset(longs, 0, sizeof(longs));
	cli_current = NULL;
	return cli_main(args->argc, args->argv);
}

void run_cli(char **words, int nr, struct outcome *o)
{
	struct args args = { .argc = 1, .argv = { "skbext" } };

	for (int i = 0; i < nr && i < MAX_ARGS; i++)
		args.argv[args.argc++] = words[i];
	catch_exit(start, &args, o);
}
