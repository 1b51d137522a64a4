/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the programs of `skbext bench` and user/cli/bench/. */
#ifndef SKBEXT_BENCH_H
#define SKBEXT_BENCH_H

#define BENCH_MAX_CPUS	256

/* The 16 bytes of the patches' author. */
struct bench_note {
	__u64 stamp;
	__u64 id;
};

struct bench_line {
	__u64 id, rest[7];
};

/*
 * Which keys a run takes, one per CPU: count times keys[first + i % span]. A line of its own
 * each.
 */
struct bench_run {
	__u32 first;
	__u32 span;		/* a power of two */
	__u32 count;
	__u32 pad;
	__u64 ns;		/* answer: of the whole loop */
	__u64 hits;		/* answer: operations that did what they were to do */
	__u64 sum;		/* what was read, so that reading it is not optimised away */
	__u64 pad1[27];		/* processors fetch lines in pairs */
};

#endif /* SKBEXT_BENCH_H */
