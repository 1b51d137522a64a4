// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Binding for loaders that know nothing of skbext: the same change of .rodata.skbext as
 * skbext_bind(), made in a copy of the object file. The maps are replaced by the loader, which
 * takes a section's map for as large as the section in the file: that of the buckets gets their
 * size, as a hole in the file. A loader that does not replace it makes a store of the section's
 * bytes, from which nobody would release: those before the hole say that it is dead.
 *
 * That the maps are those of this very load is for the verifier to see: skbext_verify(). An object
 * that was not bound lacks the name of one of the maps that a loader is told to replace.
 */
#include "internal.h"
#include "bind.h"
#include "elf_check.h"
#include "whole_file.h"

struct image {
	char *data;
	size_t size, hole;		/* bytes, and of zeros behind them; SKBEXT_GAP more fit */
};

/*
 * Its header in the image; NULL: there is none, or it is not all in there. No name: the first of this
 * type.
 */
static Elf64_Shdr *find(Elf *elf, const struct image *image, const char *wanted, Elf64_Word type)
{
	const Elf64_Ehdr *header = elf64_getehdr(elf);
	Elf_Scn *scn = NULL;
	size_t names;

	if (!header || elf_getshdrstrndx(elf, &names) || header->e_shoff % sizeof(Elf64_Xword))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const Elf64_Shdr *known = elf64_getshdr(scn);
		const char *name = known ? elf_strptr(elf, names, known->sh_name) : NULL;

		if (!name || (wanted ? strcmp(name, wanted) : known->sh_type != type) ||
		    known->sh_offset > image->size ||
		    known->sh_size > image->size - known->sh_offset)
			continue;
		return (void *)(image->data + header->e_shoff +
				elf_ndxscn(scn) * sizeof(Elf64_Shdr));
	}
	return NULL;
}

static Elf64_Shdr *find_section(Elf *elf, const struct image *image, const char *name)
{
	return find(elf, image, name, 0);
}

#define UNBOUND		"unbound_"
#define UNBOUND_MAP	UNBOUND "skbext_refs"

/* libbpf knows the table by its type. */
static int rename_symbol(Elf *elf, struct image *image)
{
	const Elf64_Shdr *table = find(elf, image, NULL, SHT_SYMTAB);
	Elf64_Sym *symbols;
	int renamed = 0;

	if (!table || table->sh_offset % _Alignof(Elf64_Sym))
		return damaged_object();
	symbols = (void *)(image->data + table->sh_offset);
	for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
		const char *name = elf_strptr(elf, table->sh_link, symbols[i].st_name);

		if (!name || strcmp(name, UNBOUND_MAP))
			continue;
		symbols[i].st_name += strlen(UNBOUND);
		renamed++;
	}
	return renamed ? 0 : damaged_object();
}

/* cilium/ebpf reads no name that begins within another: BTF's strings have an end before it. */
static int split_name(char *btf, __u64 size, const struct btf_header *header, __u64 name_off)
{
	__u64 at = (__u64)header->hdr_len + header->str_off + name_off;

	if (at >= size || strnlen(btf + at, size - at) != strlen(UNBOUND_MAP))
		return damaged_object();
	btf[at + strlen(UNBOUND) - 1] = '\0';
	return 0;
}

/* In the file a type is as far from the first one as in btf, which was read from there. */
static int rename_variable(Elf *elf, struct image *image, const struct btf *btf, int id)
{
	const Elf64_Shdr *section = find_section(elf, image, ".BTF");
	const struct btf_type *var = btf__type_by_id(btf, id);
	struct btf_header header;
	struct btf_type in_file;
	__u64 at;
	int err;

	if (!section || section->sh_size < sizeof(header))
		return damaged_object();
	memcpy(&header, image->data + section->sh_offset, sizeof(header));
	at = (__u64)header.hdr_len + header.type_off +
	     ((const char *)var - (const char *)btf__type_by_id(btf, 1));
	if (at + sizeof(in_file) > section->sh_size)
		return damaged_object();
	memcpy(&in_file, image->data + section->sh_offset + at, sizeof(in_file));
	if (in_file.name_off != var->name_off || in_file.info != var->info)
		return damaged_object();
	err = split_name(image->data + section->sh_offset, section->sh_size, &header, in_file.name_off);
	if (err)
		return err;
	in_file.name_off += strlen(UNBOUND);
	memcpy(image->data + section->sh_offset + at, &in_file, sizeof(in_file));
	return 0;
}

/* ELF's names are kept in a table: what follows "unbound_" in there is a name as well. */
static int take_off_unbound(Elf *elf, struct image *image, const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, UNBOUND_MAP, BTF_KIND_VAR);

	if (id < 0)
		return 0;	/* it was bound before */
	return rename_symbol(elf, image) ?: rename_variable(elf, image, btf, id);
}

/* Nothing else of the file lies behind where it begins. */
static bool is_last(Elf *elf, const struct image *image, const Elf64_Shdr *section)
{
	__u64 headers = elf64_getehdr(elf)->e_shoff;
	size_t own = section - (const Elf64_Shdr *)(image->data + headers), nr;
	Elf_Scn *scn = NULL;

	if (elf_getshdrnum(elf, &nr) || headers + nr * sizeof(*section) > section->sh_offset)
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		const Elf64_Shdr *other = elf64_getshdr(scn);

		if (other && other->sh_type != SHT_NOBITS && elf_ndxscn(scn) != own &&
		    other->sh_offset + other->sh_size > section->sh_offset)
			return false;
	}
	return section->sh_offset + section->sh_size == image->size;
}

/*
 * The section of the buckets goes to the image's end, where one that was bound has it already.
 * Objects that do not use the buckets have none.
 */
static void make_room(Elf *elf, struct image *image, __u64 bytes)
{
	Elf64_Shdr *slots = find_section(elf, image, ".data.skbext_slots");
	const struct skbext_state dead = { .watch = SKBEXT_WATCH_DEAD };

	if (!slots)
		return;
	if (is_last(elf, image, slots))
		image->size = slots->sh_offset;
	slots->sh_type = SHT_PROGBITS;
	slots->sh_offset = image->size;
	slots->sh_size = bytes;
	memset(image->data + image->size, 0, SKBEXT_GAP);
	memcpy(image->data + image->size, &dead, sizeof(dead));
	image->size += SKBEXT_GAP;
	image->hole = bytes - SKBEXT_GAP;
}

/*
 * More than the load's map has; and not less than the compiler has said that there is, or the
 * kernel refuses the object's BTF.
 */
static __u64 room_for(const struct skbext_ctl *ctl)
{
	__u64 bytes = SKBEXT_BYTES((__u64)ctl->payload, (__u64)ctl->buckets);
	const __u64 declared = SKBEXT_BYTES((__u64)SKBEXT_MAX_PAYLOAD, 1);

	return (bytes < declared ? declared : bytes) + SKBEXT_PRIVATE;
}

static int bind_opened(struct skbext *sk, const char *in, struct image *image, Elf *elf,
		       const struct bpf_object *obj)
{
	const Elf64_Shdr *types = elf && obj ? find_section(elf, image, ".rodata.skbext") : NULL;
	struct skbext_load load = {};
	__u32 zero = 0;
	char *data;
	int err;

	if (!types)
		return fail(-EINVAL, "%s is no BPF object with a SKBEXT_TYPE, compiled with -g; nothing to bind", in);
	data = image->data + types->sh_offset;
	/*
	 * Opening has completed the section's layout in the object's BTF;
	 * the compiler's own says 0 everywhere.
	 */
	err = bind_check_adds(obj);
	if (!err && types->sh_offset % _Alignof(struct skbext_cfg))
		err = damaged_object();
	if (!err && bpf_map_lookup_elem(sk->map[MAP_STATS], &zero, &load))
		err = fail(-errno, "reading map skbext_stats: %s", why_bpf(-errno));
	err = err ?: cfg_bind(bpf_object__btf(obj), data, types->sh_size, sk->ctl, &load);
	err = err ?: take_off_unbound(elf, image, bpf_object__btf(obj));
	err = err ?: bind_section(sk, bpf_object__btf(obj), data, types->sh_size);
	if (!err)
		make_room(elf, image, room_for(sk->ctl));
	return err;
}

static struct bpf_object *open_image(const struct image *image, const char *in)
{
	const struct bpf_object_open_opts opts = { .sz = sizeof(opts), .object_name = in };
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct bpf_object *obj = bpf_object__open_mem(image->data, image->size, &opts);

	libbpf_set_print(print);
	return obj;
}

static int bind_image(struct skbext *sk, const char *in, struct image *image)
{
	struct bpf_object *obj;
	Elf *elf;
	int err;

	elf_version(EV_CURRENT);
	elf = elf_memory(image->data, image->size);
	err = elf_check(elf, in);
	if (!err) {
		obj = open_image(image, in);
		err = bind_opened(sk, in, image, elf, obj);
		bpf_object__close(obj);
	}
	elf_end(elf);
	return err;
}

int skbext_bind_file(const char *in, const char *out, const char *bpffs_dir)
{
	struct skbext *sk = skbext_open_pinned(bpffs_dir);
	struct image image = {};
	int lock, err;
	__u8 known;

	if (!sk)
		return -errno;
	lock = pin_lock(sk);
	err = lock < 0 ? lock : store_stopped(sk);
	known = types_taken(sk->ctl);
	err = err ?: file_check_target(out);
	err = err ?: file_read(in, SKBEXT_GAP, &image.data, &image.size);
	err = err ?: bind_image(sk, in, &image);
	if (!err) {
		err = file_write(out, image.data, image.size, image.size + image.hole);
		if (err)
			types_forget_but(sk, known);
	}
	free(image.data);
	unlock(lock);
	skbext_close(sk);
	return set_errno(err);
}
