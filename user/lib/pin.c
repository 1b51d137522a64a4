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

#include "internal.h"
#include "attach.h"
#include "bound.h"
#include "dir.h"
#include "../../bpf/request.h"

/* What pin_all() makes, and what earlier layouts made. */
static const char *const subs[] = { "attached", "links", "progs", "types", "idle" /* up to 16 */, NULL };
static const char *const files[] = {
	"ctl", "stats", "watches", "refs", "request", "op", "objects" /* up to layout 10 */,
	"slots" /* without which nobody can be stopped */, NULL
};

int pin_check_free(const char *dir)
{
	struct stat st;
	int err = dir_check_parent(dir);

	if (!err && !lstat(dir, &st))
		err = dir_fault(dir) ?: fail(-EEXIST, "an skbext is loaded under %s; `skbext unload` it first", dir);
	return err;
}

static int pin_fd(int fd, const char *dir, const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fd >= 0 && bpf_obj_pin(fd, path) ? -errno : 0;
}

static int make_sub(const char *dir, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", dir, name);
	return mkdir(path, 0700) ? -errno : 0;
}

static int pin_prog(struct skbext *sk, const struct hook_def *def, const char *progs)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(sk->lifecycle, def->prog);

	return prog && bpf_program__fd(prog) >= 0 ?
	       pin_fd(bpf_program__fd(prog), progs, def->name) : 0;
}

int pin_links(struct skbext *sk, const char *dir)
{
	char links[DIR_LEN + 32];
	int err = make_sub(dir, "links", links, sizeof(links));

	for (int i = 0; !err && hook_def(i); i++)
		if (sk->hooks[i].link)
			err = pin_fd(bpf_link__fd(sk->hooks[i].link), links, hook_def(i)->name);
	return err;
}

int pin_programs(struct skbext *sk, const char *dir)
{
	char sub[DIR_LEN + 32];
	int err = 0;

	for (int i = 0; !err && i < MAP_NR; i++)
		err = pin_fd(sk->map[i], dir, map_pin_name(i));
	err = err ?: pin_fd(sk->prog_op, dir, "op");

	err = err ?: make_sub(dir, "types", sub, sizeof(sub));
	for (int i = 0; !err && i < SKBEXT_MAX_TYPES; i++)
		err = type_pin(sk, i, dir);
	err = err ?: make_sub(dir, "progs", sub, sizeof(sub));
	for (int i = 0; !err && hook_def(i); i++)
		err = pin_prog(sk, hook_def(i), sub);
	return err;
}

bool pin_has_program(const char *dir, const char *hook)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/progs/%s", dir, hook);
	return !access(path, F_OK);
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

bool pin_is_alone(const char *dir)
{
	int fd = dir_open_at(AT_FDCWD, dir);
	bool alone = fd >= 0 && dir_has_only(fd, subs, files);

	if (fd >= 0)
		close(fd);
	return alone;
}

struct cleaned {
	int removed, foreign;
};

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

/* What was killed has left it, and nothing is loaded beside it. */
static struct cleaned clean_half_made(const char *dir)
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

/* What this process has of its own goes: from now on it knows programs by their pins alone. */
void pin_forget_programs(struct skbext *sk)
{
	hooks_detach(sk);
	bpf_object__close(sk->ops);
	sk->ops = NULL;
	if (sk->prog_op >= 0)
		close(sk->prog_op);
	sk->prog_op = -1;
	hooks_look(sk);
}

int skbext_pin(struct skbext *sk)
{
	int err = pin_check_free(sk->dir), fd;
	char tmp[DIR_LEN + 24];

	if (err)
		return err;
	if (!sk->lifecycle)
		return fail(-EINVAL, "only what is loaded and attached can be pinned; call skbext_attach() first");
	clean_half_made(sk->dir);
	fd = dir_make_locked(sk->dir, tmp, sizeof(tmp));
	err = fd < 0 ? fd : pin_programs(sk, tmp) ?: pin_links(sk, tmp);
	if (!err && rename(tmp, sk->dir))
		err = -errno;
	if (err && fd >= 0)
		pin_remove(fd, tmp);
	if (fd >= 0)
		close(fd);
	if (err)
		return fail(err,
			    err == -ENOTEMPTY ?
				    "an skbext is loaded under %s; `skbext unload` it first" :
				    "pinning under %s: %s",
			    sk->dir, why_bpf(err));
	sk->pinned = true;
	pin_forget_programs(sk);
	return 0;
}

/*
 * Bound programs keep the maps when the pins go: they must find and add nothing from then on. In
 * the exact mode the kernel sees to that as well, when the first hook is detached
 * (bpf/watch.bpf.h); but nothing that is pinned proves that it will.
 */
static int stop(const char *dir)
{
	int err = store_stop(dir);
	struct skbext *sk;

	if (err)
		return fail(err, "cannot stop the programs that are bound to %s: %s; nothing was removed (`skbext unload --force` removes it without stopping them)",
			    dir, why_bpf(err));
	/* Takes what they hold as well, where all of it can be reached. */
	sk = skbext_open_pinned(dir);
	if (sk)
		store_kill(sk);
	skbext_close(sk);
	return 0;
}

enum unpin { UNPIN_UNUSED, UNPIN_STOP, UNPIN_FORCE };

static int check_not_attached(const char *dir)
{
	struct attached_list list;
	char others[32] = " is";
	int err = attached_read(dir, &list);

	if (err || !list.nr)
		return err;
	if (list.nr > 1)
		snprintf(others, sizeof(others), " and %u more are", list.nr - 1);
	err = fail(-EBUSY, "%s%s attached; `skbext detach --all` first, or `skbext unload --force`",
		   list.all->name, others);
	free(list.all);
	return err;
}

static int check_unused(const char *dir)
{
	struct bound_list list;
	char who[192];
	int err = bound_read_users(dir, -1, &list);

	if (err) {
		snprintf(who, sizeof(who), "%s", skbext_errmsg());
		return fail(err, "%s, or `skbext unload --force`, which does not ask who is bound",
			    who);
	}
	if (list.nr) {
		bound_name(&list, who, sizeof(who));
		err = fail(-EBUSY, "%s is in use by program %s; end it, or `skbext unload --force`, after which it finds and adds nothing",
			   dir, who);
	}
	bound_free(&list);
	return err;
}

static int unpin(const char *dir, enum unpin how)
{
	int fd = dir_lock(dir), err;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (!rmdir(dir)) {	/* an unload was killed before its last step */
		close(fd);
		return 1;
	}
	attached_clean(dir);
	err = how == UNPIN_UNUSED ? check_not_attached(dir) ?: check_unused(dir) : 0;
	err = err ?: stop(dir) ?: attached_end_all(dir);
	if (how == UNPIN_FORCE)
		attached_end_all(dir);
	if (!err || how == UNPIN_FORCE)
		err = pin_remove(fd, dir);
	close(fd);
	return err ?: 1;
}

static int unpin_all(const char *bpffs_dir, enum unpin how)
{
	const char *dir = dir_or_default(bpffs_dir);
	struct cleaned left;
	struct stat st;
	int err;

	if (strlen(dir) >= DIR_LEN)
		return fail(-ENAMETOOLONG, "'%s' is too long for a directory", dir);
	err = lstat(dir, &st) ? -errno : 0;
	if (err && err != -ENOENT && err != -ENOTDIR)
		return fail(err, "%s: %s", dir, why_bpf(err));
	err = err ? 0 : unpin(dir, how);
	if (err < 0)
		return err;
	/* Not before: a replace may have left it, and what is loaded goes on while somebody is bound. */
	left = clean_half_made(dir);
	if (!err && !left.removed && left.foreign)
		return fail(-EPERM, "%d of %s-new-* belong to somebody else or are links, and were not touched; look at them and remove them",
			    left.foreign, dir);
	return err ?: left.removed > 0;
}

int skbext_unpin(const char *bpffs_dir)
{
	return unpin_all(bpffs_dir, UNPIN_STOP);
}

int skbext_unpin_unused(const char *bpffs_dir)
{
	return unpin_all(bpffs_dir, UNPIN_UNUSED);
}

int skbext_unpin_force(const char *bpffs_dir)
{
	return unpin_all(bpffs_dir, UNPIN_FORCE);
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

int damaged(const char *dir, const char *name)
{
	return fail(-EUCLEAN, "the pin %s/%s is missing or not what skbext made; `skbext unload%s` and load again",
		    dir, name, store_can_stop(dir) ? "" : " --force");
}

/* Of a pin that bpf_obj_get() did not give. */
static int not_got(const char *dir, const char *name, int err)
{
	if (err == -ENOENT)
		return damaged(dir, name);
	return fail(err, "cannot look at %s/%s: %s", dir, name, why_bpf(err));
}

/* A bind that fails beside this takes its type back: what is wrong is looked at again. */
static int check_numbers(struct skbext *sk, struct skbext_ctl *ctl)
{
	const __u32 zero = 0;

	for (int i = 0; i < 3; i++) {
		if (bpf_map_lookup_elem(sk->map[MAP_CTL], &zero, ctl))
			break;
		if (ctl_is_whole(ctl))
			return 0;
	}
	return damaged(sk->dir, "ctl");
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
	else
		err = check_numbers(sk, (void *)head);
	free(head);
	return err;
}

static int check_maps(struct skbext *sk)
{
	const struct skbext_ctl *ctl = sk->ctl;
	const __u32 value[MAP_NR] = {
		[MAP_SLOTS] = SKBEXT_BYTES(ctl->payload, ctl->buckets),
		[MAP_STATS] = sizeof(struct skbext_load),
		[MAP_WATCH] = sizeof(struct skbext_watch), [MAP_REFS] = sizeof(__u64),
		[MAP_REQUEST] = sizeof(struct skbext_request),
	};
	const __u32 entries[MAP_NR] = {
		[MAP_SLOTS] = 1, [MAP_STATS] = 1,
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

static int pin_link(const char *dir, const char *hook, int link_fd)
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

	snprintf(name, sizeof(name), "progs/%s", hook);
	prog = get(dir, name);
	link = prog < 0 ? -1 : bpf_raw_tracepoint_open(NULL, prog);
	err = link < 0 ? -errno : pin_link(dir, hook, link);
	if (link >= 0)
		close(link);
	if (prog >= 0)
		close(prog);
	return err;
}

/* -ENOENT: not the program that the link says it has. What is pinned as a link may be anything. */
static int check_program(int prog, __u32 id, const struct hook_def *def)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		return -errno;
	return info.id == id &&
	       (info.type == BPF_PROG_TYPE_TRACING || info.type == BPF_PROG_TYPE_RAW_TRACEPOINT) &&
	       !strncmp(info.name, def->prog, sizeof(info.name) - 1) ? 0 : -ENOENT;
}

/* By its pin, or by its id, which only CAP_SYS_ADMIN may. */
static int get_program(const char *dir, const struct hook_def *def, __u32 id)
{
	char name[DIR_LEN];
	int prog, err;

	snprintf(name, sizeof(name), "progs/%s", def->name);
	prog = get(dir, name);
	if (prog < 0 && errno == ENOENT)
		prog = bpf_prog_get_fd_by_id(id);
	if (prog < 0)
		return -errno;
	err = check_program(prog, id, def);
	if (!err)
		return prog;
	close(prog);
	return err;
}

/* For its counters. -ENOENT: no such link; other errors: it could not be looked at. */
int pin_link_prog(const char *dir, const struct hook_def *def)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char name[DIR_LEN];
	int link, err;

	snprintf(name, sizeof(name), "links/%s", def->name);
	link = get(dir, name);
	if (link < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(link, &info, &len) ? -errno : 0;
	close(link);
	return err ?: get_program(dir, def, info.prog_id);
}

void pin_unlink_link(const char *dir, const char *hook)
{
	char name[DIR_LEN], path[PATH_LEN];
	int link;

	snprintf(name, sizeof(name), "links/%s", hook);
	link = get(dir, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	/* The kernel detaches here, and not in a worker as without a descriptor. */
	if (link >= 0)
		close(link);
}

/* Between open and lock another process may have unloaded it, and loaded another one. */
static int check_same(const struct skbext *sk)
{
	int ctl = get(sk->dir, "ctl");
	bool same;

	if (ctl < 0 && errno != ENOENT)
		return not_got(sk->dir, "ctl", -errno);
	same = ctl >= 0 && map_id_of(ctl) == map_id_of(sk->map[MAP_CTL]);
	if (ctl >= 0)
		close(ctl);
	return same ? 0 : fail(-ESTALE, "what was loaded under %s has been unloaded meanwhile; try again with what is loaded now",
			       sk->dir);
}

int pin_lock_alone(struct skbext *sk)
{
	int lock = dir_lock(sk->dir), err = lock < 0 ? lock : check_same(sk);

	if (lock >= 0 && err)
		close(lock);
	return err ?: lock;
}

int pin_lock(struct skbext *sk)
{
	int lock = pin_lock_alone(sk);

	if (lock >= 0)
		settle(sk);	/* what it cannot end does no harm */
	return lock;
}

int pin_get_op(const struct skbext *sk)
{
	int fd = get(sk->dir, "op");

	if (fd < 0)
		return not_got(sk->dir, "op", -errno);
	if (is_program(fd))
		return fd;
	close(fd);
	return damaged(sk->dir, "op");
}

static int not_opened(const char *dir, enum map_id which, int err)
{
	int fault = dir_fault(dir);

	if (fault && fault != -EPERM && fault != -EACCES)
		return fault;
	if (err == -EPERM || err == -EACCES)
		return fail(-EPERM, "%s: not permitted; run as root (CAP_BPF and CAP_PERFMON)", dir);
	return fault ?: not_got(dir, map_pin_name(which), err);
}

/* Maps, programs and links, and what a command opens beside them. */
#define PIN_FILES	40

int pin_open(struct skbext *sk)
{
	int err = need_files(PIN_FILES), op;

	sk->pinned = true;	/* whatever is there, it is not this handle's to stop */
	for (int i = 0; !err && i < MAP_NR; i++) {
		sk->map[i] = get(sk->dir, map_pin_name(i));
		if (sk->map[i] >= 0)
			continue;
		err = -errno;
		return not_opened(sk->dir, i, err);
	}
	err = err ?: check_ctl(sk) ?: maps_mmap(sk) ?: check_maps(sk);
	if (err)
		return err;
	sk->capacity = sk->ctl->buckets * SKBEXT_BUCKET_SLOTS;
	sk->payload = sk->ctl->payload;
	sk->refs = sk->ctl->refs;
	op = pin_get_op(sk);
	if (op < 0)
		return op;
	close(op);
	hooks_look(sk);
	return 0;
}
