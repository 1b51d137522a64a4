// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What libbpf takes from an object file as it is. It adds a function's offset to its size, and
 * does not see that the sum wraps: it then copies instructions from before the section, or asks for 2^63
 * bytes (bpf_object__add_programs(), libbpf 1.4.6; seen by tests/fuzz/fuzz_bind.c).
 */
#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>

#include "internal.h"
#include "elf_check.h"

static bool fits(Elf *elf, const GElf_Sym *sym)
{
	bool is_real = sym->st_shndx && sym->st_shndx < SHN_LORESERVE;
	Elf_Scn *scn = is_real ? elf_getscn(elf, sym->st_shndx) : NULL;
	GElf_Shdr section;

	return GELF_ST_TYPE(sym->st_info) != STT_FUNC || !scn || !gelf_getshdr(scn, &section) ||
	       (sym->st_value <= section.sh_size && sym->st_size <= section.sh_size - sym->st_value);
}

static bool all_fit(Elf *elf, Elf_Scn *table)
{
	Elf_Data *data = elf_getdata(table, NULL);
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++)
		if (!fits(elf, &sym))
			return false;
	return true;
}

int elf_check(Elf *elf, const char *path)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr section;

	while (elf && (scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &section) && section.sh_type == SHT_SYMTAB && !all_fit(elf, scn))
			return fail(-EINVAL, "%s is damaged: a function does not lie in its section; compile it again",
				    path);
	return 0;
}

/* libbpf would wait for who writes to a pipe, with the lock of what is loaded. */
static int check_opened(int fd, const char *path)
{
	struct stat st;
	Elf *elf;
	int err;

	if (!fstat(fd, &st) && !S_ISREG(st.st_mode))
		return fail(-EINVAL, "%s is not a regular file; give a BPF object", path);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	err = elf_check(elf, path);
	elf_end(elf);
	return err;
}

int elf_check_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return 0;
	err = check_opened(fd, path);
	close(fd);
	return err;
}
