// SPDX-License-Identifier: GPL-2.0-only
#include "missed_irq.bpf.h"

SEC("tp_btf/nmi_handler")
int nmi(void *ctx)
{
	return fire(1);
}
