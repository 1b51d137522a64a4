// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: a bpffs and a cgroup of its own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo_parts.h"

#define CGROUPS "/sys/fs/cgroup"

/* A cgroup's programs see the sockets made in it; one of our own keeps the machine's out. */
static void make_cgroup(struct demo_run *d)
{
	static const enum demo_hook hooks[] = { DEMO_CGROUP_EGRESS, DEMO_CGROUP_INGRESS };

	snprintf(d->cgroup, sizeof(d->cgroup), CGROUPS "/skbext-demo-%d", getpid());
	/* EBUSY: it is there already. */
	if (mount("skbext-demo", CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		goto absent;
	if (!mkdir(d->cgroup, 0755))
		d->cgroup_fd = open(d->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
