// SPDX-License-Identifier: GPL-2.0-only
/*
 * add, find, del and purge for user space, as programs that it runs (BPF_PROG_RUN): a process that
 * is killed in the middle cannot leave a record half made or half ended, and user space needs no
 * code of its own that changes the store.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include "request.h"

struct skbext_request request SEC(".data.request");

static __always_inline __u64 *payload_word(struct skbext_object *obj, __u32 i)
{
	__u64 at = (__u64)request.offset + i * 8;

	__skbext_opaque(at);
	return at <= SKBEXT_ROOM - 8 ? (__u64 *)(obj->payload + at) : (__u64 *)0;
}

/* Global, so that the verifier looks at the loops once. */
__attribute__((noinline)) int copy_in(__u32 object)
{
	struct skbext_object *obj = skbext_object(object);

	for (__u32 i = 0; obj && i < SKBEXT_ROOM / 8 && i * 8 < request.size; i++) {
		__u64 *word = payload_word(obj, i);

		if (word)
			*word = request.data[i];
	}
	return 0;
}

__attribute__((noinline)) int copy_out(__u32 object)
{
	struct skbext_object *obj = skbext_object(object);

	for (__u32 i = 0; obj && i < SKBEXT_ROOM / 8 && i * 8 < request.size; i++) {
		__u64 *word = payload_word(obj, i);

		if (word)
			request.data[i] = *word;
	}
	return 0;
}

static __always_inline int do_add(__u64 h)
{
	int object = skbext_store_add_any(h, request.active, request.offset, request.size);

	if (object < 0)
		return -1;
	copy_in(object);
	return 1;
}

static __always_inline int do_find(__u64 h)
{
	int object = skbext_store_find_any(h, request.active);

	if (object < 0)
		return 0;
	copy_out(object);
	/*
	 * Not the owner: the record may have ended, and its object be another's,
	 * while it was copied.
	 */
	return skbext_store_find_any(h, request.active) == object;
}

static __noinline long purge_slot(__u32 i, void *unused)
{
	__u32 slot = request.first + i;

	if (request.op == SKBEXT_OP_DOOM)
		request.result += skbext_store_doom(slot, request.generation);
	else
		request.result += skbext_store_end_doomed(slot, request.generation);
	return 0;
}

/* Nobody may have looked since the last miss. When a hook is gone, all are distrusted. */
static __always_inline __u32 look(void)
{
	__u64 watch;

	skbext_look();
	watch = *(volatile __u64 *)&SKBEXT_STATE->watch;
	return (watch >> 32) + !!(watch & SKBEXT_WATCH_DEAD);
}

SEC("syscall")
int op(void *ctx)
{
	__u64 h = skbext_hash(request.skb - __skbext_ctl.base);

	switch (request.op) {
	case SKBEXT_OP_ADD:
		request.result = do_add(h);
		break;
	case SKBEXT_OP_FIND:
		request.result = do_find(h);
		break;
	case SKBEXT_OP_DEL:
		request.result = skbext_store_del_other(h, request.active);
		break;
	case SKBEXT_OP_LOOK:
		request.generation = look();
		break;
	case SKBEXT_OP_DOOM:
	case SKBEXT_OP_END_DOOMED:
		bpf_loop(request.slots, purge_slot, NULL, 0);
		break;
	}
	return 0;
}

static __always_inline __u64 number(const volatile void *pointer)
{
	__u64 n;

	asm volatile("%0 = %1" : "=r"(n) : "r"(pointer));
	return n;
}

/*
 * Once, at load: where the maps are, for addresses that are not pointers to the verifier,
 * and for tracers.
 */
SEC("syscall")
int init(void *ctx)
{
	__skbext_ctl.base = number(SKBEXT_SLOTS);
	__skbext_ctl.address = number(&__skbext_ctl);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
