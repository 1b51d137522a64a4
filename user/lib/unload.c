// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The end of what is pinned, once its bound programs are stopped, or if there are none. */
#include <sys/stat.h>

#include "attach.h"
#include "bound.h"
#include "dir.h"
#include "internal.h"

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
	left = pin_clean(dir);
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
