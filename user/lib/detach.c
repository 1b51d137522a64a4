// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The end of what skbext_attach_file() has attached, whether it was asked for or a process died. */
#include <dirent.h>

#include "attach.h"
#include "dir.h"

/* From now on, if this process dies, the next one goes on. */
static void mark_ending(const char *dir, struct attached *a)
{
	char path[PATH_LEN];
	int fd;

	a->whole = 0;
	attached_path(path, dir, a, NULL);
	fd = attached_open(path);
	if (fd < 0)
		return;
	attached_write(fd, a);
	close(fd);
}

/* Others may have the link open; it is to end all the same. Links of tracing do not offer that. */
static int end_link(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd >= 0) {
		bpf_link_detach(fd);
		close(fd);
	}
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

static int end_program(const char *dir, const struct attached *a, const struct attached_program *p)
{
	char path[PATH_LEN];
	int err = p->place == PLACE_CLSACT ? clsact_remove(a, p) : 0;

	attached_path(path, dir, a, p->name);
	return err ?: end_link(path);
}

/* The rest of NAME:*, which holds nothing that is attached, and the map of all, NAME. */
static int remove_pins(const char *dir, const struct attached *a)
{
	char path[PATH_LEN], prefix[ATTACHED_NAME + 1];
	struct dirent *e;
	int err = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/attached", dir);
	snprintf(prefix, sizeof(prefix), "%s:", a->name);
	d = opendir(path);
	if (!d)
		return -errno;
	while (!err && (errno = 0, e = readdir(d)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)) && unlinkat(dirfd(d), e->d_name, 0))
			err = -errno;
	err = err ?: -errno;
	if (!err && unlinkat(dirfd(d), a->name, 0) && errno != ENOENT)
		err = -errno;
	closedir(d);
	return err;
}

int attached_end(const char *dir, struct attached *a)
{
	int err = 0;

	mark_ending(dir, a);
	for (unsigned int i = 0; !err && i < a->nr; i++)
		err = end_program(dir, a, &a->program[i]);
	err = err ?: clsact_leave(a);
	if (err)
		return fail(err, "detaching %s: %s", a->name, why_bpf(err));
	err = remove_pins(dir, a);
	return err ? fail(err, "removing what %s has pinned below %s/attached: %s", a->name, dir,
			  why_bpf(err)) : 0;
}

static int leave_dir(const char *dir)
{
	int err = attached_leave_dir(dir);

	return err ? fail(err, "removing %s/attached: %s", dir, why_bpf(err)) : 0;
}

static bool any(const char *dir, const struct attached *a)
{
	return true;
}

static bool is_half_made(const char *dir, const struct attached *a)
{
	return !a->whole;
}

static bool is_left_behind(const char *dir, const struct attached *a)
{
	return !a->whole || attached_is_gone(dir, a);
}

static int end_those(const char *dir, bool (*which)(const char *dir, const struct attached *a))
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct attached_list list;
	int err = attached_read(dir, &list);

	for (unsigned int i = 0; !err && i < list.nr; i++)
		if (which(dir, &list.all[i]))
			err = attached_end(dir, &list.all[i]);
	err = err ?: leave_dir(dir);
	free(list.all);
	libbpf_set_print(print);
	return err;
}

int attached_clean(const char *dir)
{
	return end_those(dir, is_left_behind);
}

int attached_end_all(const char *dir)
{
	return end_those(dir, any);
}

static int detach_one(const char *name, const char *dir)
{
	struct attached_list list;
	int err = attached_read(dir, &list);
	struct attached *a;

	if (err)
		return err;
	a = (struct attached *)attached_find(&list, name);
	err = a ? attached_end(dir, a) :
	      fail(-ENOENT, "nothing called '%s' is attached; `skbext status` lists what is", name);
	free(list.all);
	return err ?: end_those(dir, is_half_made);
}

int skbext_detach(const char *name, const char *bpffs_dir)
{
	const char *dir = dir_or_default(bpffs_dir);
	libbpf_print_fn_t print;
	int lock = dir_lock(dir), err;

	if (lock == -ENOENT && !name)
		return 0;
	if (lock == -ENOENT)
		return fail(lock, "no skbext is loaded under %s, so nothing is attached", dir);
	if (lock < 0)
		return lock;
	print = libbpf_set_print(object_quiet);
	err = name ? detach_one(name, dir) : attached_end_all(dir);
	libbpf_set_print(print);
	close(lock);
	return err;
}
