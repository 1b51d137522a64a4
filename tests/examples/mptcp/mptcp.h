/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MPTCP_H
#define MPTCP_H

/* Where the data of a packet belongs, as the kernel's struct mptcp_ext: its DSS option. */
struct dss_note {
	__u64 data_seq;
	__u32 subflow_seq;
	__u32 flags;
	__u32 data_len;
	__u32 csum;		/* as on the wire; received packets only */
};

enum dss_flag {
	DSS_OPTION = 1,		/* else only: this is data without it */
	DSS_USE_MAP = 2,	/* else it acknowledges and no more */
	DSS_DSN64 = 4,		/* else data_seq has 32 bits */
	DSS_DATA_FIN = 8,
	DSS_MPC_MAP = 16,	/* the first data: its mapping is in the MP_CAPABLE option */
	DSS_CSUM_REQD = 32,
	DSS_USE_ACK = 64,
	DSS_ACK64 = 128,
};

/* Where notes are held against what the kernel has. */
enum dss_place {
	DSS_INCOMING,		/* the kernel has just parsed the packet's options */
	DSS_QUEUE,		/* it takes its mapping from the receive queue */
	DSS_SENT,		/* the packet goes to its device */
	DSS_PLACES,
};

struct dss_counts {
	__u64 compared, differing, missing;
	struct dss_note ours, kernels;		/* of the first that differs */
};

#endif /* MPTCP_H */
