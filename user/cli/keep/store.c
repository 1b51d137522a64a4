// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The directory of what is kept, and its files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"

#define LOCK_PATIENCE	10	/* seconds */
#define NEW_FILE	".new"
#define SIZE_LIMIT	65536

/* A directory may be written in more ways than one; it is there, or its parent is. */
static char *whole_path(const char *dir)
{
	char *whole = realpath(dir, NULL), *copy, *slash, *parent, *path = NULL;

	if (whole)
		return whole;
	copy = strdup(dir);
	slash = copy ? strrchr(copy, '/') : NULL;
	if (!slash || slash == copy)
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
	return fd;
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

static int file_name(const struct keep_store *store, const char *name, char file[NAME_MAX + 1])
{
	return snprintf(file, NAME_MAX + 1, "%s%s", name, store->suffix) > NAME_MAX || strchr(name, '/') ?
	       -ENAMETOOLONG : 0;
}

/* Only root puts files there, so this is about mistakes and disks. */
static json_t *read_file(int dir, const char *file, struct keep_why *why)
{
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	json_t *entry = NULL;
	json_error_t error;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		keep_fail(why, -errno, "%s/%s: %s", SKBEXT_STATE_DIR, file, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size > SIZE_LIMIT || st.st_uid != geteuid() ||
		 (st.st_mode & (S_IWGRP | S_IWOTH)))
		keep_fail(why, -EPERM, "%s/%s is not a file of skbext; remove it", SKBEXT_STATE_DIR,
			  file);
	else
		entry = json_loadfd(fd, 0, &error);
	if (fd >= 0)
		close(fd);
	if (json_is_object(entry) && json_is_string(json_object_get(entry, "object")))
		return entry;
	if (!why->text[0])
		keep_fail(why, -EINVAL, "%s/%s is damaged; remove it", SKBEXT_STATE_DIR, file);
	json_decref(entry);
	return NULL;
}

static json_t *read_entry(const struct keep_store *store, const char *file)
{
	size_t len = strlen(file) - strlen(store->suffix);
	struct keep_why why = { "" };
	json_t *entry = read_file(store->dir, file, &why);

	if (!entry)
		entry = json_pack("{s:s}", "damaged", why.text);
	json_object_set_new(entry, "name", json_stringn(file, len));
	return entry;
}

/* With a name that attach takes: what others are called is not from here, and shown to nobody. */
static bool is_entry(const struct keep_store *store, const char *file)
{
	size_t name = strspn(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return name && !strcmp(file + name, store->suffix);
}

static json_int_t order_of(const json_t *entry)
{
	return json_integer_value(json_object_get(entry, "order"));
}

/* As they were kept: the place among others depends on it. */
static void insert(json_t *list, json_t *entry)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (order_of(entry) < order_of(other))
			break;
	json_array_insert_new(list, i, entry);
}

json_t *keep_list(const struct keep_store *store, struct keep_why *why)
{
	int fd = store->dir < 0 ? -1 : openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	json_t *list = json_array();
	struct dirent *e;

	errno = d || store->dir < 0 ? 0 : errno;
	while (d && (errno = 0, e = readdir(d)))
		if (is_entry(store, e->d_name))
			insert(list, read_entry(store, e->d_name));
	if (errno) {
		keep_fail(why, -errno, "looking into %s: %s", SKBEXT_STATE_DIR, strerror(errno));
		json_decref(list);
		list = NULL;
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return list;
}

json_t *keep_read(const struct cli_common *common, struct keep_why *why)
{
	struct keep_store store;
	json_t *list;

	if (keep_open(&store, common, KEEP_READ, why))
		return NULL;
	list = keep_list(&store, why);
	keep_close(&store);
	return list;
}

json_t *keep_find(json_t *list, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!strcmp(json_string_value(json_object_get(one, "name")), name))
			return one;
	return NULL;
}

static json_int_t next_order(const struct keep_store *store, struct keep_why *why)
{
	json_t *list = keep_list(store, why);
	size_t nr = json_array_size(list);
	json_int_t last = list ? order_of(json_array_get(list, nr - 1)) : -1;

	json_decref(list);
	return last + 1;
}

static int fill(int dir, const json_t *entry)
{
	int fd = openat(dir, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : 0;

	errno = 0;
	if (!err && (json_dumpfd(entry, fd, JSON_INDENT(2)) || fchmod(fd, 0600) || fsync(fd)))
		err = errno ? -errno : -ENOSPC;
	if (fd >= 0)
		close(fd);
	return err;
}

int keep_write(const struct keep_store *store, const char *name, json_t *entry,
	       struct keep_why *why)
{
	char file[NAME_MAX + 1];
	int err = file_name(store, name, file);

	json_object_set_new(entry, "order", json_integer(next_order(store, why)));
	err = err ?: fill(store->dir, entry);
	if (!err && renameat(store->dir, NEW_FILE, store->dir, file))
		err = -errno;
	if (!err && !fsync(store->dir))
		return 0;
	err = err ?: -errno;
	unlinkat(store->dir, NEW_FILE, 0);
	return keep_fail(why, err, "writing %s/%s%s: %s", SKBEXT_STATE_DIR, name, store->suffix,
			 strerror(-err));
}

int keep_remove(const struct keep_store *store, const char *name, struct keep_why *why)
{
	char file[NAME_MAX + 1];
	int err = file_name(store, name, file);

	if (!err && unlinkat(store->dir, file, 0))
		err = -errno;
	return err ? keep_fail(why, err, "removing %s/%s%s: %s", SKBEXT_STATE_DIR, name, store->suffix,
			       strerror(-err)) : 0;
}
