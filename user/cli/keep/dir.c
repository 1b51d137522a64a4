// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The directory of what is kept: root's, closed to others, and locked while something changes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"

#define LOCK_PATIENCE	10	/* seconds */

/* A directory may be written in more ways than one; it is there, or its parent is. */
static char *whole_path(const char *dir)
{
	char *whole = realpath(dir, NULL), *copy = NULL, *slash, *parent, *path = NULL;

	if (whole)
		return whole;
	if (asprintf(&copy, "%s%s", strchr(dir, '/') ? "" : "./", dir) < 0)
		return NULL;
	slash = strrchr(copy, '/');
	if (slash == copy)
		return copy;
	*slash = 0;
	parent = realpath(copy, NULL);
	if (asprintf(&path, "%s/%s", parent ? parent : copy, slash + 1) < 0)
		path = NULL;
	free(parent);
	free(copy);
	return path;
}

/* "@sys-fs-bpf-skbext.json"; another directory has another one. */
static int set_suffix(struct keep_store *store, const struct cli_common *common,
		      struct keep_why *why)
{
	char *path = whole_path(cli_bpffs(common)), *to = store->suffix;
	char *end = to + sizeof(store->suffix) - sizeof("%25.json");

	*to++ = '@';
	for (const char *c = path ? path + (*path == '/') : ""; *c && to < end; c++)
		to += *c == '-' || *c == '%' ? sprintf(to, "%%%02x", *c) :
		      sprintf(to, "%c", *c == '/' ? '-' : *c);
	strcpy(to, ".json");
	free(path);
	return path && to < end ? 0 :
	       keep_fail(why, -ENAMETOOLONG, "%s is too long for the name of a file in %s",
			 cli_bpffs(common), SKBEXT_STATE_DIR);
}

static int lock(int dir, struct keep_why *why)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; flock(dir, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return keep_fail(why, -errno, "locking %s: %s", SKBEXT_STATE_DIR,
					 strerror(errno));
		if (i == LOCK_PATIENCE * 50)
			return keep_fail(why, -EBUSY, "%s is locked by another skbext, which did not let go in %d seconds",
					 SKBEXT_STATE_DIR, LOCK_PATIENCE);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Whoever can open it can lock it, and keep load waiting. */
static int check_private(int fd, struct keep_why *why)
{
	struct stat st;
	int err = fstat(fd, &st) ? -errno : 0;

	if (err)
		keep_fail(why, err, "%s: %s", SKBEXT_STATE_DIR, strerror(-err));
	else if (st.st_uid != geteuid() || (st.st_mode & 0077))
		err = keep_fail(why, -EPERM, "%s is open to others (mode %04o); chmod it to 0700",
				SKBEXT_STATE_DIR, st.st_mode & 07777);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Its parent may be behind a link, as /var is on some machines; it may not. */
static int open_dir(struct keep_why *why)
{
	char *path = whole_path(SKBEXT_STATE_DIR);
	struct stat st;
	int fd;

	if (!lstat(SKBEXT_STATE_DIR, &st) && S_ISLNK(st.st_mode))
		fd = keep_fail(why, -ELOOP, "%s is a symbolic link; remove it", SKBEXT_STATE_DIR);
	else
		fd = path ? keep_open_trusted(path, O_RDONLY | O_DIRECTORY, why) :
			    keep_fail(why, -ENOMEM, "out of memory");
	free(path);
	return fd < 0 ? fd : check_private(fd, why);
}

/* What is kept is root's: another user, with a bpffs of his own, has nothing there. */
static bool nothing_there(void)
{
	struct stat st;

	return geteuid() || (lstat(SKBEXT_STATE_DIR, &st) && errno == ENOENT);
}

static int make_dir(struct keep_why *why)
{
	if (geteuid())
		return keep_fail(why, -EPERM, "only root can keep");
	if (mkdir(SKBEXT_STATE_DIR, 0700) && errno != EEXIST)
		return keep_fail(why, -errno, "making %s: %s", SKBEXT_STATE_DIR, strerror(errno));
	return 0;
}

int keep_open(struct keep_store *store, const struct cli_common *common, enum keep_access access,
	      struct keep_why *why)
{
	int err;

	store->dir = -1;
	if (access != KEEP_CREATE && nothing_there())
		return 0;
	err = set_suffix(store, common, why) ?: access == KEEP_CREATE ? make_dir(why) : 0;
	if (err)
		return err;
	store->dir = open_dir(why);
	if (store->dir < 0)
		return store->dir;
	err = access == KEEP_READ ? 0 : lock(store->dir, why);
	if (err)
		keep_close(store);
	return err;
}

void keep_close(struct keep_store *store)
{
	if (store->dir >= 0)
		close(store->dir);
	store->dir = -1;
}
