// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file that others read at any time: it has no name until it is whole, so that whoever is killed
 * leaves nothing. Only rename() replaces a file, and wants a name beside it for that moment, as do file
 * systems that know no files without a name. That name does not end in .prom, so that node_exporter
 * reads no half of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static int name_beside(struct cli_file *file)
{
	unsigned long long number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	snprintf(file->beside, sizeof(file->beside), ".skbext-%016llx.tmp", number);
	return 0;
}

static int create_beside(struct cli_file *file)
{
	int err = name_beside(file), fd;

	if (err)
		return err;
	fd = openat(file->dir, file->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int create(struct cli_file *file)
{
	int fd = openat(file->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	file->unnamed = fd >= 0;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	return create_beside(file);
}

static int give_name(const struct cli_file *file, const char *name)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fileno(file->to));
	return linkat(AT_FDCWD, self, file->dir, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

static int rename_beside(struct cli_file *file)
{
	int err = renameat(file->dir, file->beside, file->dir, file->name) ? -errno : 0;

	if (err)
		unlinkat(file->dir, file->beside, 0);
	return err;
}

static int put_in_place(struct cli_file *file)
{
	int err = file->unnamed ? give_name(file, file->name) : 0;

	if (err && err != -EEXIST)
		return err;
	if (file->unnamed && !err)
		return 0;
	if (file->unnamed)
		err = name_beside(file) ?: give_name(file, file->beside);
	return err ?: rename_beside(file);
}

/* Readable whatever the umask is. */
static int complete(struct cli_file *file)
{
	if (!file->err && (fflush(file->to) || fchmod(fileno(file->to), file->mode) ||
			   fsync(fileno(file->to))))
		file->err = errno;
	return -file->err;
}

/* Whatever else is there, a link, a device, a directory, is somebody's. */
static const char *why_not(const struct cli_file *file)
{
	struct stat st;

	if (!*file->name)
		return "that is a directory; give a file";
	if (!fstatat(file->dir, file->name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
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

static int cannot_write(const struct cli_file *file, int err)
{
	return cli_error("cannot write %s: %s; what was there is as it was", file->path, strerror(-err));
}

static void close_all(struct cli_file *file)
{
	if (file->to)
		fclose(file->to);
	close(file->dir);
	*file = (struct cli_file){ .dir = -1 };
}

static int open_stream(struct cli_file *file)
{
	int fd = create(file), err;

	if (fd < 0)
		return fd;
	file->to = fdopen(fd, "w");
	if (file->to)
		return 0;
	err = -errno;
	close(fd);
	if (!file->unnamed)
		unlinkat(file->dir, file->beside, 0);
	return err;
}

int cli_file_open(struct cli_file *file, const char *path, unsigned int mode)
{
	const char *slash = strrchr(path, '/'), *why;
	int err;

	*file = (struct cli_file){ .path = path, .name = slash ? slash + 1 : path, .mode = mode };
	file->dir = open_dir(path, file->name);
	if (file->dir < 0)
		return cli_error("cannot write %s: its directory: %s; make it first", path,
				 strerror(errno));
	why = why_not(file);
	err = why ? 0 : open_stream(file);
	if (why)
		cli_error("cannot write %s: %s", path, why);
	else if (err)
		cannot_write(file, err);
	if (!file->to)
		close_all(file);
	return why || err ? CLI_FAILED : CLI_DONE;
}

void cli_file_write(struct cli_file *file, const void *data, size_t len)
{
	if (!file->err && fwrite(data, 1, len, file->to) != len)
		file->err = errno;
}

void cli_file_drop(struct cli_file *file)
{
	if (file->to && !file->unnamed)
		unlinkat(file->dir, file->beside, 0);
	if (file->to)
		close_all(file);
}

int cli_file_close(struct cli_file *file)
{
	int err = complete(file) ?: put_in_place(file);

	if (err) {
		cannot_write(file, err);
		cli_file_drop(file);
		return CLI_FAILED;
	}
	close_all(file);
	return CLI_DONE;
}

int cli_replace_file(const char *path, const char *text, size_t len, unsigned int mode)
{
	struct cli_file file;

	if (cli_file_open(&file, path, mode))
		return CLI_FAILED;
	cli_file_write(&file, text, len);
	return cli_file_close(&file);
}
