/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by trace.bpf.c and `skbext trace`. Includes nothing, as layout.h. */
#ifndef SKBEXT_TRACE_H
#define SKBEXT_TRACE_H

#define TRACE_DEVICE_LEN	16	/* IFNAMSIZ */
#define TRACE_RANGES		24	/* functions that only free: their callers matter */
#define TRACE_SLOTS		40	/* log2 of nanoseconds: up to nine minutes */
#define TRACE_SNAP		256	/* bytes of a packet, at most */
#define TRACE_STEPS		6	/* of a path that are kept: the first ones, and the last */

enum trace_fate {
	TRACE_CONSUMED,		/* consume_skb, or kfree_skb with reason SKB_CONSUMED */
	TRACE_DROPPED,		/* kfree_skb: reason and function are known */
	TRACE_FREED,		/* freed without a tracepoint, as TCP and UDP do */
	TRACE_RECEIVED,		/* tracepoint mode: a socket took it, then it was out of sight */
	TRACE_UNSEEN,		/* tracepoint mode: it had ended, its sk_buff was used again */
	TRACE_FATES,
};

/* Where a packet came into sight. */
enum trace_origin {
	TRACE_AT_ALLOC,		/* exact mode: the allocator */
	TRACE_AT_COPY,		/* exact mode: clone, copy, segment, fragment */
	TRACE_AT_LOCAL_OUT,	/* exact mode: ip_local_out */
	TRACE_AT_QUEUE,		/* net_dev_queue */
	TRACE_AT_RX,		/* netif_rx */
	TRACE_AT_GRO,		/* napi_gro_receive, napi_gro_frags */
	TRACE_AT_RECEIVE,	/* netif_receive_skb and its list */
	TRACE_ORIGINS,
};

enum trace_state {
	TRACE_NEW,		/* no device has seen it yet */
	TRACE_TAKEN,		/* will be reported */
	TRACE_REJECTED,		/* another device's, or not sampled: says so to its later sights */
};

/* A device that the packet came to. */
struct trace_step {
	__u64 when;		/* ns since boot */
	__u64 device[TRACE_DEVICE_LEN / 8];
	__u32 cpu;
	__u32 where;		/* enum trace_origin */
};

/* The extension: what a packet carries of its own life. */
struct skbext_trace {
	__u64 born;		/* ns since boot */
	__u64 seen;		/* last time at a device */
	__u64 id;
	__u64 parent;		/* of a copy: the id of what it was copied from */
	__u64 head;		/* tracepoint mode: its data, which is freed in sight */
	__u64 device[TRACE_DEVICE_LEN / 8];	/* name of the first device, zero padded */
	__u32 len;
	__u32 copies;
	__u16 cpu;
	__u16 protocol;		/* network byte order */
	__u8 state;
	__u8 origin;
	__u8 steps;		/* also those that path has no room for */
	__u8 ethernet;		/* its first device's frames are */
	struct trace_step path[TRACE_STEPS];
};

struct trace_report {
	__u64 skb;
	__u64 ended;
	__u64 place;		/* kernel address in the function that ended it; 0: unknown */
	__u32 reason;		/* enum skb_drop_reason */
	__u16 cpu;
	__u8 fate;
	__u8 active;		/* the types it carried */
	__u32 bytes;		/* of the packet that are here; 0 also: its memory was gone */
	__u32 len;		/* all that it had from its first one here on */
	__u8 frame;		/* enum trace_frame: how these begin */
	__u8 pad[7];
	struct skbext_trace note;
	__u64 payload[];	/* of all types, and behind that the bytes */
};

#define TRACE_FILTER_INSNS	512

/* As struct sock_filter: an instruction of classic BPF, as libpcap makes them. */
struct trace_insn {
	__u16 code;
	__u8 jump_true, jump_false;
	__u32 k;
};

/* What a filter was compiled for. */
enum trace_frame {
	TRACE_FRAMED,		/* begins with an Ethernet header */
	TRACE_BARE,		/* begins with that of IP */
	TRACE_FRAMES,
};

struct trace_range {
	__u64 from, to;
};

/* Lifetimes of one kind of end. */
struct trace_key {
	__u64 place;
	__u32 reason;
	__u32 fate;
};

struct trace_lives {
	__u64 count;
	__u64 total;		/* ns */
	__u64 slots[TRACE_SLOTS];
};

struct trace_counts {
	__u64 seen;		/* packets taken */
	__u64 ended;		/* of these */
	__u64 filtered;		/* ended, but not wanted: age, reason, type */
	__u64 shown;		/* ended, and given to user space */
	__u64 lost;		/* ended, and there was no room to say so */
	__u64 untracked;	/* not taken: no room for a record */
	__u64 slow_lost;	/* slow enough to be told one by one, and there was no room */
};

#endif /* SKBEXT_TRACE_H */
