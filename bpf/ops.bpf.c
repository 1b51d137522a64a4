// SPDX-License-Identifier: GPL-2.0-only
/*
 * add, find, del, purge and the removal of types for user space, as programs that it runs
 * (BPF_PROG_RUN): a process that is killed in the middle cannot leave a record half made or half
 * ended, and user space needs no code of its own that changes the store.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
#include <skbext/store/outside.h>
#include "request.h"

struct skbext_request request SEC(".data.request");

static __always_inline __u64 *payload_word(struct skbext_object *obj, __u32 i)
{
	__u64 at = (__u64)request.offset + i * 8;

	barrier_var(at);
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

/* One that is trusted a step later; its number. */
static __always_inline int add_new(__u64 h)
{
	int slot = __skbext_read(&SKBEXT_STATE->watch) & SKBEXT_WATCH_DEAD ?
		   SKBEXT_NONE : skbext_store_reserve(h, request.active);

	if (slot < 0) {
		__skbext_count_refused(slot, request.active);
		return slot;
	}
	copy_in(slot);
	skbext_store_publish(slot, h, request.active);
	return slot;
}

static __always_inline int add_to(__u32 slot, __u64 h)
{
	int ret = skbext_store_hold(slot, h);

	if (ret != SKBEXT_DONE)
		return ret;
	copy_in(slot);
	ret = skbext_store_activate(slot, h, request.active);
	if (!ret)
		skbext_count(SKBEXT_STAT_ADDS_MORE);
	else if (ret == SKBEXT_MAXED)
		__skbext_count_refused(ret, request.active);
	__skbext_put(slot);
	return ret ?: SKBEXT_DONE;
}

static __always_inline int do_add(__u64 h)
{
	int slot = skbext_store_slot(h), ret;

	request.op = SKBEXT_OP_TRUST;
	if (slot < 0)
		return request.again ? SKBEXT_GONE : add_new(h);
	if (!__skbext_emptied(slot, h) && !skbext_store_distrusts(slot))
		return add_to(slot, h);
	/* A predecessor's, or what a process left that was killed: first it goes. */
	request.op = SKBEXT_OP_END_TAKEN;
	ret = skbext_store_take_from(slot, h, SKBEXT_W_ACTIVE);
	return ret == SKBEXT_NONE ? slot : ret;
}

static __always_inline int do_trust(__u64 h)
{
	request.op = SKBEXT_OP_END_TAKEN;
	return skbext_store_trust(request.slot, h);
}

static __always_inline int do_del(__u64 h)
{
	request.op = SKBEXT_OP_END_TAKEN;
	return skbext_store_take(h, request.active);
}

static __always_inline int do_find(__u64 h)
{
	int object = skbext_store_find_slow(h, request.active);

	if (object < 0)
		return 0;
	copy_out(object);
	/*
	 * Not the owner: the record may have ended, and its object be another's,
	 * while it was copied.
	 */
	return skbext_store_find_slow(h, request.active) == object;
}

static __noinline long strip_slot(__u32 i, void *unused)
{
	__u32 slot = request.first + i;

	if (request.op == SKBEXT_OP_STRIP)
		request.result += skbext_store_strip(slot, request.active);
	else
		request.result += skbext_store_end_stripped(slot);
	return 0;
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
int skbext_op(void *ctx)
{
	__u64 h = skbext_hash(request.skb - SKBEXT_STATE->base);

	switch (request.op) {
	case SKBEXT_OP_ADD:
		request.result = do_add(h);
		break;
	case SKBEXT_OP_FIND:
		request.result = do_find(h);
		break;
	case SKBEXT_OP_DEL:
		request.result = do_del(h);
		break;
	case SKBEXT_OP_TRUST:
		request.result = do_trust(h);
		break;
	case SKBEXT_OP_END_TAKEN:
		request.result = SKBEXT_DONE;
		skbext_store_end_taken(request.slot, h);
		break;
	case SKBEXT_OP_LOOK:
		request.generation = look();
		break;
	case SKBEXT_OP_DOOM:
	case SKBEXT_OP_END_DOOMED:
		bpf_loop(request.slots, purge_slot, NULL, 0);
		break;
	case SKBEXT_OP_STRIP:
	case SKBEXT_OP_END_STRIPPED:
		bpf_loop(request.slots, strip_slot, NULL, 0);
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
int skbext_init(void *ctx)
{
	SKBEXT_STATE->base = __skbext_ctl.base = number(SKBEXT_SLOTS);
	__skbext_ctl.address = number(&__skbext_ctl);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
