// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's SKB_EXT_SEC_PATH, rebuilt: each state that decrypts a packet is added to it, with a
 * reference that is counted as long as the packet or a clone of it lives. The last programs compare
 * with the kernel's own.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "secpath.h"

/* The kernel's own is kept into the UDP receive queue, too. */
SKBEXT_TYPE_FLAGS(secpath, struct packet_path, SKBEXT_F_COUNTED);
SKBEXT_TYPE(secpath_mark, __u32);

__u64 decrypted, refused, marked, compared, differing, missing;
__u32 nr_states, deepest;
bool mark_clones;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SECPATH_STATES);
	__type(key, struct secpath_key);
	__type(value, struct secpath_known);
} states SEC(".maps");

/* A kernel whose BTF made vmlinux.h may have been built without IPsec. */
struct xfrm_id___any {
	union {
		__be32 a6[4];
	} daddr;		/* xfrm_address_t */
	__be32 spi;
	__u8 proto;
} __attribute__((preserve_access_index));

struct xfrm_state___any {
	struct xfrm_id___any id;
	struct {
		__u8 mode;
	} props;
} __attribute__((preserve_access_index));

struct sec_path___any {
	int len;
	struct xfrm_state___any *xvec[SECPATH_DEPTH];
} __attribute__((preserve_access_index));

enum skb_ext_id___any {
	SKB_EXT_SEC_PATH___any,
};

static __always_inline __u32 native_id(void)
{
	return bpf_core_enum_value(enum skb_ext_id___any, SKB_EXT_SEC_PATH___any);
}

static __always_inline void describe(struct xfrm_state___any *x, struct secpath_state *s)
{
	s->spi = BPF_CORE_READ(x, id.spi);
	s->proto = BPF_CORE_READ(x, id.proto);
	s->mode = BPF_CORE_READ(x, props.mode);
	s->pad = 0;
}

static __always_inline struct secpath_known *known_state(struct xfrm_state___any *x,
							 const struct secpath_state *s)
{
	struct secpath_key key = { .spi = s->spi, .proto = s->proto };
	struct secpath_known *known, first = { .mode = s->mode };

	bpf_probe_read_kernel(key.daddr, sizeof(key.daddr),
			      (void *)x + bpf_core_field_offset(struct xfrm_state___any, id.daddr));
	known = bpf_map_lookup_elem(&states, &key);
	if (known)
		return known;
	first.number = __sync_fetch_and_add(&nr_states, 1);
	bpf_map_update_elem(&states, &key, &first, BPF_NOEXIST);
	return bpf_map_lookup_elem(&states, &key);
}

/* xfrm_replay_recheck(x, skb, seq): what xfrm_input() asks last of a packet x has decrypted. */
SEC("fexit/xfrm_replay_recheck")
int secpath_decrypted(__u64 *ctx)
{
	struct xfrm_state___any *x = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];
	struct secpath_known *known;
	struct secpath_state state;
	struct packet_path *path;
	__u32 place;

	if ((int)ctx[3])
		return 0;
	describe(x, &state);
	known = known_state(x, &state);
	place = known ? skbext_ref(skb, secpath, known->number) : SECPATH_DEPTH;
	path = place < SECPATH_DEPTH ? skbext_add(skb, secpath) : NULL;
	if (!path) {
		__sync_fetch_and_add(&refused, 1);
		return 0;
	}
	path->state[place] = state;
	__sync_fetch_and_add(&known->packets, 1);
	__sync_fetch_and_add(&decrypted, 1);
	return 0;
}

/* secpath_reset(): TCP when it has judged a packet, ESP when it encrypts one. */
SEC("fentry/__skb_ext_del")
int secpath_reset(__u64 *ctx)
{
	if (ctx[1] == native_id())
		skbext_del((struct sk_buff *)ctx[0], secpath);
	return 0;
}

/* Somebody else, who gives each clone something of its own: it gets a copy of the path with it. */
SEC("fexit/skb_clone")
int secpath_cloned(__u64 *ctx)
{
	struct sk_buff *clone = (void *)ctx[2];

	if (mark_clones && clone && skbext_exist(clone, secpath) && skbext_add(clone, secpath_mark))
		__sync_fetch_and_add(&marked, 1);
	return 0;
}

/* ---- Is it what the kernel has? */

static __always_inline struct sec_path___any *native_path(struct sk_buff *skb)
{
	__u32 id = native_id();
	void *ext = BPF_CORE_READ(skb, extensions);
	__u8 chunk = 0;

	if (!(BPF_CORE_READ(skb, active_extensions) & 1 << id))
		return NULL;
	bpf_probe_read_kernel(&chunk, 1, ext + bpf_core_field_offset(struct skb_ext, offset) + id);
	return ext + chunk * 8;
}

static __always_inline bool differs(const struct packet_path *path, struct sec_path___any *native)
{
	__u32 len = BPF_CORE_READ_BITFIELD_PROBED(native, len);	/* a byte in 7.x */

	if (path->refs.nr != len)
		return true;
	if (len > deepest)
		deepest = len;
	for (__u32 i = 0; i < SECPATH_DEPTH && i < len; i++) {
		struct xfrm_state___any *x = NULL;
		struct secpath_state state;

		bpf_probe_read_kernel(&x, sizeof(x), (void *)native + i * sizeof(x) +
				      bpf_core_field_offset(struct sec_path___any, xvec));
		describe(x, &state);
		if (path->state[i].spi != state.spi || path->state[i].proto != state.proto ||
		    path->state[i].mode != state.mode)
			return true;
	}
	return false;
}

static __always_inline int compare(struct sk_buff *skb)
{
	const struct packet_path *path = skbext_find(skb, secpath);
	struct sec_path___any *native = native_path(skb);

	/* Not "!path && !native": clang may or the two pointers, and the verifier refuses that. */
	if (path) {
		__sync_fetch_and_add(&compared, 1);
		if (!native || differs(path, native))
			__sync_fetch_and_add(&differing, 1);
	} else if (native) {
		__sync_fetch_and_add(&compared, 1);
		__sync_fetch_and_add(&missing, 1);
	}
	return 0;
}

#define COMPARE(section, name, n)							\
	SEC(section) int compare_##name(__u64 *ctx) { return compare((struct sk_buff *)ctx[n]); }

COMPARE("tp_btf/netif_receive_skb", netif_receive_skb, 0)	/* out of a tunnel */
COMPARE("fentry/ip_rcv", ip_rcv, 0)
COMPARE("fentry/ip_local_deliver", ip_local_deliver, 0)
COMPARE("fentry/udp_queue_rcv_skb", udp_queue_rcv_skb, 1)
COMPARE("fentry/skb_release_head_state", release, 0)		/* dropped, read, or purged */

SEC("fexit/skb_clone")
int compare_clone(__u64 *ctx)
{
	struct sk_buff *clone = (void *)ctx[2];

	return clone ? compare(clone) : 0;
}

char LICENSE[] SEC("license") = "GPL";
