// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext_attach_file(): an object's programs, bound to what is loaded and attached where the caller
 * says. All of them or none: attached.c takes away what a failure or a kill leaves.
 */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "attach.h"
#include "bind.h"
#include "elf_check.h"

#define ATTACH_FILES	(2 * ATTACHED_PROGRAMS + 16)

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_-", *c))
			return false;
	return len && len < ATTACHED_NAME;
}

static int set_name(struct attach_job *j)
{
	const char *name = j->opts->name ?: "";

	if (!is_name(name))
		return fail(-EINVAL, "'%s' is not a name; give one of 1 to %d letters, digits, _ and - (--name)",
			    name, ATTACHED_NAME - 1);
	strcpy(j->a.name, name);
	return 0;
}

static int set_file(struct attach_job *j, const char *file)
{
	char *path = realpath(file, NULL);

	if (!path)
		return fail(-errno, "%s: %s; check the path", file, strerror(errno));
	snprintf(j->a.file, sizeof(j->a.file), "%s", path);
	free(path);
	return 0;
}

static int set_dev(struct attach_job *j)
{
	struct attached *a = &j->a;
	int tcx;

	a->ifindex = if_nametoindex(j->opts->dev);
	if (!a->ifindex && errno != ENODEV)
		return fail(-errno, "looking for device %s: %s", j->opts->dev, why_bpf(-errno));
	if (!a->ifindex)
		return fail(-ENODEV, "there is no device %s in this network namespace",
			    j->opts->dev);
	snprintf(a->dev, sizeof(a->dev), "%s", j->opts->dev);
	tcx = tcx_offered(a->ifindex);
	j->tcx = tcx > 0;
	return tcx < 0 ? fail(tcx, "asking what is attached at %s: %s", a->dev, why_bpf(tcx)) :
			 netns_own(a->netns);
}

static int set_cgroup(struct attach_job *j)
{
	const char *dir = j->opts->cgroup;
	struct statfs fs;
	char *path;

	j->cgroup = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->cgroup < 0)
		return fail(-errno, "%s: %s; give the directory of a cgroup", dir, strerror(errno));
	if (fstatfs(j->cgroup, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
		return fail(-EINVAL, "%s is not a directory of cgroup v2, as below /sys/fs/cgroup", dir);
	path = realpath(dir, NULL);
	snprintf(j->a.cgroup, sizeof(j->a.cgroup), "%s", path ?: dir);
	free(path);
	return 0;
}

static int check_opts(const struct skbext_attach_opts *o)
{
	if (!o->dev && !o->cgroup && !o->tracing)
		return fail(-EINVAL, "nothing says where; give a device, a cgroup or tracing");
	if (o->before && o->after)
		return fail(-EINVAL, "a program goes before another or after it, not both");
	if (o->prio && (o->before || o->after))
		return fail(-EINVAL, "the place beside another program is its priority; give one of the two");
	if ((o->prio || o->before || o->after) && !o->dev)
		return fail(-EINVAL, "only at a device there is an order; give one, or omit the order");
	if (o->prio > SKBEXT_MAX_PRIO)
		return fail(-EINVAL, "priority %u is out of range; give 1 to %d", o->prio,
			    SKBEXT_MAX_PRIO);
	return 0;
}

/* The file is there; where libbpf misses something, it is a symbol table. */
static int open_object(struct attach_job *j)
{
	int err = elf_check_file(j->a.file);

	if (err)
		return err;
	j->obj = bpf_object__open_file(j->a.file, NULL);
	if (!j->obj && errno < __LIBBPF_ERRNO__START && errno != EINVAL && errno != ENOENT)
		return fail(-errno, "opening %s: %s", j->a.file, why_bpf(-errno));
	return j->obj ? 0 : fail(-errno, "%s is no BPF object that libbpf can read; compile it with clang -O2 -g -target bpf",
				 j->a.file);
}

static int load_object(struct attach_job *j)
{
	int err = bind_object(j->sk, j->obj);

	if (err)
		return err;
	err = bpf_object__load(j->obj);
	return err ? fail(err, "loading %s: %s; --debug shows what libbpf and the verifier say",
			  attach_base(j->a.file), err == -EACCES ? "the verifier refuses it" :
			  why_load(err)) : 0;
}

static int keep_link(struct attach_job *j, const struct attached_program *p, int link)
{
	int err = link < 0 ? link : attached_pin(j->sk->dir, &j->a, p->name, link);

	if (link >= 0)
		close(link);
	return err;
}

static int attach_tcx(struct attach_job *j, struct attached_program *p, int prog, const struct order *order)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = order->flags,
		    .tcx.relative_id = order->relative_id);

	return keep_link(j, p, bpf_link_create(prog, j->a.ifindex, TCX(p->egress), &opts));
}

/* The program first: it tells whose the filter is. */
static int attach_clsact(struct attach_job *j, struct attached_program *p, int prog)
{
	int err = attached_pin(j->sk->dir, &j->a, p->name, prog);
	bool owns = false;

	for (unsigned int i = 0; i < j->others.nr; i++)
		owns |= j->others.all[i].ifindex == j->a.ifindex && j->others.all[i].owns_qdisc &&
			!memcmp(j->others.all[i].netns, j->a.netns, sizeof(j->a.netns));
	return err ?: clsact_add(&j->a, p, prog, j->map, owns);
}

static int attach_at_dev(struct attach_job *j, struct attached_program *p, int prog)
{
	struct order order;
	int err = order_find(&j->others, &j->a, p->egress, j->opts, j->tcx, &order);

	if (err)
		return err;
	p->prio = order.prio;
	err = j->tcx ? attach_tcx(j, p, prog, &order) : attach_clsact(j, p, prog);
	return err ? fail(err, "attaching %s at %s %s (%s): %s", p->name, j->a.dev,
			  p->egress ? "egress" : "ingress", j->tcx ? "tcx" : "clsact",
			  why_bpf(err)) : 0;
}

static int attach_cgroup(struct attach_job *j, struct attached_program *p, int prog)
{
	int link = bpf_link_create(prog, j->cgroup, p->egress ? BPF_CGROUP_INET_EGRESS :
							       BPF_CGROUP_INET_INGRESS, NULL);
	int err = keep_link(j, p, link);

	return err ? fail(err, "attaching %s at %s: %s", p->name, j->a.cgroup, why_bpf(err)) : 0;
}

static int attach_tracing(struct attach_job *j, struct attached_program *p, struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach(prog);
	int err = link ? attached_pin(j->sk->dir, &j->a, p->name, bpf_link__fd(link)) : -errno;

	bpf_link__destroy(link);
	return err ? fail(err, "attaching %s, section %s: %s", p->name, p->section, why_bpf(err)) :
		     0;
}

static int attach_one(struct attach_job *j, unsigned int n)
{
	struct attached_program *p = &j->a.program[n];
	int fd = bpf_program__fd(j->prog[n]);

	switch (p->place) {
	case PLACE_CGROUP:
		return attach_cgroup(j, p, fd);
	case PLACE_TRACING:
		return attach_tracing(j, p, j->prog[n]);
	default:
		return attach_at_dev(j, p, fd);
	}
}

static int set_ids(struct attach_job *j)
{
	for (unsigned int i = 0; i < j->a.nr; i++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(j->prog[i]), &info, &len))
			return fail(-errno, "looking at program %s: %s", j->a.program[i].name,
				    why_bpf(-errno));
		j->a.program[i].id = info.id;
	}
	return 0;
}

/* The kernel empties one that no process has open and nothing pins: tail calls would go nowhere. */
static int keep_prog_arrays(struct attach_job *j)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, j->obj)
		if (!err && bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY)
			err = attached_pin(j->sk->dir, &j->a, bpf_map__name(map), bpf_map__fd(map));
	return err ? fail(err, "pinning the object's program array: %s", why_bpf(err)) : 0;
}

/* Of those that go to one place the first is to run first. */
static int attach_each(struct attach_job *j)
{
	bool backwards = j->opts->after || !j->tcx;
	int err = 0;

	for (unsigned int i = 0; !err && i < j->a.nr; i++)
		err = attach_one(j, backwards ? j->a.nr - 1 - i : i);
	j->a.whole = !err;
	if (err)
		return err;
	err = attached_write(j->map, &j->a);
	return err ? fail(err, "writing %s/attached/%s: %s", j->sk->dir, j->a.name, why_bpf(err)) : 0;
}

static int attach_all(struct attach_job *j)
{
	int err = set_ids(j);
	struct failure failure;

	if (err)
		return err;
	j->map = attached_create(j->sk->dir, &j->a);
	if (j->map < 0)
		return fail(j->map, "pinning below %s/attached: %s", j->sk->dir, why_bpf(j->map));
	err = keep_prog_arrays(j) ?: attach_each(j);
	close(j->map);
	if (!err)
		return 0;
	failure = failure_keep(err);
	attached_end(j->sk->dir, &j->a);
	attached_leave_dir(j->sk->dir);
	return fail_again(&failure);
}

static int refuse_second(const struct attach_job *j)
{
	const struct attached *a = attached_find(&j->others, j->a.name);

	return a ? fail(-EEXIST, "%s (%s) is attached already; `skbext detach %s` first, or give this one another --name",
			a->name, a->file, a->name) : 0;
}

static int run(struct attach_job *j, const char *file)
{
	__u8 known = types_taken(j->sk->ctl);
	int err = store_stopped(j->sk) ?: need_files(ATTACH_FILES) ?: set_name(j) ?:
		  set_file(j, file);

	err = err ?: attached_clean(j->sk->dir) ?: attached_read(j->sk->dir, &j->others);
	err = err ?: refuse_second(j);
	err = err ?: j->opts->dev ? set_dev(j) : 0;
	err = err ?: j->opts->cgroup ? set_cgroup(j) : 0;
	err = err ?: open_object(j) ?: attach_choose(j) ?: load_object(j) ?: attach_all(j);
	if (err)
		types_forget_but(j->sk, known);
	return err;
}

static int run_locked(struct attach_job *j, const char *file)
{
	libbpf_print_fn_t print;
	int lock = pin_lock(j->sk), err;

	if (lock < 0)
		return lock;
	print = libbpf_set_print(object_quiet);
	err = run(j, file);
	libbpf_set_print(print);
	close(lock);
	return err;
}

int skbext_attach_file(const char *file, const struct skbext_attach_opts *opts,
		       const char *bpffs_dir)
{
	struct skbext_attach_opts o = { .sz = sizeof(o) };
	struct attach_job *j;
	int err;

	memcpy(&o, opts, opts->sz < sizeof(o) ? opts->sz : sizeof(o));
	err = check_opts(&o);
	if (err)
		return err;
	j = calloc(1, sizeof(*j));
	if (!j)
		return fail(-ENOMEM, "out of memory");
	j->opts = &o;
	j->cgroup = -1;
	j->sk = skbext_open_pinned(bpffs_dir);
	err = j->sk ? run_locked(j, file) : -errno;
	if (j->cgroup >= 0)
		close(j->cgroup);
	bpf_object__close(j->obj);
	skbext_close(j->sk);
	free(j->others.all);
	err = err ?: (int)j->left_out;
	free(j);
	return set_errno(err);
}
