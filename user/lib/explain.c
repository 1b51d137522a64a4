// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Why a hook cannot be had, in words that name what is in the way. */
#include "internal.h"

#define ENOTSUPP	524	/* the kernel's own: not in <errno.h> */

void hook_explain(struct skbext *sk, const struct hook_def *def, int err)
{
	if (err == -ENOTSUPP)
		not_complete(sk, "%s on %s is not supported: this kernel has no ftrace direct calls (arm64 before 6.4)",
			     def->kind, def->name);
	else
		not_complete(sk, "this kernel refuses %s on %s (%s)", def->kind, def->name,
			     strerror(-err));
}
