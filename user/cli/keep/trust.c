// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files that root may act on, because nobody else can change them or put others in their place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "parts.h"

int keep_fail(struct keep_why *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

/*
 * Below a sticky directory others cannot replace what is root's. In it they could once root's has gone,
 * and a file is not to lie there.
 */
static int check(int fd, const char *path, bool is_way, struct keep_why *why)
{
	struct statfs fs;
	struct stat st;

	/* Its server, which may be any user's process, says who owns what. */
	if (!fstatfs(fd, &fs) && fs.f_type == FUSE_SUPER_MAGIC)
		return keep_fail(why, -EPERM, "%s lies on FUSE, where owners are what a process says; root runs only what root alone can change",
				 path);
	if (fstat(fd, &st))
		return keep_fail(why, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid && st.st_uid != geteuid())
		return keep_fail(why, -EPERM, "%s belongs to uid %u, who could change it; root runs only what root alone can change",
				 path, st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(is_way && (st.st_mode & S_ISVTX)))
		return keep_fail(why, -EPERM, "others can write to %s (mode %04o); root runs only what root alone can change",
				 path, st.st_mode & 07777);
	return 0;
}

/* The next part of the path below the directory `at`, which it closes. */
static int step(int at, const char *part, int flags, const char *path, struct keep_why *why)
{
	int fd = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC), err = errno;
	struct stat st;
	bool is_link = fd < 0 && !fstatat(at, part, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode);

	close(at);
	if (fd >= 0)
		return fd;
	return keep_fail(why, is_link ? -ELOOP : -err, "%s: %s", path,
			 is_link ? "is a symbolic link; give the file itself" : strerror(err));
}

/* The parts that are behind it. */
static unsigned int parts_left(const char *rest)
{
	unsigned int nr = 0;

	for (rest += strspn(rest, "/"); *rest; rest += strspn(rest, "/")) {
		rest += strcspn(rest, "/");
		nr++;
	}
	return nr;
}

int keep_open_trusted(const char *path, int flags, struct keep_why *why)
{
	char done[PATH_MAX] = "/", part[NAME_MAX + 1];
	const char *rest = path + strspn(path, "/");
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), err;

	err = fd < 0 ? keep_fail(why, -errno, "/: %s", strerror(errno)) : check(fd, done, true, why);
	while (!err && *rest) {
		size_t len = strcspn(rest, "/");
		unsigned int left = parts_left(rest + len);

		if (len > NAME_MAX || rest + len - path >= (ptrdiff_t)sizeof(done)) {
			err = keep_fail(why, -ENAMETOOLONG, "%.64s...: %s", path,
					strerror(ENAMETOOLONG));
			break;
		}
		snprintf(part, sizeof(part), "%.*s", (int)len, rest);
		snprintf(done, sizeof(done), "%.*s", (int)(rest + len - path), path);
		fd = step(fd, part, left ? O_PATH | O_DIRECTORY : flags, done, why);
		err = fd < 0 ? fd : check(fd, done, left > 1, why);
		rest += len + strspn(rest + len, "/");
	}
	if (err && fd >= 0)
		close(fd);
	return err ?: fd;
}
