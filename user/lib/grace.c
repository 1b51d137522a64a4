// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* synchronize_rcu() from user space: the programs of packets run under RCU. */
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "internal.h"

/* A change to a map of maps waits for programs that may use the old: maybe_wait_bpf_programs(). */
static int change_map_of_maps(void)
{
	const __u32 zero = 0, size = sizeof(__u32);
	int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skbext_old", size, size, 1, NULL);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = inner);
	int outer = inner < 0 ? -1 :
		    bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "skbext_maps", size, size, 1, &opts);
	int err = outer < 0 || bpf_map_update_elem(outer, &zero, &inner, BPF_ANY) ? -errno : 0;

	if (outer >= 0)
		close(outer);
	if (inner >= 0)
		close(inner);
	return err;
}

/* A kernel with nohz_full CPUs refuses membarrier(), and a sandbox may. */
int grace(void)
{
	int err = syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? change_map_of_maps() : 0;

	return err ? fail(err, "waiting for the BPF programs that run: %s", why_bpf(err)) : 0;
}
