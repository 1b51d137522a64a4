/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shared by the parts of `skbext bench`: cmd_bench.c runs them in order, each file measures one thing.
 */
#ifndef SKBEXT_BENCH_PARTS_H
#define SKBEXT_BENCH_PARTS_H

#include <stdbool.h>

#include "../cli.h"

#define BENCH_MAX_ROUNDS	45

struct bench {
	bool quick, json;
	unsigned int rounds;
	unsigned int nr_cpus;		/* that this process may use */
	int cpus[256];
	json_t *out;			/* an object; each part adds its own key */
};

/* The rounds of one measurement. */
struct figure {
	double v[BENCH_MAX_ROUNDS];
	unsigned int nr;
};

void figure_add(struct figure *f, double v);
double figure_median(struct figure *f);
json_t *figure_json(struct figure *f);		/* {"median":, "min":, "max":} */

void bench_pin_cpu(int cpu);
void bench_say(const struct bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int bench_error(const char *what, int err);	/* prints, CLI_FAILED */
int bench_load_error(int err);	/* the same of its programs */

/* UDP sockets in the current namespace: [0] is connected to [1]. 0 or a negative errno. */
int bench_udp_pair(int pair[2], const char *address);
int bench_udp_exchange(const int pair[2], unsigned int packets);
int bench_lo_up(void);

/*
 * A private skbext of which the bench holds the lifecycle programs themselves, to attach and
 * count them.
 */
#define BENCH_MAX_HOOKS	32
struct bench_hooks {
	unsigned int nr;
	int prog[BENCH_MAX_HOOKS];
	int link[BENCH_MAX_HOOKS];
	bool raw[BENCH_MAX_HOOKS];
	char name[BENCH_MAX_HOOKS][64];
};
struct skbext *bench_skbext(unsigned int capacity, unsigned int payload, bool attach);
int bench_hooks_take(struct bench_hooks *h);
int bench_hooks_attach(struct bench_hooks *h);
void bench_hooks_detach(struct bench_hooks *h);
void bench_hooks_free(struct bench_hooks *h);

struct bpf_program;
int bench_tc_attach(int prog_fd, int ifindex, bool egress);	/* 0 or a negative errno */
void bench_tc_detach(int ifindex);

/* The parts. CLI_DONE, or CLI_FAILED and the error is printed. */
int bench_store(struct bench *b);
int bench_packets(struct bench *b);
int bench_cost(struct bench *b);
int bench_forward(struct bench *b);

#endif /* SKBEXT_BENCH_PARTS_H */
