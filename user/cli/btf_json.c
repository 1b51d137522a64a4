// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A value of a BTF type as JSON. Structs and unions become objects (anonymous members join the one
 * around them), arrays lists, arrays of printable char strings, enums names, pointers and integers
 * above 2^63, which jansson has no room for, strings. Data may be any bytes: nothing is read
 * beyond its size.
 */
#include <bpf/btf.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define MAX_DEPTH 32	/* BTF of a damaged pin may loop */

struct walk {
	const struct btf *btf;
	const unsigned char *data;
	size_t size;
	int depth;
};

static json_t *walk_value(struct walk *w, __u32 id, size_t offset);

static const struct btf_type *resolve(const struct walk *w, __u32 *id)
{
	const struct btf_type *t = btf__type_by_id(w->btf, *id);

	for (int i = 0; t && i < MAX_DEPTH; i++) {
		if (!btf_is_mod(t) && !btf_is_typedef(t))
			return t;
		*id = t->type;
		t = btf__type_by_id(w->btf, *id);
	}
	return NULL;
}

/* As compilers lay out bitfields: from the least significant bit on little endian, else most. */
static __u64 read_bits(const struct walk *w, size_t bit, unsigned int nr)
{
	__u64 value = 0;

	for (unsigned int i = 0; i < nr; i++, bit++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		value |= (__u64)(w->data[bit / 8] >> bit % 8 & 1) << i;
#else
		value = value << 1 | (w->data[bit / 8] >> (7 - bit % 8) & 1);
#endif
	}
	return value;
}

static __s64 sign_extend(__u64 value, unsigned int bits)
{
	return bits && bits < 64 ? (__s64)(value << (64 - bits)) >> (64 - bits) : (__s64)value;
}

static json_t *hex_string(const unsigned char *data, size_t size)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < size && i < 64; i++)
		sprintf(text + 2 * i, "%02x", data[i]);
	return json_string(text);
}

static json_t *unsigned_json(__u64 value)
{
	char text[24];

	if (value <= INT64_MAX)
		return json_integer(value);
	snprintf(text, sizeof(text), "%llu", value);
	return json_string(text);
}

static json_t *int_json(const struct btf_type *t, __u64 value, unsigned int bits)
{
	int encoding = btf_int_encoding(t);

	if (encoding & BTF_INT_BOOL)
		return json_boolean(value);
	if (encoding & BTF_INT_SIGNED)
		return json_integer(sign_extend(value, bits));
	return unsigned_json(value);
}

static json_t *enum_json(const struct walk *w, const struct btf_type *t, __u64 value,
			 unsigned int bits)
{
	__u64 mask = bits < 64 ? (1ULL << bits) - 1 : ~0ULL;
	bool is_signed = btf_kflag(t);	/* compilers say so since clang 15 */

	for (int i = 0; i < btf_vlen(t); i++) {
		bool wide = btf_is_enum64(t);
		__u64 one = wide ? btf_enum64_value(&btf_enum64(t)[i]) : (__u64)btf_enum(t)[i].val;
		__u32 name = wide ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;

		if ((one & mask) == value)
			return json_string(btf__name_by_offset(w->btf, name));
		is_signed |= !wide && btf_enum(t)[i].val < 0;
	}
	return is_signed ? json_integer(sign_extend(value, bits)) : unsigned_json(value);
}

static json_t *scalar_json(const struct walk *w, const struct btf_type *t, size_t bit,
			   unsigned int bits)
{
	__u64 value;

	if (bits > 64)
		return hex_string(w->data + bit / 8, bits / 8);
	value = read_bits(w, bit, bits);
	return btf_is_int(t) ? int_json(t, value, bits) : enum_json(w, t, value, bits);
}

static json_t *float_json(const struct walk *w, const struct btf_type *t, size_t offset)
{
	double d = 0;
	float f;
	json_t *json;

	if (t->size == sizeof(f)) {
		memcpy(&f, w->data + offset, sizeof(f));
		d = f;
	} else if (t->size == sizeof(d)) {
		memcpy(&d, w->data + offset, sizeof(d));
	} else {
		return hex_string(w->data + offset, t->size);
	}
	json = json_real(d);
	return json ?: json_null();	/* JSON has no NaN */
}

static json_t *pointer_json(const struct walk *w, size_t offset)
{
	char text[24];
	void *p;

	memcpy(&p, w->data + offset, sizeof(p));
	snprintf(text, sizeof(text), "%p", p);
	return json_string(p ? text : "0x0");
}

/* Printable up to the first NUL, and nothing but NULs behind it, so that a string loses no byte. */
static bool is_text(const unsigned char *s, size_t size)
{
	size_t len = strnlen((const char *)s, size);

	for (size_t i = 0; i < size; i++)
		if (i < len ? !isascii(s[i]) || !isprint(s[i]) : s[i])
			return false;
	return true;
}

static json_t *array_json(struct walk *w, const struct btf_type *t, size_t offset)
{
	const struct btf_array *array = btf_array(t);
	const char *data = (const char *)w->data + offset;
	__u32 id = array->type;
	const struct btf_type *elem = resolve(w, &id);
	__s64 size = btf__resolve_size(w->btf, array->type);
	json_t *list;

	if (!elem || size < 0)
		return NULL;
	if (btf_is_int(elem) && elem->size == 1 && array->nelems &&
	    !strcmp(btf__name_by_offset(w->btf, elem->name_off), "char") &&
	    is_text((const unsigned char *)data, array->nelems))
		return json_stringn(data, strnlen(data, array->nelems));
	list = json_array();
	for (__u32 i = 0; size && i < array->nelems; i++) {
		if (json_array_append_new(list, walk_value(w, array->type, offset + i * size))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *member_json(struct walk *w, const struct btf_type *t, int i, size_t offset)
{
	unsigned int bits = btf_member_bitfield_size(t, i);
	size_t bit = offset * 8 + btf_member_bit_offset(t, i);
	__u32 id = btf_members(t)[i].type;
	const struct btf_type *type = resolve(w, &id);

	if (!type)
		return NULL;
	if (!bits)
		return walk_value(w, id, bit / 8);
	if (bit + bits > w->size * 8 || !(btf_is_int(type) || btf_is_any_enum(type)))
		return NULL;
	return scalar_json(w, type, bit, bits);
}

static json_t *struct_json(struct walk *w, const struct btf_type *t, size_t offset)
{
	json_t *object = json_object();

	for (int i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(w->btf, btf_members(t)[i].name_off);
		json_t *value;
		int err;

		if (!name[0] && btf_member_bitfield_size(t, i))
			continue;	/* padding */
		value = member_json(w, t, i, offset);
		if (name[0]) {
			err = json_object_set_new(object, name, value);
		} else {
			err = json_object_update(object, value);
			json_decref(value);
		}
		if (err) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *kind_json(struct walk *w, const struct btf_type *t, size_t offset)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return scalar_json(w, t, offset * 8, t->size * 8);
	case BTF_KIND_FLOAT:
		return float_json(w, t, offset);
	case BTF_KIND_PTR:
		return pointer_json(w, offset);
	case BTF_KIND_ARRAY:
		return array_json(w, t, offset);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return struct_json(w, t, offset);
	default:
		return NULL;
	}
}

static json_t *walk_value(struct walk *w, __u32 id, size_t offset)
{
	const struct btf_type *t = resolve(w, &id);
	__s64 size = t ? btf__resolve_size(w->btf, id) : -1;
	json_t *json;

	if (size < 0 || offset > w->size || (size_t)size > w->size - offset ||
	    w->depth >= MAX_DEPTH)
		return NULL;
	w->depth++;
	json = kind_json(w, t, offset);
	w->depth--;
	return json;
}

json_t *btf_json(const struct btf *btf, __u32 id, const void *data, size_t size)
{
	struct walk w = { .btf = btf, .data = data, .size = size };

	return walk_value(&w, id, 0);
}
