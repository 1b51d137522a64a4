// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The BTF of one payload, taken out of its object's and loaded into the kernel by itself: an
 * object's own BTF is not loadable before libbpf has completed it, and would keep all of it in the
 * kernel for one struct.
 */
#include <stdint.h>

#include "internal.h"

#define MAX_DEPTH	64	/* of types in types: an object's BTF is input */
#define UNDER_WAY	UINT32_MAX

struct copy {
	const struct btf *from;
	struct btf *to;
	__u32 *ids;		/* by id in from; 0: not copied yet; UNDER_WAY */
	int depth;
};

static int copy_type(struct copy *c, __u32 id);

static const char *name_of(struct copy *c, __u32 off)
{
	return btf__name_by_offset(c->from, off);
}

/* A struct's fields follow it at once, so what they refer to comes first. */
static int copy_member_types(struct copy *c, const struct btf_type *t, __u32 *types)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		int type = copy_type(c, btf_members(t)[i].type);

		if (type < 0)
			return type;
		types[i] = type;
	}
	return 0;
}

static int copy_with_types(struct copy *c, const struct btf_type *t, const __u32 *types)
{
	const struct btf_member *m = btf_members(t);
	int n = btf_vlen(t), id;

	id = btf_is_union(t) ? btf__add_union(c->to, name_of(c, t->name_off), t->size) :
			       btf__add_struct(c->to, name_of(c, t->name_off), t->size);
	for (int i = 0; id > 0 && i < n; i++) {
		int err = btf__add_field(c->to, name_of(c, m[i].name_off), types[i],
					 btf_member_bit_offset(t, i),
					 btf_member_bitfield_size(t, i));
		if (err)
			return err;
	}
	return id;
}

static int copy_members(struct copy *c, const struct btf_type *t)
{
	__u32 *types = calloc(btf_vlen(t) + 1, sizeof(*types));
	int id = types ? copy_member_types(c, t, types) : -ENOMEM;

	id = id ?: copy_with_types(c, t, types);
	free(types);
	return id;
}

/* Without a negative value libbpf adds one without a sign; compilers say since clang 15 which it has. */
static int copy_sign(struct copy *c, const struct btf_type *t, int id)
{
	struct btf_type *copied = (struct btf_type *)btf__type_by_id(c->to, id);

	if (id > 0 && btf_kflag(t))
		copied->info |= 1U << 31;
	return id;
}

static int copy_enum(struct copy *c, const struct btf_type *t)
{
	const struct btf_enum *v = btf_enum(t);
	int id = btf__add_enum(c->to, name_of(c, t->name_off), t->size);

	for (int i = 0; id > 0 && i < btf_vlen(t); i++) {
		int err = btf__add_enum_value(c->to, name_of(c, v[i].name_off), v[i].val);

		if (err)
			return err;
	}
	return copy_sign(c, t, id);
}

static int copy_enum64(struct copy *c, const struct btf_type *t)
{
	const struct btf_enum64 *v = btf_enum64(t);
	int id = btf__add_enum64(c->to, name_of(c, t->name_off), t->size, btf_kflag(t));

	for (int i = 0; id > 0 && i < btf_vlen(t); i++) {
		int err = btf__add_enum64_value(c->to, name_of(c, v[i].name_off),
						btf_enum64_value(&v[i]));

		if (err)
			return err;
	}
	return id;
}

static int copy_array(struct copy *c, const struct btf_type *t)
{
	int index = copy_type(c, btf_array(t)->index_type);
	int elem = copy_type(c, btf_array(t)->type);

	if (index < 0 || elem < 0)
		return index < 0 ? index : elem;
	return btf__add_array(c->to, index, elem, btf_array(t)->nelems);
}

/* A name or qualifier of another type; one that says nothing about the bytes is left out. */
static int copy_named(struct copy *c, const struct btf_type *t)
{
	int type = copy_type(c, t->type);

	if (type < 0 || !btf_is_typedef(t))
		return type;
	return btf__add_typedef(c->to, name_of(c, t->name_off), type);
}

static int copy_new(struct copy *c, const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		return btf__add_int(c->to, name_of(c, t->name_off), t->size, btf_int_encoding(t));
	case BTF_KIND_FLOAT:
		return btf__add_float(c->to, name_of(c, t->name_off), t->size);
	case BTF_KIND_PTR:
		/* Printed as an address: what it points to may lead back here. */
		return btf__add_ptr(c->to, 0);
	case BTF_KIND_ENUM:
		return copy_enum(c, t);
	case BTF_KIND_ENUM64:
		return copy_enum64(c, t);
	case BTF_KIND_ARRAY:
		return copy_array(c, t);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_members(c, t);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
		return copy_named(c, t);
	default:
		return -EOPNOTSUPP;
	}
}

static int copy_type(struct copy *c, __u32 id)
{
	int copied;

	if (!id)
		return 0;
	if (id >= btf__type_cnt(c->from) || c->ids[id] == UNDER_WAY || c->depth == MAX_DEPTH)
		return -EINVAL;		/* no such type, one that contains itself, a tower */
	if (!c->ids[id]) {
		c->ids[id] = UNDER_WAY;
		c->depth++;
		copied = copy_new(c, btf__type_by_id(c->from, id));
		c->depth--;
		c->ids[id] = copied < 0 ? 0 : copied;
		if (copied < 0)
			return copied;
	}
	return c->ids[id];
}

int btf_load_type(const struct btf *src, __u32 type_id, __u32 *int_id, __u32 *loaded_id)
{
	struct copy c = { .from = src, .to = btf__new_empty() };
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	int id, fd = -1;

	c.ids = calloc(btf__type_cnt(src), sizeof(*c.ids));
	if (!c.to || !c.ids)
		goto out;
	*int_id = btf__add_int(c.to, "unsigned int", 4, 0);
	id = copy_type(&c, type_id);
	if (id <= 0 || btf__load_into_kernel(c.to))
		goto out;
	*loaded_id = id;
	fd = dup(btf__fd(c.to));
out:
	libbpf_set_print(print);
	btf__free(c.to);
	free(c.ids);
	return fd;
}
