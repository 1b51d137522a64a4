// SPDX-License-Identifier: GPL-2.0-only
/*
 * One packet in the hands of tc: what find, add and del say there, while it is cloned and while
 * helpers move its data. A clone is seen where it leaves by the mirror device.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "api_common.h"

SKBEXT_TYPE(api_note, struct api_note);
/* As large, and stays where a packet is scrubbed. */
SKBEXT_TYPE_FLAGS(series_keep, struct api_note, SKBEXT_F_KEEP_SCRUB);

struct api_seen api_seen;

#define EXPECT(x)									\
	do {										\
		if (!(x) && !api_seen.failed)						\
			api_seen.failed = __LINE__;					\
	} while (0)

static __always_inline __u32 id_of(struct __sk_buff *skb)
{
	const struct api_note *note = skbext_find(skb, api_note);

	return note ? note->id : 0;
}

static __always_inline void set_id(struct __sk_buff *skb, __u32 id)
{
	struct api_note *note = skbext_add(skb, api_note);

	if (note) {
		api_seen.added++;
		note->id = id;
		note->bytes = 77;
	}
}

#define IS_OURS(skb)	((skb)->mark == api_seen.mark)
#define BEGIN(skb)				\
	do {					\
		if (!IS_OURS(skb))		\
			return TC_ACT_UNSPEC;	\
		api_seen.runs++;		\
	} while (0)

SEC("tc")
int tc_no_alloc(struct __sk_buff *skb)
{
	BEGIN(skb);
	EXPECT(!skbext_find(skb, api_note));
	EXPECT(!skbext_exist(skb, api_note));
	EXPECT(skbext_del(skb, api_note) == -2 /* ENOENT */);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_slice_write_read(struct __sk_buff *skb)
{
	const struct api_note *seen;
	struct api_note *note;

	BEGIN(skb);
	note = skbext_add(skb, api_note);
	seen = skbext_find(skb, api_note);
	EXPECT(note && seen);
	if (note && seen) {
		note->id = 5;
		EXPECT(seen->id == 5);
	}
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_double_alloc(struct __sk_buff *skb)
{
	struct api_note *note;

	BEGIN(skb);
	set_id(skb, 6);
	note = skbext_add(skb, api_note);
	EXPECT(note && note->id == 6 && note->bytes == 77);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_recreate(struct __sk_buff *skb)
{
	struct api_note *note;

	BEGIN(skb);
	set_id(skb, 7);
	EXPECT(!skbext_del(skb, api_note) && !id_of(skb));
	note = skbext_add(skb, api_note);
	EXPECT(note && !note->id && !note->bytes);
	return TC_ACT_UNSPEC;
}

/* ---- clones: what is cloned goes out by the mirror device before the helper returns */

SEC("tc")
int tc_write_clone_read(struct __sk_buff *skb)
{
	BEGIN(skb);
	set_id(skb, API_NOTE_ID);
	EXPECT(!bpf_clone_redirect(skb, API_MIRROR, 0));
	EXPECT(id_of(skb) == API_NOTE_ID);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int mirror_by_bpf(struct __sk_buff *skb)
{
	if (IS_OURS(skb))
		EXPECT(!bpf_clone_redirect(skb, API_MIRROR, 0));
	return TC_ACT_UNSPEC;
}

SEC("tc")
int clone_origin(struct __sk_buff *skb)
{
	BEGIN(skb);
	set_id(skb, API_NOTE_ID);
	return TC_ACT_UNSPEC;
}

/* The original, after its clone was written to. */
SEC("tc")
int clone_origin_later(struct __sk_buff *skb)
{
	const struct api_note *note;

	if (!IS_OURS(skb))
		return TC_ACT_UNSPEC;
	note = skbext_find(skb, api_note);
	if (note && note->id == API_NOTE_ID && note->bytes == 77)
		api_seen.right[0]++;
	else
		api_seen.wrong[0]++;
	return TC_ACT_UNSPEC;
}

static __always_inline void see_clone(struct __sk_buff *skb, __u32 id)
{
	__u32 seen = id_of(skb);

	if (seen == id)
		api_seen.right[1]++;
	else if (seen)
		api_seen.wrong[1]++;
	else
		api_seen.found++;	/* clones without */
}

SEC("tc")
int clone_reader(struct __sk_buff *skb)
{
	if (IS_OURS(skb))
		see_clone(skb, API_NOTE_ID);
	return TC_ACT_UNSPEC;
}

/* The bytes that it does not write came along from the original. */
SEC("tc")
int clone_writer(struct __sk_buff *skb)
{
	struct api_note *note;

	if (!IS_OURS(skb))
		return TC_ACT_UNSPEC;
	note = skbext_add(skb, api_note);
	if (note && note->bytes == 77)
		note->id = API_NOTE_ID + 1000;
	see_clone(skb, API_NOTE_ID + 1000);
	return TC_ACT_UNSPEC;
}

/* ---- helpers that give a packet other data; the sk_buff stays */

SEC("tc")
int helper_skb_vlan_push_pop(struct __sk_buff *skb)
{
	BEGIN(skb);
	set_id(skb, 8);
	EXPECT(!bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 5));
	EXPECT(!bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 6));
	EXPECT(id_of(skb) == 8);
	EXPECT(!bpf_skb_vlan_pop(skb) && !bpf_skb_vlan_pop(skb));
	EXPECT(id_of(skb) == 8);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int helper_skb_adjust_room(struct __sk_buff *skb)
{
	BEGIN(skb);
	set_id(skb, 9);
	EXPECT(!bpf_skb_adjust_room(skb, 40, BPF_ADJ_ROOM_MAC, 0));
	EXPECT(id_of(skb) == 9);
	EXPECT(!bpf_skb_adjust_room(skb, -40, BPF_ADJ_ROOM_MAC, 0));
	EXPECT(id_of(skb) == 9);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int helper_skb_change_head_tail(struct __sk_buff *skb)
{
	BEGIN(skb);
	set_id(skb, 10);
	EXPECT(!bpf_skb_change_tail(skb, skb->len + 1000, 0));
	EXPECT(id_of(skb) == 10);
	EXPECT(!bpf_skb_change_head(skb, 64, 0));
	EXPECT(id_of(skb) == 10);
	return TC_ACT_SHOT;
}

SEC("tc")
int helper_skb_change_proto(struct __sk_buff *skb)
{
	BEGIN(skb);
	set_id(skb, 11);
	EXPECT(!bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0));
	EXPECT(id_of(skb) == 11);
	return TC_ACT_SHOT;
}

/* While a clone shares the data: the kernel copies the data, and the sk_buff keeps its note. */
SEC("tc")
int clone_survives_data_write(struct __sk_buff *skb)
{
	__u8 tos = 4;

	BEGIN(skb);
	set_id(skb, 12);
	EXPECT(!bpf_clone_redirect(skb, API_MIRROR, 0));
	EXPECT(!bpf_skb_store_bytes(skb, ETH_HLEN + 1, &tos, 1, 0));
	EXPECT(id_of(skb) == 12);
	return TC_ACT_SHOT;
}

/* ---- across a tunnel or namespaces, which take the mark away: all that these see is the test's */

SEC("tc")
int scrub_write(struct __sk_buff *skb)
{
	struct api_note *note = skbext_add(skb, api_note);
	struct api_note *keep = skbext_add(skb, series_keep);

	api_seen.runs++;
	if (!note || !keep)
		return TC_ACT_UNSPEC;
	api_seen.added++;
	note->id = API_NOTE_ID;
	keep->id = API_NOTE_ID;
	keep->bytes = skb->len;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int scrub_read(struct __sk_buff *skb)
{
	const struct api_note *keep = skbext_find(skb, series_keep);

	if (id_of(skb))
		api_seen.found++;
	if (keep && keep->id == API_NOTE_ID && keep->bytes == skb->len)
		api_seen.right[0]++;
	else if (keep)
		api_seen.wrong[0]++;
	else
		api_seen.wrong[1]++;	/* lost it */
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
