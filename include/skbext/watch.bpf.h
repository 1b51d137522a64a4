/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A missed release, and why no packet finds what it leaves.
 *
 * The kernel does not run a program that is already running on this CPU (bpf_prog_enter:
 * prog->active). A release that is interrupted or preempted inside its program so makes the packets
 * leak that are freed meanwhile on its CPU, and such a record would be found on the next packet at
 * its address. A scrub that is skipped lets a packet keep what it must not carry into another
 * namespace. What the kernel leaves behind is a count in prog->stats->misses of that CPU, made
 * before the function's body runs, so before the address can be used again.
 *
 * Reading those counters at every find would cost every tagged packet as many loads as there are
 * CPUs. But a program can only be missed while it is suspended on its CPU, and that begins in one
 * of two places, whatever happens later: irq_enter_rcu(), before an interrupt's handler and the
 * softirqs behind it; and the tracepoint sched_switch, before another task runs. Programs there
 * (bpf/watch.bpf.h) look whether they suspend a watched program, and if so open
 * SKBEXT_STATE->watch. Finds then do read the counters, until the suspended program was seen to be
 * over; and when a counter has moved, the generation moves, and no record made before that is
 * trusted any more. Packets that carry nothing pay nothing for it, finds one comparison.
 *
 * Every way to preempt ends in sched_switch, with interrupts off: preempt_schedule_irq() at the end
 * of an interrupt, and preempt_schedule_notrace(), which a program meets between its own active++
 * and active-- when kernel.bpf_stats_enabled is 1 (sched_clock()). The interrupt in front of it may
 * be one without irq_enter_rcu(): the reschedule IPI.
 *
 * Watched are the programs that something can interrupt which needs them. skb_release_head_state,
 * __consume_stateless_skb and skb_scrub_packet run in tasks with softirqs enabled. GRO's releases
 * and the UDP queue run in softirqs alone, which do not interrupt each other; with PREEMPT_RT they
 * are tasks and do, so that those are watched there too.
 *
 * Memory order, for machines that have less of it than x86. An atomic whose result is used is a full
 * barrier (__skbext_fetch_add()), one whose result is not used orders nothing.
 *	suspend():	active is not 0; watch++; opened++; ... misses++; the packet's memory ends
 *	look:		opened; active; misses; generation, seen; closed; watch--
 * An address goes to its next packet through the allocator, which orders all of suspend() before
 * all that the next packet's programs do: they see the watch open, or closed by somebody who saw
 * the miss. Who closes has read opened before active, and active before misses. Had a second
 * interruption begun before active was read, active would not be 0, unless it is over; then its
 * misses are seen, and it is not closed, as opened was read before it.
 *
 * While one set of programs replaces another (user/lib/replace.c) both are attached, and each is
 * watched by its own. What one set does not run for the other one does, so that most that is missed
 * then does no harm; it is taken for harm all the same.
 *
 * Not covered: an NMI in which a packet is freed. And by nothing but the interrupted CPU's own order
 * are misses++ visible before active--: x86 keeps it, and load calls no other machine complete.
 */
#ifndef SKBEXT_WATCH_BPF_H
#define SKBEXT_WATCH_BPF_H

/* Sums of the counters of one CPU and set. 0, or the kernel does not let them be read. */
static inline __attribute__((always_inline, unused))
int __skbext_sum(const __u64 *addresses, __u32 size, __u64 *sum)
{
	int err = 0;

#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
	for (int i = 0; i < SKBEXT_WATCHED; i++) {
		__u64 at = __skbext_read(&addresses[i]), n = 0;

		if (!at)
			break;
		err |= bpf_probe_read_kernel(&n, size, (void *)at);
		*sum += n;
	}
	return err;
}

/* Was a program of this set skipped? 0: none of them runs there, and none will be for this while. */
static inline __attribute__((always_inline, unused))
__u64 __skbext_look_in(struct skbext_watched *set)
{
	__u64 active = 0, misses = 0, seen;
	int err;

	if (!__skbext_read(&set->active[0]))
		return 0;
	err = __skbext_sum(set->active, sizeof(__u32), &active);
	/* Between: all misses of a release that was seen to be over are in. */
	seen = __skbext_fetch_add(&set->seen, 0);
	err |= __skbext_sum(set->misses, sizeof(__u64), &misses);
	if (err || misses != seen) {	/* the generation first: who sees the sum sees it too */
		__skbext_fetch_add(&SKBEXT_STATE->watch, 1ULL << 32);
		__sync_val_compare_and_swap(&set->seen, seen, misses);
	}
	return active | (err != 0);
}

static __attribute__((noinline, unused))
long __skbext_look_at(__u32 cpu, void *unused __attribute__((unused)))
{
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);
	__u64 opened, closed, active = 0;

	if (!w)
		return 1;
	closed = __skbext_read(&w->closed);
	if (__skbext_read(&w->opened) == closed)
		return 0;
	opened = __skbext_fetch_add(&w->opened, 0);	/* before active is read */
#ifdef __clang__
#pragma clang loop unroll(disable)
#endif
	for (int i = 0; i < SKBEXT_SETS; i++)
		active |= __skbext_look_in(&w->set[i]);
	if (!active && __skbext_swap(&w->closed, closed, opened))
		__skbext_fetch_add(&SKBEXT_STATE->watch, closed - opened);
	return 0;
}

static inline __attribute__((always_inline, unused)) void skbext_look(void)
{
	if (*(volatile __u64 *)&SKBEXT_STATE->watch & SKBEXT_WATCH_OPEN)
		bpf_loop(__skbext_cfg.cpus, __skbext_look_at, (void *)0, 0);
}

#endif /* SKBEXT_WATCH_BPF_H */
