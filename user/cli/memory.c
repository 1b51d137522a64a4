// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's memory that maps and programs take, as it says of each that is pinned. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* The line that the kernel shows of a map and of a program. False: errno says why not. */
static bool read_bytes(int fd, __u64 *bytes)
{
	unsigned long long found;
	bool seen = false;
	char line[128];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	f = fopen(line, "re");
	if (!f)
		return false;
	errno = ENODATA;
	while (!seen && fgets(line, sizeof(line), f))
		seen = sscanf(line, "memlock: %llu", &found) == 1;
	fclose(f);
	if (seen)
		*bytes += found;
	return seen;
}

static char unread[PATH_MAX + 64];

static void not_read(const char *path)
{
	snprintf(unread, sizeof(unread), "cannot read how much memory %s takes: %s; try again", path,
		 strerror(errno));
}

static bool add_pinned(const char *dir, const char *name, __u64 *bytes)
{
	char path[PATH_MAX];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	ok = fd >= 0 && read_bytes(fd, bytes);
	if (!ok)
		not_read(path);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* All that is pinned in a directory, but for what is below it. */
static bool add_below(const char *dir, __u64 *bytes)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool ok = d;

	if (!d)
		not_read(dir);
	while (ok && (errno = 0, e = readdir(d)))
		ok = e->d_type != DT_REG || add_pinned(dir, e->d_name, bytes);
	if (ok && errno) {
		not_read(dir);
		ok = false;
	}
	if (d)
		closedir(d);
	return ok;
}

const char *cli_read_memory(const struct cli_common *common, struct cli_memory *memory)
{
	const char *dir = cli_bpffs(common);
	char progs[PATH_MAX];
	__u64 op = 0;

	*memory = (struct cli_memory){ 0 };
	snprintf(progs, sizeof(progs), "%s/progs", dir);
	if (!add_pinned(dir, "op", &op) || !add_below(dir, &memory->maps) ||
	    !add_below(progs, &memory->programs))
		return unread;
	memory->maps -= op;
	memory->programs += op;
	return NULL;
}
