/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The native oracle: what its BPF objects and the program that runs them agree on. Behind
 * layout.h, else includes nothing.
 *
 * Type n of skbext is the kernel's extension n (enum skb_ext_id as found in BTF), so both bitmaps
 * read alike.
 */
#ifndef ORACLE_H
#define ORACLE_H

#define ORACLE_WORDS	12	/* of the longest native payload, 8 bytes each */
#define ORACLE_DIFFS	32	/* kept with details */
#define ORACLE_STACK	12
#define ORACLE_CPUS	8	/* at most */

/*
 * All extensions that a kernel has had: type of skbext, enumerator, payload, policy; then which
 * members of the payload stay as they are once the packet moves on ("": none, "*": all) and which
 * of these do not.
 *
 * sec_path passes udp_try_make_stateless(), for IP_CMSG_PASSSEC. Of its states only the first is
 * there for sure. br_netfilter writes to its payload at every hook. TCP sets mptcp's frozen in the
 * shared payload when it cuts a packet.
 */
#define ORACLE_TYPES(TYPE)									\
	TYPE(bridge_nf,  SKB_EXT_BRIDGE_NF, nf_bridge_info, SKBEXT_F_DROP_UDP, "", "")			\
	TYPE(sec_path,   SKB_EXT_SEC_PATH,  sec_path, 0, "len olen xvec", "") \
	TYPE(tc_skb_ext, TC_SKB_EXT,        tc_skb_ext, SKBEXT_F_DROP_UDP, "", "")				\
	TYPE(mptcp,      SKB_EXT_MPTCP,     mptcp_ext, SKBEXT_F_DROP_UDP, "*", "frozen")			\
	TYPE(mctp,       SKB_EXT_MCTP,      mctp_flow, SKBEXT_F_DROP_UDP, "", "")				\
	TYPE(psp,        SKB_EXT_PSP,       psp_skb_ext, SKBEXT_F_DROP_UDP, "", "")				\
	TYPE(can,        SKB_EXT_CAN,       can_skb_ext, SKBEXT_F_DROP_UDP, "", "")

enum oracle_kind {
#define TYPE(name, id, payload, flags, same, but) ORACLE_##name,
	ORACLE_TYPES(TYPE)
#undef TYPE
	ORACLE_KINDS,
};

/*
 * An owner writes its payload after skb_ext_add() returned: the first look at the packet takes it,
 * later ones compare.
 */
struct oracle_payload {
	__u64 word[ORACLE_WORDS];
	__u64 taken;
};

/* Extension n of this kernel. */
struct oracle_type {
	__u32 kind;
	__u32 words;		/* of its payload */
	__u64 mask[ORACLE_WORDS];	/* what is compared */
};

/* Where the kernel is asked. The names for people are in oracle.c, in this order. */
enum oracle_hook {
	ORACLE_NETIF_RECEIVE,
	ORACLE_DEV_QUEUE,
	ORACLE_START_XMIT,
	ORACLE_NETIF_RX,
	ORACLE_KFREE_SKB,
	ORACLE_CONSUME_SKB,
	ORACLE_HEAD_STATE,	/* before the kernel drops */
	ORACLE_STATELESS,
	ORACLE_STOLEN_HEAD,
	ORACLE_SCRUB,
	ORACLE_SCRUBBED,	/* after it */
	ORACLE_CLONE,		/* the original */
	ORACLE_CLONED,		/* the clone */
	ORACLE_SPLIT,
	ORACLE_OWNER_DEL,	/* before the owner deletes its extension */
	ORACLE_IP_RCV,
	ORACLE_IP_LOCAL,
	ORACLE_IP_FORWARD,
	ORACLE_IP_OUTPUT,
	ORACLE_IPV6_RCV,
	ORACLE_IP6_OUTPUT,
	ORACLE_IP_FRAGMENT,	/* the fragment, after its metadata was copied */
	ORACLE_IP6_FRAGMENT,
	ORACLE_TCP4_RCV,
	ORACLE_TCP6_RCV,
	ORACLE_TCP4_DO_RCV,
	ORACLE_TCP6_DO_RCV,
	ORACLE_TCP_ESTABLISHED,
	ORACLE_TCP_DATA_QUEUE,
	ORACLE_UDP4_QUEUE,
	ORACLE_UDP6_QUEUE,
	ORACLE_UDP_ENQUEUE,	/* before the kernel drops what UDP does not want */
	ORACLE_UDP_READ,
	ORACLE_XFRM_INPUT,
	ORACLE_NETFILTER,	/* each netfilter hook with rules: the bridge's as well */
	ORACLE_HOOKS,
};

struct oracle_count {
	__u64 looked;		/* packets seen */
	__u64 compared;		/* of these: one side or both had an extension */
	__u64 differing;	/* of these */
	__u64 payloads;		/* payloads compared byte by byte */
	__u64 payloads_differing;
};

struct oracle_diff {
	__u32 hook;
	__u32 payload;		/* 1: equal bits, but not the payload of extension `native` */
	__u32 native, ours;
	__u64 skb;
	__u64 word[2];		/* the first differing word of the payload */
	__u64 stack[ORACLE_STACK];
};

struct oracle_results {
	struct oracle_count count[ORACLE_HOOKS];
	__u64 seen[8];		/* comparisons in which the kernel's extension n was active */
	__u64 taken;		/* payloads taken over */
	__u64 diffs;		/* found; the first ORACLE_DIFFS are below */
	struct oracle_diff diff[ORACLE_DIFFS];
};

enum oracle_act {
	ORACLE_ACT_ADD,
	ORACLE_ACT_DEL,
	ORACLE_ACT_SET,
	ORACLE_ACT_MPTCP_SPLIT,
	ORACLE_ACT_MPTCP_TAKEN,
	ORACLE_ACT_MPTCP_MOVED,
};

/*
 * Hooks of ours that an interruption can need while they run: the others run where only hardware
 * interrupts get in.
 */
enum oracle_followed {
	ORACLE_COPY_HEADER,
	ORACLE_IP_METADATA,
	ORACLE_IP6_METADATA,
	ORACLE_RELEASE,
	ORACLE_FOLLOWED,
};

struct oracle_skips {
	__u64 misses[ORACLE_FOLLOWED][ORACLE_CPUS];	/* where the kernel counts; 0: no CPU */
	__u64 skipped[ORACLE_FOLLOWED];		/* shares and releases made up for */
	/* Faults on purpose, one in so many; 0: none. */
	__u64 lose;		/* a share whose record is gone at once */
	__u64 invent;		/* a clone gets an extension that the kernel did not give it */
	__u32 invented;		/* this one */
	__u64 turn;
};

#endif /* ORACLE_H */
