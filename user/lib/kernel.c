// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's words on itself, a program and a map: its BTF, ids and counters. */
#include "internal.h"

/*
 * Megabytes, and the same as long as the machine runs: kept.
 * libbpf says on stderr what the caller says in its own words.
 */
struct btf *vmlinux_btf(void)
{
	static struct btf *kept;
	struct btf *btf = __atomic_load_n(&kept, __ATOMIC_ACQUIRE), *none = NULL;
	libbpf_print_fn_t print;

	if (btf)
		return btf;
	print = libbpf_set_print(object_quiet);
	btf = btf__load_vmlinux_btf();
	libbpf_set_print(print);
	if (btf && !__atomic_compare_exchange_n(&kept, &none, btf, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
		btf__free(btf);
		btf = none;
	}
	return btf;
}

/* A function that only PREEMPT_RT has; kept, as the BTF is. */
bool preempts_softirqs(void)
{
	static int kept;	/* 0: not known yet */
	int known = __atomic_load_n(&kept, __ATOMIC_RELAXED);
	struct btf *vmlinux = known ? NULL : vmlinux_btf();

	if (vmlinux) {
		known = btf__find_by_name_kind(vmlinux, "rt_spin_lock", BTF_KIND_FUNC) > 0 ? 1 : -1;
		__atomic_store_n(&kept, known, __ATOMIC_RELAXED);
	}
	return known > 0;
}

int no_btf(int err)
{
	return fail(-EOPNOTSUPP, "this kernel has no readable BTF (/sys/kernel/btf/vmlinux: %s); it takes one built with CONFIG_DEBUG_INFO_BTF",
		    strerror(-err));
}

/* Ids of types are counted in each BTF, and a module has one too. */
bool btf_is_vmlinux(__u32 btf_id)
{
	char name[16] = "";
	struct bpf_btf_info info = { .name = (__u64)name, .name_len = sizeof(name) };
	__u32 len = sizeof(info);
	int fd = bpf_btf_get_fd_by_id(btf_id);
	bool is = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(name, "vmlinux");

	if (fd >= 0)
		close(fd);
	return is;
}

int prog_id_get(int prog_fd, __u32 *id)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(prog_fd, &info, &len) ? -errno : 0;

	*id = info.id;
	return err;
}

__u32 prog_id_of(int prog_fd)
{
	__u32 id;

	return prog_fd < 0 || prog_id_get(prog_fd, &id) ? 0 : id;
}

int map_info(int map_fd, struct bpf_map_info *info)
{
	__u32 len = sizeof(*info);

	*info = (struct bpf_map_info){};
	return bpf_obj_get_info_by_fd(map_fd, info, &len) ? -errno : 0;
}

/* All 0: there is none, or the kernel does not tell. */
struct prog_counts prog_counts(int prog_fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return (struct prog_counts){ 0 };
	return (struct prog_counts){ info.recursion_misses, info.run_cnt, info.run_time_ns };
}
