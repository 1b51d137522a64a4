// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One directory in a bpffs holds a loaded skbext:
 *
 *	ctl slots stats watches refs request	maps
 *	op				program: add, find, del for user space
 *	links/HOOK			what keeps the lifecycle programs attached
 *	progs/HOOK			their programs: to attach those that wait for a type, and to
 *					read counters without CAP_SYS_ADMIN
 *	types/NAME			maps that carry the BTF of types
 *	attached/...			what skbext_attach_file() has attached (attach.h)
 *
 * It is filled under another name and renamed, so it is there whole or not at all. (No dots: bpffs
 * keeps them for itself.)
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "dir.h"
#include "internal.h"

/* Pins that pin_programs() and pin_links() make, and that earlier layouts made. */
static const char *const subs[] = { "attached", "links", "progs", "types", "idle" /* up to 16 */, NULL };
static const char *const files[] = {
	"ctl", "stats", "watches", "refs", "request", "op", "objects" /* up to layout 10 */,
	"slots" /* without which nobody can be stopped */, NULL
};

int pin_put(int fd, const char *dir, const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fd >= 0 && bpf_obj_pin(fd, path) ? -errno : 0;
}

int pin_get(const char *dir, const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

int pin_make_sub(const char *dir, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", dir, name);
	return mkdir(path, 0700) ? -errno : 0;
}

int pin_remove(int fd, const char *dir)
{
	return dir_remove(fd, dir, subs, files);
}

static void keep_mode(const char *from, const char *to, const char *name)
{
	char path[PATH_LEN];
	struct stat was;

	snprintf(path, sizeof(path), "%s/%s", from, name);
	if (stat(path, &was))
		return;
	snprintf(path, sizeof(path), "%s/%s", to, name);
	if (!chown(path, -1, was.st_gid))
		chmod(path, was.st_mode & 07777);
}

void pin_keep_modes(const char *from, const char *to)
{
	keep_mode(from, to, ".");
	for (int i = 0; subs[i]; i++)
		keep_mode(from, to, subs[i]);
	for (int i = 0; files[i]; i++)
		keep_mode(from, to, files[i]);
}

int pin_is_alone(const char *dir)
{
	int fd = dir_open_at(AT_FDCWD, dir);
	int alone = fd < 0 ? fd : dir_has_only(fd, subs, files);

	if (fd >= 0)
		close(fd);
	return alone;
}

static int clean_one(const char *path, void *arg)
{
	struct cleaned *c = arg;
	int fd = dir_take(path), err = fd < 0 ? fd : pin_remove(fd, path);

	if (fd >= 0)
		close(fd);
	c->removed += !err;
	c->foreign += err == -EPERM || err == -ELOOP || err == -ENOTDIR;
	return 0;
}

struct cleaned pin_clean(const char *dir)
{
	struct cleaned c = {};

	dir_each_half_made(dir, clean_one, &c);
	return c;
}

__u64 pin_number(const char *dir)
{
	struct stat st;

	return stat(dir, &st) ? 0 : st.st_ino;
}

int damaged(const char *dir, const char *name)
{
	return fail(-EUCLEAN, "the pin %s/%s is missing or not what skbext made; `skbext unload%s` and load again",
		    dir, name, store_can_stop(dir) ? "" : " --force");
}

int pin_not_got(const char *dir, const char *name, int err)
{
	if (err == -ENOENT || err == -EUCLEAN)
		return damaged(dir, name);
	return fail(err, "cannot look at %s/%s: %s", dir, name, why_bpf(err));
}

/* bpf_obj_get() takes any pin: a map has no program info. */
static int check_op(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return -errno;
	return info.type == BPF_PROG_TYPE_SYSCALL ? 0 : -EUCLEAN;
}

int pin_get_op(const struct skbext *sk)
{
	int fd = pin_get(sk->dir, "op"), err;

	if (fd < 0)
		return pin_not_got(sk->dir, "op", -errno);
	err = check_op(fd);
	if (!err)
		return fd;
	close(fd);
	return pin_not_got(sk->dir, "op", err);
}
