// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Time in seconds, as all commands count it. */
#include "cli.h"

double cli_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

double cli_now(void)
{
	return cli_clock(CLOCK_MONOTONIC);
}
