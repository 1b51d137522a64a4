// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <skbext/skbext.h>
#include "oracle_native.h"

static const struct kind {
	const char *name, *id, *payload;
	__u32 flags;
	const char *same, *but;
} kinds[ORACLE_KINDS] = {
#define TYPE(name, id, payload, flags, same, but) { #name, #id, #payload, flags, same, but },
	ORACLE_TYPES(TYPE)
#undef TYPE
};

static void mark(__u64 *mask, __u32 bit, __u32 bits)
{
	for (; bits && bit / 64 < ORACLE_WORDS; bit++, bits--)
		mask[bit / 64] |= 1ULL << bit % 64;
}

static bool wanted(const struct kind *k, const char *member)
{
	if (*k->same == '*')
		return strcmp(member, k->but);
	return *member && strstr(k->same, member);
}

/*
 * Bits of the members that are compared, also of those within structs within it:
 * some kernels group flags.
 */
static void mark_members(const struct btf *btf, const struct btf_type *t, const struct kind *k,
			 __u32 base, __u64 *mask)
{
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(btf, m->name_off);
		int type = btf__resolve_type(btf, m->type);
		const struct btf_type *mt = btf__type_by_id(btf, type);
		__u32 at = base + btf_member_bit_offset(t, i);
		__u32 bits = btf_member_bitfield_size(t, i);

		if (btf_is_composite(mt)) {
			mark_members(btf, mt, k, at, mask);
			continue;
		}
		if (!wanted(k, name))
			continue;
		if (btf_is_array(mt) && *k->same != '*')
			mark(mask, at, btf__resolve_size(btf, btf_array(mt)->type) * 8);
		else
			mark(mask, at, bits ?: btf__resolve_size(btf, m->type) * 8);
	}
}

static const struct kind *find_kind(const char *id)
{
	for (const struct kind *k = kinds; k < kinds + ORACLE_KINDS; k++)
		if (!strcmp(k->id, id))
			return k;
	return NULL;
}

/*
 * A payload that belongs to a module is not in the kernel's own BTF. Such an extension is compared
 * by its bit, unless the oracle is to compare the payload.
 */
static int read_payload(struct oracle_type *t, const struct btf *btf, const struct kind *k)
{
	int type = btf__find_by_name_kind(btf, k->payload, BTF_KIND_STRUCT);
	int size = type < 0 ? 0 : btf__resolve_size(btf, type);

	if ((type < 0 && *k->same) || size > (int)sizeof(t->mask)) {
		fprintf(stderr, "    oracle: no struct %s of at most %zu bytes to compare\n",
			k->payload, sizeof(t->mask));
		return -EOPNOTSUPP;
	}
	t->words = (size + 7) / 8;
	if (type > 0)
		mark_members(btf, btf__type_by_id(btf, type), k, 0, t->mask);
	return 0;
}

static int read_type(struct oracle_native *native, unsigned int n, const struct btf *btf,
		     const char *id)
{
	const struct kind *k = find_kind(id);

	if (!k) {
		fprintf(stderr, "    oracle: extension %s of this kernel is not in ORACLE_TYPES\n",
			id);
		return -EOPNOTSUPP;
	}
	native->name[n] = k->name;
	native->flags[n] = k->flags;
	native->type[n].kind = k - kinds;
	return read_payload(&native->type[n], btf, k);
}

static int read_types(struct oracle_native *native, const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "skb_ext_id", BTF_KIND_ENUM);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, id);
	int err = t ? 0 : -EOPNOTSUPP;

	for (int i = 0; !err && i < btf_vlen(t); i++) {
		const struct btf_enum *e = btf_enum(t) + i;
		const char *name = btf__name_by_offset(btf, e->name_off);

		if (!strcmp(name, "SKB_EXT_NUM"))
			break;
		if (e->val != (int)native->types)
			return -EOPNOTSUPP;
		err = read_type(native, native->types++, btf, name);
	}
	return err;
}

int oracle_native_read(struct oracle_native *native)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int err;

	*native = (struct oracle_native){};
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		native->type[i].kind = ORACLE_KINDS;
	if (!btf)
		return -errno;
	err = read_types(native, btf);
	btf__free(btf);
	return err;
}

bool oracle_native_has(const struct oracle_native *native, enum oracle_kind kind)
{
	for (unsigned int i = 0; i < native->types; i++)
		if (native->type[i].kind == kind)
			return true;
	return false;
}

const char *oracle_kind_name(enum oracle_kind kind)
{
	return kinds[kind].name;
}

/* ---- symbols */

static struct symbol {
	__u64 address;
	char *name;
} *symbols;
static size_t nr_symbols;

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void read_symbols(void)
{
	char line[512], name[256], kind;
	unsigned long long address;
	FILE *f = nr_symbols ? NULL : fopen("/proc/kallsyms", "r");
	size_t room = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %c %255s", &address, &kind, name) != 3 ||
		    (kind != 't' && kind != 'T'))
			continue;
		if (nr_symbols == room) {
			room = room ? room * 2 : 1 << 16;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				abort();
		}
		symbols[nr_symbols++] = (struct symbol){ address, strdup(name) };
	}
	if (f)
		fclose(f);
	if (f && nr_symbols)
		qsort(symbols, nr_symbols, sizeof(*symbols), by_address);
}

bool oracle_has_function(const char *name)
{
	read_symbols();
	for (size_t i = 0; i < nr_symbols; i++)
		if (!strcmp(symbols[i].name, name))
			return libbpf_find_vmlinux_btf_id(name, BPF_TRACE_FENTRY) > 0;
	return false;
}

int oracle_arguments(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) : -ENOENT;

	if (id > 0)
		id = btf_vlen(btf__type_by_id(btf, btf__type_by_id(btf, id)->type));
	btf__free(btf);
	return id;
}

const char *oracle_symbol(__u64 address)
{
	size_t low = 0, high = nr_symbols;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* Programs lie far beyond the last function. */
	return low && address - symbols[low - 1].address < 1 << 20 ? symbols[low - 1].name : NULL;
}
