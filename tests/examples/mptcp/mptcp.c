// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The mapping of MPTCP data, packet by packet, of all sockets in this network namespace.
 *
 *	mptcp watch DEVICE...			until a signal comes; then prints how it compares
 *	mptcp serve mptcp|tcp PORT BYTES MORE	one connection: sends and receives that many bytes,
 *						most of them when there are MORE subflows than one
 *	mptcp connect ADDRESS PORT BYTES MORE	its other end
 *
 * Exit status 77: this kernel has no MPTCP, or neither fentry nor netfilter programs (6.4). 3: the
 * further subflows did not come.
 * SKBEXT_BPFFS: where skbext is loaded, if not in the usual place.
 */
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
#include <sys/stat.h>
#include <unistd.h>

#include "mptcp.h"
#include "mptcp.skel.h"
#include "traffic.h"

#define MAX_DEVICES	8

struct tc_program {
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;
};

static struct tc_program tcs[2 * MAX_DEVICES];
static int nr_tcs;

static int attach_tc(struct bpf_program *prog, const char *device, enum bpf_tc_attach_point point)
{
	struct tc_program *tc = &tcs[nr_tcs];
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
		fprintf(stderr, "mptcp: %s on %s: %s\n", bpf_program__name(prog), device,
			strerror(-err));
	else
		nr_tcs++;
	return err;
}

static void detach_tcs(void)
{
	while (nr_tcs) {
		struct tc_program *tc = &tcs[--nr_tcs];

		tc->opts.prog_fd = tc->opts.prog_id = tc->opts.flags = 0;
		bpf_tc_detach(&tc->hook, &tc->opts);
	}
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

static void print_note(const char *whose, const struct dss_note *note)
{
	printf("  %s: data_seq %llx subflow_seq %u data_len %u csum %04x flags %02x\n", whose,
	       note->data_seq, note->subflow_seq, note->data_len, note->csum, note->flags);
}

static void print_counts(const char *place, const struct dss_counts *c)
{
	printf("%s_compared %llu %s_differing %llu %s_missing %llu\n", place, c->compared, place,
	       c->differing, place, c->missing);
	if (c->differing) {
		print_note("ours", &c->ours);
		print_note("the kernel's", &c->kernels);
	}
}

/* Runs that the kernel skipped as recursion: packets that were not noted or not compared. */
static void print_skipped(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) &&
		    info.recursion_misses)
			printf("skipped: %s %llu\n", bpf_program__name(prog),
			       info.recursion_misses);
	}
}

static void print_all(struct mptcp *skel)
{
	static const char *const places[DSS_PLACES] = { "incoming", "queue", "sent" };

	printf("noted %llu first %llu without_option %llu\n", skel->bss->noted,
	       skel->bss->noted_first, skel->bss->unsent);
	printf("subflow: noted_sent %llu window_probes %llu\n", skel->bss->noted_sent,
	       skel->bss->noted_probes);
	for (int i = 0; i < DSS_PLACES; i++)
		print_counts(places[i], &skel->bss->counts[i]);
	print_skipped(skel->obj);
}

/* Is fentry to be had, and are clones followed? skbext has tried it out. */
static bool can_be_exact(void)
{
	struct skbext_status status = { .sz = sizeof(status) };
	struct skbext *sk = skbext_open_pinned(getenv("SKBEXT_BPFFS"));
	bool complete = sk && !skbext_status(sk, &status) &&
			status.guarantee == SKBEXT_GUARANTEE_COMPLETE;

	skbext_close(sk);
	return complete;
}

static int set_up(struct mptcp *skel, bool exact)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		return -errno;
	skel->rodata->netns = st.st_ino;
	skel->rodata->exact = exact;
	bpf_program__set_autoload(skel->progs.mptcp_frag, exact);
	bpf_program__set_autoload(skel->progs.mptcp_probe, exact);
	bpf_program__set_autoload(skel->progs.mptcp_split, exact);
	bpf_program__set_autoload(skel->progs.mptcp_incoming, exact);
	bpf_program__set_autoload(skel->progs.mptcp_out, !exact);
	bpf_program__set_autoload(skel->progs.mptcp_delivered, !exact);
	if (!skbext_bind(skel->obj, getenv("SKBEXT_BPFFS")))
		return mptcp__load(skel);
	fprintf(stderr, "mptcp: %s\n", skbext_errmsg());
	return -errno;
}

/* The link ends with the process. */
static int attach_local_in(struct mptcp *skel)
{
	LIBBPF_OPTS(bpf_netfilter_opts, opts, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN);

	return bpf_program__attach_netfilter(skel->progs.mptcp_delivered, &opts) ? 0 : -errno;
}

static int run(struct mptcp *skel, bool exact, char **devices, int n)
{
	int err = mptcp__attach(skel);

	if (!err && !exact)
		err = attach_local_in(skel);
	for (int i = 0; !err && i < n && i < MAX_DEVICES; i++) {
		err = attach_tc(skel->progs.mptcp_in, devices[i], BPF_TC_INGRESS);
		if (!err && !exact)
			err = attach_tc(skel->progs.mptcp_out, devices[i], BPF_TC_EGRESS);
	}
	if (!err) {
		skel->bss->comparing = true;
		puts(exact ? "hooks: exact" : "hooks: tracepoints");
		wait_for_signal();
		skel->bss->comparing = false;
	}
	detach_tcs();
	mptcp__detach(skel);
	print_all(skel);
	return err;
}

/* NULL: it can be used here. */
static const char *why_not(struct mptcp *skel, bool exact)
{
	if (access("/proc/sys/net/mptcp/enabled", F_OK))
		return "this kernel has no MPTCP";
	if (!exact &&
	    libbpf_probe_bpf_prog_type(bpf_program__type(skel->progs.mptcp_delivered), NULL) != 1)
		return "this kernel has neither fentry nor netfilter programs";
	return NULL;
}

static int watch(char **devices, int n)
{
	bool exact = can_be_exact();
	struct mptcp *skel;
	const char *why;
	int err;

	libbpf_set_print(only_warnings);
	skel = mptcp__open();
	if (!skel)
		return 1;
	why = why_not(skel, exact);
	if (why) {
		fprintf(stderr, "mptcp: %s\n", why);
		mptcp__destroy(skel);
		return 77;
	}
	err = set_up(skel, exact) ?: run(skel, exact, devices, n);
	mptcp__destroy(skel);
	return !!err;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "watch"))
		return watch(argv + 2, argc - 2);
	if (argc == 6 && !strcmp(argv[1], "serve"))
		return serve(strcmp(argv[2], "tcp"), atoi(argv[3]), atoll(argv[4]), atoi(argv[5]));
	if (argc == 6 && !strcmp(argv[1], "connect"))
		return connect_to(argv[2], atoi(argv[3]), atoll(argv[4]), atoi(argv[5]));
	fprintf(stderr, "usage: mptcp watch DEVICE... | serve mptcp|tcp PORT BYTES MORE |"
			" connect ADDRESS PORT BYTES MORE\n");
	return 2;
}
