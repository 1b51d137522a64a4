/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The running kernel's own extensions and functions, as its BTF and symbols tell. */
#ifndef ORACLE_NATIVE_H
#define ORACLE_NATIVE_H

#include <linux/types.h>
#include <stdbool.h>

#include <skbext/layout.h>
#include "oracle.h"

struct oracle_native {
	unsigned int types;				/* SKB_EXT_NUM */
	const char *name[SKBEXT_MAX_TYPES];		/* in the order of enum skb_ext_id */
	__u32 flags[SKBEXT_MAX_TYPES];
	struct oracle_type type[SKBEXT_MAX_TYPES];
};

int oracle_native_read(struct oracle_native *native);	/* 0 or negative errno */
bool oracle_native_has(const struct oracle_native *native, enum oracle_kind kind);
const char *oracle_kind_name(enum oracle_kind kind);

bool oracle_has_function(const char *name);	/* with a symbol and BTF: can be attached to */
int oracle_arguments(const char *name);		/* how many a function has, or -ENOENT */
const char *oracle_symbol(__u64 address);	/* the kernel's function around it, or NULL */

#endif /* ORACLE_NATIVE_H */
