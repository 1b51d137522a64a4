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

/* Why a file cannot be written that no errno tells: the kernel may say EBUSY and EEXIST of its own. */
enum { BEING_WRITTEN = 1, IN_THE_WAY };

static int lock_file(int fd)
{
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? BEING_WRITTEN : -errno;
}

static int fill(int fd, const char *data, size_t size, size_t full)
{
	int err = lock_file(fd) ?: write_all(fd, data, size);

	if (!err && (ftruncate(fd, full) || fchmod(fd, 0644) || fsync(fd)))
		err = -errno;
	return err;
}

/* Left by a process of ours that was killed, and locked now. */
static int lock_dead(int fd, const char *name)
{
	struct stat st;
	int err = fstat(fd, &st) ? -errno : 0;

	if (!err && (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
		return IN_THE_WAY;
	err = err ?: lock_file(fd);
	return err ?: dir_is_at(fd, name) ? 0 : BEING_WRITTEN;
}

static int cannot_open(int err)
{
	return err == ENOENT ? 0 : err == ELOOP || err == EACCES || err == ENXIO ? IN_THE_WAY : -err;
}

static int remove_dead(const char *name)
{
	int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return cannot_open(errno);
	err = lock_dead(fd, name);
	if (!err && unlink(name))
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
		return errno == EEXIST ? BEING_WRITTEN : -errno;
	err = fill(fd, data, size, full);
	if (!err && !dir_is_at(fd, new))	/* before it was locked, another one took it for dead */
		err = BEING_WRITTEN;
	else if (!err && rename(new, path))
		err = -errno;
	if (err < 0)
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
	if (err == -EEXIST)
		return BEING_WRITTEN;
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
	if (err == BEING_WRITTEN)
		return fail(-EBUSY, "writing %s: %s is being written by another process; try again", path, new);
	if (err == IN_THE_WAY)
		return fail(-EEXIST, "writing %s: %s is in the way; remove it", path, new);
	return err ? fail(err, "writing %s: %s; give a path that can be written", path,
			  strerror(-err)) : 0;
}
