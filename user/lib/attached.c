// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The pins of what is attached. See attach.h. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "attach.h"
#include "dir.h"

#define MAGIC	0x31766863747461ULL	/* changes with struct attached */

void attached_path(char *path, const char *dir, const struct attached *a, const char *what)
{
	snprintf(path, PATH_LEN, "%s/attached/%s%s%s", dir, a->name, what ? ":" : "",
		 what ?: "");
}

static int pin_at(const char *path, int fd)
{
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int attached_pin(const char *dir, const struct attached *a, const char *what, int fd)
{
	char path[PATH_LEN];

	attached_path(path, dir, a, what);
	return pin_at(path, fd);
}

int attached_write(int fd, const struct attached *a)
{
	__u32 zero = 0;

	return bpf_map_update_elem(fd, &zero, a, BPF_ANY) ? -errno : 0;
}

/* The directory of all; a link or somebody else's is refused. */
static int make_dir(const char *dir)
{
	char path[PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "%s/attached", dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = dir_open_at(AT_FDCWD, path);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int pin_again(const char *from, const char *to, const char *name)
{
	char path[PATH_LEN + NAME_MAX];
	int fd, err;

	snprintf(path, sizeof(path), "%s/attached/%s", from, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/attached/%s", to, name);
	err = pin_at(path, fd);
	close(fd);
	return err;
}

int attached_copy(const char *from, const char *to)
{
	char path[PATH_LEN];
	struct dirent *e;
	int err;
	DIR *d;

	snprintf(path, sizeof(path), "%s/attached", from);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	err = make_dir(to);
	while (!err && (errno = 0, e = readdir(d)))
		if (e->d_type == DT_REG)
			err = pin_again(from, to, e->d_name);
	err = err ?: -errno;
	closedir(d);
	return err;
}

int attached_leave_dir(const char *dir)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/attached", dir);
	return rmdir(path) && errno != ENOTEMPTY && errno != ENOENT ? -errno : 0;
}

int attached_create(const char *dir, struct attached *a)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skbext_attached", sizeof(__u32), sizeof(*a), 1,
				NULL);
	char path[PATH_LEN];
	int err;

	if (fd < 0)
		return -errno;
	a->magic = MAGIC;
	attached_path(path, dir, a, NULL);
	err = make_dir(dir) ?: attached_write(fd, a) ?: pin_at(path, fd);
	if (!err)
		return fd;
	attached_leave_dir(dir);
	close(fd);
	return err;
}

/* A pin may be anything, with any content. */
static bool is_sane(const struct attached *a)
{
	return a->magic == MAGIC && a->nr <= ATTACHED_PROGRAMS && !a->name[ATTACHED_NAME - 1] &&
	       !a->file[PATH_LEN - 1] && !a->cgroup[PATH_LEN - 1] && !a->dev[IF_NAMESIZE - 1];
}

/* -EUCLEAN: something else is pinned there. */
int attached_open(const char *path)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path), err;

	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
	if (!err && (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(struct attached)))
		err = -EUCLEAN;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int read_one(const char *dir, const char *name, struct attached *a)
{
	char path[PATH_LEN + NAME_MAX];
	__u32 zero = 0;
	int fd, err;

	snprintf(path, sizeof(path), "%s/attached/%s", dir, name);
	fd = attached_open(path);
	if (fd < 0)
		return fd;
	err = bpf_map_lookup_elem(fd, &zero, a) ? -errno :
	      is_sane(a) && !strcmp(a->name, name) ? 0 : -EUCLEAN;
	close(fd);
	return err;
}

static int add_one(const char *dir, const char *name, struct attached_list *list)
{
	struct attached *more = reallocarray(list->all, list->nr + 1, sizeof(*more));
	int err;

	if (!more)
		return -ENOMEM;
	list->all = more;
	err = read_one(dir, name, more + list->nr);
	list->nr += !err;
	return err == -ENOENT || err == -EUCLEAN ? 0 : err;	/* ended meanwhile, or not ours */
}

int attached_read(const char *dir, struct attached_list *list)
{
	char path[PATH_LEN];
	struct dirent *e;
	int err = 0;
	DIR *d;

	*list = (struct attached_list){};
	snprintf(path, sizeof(path), "%s/attached", dir);
	d = opendir(path);
	if (!d && errno != ENOENT)
		err = -errno;
	while (d && !err && (errno = 0, e = readdir(d)))
		if (e->d_type == DT_REG && !strchr(e->d_name, ':'))
			err = add_one(dir, e->d_name, list);
	if (d && !err)
		err = -errno;
	if (d)
		closedir(d);
	if (!err)
		return 0;
	free(list->all);
	*list = (struct attached_list){};
	return fail(err, "looking at %s: %s", path, why_bpf(err));
}

const struct attached *attached_find(const struct attached_list *list, const char *name)
{
	for (unsigned int i = 0; i < list->nr; i++)
		if (!strcmp(list->all[i].name, name))
			return list->all + i;
	return NULL;
}
