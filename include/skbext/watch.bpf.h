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
 * Where softirqs preempt each other (PREEMPT_RT) programs are suspended all the time, so each hook has
 * two, one behind the other, which the kernel counts each by itself. A run that the first misses the
 * second has, and the other way round. Only while both are suspended on one CPU the hook is blocked,
 * and a run that it then misses moves both counts. Where a hook has one program, that one alone is
 * meant by "each" and "all" below.
 *
 * A task may also be preempted between the two: its first program was skipped, and by the time it comes
 * to the second, that may be suspended, on whatever CPU it is then. No two counts of one CPU show
 * that. So each second program notes how often the first has been skipped on this CPU (passed), and
 * what begins on a CPU where the first was skipped once more takes it for a release that is missed:
 * the generation moves then, which is after the record was made and before the packet's memory ends.
 *
 * Reading those counters at every find would cost every tagged packet as many loads as there are
 * CPUs. But a program can only be missed while it is suspended on its CPU, and that begins in one
 * of two places, whatever happens later: irq_enter_rcu(), before an interrupt's handler and the
 * softirqs behind it; and the tracepoint sched_switch, before another task runs (with PREEMPT_RT there
 * alone: an interrupt's handler cannot take the locks to free a packet). Programs there
 * (bpf/watch.bpf.h) look whether a hook is blocked by what they suspend, and if so open
 * SKBEXT_STATE->watch. Finds then do read the counters, until no hook was seen to be blocked; and
 * when all counters have moved, the generation moves, and no record made before that is
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
 *	suspend():	active is not 0; seen; watch++; opened++; ... misses++; the packet's memory ends
 *	look:		opened; active; seen; misses; generation, seen; closed; watch--
 * An address goes to its next packet through the allocator, which orders all of suspend() before
 * all that the next packet's programs do: they see the watch open, or closed by somebody who saw
 * the miss. Who closes has read opened before active, and active before misses. Had a second
 * interruption begun before active was read, active would not be 0, unless it is over; then its
 * misses are seen, and it is not closed, as opened was read before it.
 *
 * Of two programs each misses runs alone, with the watch closed: no harm, which suspend() forgets as it
 * opens the watch. While that is open both may have missed the same run, and programs that have gone
 * on since may hide it from __skbext_end_between(): so suspend() looks before it forgets. A look on
 * another CPU that is under way then finds more misses than there were, never fewer: sums only grow, so
 * that it cannot put an old one in the place of a new one.
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

#ifdef __clang__
#define __skbext_once		_Pragma("clang loop unroll(disable)")
#define __skbext_each_time	_Pragma("clang loop unroll(full)")
#else
#define __skbext_once
#define __skbext_each_time
#endif

/* Of one watched hook: does each of its programs run, or wait suspended? What cannot be read does. */
static inline __attribute__((always_inline, unused))
int __skbext_is_blocked(const struct skbext_watched *set, int i)
{
	__skbext_each_time
	for (int t = 0; t < SKBEXT_TIMES; t++) {
		__u64 at = __skbext_read(&set->active[t][i]);
		__u32 active = 0;

		if (!at)
			return t;
		if (!bpf_probe_read_kernel(&active, sizeof(active), (void *)at) && !active)
			return 0;
	}
	return 1;
}

/* Is there a hook of this set that would not be run on that CPU? */
static inline __attribute__((always_inline, unused))
int __skbext_blocked(const struct skbext_watched *set)
{
	int blocked = 0;

	__skbext_once
	for (int i = 0; i < SKBEXT_WATCHED; i++) {
		if (!__skbext_read(&set->active[0][i]))
			break;
		blocked |= __skbext_is_blocked(set, i);
	}
	return blocked;
}

/* How often the kernel skipped the hooks' programs of this number. 0, or it does not tell. */
static inline __attribute__((always_inline, unused))
int __skbext_sum(const __u64 *addresses, __u64 *sum)
{
	int err = 0;

	*sum = 0;
	__skbext_once
	for (int i = 0; i < SKBEXT_WATCHED; i++) {
		__u64 at = __skbext_read(&addresses[i]), n = 0;

		if (!at)
			break;
		err |= bpf_probe_read_kernel(&n, sizeof(n), (void *)at);
		*sum += n;
	}
	return err;
}

/*
 * Was each of a hook's programs skipped since these sums were seen? A hook that was not run moves all
 * of them. Negative: the kernel does not tell.
 */
static inline __attribute__((always_inline, unused))
int __skbext_moved(const struct skbext_watched *set, const __u64 *seen, __u64 *sum)
{
	int moved = 1;

	__skbext_each_time
	for (int t = 0; t < SKBEXT_TIMES; t++) {
		if (!__skbext_read(&set->misses[t][0]))
			break;
		if (__skbext_sum(set->misses[t], &sum[t]))
			return -1;
		moved &= sum[t] != seen[t];
	}
	return moved;
}

/* Was a hook of this set not run? 0: none is blocked there, and none will be for this while. */
static inline __attribute__((always_inline, unused))
int __skbext_look_in(struct skbext_watched *set)
{
	__u64 seen[SKBEXT_TIMES], sum[SKBEXT_TIMES] = { 0 };
	int blocked, moved;

	if (!__skbext_read(&set->active[0][0]))
		return 0;
	blocked = __skbext_blocked(set);
	/* Between: all misses of a hook that was seen not to be blocked are in. */
	__skbext_each_time
	for (int t = 0; t < SKBEXT_TIMES; t++)
		seen[t] = __skbext_fetch_add(&set->seen[t], 0);
	moved = __skbext_moved(set, seen, sum);
	if (moved)		/* the generation first: who sees the sums sees it too */
		__skbext_fetch_add(&SKBEXT_STATE->watch, 1ULL << 32);
	__skbext_each_time
	for (int t = 0; moved > 0 && t < SKBEXT_TIMES; t++)
		__sync_val_compare_and_swap(&set->seen[t], seen[t], sum[t]);
	return blocked || moved < 0;
}

/* By a second program, as it begins: whoever it runs for is not between it and the first. */
static inline __attribute__((always_inline, unused))
void __skbext_pass(struct skbext_watched *set, __u32 hook)
{
	__u64 at = __skbext_read(&set->misses[0][hook]), n;

	if (at && !bpf_probe_read_kernel(&n, sizeof(n), (void *)at))
		__skbext_write(&set->passed[hook], n);
}

/* On this CPU, with interrupts off: who is kept from going on here may be between two programs. */
static inline __attribute__((always_inline, unused))
void __skbext_end_between(struct skbext_watched *set)
{
	int between = 0;

	if (!__skbext_read(&set->misses[1][0]))
		return;
	__skbext_once
	for (int i = 0; i < SKBEXT_WATCHED; i++) {
		__u64 at = __skbext_read(&set->misses[0][i]), n = 0;

		if (!at)
			break;
		if (!bpf_probe_read_kernel(&n, sizeof(n), (void *)at) && n == __skbext_read(&set->passed[i]))
			continue;
		__skbext_write(&set->passed[i], n);
		between = 1;
	}
	if (between)
		__skbext_fetch_add(&SKBEXT_STATE->watch, 1ULL << 32);
}

/*
 * A hook of this set is blocked on this CPU, interrupts are off, and who runs next may need it. What
 * single programs missed until now did no harm, or a look has seen it: from here on each has to miss.
 * Where hooks have one program, nobody but a look may forget what it missed.
 */
static inline __attribute__((always_inline, unused))
void __skbext_suspend(struct skbext_watch *w, struct skbext_watched *set)
{
	__u64 sum = 0;

	__skbext_each_time
	for (int t = 0; t < SKBEXT_TIMES; t++)
		if (__skbext_read(&set->misses[1][0]) && !__skbext_sum(set->misses[t], &sum))
			__skbext_write(&set->seen[t], sum);
	/*
	 * In this order, on every machine, or a closer would take away what is not counted yet: the
	 * fetching form orders what is before and behind it. Before it: active, which is not 0.
	 */
	__skbext_fetch_add(&SKBEXT_STATE->watch, 1);
	__sync_fetch_and_add(&w->opened, 1);
}

static __attribute__((noinline, unused))
long __skbext_look_at(__u32 cpu, void *unused __attribute__((unused)))
{
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);
	__u64 opened, closed;
	int blocked = 0;

	if (!w)
		return 1;
	closed = __skbext_read(&w->closed);
	if (__skbext_read(&w->opened) == closed)
		return 0;
	opened = __skbext_fetch_add(&w->opened, 0);	/* before active is read */
	__skbext_once
	for (int i = 0; i < SKBEXT_SETS; i++)
		blocked |= __skbext_look_in(&w->set[i]);
	if (!blocked && __skbext_swap(&w->closed, closed, opened))
		__skbext_fetch_add(&SKBEXT_STATE->watch, closed - opened);
	return 0;
}

static inline __attribute__((always_inline, unused)) void skbext_look(void)
{
	if (*(volatile __u64 *)&SKBEXT_STATE->watch & SKBEXT_WATCH_OPEN)
		bpf_loop(__skbext_cfg.cpus, __skbext_look_at, (void *)0, 0);
}

#endif /* SKBEXT_WATCH_BPF_H */
