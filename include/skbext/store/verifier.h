/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hints to the compiler and the verifier: every asm of the store that is not an atomic
 * (atomics.h). V1 to V8 are the verifier's rules, at the head of store.h.
 */
#ifndef SKBEXT_STORE_VERIFIER_H
#define SKBEXT_STORE_VERIFIER_H

#ifdef __bpf__
/* V2: the constant is the right factor. */
#define __skbext_times(x, constant)								\
	({ __u64 __x = (x), __by = (constant);							\
	   asm volatile("%0 *= %1" : "+r"(__x) : "r"(__by)); __x; })
/* V2, and the pointer first: the n-th of things of this size. */
#define __skbext_nth(base, n, size)								\
	({ void *__p = (base);									\
	   __u64 __n = (n);									\
	   asm volatile("%1 *= %2; %0 += %1" : "+r"(__p), "+r"(__n) : "r"((__u64)(size)));	\
	   if (!__p)										\
		   __builtin_unreachable();							\
	   __p; })
/* V2, in the register of the offset: the caller needs the pointer again. */
#define __skbext_behind(base, offset)								\
	({ __u64 __at = (offset);								\
	   asm("%0 += %1" : "+r"(__at) : "r"(base));						\
	   if (!__at)										\
		   __builtin_unreachable();							\
	   (void *)__at; })
/* V3: barrier_var() of libbpf keeps the compiler from computing a checked value again from its parts. */
/*
 * SKBEXT_FRONTS reuses the register that already holds the address; SKBEXT_SLOTS loads it again, so
 * that no callee-saved register stays occupied.
 */
#define SKBEXT_FRONTS							\
	({ char *__fronts; asm("%0 = __skbext_fronts ll" : "=r"(__fronts)); __fronts; })
#define SKBEXT_SLOTS							\
	({ char *__fronts; asm volatile("%0 = __skbext_fronts ll" : "=r"(__fronts)); __fronts; })

/* V1 */
#define __skbext_distance(skb)								\
	({ __u64 __diff = (__u64)(skb);							\
	   asm volatile("%0 -= %1" : "+r"(__diff) : "r"(SKBEXT_FRONTS)); __diff; })

/* The compiler keeps this value, and what it knows of it, in a register of its own. */
#define __skbext_kept(x)	asm("" : "+r"(x))

/* An instruction that does nothing: skbext_bind() looks for it, and so sees which programs add. */
#define __skbext_nop(number)								\
	({ __u64 __unused;								\
	   asm volatile("%0 = %1" : "=r"(__unused) : "i"(number)); })
#else
#define barrier_var(x)		((void)(x))
#define __skbext_times(x, by)	((x) * (by))
#define __skbext_nth(base, n, size)	((void *)((base) + (n) * (size)))
#define __skbext_behind(base, offset)	((void *)((base) + (offset)))
#endif

#endif /* SKBEXT_STORE_VERIFIER_H */
