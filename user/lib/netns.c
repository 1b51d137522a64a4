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

/* Nothing there, a process that has ended, or one of somebody whose namespaces are not for us to see. */
static bool is_none(int err)
{
	return err == ENOENT || err == ENOTDIR || err == ESRCH || err == EACCES || err == EPERM ||
	       err == EINVAL;
}

/* -ENOENT: it is another one. */
static int open_if(const char *path, const __u64 netns[2])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct stat st;

	if (fd < 0)
		return is_none(errno) ? -ENOENT : -errno;
	err = fstat(fd, &st) ? -errno : -ENOENT;
	if (err == -ENOENT && st.st_dev == netns[0] && st.st_ino == netns[1])
		return fd;
	close(fd);
	return err;
}

/* In DIR/NAME/SUB for the names that there are. -ENOENT: in none; others: nobody can tell. */
static int look_in(const char *dir, const char *sub, const __u64 netns[2])
{
	DIR *d = opendir(dir);
	int found = d || is_none(errno) ? -ENOENT : -errno;
	char path[PATH_LEN];
	struct dirent *e;

	while (d && found == -ENOENT && (errno = 0, e = readdir(d)))
		if (e->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s%s", dir, e->d_name, sub) < (int)sizeof(path))
			found = open_if(path, netns);
	if (d && found == -ENOENT && errno && !is_none(errno))
		found = -errno;
	if (d)
		closedir(d);
	return found;
}

int netns_enter(const __u64 netns[2], int *back)
{
	__u64 own[2];
	int err = netns_own(own), there;

	*back = -1;
	if (err || (own[0] == netns[0] && own[1] == netns[1]))
		return err;
	there = look_in("/run/netns", "", netns);
	if (there == -ENOENT)
		there = look_in("/proc", "/ns/net", netns);
	if (there < 0)
		return there;
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
