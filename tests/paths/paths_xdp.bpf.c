// SPDX-License-Identifier: GPL-2.0-only
/* Programs of paths_xdp.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} device SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cpu SEC(".maps");

SEC("?xdp")
int to_device(struct xdp_md *ctx)
{
	return bpf_redirect_map(&device, 0, 0);
}

SEC("?xdp")
int to_cpu(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpu, 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
