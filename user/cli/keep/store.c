// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The files of what is kept. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

#define NEW_FILE	".new"
#define SIZE_LIMIT	65536

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
	if (entry && keep_is_sound(entry))
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
