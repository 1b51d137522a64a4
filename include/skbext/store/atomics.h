/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One access to memory that others access as well. */
#ifndef SKBEXT_STORE_ATOMICS_H
#define SKBEXT_STORE_ATOMICS_H

#ifdef __bpf__
/* Clang 13 to 19 have them for every -mcpu: "Invalid usage of the XADD return value" came later. */
#if __clang_major__ > 20 && __BPF_CPU_VERSION__ < 3
#error "skbext: from clang 21 on, atomics that fetch take -mcpu=v3 (its default) or v4"
#endif
#define __skbext_read(p)	(*(volatile __typeof__(*(p)) *)(p))
/*
 * A store after everything before it:
 * plain on x86, else there is no BPF instruction but the full barrier.
 */
#ifdef __TARGET_ARCH_x86
#define __skbext_write(p, x)							\
	({ asm volatile("" ::: "memory"); *(volatile __typeof__(*(p)) *)(p) = (x); })
#else
#define __skbext_write(p, x)	((void)__sync_lock_test_and_set((p), (x)))
#endif
/*
 * Compare-and-swap; 1: it did. The compiler's own way to say so is a number that it makes of one
 * comparison to take it to another, so it does not see what is compared.
 */
#define __skbext_swap(p, is, becomes)								\
	({ __u64 __is = (is), __was = __sync_val_compare_and_swap((p), __is, (becomes));	\
	   asm volatile("" : "+r"(__was)); __was == __is; })
/*
 * Adds, and is a full barrier on every machine: of an atomic whose result nobody wants the compiler
 * makes one without BPF_FETCH, which on arm64 is a STADD and orders nothing.
 */
#define __skbext_fetch_add(p, n)							\
	({ __u64 __was = __sync_fetch_and_add((p), (n));				\
	   asm volatile("" : "+r"(__was)); __was; })
/* Fetches, though nobody wants the result: else it orders nothing (STCLR of arm64). */
#define __skbext_and(p, bits)									\
	({ __u64 __was = __sync_fetch_and_and((p), (bits));					\
	   asm volatile("" : : "r"(__was)); })
/* A counter that nobody else has at this moment. */
#define __skbext_bump(p)	((void)++*(p))
#define __skbext_inline		static inline __attribute__((always_inline, unused))
#else
#define __skbext_read(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define __skbext_write(p, x)	__atomic_store_n((p), (x), __ATOMIC_RELEASE)
#define __skbext_swap(p, is, becomes)	__sync_bool_compare_and_swap((p), (is), (becomes))
#define __skbext_fetch_add(p, n)	__sync_fetch_and_add((p), (n))
#define __skbext_and(p, bits)	((void)__sync_fetch_and_and((p), (bits)))
#define __skbext_bump(p)	__skbext_write((p), __skbext_read(p) + 1)
#define __skbext_inline		static inline __attribute__((unused))
#endif

#define SKBEXT_TRIES		16	/* a compare-and-swap that loses this often is given up */

#endif /* SKBEXT_STORE_ATOMICS_H */
