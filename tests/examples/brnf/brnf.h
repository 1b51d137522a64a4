/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef BRNF_H
#define BRNF_H

/* Where a bridged packet came from and where it goes, as the kernel's struct nf_bridge_info. */
struct bridge_note {
	__u32 physin;		/* ifindex of the ports; the IP hooks show only the bridge */
	__u32 physout;
	__u32 pkt_type;		/* as it came in: br_netfilter changes it for the IP hooks */
	__u32 daddr;		/* before anyone translated it */
};

#endif /* BRNF_H */
