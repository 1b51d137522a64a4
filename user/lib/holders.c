// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The holders of a program, as far as they can be seen: processes that have it or its link open, by
 * /proc/PID/fdinfo, and pins, in every bpffs that is mounted here. What a device, a cgroup or a
 * socket holds has neither.
 */
#include <dirent.h>
#include <mntent.h>

#include "bound.h"
#include "internal.h"

#define MAX_DEPTH	16	/* of directories in a bpffs */

/* The line that the kernel shows of a program and of a link; 0: it is neither. */
static __u32 prog_of_fdinfo(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[128];
	__u32 id = 0;

	while (f && !id && fgets(line, sizeof(line), f))
		sscanf(line, "prog_id: %u", &id);
	if (f)
		fclose(f);
	return id;
}

static struct bound *bound_of(struct bound_list *list, __u32 id)
{
	for (unsigned int i = 0; id && i < list->nr; i++)
		if (list->bound[i].id == id)
			return list->bound + i;
	return NULL;
}

static void add_pid(struct bound *b, __u32 pid)
{
	if (b->nr_pids == BOUND_PIDS || (b->nr_pids && b->pid[b->nr_pids - 1] == pid))
		return;
	b->pid[b->nr_pids++] = pid;
}

static bool is_bpf_file(const char *path)
{
	char target[64] = "";

	return readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "bpf");
}

static void look_at_process(struct bound_list *list, const char *pid)
{
	char path[PATH_LEN];
	struct dirent *e;
	struct bound *b;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, e->d_name);
		if (!is_bpf_file(path))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, e->d_name);
		b = bound_of(list, prog_of_fdinfo(path));
		if (b)
			add_pid(b, atoi(pid));
	}
	if (d)
		closedir(d);
}

static void look_at_processes(struct bound_list *list)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			look_at_process(list, e->d_name);
	if (d)
		closedir(d);
}

static void look_at_pin(struct bound_list *list, const char *path)
{
	int fd = bpf_obj_get(path);
	char fdinfo[64];
	struct bound *b;

	if (fd < 0)
		return;
	snprintf(fdinfo, sizeof(fdinfo), "/proc/self/fdinfo/%d", fd);
	b = bound_of(list, prog_of_fdinfo(fdinfo));
	close(fd);
	if (b && !b->pin[0])
		snprintf(b->pin, sizeof(b->pin), "%s", path);
}

static void look_below(struct bound_list *list, const char *dir, int depth)
{
	DIR *d = depth < MAX_DEPTH ? opendir(dir) : NULL;
	char path[PATH_LEN];
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (e->d_type == DT_DIR)
			look_below(list, path, depth + 1);
		else if (e->d_type == DT_REG)
			look_at_pin(list, path);
	}
	if (d)
		closedir(d);
}

static void look_at_pins(struct bound_list *list)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (mounts && (m = getmntent(mounts)))
		if (!strcmp(m->mnt_type, "bpf"))
			look_below(list, m->mnt_dir, 0);
	if (mounts)
		endmntent(mounts);
}

void bound_find_holders(struct bound_list *list)
{
	if (!list->nr)
		return;
	look_at_processes(list);
	look_at_pins(list);
}
