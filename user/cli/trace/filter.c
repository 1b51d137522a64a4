// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace FILTER: the expression of a packet filter, compiled by libpcap for both kinds of frames.
 * libpcap is loaded when there is a filter: it brings D-Bus, systemd and others, with which every command
 * takes twice as long to start (2.8 ms, not 1.2).
 */
#include <string.h>

#include "parts.h"

#ifdef HAVE_PCAP
#include <pcap/pcap.h>

static struct {
	__typeof__(pcap_open_dead) *open_dead;
	__typeof__(pcap_compile) *compile;
	__typeof__(pcap_geterr) *geterr;
	__typeof__(pcap_freecode) *freecode;
	__typeof__(pcap_close) *close;
} lib;

static int load_library(const char *expression)
{
	/* As Debian calls it, and as everybody else. */
	static const char *const files[] = { "libpcap.so.0.8", "libpcap.so.1", NULL };
	static const struct cli_function functions[] = {
		{ "pcap_open_dead", &lib.open_dead },
		{ "pcap_compile", &lib.compile },
		{ "pcap_geterr", &lib.geterr },
		{ "pcap_freecode", &lib.freecode },
		{ "pcap_close", &lib.close },
		{ 0 },
	};
	const char *why = cli_load_library(files, functions);

	return why ? cli_error("cannot trace: filter '%s': libpcap %s; install libpcap (Debian: libpcap0.8)",
			       expression, why) : CLI_DONE;
}

/* What a socket knows of a packet, as `inbound`, has an offset below 0. */
static bool asks_the_socket(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LD && BPF_MODE(insn->code) == BPF_ABS && (__s32)insn->k < 0;
}

static int take_code(struct trace_filter *f, enum trace_frame frame, const struct bpf_program *program)
{
	if (program->bf_len > TRACE_FILTER_INSNS)
		return cli_error("cannot trace: the filter has %u instructions, and there is room for %d; "
				 "make it shorter", program->bf_len, TRACE_FILTER_INSNS);
	f->insns[frame] = program->bf_len;
	for (__u32 i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *insn = &program->bf_insns[i];

		if (asks_the_socket(insn))
			return cli_error("cannot trace: the filter asks for what is not in the packet, as inbound "
					 "and outbound do; ask for addresses, or use --device");
		f->code[frame * TRACE_FILTER_INSNS + i] =
			(struct trace_insn){ insn->code, insn->jt, insn->jf, insn->k };
	}
	return CLI_DONE;
}

static int refuse(pcap_t *pcap, const char *expression)
{
	return cli_error("cannot trace: filter '%s': %s; pcap-filter(7) says how it is written", expression,
			 lib.geterr(pcap));
}

/* What can only be said of an Ethernet header is not of packets that have none. */
static int compile_for(struct trace_filter *f, enum trace_frame frame, const char *expression)
{
	pcap_t *pcap = lib.open_dead(frame == TRACE_FRAMED ? DLT_EN10MB : DLT_RAW, 65535);
	struct bpf_program program;
	int ret = CLI_DONE;

	if (!pcap)
		return cli_error("cannot trace: compile a filter: out of memory; try again");
	if (!lib.compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN)) {
		ret = take_code(f, frame, &program);
		lib.freecode(&program);
	} else if (frame == TRACE_FRAMED) {
		ret = refuse(pcap, expression);
	}
	lib.close(pcap);
	return ret;
}

int trace_filter_compile(struct trace_filter *f, const char *expression)
{
	if (load_library(expression))
		return CLI_FAILED;
	return compile_for(f, TRACE_FRAMED, expression) ?: compile_for(f, TRACE_BARE, expression);
}
#else
int trace_filter_compile(struct trace_filter *f __attribute__((unused)), const char *expression)
{
	return cli_error("cannot trace: filter '%s': this skbext was built without libpcap; build it "
			 "where libpcap's headers are, or use --device, --reason, --type", expression);
}
#endif
