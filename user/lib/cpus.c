// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CPU numbers. Maps and loops are indexed by them, and they may have holes: "0,2" are two CPUs, and
 * three numbers. libbpf_num_possible_cpus() counts CPUs.
 */
#include <ctype.h>

#include "cpus.h"
#include "internal.h"

#define POSSIBLE	"/sys/devices/system/cpu/possible"
#define MAX_CPUS	65536	/* more than any kernel is built for */

/* The number at *text, which moves behind it; -1: there is none. */
static long take_number(const char **text)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)**text))
		return -1;
	n = strtol(*text, &end, 10);
	*text = end;
	return n < MAX_CPUS ? n : -1;
}

/* "4" or "4-7" at *text, which moves behind it: the last of them, -1: neither. */
static long take_range(const char **text)
{
	long first = take_number(text), last = first;

	if (first >= 0 && **text == '-') {
		++*text;
		last = take_number(text);
	}
	return last < first ? -1 : last;
}

int cpu_numbers_in(const char *list)
{
	long last = -1;

	for (;; list++) {
		long n = take_range(&list);

		if (n <= last)	/* the kernel writes them in order */
			return -EINVAL;
		last = n;
		if (*list != ',')
			break;
	}
	return *list && *list != '\n' ? -EINVAL : last + 1;
}

static int read_numbers(void)
{
	FILE *f = fopen(POSSIBLE, "r");
	char *line = NULL;
	size_t len = 0;
	int n;

	if (!f)
		return -errno;
	errno = EIO;	/* of a file that is empty */
	n = getline(&line, &len, f) < 0 ? -errno : cpu_numbers_in(line);
	free(line);
	fclose(f);
	return n;
}

int cpu_numbers(void)
{
	int n = read_numbers();

	return n > 0 ? n : fail(n, "cannot tell which CPUs this machine can have (" POSSIBLE "): %s%s",
				why_bpf(n), n == -ENOENT ? "; mount sysfs at /sys" : "");
}
