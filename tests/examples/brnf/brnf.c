// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A filter for a bridge by its ports and by the address that packets were sent to.
 *
 *	brnf BLOCKED-IN BLOCKED-OUT GUARDED-ADDRESS PORT...
 *
 * Until a signal comes; then prints what was dropped, and how it compares with the kernel's own.
 * Exit status 77: this kernel has no netfilter programs (6.4), or no br_netfilter.
 * SKBEXT_BPFFS: where skbext is loaded, if not in the usual place.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>		/* after netinet/in.h */
#include <signal.h>
#include <skbext/skbext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "brnf.h"
#include "brnf.skel.h"

#define MAX_PORTS	16
#define MAX_HOOKS	5

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
		fprintf(stderr, "brnf: %s on %s: %s\n", bpf_program__name(prog), device,
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

/* A tc qdisc that is there already is not an error; libbpf would print one. */
static int only_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || strstr(format, "Kernel error message"))
		return 0;
	return vfprintf(stderr, format, args);
}

/* Links end with the process. */
static int attach_ip_hooks(struct brnf *skel)
{
	const struct {
		struct bpf_program *prog;
		__u32 hook;
		int priority;
	} hooks[MAX_HOOKS] = {
		{ skel->progs.brnf_forward, NF_INET_FORWARD, -500 },
		{ skel->progs.brnf_decide, NF_INET_FORWARD, 10 },
		{ skel->progs.brnf_compare, NF_INET_PRE_ROUTING, 100 },
		{ skel->progs.brnf_compare, NF_INET_FORWARD, -400 },
		{ skel->progs.brnf_compare, NF_INET_POST_ROUTING, 100 },
	};

	for (int i = 0; i < MAX_HOOKS; i++) {
		LIBBPF_OPTS(bpf_netfilter_opts, opts, .pf = NFPROTO_IPV4, .hooknum = hooks[i].hook,
			    .priority = hooks[i].priority);

		if (!bpf_program__attach_netfilter(hooks[i].prog, &opts))
			return -errno;
	}
	return 0;
}

static int run(struct brnf *skel, char **ports, int n)
{
	struct tc_program in[MAX_PORTS];
	int attached = 0, err = attach_ip_hooks(skel);

	while (!err && attached < n && attached < MAX_PORTS) {
		err = attach(&in[attached], skel->progs.brnf_in, ports[attached], BPF_TC_INGRESS);
		attached += !err;
	}
	if (!err)
		wait_for_signal();
	while (attached)
		detach(&in[--attached]);
	printf("noted %llu dropped %llu\n", skel->bss->noted, skel->bss->dropped);
	printf("nf_bridge_info: compared %llu differing %llu missing %llu\n", skel->bss->compared,
	       skel->bss->differing, skel->bss->missing);
	return err;
}

/* NULL: it can be used here. */
static const char *why_not(struct brnf *skel)
{
	if (access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK))
		return "this kernel has no br_netfilter";
	if (libbpf_probe_bpf_prog_type(bpf_program__type(skel->progs.brnf_decide), NULL) != 1)
		return "this kernel has no netfilter programs";
	return NULL;
}

static int set_up(struct brnf *skel, char **policy)
{
	struct in_addr guarded = {};

	if (!inet_aton(policy[2], &guarded))
		return -EINVAL;
	skel->rodata->blocked_in = if_nametoindex(policy[0]);
	skel->rodata->blocked_out = if_nametoindex(policy[1]);
	skel->rodata->guarded = guarded.s_addr;
	if (!skbext_bind(skel->obj, getenv("SKBEXT_BPFFS")))
		return brnf__load(skel);
	fprintf(stderr, "brnf: %s\n", skbext_errmsg());
	return -errno;
}

int main(int argc, char **argv)
{
	struct brnf *skel;
	const char *why;
	int err;

	if (argc < 5) {
		fprintf(stderr, "usage: brnf BLOCKED-IN BLOCKED-OUT GUARDED-ADDRESS PORT...\n");
		return 2;
	}
	libbpf_set_print(only_warnings);
	skel = brnf__open();
	if (!skel)
		return 1;
	why = why_not(skel);
	if (why) {
		fprintf(stderr, "brnf: %s\n", why);
		brnf__destroy(skel);
		return 77;
	}
	err = set_up(skel, argv + 1) ?: run(skel, argv + 4, argc - 4);
	brnf__destroy(skel);
	return !!err;
}
