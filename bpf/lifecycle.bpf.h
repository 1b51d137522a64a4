/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lifecycle programs of both modes. Nearly every packet carries nothing: that is told
 * inline, before anything is called.
 */
#ifndef LIFECYCLE_BPF_H
#define LIFECYCLE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <skbext/skbext.bpf.h>

/* The skb ends, or becomes another packet. Idempotent: some frees pass two hooks. */
static __always_inline int release(__u64 h)
{
	return skbext_store_release(h, SKBEXT_STAT_RELEASED);
}

/* An skb is born here: a record under its address is that of another packet. */
static __always_inline void purge(__u64 h)
{
	skbext_store_release(h, SKBEXT_STAT_PURGED_STALE);
}

/* The kernel drops all extensions here, our types by their policy. */
static __always_inline void keep(__u64 h, __u64 types, enum skbext_stat stat)
{
	skbext_store_keep(h, types, stat);
}

static __always_inline void share(__u64 to, __u64 from)
{
	if (!skbext_store_absent(from) || !skbext_store_absent(to))
		skbext_store_share(to, from);
}

/* After share(), which the kernel may have skipped. */
static __always_inline void share_again(__u64 to, __u64 from)
{
	if (!skbext_store_absent(from) || !skbext_store_absent(to))
		skbext_store_share_again(to, from);
}

static __always_inline void fate(__u64 h, enum skbext_stat stat)
{
	if (skbext_store_slot(h) >= 0)
		skbext_count(stat);
}

#endif /* LIFECYCLE_BPF_H */
