// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Why what is loaded is not `complete`: one reason behind the other. */
#include <stdarg.h>

#include "internal.h"

void not_complete(struct skbext *sk, const char *fmt, ...)
{
	char *reason = sk->reason;
	size_t used = strnlen(reason, SKBEXT_REASON_LEN - 1);
	va_list args;

	if (used && used + 3 < SKBEXT_REASON_LEN) {
		strcpy(reason + used, "; ");
		used += 2;
	}
	va_start(args, fmt);
	vsnprintf(reason + used, SKBEXT_REASON_LEN - used, fmt, args);
	va_end(args);
}
