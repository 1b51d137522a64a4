// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The order of programs at one function. A bound program there came after those of the load: at a
 * function it runs before them, as the kernel runs the newest first (bpf_trampoline_link_prog()), and
 * at a tracepoint behind them. Programs that replace those are newer than it. It would find nothing
 * any more where a packet ends, and add behind the end; at a birth it would find what a predecessor
 * left, before that is purged. Nothing lets a program be attached in the place of another one
 * (BPF_LINK_UPDATE is not for tracing), so such a program has to be attached anew as well.
 */
#include <time.h>

#include "bound.h"
#include "internal.h"

struct order {
	const struct skbext *sk;
	const struct bound_list *bound;
};

static const struct bound *bound_of(const struct bound_list *list, __u32 id)
{
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->bound[i].id == id)
			return &list->bound[i];
	return NULL;
}

/* Those that end, share or purge records; in the exact mode fates only count. */
static bool matters(const struct hook_def *def, enum skbext_mode mode)
{
	return hook_in_mode(def, mode) && def->role != SKBEXT_ROLE_WATCH &&
	       (def->role != SKBEXT_ROLE_FATE || mode == SKBEXT_MODE_TRACEPOINT);
}

static bool is_hook(const struct order *o, bool function, const char *name)
{
	const struct hook_def *def;

	for (int i = 0; (def = hook_def(i)); i++)
		if (matters(def, o->sk->ctl->mode) && (*def->kind == 'f') == function &&
		    !strcmp(def->function, name))
			return true;
	return false;
}

static int function_name(const struct bpf_link_info *info, char *name, size_t size)
{
	struct btf *vmlinux = vmlinux_btf(), *btf = vmlinux;
	const struct btf_type *t;

	if (vmlinux && !btf_is_vmlinux(info->tracing.target_obj_id))
		btf = btf__load_from_kernel_by_id_split(info->tracing.target_obj_id, vmlinux);
	if (!btf)
		return -errno;
	t = btf__type_by_id(btf, info->tracing.target_btf_id);
	if (t && btf_is_func(t))
		snprintf(name, size, "%s", btf__name_by_offset(btf, t->name_off));
	if (btf != vmlinux)
		btf__free(btf);
	return 0;
}

static int tracepoint_name(int fd, char *name, size_t size)
{
	struct bpf_link_info info = {
		.raw_tracepoint = { .tp_name = (__u64)name, .tp_name_len = size },
	};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
}

static int refuse(const struct bound *b, const char *where)
{
	return fail(-EBUSY, "program %s (id %u) is attached at %s, where programs that are attached later would not be in its order; end it, and start it again after that",
		    b->name, b->id, where);
}

static int not_seen(int err)
{
	return fail(err, "looking at the links of bound programs: %s", why_bpf(err));
}

static int look_at_link(const struct order *o, int fd)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	const struct bound *b;
	char name[128] = "";
	int err = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return not_seen(-errno);
	b = bound_of(o->bound, info.prog_id);
	if (!b)
		return 0;
	if (info.type == BPF_LINK_TYPE_TRACING && info.tracing.attach_type == BPF_TRACE_FENTRY)
		err = function_name(&info, name, sizeof(name));
	else if (info.type == BPF_LINK_TYPE_RAW_TRACEPOINT)
		err = tracepoint_name(fd, name, sizeof(name));
	if (err)
		return not_seen(err);
	return is_hook(o, info.type == BPF_LINK_TYPE_TRACING, name) ? refuse(b, name) : 0;
}

/* Programs at perf events may have no link. */
static int check_perf(const struct order *o)
{
	for (unsigned int i = 0; i < o->bound->nr; i++)
		if (o->bound->bound[i].type == BPF_PROG_TYPE_TRACEPOINT &&
		    o->sk->ctl->mode == SKBEXT_MODE_TRACEPOINT)
			return refuse(&o->bound->bound[i], "a tracepoint");
	return 0;
}

/* What another process is just attaching the kernel gives a moment later. */
static int link_by_id(__u32 id)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int fd = bpf_link_get_fd_by_id(id);

	for (int i = 0; fd < 0 && errno == EAGAIN && i < 1000; i++) {
		nanosleep(&pause, NULL);
		fd = bpf_link_get_fd_by_id(id);
	}
	return fd;
}

static int check_links(const struct order *o)
{
	__u32 id = 0;
	int err = 0;

	while (!err) {
		int fd;

		if (bpf_link_get_next_id(id, &id))
			return errno == ENOENT ? 0 : not_seen(-errno);
		fd = link_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue;
		err = fd < 0 ? not_seen(-errno) : look_at_link(o, fd);
		if (fd >= 0)
			close(fd);
	}
	return err;
}

int order_check(struct skbext *sk)
{
	struct bound_list list;
	const struct order o = { sk, &list };
	int err = bound_read(sk->dir, &list);

	if (err)
		return err;
	if (list.nr)
		err = check_perf(&o) ?: check_links(&o);
	bound_free(&list);
	return err;
}
