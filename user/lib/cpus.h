/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SKBEXT_CPUS_H
#define SKBEXT_CPUS_H

/* How many CPU numbers this machine can have: the highest possible one plus 1; or fail(). */
int cpu_numbers(void);

/* The same of a list as the kernel writes it: "0-3,8"; -EINVAL: it is not one. */
int cpu_numbers_in(const char *list);

#endif /* SKBEXT_CPUS_H */
