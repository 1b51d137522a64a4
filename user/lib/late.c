// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Adds behind a packet's release. Nothing would end such a record before the kernel hands the
 * sk_buff to the next packet, and nothing in an sk_buff tells that it was released: skb->users may
 * still be 1. So it is refused where it can be told: when a program that adds is bound for such a
 * place.
 */
#include "internal.h"
#include "bind.h"

/*
 * tp_btf/consume_skb among them: __consume_stateless_skb(), the end of UDP datagrams up to 6.17,
 * has no other function in front of that tracepoint than itself, and is where the release is.
 * skb_release_data() is also called for packets that live on (pskb_expand_head()), but not for
 * these alone.
 */
static const char *const late[] = {
	"tp_btf/consume_skb",
	"fexit/skb_release_head_state",
	"fentry/skb_release_data", "fexit/skb_release_data",
	"fentry/kfree_skbmem", "fexit/kfree_skbmem",
	"fentry/napi_skb_cache_put", "fexit/napi_skb_cache_put",
	"fexit/__kfree_skb", "fexit/kfree_skb_reason", "fexit/sk_skb_reason_drop",
	"fexit/kfree_skb_partial", "fexit/kfree_skb_list_reason",
	"fexit/consume_skb", "fexit/__consume_stateless_skb", "fexit/skb_consume_udp",
	"fexit/napi_consume_skb", "fexit/napi_skb_free_stolen_head", "fexit/skb_attempt_defer_free",
};

static bool is_late(const struct bpf_program *prog)
{
	const char *section = bpf_program__section_name(prog);

	for (size_t i = 0; i < ARRAY_SIZE(late); i++)
		if (!strcmp(section, late[i]))
			return true;
	return false;
}

/*
 * skbext_add(), skbext_ref() and skbext_copy() of skbext.bpf.h leave a mark
 * where they are compiled to.
 */
static bool adds(const struct bpf_program *prog)
{
	const struct bpf_insn *insn = bpf_program__insns(prog);

	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++)
		if (insn[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) && insn[i].imm == SKBEXT_ADD_MARK)
			return true;
	return false;
}

int bind_check_adds(const struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
		if (bpf_program__autoload(prog) && is_late(prog) && adds(prog))
			return fail(-EINVAL, "program %s adds at %s, behind the packet's end, and the next packet would find it; find there, and add earlier",
				    bpf_program__name(prog), bpf_program__section_name(prog));
	return 0;
}
