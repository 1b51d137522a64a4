// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The attached programs as users see them: where each is, and whether that is still there. */
#include "attach.h"
#include "dir.h"

/* A link of tcx or of a cgroup tells its place: 0 once that has gone. */
static bool link_is_there(const char *dir, const struct attached *a,
			  const struct attached_program *p)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_LEN];
	int fd, err;

	attached_path(path, dir, a, p->name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno != ENOENT;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err || p->place == PLACE_TRACING)
		return true;
	/* .tcx.ifindex, which older headers have not, lies where .netns.netns_ino does. */
	return p->place == PLACE_TCX ? info.netns.netns_ino : info.cgroup.cgroup_id;
}

static bool is_there(const char *dir, const struct attached *a, const struct attached_program *p)
{
	return p->place == PLACE_CLSACT ? clsact_is_there(a, p) : link_is_there(dir, a, p);
}

bool attached_is_gone(const char *dir, const struct attached *a)
{
	for (unsigned int i = 0; i < a->nr; i++)
		if (is_there(dir, a, &a->program[i]))
			return false;
	return true;
}

static const char *how(const struct attached_program *p)
{
	static const char *const names[] = { "none", "tcx", "clsact", "cgroup", "tracing" };

	return p->place < ARRAY_SIZE(names) ? names[p->place] : "unknown";
}

/* A device may have got another name since. That of another network namespace is not looked up. */
static const char *name_now(const struct attached *a, char now[IF_NAMESIZE])
{
	__u64 own[2];

	return !netns_own(own) && own[0] == a->netns[0] && own[1] == a->netns[1] &&
	       if_indextoname(a->ifindex, now) ? now : a->dev;
}

static int show(const char *dir, const struct attached *a, const struct attached_program *p,
		int (*fn)(const struct skbext_attached *, void *), void *arg)
{
	bool at_dev = p->place == PLACE_TCX || p->place == PLACE_CLSACT;
	char now[IF_NAMESIZE];
	struct skbext_attached one = {
		.sz = sizeof(one), .name = a->name, .file = a->file, .program = p->name,
		.section = p->section, .id = p->id, .how = how(p),
		.dev = at_dev ? name_now(a, now) : NULL, .netns = at_dev ? a->netns[1] : 0,
		.cgroup = p->place == PLACE_CGROUP ? a->cgroup : NULL,
		.direction = p->place == PLACE_TRACING ? SKBEXT_BY_SECTION :
			     p->egress ? SKBEXT_EGRESS : SKBEXT_INGRESS,
		.prio = at_dev ? p->prio : 0, .gone = !is_there(dir, a, p),
	};

	return fn(&one, arg);
}

static int show_all(const char *dir, const struct attached *a,
		    int (*fn)(const struct skbext_attached *, void *), void *arg)
{
	int ret = 0;

	for (unsigned int i = 0; a->whole && !ret && i < a->nr; i++)
		ret = show(dir, a, &a->program[i], fn, arg);
	return ret;
}

int skbext_for_each_attached(const char *bpffs_dir,
			     int (*fn)(const struct skbext_attached *, void *), void *arg)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	const char *dir = dir_or_default(bpffs_dir);
	struct attached_list list;
	int ret = attached_read(dir, &list);

	for (unsigned int i = 0; !ret && i < list.nr; i++)
		ret = show_all(dir, &list.all[i], fn, arg);
	free(list.all);
	libbpf_set_print(print);
	return ret;
}
