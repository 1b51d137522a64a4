// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file that is being written has no name until it is whole, so whoever is killed leaves nothing.
 * Only rename() replaces a file, and wants a name: PATH.skbext-new, locked while its process lives.
 * One without a lock was left by a process that was killed; the next one removes it.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "internal.h"
#include "dir.h"
#include "whole_file.h"

#define NEW_NAME	".skbext-new"
#define SIZE_LIMIT	(1L << 30)	/* a bound file has the buckets as a hole, up to 512 MiB */

static int not_read(const char *path, int err)
{
	return fail(err, "reading %s: %s; check the path", path, strerror(-err));
}

static int check_source(const char *path, int fd, off_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return not_read(path, -errno);
	if (!S_ISREG(st.st_mode))
		return fail(-EINVAL, "%s is not a regular file; give a BPF object", path);
	if (st.st_size > SIZE_LIMIT)
		return fail(-EFBIG, "%s has more than %ld MiB; give a BPF object", path,
			    SIZE_LIMIT >> 20);
	*size = st.st_size;
	return 0;
}

int file_read(const char *path, size_t spare, char **data, size_t *size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;
	off_t length = 0;
	ssize_t got;

	if (fd < 0)
		return not_read(path, -errno);
	err = check_source(path, fd, &length);
	*data = err ? NULL : malloc(length + spare);
	got = *data ? read(fd, *data, length) : -1;
	if (!err && got != length)
		err = not_read(path, got < 0 ? -errno : -EIO);
	close(fd);
	*size = length;
	return err;
}

int file_check_target(const char *path)
{
	struct stat st;

	if (lstat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	if (S_ISLNK(st.st_mode))
		return fail(-ELOOP, "%s is a symbolic link; give the file itself", path);
	return fail(-EINVAL, "%s is there and not a regular file; give another name", path);
}

/* A disk that fills up takes a part first, and says why with the rest. */
static int write_all(int fd, const char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, data + done, size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? n : 0;
	}
	return 0;
}

static int fill(int fd, const char *data, size_t size, size_t full)
{
	int err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : write_all(fd, data, size);

	if (!err && (ftruncate(fd, full) || fchmod(fd, 0644) || fsync(fd)))
		err = -errno;
	return err;
}

/* -EBUSY: another process is writing it. -EEXIST: it is not of a process that was killed. */
static int remove_dead(const char *name)
{
	int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -EEXIST;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		err = -EEXIST;
	else if (flock(fd, LOCK_EX | LOCK_NB) || !dir_is_at(fd, name))
		err = -EBUSY;
	else if (unlink(name))
		err = -errno;
	close(fd);
	return err;
}

static int give_name(int fd, const char *name)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

static int open_unnamed(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_LEN];
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", slash > path ? (int)(slash - path) : 1,
		 slash ? path : ".");
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* Where the file system knows no files without a name. */
static int write_named(const char *path, const char *new, const char *data, size_t size, size_t full)
{
	int err = remove_dead(new), fd;

	if (err)
		return err;
	fd = open(new, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = fill(fd, data, size, full);
	if (!err && !dir_is_at(fd, new))	/* before it was locked, another one took it for dead */
		err = -EBUSY;
	else if (!err && rename(new, path))
		err = -errno;
	if (err && err != -EBUSY)
		unlink(new);
	close(fd);
	return err;
}

static int name_file(int fd, const char *path, const char *new)
{
	int err = give_name(fd, path);

	if (err != -EEXIST)
		return err;
	err = remove_dead(new) ?: give_name(fd, new);
	if (!err && rename(new, path)) {
		err = -errno;
		unlink(new);
	}
	return err;
}

int file_write(const char *path, const char *data, size_t size, size_t full)
{
	char new[PATH_LEN];
	int fd, err;

	if (snprintf(new, sizeof(new), "%s" NEW_NAME, path) >= (int)sizeof(new))
		return fail(-ENAMETOOLONG, "writing %s: %s; give a path that can be written", path,
			    strerror(ENAMETOOLONG));
	remove_dead(new);
	fd = open_unnamed(path);
	if (fd == -EOPNOTSUPP || fd == -EISDIR)
		err = write_named(path, new, data, size, full);
	else
		err = fd < 0 ? fd : fill(fd, data, size, full) ?: name_file(fd, path, new);
	if (fd >= 0)
		close(fd);
	if (err == -EEXIST || err == -EBUSY)
		return fail(err, "writing %s: %s is %s", path, new, err == -EBUSY ?
			    "being written by another process; try again" : "in the way; remove it");
	return err ? fail(err, "writing %s: %s; give a path that can be written", path,
			  strerror(-err)) : 0;
}
