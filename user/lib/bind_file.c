// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Binding for loaders that know nothing of skbext: the same change of .rodata.skbext as
 * skbext_bind(), made in a copy of the object file. The maps are replaced by the loader.
 */
#include <fcntl.h>
#include <libelf.h>
#include <gelf.h>
#include <sys/stat.h>

#include "internal.h"
#include "bind.h"

/* Where .rodata.skbext is in the file. */
static int find_section(Elf *elf, size_t *offset, size_t *size)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return -EINVAL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		const char *name = gelf_getshdr(scn, &shdr) ? elf_strptr(elf, names, shdr.sh_name) :
							      NULL;

		if (!name || strcmp(name, ".rodata.skbext"))
			continue;
		*offset = shdr.sh_offset;
		*size = shdr.sh_size;
		return 0;
	}
	return -ENOENT;
}

static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data = NULL;

	if (fd >= 0 && !fstat(fd, &st) && (data = malloc(st.st_size ?: 1))) {
		*size = st.st_size;
		if (read(fd, data, st.st_size) != st.st_size) {
			free(data);
			data = NULL;
			errno = EIO;
		}
	}
	if (fd >= 0)
		close(fd);
	return data;
}

/* Whole or not at all: beside the target, then renamed over it. */
static int write_file(const char *path, const char *data, size_t size)
{
	char tmp[PATH_LEN];
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkstemp(tmp);
	if (fd < 0)
		return -errno;
	err = write(fd, data, size) != (ssize_t)size || fchmod(fd, 0644) ? -(errno ?: EIO) : 0;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	return err;
}

static int bind_image(struct skbext *sk, const char *in, char *data, size_t size)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct bpf_object *obj = bpf_object__open_file(in, NULL);
	size_t offset = 0, len = 0;
	Elf *elf;
	int err;

	libbpf_set_print(print);
	elf_version(EV_CURRENT);
	elf = elf_memory(data, size);
	err = elf && obj ? find_section(elf, &offset, &len) : -EINVAL;
	if (err || offset + len > size)
		err = fail(-EINVAL,
			"%s is no BPF object with a SKBEXT_TYPE, compiled with -g; nothing to bind",
			in);
	/*
	 * Opening has completed the section's layout in the object's BTF;
	 * the compiler's own says 0 everywhere.
	 */
	err = err ?: bind_check_adds(obj);
	err = err ?: cfg_bind(bpf_object__btf(obj), data + offset, len, sk->ctl);
	err = err ?: bind_section(sk, bpf_object__btf(obj), data + offset, len);
	elf_end(elf);
	bpf_object__close(obj);
	return err;
}

int skbext_bind_file(const char *in, const char *out, const char *bpffs_dir)
{
	struct skbext *sk = skbext_open_pinned(bpffs_dir);
	int lock = -1, err = 0;
	size_t size = 0;
	char *data = NULL;

	if (!sk)
		return -errno;
	lock = dir_lock(sk->dir);
	if (lock < 0)
		err = lock;
	else if (!(data = read_file(in, &size)))
		err = fail(-errno, "reading %s: %s; check the path", in, strerror(errno));
	err = err ?: bind_image(sk, in, data, size);
	if (!err && (err = write_file(out, data, size)))
		fail(err, "writing %s: %s; give a path that can be written", out, strerror(-err));
	free(data);
	if (lock >= 0)
		close(lock);
	skbext_close(sk);
	if (err)
		errno = -err;
	return err;
}
