/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Wait for what was sent to a device of this machine and that nobody receives, as it is dropped
 * before a socket. On a busy machine it is still in a CPU's backlog when the sender goes on.
 */
#ifndef SETTLE_H
#define SETTLE_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define SETTLE_SECONDS	60

/* Packets in this CPU's backlog: softnet_seq_show(), the same columns since 5.10. -1: none such. */
static inline int settle_backlog(int cpu)
{
	FILE *f = fopen("/proc/self/net/softnet_stat", "r");
	unsigned int backlog, index;
	char line[256];
	int found = -1;

	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %x %x", &backlog,
			   &index) == 2 && index == (unsigned int)cpu)
			found = backlog;
	if (f)
		fclose(f);
	return found;
}

/*
 * Looks from each CPU at its own backlog: nothing of it is under way then, because a softirq is
 * never interrupted by a process. False: it does not come to an end.
 */
static inline bool settle(void)
{
	time_t end = time(NULL) + SETTLE_SECONDS;
	cpu_set_t all, here;
	int backlog = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return false;
	for (int cpu = 0; !backlog && cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&here);
		CPU_SET(cpu, &here);
		sched_setaffinity(0, sizeof(here), &here);
		while ((backlog = settle_backlog(cpu)) > 0 && time(NULL) < end)
			sched_yield();
	}
	sched_setaffinity(0, sizeof(all), &all);
	return !backlog;
}

#endif /* SETTLE_H */
