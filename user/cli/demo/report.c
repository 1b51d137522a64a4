// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: what was seen, for people. */
#include <stdio.h>
#include <string.h>

#include "parts.h"

const char *demo_hook_name(enum demo_hook hook)
{
	static const char *const names[DEMO_HOOKS] = {
		[DEMO_CGROUP_EGRESS] = "A cgroup_skb egress",
		[DEMO_TC_EGRESS] = "A tc egress",
		[DEMO_NET_DEV_QUEUE] = "A tp_btf net_dev_queue",
		[DEMO_START_XMIT] = "A tp_btf net_dev_start_xmit",
		[DEMO_NETIF_RECEIVE] = "B tp_btf netif_receive_skb",
		[DEMO_TC_INGRESS] = "B tc ingress",
		[DEMO_NETFILTER] = "B netfilter LOCAL_IN",
		[DEMO_CGROUP_INGRESS] = "B cgroup_skb ingress",
		[DEMO_CLONE_FOUND] = "clone, as found",
		[DEMO_CLONE_WRITTEN] = "clone, after writing",
	};

	return names[hook];
}

const char *demo_phase_name(enum demo_phase phase)
{
	static const char *const names[DEMO_PHASES] = {
		"idle", "UDP", "TCP", "ICMP", "story", "mirror",
	};

	return names[phase];
}

static bool complete(const struct demo_run *d)
{
	return d->status.guarantee == SKBEXT_GUARANTEE_COMPLETE;
}

/* Why it is not the exact mode: the first of its hooks that is not there. */
static void print_refusal(const struct demo_run *d)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; !skbext_hook(d->sk, n, &hook); n++) {
		if (hook.mode != SKBEXT_MODE_EXACT || hook.attached || !hook.err)
			continue;
		printf("  %s %s cannot be attached here (%s), so\n", hook.kind, hook.name,
		       strerror(-hook.err));
		return;
	}
	puts("  This mode was asked for, so");
}

void demo_print_head(const struct demo_run *d)
{
	printf("skbext demo: packets from namespace A to namespace B over a veth pair\n\n"
	       "mode %s, guarantee %s\n", skbext_mode_name(d->status.mode),
	       skbext_guarantee_name(d->status.guarantee));
	if (complete(d)) {
		puts("  A record is shared with clones, copied when one of them writes, and ends with\n"
		     "  its packet.");
	} else {
		print_refusal(d);
		puts("  clones are not followed (they carry nothing), and a record may end before its\n"
		     "  packet does, or be purged only when the sk_buff becomes the next packet.");
	}
	puts("\nA program at A's tc egress adds two extensions to each packet:\n"
	     "  flow_note {stamp, id}  as the kernel's own: gone when the packet changes namespace\n"
	     "  trace_id  {id}         keep-scrub: stays with the packet\n");
	fflush(stdout);
}

static void print_veth(void)
{
	puts("  ---- veth: skb_scrub_packet() ----");
}

static void print_row(const struct demo_run *d, enum demo_hook hook)
{
	printf("  %-28s", demo_hook_name(hook));
	if (d->absent[hook][0]) {
		printf("  %s\n", d->absent[hook]);
		return;
	}
	for (int phase = DEMO_UDP; phase <= DEMO_ICMP; phase++) {
		const struct demo_seen *s = &d->seen[phase][hook];

		printf("   %5llu %5llu %5llu", s->packets, s->notes, s->traces);
	}
	puts(hook == DEMO_CGROUP_EGRESS ? "  before the add" :
	     hook == DEMO_TC_EGRESS ? "  after the add" : "");
}

static void print_table(const struct demo_run *d)
{
	printf("Packets at each hook, and how many of them had the extension:\n  %-28s", "");
	for (int phase = DEMO_UDP; phase <= DEMO_ICMP; phase++)
		printf("   %5s %5s %5s", demo_phase_name(phase), "note", "trace");
	putchar('\n');
	for (int hook = 0; hook < DEMO_HOOKS_ON_PATH; hook++) {
		if (hook == DEMO_NETIF_RECEIVE)
			print_veth();
		print_row(d, hook);
	}
	if (!complete(d))
		puts("  The raw socket that receives ICMP is given clones of the packets.");
}

static void print_payloads(const struct demo_seen *s)
{
	if (s->notes)
		printf("  flow_note {%llu, %u}", s->note.stamp, s->note.id);
	if (s->traces)
		printf("  trace_id {%#llx}", s->trace.id);
	if (!s->notes && !s->traces)
		printf("  nothing");
	putchar('\n');
}

static void print_story(const struct demo_run *d)
{
	const struct demo_seen *row = d->seen[DEMO_STORY];
	__u64 start = row[DEMO_TC_EGRESS].note.stamp;

	puts("\nOne datagram on its way, in microseconds from the add:");
	for (int hook = 0; hook < DEMO_HOOKS_ON_PATH; hook++) {
		if (hook == DEMO_NETIF_RECEIVE)
			print_veth();
		if (!row[hook].packets)
			continue;
		printf("  %-28s %7.1f", demo_hook_name(hook),
		       (__s64)(row[hook].when - start) / 1000.0);
		print_payloads(&row[hook]);
	}
}

static void print_mirror(const struct demo_run *d)
{
	const struct demo_seen *row = d->seen[DEMO_MIRROR];

	puts("\nOne datagram is cloned by bpf_clone_redirect(); the clone's id gets 1000 more:");
	printf("  %-28s", demo_hook_name(DEMO_CLONE_FOUND));
	print_payloads(&row[DEMO_CLONE_FOUND]);
	if (row[DEMO_CLONE_WRITTEN].packets) {
		printf("  %-28s", demo_hook_name(DEMO_CLONE_WRITTEN));
		print_payloads(&row[DEMO_CLONE_WRITTEN]);
	}
	printf("  %-28s", "the packet, after that");
	print_payloads(&row[DEMO_START_XMIT]);
	puts(complete(d) ? "  They shared one record until the clone wrote; then it had a copy." :
	     "  This mode does not see clones being made: the clone carries nothing.");
}

void demo_print_paths(const struct demo_run *d)
{
	print_table(d);
	print_story(d);
	print_mirror(d);
}

static void print_counter(const char *name, __u64 before, __u64 after, const char *help)
{
	printf("  %-14s %8llu %8llu  %s\n", name, before, after, help);
}

void demo_print_counters(const struct demo_run *d)
{
	const struct skbext_stats *b = &d->before, *a = &d->after;

	printf("\n  %-14s %8s %8s\n", "counter", "before", "after");
	print_counter("adds", b->adds, a->adds, "records made by add");
	print_counter("shares", b->shares, a->shares, "records made by clones");
	print_counter("cow", b->cow, a->cow, "copied, because a sharer wrote");
	print_counter("releases", b->releases, a->releases, "records that ended");
	if (!complete(d))
		print_counter("purged_stale", b->purged_stale, a->purged_stale,
			      "of these, when the sk_buff became the next packet");
	print_counter("missed_hooks", b->missed_hooks, a->missed_hooks,
		      "runs of a hook that the kernel skipped");
	print_counter("live", b->live, a->live, "records now");
}

void demo_print_end(const struct demo_run *d, bool well)
{
	if (d->after.live && complete(d))
		printf("\nRecords left after 2 s: %llu. Their packets are held, or a release was missed.\n",
		       d->after.live);
	else if (d->after.live)
		printf("\nRecords left: %llu. Their packets are freed, but the sk_buffs lie in the kernel's\n"
		       "per-CPU caches, which this mode does not see until they are handed out again.\n",
		       d->after.live);
	else
		puts("\nNo record is left.");
	printf("%sNamespaces, devices, programs and the demo's skbext are removed again.\n",
	       well ? "All is as this mode promises. " : "");
}
