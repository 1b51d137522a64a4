// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bpf/filter.bpf.h, which interprets the filters of `skbext trace`, compiled for user space: random
 * programs on random packets, beside bpf_filter() of libpcap.
 */
#include <dlfcn.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/trace.h"
#include "test.h"

#ifdef HAVE_PCAP
#include <pcap/pcap.h>
#undef BPF_MEMWORDS
#undef BPF_RVAL
#undef BPF_A
#undef BPF_MISCOP
#undef BPF_TAX

struct sk_buff {
	unsigned char *head, *data;
	__u32 len, tail;
	__u16 mac_header;
};

static long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	memcpy(to, from, size);
	return 0;
}

/* What user space sets before load is written to here. */
#define const
#define bpf_loop(nr, fn, ctx, flags) \
	for (__u32 __i = 0; __i < (nr) && !(fn)(__i, ctx); __i++)
#include "../../bpf/filter.bpf.h"
#undef const

#define ROUNDS		200000
#define MOST_BYTES	80
#define HEADROOM	40	/* in front of the packet, none of which a filter may see */

/* Its prototype, which newer headers call deprecated. */
static u_int (*reference)(const struct bpf_insn *, const u_char *, u_int, u_int);
static unsigned char head[HEADROOM + MOST_BYTES + 16];

static __u32 below(__u32 n)
{
	return (__u32)random() % n;
}

/* Small ones reach into the packet, large ones are out of it or turn round. */
static __u32 number(void)
{
	return below(4) ? below(MOST_BYTES + 8) : below(2) ? 0xffffffff - below(90) : (__u32)random() * 2654435761U;
}

static __u16 random_code(void)
{
	static const __u16 sizes[] = { BPF_W, BPF_H, BPF_B };
	static const __u16 loads[] = { BPF_ABS, BPF_IND, BPF_LEN, BPF_IMM, BPF_MEM };
	static const __u16 jumps[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const __u16 alus[] = {
		BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG,
	};
	__u16 load = loads[below(5)], alu = alus[below(11)];

	switch (below(8)) {
	case 0:
	case 1:
		return BPF_LD | load | (load == BPF_ABS || load == BPF_IND ? sizes[below(3)] : BPF_W);
	case 2:
		return BPF_LDX | (below(2) ? BPF_MSH | BPF_B : loads[2 + below(3)] | BPF_W);
	case 3:
		return below(2) ? BPF_ST : BPF_STX;
	case 4:
	case 5:
		return BPF_ALU | alu | (alu != BPF_NEG && below(2) ? BPF_X : BPF_K);
	case 6:
		return BPF_JMP | jumps[below(4)] | (below(2) ? BPF_X : BPF_K);
	default:
		return BPF_MISC | (below(2) ? 0 : 0x80);
	}
}

static struct bpf_insn random_insn(__u32 left)
{
	struct bpf_insn insn = { .code = random_code(), .k = number() };
	bool memory = BPF_CLASS(insn.code) == BPF_ST || BPF_CLASS(insn.code) == BPF_STX ||
		      (BPF_CLASS(insn.code) <= BPF_LDX && BPF_MODE(insn.code) == BPF_MEM);

	if (memory)
		insn.k = below(BPF_MEMWORDS);
	if (BPF_CLASS(insn.code) == BPF_ALU)	/* as the kernel has it, and C: no shift by 32 and more */
		insn.k = BPF_OP(insn.code) == BPF_LSH || BPF_OP(insn.code) == BPF_RSH ? below(32) : insn.k | 1;
	if (BPF_CLASS(insn.code) == BPF_JMP) {
		insn.jt = below(left < 6 ? left : 6);
		insn.jf = below(left < 6 ? left : 6);
	}
	return insn;
}

/* libpcap's memory begins as it is; ours is 0. A jump stays in the program, the last one returns. */
static __u32 make_program(struct bpf_insn *code)
{
	__u32 nr = BPF_MEMWORDS + 1 + below(40), i;

	for (i = 0; i < BPF_MEMWORDS; i++)
		code[i] = (struct bpf_insn){ .code = BPF_ST, .k = i };
	for (; i + 1 < nr; i++)
		code[i] = random_insn(nr - i - 1);
	code[i] = (struct bpf_insn){ .code = BPF_RET | (below(4) ? 0x10 : BPF_K), .k = below(2) };
	return nr;
}

static void set_program(const struct bpf_insn *code, __u32 nr, enum trace_frame frame)
{
	memset((void *)filter_code, 0xff, sizeof(filter_code));
	filter_insns[!frame] = 0;
	filter_insns[frame] = nr;
	for (__u32 i = 0; i < nr; i++)
		filter_code[frame * TRACE_FILTER_INSNS + i] =
			(struct trace_insn){ code[i].code, code[i].jt, code[i].jf, code[i].k };
}

/* As at a device that sends or receives, or before there is one. */
static struct sk_buff make_packet(enum trace_frame frame, __u32 bytes, __u32 len)
{
	bool received = frame == TRACE_FRAMED && bytes >= ETH_HLEN && below(2);
	struct sk_buff skb = { .head = head, .data = head + HEADROOM, .tail = HEADROOM + bytes, .len = len };

	for (size_t i = 0; i < sizeof(head); i++)
		head[i] = below(8) ? below(256) : 0;
	skb.mac_header = frame == TRACE_FRAMED ? HEADROOM : NO_HEADER;
	skb.data += received ? ETH_HLEN : 0;
	skb.len -= received ? ETH_HLEN : 0;
	return skb;
}

static void same_as_libpcap(void)
{
	int accepted = 0, wrong = 0;

	srandom(1);
	for (int i = 0; i < ROUNDS && wrong < 5; i++) {
		enum trace_frame frame = below(2);
		__u32 bytes = below(MOST_BYTES), len = bytes + below(3) * 50, nr;
		struct sk_buff skb = make_packet(frame, bytes, len);
		struct bpf_insn code[BPF_MEMWORDS + 48];
		int ours, theirs;

		nr = make_program(code);
		set_program(code, nr, frame);
		theirs = reference(code, head + HEADROOM, len, bytes) != 0;
		ours = filter(&skb, frame == TRACE_FRAMED);
		accepted += theirs;
		wrong += !ASSERT_EQ(ours, theirs, "verdict");
	}
	ASSERT_GE(accepted, ROUNDS / 10, "that are accepted");
	ASSERT_GE(ROUNDS - accepted, ROUNDS / 10, "that are not");
}

/* A program for frames alone leaves a packet that has none undecided. */
static void other_frames_are_not_decided(void)
{
	struct bpf_insn all = { .code = BPF_RET | BPF_K, .k = 1 };
	struct sk_buff framed = make_packet(TRACE_FRAMED, 60, 60), bare = make_packet(TRACE_BARE, 60, 60);

	set_program(&all, 1, TRACE_FRAMED);
	ASSERT_EQ(filter(&framed, true), 1, "a frame");
	ASSERT_EQ(filter(&bare, true), -1, "none yet");
	ASSERT_EQ(filter(&framed, false), -1, "of another link");
	set_program(&all, 1, TRACE_BARE);
	ASSERT_EQ(filter(&framed, false), 1, "of another link, with a program");
}

int main(int argc, char **argv)
{
	void *library = dlopen("libpcap.so.0.8", RTLD_NOW);

	library = library ? library : dlopen("libpcap.so.1", RTLD_NOW);
	reference = library ? dlsym(library, "bpf_filter") : NULL;
	TEST_CASE(other_frames_are_not_decided);
	if (reference)
		TEST_CASE(same_as_libpcap);
	else
		printf("SKIP same_as_libpcap: no libpcap (Debian: libpcap0.8)\n");
	return TEST_EXIT();
}
#else
int main(void)
{
	printf("SKIP filter: built without libpcap's headers (Debian: libpcap-dev)\n");
	return 0;
}
#endif
