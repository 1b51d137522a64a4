// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext_bind(): every SKBEXT_TYPE of an object is a variable in its .rodata.skbext (skbext.bpf.h).
 * Each is registered, and gets its bit and its payload's offset, which the verifier then knows as
 * constants.
 */
#include "internal.h"
#include "bind.h"

#define SECTION		".rodata.skbext"
#define VAR_PREFIX	"__skbext_type_"

#define MAX_MODIFIERS	16	/* of one type; more are damage, or lead back to where they began */

/* An object's BTF is input: ids, names and kinds may be anything. 0: nothing that can be used. */
static __u32 strip(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int i = 0; t && btf_is_mod(t); i++) {
		if (i == MAX_MODIFIERS)
			return 0;
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	return t ? id : 0;
}

static bool is_called(const struct btf *btf, __u32 name_off, const char *wanted)
{
	const char *name = btf__name_by_offset(btf, name_off);

	return name && !strcmp(name, wanted);
}

/* The type of a struct's member; 0: not a struct, or it has no such member. */
static __u32 member_type(const struct btf *btf, __u32 id, const char *name)
{
	const struct btf_type *t = btf__type_by_id(btf, strip(btf, id));

	for (int i = 0; t && btf_is_struct(t) && i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;

		if (is_called(btf, m->name_off, name))
			return m->type;
	}
	return 0;
}

/* The function that the variable's member `box` points to returns a struct with a member `payload`. */
static __u32 payload_type(const struct btf *btf, __u32 var_type)
{
	__u32 id = strip(btf, member_type(btf, var_type, "box"));
	const struct btf_type *t = btf__type_by_id(btf, id);

	if (!t || !btf_is_ptr(t))
		return 0;
	t = btf__type_by_id(btf, strip(btf, t->type));
	return t && btf_is_func_proto(t) ? member_type(btf, t->type, "payload") : 0;
}

int damaged_object(void)
{
	return fail(-EINVAL, "damaged object: what its BTF says of section " SECTION " is not so; compile it again");
}

/* A write to one variable must not reach another. libbpf has sorted them by offset. */
static int check_apart(const struct btf_type *sec)
{
	const struct btf_var_secinfo *vi = btf_var_secinfos(sec);

	for (int i = 1; i < btf_vlen(sec); i++)
		if (vi[i].offset < (__u64)vi[i - 1].offset + vi[i - 1].size)
			return damaged_object();
	return 0;
}

static int register_all(struct skbext *sk, const struct btf *btf, const struct btf_type *sec,
			char *data, size_t size, int *bound)
{
	for (int i = 0; i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *vi = btf_var_secinfos(sec) + i;
		const struct btf_type *var = btf__type_by_id(btf, vi->type);
		const char *name = var && btf_is_var(var) ?
				   btf__name_by_offset(btf, var->name_off) : NULL;
		struct skbext_type_head *ref = (void *)(data + vi->offset);
		int id;

		if (name && strncmp(name, VAR_PREFIX, strlen(VAR_PREFIX)))
			continue;
		if (!name || vi->size < sizeof(*ref) || (__u64)vi->offset + sizeof(*ref) > size ||
		    (unsigned long)ref % _Alignof(struct skbext_type_head))
			return damaged_object();
		id = type_register(sk, name + strlen(VAR_PREFIX), ref->size, ref->flags, btf,
				   payload_type(btf, var->type));
		if (id < 0)
			return id;
		ref->active = 1U << id;
		types_use(sk, 1U << id);
		ref->offset = sk->ctl->types[id].offset;
		ref->mask = SKBEXT_MASK_OF(sk->ctl->payload, sk->ctl->buckets);
		ref->entering = ref->mask | (sk->ctl->types[id].max ? SKBEXT_LIMITED : 0);
		++*bound;
	}
	return 0;
}

/* All types of the section or none of them. */
int bind_section(struct skbext *sk, const struct btf *btf, char *data, size_t size)
{
	int sec = btf ? btf__find_by_name_kind(btf, SECTION, BTF_KIND_DATASEC) : -ENOENT;
	__u8 known = types_taken(sk->ctl);
	int err, bound = 0;

	if (sec < 0 || !data)
		return fail(-EINVAL, "the object has no SKBEXT_TYPE, or was compiled without -g; nothing to bind");
	err = check_apart(btf__type_by_id(btf, sec));
	err = err ?: register_all(sk, btf, btf__type_by_id(btf, sec), data, size, &bound);
	if (!err && !bound)
		err = fail(-EINVAL,
			   "the object has no SKBEXT_TYPE; declare the types that it uses");
	if (err)
		types_forget_but(sk, known);
	return err;
}

int bind_object(struct skbext *sk, struct bpf_object *obj)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(obj, SECTION);
	size_t size = 0;
	char *data = rodata ? bpf_map__initial_value(rodata, &size) : NULL;
	int err;

	if (rodata && bpf_map__fd(rodata) >= 0)
		return fail(-EBUSY, "object %s is loaded already; bind it between open and load",
			    bpf_object__name(obj));
	/* The maps first: they say plainly when the object is not ours, and register nothing. */
	err = maps_bind(obj, sk->map, sk->ctl);
	err = err ?: bind_check_adds(obj);
	return err ?: bind_section(sk, bpf_object__btf(obj), data, size);
}

int skbext_bind_to(struct skbext *sk, struct bpf_object *obj)
{
	int lock, err;

	if (!sk->ctl)
		return fail(-EINVAL,
			    "only what is loaded can be bound to; call skbext_load() first");
	err = lock_pinned(sk, &lock) ?: store_stopped(sk) ?: bind_object(sk, obj);
	unlock(lock);
	return err;
}

int skbext_bind(struct bpf_object *obj, const char *bpffs_dir)
{
	struct skbext *sk = skbext_open_pinned(bpffs_dir);
	int err = sk ? skbext_bind_to(sk, obj) : -errno;

	skbext_close(sk);
	return set_errno(err);
}
