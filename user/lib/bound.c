// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Bound programs: those of the kernel's list that hold a map of a loaded skbext, but for its
 * own. It looks at pins alone, so that it also sees who is bound to what is damaged or of another
 * version.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <time.h>

#include "bound.h"
#include "dir.h"
#include "internal.h"

#define MAX_MAPS	64	/* of one program: the kernel's MAX_USED_MAPS */
#define ENDING_TRIES	50	/* looks at programs that are ending, 20 ms apart */
#define SECTION		".rodata.skbext"
#define VAR_PREFIX	"__skbext_type_"

struct own {
	__u32 map[MAP_REFS + 1];
	__u32 prog[16 * MAX_HOOKS];
	unsigned int nr_progs;
};

static int not_seen(const char *dir, int err)
{
	return fail(err, "looking for programs that are bound to %s: %s", dir,
		    err == -EPERM || err == -EACCES ?
			    "the kernel lists programs to CAP_SYS_ADMIN alone; run as root" :
			    why_bpf(err));
}

/* The id of the program, or of a link's program. -ENOENT: there is no such pin. */
static int own_prog(struct own *own, const char *path, bool is_link)
{
	struct bpf_link_info link = {};
	struct bpf_prog_info prog = {};
	__u32 link_len = sizeof(link), prog_len = sizeof(prog);
	int fd = bpf_obj_get(path), err;

	if (fd < 0)
		return -errno;
	err = is_link ? bpf_obj_get_info_by_fd(fd, &link, &link_len) :
			bpf_obj_get_info_by_fd(fd, &prog, &prog_len);
	err = err ? -errno : 0;
	close(fd);
	if (!err && own->nr_progs < ARRAY_SIZE(own->prog))
		own->prog[own->nr_progs++] = is_link ? link.prog_id : prog.id;
	return err;
}

static int own_progs_in(struct own *own, const char *dir, const char *sub)
{
	bool is_link = strcmp(sub, "progs");
	char path[PATH_LEN + NAME_MAX];
	struct dirent *e;
	int err = 0;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err == -ENOENT ? 0 : err;
	}
	while (!err && (errno = 0, e = readdir(d))) {
		if (e->d_type != DT_REG)
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, e->d_name);
		err = own_prog(own, path, is_link);
	}
	err = err ?: -errno;
	closedir(d);
	return err == -ENOENT ? 0 : err;
}

static int own_progs_of(const char *dir, void *arg)
{
	struct own *own = arg;
	char op[PATH_LEN + NAME_MAX];
	int err;

	snprintf(op, sizeof(op), "%s/op", dir);
	err = own_prog(own, op, false);
	err = err == -ENOENT ? 0 : err;
	return err ?: own_progs_in(own, dir, "links") ?: own_progs_in(own, dir, "progs");
}

static bool is_gone_or_not_ours(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -ELOOP || err == -EXDEV || err == -EPERM;
}

/* What another user has put there, or has gone, may say what it likes. */
static int own_progs_beside(const char *dir, void *own)
{
	int err = own_progs_of(dir, own), fd = dir_open_at(AT_FDCWD, dir);

	if (fd < 0)
		return is_gone_or_not_ours(fd) ? 0 : fd;
	close(fd);
	return err;
}

/* While one version replaces another both have programs. */
static int own_progs(struct own *own, const char *dir)
{
	return own_progs_of(dir, own) ?: dir_each_half_made(dir, own_progs_beside, own);
}

static int own_map(const char *dir, enum map_id which, __u32 *id)
{
	struct bpf_map_info info;
	char path[PATH_LEN];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", dir, map_pin_name(which));
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* Another kind of pin leaves its id elsewhere; the type is not a map's then. */
	err = map_info(fd, &info);
	if (!err && info.type == BPF_MAP_TYPE_ARRAY)
		*id = info.id;
	close(fd);
	return err;
}

static int learn_own(const char *dir, struct own *own)
{
	int err = 0;

	for (int i = MAP_CTL; !err && i <= MAP_REFS; i++)
		err = own_map(dir, i, &own->map[i]);
	return err ?: own_progs(own, dir);
}

static bool is_in(const __u32 *ids, unsigned int n, __u32 id)
{
	for (unsigned int i = 0; id && i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool holds_ours(const struct own *own, const __u32 *maps, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (is_in(own->map, ARRAY_SIZE(own->map), maps[i]))
			return true;
	return false;
}

/* The bits that skbext_bind() wrote into the object's types; -1: it has no such section. */
static int types_in(const struct btf *btf, __u32 sec_id, const char *data, size_t size)
{
	const struct btf_type *sec = btf__type_by_id(btf, sec_id);
	__u32 types = 0;

	if (!sec || !btf_is_datasec(sec) || strcmp(btf__name_by_offset(btf, sec->name_off), SECTION))
		return -1;
	for (int i = 0; i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *vi = btf_var_secinfos(sec) + i;
		const struct btf_type *var = btf__type_by_id(btf, vi->type);
		const char *name = var ? btf__name_by_offset(btf, var->name_off) : NULL;
		__u32 active;

		if (!name || strncmp(name, VAR_PREFIX, strlen(VAR_PREFIX)) ||
		    (__u64)vi->offset + sizeof(active) > size)
			continue;
		memcpy(&active, data + vi->offset, sizeof(active));
		types |= active;
	}
	return types & 0xff;
}

static int types_of_map(int fd)
{
	const __u32 zero = 0;
	struct bpf_map_info info;
	struct btf *btf = NULL;
	char *data = NULL;
	int types = -1;

	if (!map_info(fd, &info) && info.type == BPF_MAP_TYPE_ARRAY &&
	    info.btf_id && info.value_size < 1U << 20)
		btf = btf__load_from_kernel_by_id(info.btf_id);
	if (btf)
		data = calloc(1, (info.value_size + 7) / 8 * 8);
	if (data && !bpf_map_lookup_elem(fd, &zero, data))
		types = types_in(btf, info.btf_value_type_id, data, info.value_size);
	free(data);
	btf__free(btf);
	return types;
}

static void find_types(struct bound *b, const __u32 *maps, unsigned int n)
{
	for (unsigned int i = 0; i < n && !b->types_known; i++) {
		int fd = bpf_map_get_fd_by_id(maps[i]);
		int types = fd < 0 ? -1 : types_of_map(fd);

		if (types >= 0) {
			b->types_known = true;
			b->types = types;
		}
		if (fd >= 0)
			close(fd);
	}
}

/* The kernel keeps 15 characters of a name; BTF has all of it. */
static void find_name(struct bound *b, int fd, const struct bpf_prog_info *known)
{
	struct bpf_func_info func = {};
	struct bpf_prog_info info = {
		.func_info = (__u64)&func, .nr_func_info = 1, .func_info_rec_size = sizeof(func),
	};
	__u32 len = sizeof(info);
	const struct btf_type *t;
	struct btf *btf = NULL;

	snprintf(b->name, sizeof(b->name), "%s", known->name);
	if (known->btf_id && !bpf_obj_get_info_by_fd(fd, &info, &len) && func.type_id)
		btf = btf__load_from_kernel_by_id(known->btf_id);
	t = btf ? btf__type_by_id(btf, func.type_id) : NULL;
	if (t && btf_is_func(t))
		snprintf(b->name, sizeof(b->name), "%s", btf__name_by_offset(btf, t->name_off));
	btf__free(btf);
}

static int add_bound(struct bound_list *list, int fd, const struct bpf_prog_info *info,
		     const __u32 *maps, unsigned int nr_maps)
{
	struct bound *more = reallocarray(list->bound, list->nr + 1, sizeof(*more)), *b;

	if (!more)
		return -ENOMEM;
	list->bound = more;
	b = more + list->nr++;
	*b = (struct bound){ .id = info->id, .type = info->type };
	memcpy(b->tag, info->tag, sizeof(b->tag));
	find_name(b, fd, info);
	find_types(b, maps, nr_maps);
	return 0;
}

/* A program may have ended since its id was read. */
static int look_at(const struct own *own, struct bound_list *list, __u32 id)
{
	__u32 maps[MAX_MAPS];
	struct bpf_prog_info info = { .map_ids = (__u64)maps, .nr_map_ids = MAX_MAPS };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id), err = 0;
	unsigned int nr_maps;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		err = -errno;
	nr_maps = info.nr_map_ids < MAX_MAPS ? info.nr_map_ids : MAX_MAPS;
	if (!err && holds_ours(own, maps, nr_maps) && !is_in(own->prog, own->nr_progs, id))
		err = add_bound(list, fd, &info, maps, nr_maps);
	close(fd);
	return err;
}

int bound_read(const char *dir, struct bound_list *list)
{
	struct own own = {};
	__u32 id = 0;
	int err;

	*list = (struct bound_list){};
	if (access(dir, F_OK))
		return errno == ENOENT ?
		       fail(-errno, "no skbext is loaded under %s; `skbext load` first", dir) :
		       fail(-errno, "%s cannot be reached: %s", dir, why_bpf(-errno));
	err = learn_own(dir, &own);
	if (err)
		return fail(err, "looking at the pins under %s: %s", dir, why_bpf(err));
	while (!err) {
		if (bpf_prog_get_next_id(id, &id)) {
			err = errno == ENOENT ? 0 : -errno;
			break;
		}
		err = look_at(&own, list, id);
	}
	if (!err) {
		bound_find_holders(list);
		return 0;
	}
	bound_free(list);
	return not_seen(dir, err);
}

static void keep_users(struct bound_list *list, int type)
{
	unsigned int users = 0;

	for (unsigned int i = 0; i < list->nr; i++) {
		const struct bound *b = &list->bound[i];

		if (type < 0 || !b->types_known || b->types & 1 << type)
			list->bound[users++] = *b;
	}
	list->nr = users;
}

/* A program that was detached ends some time later; nothing that can be seen holds it then. */
static bool may_be_ending(const struct bound_list *list)
{
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->bound[i].nr_pids || list->bound[i].pin[0])
			return false;
	return list->nr;
}

int bound_read_users(const char *dir, int type, struct bound_list *list)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int err = bound_read(dir, list);

	keep_users(list, type);
	for (int i = 0; !err && may_be_ending(list) && i < ENDING_TRIES; i++) {
		bound_free(list);
		nanosleep(&pause, NULL);
		err = bound_read(dir, list);
		keep_users(list, type);
	}
	return err;
}

void bound_free(struct bound_list *list)
{
	free(list->bound);
	*list = (struct bound_list){};
}

static int name_one(const struct bound *b, char *text, size_t size)
{
	char holder[sizeof(b->pin) + 16] = "";

	if (b->nr_pids)
		snprintf(holder, sizeof(holder), ", pid %u", b->pid[0]);
	else if (b->pin[0])
		snprintf(holder, sizeof(holder), ", pinned as %s", b->pin);
	return snprintf(text, size, "%s (id %u%s)", b->name, b->id, holder);
}

void bound_name(const struct bound_list *list, char *text, size_t size)
{
	int used = name_one(list->bound, text, size);

	if (list->nr > 1 && used < (int)size)
		snprintf(text + used, size - used, " and %u more", list->nr - 1);
}

void bound_names(const struct bound_list *list, char *text, size_t size)
{
	char one[sizeof(list->bound->pin) + 128];
	size_t used = 0;

	for (unsigned int i = 0; i < list->nr; i++) {
		int len = name_one(&list->bound[i], one, sizeof(one));

		if (used + len + sizeof(", and 4294967295 more") > size) {
			snprintf(text + used, size - used, "%s%u more", i ? ", and " : "", list->nr - i);
			return;
		}
		used += snprintf(text + used, size - used, "%s%s", i ? ", " : "", one);
	}
}

int skbext_for_each_bound(const char *bpffs_dir, int (*fn)(const struct skbext_bound *, void *),
			  void *arg)
{
	struct bound_list list;
	int ret = bound_read(dir_or_default(bpffs_dir), &list);

	for (unsigned int i = 0; !ret && i < list.nr; i++) {
		const struct bound *b = list.bound + i;
		struct skbext_bound show = {
			.sz = sizeof(show), .id = b->id, .prog_type = b->type, .name = b->name,
			.pids = b->pid, .nr_pids = b->nr_pids, .pin = b->pin[0] ? b->pin : NULL,
			.types_known = b->types_known, .types = b->types,
		};

		memcpy(show.tag, b->tag, sizeof(show.tag));
		ret = fn(&show, arg);
	}
	bound_free(&list);
	return ret;
}
