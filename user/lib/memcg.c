// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The limits of memory cgroups. The kernel's answer to a map beyond one is to kill the process that
 * asks for it, so what can never fit is refused before that.
 */
#include <limits.h>

#include "internal.h"

#define CGROUPS "/sys/fs/cgroup"

/* Version 1 has a mount for each controller; version 2 has one for all. */
struct hierarchy {
	const char *mount, *file;
};

/* "max", or no such file: no limit. */
static __u64 limit_of(const struct hierarchy *h, const char *path)
{
	char file[PATH_MAX];
	unsigned long long limit;
	bool found;
	FILE *f;

	snprintf(file, sizeof(file), "%s%s/%s", h->mount, path, h->file);
	f = fopen(file, "re");
	found = f && fscanf(f, "%llu", &limit) == 1;
	if (f)
		fclose(f);
	return found ? limit : ~0ULL;
}

/* The first from here to the root that is too small for so much. */
static int check_path(const struct hierarchy *h, char *path, __u64 bytes)
{
	for (;;) {
		__u64 limit = limit_of(h, path);
		char *slash = strrchr(path, '/');

		if (limit < bytes)
			return fail(-ENOMEM, "its maps take %llu MiB, and cgroup %s is limited to %llu MiB (%s); raise that, or give a smaller capacity or payload",
				    (bytes >> 20) + 1, *path ? path : "/", limit >> 20, h->file);
		if (!slash)
			return 0;
		*slash = 0;
	}
}

int memory_fits(__u64 bytes)
{
	static const struct hierarchy v1 = { CGROUPS "/memory", "memory.limit_in_bytes" };
	static const struct hierarchy v2 = { CGROUPS, "memory.max" };
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int err = 0;

	while (!err && f && fgets(line, sizeof(line), f)) {
		char *controller = strchr(line, ':');
		char *path = controller ? strchr(controller + 1, ':') : NULL;

		if (!path)
			continue;
		path[strcspn(path, "\n")] = 0;
		*path++ = 0;
		if (!strcmp(controller, ":memory"))
			err = check_path(&v1, path, bytes);
		else if (!strcmp(controller, ":"))
			err = check_path(&v2, path, bytes);
	}
	if (f)
		fclose(f);
	return err;
}
