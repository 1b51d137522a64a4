// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A thread tells on a terminal that work of more than a second goes on. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t teller;
static const char *doing;	/* NULL: nobody tells */
static bool running;

static void *tell(void *arg)
{
	unsigned int seconds = 0;
	struct timespec next;

	clock_gettime(CLOCK_REALTIME, &next);
	pthread_mutex_lock(&lock);
	for (next.tv_sec++; doing; next.tv_sec++) {
		while (doing && !pthread_cond_timedwait(&changed, &lock, &next))
			;
		if (doing)
			fprintf(stderr, "\r\033[Kskbext: %s, %u s ", doing, ++seconds);
	}
	pthread_mutex_unlock(&lock);
	if (seconds)
		fputs("\r\033[K", stderr);
	return arg;
}

/* Signals are for the thread that works. */
static void start(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	running = !pthread_create(&teller, NULL, tell, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cli_progress(const char *what)
{
	pthread_mutex_lock(&lock);
	doing = what;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	if (what && !running && isatty(STDERR_FILENO))
		start();
	if (!what && running) {
		pthread_join(teller, NULL);
		running = false;
	}
}
