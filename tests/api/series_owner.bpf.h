/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An owner of metadata that knows of no other: its own type, object and hooks. It writes at tc
 * egress, may take its own away from every second packet at netif_receive_skb, and looks for it at
 * tc ingress.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

#define TC_ACT_UNSPEC	(-1)

SKBEXT_TYPE(OWNER_TYPE, struct api_note);

/* These take a name, not what a macro stands for. */
#define OWN(what, skb)		OWN_AS(what, skb, OWNER_TYPE)
#define OWN_AS(what, skb, name)	what(skb, name)

struct api_seen api_seen;

SEC("tc")
int own_write(struct __sk_buff *skb)
{
	struct api_note *note;

	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	api_seen.runs++;
	note = OWN(skbext_add, skb);
	if (!note)
		return TC_ACT_UNSPEC;
	/* Whatever another owner wrote is not here. */
	if (!note->stamp && !note->id && !note->bytes)
		api_seen.added++;
	note->id = OWNER_ID;
	note->bytes = skb->len;
	return TC_ACT_UNSPEC;
}

/* Comes before tc ingress; the device's header is pulled. */
SEC("tp_btf/netif_receive_skb")
int BPF_PROG(own_del, struct sk_buff *skb)
{
	if (skb->mark == api_seen.mark && skb->len & 1 && !OWN(skbext_del, skb))
		api_seen.failed++;
	return 0;
}

SEC("tc")
int own_read(struct __sk_buff *skb)
{
	const struct api_note *note;

	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	note = OWN(skbext_find, skb);
	if (!note)
		api_seen.found++;	/* packets without */
	else if (note->id == OWNER_ID && note->bytes == skb->len)
		api_seen.right[0]++;
	else
		api_seen.wrong[0]++;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
