/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of `skbext demo`. Everything lives in namespaces and file descriptors of the process:
 * the kernel takes it away with the process, however that ends; only the directory of the cgroup
 * takes an rmdir.
 * Functions return CLI_DONE, or CLI_FAILED with the error printed.
 */
#ifndef SKBEXT_DEMO_PARTS_H
#define SKBEXT_DEMO_PARTS_H

#include "../cli.h"
#include "../../../bpf/demo.h"

#define DEMO_BPFFS	"/sys/fs/bpf/skbext-demo"	/* in a bpffs that only this process sees */

#define DEMO_ADDR_A	0xc6120001	/* 198.18.0.1, a range that is kept for tests (RFC 2544) */
#define DEMO_ADDR_B	0xc6120002

enum demo_side { DEMO_A, DEMO_B };

struct demo_net {
	int home;		/* the namespace we came from */
	int ns[2];
	int dev_a, dev_b, dev_mirror;
};

struct demo;	/* the skeleton of demo.bpf.c */

struct demo_run {
	bool json;
	struct demo_net net;
	char cgroup[64];		/* "": there is none */
	int cgroup_fd;
	char absent[DEMO_HOOKS][80];	/* why nothing is attached at this hook; "": it is */
	struct skbext *sk;
	struct skbext_status status;
	struct skbext_stats before, after;
	struct demo *skel;
	volatile __u32 *phase;
	const struct demo_seen (*seen)[DEMO_HOOKS];
};

/* box.c: mounts that nobody else sees, and a cgroup for the sockets */
int demo_box_make(struct demo_run *d);
void demo_box_free(struct demo_run *d);

/* net.c: two namespaces, a veth pair between them, another one for clones */
int demo_net_make(struct demo_net *net);
void demo_net_free(struct demo_net *net);
int demo_net_enter(int ns);

/* programs.c: demo.bpf.c, bound, loaded and attached */
int demo_programs_start(struct demo_run *d);
void demo_programs_stop(struct demo_run *d);

/* traffic.c: what is sent in a phase, from A to B, and received */
int demo_traffic(const struct demo_net *net, enum demo_phase phase);

/* report.c */
const char *demo_hook_name(enum demo_hook hook);
const char *demo_phase_name(enum demo_phase phase);
void demo_print_head(const struct demo_run *d);
void demo_print_paths(const struct demo_run *d);
void demo_print_counters(const struct demo_run *d);
void demo_print_end(const struct demo_run *d, bool well);

/* json.c */
json_t *demo_json(const struct demo_run *d, bool well);

/* check.c: was it as the mode promises? Fills in what was not; true: all well. */
bool demo_check(const struct demo_run *d, char *what, size_t room);

#endif /* SKBEXT_DEMO_PARTS_H */
