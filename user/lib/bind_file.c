// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Binding for loaders that know nothing of skbext: the same change of .rodata.skbext as
 * skbext_bind(), made in a copy of the object file. The maps are replaced by the loader, which
 * takes a section's map for as large as the section in the file: that of the buckets gets their
 * size, as a hole in the file. A loader that does not replace it makes a store of the section's
 * bytes, from which nobody would release: those before the hole say that it is dead.
 */
#include <fcntl.h>
#include <libelf.h>
#include <sys/stat.h>

#include "internal.h"
#include "bind.h"

struct image {
	char *data;
	size_t size, hole;		/* bytes, and of zeros behind them; SKBEXT_GAP more fit */
};

/* Its header in the image; NULL: there is none, or it is not all in there. */
static Elf64_Shdr *find_section(Elf *elf, const struct image *image, const char *wanted)
{
	const Elf64_Ehdr *header = elf64_getehdr(elf);
	Elf_Scn *scn = NULL;
	size_t names;

	if (!header || elf_getshdrstrndx(elf, &names) || header->e_shoff % sizeof(Elf64_Xword))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const Elf64_Shdr *known = elf64_getshdr(scn);
		const char *name = known ? elf_strptr(elf, names, known->sh_name) : NULL;

		if (!name || strcmp(name, wanted) || known->sh_offset > image->size ||
		    known->sh_size > image->size - known->sh_offset)
			continue;
		return (void *)(image->data + header->e_shoff +
				elf_ndxscn(scn) * sizeof(Elf64_Shdr));
	}
	return NULL;
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
	if (slots->sh_offset + slots->sh_size == image->size)
		image->size = slots->sh_offset;
	slots->sh_type = SHT_PROGBITS;
	slots->sh_offset = image->size;
	slots->sh_size = bytes;
	memset(image->data + image->size, 0, SKBEXT_GAP);
	memcpy(image->data + image->size, &dead, sizeof(dead));
	image->size += SKBEXT_GAP;
	image->hole = bytes - SKBEXT_GAP;
}

static int read_file(const char *path, struct image *image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !(image->data = malloc(st.st_size + SKBEXT_GAP)))
		err = -errno;
	else if (read(fd, image->data, st.st_size) != st.st_size)
		err = -EIO;
	else
		image->size = st.st_size;
	if (fd >= 0)
		close(fd);
	return err;
}

/* A disk that fills up takes a part first, and says why with the rest. */
static int write_all(int fd, const char *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, data + done, size - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? n : 0;
	}
	return 0;
}

/* Whole or not at all: beside the target, then renamed over it. */
static int write_file(const char *path, const struct image *image)
{
	char tmp[PATH_LEN];
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkstemp(tmp);
	if (fd < 0)
		return -errno;
	err = write_all(fd, image->data, image->size);
	if (!err && (ftruncate(fd, image->size + image->hole) || fchmod(fd, 0644)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	return err;
}

static int bind_image(struct skbext *sk, const char *in, struct image *image)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct bpf_object *obj = bpf_object__open_file(in, NULL);
	const Elf64_Shdr *types = NULL;
	char *data = NULL;
	int err = 0;
	Elf *elf;

	libbpf_set_print(print);
	elf_version(EV_CURRENT);
	elf = elf_memory(image->data, image->size);
	if (elf && obj && (types = find_section(elf, image, ".rodata.skbext")))
		data = image->data + types->sh_offset;
	else
		err = fail(-EINVAL,
			"%s is no BPF object with a SKBEXT_TYPE, compiled with -g; nothing to bind",
			in);
	/*
	 * Opening has completed the section's layout in the object's BTF;
	 * the compiler's own says 0 everywhere.
	 */
	err = err ?: bind_check_adds(obj);
	if (!err && types->sh_offset % _Alignof(struct skbext_cfg))
		err = damaged_object();
	err = err ?: cfg_bind(bpf_object__btf(obj), data, types->sh_size, sk->ctl);
	err = err ?: bind_section(sk, bpf_object__btf(obj), data, types->sh_size);
	if (!err)
		make_room(elf, image, SKBEXT_BYTES(sk->ctl->payload, sk->ctl->buckets));
	elf_end(elf);
	bpf_object__close(obj);
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
	if (!err && (err = read_file(in, &image)))
		fail(err, "reading %s: %s; check the path", in, strerror(-err));
	err = err ?: bind_image(sk, in, &image);
	if (!err && (err = write_file(out, &image))) {
		types_forget_but(sk, known);
		fail(err, "writing %s: %s; give a path that can be written", out, strerror(-err));
	}
	free(image.data);
	if (lock >= 0)
		close(lock);
	skbext_close(sk);
	if (err)
		errno = -err;
	return err;
}
