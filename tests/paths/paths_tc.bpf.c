// SPDX-License-Identifier: GPL-2.0-only
/* Programs that scenarios of the path table attach with tc and ip: for ways that need one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define DUMMY 77	/* index that the scenario gives to its device */

SEC("tc/clone_redirect")
int do_clone_redirect(struct __sk_buff *skb)
{
	bpf_clone_redirect(skb, DUMMY, 0);
	return 0;
}

SEC("tc/redirect_ingress")
int do_redirect_ingress(struct __sk_buff *skb)
{
	return bpf_redirect(DUMMY, BPF_F_INGRESS);
}

SEC("tc/redirect_neigh")
int do_redirect_neigh(struct __sk_buff *skb)
{
	return bpf_redirect_neigh(DUMMY, 0, 0, 0);
}

SEC("tc/redirect_peer")
int do_redirect_peer(struct __sk_buff *skb)
{
	return bpf_redirect_peer(DUMMY, 0);
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
