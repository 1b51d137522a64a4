/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The macros of skbext.bpf.h call these: from a program's skb and type to the store's key and bit.
 * Inline up to what most packets need.
 */
#ifndef SKBEXT_STORE_PROGRAM_BPF_H
#define SKBEXT_STORE_PROGRAM_BPF_H

/*
 * The buckets are at the same address for every program, so the distance from there is a key. In all
 * skb contexts the ctx is the struct sk_buff * at run time.
 */
__skbext_inline __u64 __skbext_hash_of(const void *skb)
{
	return skbext_hash(__skbext_distance(skb));
}

/* A program that has the skb as a number cannot subtract pointers: the base is in the map. */
__skbext_inline __u64 __skbext_hash_of_address(__u64 skb)
{
	return skbext_hash(skb - SKBEXT_STATE->base);
}

/* The head of each SKBEXT_TYPE variable, which skbext_bind() writes. */
struct __skbext_type {
	__u32 active;		/* the type's bit of active_extensions; 0: not bound */
	__u32 offset;		/* of its payload in an object */
	__u32 mask;		/* as in __skbext_cfg, which so has not to be read as well */
	__u32 entering;		/* the same, and SKBEXT_LIMITED if the type has a max */
};
/* Without its SKBEXT_TYPE the compiler names SKBEXT_TYPE_of_... first. */
#define __SKBEXT_TYPE(name)	((void)sizeof(SKBEXT_TYPE_of_##name),			\
				 (const volatile struct __skbext_type *)&__skbext_type_##name)

__skbext_inline
void *__skbext_add_hash(__u64 h, const volatile struct __skbext_type *type, __u32 size)
{
	__u64 active = type->active, mask;

	if (!active)
		return (void *)0;
	mask = type->entering;
	if (mask >= SKBEXT_LIMITED)
		return __skbext_add_payload(h, active, type->offset, size);
	return skbext_store_add_at(__skbext_front(h, mask), h, active, type->offset, size);
}

__skbext_inline
void *__skbext_add(const void *skb, const volatile struct __skbext_type *type, __u32 size)
{
	return __skbext_add_hash(__skbext_hash_of(skb), type, size);
}

/* Up to the call the type's address is in one register; behind it, a constant again. */
__skbext_inline
const void *__skbext_find_hash(__u64 h, const volatile struct __skbext_type *type)
{
	const volatile struct __skbext_type *here = type;
	struct skbext_bucket *b;
	__u64 first, active;
	__u32 offset;

	__skbext_kept(here);
	b = __skbext_taken(__skbext_front(h, here->mask), &first);
	/* The rest is nothing to most packets. */
	if (!b)
		return (void *)0;
	active = here->active;
	offset = here->offset;
	if (!active)
		return (void *)0;
	if (!__skbext_in_first(b, first, h, active)) {
		b = __skbext_around(skbext_store_find_object(h, active));
		offset = type->offset;
	}
	return __skbext_payload_in(b, offset);
}

__skbext_inline
const void *__skbext_find(const void *skb, const volatile struct __skbext_type *type)
{
	return __skbext_find_hash(__skbext_hash_of(skb), type);
}

__skbext_inline
_Bool __skbext_exist_hash(__u64 h, const volatile struct __skbext_type *type)
{
	__u64 active = type->active;

	return active && !skbext_store_absent(h) && skbext_store_find_slow(h, active) >= 0;
}

__skbext_inline
_Bool __skbext_exist(const void *skb, const volatile struct __skbext_type *type)
{
	return __skbext_exist_hash(__skbext_hash_of(skb), type);
}

__skbext_inline
void __skbext_reset(const void *skb)
{
	__u64 h = __skbext_hash_of(skb);

	if (!skbext_store_absent(h) && __skbext_cfg.epoch[0])
		skbext_store_release_slow(h, SKBEXT_STAT_RELEASED);
}

__skbext_inline
int __skbext_del(const void *skb, const volatile struct __skbext_type *type)
{
	__u64 active = type->active, h = __skbext_hash_of(skb);

	return active && skbext_store_del(h, active) ? 0 : -ENOENT;
}

#define __SKBEXT_HAS_REFS(type, name)							\
	_Static_assert(__builtin_offsetof(type, refs) == 0,					\
		       "skbext: SKBEXT_REFS() is the first member of " name);			\
	_Static_assert(sizeof(((type *)0)->refs) <= (1 + SKBEXT_MAX_REFS) * sizeof(__u32),	\
		       "skbext: too many refs")

__skbext_inline
int __skbext_get(const void *skb, const volatile struct __skbext_type *type, __u32 size, __u32 max,
		 __u32 id)
{
	__u64 active = type->active, h = __skbext_hash_of(skb);
	int place;

	if (!(active & SKBEXT_STATE->counted) || id >= SKBEXT_STATE->refs)
		return -EINVAL;
	if (skbext_store_add_slow(h, active, type->offset, size) < 0)
		return -ENOMEM;
	place = skbext_store_ref(h, __skbext_type_of(active), max, id);
	return place < 0 ? -ENOSPC : place;
}

__skbext_inline
__u64 __skbext_held(const volatile struct __skbext_type *type, __u32 id)
{
	__u32 active = type->active;
	__u64 *counter = active ? __skbext_counter(__skbext_type_of(active), id) : (__u64 *)0;
	__u64 held = counter ? __skbext_read(counter) : 0;

	if (held == ~0ULL)	/* never */
		skbext_verify();
	return held;
}

__skbext_inline
int __skbext_copy(const void *dst, const void *src)
{
	int ret = 0;

	if (__skbext_cfg.epoch[0])
		ret = skbext_store_share(__skbext_hash_of(dst), __skbext_hash_of(src));
	return ret < 0 ? -ENOMEM : ret;
}

/*
 * With SKBEXT_BOUNDED a payload is a slice of a dynptr, whose size the verifier knows (V6). The
 * dynptr must live as long as the slice, so the caller has it: 16 bytes of stack for each place that
 * says skbext_add() or skbext_find().
 */
#ifdef SKBEXT_BOUNDED
struct __skbext_dynptr {
	__u64 opaque[2];
};

__skbext_inline
void *__skbext_sized(void *payload, __u32 size, struct __skbext_dynptr *ptr)
{
	if (!payload || bpf_dynptr_from_mem(payload, size, 0, (struct bpf_dynptr *)ptr))
		return (void *)0;
	return bpf_dynptr_data((struct bpf_dynptr *)ptr, 0, size);
}
#define __SKBEXT_SIZED(payload, size)	\
	__skbext_sized(payload, size, &(struct __skbext_dynptr){ { 0 } })
#else
#define __SKBEXT_SIZED(payload, size)	(payload)
#endif

/*
 * A tc program never has a packet that is being freed; a tracing program may, and skbext_bind()
 * looks where it will be attached.
 */
struct __sk_buff;
#define __SKBEXT_TRACED(skb)	\
	_Generic((skb), struct __sk_buff *: 0, const struct __sk_buff *: 0, default: 1)

__skbext_inline void __skbext_mark_add(int traced)
{
	if (traced)
		__skbext_nop(SKBEXT_ADD_MARK);
}

#endif /* SKBEXT_STORE_PROGRAM_BPF_H */
