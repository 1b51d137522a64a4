/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SKBEXT_ELF_CHECK_H
#define SKBEXT_ELF_CHECK_H

#include <libelf.h>

/*
 * -EINVAL, and the message that says so: libbpf would read beyond what is there. What cannot be read
 * at all passes: libbpf says why it cannot.
 */
int elf_check(Elf *elf, const char *path);
int elf_check_file(const char *path);

#endif /* SKBEXT_ELF_CHECK_H */
