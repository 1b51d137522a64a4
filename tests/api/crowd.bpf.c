// SPDX-License-Identifier: GPL-2.0-only
/* As many programs on one function as a trampoline takes: BPF_MAX_TRAMP_LINKS on x86. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define CROWD(n) SEC("fentry/__copy_skb_header") int crowd##n(void *ctx) { return 0; }

CROWD(0) CROWD(1) CROWD(2) CROWD(3) CROWD(4) CROWD(5)
CROWD(6) CROWD(7) CROWD(8) CROWD(9) CROWD(10) CROWD(11)
CROWD(12) CROWD(13) CROWD(14) CROWD(15) CROWD(16) CROWD(17)
CROWD(18) CROWD(19) CROWD(20) CROWD(21) CROWD(22) CROWD(23)
CROWD(24) CROWD(25) CROWD(26) CROWD(27) CROWD(28) CROWD(29)
CROWD(30) CROWD(31) CROWD(32) CROWD(33) CROWD(34) CROWD(35)
CROWD(36) CROWD(37)

char LICENSE[] SEC("license") = "GPL";
