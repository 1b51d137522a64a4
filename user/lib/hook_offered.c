// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which hooks this kernel has: what its BTF names, and that of the module ipv6. */
#include "internal.h"

static bool is_named(const struct hook_def *def, const struct btf_type *t, const char *name)
{
	static const char prefix[] = "btf_trace_";

	if (*def->kind == 'f')		/* fentry, fexit */
		return btf_is_func(t) && !strcmp(name, def->function);
	return btf_is_typedef(t) && !strncmp(name, prefix, sizeof(prefix) - 1) &&
	       !strcmp(name + sizeof(prefix) - 1, def->function);
}

/* One pass for all hooks: a search for each took longer than all else of loading. */
static __u64 find_offered(const struct btf *btf, __u32 first)
{
	__u64 found = 0;

	for (__u32 id = first; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name;

		if (!btf_is_func(t) && !btf_is_typedef(t))
			continue;
		name = btf__name_by_offset(btf, t->name_off);
		for (unsigned int i = 0; hook_def(i); i++)
			if (is_named(hook_def(i), t, name))
				found |= 1ULL << i;
	}
	return found;
}

/* IPv6 may be a module, with a BTF of its own; it may come later, and then goes no more. */
static __u64 find_in_ipv6(struct btf *vmlinux)
{
	struct btf *btf;
	__u64 found = 0;

	if (access("/sys/kernel/btf/ipv6", R_OK))
		return 0;
	btf = btf__load_module_btf("ipv6", vmlinux);
	if (btf)
		found = find_offered(btf, btf__type_cnt(vmlinux));
	btf__free(btf);
	return found;
}

/* The same as long as the machine runs, but for modules: kept, as its BTF is. */
bool hook_offered(const struct hook_def *def)
{
	const __u64 known = 1ULL << 63, hook = 1ULL << (def - hook_def(0));
	struct btf *vmlinux = vmlinux_btf();
	static __u64 kept;
	__u64 found = __atomic_load_n(&kept, __ATOMIC_RELAXED);

	if (!vmlinux || (def->second && !preempts_softirqs()))
		return false;
	if (!found)
		found = find_offered(vmlinux, 1) | known;
	if (!(found & hook) && def->optional)
		found |= find_in_ipv6(vmlinux);
	__atomic_store_n(&kept, found, __ATOMIC_RELAXED);
	return found & hook;
}

/*
 * Since 6.19 or so __alloc_skb() takes sk_buffs from the per-CPU NAPI cache, which no tracepoint
 * shows: a packet would find its predecessor's record. There napi_skb_cache_get() has an argument,
 * or is inlined and not to be seen.
 */
bool births_in_sight(void)
{
	struct btf *vmlinux = vmlinux_btf();
	int id = !vmlinux ? -ENOENT :
		 btf__find_by_name_kind(vmlinux, "napi_skb_cache_get", BTF_KIND_FUNC);

	return id > 0 && !btf_vlen(btf__type_by_id(vmlinux, btf__type_by_id(vmlinux, id)->type));
}
