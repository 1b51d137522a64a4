// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last error of a thread: one line that says what, why and what to do. */
#include <stdarg.h>

#include "internal.h"

static _Thread_local char message[512] = "no error";

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	errno = -err;
	return err;
}

const char *why_bpf(int err)
{
	switch (err) {
	case -EACCES:	/* of root, it is the verifier's */
		if (!geteuid())
			return "the kernel's verifier refuses them; please report it with the kernel's version";
		/* fallthrough */
	case -EPERM:
		return "not permitted; run as root (CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)";
	case -ENOMEM:
		return "out of memory; ask for less with a smaller capacity or payload";
	default:
		return strerror(-err);
	}
}

const char *skbext_errmsg(void)
{
	return message;
}
