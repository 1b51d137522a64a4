// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What libbpf says: its words with --debug alone, and what its errno means where it hides the reason. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "cli.h"

bool cli_debug;

static int show(enum libbpf_print_level level __attribute__((unused)), const char *fmt, va_list args)
{
	return cli_debug ? vfprintf(stderr, fmt, args) : 0;
}

void cli_libbpf_words(void)
{
	libbpf_set_print(show);
}

const char *cli_why_load(int err)
{
	static char why[96];

	if (err == -EAGAIN)
		return "the kernel refused a first trial, so that its maps cannot be mapped; try again";
	/* libbpf makes one of these of each error while it reads that. */
	if (err != -EIO && err != -ESRCH)
		return strerror(-err);
	snprintf(why, sizeof(why), "reading the kernel's BTF: %s", strerror(-err));
	return why;
}
