// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Waiting until every BPF program has ended that runs at this moment. */
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "internal.h"

/* maybe_wait_bpf_programs(): what a map of maps held may still be in use when the update returns, were it not for this. */
static void wait_by_map(void)
{
	int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, sizeof(__u32), sizeof(__u32), 1, NULL), outer;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = inner);
	__u32 zero = 0;

	outer = inner < 0 ? -1 : bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL, sizeof(__u32), sizeof(__u32), 1, &opts);
	if (outer < 0 || bpf_map_update_elem(outer, &zero, &inner, BPF_ANY))
		sleep(1);	/* out of memory or descriptors; programs take microseconds */
	if (outer >= 0)
		close(outer);
	if (inner >= 0)
		close(inner);
}

/* Programs run under rcu_read_lock(), and this is synchronize_rcu(); nohz_full kernels refuse it. */
void grace(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		wait_by_map();
}
