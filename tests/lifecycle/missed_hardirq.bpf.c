// SPDX-License-Identifier: GPL-2.0-only
#include "missed_irq.bpf.h"

SEC("tp_btf/hrtimer_expire_entry")
int hardirq(void *ctx)
{
	return fire(0);
}
