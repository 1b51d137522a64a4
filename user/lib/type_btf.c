// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The BTF of types: for each type that has it a pinned map of one value, whose only use is to hold
 * that BTF in the kernel (BTF itself cannot be pinned).
 */
#include "internal.h"

/* A map whose value has this BTF. A type without is no worse, but for dump. */
static int btf_map(__u32 size, const struct btf *btf, __u32 type_id)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	__u32 key, value;
	int fd;

	opts.btf_fd = btf_load_type(btf, type_id, &key, &value);
	if ((int)opts.btf_fd < 0)
		return -1;
	opts.btf_key_type_id = key;
	opts.btf_value_type_id = value;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skbext_type", sizeof(__u32), size, 1, &opts);
	close(opts.btf_fd);
	return fd < 0 ? -1 : fd;
}

static int pin_as(struct skbext *sk, unsigned int id, const char *dir, const char *name)
{
	char path[PATH_LEN];

	if (sk->type_map[id] < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/types/%s", dir, name);
	unlink(path);		/* left by a process that died before its type was in the table */
	return bpf_obj_pin(sk->type_map[id], path) ? -errno : 0;
}

int type_keep_btf(struct skbext *sk, unsigned int id, const char *name, const struct btf *btf,
		  __u32 type_id)
{
	sk->type_map[id] = btf ? btf_map(sk->ctl->types[id].size, btf, type_id) : -1;
	return sk->pinned ? pin_as(sk, id, sk->dir, name) : 0;
}

int type_pin(struct skbext *sk, unsigned int id, const char *dir)
{
	return pin_as(sk, id, dir, sk->ctl->types[id].name);
}

struct btf *skbext_type_btf(struct skbext *sk, unsigned int id, __u32 *type_id)
{
	struct bpf_map_info info;
	char path[PATH_LEN];
	struct btf *btf = NULL;
	int fd, err;

	if (id >= SKBEXT_MAX_TYPES || !type_is_there(&sk->ctl->types[id]) ||
	    (sk->type_map[id] < 0 && !sk->pinned))
		return errno = ENOENT, NULL;
	snprintf(path, sizeof(path), "%s/types/%s", sk->dir, sk->ctl->types[id].name);
	fd = sk->type_map[id] >= 0 ? dup(sk->type_map[id]) : bpf_obj_get(path);
	err = fd < 0 ? -errno : map_info(fd, &info) ?: info.btf_id ? 0 : -ENOENT;
	if (fd >= 0)
		close(fd);
	if (!err) {
		btf = btf__load_from_kernel_by_id(info.btf_id);
		err = btf ? 0 : -errno;
		*type_id = info.btf_value_type_id;
	}
	if (!btf)
		fail(err, "BTF of type %s: %s", sk->ctl->types[id].name, why_bpf(err));
	return btf;
}

/* `load --type` gives no BTF; the first object that has it does. */
int type_adopt_btf(struct skbext *sk, int id, const struct btf *btf, __u32 type_id)
{
	__u32 known;
	struct btf *have = skbext_type_btf(sk, id, &known);

	if (!have && btf) {
		sk->type_map[id] = btf_map(sk->ctl->types[id].size, btf, type_id);
		if (sk->pinned)
			type_pin(sk, id, sk->dir);
	}
	btf__free(have);
	return id;
}

void type_drop_btf(struct skbext *sk, unsigned int id)
{
	const struct skbext_type_info *t = &sk->ctl->types[id];
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/types/%s", sk->dir, t->name);
	if (sk->pinned)
		unlink(path);
	if (sk->type_map[id] >= 0)
		close(sk->type_map[id]);
	sk->type_map[id] = -1;
}
