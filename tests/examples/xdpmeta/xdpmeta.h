/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XDPMETA_H
#define XDPMETA_H

/* What XDP knows of a packet: first bytes before its data (a multiple of 4), then an extension. */
struct xdp_note {
	__u32 magic;		/* other XDP programs have other metadata */
	__u32 id;		/* from the packet, to check that it is this one's */
	__u64 stamp;		/* when XDP saw it */
};

#endif /* XDPMETA_H */
