// SPDX-License-Identifier: GPL-2.0-only
/*
 * Points on a packet's path: at a kernel function or a tracepoint that user space chooses, an skb
 * is tagged, or looked at, or the calls are counted. Each point is three programs, of which one is
 * loaded.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <skbext/skbext.bpf.h>
#include "paths_types.h"

SKBEXT_TYPE_FLAGS(plain, struct paths_note, SKBEXT_F_DROP_UDP);
SKBEXT_TYPE_FLAGS(noclone, struct paths_note, SKBEXT_F_DROP_UDP | SKBEXT_F_NO_CLONE);
SKBEXT_TYPE_FLAGS(scrub, struct paths_note, SKBEXT_F_DROP_UDP | SKBEXT_F_KEEP_SCRUB);
SKBEXT_TYPE(udp, struct paths_note);

struct paths_point points[PATHS_POINTS] SEC(".data.points");
struct paths_seen seen[PATHS_POINTS] SEC(".data.seen");
__u64 serial SEC(".data.serial");

/*
 * The skb is a number here: where it comes from, an argument or a result,
 * is not known to the verifier.
 */
static __always_inline __u64 key_of(__u64 skb)
{
	return skbext_hash(skb - SKBEXT_STATE->base);
}

static __always_inline bool is_meant(const struct paths_point *p, struct sk_buff *skb)
{
	__u32 len = BPF_CORE_READ(skb, len);
	char name[16] = {};

	if (len < p->min_len || (p->max_len && len > p->max_len))
		return false;
	if (!p->dev[0])
		return true;
	bpf_probe_read_kernel(name, sizeof(name), &BPF_CORE_READ(skb, dev)->name);
	for (int i = 0; i < 16; i++) {
		if (name[i] != p->dev[i])
			return false;
		if (!name[i])
			break;
	}
	return true;
}

static __always_inline void look_at(__u64 h, struct paths_seen *s,
				    const volatile struct __skbext_type *ref, __u32 bit, __u32 *mask)
{
	struct skbext_object *obj = skbext_store_find(h, ref->active);
	const struct paths_note *note;

	if (!obj)
		return;
	*mask |= bit;
	note = __skbext_payload(obj, ref->offset);
	if (note->magic != PATHS_MAGIC + bit)
		__sync_fetch_and_add(&s->wrong, 1);
}

static __always_inline void look(__u64 h, struct paths_seen *s)
{
	__u32 mask = 0;

	look_at(h, s, __SKBEXT_TYPE(plain), PLAIN, &mask);
	look_at(h, s, __SKBEXT_TYPE(noclone), NOCLONE, &mask);
	look_at(h, s, __SKBEXT_TYPE(scrub), SCRUB, &mask);
	look_at(h, s, __SKBEXT_TYPE(udp), UDP, &mask);
	__sync_fetch_and_add(&s->mask[mask & 15], 1);
}

static __always_inline void tag_with(__u64 h, struct paths_seen *s,
				     const volatile struct __skbext_type *ref, __u32 bit,
				     __u64 number)
{
	struct paths_note *note = skbext_store_add(h, ref->active, ref->offset, sizeof(*note));

	if (!note) {
		__sync_fetch_and_add(&s->failed, 1);
		return;
	}
	note->magic = PATHS_MAGIC + bit;
	note->serial = number;
}

static __always_inline void tag(__u64 h, struct paths_seen *s)
{
	__u64 number = __sync_fetch_and_add(&serial, 1);

	tag_with(h, s, __SKBEXT_TYPE(plain), PLAIN, number);
	tag_with(h, s, __SKBEXT_TYPE(noclone), NOCLONE, number);
	tag_with(h, s, __SKBEXT_TYPE(scrub), SCRUB, number);
	tag_with(h, s, __SKBEXT_TYPE(udp), UDP, number);
}

static __always_inline int at(const struct paths_point *p, struct paths_seen *s, __u64 arg)
{
	struct sk_buff *skb = (void *)arg;

	if (!p->armed)
		return 0;
	if (p->action == PATHS_COUNT) {
		__sync_fetch_and_add(&s->hits, 1);
		return 0;
	}
	if (p->how == PATHS_NAPI)
		skb = BPF_CORE_READ((struct napi_struct *)arg, skb);
	/* Errors come as pointers as well. */
	if ((__s64)skb >= -4095 || !skb || !is_meant(p, skb))
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	look(key_of((__u64)skb), s);
	if (p->action == PATHS_TAG)
		tag(key_of((__u64)skb), s);
	return 0;
}

static __always_inline int at_entry(void *ctx, __u32 n)
{
	__u64 arg = 0;

	if (points[n].action != PATHS_COUNT)
		bpf_get_func_arg(ctx, points[n].arg, &arg);
	return at(&points[n], &seen[n], arg);
}

static __always_inline int at_return(void *ctx, __u32 n)
{
	__u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	return at(&points[n], &seen[n], ret);
}

/*
 * The argument is a pointer of the kernel for the verifier, on which key_of() may not calculate:
 * read it as memory.
 */
static __always_inline int at_tracepoint(void *ctx, __u32 n)
{
	__u64 arg = 0;

	bpf_probe_read_kernel(&arg, sizeof(arg), ctx);
	return at(&points[n], &seen[n], arg);
}

#define POINT(n)										\
	SEC("?fentry") int entry_##n(void *ctx) { return at_entry(ctx, n); }			\
	SEC("?fexit") int return_##n(void *ctx) { return at_return(ctx, n); }			\
	SEC("?tp_btf") int tracepoint_##n(void *ctx) { return at_tracepoint(ctx, n); }

POINT(0)
POINT(1)
POINT(2)
POINT(3)
POINT(4)
POINT(5)

char LICENSE[] SEC("license") = "GPL";
