// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: demo.bpf.c, bound to the demo's skbext, loaded and attached. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "demo.skel.h"

static int attach_error(const struct bpf_program *prog, int err)
{
	return cli_error("cannot run the demo: attach program %s: %s",
			 bpf_program__name(prog), strerror(-err));
}

/* clsact, which every kernel has, in the current namespace. Filters go with the device. */
static int attach_tc(struct bpf_program *prog, int dev, enum bpf_tc_attach_point point,
		     __u32 priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = dev, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog), .handle = 1,
		    .priority = priority);
	int err = bpf_tc_hook_create(&hook);

	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&hook, &opts);
	return err ? attach_error(prog, err) : CLI_DONE;
}

static int attach_tracing(struct demo *skel)
{
	struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} all[] = {
		{ skel->progs.demo_net_dev_queue, &skel->links.demo_net_dev_queue },
		{ skel->progs.demo_start_xmit, &skel->links.demo_start_xmit },
		{ skel->progs.demo_netif_receive, &skel->links.demo_netif_receive },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*all[i].link = bpf_program__attach(all[i].prog);
		if (!*all[i].link)
			return attach_error(all[i].prog, -errno);
	}
	return CLI_DONE;
}

static int attach_cgroup(const struct demo_run *d, struct bpf_program *prog, struct bpf_link **link)
{
	if (d->cgroup_fd < 0)
		return CLI_DONE;
	*link = bpf_program__attach_cgroup(prog, d->cgroup_fd);
	return *link ? CLI_DONE : attach_error(prog, -errno);
}

/* Programs in netfilter came with 6.4, and are a choice of the kernel's config. */
static void attach_netfilter(struct demo_run *d)
{
	LIBBPF_OPTS(bpf_netfilter_opts, opts, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN,
		    .priority = -1);
	struct bpf_program *prog = d->skel->progs.demo_netfilter;

	if (d->absent[DEMO_NETFILTER][0])
		return;
	d->skel->links.demo_netfilter = bpf_program__attach_netfilter(prog, &opts);
	if (!d->skel->links.demo_netfilter)
		snprintf(d->absent[DEMO_NETFILTER], sizeof(d->absent[0]),
			 "not on this kernel: %s", strerror(errno));
}

static int attach(struct demo_run *d)
{
	struct demo *skel = d->skel;
	const struct demo_net *net = &d->net;
	int ret;

	ret = attach_tracing(skel);
	ret = ret ?: attach_cgroup(d, skel->progs.demo_cgroup_egress,
				   &skel->links.demo_cgroup_egress);
	ret = ret ?: attach_cgroup(d, skel->progs.demo_cgroup_ingress,
				   &skel->links.demo_cgroup_ingress);
	ret = ret ?: demo_net_enter(net->ns[DEMO_A]);
	ret = ret ?: attach_tc(skel->progs.demo_add, net->dev_a, BPF_TC_EGRESS, 1);
	ret = ret ?: attach_tc(skel->progs.demo_tc_egress, net->dev_a, BPF_TC_EGRESS, 2);
	ret = ret ?: attach_tc(skel->progs.demo_mirror, net->dev_a, BPF_TC_EGRESS, 3);
	ret = ret ?: attach_tc(skel->progs.demo_clone, net->dev_mirror, BPF_TC_EGRESS, 1);
	ret = ret ?: demo_net_enter(net->ns[DEMO_B]);
	ret = ret ?: attach_tc(skel->progs.demo_tc_ingress, net->dev_b, BPF_TC_INGRESS, 1);
	if (!ret)
		attach_netfilter(d);
	return demo_net_enter(net->home) ?: ret;
}

int demo_programs_start(struct demo_run *d)
{
	struct demo *skel = demo__open();
	int err;

	cli_libbpf_words();	/* a clsact that is there already, too */
	d->skel = skel;
	if (!skel)
		return cli_error("cannot run the demo: open its programs: %s", strerror(errno));
	skel->rodata->dev_a = d->net.dev_a;
	skel->rodata->dev_b = d->net.dev_b;
	skel->rodata->dev_mirror = d->net.dev_mirror;
	if (libbpf_probe_bpf_prog_type(bpf_program__type(skel->progs.demo_netfilter), NULL) != 1) {
		bpf_program__set_autoload(skel->progs.demo_netfilter, false);
		strcpy(d->absent[DEMO_NETFILTER], "not on this kernel");
	}
	if (skbext_bind(skel->obj, DEMO_BPFFS))
		return cli_lib_error("run the demo: bind its programs");
	err = demo__load(skel) ?: skel->bss ? 0 : -EAGAIN;
	if (err)
		return cli_error("cannot run the demo: load its programs: %s", cli_why_load(err));
	d->phase = &skel->bss->phase;
	d->seen = (const struct demo_seen (*)[DEMO_HOOKS])skel->bss->seen;
	return attach(d);
}

void demo_programs_stop(struct demo_run *d)
{
	demo__destroy(d->skel);
	d->skel = NULL;
}
