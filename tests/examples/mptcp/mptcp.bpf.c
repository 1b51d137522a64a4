// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping of MPTCP data without the kernel's SKB_EXT_MPTCP: noted from the DSS option of what
 * comes in, and from the subflow for what is sent. The second half compares with the kernel's own,
 * packet by packet.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <skbext/skbext.bpf.h>
#include "mptcp.h"
#include "idsn.h"

#define ETH_P_IP	0x0800
#define ETH_HLEN	14
#define TC_ACT_UNSPEC	(-1)
#define TCPOPT_EOL	0
#define TCPOPT_NOP	1
#define TCPOPT_MPTCP	30
#define MAX_OPTIONS	40
#define MPC_DATA	22	/* size of MP_CAPABLE with a mapping; a checksum is two more */
#define MP_CAPABLE	0	/* subtypes */
#define MP_DSS		2
#define NF_ACCEPT	1

SKBEXT_TYPE(mptcp_dss, struct dss_note);

const volatile __u32 netns;	/* whose sockets are compared */
const volatile bool exact;	/* fentry is to be had, and clones are followed */
bool comparing;			/* all programs are attached */

__u64 noted, noted_first, noted_sent, noted_probes, unsent;
struct dss_counts counts[DSS_PLACES];

/* ---- received: the DSS option */

struct tcp_packet {
	struct __sk_buff *skb;
	__u32 options, end;	/* offsets */
	__u32 payload;
	bool fin;
};

static __always_inline bool find_tcp(struct __sk_buff *skb, struct tcp_packet *p)
{
	struct tcphdr tcp;
	struct iphdr ip;
	__u32 headers;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.protocol != IPPROTO_TCP ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + ip.ihl * 4, &tcp, sizeof(tcp)))
		return false;
	headers = (ip.ihl + tcp.doff) * 4;
	p->skb = skb;
	p->options = ETH_HLEN + ip.ihl * 4 + sizeof(tcp);
	p->end = ETH_HLEN + headers;
	/* Short frames are padded. */
	p->payload = (ip.tot_len ? bpf_ntohs(ip.tot_len) : skb->len - ETH_HLEN) - headers;
	p->fin = tcp.fin;
	return true;
}

struct mptcp_option {
	__u8 kind, size, subtype, flags;
};

struct scan {
	const struct tcp_packet *packet;
	struct mptcp_option o;
	__u32 at;
	bool found;
};

/* 1: the end. A mapping is there once, as DSS or MP_CAPABLE. */
static long scan_option(__u32 i, struct scan *s)
{
	const struct tcp_packet *p = s->packet;

	if (s->at + sizeof(s->o) > p->end ||
	    bpf_skb_load_bytes(p->skb, s->at, &s->o, sizeof(s->o)) || s->o.kind == TCPOPT_EOL)
		return 1;
	if (s->o.kind == TCPOPT_NOP) {
		s->at++;
		return 0;
	}
	if (s->o.size < 2 || s->at + s->o.size > p->end)
		return 1;
	s->found = s->o.kind == TCPOPT_MPTCP &&
		   (s->o.subtype >> 4 == MP_DSS || s->o.subtype >> 4 == MP_CAPABLE);
	if (s->found)
		return 1;
	s->at += s->o.size;
	return 0;
}

static __always_inline __u64 load_number(const struct tcp_packet *p, __u32 at, __u32 size)
{
	__be64 eight = 0;
	__be32 four = 0;

	if (size == 8) {
		bpf_skb_load_bytes(p->skb, at, &eight, sizeof(eight));
		return bpf_be64_to_cpu(eight);
	}
	bpf_skb_load_bytes(p->skb, at, &four, sizeof(four));
	return bpf_ntohl(four);
}

/* As mptcp_parse_option(): an option that is not exactly as long as its flags say is none. */
static __always_inline void parse_dss(const struct tcp_packet *p, __u32 at,
				      const struct mptcp_option *o, struct dss_note *dss)
{
	__u32 ack = o->flags & 1 ? o->flags & 2 ? 8 : 4 : 0;
	__u32 seq = o->flags & 4 ? o->flags & 8 ? 8 : 4 : 0;
	__u32 expected = 4 + ack + (seq ? seq + 6 : 0);
	__be16 len = 0;

	if (o->size != expected && o->size != expected + 2)
		return;
	dss->flags = DSS_OPTION;
	dss->flags |= ack ? DSS_USE_ACK : 0;
	dss->flags |= ack == 8 ? DSS_ACK64 : 0;
	if (!seq)
		return;
	at += 4 + ack;
	dss->data_seq = load_number(p, at, seq);
	dss->subflow_seq = load_number(p, at + seq, 4);
	bpf_skb_load_bytes(p->skb, at + seq + 4, &len, sizeof(len));
	dss->data_len = bpf_ntohs(len);
	dss->flags |= DSS_USE_MAP;
	dss->flags |= seq == 8 ? DSS_DSN64 : 0;
	dss->flags |= o->flags & 16 ? DSS_DATA_FIN : 0;
	if (o->size == expected)
		return;
	bpf_skb_load_bytes(p->skb, at + seq + 6, &dss->csum, 2);
	dss->flags |= DSS_CSUM_REQD;
}

/* The first data has no sequence numbers on the wire: they follow from the key (RFC 8684, 3.1). */
static __always_inline void parse_capable(const struct tcp_packet *p, __u32 at,
					  const struct mptcp_option *o, struct dss_note *dss)
{
	__be16 len = 0;

	if ((o->size != MPC_DATA && o->size != MPC_DATA + 2) || !p->payload ||
	    (o->subtype & 15) != 1 || (o->flags & 0x7f) != 1)
		return;
	dss->data_seq = mptcp_idsn(load_number(p, at + 4, 8)) + 1;
	dss->subflow_seq = 1;
	bpf_skb_load_bytes(p->skb, at + 20, &len, sizeof(len));
	dss->data_len = bpf_ntohs(len);
	dss->flags = DSS_OPTION | DSS_USE_MAP | DSS_DSN64 | DSS_MPC_MAP;
	if (o->flags & 0x80 || o->size != MPC_DATA)
		dss->flags |= DSS_CSUM_REQD;
	if (o->size != MPC_DATA)
		bpf_skb_load_bytes(p->skb, at + 22, &dss->csum, 2);
}

/* False: the packet has no DSS. */
static __always_inline bool parse_options(const struct tcp_packet *p, struct dss_note *dss)
{
	struct scan s = { .packet = p, .at = p->options };

	/* Not a loop of our own: the verifier would follow every way through 40 options. */
	bpf_loop(MAX_OPTIONS, scan_option, &s, 0);
	if (s.found && s.o.subtype >> 4 == MP_DSS)
		parse_dss(p, s.at, &s.o, dss);
	else if (s.found)
		parse_capable(p, s.at, &s.o, dss);
	return dss->flags;
}

/*
 * Ingress of every device. Whatever note is there is the sender's: one that came over a loopback.
 */
SEC("tc")
int mptcp_in(struct __sk_buff *skb)
{
	struct dss_note dss = {}, *note;
	struct tcp_packet p;

	skbext_del(skb, mptcp_dss);
	/* mptcp_incoming_options() adds nothing to what takes no place in the subflow. */
	if (!find_tcp(skb, &p) || !(p.payload || p.fin) || !parse_options(&p, &dss))
		return TC_ACT_UNSPEC;
	note = skbext_add(skb, mptcp_dss);
	if (!note)
		return TC_ACT_UNSPEC;
	*note = dss;
	__sync_fetch_and_add(&noted, 1);
	if (dss.flags & DSS_MPC_MAP)
		__sync_fetch_and_add(&noted_first, 1);
	return TC_ACT_UNSPEC;
}

/*
 * Egress, where clones are not followed: what is sent is a clone of what the subflow holds, so it
 * is noted here. Data without the option is noted as such: the kernel has a mapping of it even
 * after a fallback.
 */
SEC("tc")
int mptcp_out(struct __sk_buff *skb)
{
	struct dss_note dss = {}, *note;
	struct tcp_packet p;

	if (!find_tcp(skb, &p) || !p.payload)
		return TC_ACT_UNSPEC;
	parse_options(&p, &dss);
	note = skbext_add(skb, mptcp_dss);
	if (note)
		*note = dss;
	return TC_ACT_UNSPEC;
}

/* ---- sent: the subflow */

/* Of all kernels, and only what is read. */
struct mptcp_subflow_context___any {
	__u32 rel_write_seq;
	__u64 map_seq;
	__u32 map_subflow_seq;
	struct sock *conn;
} __attribute__((preserve_access_index));

struct mptcp_sock___any {
	__u64 snd_una;
} __attribute__((preserve_access_index));

struct tcp_sock___any {
	bool is_mptcp;
} __attribute__((preserve_access_index));

struct mptcp_data_frag___any {
	__u64 data_seq;
} __attribute__((preserve_access_index));

struct mptcp_sendmsg_info___any {
	__u16 sent;
} __attribute__((preserve_access_index));

static __always_inline bool is_watched(const struct sock *sk)
{
	return comparing && sk && BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == netns;
}

static __always_inline struct mptcp_subflow_context___any *subflow_of(const struct sock *ssk)
{
	return BPF_CORE_READ((struct inet_connection_sock *)ssk, icsk_ulp_data);
}

/*
 * Data went into the last packet of the subflow's write queue: a new one, or one that had some.
 * A packet has one mapping, and the last one is all there: it ends where the subflow is now.
 */
SEC("fexit/mptcp_sendmsg_frag")
int BPF_PROG(mptcp_frag, struct sock *sk, struct sock *ssk, void *dfrag, void *info, int copied)
{
	struct mptcp_sendmsg_info___any *how = info;
	struct mptcp_data_frag___any *data = dfrag;
	struct sk_buff *skb;
	struct dss_note *note;
	__u32 len;

	if (copied <= 0 || !is_watched(ssk))
		return 0;
	skb = ssk->sk_write_queue.prev;
	note = skbext_add(skb, mptcp_dss);
	if (!note)
		return 0;
	if (!note->flags)
		__sync_fetch_and_add(&noted_sent, 1);
	len = BPF_CORE_READ(skb, len);
	note->data_seq = BPF_CORE_READ(data, data_seq) + BPF_CORE_READ(how, sent) + copied - len;
	note->subflow_seq = BPF_CORE_READ(subflow_of(ssk), rel_write_seq) - len;
	note->data_len = len;
	note->flags = DSS_OPTION | DSS_USE_MAP | DSS_DSN64;
	return 0;
}

/*
 * A probe of MPTCP's window: mptcp_sendmsg_frag() sends one byte of what was acknowledged, before
 * it returns, and it returns 0. Its packet is the only one of a subflow that has no note here and
 * carries anything.
 */
SEC("fentry/__tcp_push_pending_frames")
int BPF_PROG(mptcp_probe, struct sock *ssk)
{
	struct mptcp_subflow_context___any *subflow = subflow_of(ssk);
	struct mptcp_sock___any *msk;
	struct dss_note *note;
	struct sk_buff *skb;

	if (!is_watched(ssk) || !BPF_CORE_READ((struct tcp_sock___any *)ssk, is_mptcp) ||
	    !BPF_CORE_READ(ssk, sk_write_queue.qlen))
		return 0;
	skb = ssk->sk_write_queue.prev;
	if (BPF_CORE_READ(skb, len) != 1 || skbext_exist(skb, mptcp_dss))
		return 0;
	note = skbext_add(skb, mptcp_dss);
	if (!note)
		return 0;
	msk = (void *)BPF_CORE_READ(subflow, conn);
	note->data_seq = BPF_CORE_READ(msk, snd_una) - 1;
	note->subflow_seq = BPF_CORE_READ(subflow, rel_write_seq) - 1;
	note->data_len = 1;
	note->flags = DSS_OPTION | DSS_USE_MAP | DSS_DSN64;
	__sync_fetch_and_add(&noted_probes, 1);
	return 0;
}

/* tcp_fragment(), tso_fragment(): both parts keep the whole mapping: mptcp_skb_ext_copy(). */
SEC("fentry/skb_split")
int BPF_PROG(mptcp_split, struct sk_buff *skb, struct sk_buff *rest)
{
	if (skbext_exist(skb, mptcp_dss))
		skbext_copy(rest, skb);
	return 0;
}

/* ---- Is it what the kernel has? */

struct mptcp_ext___any {
	__u64 data_seq;
	__u32 subflow_seq;
	__u16 data_len;
	__u16 csum;
	__u8 use_map : 1, dsn64 : 1, data_fin : 1, mpc_map : 1, csum_reqd : 1;
} __attribute__((preserve_access_index));

enum skb_ext_id___any {
	SKB_EXT_MPTCP___any,
};

static __always_inline struct mptcp_ext___any *native_ext(struct sk_buff *skb)
{
	__u32 id = bpf_core_enum_value(enum skb_ext_id___any, SKB_EXT_MPTCP___any);
	void *ext = BPF_CORE_READ(skb, extensions);
	__u8 chunk = 0;

	if (!(BPF_CORE_READ(skb, active_extensions) & 1 << id))
		return NULL;
	bpf_probe_read_kernel(&chunk, 1, ext + bpf_core_field_offset(struct skb_ext, offset) + id);
	return ext + chunk * 8;
}

#define FLAG(ext, field, flag)	(BPF_CORE_READ_BITFIELD_PROBED(ext, field) ? (flag) : 0)

static __always_inline void read_native(struct mptcp_ext___any *ext, struct dss_note *dss)
{
	dss->data_seq = BPF_CORE_READ(ext, data_seq);
	dss->subflow_seq = BPF_CORE_READ(ext, subflow_seq);
	dss->data_len = BPF_CORE_READ(ext, data_len);
	dss->csum = BPF_CORE_READ(ext, csum);
	dss->flags = DSS_OPTION | FLAG(ext, use_map, DSS_USE_MAP) | FLAG(ext, dsn64, DSS_DSN64) |
		     FLAG(ext, data_fin, DSS_DATA_FIN) | FLAG(ext, mpc_map, DSS_MPC_MAP) |
		     FLAG(ext, csum_reqd, DSS_CSUM_REQD);
}

static __always_inline bool same(const struct dss_note *a, const struct dss_note *b)
{
	return a->data_seq == b->data_seq && a->subflow_seq == b->subflow_seq &&
	       a->data_len == b->data_len && a->csum == b->csum && a->flags == b->flags;
}

static __always_inline void compare(enum dss_place place, const struct dss_note *ours,
				    const struct dss_note *kernels)
{
	struct dss_counts *c = &counts[place];

	__sync_fetch_and_add(&c->compared, 1);
	if (same(ours, kernels))
		return;
	if (!__sync_fetch_and_add(&c->differing, 1)) {
		c->ours = *ours;
		c->kernels = *kernels;
	}
}

/* The kernel's has nothing of the acknowledgment, which it dealt with at once. */
static __always_inline struct dss_note without_ack(const struct dss_note *note)
{
	struct dss_note dss = *note;

	dss.flags &= ~(DSS_USE_ACK | DSS_ACK64);
	return dss;
}

/* A packet with neither has no DSS. A note alone, or the kernel's alone, is wrong. */
SEC("fexit/mptcp_incoming_options")
int BPF_PROG(mptcp_incoming, struct sock *ssk, struct sk_buff *skb)
{
	const struct dss_note *note = skbext_find(skb, mptcp_dss);
	struct mptcp_ext___any *ext = native_ext(skb);
	struct dss_note ours = {}, kernels = {};

	if (!is_watched(ssk))
		return 0;
	/* Not "note || ext": clang may or the two pointers, and the verifier refuses that. */
	if (!note) {
		if (ext)
			__sync_fetch_and_add(&counts[DSS_INCOMING].missing, 1);
		return 0;
	}
	ours = without_ack(note);
	if (ext)
		read_native(ext, &kernels);
	compare(DSS_INCOMING, &ours, &kernels);
	return 0;
}

struct mapping_key {
	__u32 data_seq, subflow_seq;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct mapping_key);
	__type(value, struct dss_note);
} taken SEC(".maps");

/* By the whole: pieces of one mapping differ, as only the last one has a DATA_FIN. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct dss_note);
	__type(value, __u8);
} delivered SEC(".maps");

/* The kernel takes a mapping from a packet's extension, which it then deletes. */
SEC("tp_btf/get_mapping_status")
int BPF_PROG(mptcp_taken, struct mptcp_ext *ext)
{
	struct mapping_key key = {};
	struct dss_note dss = {};

	read_native((void *)ext, &dss);
	key.data_seq = dss.data_seq;
	key.subflow_seq = dss.subflow_seq;
	bpf_map_update_elem(&taken, &key, &dss, BPF_ANY);
	return 0;
}

/* The kernel's struct bpf_nf_ctx, which vmlinux.h of a 6.1 does not have. */
struct mptcp_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
};

/*
 * LOCAL_IN, in the tracepoint mode: there a record ends where TCP begins (tcp_probe), because what
 * TCP frees leaves no trace. So the notes found here are known by their mapping from here on.
 */
SEC("?netfilter")
int mptcp_delivered(struct mptcp_nf_ctx *ctx)
{
	const struct dss_note *note = skbext_find(ctx->skb, mptcp_dss);
	struct dss_note key;
	__u8 yes = 1;

	if (!note)
		return NF_ACCEPT;
	key = without_ack(note);
	bpf_map_update_elem(&delivered, &key, &yes, BPF_ANY);
	return NF_ACCEPT;
}

/* The kernel took this last for the mapping that the subflow has now. */
static __always_inline void read_taken(struct sock *ssk, struct dss_note *dss)
{
	struct mptcp_subflow_context___any *subflow = subflow_of(ssk);
	struct mapping_key key = {};
	struct dss_note *found;

	key.data_seq = BPF_CORE_READ(subflow, map_seq);
	key.subflow_seq = BPF_CORE_READ(subflow, map_subflow_seq);
	found = bpf_map_lookup_elem(&taken, &key);
	if (found)
		*dss = *found;
}

/*
 * status 0, MAPPING_OK: the first packet of the receive queue is covered by the mapping that the
 * subflow has now, and the last that was taken is the packet's own.
 */
SEC("tp_btf/subflow_check_data_avail")
int BPF_PROG(mptcp_queued, __u8 status, struct sk_buff *skb)
{
	struct dss_note ours = {}, kernels = {};
	const struct dss_note *note;
	struct sock *ssk;

	if (status || !skb)
		return 0;
	ssk = BPF_CORE_READ(skb, sk);
	if (!is_watched(ssk))
		return 0;
	read_taken(ssk, &kernels);
	note = skbext_find(skb, mptcp_dss);
	if (note)
		ours = without_ack(note);
	else if (!exact && bpf_map_lookup_elem(&delivered, &kernels))
		ours = kernels;
	if (ours.flags)
		compare(DSS_QUEUE, &ours, &kernels);
	else
		__sync_fetch_and_add(&counts[DSS_QUEUE].missing, 1);
	return 0;
}

/*
 * The kernel adds a DATA_FIN, its one byte and the checksum only to what it writes into the option,
 * never to the extension of what it sends; there csum is an unfinished sum of the data.
 */
static __always_inline struct dss_note without_fin(const struct dss_note *note)
{
	struct dss_note dss = *note;

	dss.data_len -= !!(dss.flags & DSS_DATA_FIN);
	dss.flags &= DSS_OPTION | DSS_USE_MAP | DSS_DSN64;
	dss.csum = 0;
	return dss;
}

/* Behind tc egress, before GSO. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(mptcp_sent, struct sk_buff *skb)
{
	const struct dss_note *note = skbext_find(skb, mptcp_dss);
	struct mptcp_ext___any *ext = native_ext(skb);
	struct dss_note ours = {}, kernels = {};

	if (!is_watched(BPF_CORE_READ(skb, sk)))
		return 0;
	if (!note) {
		if (ext)
			__sync_fetch_and_add(&counts[DSS_SENT].missing, 1);
		return 0;
	}
	if (!note->flags) {
		if (ext)
			__sync_fetch_and_add(&unsent, 1);
		return 0;
	}
	ours = without_fin(note);
	if (ext)
		read_native(ext, &kernels);
	kernels.csum = 0;
	compare(DSS_SENT, &ours, &kernels);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
