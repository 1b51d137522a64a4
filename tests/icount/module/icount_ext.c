// SPDX-License-Identifier: GPL-2.0-only
/*
 * scripts/icount: the kernel's own extension as the rival. Each packet gets 16 bytes of
 * SKB_EXT_BRIDGE_NF where it is queued to a device, and they are looked for where it is received.
 * With tagged=0 the probes are empty; the difference is what add, find and the extension's end cost.
 *
 * tests/icount/module/build compiles this without kbuild's programs, which need a newer libc than
 * the oldest build machine has. So the end of this file is what modpost would have written. Without
 * objtool nothing patches a jump label here: use no static branch.
 */
#define INCLUDE_VERMAGIC
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <linux/vermagic.h>

struct note {
	u64 stamp, id;
};

static struct tracepoint *queued, *received;
static unsigned long found;
static int tagged;
module_param(tagged, int, 0444);
module_param(found, ulong, 0444);

static void empty(void *data, struct sk_buff *skb)
{
}

static void write_note(void *data, struct sk_buff *skb)
{
	struct note *n = skb_ext_add(skb, SKB_EXT_BRIDGE_NF);

	if (n)
		n->stamp = n->id = 7;
}

static void read_note(void *data, struct sk_buff *skb)
{
	const struct note *n = skb_ext_find(skb, SKB_EXT_BRIDGE_NF);

	if (n && n->stamp == 7 && n->id == 7)
		found++;
}

static void look(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "net_dev_queue"))
		queued = tp;
	else if (!strcmp(tp->name, "netif_receive_skb"))
		received = tp;
}

static void detach(void)
{
	tracepoint_probe_unregister(queued, tagged ? write_note : empty, NULL);
	tracepoint_probe_unregister(received, tagged ? read_note : empty, NULL);
	tracepoint_synchronize_unregister();
}

static int __init attach(void)
{
	int err;

	for_each_kernel_tracepoint(look, NULL);
	if (!queued || !received)
		return -ENOENT;
	err = tracepoint_probe_register(queued, tagged ? write_note : empty, NULL) ?:
	      tracepoint_probe_register(received, tagged ? read_note : empty, NULL);
	if (err)
		detach();
	return err;
}

module_init(attach);
module_exit(detach);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("skb_ext_add() and skb_ext_find() on each packet");

MODULE_INFO(vermagic, VERMAGIC_STRING);
MODULE_INFO(name, KBUILD_MODNAME);
MODULE_INFO(retpoline, "Y");	/* it has no indirect branch */
__visible struct module __this_module __section(".gnu.linkonce.this_module") = {
	.name = KBUILD_MODNAME,
	.init = init_module,
	.exit = cleanup_module,
	.arch = MODULE_ARCH_INIT,
};
