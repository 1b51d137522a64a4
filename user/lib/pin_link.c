// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A hook's link and program, by their pins. */
#include "internal.h"

bool pin_has_program(const char *dir, const char *hook)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/progs/%s", dir, hook);
	return !access(path, F_OK);
}

static int pin_link(const char *dir, const char *hook, int link_fd)
{
	char name[DIR_LEN];

	snprintf(name, sizeof(name), "links/%s", hook);
	return pin_put(link_fd, dir, name);
}

/* Attaching without libbpf's object: the program knows its function or tracepoint. */
int pin_wake(const char *dir, const char *hook)
{
	char name[DIR_LEN];
	int prog, link, err;

	snprintf(name, sizeof(name), "progs/%s", hook);
	prog = pin_get(dir, name);
	link = prog < 0 ? -1 : bpf_raw_tracepoint_open(NULL, prog);
	err = link < 0 ? -errno : pin_link(dir, hook, link);
	if (link >= 0)
		close(link);
	if (prog >= 0)
		close(prog);
	return err;
}

/* -ENOENT: not the program that the link says it has. A pinned link may be anything. */
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
	prog = pin_get(dir, name);
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

int pin_link_prog(const char *dir, const struct hook_def *def)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char name[DIR_LEN];
	int link, err;

	snprintf(name, sizeof(name), "links/%s", def->name);
	link = pin_get(dir, name);
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
	link = pin_get(dir, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	/* The kernel detaches here, and not in a worker as without a descriptor. */
	if (link >= 0)
		close(link);
}
