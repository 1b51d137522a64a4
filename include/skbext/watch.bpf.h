/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A missed release, and why no packet finds what it leaves.
 *
 * The kernel does not run a program that is already running on this CPU (bpf_prog_enter:
 * prog->active). A release that is interrupted or preempted inside its program so makes the packets
 * leak that are freed meanwhile on its CPU, and such a record would be found on the next packet at
 * its address. What the kernel leaves behind is a count in prog->stats->misses of that CPU, made
 * before the function's body runs, so before the address can be used again.
 *
 * Reading those counters at every find would cost every tagged packet as many loads as there are
 * CPUs. But a release can only be missed while another one is suspended on its CPU, and that begins
 * in one of two rare places, whatever the interruption does later: irq_enter_rcu() and
 * preempt_schedule_irq(). Programs there (bpf/watch.bpf.h) look whether they suspend a release, and
 * if so open SKBEXT_STATE->watch. Finds then do read the counters, until the suspended release was
 * seen to be over; and when a counter has moved, the generation moves, and no record made before
 * that is trusted any more. Packets that carry nothing pay nothing for it, finds one comparison.
 *
 * Not covered: an NMI in which a packet is freed.
 */
#ifndef SKBEXT_WATCH_BPF_H
#define SKBEXT_WATCH_BPF_H

/* Sums of the counters of one CPU. 0, or the kernel does not let them be read. */
static inline __attribute__((always_inline, unused))
int __skbext_peek(const struct skbext_watch *w, __u64 *active, __u64 *misses)
{
	int err = 0;

	for (int i = 0; i < SKBEXT_WATCHED; i++) {
		__u32 running = 0;

		err |= bpf_probe_read_kernel(&running, sizeof(running), (void *)w->active[i]);
		*active += running;
	}
	/* Last: all misses of a release that was seen to be over are in. */
	for (int i = 0; i < SKBEXT_WATCHED; i++) {
		__u64 n = 0;

		err |= bpf_probe_read_kernel(&n, sizeof(n), (void *)w->misses[i]);
		*misses += n;
	}
	return err;
}

static __attribute__((noinline, unused))
long __skbext_look_at(__u32 cpu, void *unused __attribute__((unused)))
{
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);
	__u64 opened, closed, active = 0, misses = 0, seen;
	int err;

	if (!w)
		return 1;
	closed = __skbext_read(&w->closed);
	opened = __skbext_read(&w->opened);
	if (opened == closed)
		return 0;
	seen = __skbext_read(&w->seen);
	err = __skbext_peek(w, &active, &misses);
	if (err || misses != seen) {	/* the generation first: who sees the sum sees it too */
		__sync_fetch_and_add(&SKBEXT_STATE->watch, 1ULL << 32);
		__sync_val_compare_and_swap(&w->seen, seen, misses);
	}
	if (!err && !active && __sync_bool_compare_and_swap(&w->closed, closed, opened))
		__sync_fetch_and_add(&SKBEXT_STATE->watch, closed - opened);
	return 0;
}

static inline __attribute__((always_inline, unused)) void skbext_look(void)
{
	if (*(volatile __u64 *)&SKBEXT_STATE->watch & SKBEXT_WATCH_OPEN)
		bpf_loop(__skbext_cfg.cpus, __skbext_look_at, (void *)0, 0);
}

#endif /* SKBEXT_WATCH_BPF_H */
