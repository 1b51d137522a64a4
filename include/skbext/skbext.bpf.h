/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * skbext for BPF programs: private, typed metadata on any sk_buff. At length: skbext.bpf(7).
 *
 *	#include <vmlinux.h>				(or <linux/types.h> and friends)
 *	#include <bpf/bpf_helpers.h>
 *	#include <skbext/skbext.bpf.h>
 *
 *	struct flow_note { __u64 stamp; __u32 id; };
 *	SKBEXT_TYPE(flow_note, struct flow_note);	// file scope, once per type and object
 *
 *	struct flow_note *n = skbext_add(ctx, flow_note);	// to write
 *	if (n)
 *		n->id = 7;
 *	const struct flow_note *f = skbext_find(ctx, flow_note);	// to read: const
 *
 *	char LICENSE[] SEC("license") = "GPL";		// or another that the kernel takes for it
 *
 * Compile with clang -O2 -g (-O1, -O3, -Os and -Oz work; -O0 and gcc do not). A loader links libbpf
 * beside skbext: `pkg-config --libs skbext` names both. Programs need CAP_PERFMON and the license
 * (bpf_probe_read_kernel()); skbext needs kernel 6.1.
 *
 * The skb is any program's own: struct __sk_buff * in tc, tcx, cgroup_skb, socket filter, sk_skb,
 * LWT; struct sk_buff * in tp_btf, fentry, fexit, netfilter (ctx->skb).
 *
 * Bind an object to a loaded skbext before you load it: skbext_bind() of the C library, or `skbext
 * bind` and any loader. An unbound object loads and finds nothing. bpftool's light skeletons
 * (gen skeleton -L) cannot be bound: use an ordinary skeleton.
 *
 * The store owns the memory of a payload. A pointer from skbext_add() or skbext_find() is valid
 * until the skb is freed, or until the next add, del, reset or copy on the same skb. After
 * bpf_clone_redirect() the clone shares the payload: only read it then, and call skbext_add() again
 * to write.
 *
 * The verifier does not bound an index into a payload: v[i] with a wrong i reaches the payloads of
 * other packets. With #define SKBEXT_BOUNDED before the include the verifier refuses such a
 * program; each add or find that returns a payload then executes 66 more instructions (7.3).
 *
 * A program spends some hundred instructions on each operation. Up to 6.6 a socket filter is
 * charged to its socket: net.core.optmem_max leaves it 2560.
 *
 * Names that begin with __skbext or skbext_store are internal.
 */
#ifndef SKBEXT_BPF_H
#define SKBEXT_BPF_H

#if !defined(__bpf__) || !defined(__clang__) || !defined(__OPTIMIZE__)
#error "skbext: compile with clang -O2 -g -target bpf; -O0 and gcc do not work"
#endif

/* Users may have -Wpedantic; all BPF code needs what it warns of. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpedantic"

#include <skbext/store/env.bpf.h>
#include <skbext/store.h>
#include <skbext/watch.bpf.h>
#include <skbext/store/program.bpf.h>

/**
 * SKBEXT_TYPE - this object uses extension @name
 * SKBEXT_TYPE_FLAGS - the same, with a policy
 * @name:  the extension's name, an identifier of at most 31 characters, the same for all objects
 * @type:  its payload, at most 2040 bytes. A struct known to BTF is decoded by `skbext dump`.
 * @flags: SKBEXT_F_NO_CLONE, SKBEXT_F_KEEP_SCRUB, SKBEXT_F_DROP_UDP, SKBEXT_F_COUNTED or'ed.
 *         0 (SKBEXT_TYPE): clones share it, skb_scrub_packet() drops it, it ends when the packet is
 *         freed. SKBEXT_F_DROP_UDP: also at the UDP receive queue, as the kernel's own extensions.
 *
 * At file scope. The first object (or `skbext load --type`) sets size and policy; binding one that
 * disagrees fails (-EEXIST).
 */
#define SKBEXT_TYPE(name, type)		SKBEXT_TYPE_FLAGS(name, type, 0)
#define SKBEXT_TYPE_FLAGS(name, type, policy)						\
	_Static_assert(sizeof(#name) <= SKBEXT_NAME_LEN, "skbext: name of type too long");	\
	_Static_assert(sizeof(type) <= SKBEXT_MAX_PAYLOAD, "skbext: payload too large");	\
	typedef type SKBEXT_TYPE_of_##name;							\
	struct __skbext_box_##name { type payload; };						\
	const volatile struct {									\
		__u32 active, offset, mask, entering, size, flags;				\
		/* Brings the payload's BTF. A function may return an incomplete struct. */	\
		struct __skbext_box_##name (*box)(void);					\
	} __skbext_type_##name __attribute__((section(".rodata.skbext"), used)) = {		\
		.mask = SKBEXT_MASK_OF(SKBEXT_MAX_PAYLOAD, 1),					\
		.entering = SKBEXT_MASK_OF(SKBEXT_MAX_PAYLOAD, 1),				\
		.size = sizeof(type), .flags = (policy),					\
	}

/**
 * skbext_add - make extension @name active on this skb
 * @skb:  the program's skb; the caller is its owner at this moment
 * @name: a type of SKBEXT_TYPE()
 *
 * Never add to a packet that has ended: the next packet in that sk_buff would find the record. The
 * last places are tp_btf/kfree_skb and fentry/skb_release_head_state. skbext_bind() refuses programs
 * whose section says that they add where no packet is, behind a packet's end, or in an unknown
 * place. It cannot see adds at skb destructors, at fexit of a function that passes the packet on, or
 * behind bpf_program__set_attach_target(): skbext.bpf(7) lists them, and programs must not do it.
 *
 * As skb_ext_add() of the kernel: a payload shared with clones is copied first, an active extension
 * is returned as it is. A new payload is zeroed.
 * Returns: the payload, writable; NULL, the skb is unchanged: no room (counted as add_failed), or the
 * type has as many records as `load --type` permits (add_limited).
 */
#define skbext_add(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	(__skbext_mark_add(__SKBEXT_TRACED(skb)),						\
	 (SKBEXT_TYPE_of_##name *)__SKBEXT_SIZED(__skbext_add(skb, __SKBEXT_TYPE(name),		\
		sizeof(SKBEXT_TYPE_of_##name)), sizeof(SKBEXT_TYPE_of_##name)))

/**
 * skbext_find - the payload of extension @name of this skb
 * As skb_ext_find(): clones may share it, so it is read only. To write, call skbext_add().
 * Returns: the payload; NULL: not active.
 */
#define skbext_find(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	((const SKBEXT_TYPE_of_##name *)__SKBEXT_SIZED(						\
		(void *)__skbext_find(skb, __SKBEXT_TYPE(name)), sizeof(SKBEXT_TYPE_of_##name)))

/**
 * skbext_find_addr - skbext_find() by the address of a struct sk_buff, as a number
 *
 * For kprobe, raw_tp and perf_event programs, whose skb is a number to the verifier. Read only, and
 * only while that packet lives: nothing here holds it.
 */
#define skbext_find_addr(address, name)	/* as SKBEXT_TYPE() declared it */ \
	((const SKBEXT_TYPE_of_##name *)__SKBEXT_SIZED(						\
		(void *)__skbext_find_hash(__skbext_hash_of_address(address),			\
					   __SKBEXT_TYPE(name)), sizeof(SKBEXT_TYPE_of_##name)))

/** skbext_exist_addr - skbext_exist() by the address of a struct sk_buff, as a number */
#define skbext_exist_addr(address, name)	/* as SKBEXT_TYPE() declared it */ \
	__skbext_exist_hash(__skbext_hash_of_address(address), __SKBEXT_TYPE(name))

/** skbext_exist - is extension @name active on this skb? */
#define skbext_exist(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	__skbext_exist(skb, __SKBEXT_TYPE(name))

/**
 * skbext_del - take extension @name from this skb, as skb_ext_del(); clones keep theirs
 * Returns: 0, or -ENOENT: it was not active.
 */
#define skbext_del(skb, name)	/* as SKBEXT_TYPE() declared it */ \
	__skbext_del(skb, __SKBEXT_TYPE(name))

/**
 * skbext_ref - add @name to this skb if it has none, and one reference to @id to its payload
 * @name: a type with SKBEXT_F_COUNTED, whose payload begins with SKBEXT_REFS()
 * @id:   below the number of counters (`load --refs`, default 1024)
 *
 * The reference counts until the packet and all who share its payload have ended; a copy on write
 * takes its own references.
 * Returns: its place in refs.id; -EINVAL: not a counted type, not bound, or no such counter;
 * -ENOMEM: no room for a record; -ENOSPC: no free place in the payload. A failure changes nothing.
 */
#define skbext_ref(skb, name, what)							\
	__extension__								\
	({ __SKBEXT_HAS_REFS(SKBEXT_TYPE_of_##name, #name);					\
	   __skbext_mark_add(__SKBEXT_TRACED(skb));						\
	   __skbext_get(skb, __SKBEXT_TYPE(name), sizeof(SKBEXT_TYPE_of_##name),		\
			sizeof(((SKBEXT_TYPE_of_##name *)0)->refs.id) / sizeof(__u32), what); })

/** skbext_refs_held - how many references to @id the objects of all packets hold */
#define skbext_refs_held(name, id)	__skbext_held(__SKBEXT_TYPE(name), id)

/** skbext_reset - take all extensions from this skb, whoever added them */
#define skbext_reset(skb)	__skbext_reset(skb)

/**
 * skbext_copy - @dst shares what @src has, as skb_ext_copy()
 *
 * @dst loses what it had first. Types with SKBEXT_F_NO_CLONE are not shared.
 * Returns: 1: shared, 0: nothing to share, -ENOMEM: no room, @dst has nothing (share_failed).
 */
#define skbext_copy(dst, src)								\
	__extension__								\
	({ __skbext_mark_add(__SKBEXT_TRACED(dst));						\
	   __skbext_copy(dst, src); })

#pragma clang diagnostic pop

#endif /* SKBEXT_BPF_H */
