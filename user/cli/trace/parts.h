/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the files of `skbext trace`. */
#ifndef SKBEXT_TRACE_PARTS_H
#define SKBEXT_TRACE_PARTS_H

#include <linux/types.h>

#include "../../../bpf/trace.h"
#include "../cli.h"

struct trace;		/* the skeleton */
struct bpf_object;
struct btf;

struct trace_options {
	const char *device;	/* NULL: any */
	const char *type;
	const char *reason;
	__u64 min_age;		/* ns */
	char *filter;		/* free() it */
	__u32 sample;
	__u64 duration;		/* seconds; 0: until told to end */
	__u64 count;		/* lines; 0: any */
	bool summary;
	const char *html;	/* NULL: no page; else a summary, too */
	const char *pcap;	/* NULL: no file of packets */
	enum skbext_mode mode;
};

#define TRACE_SLOWEST	20	/* packets that a page shows one by one */

/* One fate as a whole, or one of its places: by function, where the kernel's map has it by address. */
struct trace_group {
	__u32 fate, reason;
	char place[128];	/* "-": not known */
	struct trace_lives lives;
};

struct trace_groups {
	struct trace_group fate[TRACE_FATES];
	struct trace_group *place;	/* free() it */
	size_t nr;
};

/* A filter as classic BPF, for both kinds of frames. */
struct trace_filter {
	__u32 insns[TRACE_FRAMES];	/* 0: it says what frames of this kind have not */
	struct trace_insn code[TRACE_FRAMES * TRACE_FILTER_INSNS];
};

struct trace_pcap {
	struct cli_file file;
	struct trace_interface *interface;	/* those that the file knows, by their number */
	__u32 nr_interfaces;
	__u64 wall;		/* to be added to ns since boot */
};

struct trace_run {
	struct cli_common common;
	struct trace_options opts;
	struct skbext *sk;	/* trace's own */
	struct skbext *loaded;	/* the one of other programs; NULL: its types are not shown */
	struct trace *skel;
	struct btf *vmlinux;
	struct skbext_status status, others;
	struct cli_types types;	/* of the loaded one */
	char why[SKBEXT_REASON_LEN];	/* it is not the exact mode, though that was tried */
	double began;
	__u64 printed;
	__u64 alive;		/* packets that had not ended when we did */
	struct trace_filter filter;
	struct cli_file page;
	struct trace_pcap pcap;
	struct trace_report *slow[TRACE_SLOWEST];	/* the slowest first */
	unsigned int nr_slow;
};

/* load.c: all that runs in the kernel. */
int trace_start(struct trace_run *t);
void trace_stop(struct trace_run *t);
void trace_free(struct trace_run *t);
__u64 trace_missed(const struct trace_run *t);

/* filter.c: an exit status; what is wrong with it is printed. */
int trace_filter_compile(struct trace_filter *f, const char *expression);

/* names.c: addresses and drop reasons. */
int trace_names_read(void);
const char *trace_function(__u64 address, __u64 *offset);	/* NULL: unknown */
struct trace_range trace_range_of(const char *function);
const char *trace_reason(const struct btf *vmlinux, __u32 reason);
int trace_reason_find(const struct btf *vmlinux, const char *name);	/* -1: none */
const char *trace_fate(unsigned int fate);
const char *trace_origin(unsigned int origin);

/* show.c: one line or object for one packet. */
void trace_print_head(const struct trace_run *t);
int trace_print(struct trace_run *t, const struct trace_report *r);
void trace_print_end(const struct trace_run *t);

__u64 trace_age(const struct trace_report *r);	/* ns */
void trace_device(char text[TRACE_DEVICE_LEN + 1], const __u64 *device);	/* printable */
const char *trace_protocol(__u16 protocol);	/* static buffer */
unsigned int trace_steps(const struct skbext_trace *n);	/* those that its path has */
json_t *trace_types(struct trace_run *t, const struct trace_report *r);	/* decoded, by name */

/* Of one of these: as JSON, in hex where nothing says what it is. free() it; NULL: out of memory. */
char *trace_payload_text(const json_t *payload);

/* summary.c */
int trace_summary(struct trace_run *t);
int trace_groups_read(const struct trace_run *t, struct trace_groups *g);
json_t *trace_json_counts(const struct trace_run *t);
const struct trace_counts *trace_counts(const struct trace_run *t);
void trace_age_text(char *text, size_t size, double ns);

/* slow.c: keep a copy of what is slower than those that are kept. */
void trace_slow_add(struct trace_run *t, const struct trace_report *r, size_t size);
void trace_slow_free(struct trace_run *t);

/* pcap.c: each packet into a file; errors are printed, once it is closed. */
int trace_pcap_open(struct trace_pcap *p, const char *path);
void trace_pcap_add(struct trace_run *t, const struct trace_report *r);
int trace_pcap_close(struct trace_pcap *p);
void trace_pcap_free(struct trace_pcap *p);	/* without close: there is no file */

/* html.c: the page, into t->page. */
int trace_html(struct trace_run *t, const struct trace_groups *g);
void trace_html_text(FILE *to, const char *text);	/* escaped */

/* html_plot.c: a histogram of slots first to last, large with numbers or small without. */
struct trace_plot {
	int first, last;
	bool large;
};

void trace_html_plot(FILE *to, const struct trace_plot *plot, const char *fate,
		     const struct trace_lives *l);
void trace_html_bar(FILE *to, const char *fate, __u64 value, __u64 most);

#endif /* SKBEXT_TRACE_PARTS_H */
