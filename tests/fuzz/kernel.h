/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fuzzers have this in place of the kernel and of the terminal. bpf() is answered from memory, no
 * directory is a bpffs and nothing can be mounted: a fuzzer needs no rights and leaves nothing
 * behind, also where an skbext is loaded.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/cli/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something is true, or this input is a finding. */
#define MUST(x, fmt, ...)								\
	do {										\
		if (!(x)) {								\
			dprintf(2, "%s:%d: not so: %s: " fmt "\n", __FILE__, __LINE__, #x,	\
				##__VA_ARGS__);						\
			abort();							\
		}									\
	} while (0)

/* A pin: an array map, or where it has no room a program. Content that is missing is 0. */
void kernel_put_pin(const char *name, uint32_t value_size, uint32_t entries, const void *content,
		    size_t size);
/* Without pins: nothing is loaded. */
void kernel_forget_pins(void);
/* A program that runs leaves this in the map `request`. */
void kernel_put_answer(const void *content, size_t size);

/* The BTF that was loaded last; NULL: none was. */
extern const void *kernel_btf;
extern size_t kernel_btf_size;
void kernel_forget_btf(void);

/* The output of a call; and -1, or its argument of exit(). */
struct outcome {
	char *out, *err;
	int status;
};

/* Calls fn(arg); an exit() in it comes back here. */
void catch_exit(int (*fn)(void *arg), void *arg, struct outcome *o);
void outcome_free(struct outcome *o);
/* No line or one, "skbext: ..." of printable bytes; one if it failed. */
void must_be_one_line(const struct outcome *o);
/* `skbext ARG...`; is as good as a process of its own. */
void run_cli(char **args, int nr, struct outcome *o);

#endif /* FUZZ_KERNEL_H */
