/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * skbext trace FILTER: a program of classic BPF, as libpcap compiles it, run on what a device sees of a
 * packet. Interpreted here, because programs of these types cannot be given another that the kernel
 * would translate. Of the packet it sees the first, linear part, which has the headers; what looks
 * behind that does not match, as behind the end.
 */
#ifndef FILTER_BPF_H
#define FILTER_BPF_H

#include <linux/bpf_common.h>

/* What <linux/filter.h> has as well, which does not go with vmlinux.h. */
#define BPF_MEMWORDS		16
#define BPF_RVAL(code)		((code) & 0x18)
#define BPF_A			0x10
#define BPF_MISCOP(code)	((code) & 0xf8)
#define BPF_TAX			0x00

#define NO_HEADER	0xffff		/* mac_header that nobody has set */
#define ETH_HLEN	14

/* Set by user space before load: for both kinds of frames; none of a kind has no instructions. */
const volatile bool filtered;
const volatile __u32 filter_insns[TRACE_FRAMES];
const volatile struct trace_insn filter_code[TRACE_FRAMES * TRACE_FILTER_INSNS];

struct machine {
	__u64 data;		/* address of the packet's first byte */
	__u32 bytes;		/* that can be read */
	__u32 len;		/* that the packet has */
	__u32 pc, a, x;
	__u32 result;
	__u32 memory[BPF_MEMWORDS];
};

/*
 * How each begins. In memory that may change, so that the verifier takes nothing in it for known: up to
 * 6.6 it follows a loop's first turn alone, and removes what that one does not reach.
 */
__u64 machine_at_start[sizeof(struct machine) / sizeof(__u64)];

/* 0, or what ends the program: a byte that is not there. */
static __always_inline long load_bytes(struct machine *m, __u32 offset, __u32 size, __u32 *value)
{
	__u8 b[4] = {};

	if (offset > m->bytes || size > m->bytes - offset)
		return 1;
	if (bpf_probe_read_kernel(b, sizeof(b), (void *)(m->data + offset)))
		return 1;
	if (size == 4)
		*value = b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
	else
		*value = size == 2 ? b[0] << 8 | b[1] : b[0];
	return 0;
}

static __always_inline __u32 size_of(__u16 code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static __always_inline long do_load(struct machine *m, __u16 code, __u32 k, __u32 *to)
{
	long end = 0;

	switch (BPF_MODE(code)) {
	case BPF_IMM:
		*to = k;
		break;
	case BPF_LEN:
		*to = m->len;
		break;
	case BPF_MEM:
		*to = m->memory[k & (BPF_MEMWORDS - 1)];
		break;
	case BPF_MSH:
		end = load_bytes(m, k, 1, to);
		*to = (*to & 15) << 2;
		break;
	case BPF_IND:
		k += m->x;
		if (k < m->x)
			return 1;
		/* fallthrough */
	default:
		end = load_bytes(m, k, size_of(code), to);
	}
	return end;
}

static __always_inline long do_alu(struct machine *m, __u16 code, __u32 by)
{
	switch (BPF_OP(code)) {
	case BPF_ADD: m->a += by; break;
	case BPF_SUB: m->a -= by; break;
	case BPF_MUL: m->a *= by; break;
	case BPF_OR: m->a |= by; break;
	case BPF_AND: m->a &= by; break;
	case BPF_XOR: m->a ^= by; break;
	case BPF_LSH: m->a = by < 32 ? m->a << by : 0; break;
	case BPF_RSH: m->a = by < 32 ? m->a >> by : 0; break;
	case BPF_NEG: m->a = -m->a; break;
	default:
		if (!by)
			return 1;
		m->a = BPF_OP(code) == BPF_DIV ? m->a / by : m->a % by;
	}
	return 0;
}

static __always_inline bool holds(const struct machine *m, __u16 code, __u32 with)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ: return m->a == with;
	case BPF_JGT: return m->a > with;
	case BPF_JGE: return m->a >= with;
	default: return m->a & with;	/* BPF_JSET */
	}
}

/* One instruction; 1: the program has ended. */
static long run_insn(__u32 turn, struct machine *m)
{
	__u32 pc = m->pc, code, k, with;

	if (pc >= TRACE_FRAMES * TRACE_FILTER_INSNS)
		return 1;
	code = filter_code[pc].code;
	k = filter_code[pc].k;
	with = BPF_SRC(code) == BPF_X ? m->x : k;
	m->pc = pc + 1;
	switch (BPF_CLASS(code)) {
	case BPF_LD:
		return do_load(m, code, k, &m->a);
	case BPF_LDX:
		return do_load(m, code, k, &m->x);
	case BPF_ST:
		m->memory[k & (BPF_MEMWORDS - 1)] = m->a;
		return 0;
	case BPF_STX:
		m->memory[k & (BPF_MEMWORDS - 1)] = m->x;
		return 0;
	case BPF_ALU:
		return do_alu(m, code, with);
	case BPF_JMP:
		if (BPF_OP(code) == BPF_JA)
			m->pc += k;
		else
			m->pc += holds(m, code, with) ? filter_code[pc].jump_true : filter_code[pc].jump_false;
		return 0;
	case BPF_RET:
		m->result = BPF_RVAL(code) == BPF_A ? m->a : k;
		return 1;
	default:	/* BPF_MISC */
		if (BPF_MISCOP(code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		return 0;
	}
}

/*
 * At a device, data is at the frame's header or right behind it; without one at that of IP. 1: accepted,
 * 0: not, -1: not to be told from a packet that has no Ethernet header.
 */
static __always_inline int filter(const struct sk_buff *skb, bool ethernet)
{
	__u64 head = (__u64)skb->head;
	__u32 mac = skb->mac_header, start = (__u64)skb->data - head;
	bool framed = ethernet && mac != NO_HEADER && (start == mac || start == mac + ETH_HLEN);
	struct machine m;

	__builtin_memcpy(&m, machine_at_start, sizeof(m));
	m.pc += framed ? 0 : TRACE_FILTER_INSNS;
	if (!filter_insns[framed ? TRACE_FRAMED : TRACE_BARE])
		return -1;
	m.len = skb->len + start - (framed ? mac : start);
	start = framed ? mac : start;
	m.bytes = skb->tail - start;
	m.data = head + start;
	bpf_loop(TRACE_FILTER_INSNS, run_insn, &m, 0);
	return m.result != 0;
}

#endif /* FILTER_BPF_H */
