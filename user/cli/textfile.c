// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file that others read at any time: written beside it, and then put in its place. The name beside
 * it does not end in .prom, so that node_exporter reads no half of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

struct target {
	int dir;
	const char *name;	/* in it */
	char beside[48];	/* the new file */
};

/* 0, or a negative errno, as the following. */
static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text += n, len -= n;
	}
	return 0;
}

/* Readable whatever the umask is. */
static int fill(int fd, const char *text, size_t len, unsigned int mode)
{
	int err = write_all(fd, text, len);

	if (!err && (fchmod(fd, mode) || fsync(fd)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int create_beside(struct target *t)
{
	unsigned long long number;
	int fd;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	snprintf(t->beside, sizeof(t->beside), ".skbext-%016llx.tmp", number);
	fd = openat(t->dir, t->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int replace(struct target *t, const char *text, size_t len, unsigned int mode)
{
	int fd = create_beside(t);
	int err = fd < 0 ? fd : fill(fd, text, len, mode);

	if (fd < 0)
		return err;
	if (!err && renameat(t->dir, t->beside, t->dir, t->name))
		err = -errno;
	if (err)
		unlinkat(t->dir, t->beside, 0);
	return err;
}

/* Whatever else is there, a link, a device, a directory, is somebody's. */
static const char *why_not(const struct target *t)
{
	struct stat st;

	if (!*t->name)
		return "that is a directory; give a file";
	if (!fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
		return "what is there is not a regular file; remove it, or give another name";
	return NULL;
}

static int open_dir(const char *path, const char *name)
{
	char *dir = name == path ? strdup(".") : strndup(path, name - path);
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(dir);
	return fd;
}

int cli_replace_file(const char *path, const char *text, size_t len, unsigned int mode)
{
	const char *slash = strrchr(path, '/');
	struct target t = { .name = slash ? slash + 1 : path };
	const char *why;
	int err;

	t.dir = open_dir(path, t.name);
	if (t.dir < 0)
		return cli_error("cannot write %s: its directory: %s; make it first", path,
				 strerror(errno));
	why = why_not(&t);
	err = why ? 0 : replace(&t, text, len, mode);
	close(t.dir);
	if (why)
		return cli_error("cannot write %s: %s", path, why);
	if (err)
		return cli_error("cannot write %s: %s; what was there is as it was", path,
				 strerror(-err));
	return CLI_DONE;
}
