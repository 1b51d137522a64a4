/* SPDX-License-Identifier: GPL-2.0-only */
/* The other side of include/skbext/watch.bpf.h: what opens the watch, and what ends all trust. */
#ifndef WATCH_BPF_H
#define WATCH_BPF_H

#include "lifecycle.bpf.h"
#include "watch.h"

struct skbext_learnt learnt SEC(".data.own");

/*
 * Per-CPU data lies at the same distance on all CPUs, whatever it is:
 * where this is there, and where it is not.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} skbext_yardstick SEC(".maps");

struct watched {
	__u64 active, stats;	/* per-CPU pointers */
	__u32 n;		/* time * SKBEXT_WATCHED + hook */
};

/* The verifier does not take a pointer for a number, but takes one read from memory. */
static __always_inline __u64 number(const volatile void *pointer)
{
	*(const volatile void **)&learnt.scratch = pointer;
	return *(volatile __u64 *)&learnt.scratch;
}

static __always_inline __u64 distance_to(__u32 cpu)
{
	__u64 map = number(&skbext_yardstick), here = 0;
	__u32 zero = 0;

	bpf_probe_read_kernel(&here, sizeof(here),
			      (void *)map + bpf_core_field_offset(struct bpf_array, pptrs));
	return number(bpf_map_lookup_percpu_elem(&skbext_yardstick, &zero, cpu)) - here;
}

static long learn_cpu(__u32 cpu, struct watched *from)
{
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);
	__u64 distance = distance_to(cpu);
	__u32 n = from->n;

	if (!w || n >= SKBEXT_TIMES * SKBEXT_WATCHED)
		return 1;
	w->set[learnt.set % SKBEXT_SETS].active[0][n] = from->active + distance;
	w->set[learnt.set % SKBEXT_SETS].misses[0][n] = from->stats + distance +
		       bpf_core_field_offset(struct bpf_prog_stats, misses);
	return 0;
}

/* One of all programs of the machine. */
static __always_inline void learn_program(struct bpf_prog *prog)
{
	__u32 id = prog->aux->id;

	for (__u32 n = 0; n < SKBEXT_TIMES * SKBEXT_WATCHED; n++) {
		struct watched from = { (__u64)BPF_CORE_READ(prog, active),
					(__u64)BPF_CORE_READ(prog, stats), n };

		if (id == learnt.watched_id[0][n])
			bpf_loop(__skbext_cfg.cpus, learn_cpu, &from, 0);
	}
	for (int i = 0; i < SKBEXT_MAX_OWN; i++)
		if (id == learnt.own_id[i])
			learnt.own[i] = (__u64)prog;
}

/* While one set replaces another, the one that is not armed may go. */
static __always_inline void end_of_link(const struct bpf_link *link)
{
	__u64 prog = (__u64)link->prog;

	if (learnt.set != SKBEXT_STATE->armed)
		return;
	for (int i = 0; prog && i < SKBEXT_MAX_OWN; i++)
		if (prog == learnt.own[i])
			__sync_fetch_and_or(&SKBEXT_STATE->watch, SKBEXT_WATCH_DEAD);
}

/*
 * kernel.ftrace_enabled = 0 silences all fentry programs of the machine, which stay attached.
 * proc_dointvec() has stored the new value, and ftrace_enable_sysctl() has not acted on it yet.
 */
static __always_inline void sysctl_written(const struct ctl_table *table)
{
	char name[16] = {};
	int value = 0;

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(table, procname));
	if (bpf_strncmp(name, sizeof(name), "ftrace_enabled"))
		return;
	if (bpf_probe_read_kernel(&value, sizeof(value), BPF_CORE_READ(table, data)) || !value)
		__sync_fetch_and_or(&SKBEXT_STATE->watch, SKBEXT_WATCH_DEAD);
}

/*
 * What begins here, an interruption or another task, may keep a watched program from its end, and may
 * need its hook: is there a hook with no program left on this CPU? What is open here is looked at first.
 * It may be over, and the longer it stays open, the more is taken for harm that is none; if it is not,
 * the misses until now are about to be forgotten.
 *
 * Where hooks have second programs (PREEMPT_RT) interrupts themselves neither free packets nor pass them
 * on: locks that sleep are in the way. What needs a hook is then another task, behind sched_switch.
 */
static __always_inline void suspend(bool interrupt)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);
	struct skbext_watched *set;

	if (!w)
		return;
	set = &w->set[learnt.set % SKBEXT_SETS];
	if (interrupt && __skbext_read(&set->misses[1][0]))
		return;
	__skbext_end_between(set);
	if (__skbext_read(&w->opened) != __skbext_read(&w->closed))
		__skbext_look_at(cpu, NULL);
	if (__skbext_blocked(set))
		__skbext_suspend(w, set);
}

/* A second program of a watched hook begins. */
static __always_inline void pass(enum skbext_second hook)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct skbext_watch *w = bpf_map_lookup_elem(&skbext_watches, &cpu);

	if (w)
		__skbext_pass(&w->set[learnt.set % SKBEXT_SETS], hook);
}

SEC("iter/bpf_prog")
int skbext_learn(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;

	if (prog)
		learn_program(prog);
	return 0;
}

#endif /* WATCH_BPF_H */
