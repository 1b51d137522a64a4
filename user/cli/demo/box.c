// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: a bpffs and a cgroup of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "parts.h"

#define CGROUPS "/sys/fs/cgroup"
#define PREFIX	"skbext-demo-"

/* A demo that runs has a lock on its cgroup; a pid says nothing of one in a container. */
static void remove_if_dead(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		unlinkat(dir, name, AT_REMOVEDIR);
	close(fd);
}

/* The remains of demos that were killed. */
static void remove_dead(void)
{
	DIR *d = opendir(CGROUPS);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			remove_if_dead(dirfd(d), e->d_name);
	if (d)
		closedir(d);
}

/*
 * Between the two steps another demo may take it for a dead one's, and in a container somebody may
 * have the same pid: then under the next name.
 */
static int make_locked(char *path, size_t size)
{
	int fd = -1;

	for (unsigned int i = 0; fd < 0 && i < 10; i++) {
		snprintf(path, size, CGROUPS "/" PREFIX "%u", getpid() + (i << 22));
		if (mkdir(path, 0755)) {
			if (errno != EEXIST)
				return -1;
			continue;
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) || access(path, F_OK))) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

static bool has_cgroup2(void)
{
	struct statfs fs;
	bool has = !statfs(CGROUPS, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;

	errno = EBUSY;
	return has;
}

/* A cgroup's programs see the sockets made in it; one of our own keeps the machine's out. */
static void make_cgroup(struct demo_run *d)
{
	static const enum demo_hook hooks[] = { DEMO_CGROUP_EGRESS, DEMO_CGROUP_INGRESS };

	/* EBUSY: it is there already. */
	if (mount("skbext-demo", CGROUPS, "cgroup2", 0, NULL) && (errno != EBUSY || !has_cgroup2()))
		goto absent;
	remove_dead();
	d->cgroup_fd = make_locked(d->cgroup, sizeof(d->cgroup));
	if (d->cgroup_fd >= 0)
		return;
absent:
	for (size_t i = 0; i < 2; i++)
		snprintf(d->absent[hooks[i]], sizeof(d->absent[0]), "no cgroup v2 here: %s",
			 strerror(errno));
	d->cgroup[0] = 0;
}

/*
 * In a mount namespace of our own: what is pinned is seen by nobody and goes with the process, and
 * an skbext that is loaded already is not in the way.
 */
int demo_box_make(struct demo_run *d)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return cli_error("cannot run the demo: a mount namespace: %s; it takes root",
				 strerror(errno));
	if (mount("skbext-demo", "/sys/fs/bpf", "bpf", 0, "mode=0700"))
		return cli_error("cannot run the demo: mount a bpffs on /sys/fs/bpf: %s; "
				 "it takes root and a mounted /sys", strerror(errno));
	make_cgroup(d);
	return CLI_DONE;
}

void demo_box_free(struct demo_run *d)
{
	if (d->cgroup_fd >= 0)
		close(d->cgroup_fd);
	/* A task that just ended may count for a moment longer. */
	for (int i = 0; d->cgroup[0] && rmdir(d->cgroup) && errno == EBUSY && i < 100; i++)
		usleep(10000);
}
