// SPDX-License-Identifier: GPL-2.0-only
/* Includes skbext and uses none of it: there is nothing to bind. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>

SEC("tc")
int api_none(struct __sk_buff *skb)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
