// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext_pin(): what is loaded goes into a directory, which is filled under another name and
 * renamed, so it is there whole or not at all.
 */
#include <sys/stat.h>

#include "dir.h"
#include "internal.h"

int pin_check_free(const char *dir)
{
	struct stat st;
	int err = dir_check_parent(dir);

	if (!err && !lstat(dir, &st))
		err = dir_fault(dir) ?: fail(-EEXIST, "an skbext is loaded under %s; `skbext unload` it first", dir);
	return err;
}

static int pin_prog(struct skbext *sk, const struct hook_def *def, const char *progs)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(sk->lifecycle, def->prog);

	return prog && bpf_program__fd(prog) >= 0 ?
	       pin_put(bpf_program__fd(prog), progs, def->name) : 0;
}

int pin_links(struct skbext *sk, const char *dir)
{
	char links[DIR_LEN + 32];
	int err = pin_make_sub(dir, "links", links, sizeof(links));

	for (int i = 0; !err && hook_def(i); i++)
		if (sk->hooks[i].link)
			err = pin_put(bpf_link__fd(sk->hooks[i].link), links, hook_def(i)->name);
	return err;
}

int pin_programs(struct skbext *sk, const char *dir)
{
	char sub[DIR_LEN + 32];
	int err = 0;

	for (int i = 0; !err && i < MAP_NR; i++)
		err = pin_put(sk->map[i], dir, map_pin_name(i));
	err = err ?: pin_put(sk->prog_op, dir, "op");

	err = err ?: pin_make_sub(dir, "types", sub, sizeof(sub));
	for (int i = 0; !err && i < SKBEXT_MAX_TYPES; i++)
		err = type_pin(sk, i, dir);
	err = err ?: pin_make_sub(dir, "progs", sub, sizeof(sub));
	for (int i = 0; !err && hook_def(i); i++)
		err = pin_prog(sk, hook_def(i), sub);
	return err;
}

/* Closes what this process holds itself: from now on it knows programs by their pins alone. */
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
	pin_clean(sk->dir);
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
