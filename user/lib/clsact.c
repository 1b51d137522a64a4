// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs at tc's clsact, where a kernel has no tcx. A filter has no link: it is ours if it has
 * the handle and priority that we wrote down before we made it, and our program.
 */
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "attach.h"

#define FIRST_HANDLE	0x736b		/* "sk" */
#define HANDLES_TRIED	256

static struct bpf_tc_hook hook_at(const struct attached *a, bool egress)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook), .ifindex = a->ifindex,
		.attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS,
	};
}

static int add_filter(struct attached *a, struct attached_program *p, int prog_fd, int map_fd)
{
	struct bpf_tc_hook hook = hook_at(a, p->egress);
	int err = -EEXIST;

	for (unsigned int i = 0; err == -EEXIST && i < HANDLES_TRIED; i++) {
		LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .priority = p->prio);

		opts.handle = p->handle = FIRST_HANDLE + i;
		err = attached_write(map_fd, a) ?: bpf_tc_attach(&hook, &opts);
	}
	return err;
}

/* The size of the first answer of the kernel, or why there is none. */
static ssize_t ask_tc(int type, int flags, const struct tcmsg *tc, struct nlmsghdr *answer, size_t size)
{
	struct {
		struct nlmsghdr nl;
		struct tcmsg tc;
	} ask = {
		.nl = { .nlmsg_len = sizeof(ask), .nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | flags },
		.tc = *tc,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0 ? -1 : recv(fd, answer, size, 0);

	n = n < 0 ? -errno : n;
	if (fd >= 0)
		close(fd);
	return n;
}

/* 1, 0, or why nobody can tell. The kernel answers nothing where there is none but for the ACK. */
static int has_qdisc(int ifindex)
{
	const struct tcmsg tc = { .tcm_ifindex = ifindex, .tcm_parent = TC_H_CLSACT };
	union {
		struct nlmsghdr nl;
		char bytes[8192];
	} answer;
	ssize_t n = ask_tc(RTM_GETQDISC, NLM_F_ACK, &tc, &answer.nl, sizeof(answer));

	return n < 0 ? n : n >= (ssize_t)sizeof(answer.nl) && answer.nl.nlmsg_type == RTM_NEWQDISC;
}

/*
 * That it is ours is written down before it is made: this process may die behind that, and where the
 * kernel's answer is lost, it may be there all the same.
 */
static int make_qdisc(struct attached *a, bool egress, int map_fd, bool owns)
{
	struct bpf_tc_hook hook = hook_at(a, egress);
	int there = has_qdisc(a->ifindex), err;

	if (there < 0)
		return there;
	owns |= a->owns_qdisc;
	a->owns_qdisc = owns || !there;
	err = attached_write(map_fd, a) ?: bpf_tc_hook_create(&hook);
	if (err == -EEXIST)
		a->owns_qdisc = owns;
	return err == -EEXIST ? 0 : err;
}

int clsact_add(struct attached *a, struct attached_program *p, int prog_fd, int map_fd,
	       bool owns_qdisc)
{
	int err = make_qdisc(a, p->egress, map_fd, owns_qdisc);

	if (err)
		return err;
	p->place = PLACE_CLSACT;
	return add_filter(a, p, prog_fd, map_fd);
}

/* The kernel has three words for it: the filter, clsact, the device. */
static bool is_gone(int err)
{
	return err == -ENOENT || err == -EINVAL || err == -ENODEV;
}

/* In its network namespace: is the filter there? 1, 0, or why nobody can tell. */
static int is_at(const struct bpf_tc_hook *hook, const struct attached_program *p)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = p->handle, .priority = p->prio);
	int err = bpf_tc_query(hook, &opts);

	return is_gone(err) ? 0 : err ?: opts.prog_id == p->id;
}

bool clsact_is_there(const struct attached *a, const struct attached_program *p)
{
	struct bpf_tc_hook hook = hook_at(a, p->egress);
	int back, there = netns_enter(a->netns, &back);

	if (there)
		return there != -ENOENT;
	there = is_at(&hook, p);
	netns_leave(back);
	return there;
}

int clsact_remove(const struct attached *a, const struct attached_program *p)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = p->handle, .priority = p->prio);
	struct bpf_tc_hook hook = hook_at(a, p->egress);
	int back, err = netns_enter(a->netns, &back);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = is_at(&hook, p);
	if (err > 0)
		err = bpf_tc_detach(&hook, &opts);
	netns_leave(back);
	return err;
}

/* At this side of the device: 1, 0, or why nobody can tell. */
static int has_filters(int ifindex, __u32 minor)
{
	const struct tcmsg tc = {
		.tcm_ifindex = ifindex, .tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor),
	};
	union {
		struct nlmsghdr nl;
		char bytes[8192];
	} answer;
	ssize_t n = ask_tc(RTM_GETTFILTER, NLM_F_DUMP, &tc, &answer.nl, sizeof(answer));

	return n < 0 ? n : n < (ssize_t)sizeof(answer.nl) || answer.nl.nlmsg_type != NLMSG_DONE;
}

static int remove_unused(int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int used = has_filters(ifindex, TC_H_MIN_INGRESS) ?:
		   has_filters(ifindex, TC_H_MIN_EGRESS), err;

	if (used)
		return used < 0 ? used : 0;
	err = bpf_tc_hook_destroy(&hook);
	return is_gone(err) ? 0 : err;
}

/* Whoever adds a filter between the two steps loses it: the kernel has no way to ask for both. */
int clsact_leave(const struct attached *a)
{
	int back, err = a->owns_qdisc ? netns_enter(a->netns, &back) : -ENOENT;

	if (err)
		return err == -ENOENT ? 0 : err;
	err = remove_unused(a->ifindex);
	netns_leave(back);
	return err;
}
