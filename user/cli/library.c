// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A library that one command needs, loaded for it alone: what it brings would slow down every other one. */
#include <dlfcn.h>
#include <string.h>

#include "cli.h"

const char *cli_load_library(const char *const *files, const struct cli_function *functions)
{
	void *handle = NULL, *symbol;

	for (; *files && !handle; files++)
		handle = dlopen(*files, RTLD_NOW);
	if (!handle)
		return "is not installed";
	for (; functions->name; functions++) {
		symbol = dlsym(handle, functions->name);
		if (!symbol)
			return "lacks a function";
		memcpy(functions->at, &symbol, sizeof(symbol));
	}
	return NULL;
}
