// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Why a hook cannot be had, in words that name what is in the way: other programs, the kernel. */
#include "internal.h"

static __u32 attach_id(const struct hook_def *def)
{
	struct btf *vmlinux = vmlinux_btf();
	char name[64];
	int id;

	if (!vmlinux)
		return 0;
	if (!strcmp(def->kind, "fentry")) {
		id = btf__find_by_name_kind(vmlinux, def->function, BTF_KIND_FUNC);
	} else {
		snprintf(name, sizeof(name), "btf_trace_%s", def->function);
		id = btf__find_by_name_kind(vmlinux, name, BTF_KIND_TYPEDEF);
	}
	return id > 0 ? id : 0;
}

static bool get_info(__u32 id, struct bpf_prog_info *info)
{
	__u32 len = sizeof(*info);
	int fd = bpf_prog_get_fd_by_id(id);
	bool got;

	memset(info, 0, sizeof(*info));
	got = fd >= 0 && !bpf_obj_get_info_by_fd(fd, info, &len);
	if (fd >= 0)
		close(fd);
	return got;
}

unsigned int hook_others(const struct hook_def *def, int own_fd, int second_fd, char *names, size_t size)
{
	__u32 at = attach_id(def), own = prog_id_of(own_fd), second = prog_id_of(second_fd), id = 0;
	struct bpf_prog_info info;
	unsigned int n = 0;
	size_t used = 0;

	names[0] = 0;
	while (at && !bpf_prog_get_next_id(id, &id)) {
		if (id == own || id == second || !get_info(id, &info) ||
		    info.type != BPF_PROG_TYPE_TRACING || info.attach_btf_id != at ||
		    !btf_is_vmlinux(info.attach_btf_obj_id))
			continue;
		if (used < size)
			used += snprintf(names + used, size - used, "%s%s (%u)", n ? ", " : "",
					 info.name, id);
		n++;
	}
	return n;
}

void hook_explain(struct skbext *sk, const struct hook_def *def, int err)
{
	char others[96];

	if (err == -E2BIG)
		not_complete(sk, "%s takes no more programs: others have %u there, which is the kernel's limit: %s",
			     def->function, hook_others(def, -1, -1, others, sizeof(others)), others);
	else if (err == -ENOTSUPP)
		not_complete(sk, "%s on %s is not supported (ENOTSUPP): this kernel has no ftrace direct calls, as arm64 before 6.4",
			     def->kind, def->function);
	else
		not_complete(sk, "this kernel refuses %s on %s (%s)", def->kind, def->function,
			     strerror(-err));
}
