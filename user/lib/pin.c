// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One directory in a bpffs holds a loaded skbext:
 *
 *	ctl slots stats watches refs request	maps
 *	op				program: add, find, del for user space
 *	links/HOOK			what keeps the lifecycle programs attached
 *	idle/HOOK			programs that wait for a type that needs them
 *	types/NAME			maps that carry the BTF of types
 *
 * It is filled under another name and renamed, so it is there whole or not at all. (No dots: bpffs
 * keeps them for itself.)
 */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "internal.h"
#include "../../bpf/request.h"

#define BPFFS_ROOT "/sys/fs/bpf"

const char *dir_or_default(const char *dir)
{
	return dir ?: SKBEXT_DEFAULT_BPFFS;
}

int dir_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return fail(err, "locking %s: %s; %s", dir, strerror(-err),
			    err == -EACCES || err == -EPERM ? "run as root" :
							      "is it still loaded?");
	}
	return fd;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* The parent must be a bpffs; the usual place is mounted as bpftool and systemd do it. */
static int check_parent(const char *dir)
{
	char parent[DIR_LEN];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return fail(-EINVAL, "'%s' is no absolute directory below a bpffs; the usual one is " SKBEXT_DEFAULT_BPFFS, dir);
	*slash = 0;
	if (!is_bpffs(parent) && !strcmp(parent, BPFFS_ROOT))
		mount("bpf", BPFFS_ROOT, "bpf", 0, "mode=0700");
	if (!is_bpffs(parent))
		return fail(geteuid() ? -EPERM : -ENODEV, geteuid() ?
			    "%s is no bpffs that this user can use; run as root" :
			    "%s is no bpffs; mount one there (mount -t bpf bpf %s) or leave --bpffs away", parent, parent);
	return 0;
}

int pin_check_free(const char *dir)
{
	struct stat st;
	int err = check_parent(dir);

	if (!err && !stat(dir, &st))
		err = fail(-EEXIST, "an skbext is loaded under %s; `skbext unload` it first", dir);
	return err;
}

static int pin_fd(int fd, const char *dir, const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fd >= 0 && bpf_obj_pin(fd, path) ? -errno : 0;
}

static int pin_hooks(struct skbext *sk, const char *dir)
{
	char links[DIR_LEN + 32], idle[DIR_LEN + 32];
	int err;

	snprintf(links, sizeof(links), "%s/links", dir);
	snprintf(idle, sizeof(idle), "%s/idle", dir);
	err = mkdir(links, 0700) || mkdir(idle, 0700) ? -errno : 0;
	for (int i = 0; !err && hook_def(i); i++) {
		const struct hook_def *def = hook_def(i);

		if (sk->hooks[i].link)
			err = pin_fd(bpf_link__fd(sk->hooks[i].link), links, def->prog);
		else if (def->role == SKBEXT_ROLE_POLICY)
			err = pin_fd(bpf_program__fd(bpf_object__find_program_by_name(
						     sk->lifecycle, def->prog)),
				     idle, def->prog);
	}
	return err;
}

static int pin_all(struct skbext *sk, const char *dir)
{
	char sub[DIR_LEN + 32];
	int err = 0;

	for (int i = 0; !err && i < MAP_NR; i++)
		err = pin_fd(sk->map[i], dir, map_pin_name(i));
	err = err ?: pin_fd(sk->prog_op, dir, "op");

	snprintf(sub, sizeof(sub), "%s/types", dir);
	err = err ?: mkdir(sub, 0700) ? -errno : 0;
	for (int i = 0; !err && i < SKBEXT_MAX_TYPES; i++)
		err = type_pin(sk, i, dir);
	return err ?: pin_hooks(sk, dir);
}

static int remove_dir(const char *dir);

/* A load that was killed while it filled its directory leaves it, with its hooks attached. */
static int remove_half_made(const char *dir)
{
	char pattern[DIR_LEN + 16];
	glob_t found = {};
	int removed = 0;

	snprintf(pattern, sizeof(pattern), "%s-new-*", dir);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		pid_t pid = atoi(strrchr(found.gl_pathv[i], '-') + 1);

		if (pid > 0 && kill(pid, 0) && errno == ESRCH)
			removed += !remove_dir(found.gl_pathv[i]);
	}
	globfree(&found);
	return removed;
}

int skbext_pin(struct skbext *sk)
{
	char tmp[DIR_LEN + 24];
	int err = pin_check_free(sk->dir);

	if (err)
		return err;
	if (!sk->lifecycle)
		return fail(-EINVAL, "only what is loaded and attached can be pinned; call skbext_attach() first");
	remove_half_made(sk->dir);
	snprintf(tmp, sizeof(tmp), "%s-new-%d", sk->dir, getpid());
	err = mkdir(tmp, 0700) ? -errno : pin_all(sk, tmp);
	if (!err && rename(tmp, sk->dir))
		err = -errno;
	if (err) {
		remove_dir(tmp);
		return fail(err,
			    err == -ENOTEMPTY ?
				    "an skbext is loaded under %s; `skbext unload` it first" :
				    "pinning under %s: %s",
			    sk->dir, why_bpf(err));
	}
	sk->pinned = true;
	return 0;
}

/* Only what pin_all() makes: names in links/, idle/ and types/, the maps and the program. */
static void remove_entries(const char *dir)
{
	DIR *d = opendir(dir);
	char path[PATH_LEN + 256];
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
}

static int remove_dir(const char *dir)
{
	static const char *const subs[] = { "links", "idle", "types" };
	static const char *const others[] = { "op", "objects" /* up to layout 10 */ };
	char path[PATH_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, subs[i]);
		remove_entries(path);
		rmdir(path);
	}
	for (int i = 0; i < MAP_NR; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, map_pin_name(i));
		unlink(path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, others[i]);
		unlink(path);
	}
	if (rmdir(dir))
		return fail(-errno, "%s holds more than skbext has put there; remove that first",
			    dir);
	return 0;
}

int skbext_unpin(const char *bpffs_dir)
{
	const char *dir = dir_or_default(bpffs_dir);
	struct stat st, locked;
	struct skbext *sk;
	int lock, err;

	err = strlen(dir) < DIR_LEN && remove_half_made(dir) > 0;
	if (stat(dir, &st))
		return errno == ENOENT || errno == ENOTDIR ? err :
		       fail(-errno, "%s: %s; run as root", dir, strerror(errno));
	if (!is_bpffs(dir))
		return fail(-ENODEV, "%s is no bpffs; nothing of skbext can be there", dir);
	lock = dir_lock(dir);
	if (lock < 0)
		return errno == ENOENT ? 0 : lock;
	/* Who waited for the lock may hold that of a directory that another unload has removed. */
	if (fstat(lock, &locked) || stat(dir, &st) || locked.st_ino != st.st_ino) {
		close(lock);
		return skbext_unpin(bpffs_dir);
	}
	/* What is damaged or of another version cannot be told to stop, only detached. */
	sk = skbext_open_pinned(dir);
	if (sk)
		store_kill(sk);
	skbext_close(sk);
	err = remove_dir(dir);
	close(lock);
	return err ?: 1;
}

static int get(const char *dir, const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

static bool map_is(int fd, __u32 value_size, __u32 entries)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
	       info.type == BPF_MAP_TYPE_ARRAY && info.value_size == value_size &&
	       (!entries || info.max_entries == entries) && info.map_flags & BPF_F_MMAPABLE;
}

static int damaged(const char *dir, const char *name)
{
	return fail(-EUCLEAN,
		"the pin %s/%s is missing or not what skbext made; `skbext unload` and load again",
		dir, name);
}

/* The control map tells the version, and the version tells what the rest must be. */
static int check_ctl(struct skbext *sk)
{
	/* Of another version the struct may be of another size, but it begins the same. */
	struct { __u64 magic; __u32 version; } *head;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	int err = 0;

	if (bpf_obj_get_info_by_fd(sk->map[MAP_CTL], &info, &len) ||
	    info.type != BPF_MAP_TYPE_ARRAY || info.value_size < sizeof(*head))
		return damaged(sk->dir, "ctl");
	head = calloc(1, (info.value_size + 7) / 8 * 8);
	if (!head)
		return fail(-ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(sk->map[MAP_CTL], &zero, head) || head->magic != SKBEXT_MAGIC)
		err = damaged(sk->dir, "ctl");
	else if (head->version != SKBEXT_LAYOUT_VERSION)
		err = fail(-ESTALE, "what is pinned under %s has layout %u, this skbext has %d; `skbext unload` and load again",
			   sk->dir, head->version, SKBEXT_LAYOUT_VERSION);
	else if (!map_is(sk->map[MAP_CTL], sizeof(struct skbext_ctl), 1))
		err = damaged(sk->dir, "ctl");
	free(head);
	return err;
}

static int check_maps(struct skbext *sk)
{
	const struct skbext_ctl *ctl = sk->ctl;
	const __u32 value[MAP_NR] = {
		[MAP_SLOTS] = SKBEXT_BYTES(ctl->payload, ctl->buckets),
		[MAP_STATS] = sizeof(struct skbext_cpu_stats),
		[MAP_WATCH] = sizeof(struct skbext_watch), [MAP_REFS] = sizeof(__u64),
		[MAP_REQUEST] = sizeof(struct skbext_request),
	};
	const __u32 entries[MAP_NR] = {
		[MAP_SLOTS] = 1,
		[MAP_REFS] = ctl->refs * SKBEXT_MAX_TYPES, [MAP_REQUEST] = 1,
	};

	for (int i = MAP_SLOTS; i <= MAP_REQUEST; i++)
		if (!map_is(sk->map[i], value[i], entries[i]))
			return damaged(sk->dir, map_pin_name(i));
	return 0;
}

/* bpf_obj_get() takes any pin: a map has no program info. */
static bool is_program(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return fd >= 0 && !bpf_prog_get_info_by_fd(fd, &info, &len) &&
	       info.type == BPF_PROG_TYPE_SYSCALL;
}

int pin_link(const char *dir, const char *hook, int link_fd)
{
	char name[DIR_LEN];

	snprintf(name, sizeof(name), "links/%s", hook);
	return pin_fd(link_fd, dir, name);
}

/* Attaching without libbpf's object: the program knows its function or tracepoint. */
int pin_wake(const char *dir, const char *hook)
{
	char name[DIR_LEN];
	int prog, link, err;

	snprintf(name, sizeof(name), "idle/%s", hook);
	prog = get(dir, name);
	link = prog < 0 ? -1 : bpf_raw_tracepoint_open(NULL, prog);
	err = link < 0 ? -errno : pin_link(dir, hook, link);
	if (link >= 0)
		close(link);
	if (!err)
		return prog;
	if (prog >= 0)
		close(prog);
	return err;
}

/* For its counters. */
int pin_link_prog(const char *dir, const char *hook)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char name[DIR_LEN];
	int link, prog = -1;

	snprintf(name, sizeof(name), "links/%s", hook);
	link = get(dir, name);
	if (link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &len))
		prog = bpf_prog_get_fd_by_id(info.prog_id);
	if (link >= 0)
		close(link);
	return prog;
}

int pin_open(struct skbext *sk)
{
	int err;

	for (int i = 0; i < MAP_NR; i++) {
		sk->map[i] = get(sk->dir, map_pin_name(i));
		if (sk->map[i] >= 0)
			continue;
		if (errno == EPERM || errno == EACCES)
			return fail(-EPERM,
				    "%s: not permitted; run as root (CAP_BPF and CAP_PERFMON)",
				    sk->dir);
		if (!access(sk->dir, F_OK) && !is_bpffs(sk->dir))
			return fail(-ENODEV, "%s is no bpffs; give the directory of a loaded skbext, or leave --bpffs away", sk->dir);
		if (access(sk->dir, F_OK))
			return fail(-ENOENT, "no skbext is loaded under %s; `skbext load` first",
				    sk->dir);
		return damaged(sk->dir, map_pin_name(i));
	}
	err = check_ctl(sk);
	err = err ?: maps_mmap(sk) ?: check_maps(sk);
	if (err)
		return err;
	sk->prog_op = get(sk->dir, "op");
	if (!is_program(sk->prog_op))
		return damaged(sk->dir, "op");
	for (int i = 0; hook_def(i); i++)
		sk->hooks[i].prog_fd = pin_link_prog(sk->dir, hook_def(i)->prog);
	sk->pinned = true;
	return 0;
}
