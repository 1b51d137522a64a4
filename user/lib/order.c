// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which program at a device runs first. tcx keeps a list, where a new one goes before or after
 * another; clsact has priorities. Priorities at tcx are ours: it is told to put a program before the
 * first of ours that has a higher number.
 */
#include <ctype.h>

#include "attach.h"

/* Of <linux/bpf.h>, where some headers do not have them yet. */
#define F_BEFORE	(1U << 3)
#define F_AFTER		(1U << 4)
#define F_ID		(1U << 5)

#define MAX_AT_ONE	64	/* programs at one place: the kernel's BPF_MPROG_MAX */

int tcx_offered(__u32 ifindex)
{
	LIBBPF_OPTS(bpf_prog_query_opts, opts);
	int err = bpf_prog_query_opts(ifindex, TCX(false), &opts);

	return err == -EINVAL ? 0 : err ?: 1;
}

/* Those at the device, in the order in which they run. */
static int query(__u32 ifindex, bool egress, __u32 *ids, __u32 *nr)
{
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids, .count = MAX_AT_ONE);
	int err = bpf_prog_query_opts(ifindex, TCX(egress), &opts);

	*nr = err ? 0 : opts.count;
	return err;
}

/* Ours, at this side of this device; NULL: the next one is none. */
static const struct attached_program *next_here(const struct attached_list *others,
						const struct attached *here, bool egress,
						unsigned int *n)
{
	while (*n < others->nr * ATTACHED_PROGRAMS) {
		const struct attached *a = others->all + *n / ATTACHED_PROGRAMS;
		unsigned int i = (*n)++ % ATTACHED_PROGRAMS;
		const struct attached_program *p = &a->program[i];

		if (i < a->nr && a->whole && p->egress == egress && a->ifindex == here->ifindex &&
		    !memcmp(a->netns, here->netns, sizeof(a->netns)) &&
		    (p->place == PLACE_TCX || p->place == PLACE_CLSACT))
			return p;
	}
	return NULL;
}

/* The last of ours; 0: there is none. */
static __u32 highest(const struct attached_list *others, const struct attached *a, bool egress)
{
	const struct attached_program *p;
	unsigned int n = 0;
	__u32 prio = 0;

	while ((p = next_here(others, a, egress, &n)))
		prio = p->prio > prio ? p->prio : prio;
	return prio;
}

static const struct attached_program *by_id(const struct attached_list *others,
					    const struct attached *a, bool egress, __u32 id)
{
	const struct attached_program *p;
	unsigned int n = 0;

	while ((p = next_here(others, a, egress, &n)))
		if (p->id == id)
			return p;
	return NULL;
}

/* The kernel keeps 15 characters of a name. */
static bool is_called(__u32 id, const char *wanted)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);
	bool is = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		  !strncmp(info.name, wanted, sizeof(info.name) - 1);

	if (fd >= 0)
		close(fd);
	return is;
}

static bool is_meant(__u32 id, const struct attached_program *ours, const char *wanted)
{
	if (isdigit((unsigned char)*wanted))
		return id == strtoul(wanted, NULL, 10);
	return ours ? !strcmp(ours->name, wanted) : is_called(id, wanted);
}

static int not_there(const struct attached *a, bool egress, const char *wanted, bool tcx)
{
	return fail(-ENOENT, "no program '%s' is attached at %s %s%s; give its name or id, or omit it",
		    wanted, a->dev, egress ? "egress" : "ingress",
		    tcx ? "" : " by skbext, which is all that is seen on a kernel without tcx");
}

static int beside_tcx(const struct attached_list *others, const struct attached *a, bool egress,
		      const struct skbext_attach_opts *opts, struct order *order)
{
	const char *wanted = opts->before ?: opts->after;
	__u32 ids[MAX_AT_ONE], nr;
	int err = query(a->ifindex, egress, ids, &nr);

	for (__u32 i = 0; i < nr; i++) {
		const struct attached_program *ours = by_id(others, a, egress, ids[i]);

		if (!is_meant(ids[i], ours, wanted))
			continue;
		order->flags = F_ID | (opts->before ? F_BEFORE : F_AFTER);
		order->relative_id = ids[i];
		order->prio = ours ? ours->prio : DEFAULT_PRIO;
		return 0;
	}
	return err ?: not_there(a, egress, wanted, true);
}

static int beside_clsact(const struct attached_list *others, const struct attached *a, bool egress,
			 const struct skbext_attach_opts *opts, struct order *order)
{
	const char *wanted = opts->before ?: opts->after;
	const struct attached_program *p;
	unsigned int n = 0;

	while ((p = next_here(others, a, egress, &n)))
		if (is_meant(p->id, p, wanted))
			break;
	if (!p)
		return not_there(a, egress, wanted, false);
	order->prio = opts->before ? p->prio - 1 : p->prio + 1;
	if (!order->prio || order->prio > SKBEXT_MAX_PRIO)
		return fail(-ERANGE, "%s has priority %u, and there is none beyond; attach it again with another --prio",
			    wanted, p->prio);
	return 0;
}

/* Before the first of ours that is to run later; where there is none the kernel takes the end. */
static int by_prio(const struct attached_list *others, const struct attached *a, bool egress,
		   struct order *order)
{
	__u32 ids[MAX_AT_ONE], nr;
	int err = query(a->ifindex, egress, ids, &nr);

	for (__u32 i = 0; i < nr && !order->flags; i++) {
		const struct attached_program *ours = by_id(others, a, egress, ids[i]);

		if (!ours || ours->prio <= order->prio)
			continue;
		order->flags = F_ID | F_BEFORE;
		order->relative_id = ids[i];
	}
	return err;
}

int order_find(const struct attached_list *others, const struct attached *a, bool egress,
	       const struct skbext_attach_opts *opts, bool tcx, struct order *order)
{
	__u32 last = highest(others, a, egress);

	*order = (struct order){ .prio = opts->prio };
	if (opts->before || opts->after)
		return tcx ? beside_tcx(others, a, egress, opts, order) :
			     beside_clsact(others, a, egress, opts, order);
	if (opts->prio)
		return tcx ? by_prio(others, a, egress, order) : 0;
	order->prio = last < DEFAULT_PRIO ? DEFAULT_PRIO : last;
	/* In clsact the newest of one priority runs first. */
	order->prio += !tcx && last >= DEFAULT_PRIO && order->prio < SKBEXT_MAX_PRIO;
	return 0;
}
