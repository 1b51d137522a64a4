// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One version takes over from another that is loaded and has the same layout. The maps stay, and so
 * do records, types and bound programs; what is replaced are the lifecycle programs. No packet may
 * pass a hook while nobody is there, and no moment may be one in which a kill leaves that.
 *
 * The new programs are attached beside the old ones, proved, and pinned with the maps in DIR-new-N,
 * which then changes places with DIR in one step (RENAME_EXCHANGE). What is in DIR-new-N after that
 * goes. Whoever is killed leaves it there, with the old programs or the new, and the next one that
 * has the lock ends it: settle.c.
 *
 * For a while each hook has two programs, and a packet passes both, one right behind the other:
 *  - A release, a purge or the drop of a policy finds nothing to do the second time.
 *  - A share first drops what the copy holds, which is what the first one has given it, and gives it
 *    the same again. Both are counted, as a share and as a record that was replaced.
 *  - A fate of the exact mode is counted twice.
 * What is missed is watched for each set of programs by itself (skbext_watched). A set is there to be
 * looked at only as long as its programs are pinned: what is read is the kernel's memory.
 *
 * SKBEXT_STATE->armed is the set that ends all trust when one of its hooks goes. It moves behind the
 * exchange: until then the old hooks are all there, whatever becomes of the new. After that those in
 * DIR are looked at once more, since one of them may have gone before it could tell.
 */
#include <fcntl.h>

#include "attach.h"
#include "bound.h"
#include "dir.h"
#include "internal.h"

/* ---- what can be replaced */

static int other_layout(struct skbext *sk)
{
	char why[160], who[256];
	struct bound_list list;

	snprintf(why, sizeof(why), "%s", skbext_errmsg());
	*strchrnul(why, ';') = 0;
	if (bound_read(sk->dir, &list))
		return fail(-ESTALE, "%s, which cannot replace it; end the programs that are bound, which could not be looked for, then `skbext unload`, load and bind them again", why);
	bound_names(&list, who, sizeof(who));
	if (list.nr)
		fail(-ESTALE, "%s, which cannot replace it; these must be bound again: %s; end them, `skbext unload` and load",
		     why, who);
	else
		fail(-ESTALE, "%s, which cannot replace it; no program is bound, so `skbext unload` and load",
		     why);
	bound_free(&list);
	return -ESTALE;
}

static int check_number(const char *what, __u32 asked, bool same, __u32 is)
{
	return !asked || same ? 0 :
	       fail(-EINVAL, "%s %u cannot replace %u, which is loaded; omit it, or unload and load",
		    what, asked, is);
}

static int check_asked(const struct skbext *sk)
{
	const struct skbext_open_opts *o = &sk->asked;
	const struct skbext_ctl *ctl = sk->ctl;
	int err = check_number("capacity", o->capacity, maps_have(ctl, o->capacity),
			       ctl->buckets * SKBEXT_BUCKET_SLOTS);

	err = err ?: check_number("payload", o->payload, (o->payload + 7) / 8 * 8 == ctl->payload,
				  ctl->payload);
	err = err ?: check_number("refs", o->refs, o->refs == ctl->refs, ctl->refs);
	if (!err && o->require_complete && ctl->mode != SKBEXT_MODE_EXACT)
		err = fail(-EOPNOTSUPP, "--require complete cannot be met: the tracepoint mode is loaded; unload and load again");
	if (!err && o->mode != SKBEXT_MODE_AUTO && o->mode != ctl->mode)
		err = fail(-EINVAL, "mode %s cannot replace mode %s, which is loaded; omit it, or unload and load",
			   skbext_mode_name(o->mode), skbext_mode_name(ctl->mode));
	return err;
}

/* A hook that has gone cannot be brought back: packets may have passed meanwhile. */
static int check_loaded(struct skbext *sk)
{
	const struct hook_def *lost;
	int err = store_stopped(sk) ?: hooks_seen(sk), alone;

	if (err)
		return err;
	lost = hooks_lost(sk);
	if (lost)
		return fail(-ESTALE, "hook %s is not attached any more, so there is nothing whole to replace; unload and load again",
			    lost->name);
	alone = pin_is_alone(sk->dir);
	if (alone < 0)
		return fail(alone, "looking into %s: %s", sk->dir, why_bpf(alone));
	if (!alone)
		return fail(-EEXIST, "%s holds more than skbext has put there; remove that first",
			    sk->dir);
	return 0;
}

/* A replacement may not promise less. */
static int check_guarantee(struct skbext *sk)
{
	const char *loaded = sk->ctl->reason;

	if (sk->ctl->mode != SKBEXT_MODE_EXACT || !sk->reason[0])
		return 0;
	if (sk->asked.require_complete)
		return fail(-EOPNOTSUPP, "--require complete cannot be met: %s; what is loaded stays",
			    sk->reason);
	return loaded[0] ? 0 :
	       fail(-EOPNOTSUPP, "the guarantee would be complete no more: %s; what is loaded stays",
		    sk->reason);
}

/* ---- the new programs */

/* Those that have BTF. */
static int get_type_maps(struct skbext *sk)
{
	char path[PATH_LEN];

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		const struct skbext_type_info *t = &sk->ctl->types[i];

		if (!t->name[0] || t->removed)
			continue;
		snprintf(path, sizeof(path), "%s/types/%s", sk->dir, t->name);
		sk->type_map[i] = bpf_obj_get(path);
		if (sk->type_map[i] < 0 && errno != ENOENT)
			return fail(-errno, "%s: %s", path, why_bpf(-errno));
	}
	return 0;
}

static int load_programs(struct skbext *sk)
{
	int err;

	for (int i = 0; hook_def(i); i++)
		sk->hooks[i].found = false;	/* the old ones are not its own */
	err = ops_load(sk);
	if (err)
		return err;
	err = hooks_load(sk, sk->ctl->mode);
	if (!err || err == -EOPNOTSUPP)		/* which has its message */
		return err;
	hooks_explain(sk, err);
	return fail(err, "loading BPF programs: %s; what is loaded stays", sk->reason);
}

/* Into DIR-new-N: what is in DIR, but for the programs. Then their counters may be looked at. */
static int put_beside(struct skbext *sk, const char *path)
{
	int err = get_type_maps(sk);

	if (err)
		return err;
	err = pin_programs(sk, path) ?: attached_copy(sk->dir, path);
	if (err)
		return fail(err, "pinning under %s: %s", path, why_bpf(err));
	err = prog_id_get(sk->prog_op, &sk->state->owner[sk->set]) ?: hooks_attach(sk);
	if (err) {
		hooks_explain(sk, err);
		return fail(err, "attaching the lifecycle programs: %s; what is loaded stays",
			    sk->reason);
	}
	err = pin_links(sk, path);
	if (err)
		return fail(err, "pinning under %s: %s", path, why_bpf(err));
	pin_keep_modes(sk->dir, path);
	find_reasons(sk);
	return check_guarantee(sk) ?: order_check(sk);
}

static int exchange(struct skbext *sk, const char *path)
{
	if (renameat2(AT_FDCWD, path, AT_FDCWD, sk->dir, RENAME_EXCHANGE))
		return fail(-errno, "renaming %s: %s; what is loaded stays", path, why_bpf(-errno));
	if (sk->ctl->mode == SKBEXT_MODE_EXACT)
		memcpy(sk->ctl->reason, sk->reason, SKBEXT_REASON_LEN);
	return 0;
}

static int give_up(struct skbext *sk, int err, int fd, const char *path)
{
	const struct failure failure = failure_keep(err);

	hooks_detach(sk);
	settle_retire(sk, sk->set, fd, path);
	return fail_again(&failure);
}

/* lock: of DIR, and of what is DIR-new-N after the exchange. Programs not in place then go. */
static int change_places(struct skbext *sk, int lock)
{
	char path[DIR_LEN + 24];
	int fd = dir_make_locked(sk->dir, path, sizeof(path)), err, left;

	if (fd < 0)
		return fail(fd, "making %s: %s", path, why_bpf(fd));
	err = put_beside(sk, path) ?: exchange(sk, path);
	if (err) {
		err = give_up(sk, err, fd, path);
	} else {
		left = settle_arm(sk);
		if (left >= 0)		/* else the next one does it that has the lock */
			settle_retire(sk, left, lock, path);
	}
	close(fd);
	return err;
}

/*
 * As it is now: another process may have been here before this one had the lock. Programs that
 * others are about to put in place are not attached while it has that.
 */
static int check_again(struct skbext *sk)
{
	struct skbext *now = skbext_open_pinned(sk->dir);
	int err = now ? check_loaded(now) ?: order_check(now) : -errno;

	skbext_close(now);
	return err;
}

static int replace_locked(struct skbext *sk, int lock)
{
	int set = settle(sk) ?: settle_place(sk);

	if (set < 0)
		return set;
	sk->set = !set;
	return check_again(sk) ?: change_places(sk, lock);
}

/* Maps, programs and links of the old and of the new. */
#define REPLACE_FILES	128

static int replace(struct skbext *sk)
{
	char reason[SKBEXT_REASON_LEN] = "";
	int err = check_asked(sk) ?: check_loaded(sk) ?: need_files(REPLACE_FILES), lock;

	sk->reason = reason;
	err = err ?: load_programs(sk);
	lock = err ? err : pin_lock_alone(sk);
	if (lock >= 0) {
		err = replace_locked(sk, lock);
		close(lock);
	}
	sk->reason = sk->ctl->reason;
	return lock < 0 ? lock : err;
}

int skbext_replace(struct skbext *sk)
{
	int err;

	if (sk->ctl || sk->unpinned)
		return fail(-EINVAL, "only what skbext_open() has just made can replace what is loaded");
	err = pin_open(sk);
	if (err == -ENOENT)
		sk->pinned = false;	/* as it was: it may be loaded */
	if (err)
		return err == -ESTALE ? other_layout(sk) : err;
	err = replace(sk);
	if (!err)
		pin_forget_programs(sk);
	return err;
}
