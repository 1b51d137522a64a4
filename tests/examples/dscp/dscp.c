// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Attach the programs of dscp.bpf.c until a signal comes.
 *
 *	dscp packet TUNNEL DEVICE	the DSCP travels on the packet
 *	dscp flow TUNNEL DEVICE		it travels in a map, by the flow's hash
 *	dscp check DEVICE OFFSET	compares outer and inner header of what comes in
 *
 * SKBEXT_BPFFS: where skbext is loaded, if not in the usual place.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <skbext/skbext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dscp.skel.h"

struct tc_program {
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;
};

static int attach(struct tc_program *tc, struct bpf_program *prog, const char *device,
		  enum bpf_tc_attach_point point)
{
	int err;

	*tc = (struct tc_program) {
		.hook = { .sz = sizeof(tc->hook), .attach_point = point },
		.opts = { .sz = sizeof(tc->opts), .prog_fd = bpf_program__fd(prog) },
	};
	tc->hook.ifindex = if_nametoindex(device);
	err = tc->hook.ifindex ? bpf_tc_hook_create(&tc->hook) : -ENODEV;
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&tc->hook, &tc->opts);
	if (err)
		fprintf(stderr, "dscp: %s on %s: %s\n", bpf_program__name(prog), device,
			strerror(-err));
	return err;
}

static void detach(struct tc_program *tc)
{
	tc->opts.prog_fd = tc->opts.prog_id = tc->opts.flags = 0;
	bpf_tc_detach(&tc->hook, &tc->opts);
}

static void wait_for_signal(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
}

static struct dscp *open_and_load(__u32 inner_at)
{
	const char *bpffs_dir = getenv("SKBEXT_BPFFS");
	struct dscp *skel = dscp__open();

	if (!skel)
		return NULL;
	skel->rodata->inner_at = inner_at;
	if (skbext_bind(skel->obj, bpffs_dir))
		fprintf(stderr, "dscp: %s\n", skbext_errmsg());
	else if (!dscp__load(skel))
		return skel;
	dscp__destroy(skel);
	return NULL;
}

static int preserve(struct bpf_program *note, struct bpf_program *apply, char **devices)
{
	struct tc_program on_tunnel, below;
	int err = attach(&on_tunnel, note, devices[0], BPF_TC_EGRESS);

	if (err)
		return err;
	err = attach(&below, apply, devices[1], BPF_TC_EGRESS);
	if (!err) {
		wait_for_signal();
		detach(&below);
	}
	detach(&on_tunnel);
	return err;
}

static int check(struct dscp *skel, const char *device)
{
	struct tc_program incoming;
	int err = attach(&incoming, skel->progs.dscp_check, device, BPF_TC_INGRESS);

	if (err)
		return err;
	wait_for_signal();
	detach(&incoming);
	printf("compared %llu differing %llu\n", skel->bss->compared, skel->bss->differing);
	return 0;
}

/* A tc qdisc that is there already is not an error; libbpf would print one. */
static int only_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || strstr(format, "Kernel error message"))
		return 0;
	return vfprintf(stderr, format, args);
}

int main(int argc, char **argv)
{
	const char *what = argc == 4 ? argv[1] : "";
	struct dscp *skel;
	int err = 1;

	if (strcmp(what, "packet") && strcmp(what, "flow") && strcmp(what, "check")) {
		fputs("usage: dscp packet|flow TUNNEL DEVICE\n"
		      "       dscp check DEVICE OFFSET\n", stderr);
		return 2;
	}
	libbpf_set_print(only_warnings);
	skel = open_and_load(atoi(argv[3]));
	if (!skel)
		return 1;
	if (what[0] == 'p')
		err = preserve(skel->progs.dscp_note, skel->progs.dscp_apply, argv + 2);
	else if (what[0] == 'f')
		err = preserve(skel->progs.flow_note, skel->progs.flow_apply, argv + 2);
	else
		err = check(skel, argv[2]);
	dscp__destroy(skel);
	return !!err;
}
