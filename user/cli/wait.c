// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Commands that go on until Ctrl-C. Blocked and waited for: none is lost that comes between two waits. */
#include <errno.h>
#include <signal.h>

#include "cli.h"

static sigset_t signals;

void cli_expect_interrupt(void)
{
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

bool cli_interrupted_within(double seconds)
{
	struct timespec pause = { .tv_sec = seconds };
	int sig;

	pause.tv_nsec = (seconds - pause.tv_sec) * 1e9;
	do {
		sig = sigtimedwait(&signals, NULL, &pause);
	} while (sig < 0 && errno == EINTR);
	return sig > 0;
}
