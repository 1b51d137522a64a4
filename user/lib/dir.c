// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Directories of a bpffs and locks on them. A directory may lie where others can write, so it is
 * opened once, by handle, and what is in it is removed through that handle: no link is followed, no
 * name is a pattern, and what belongs to somebody else is left alone.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

#include "internal.h"
#include "dir.h"

#define BPFFS_ROOT	"/sys/fs/bpf"
#define LOCK_PATIENCE	10	/* seconds */
#define NAMES_TRIED	64
#define PID_LIMIT	(1U << 22)	/* the kernel's: pids are below */

const char *dir_or_default(const char *dir)
{
	return dir ?: SKBEXT_DEFAULT_BPFFS;
}

int dir_is_bpffs(const char *path)
{
	struct statfs fs;

	if (!statfs(path, &fs))
		return fs.f_type == BPF_FS_MAGIC;
	return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 :
	       fail(-errno, "looking at %s: %s", path, why_bpf(-errno));
}

/* -ELOOP and -ENOTDIR: a link, or no directory. -EXDEV: not of a bpffs. -EPERM: another's. */
int dir_open_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) || fstat(fd, &st))
		err = -errno;
	else if (fs.f_type != BPF_FS_MAGIC)
		err = -EXDEV;
	else if (st.st_uid != geteuid())
		err = -EPERM;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Its directory without the last part of the path; *base is that part. */
static int split(const char *dir, char *parent, const char **base)
{
	const char *slash = strrchr(dir, '/');

	if (!slash || slash == dir || strlen(dir) >= DIR_LEN || !slash[1])
		return fail(-EINVAL, "'%s' is not an absolute directory below a bpffs; the usual one is " SKBEXT_DEFAULT_BPFFS, dir);
	memcpy(parent, dir, slash - dir);
	parent[slash - dir] = 0;
	*base = slash + 1;
	return 0;
}

/*
 * Could somebody else put names beside ours? A sticky bit does not help: he may be there first.
 */
static int check_private(const char *parent)
{
	struct stat st;

	if (stat(parent, &st))
		return fail(-errno, "%s: %s", parent, strerror(errno));
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fail(-EACCES, "others can write to %s (mode %04o), so they could put files in the way; chmod it to 0700, or mount one that is (mount -t bpf -o mode=0700 bpf DIR)",
			    parent, st.st_mode & 07777);
	if (st.st_uid && st.st_uid != geteuid())
		return fail(-EACCES, "%s belongs to uid %u, who could put files in the way; use a directory of your own",
			    parent, st.st_uid);
	return 0;
}

int dir_check_parent(const char *dir)
{
	char parent[DIR_LEN];
	const char *base;
	int err = split(dir, parent, &base) ?: dir_is_bpffs(parent);

	if (!err && !strcmp(parent, BPFFS_ROOT)) {
		mount("bpf", BPFFS_ROOT, "bpf", 0, "mode=0700");
		err = dir_is_bpffs(parent);
	}
	if (err < 0)
		return err;
	if (!err)
		return fail(geteuid() ? -EPERM : -ENODEV, geteuid() ?
			    "%s is not a bpffs that this user can use; run as root" :
			    "%s is not a bpffs; mount one there (mount -t bpf -o mode=0700 bpf %s) or omit --bpffs", parent, parent);
	return check_private(parent);
}

/* "pid 12 (name)" of who has a flock() on it, as /proc/locks tells; nobody: "another process". */
static void who_locks(int fd, char *who, size_t size)
{
	FILE *locks = fopen("/proc/locks", "re"), *comm;
	unsigned int major, minor;
	char line[256], path[64], name[32];
	unsigned long inode;
	struct stat st;
	int pid;

	snprintf(who, size, "another process");
	while (locks && !fstat(fd, &st) && fgets(line, sizeof(line), locks)) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor,
			   &inode) != 4 || inode != st.st_ino || minor != minor(st.st_dev))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		comm = fopen(path, "re");
		if (!comm || fscanf(comm, "%31s", name) != 1)
			strcpy(name, "?");
		if (comm)
			fclose(comm);
		snprintf(who, size, "pid %d (%s)", pid, name);
		break;
	}
	if (locks)
		fclose(locks);
}

/* Seconds are all that matters: a process that holds it for so long is stuck, or not ours. */
static int lock_patiently(int fd, const char *dir)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char who[64];

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(-errno, "locking %s: %s", dir, strerror(errno));
		if (i == LOCK_PATIENCE * 50) {
			who_locks(fd, who, sizeof(who));
			return fail(-EBUSY, "%s is locked by %s, which did not let go in %d seconds; end it and try again",
				    dir, who, LOCK_PATIENCE);
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

int dir_fault(const char *dir)
{
	struct stat st;
	int is;

	if (lstat(dir, &st))
		return errno == ENOENT || errno == ENOTDIR ?
		       fail(-ENOENT, "no skbext is loaded under %s; `skbext load` first", dir) :
		       fail(-errno, "%s: %s", dir, why_bpf(-errno));
	if (S_ISLNK(st.st_mode))
		return fail(-ELOOP, "%s is a symbolic link; give the directory itself", dir);
	if (!S_ISDIR(st.st_mode))
		return fail(-ENOTDIR, "%s is there and not a directory; remove it, or give another with --bpffs",
			    dir);
	is = dir_is_bpffs(dir);
	if (!is)
		return fail(-ENODEV, "%s is not a bpffs; give the directory of a loaded skbext, or omit --bpffs",
			    dir);
	return is < 0 ? is : 0;
}

static int lock_once(const char *dir)
{
	int fd = dir_open_at(AT_FDCWD, dir), err;

	if (fd == -EPERM)
		return fail(fd, "%s belongs to somebody else; run as that user, or remove it", dir);
	if (fd == -ENOENT)
		return fail(fd, "%s is gone; is it still loaded?", dir);
	if (fd < 0)
		return dir_fault(dir) ?: fail(fd, "locking %s: %s", dir, why_bpf(fd));
	err = lock_patiently(fd, dir);
	if (err)
		close(fd);
	return err ?: fd;
}

/* The same directory as the one at this path now? */
bool dir_is_at(int fd, const char *dir)
{
	struct stat here, there;

	return !fstat(fd, &here) && !lstat(dir, &there) && here.st_ino == there.st_ino &&
	       here.st_dev == there.st_dev;
}

/* Another unload or replace may have removed the directory while this one waited. */
int dir_lock(const char *dir)
{
	int fd = lock_once(dir);

	while (fd >= 0 && !dir_is_at(fd, dir)) {
		close(fd);
		fd = lock_once(dir);
	}
	return fd;
}

static bool is_listed(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(name, *list))
			return true;
	return false;
}

static int remove_names(int at, const char *sub)
{
	int fd = dir_open_at(at, sub), err;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (fd == -ENOTDIR || fd == -ELOOP)	/* a link may go, what it points to not */
		return unlinkat(at, sub, 0) ? -errno : 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	err = d ? 0 : -errno;
	while (d && (errno = 0, e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    unlinkat(fd, e->d_name, 0) && errno != EISDIR && errno != ENOENT)
			err = err ?: -errno;
	err = err ?: d ? -errno : err;
	if (d)
		closedir(d);
	else
		close(fd);
	return err ?: unlinkat(at, sub, AT_REMOVEDIR) ? -errno : 0;
}

/*
 * Only names that skbext makes: `subs` with all that is in them, and `files` in their order. Those
 * behind one that cannot be removed stay: the last is what the next unload begins with.
 */
int dir_remove(int fd, const char *dir, const char *const *subs, const char *const *files)
{
	int err = 0, failed;

	for (; *subs; subs++) {
		failed = remove_names(fd, *subs);
		err = err ?: failed;
	}
	for (; !err && *files; files++)
		if (unlinkat(fd, *files, 0) && errno != ENOENT)
			err = -errno;
	if (!err && rmdir(dir))
		err = -errno;
	if (!err)
		return 0;
	return fail(err, err == -ENOTEMPTY || err == -EEXIST ?
		    "%s holds more than skbext has put there; remove that first" :
		    "removing %s: %s", dir, why_bpf(err));
}

int dir_has_only(int fd, const char *const *subs, const char *const *files)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	bool only = true;

	err = d ? 0 : -errno;
	while (d && only && (errno = 0, e = readdir(d)))
		only = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		       is_listed(e->d_name, subs) || is_listed(e->d_name, files);
	if (d && only)
		err = -errno;
	if (d)
		closedir(d);
	else if (copy >= 0)
		close(copy);
	return err ?: only;
}

/*
 * While load or replace fills DIR-new-PID it has a lock on it. One without is what one left that
 * was killed: also one in a container, whose pid says nothing here.
 */
int dir_take(const char *path)
{
	int fd = dir_open_at(AT_FDCWD, path);

	if (fd < 0)
		return fd;
	if (!flock(fd, LOCK_EX | LOCK_NB) && dir_is_at(fd, path))
		return fd;
	close(fd);
	return -EBUSY;
}

static bool is_half_made(const char *name, const char *base)
{
	size_t len = strlen(base);
	const char *pid = name + len + strlen("-new-");

	return !strncmp(name, base, len) && !strncmp(name + len, "-new-", strlen("-new-")) &&
	       *pid && strspn(pid, "0123456789") == strlen(pid);
}

int dir_each_half_made(const char *dir, int (*fn)(const char *path, void *arg), void *arg)
{
	char parent[DIR_LEN], path[PATH_LEN + 256];
	const char *base;
	struct dirent *e;
	int ret;
	DIR *d;

	if (split(dir, parent, &base))
		return 0;
	ret = dir_is_bpffs(parent);
	if (ret <= 0)
		return ret;
	ret = 0;
	d = opendir(parent);
	if (!d)
		return errno == ENOENT || errno == EACCES ? 0 :
		       fail(-errno, "looking into %s: %s", parent, why_bpf(-errno));
	while (!ret && (errno = 0, e = readdir(d))) {
		if (!is_half_made(e->d_name, base))
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);
		ret = fn(path, arg);
	}
	if (!ret && errno && errno != ENOENT)
		ret = fail(-errno, "looking into %s: %s", parent, why_bpf(-errno));
	closedir(d);
	return ret;
}

static int make_and_lock(const char *path)
{
	int fd;

	if (mkdir(path, 0700))
		return -errno;
	fd = dir_open_at(AT_FDCWD, path);
	if (fd < 0)
		rmdir(path);
	if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) || !dir_is_at(fd, path))) {
		close(fd);
		return -EAGAIN;
	}
	return fd;
}

/*
 * A cleaner may take it between the two steps for what a killed load has left, and in another pid
 * namespace somebody may have the same pid: then under the next name.
 */
int dir_make_locked(const char *dir, char *path, size_t size)
{
	int fd = -EAGAIN;

	for (unsigned int i = 0; i < NAMES_TRIED; i++) {
		snprintf(path, size, "%s-new-%u", dir, getpid() + i * PID_LIMIT);
		fd = make_and_lock(path);
		if (fd != -EAGAIN && fd != -EEXIST && fd != -ENOENT)
			break;
	}
	return fd;
}
