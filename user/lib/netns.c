// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Network namespaces by device and inode: to reach a filter of tc, one has to be where it is. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "attach.h"

#define OWN	"/proc/thread-self/ns/net"

int netns_own(__u64 netns[2])
{
	struct stat st;

	if (stat(OWN, &st))
		return fail(-errno, OWN ": %s", strerror(errno));
	netns[0] = st.st_dev;
	netns[1] = st.st_ino;
	return 0;
}

static int open_if(const char *path, const __u64 netns[2])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && st.st_dev == netns[0] && st.st_ino == netns[1])
		return fd;
	close(fd);
	return -1;
}

/* In DIR/NAME/SUB for the names that there are. */
static int look_in(const char *dir, const char *sub, const __u64 netns[2])
{
	DIR *d = opendir(dir);
	char path[PATH_LEN];
	struct dirent *e;
	int fd = -1;

	while (d && fd < 0 && (e = readdir(d)))
		if (e->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s%s", dir, e->d_name, sub) < (int)sizeof(path))
			fd = open_if(path, netns);
	if (d)
		closedir(d);
	return fd;
}

int netns_enter(const __u64 netns[2], int *back)
{
	__u64 own[2];
	int err = netns_own(own), there;

	*back = -1;
	if (err || (own[0] == netns[0] && own[1] == netns[1]))
		return err;
	there = look_in("/run/netns", "", netns);
	if (there < 0)
		there = look_in("/proc", "/ns/net", netns);
	if (there < 0)
		return -ENOENT;
	*back = open(OWN, O_RDONLY | O_CLOEXEC);
	err = *back < 0 || setns(there, CLONE_NEWNET) ? -errno : 0;
	close(there);
	if (err && *back >= 0)
		close(*back);
	return err;
}

void netns_leave(int back)
{
	if (back < 0)
		return;
	setns(back, CLONE_NEWNET);
	close(back);
}
