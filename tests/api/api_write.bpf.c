// SPDX-License-Identifier: GPL-2.0-only
/* Notes on each packet, at tc egress, whose it is. api_read.bpf.c finds it at later hooks. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

SKBEXT_TYPE(api_note, struct api_note);

struct api_seen api_seen;

SEC("tc")
int api_write(struct __sk_buff *skb)
{
	struct api_note *note;

	if (skb->mark != api_seen.mark)
		return TC_ACT_UNSPEC;
	api_seen.runs++;
	note = skbext_add(skb, api_note);
	if (note) {
		note->stamp = API_NOTE_STAMP;
		note->id = API_NOTE_ID;
		note->bytes = skb->len - API_ETH_UDP_LEN;
		api_seen.added++;
	}
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
