// SPDX-License-Identifier: GPL-2.0-only
/* Passes all: a veth with it makes its packets anew, in NAPI and with GRO. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
