// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* add, find and del by address: skbext_add(), skbext_find() and skbext_del(). */
#include "internal.h"
#include "../../bpf/request.h"

#define SKBEXT_STEPS		1000		/* of one request */
#define SKBEXT_ALL_TYPES	((1U << SKBEXT_MAX_TYPES) - 1)

/*
 * The upper half of the address space, of 57 bits at most;
 * sk_buffs are aligned to a pointer at least.
 */
static int check_address(__u64 skb)
{
	if (skb >> 56 != 0xff)
		return fail(-EFAULT, "0x%llx is not a kernel address; give that of a struct sk_buff",
			    skb);
	if (skb % 8)
		return fail(-EFAULT,
			"0x%llx is not aligned to 8 bytes as an sk_buff is; give its exact address",
			skb);
	return 0;
}

/*
 * add and del take steps, with a grace period between them: include/skbext/store/outside.h. Each
 * says what the next one is, and for which slot.
 */
static int do_steps(struct skbext *sk, void *arg)
{
	struct skbext_request *rq = arg;
	const __u32 whole = rq->op;

	for (int i = 0; i < SKBEXT_STEPS; i++) {
		__u32 step = rq->op;
		int err = ops_request(sk, rq);

		if (!err && rq->result >= 0) {
			rq->slot = rq->result;
			err = grace();
		} else if (!err) {
			/* The record in the way of an add has ended. */
			if (rq->result != SKBEXT_AGAIN &&
			    (whole != SKBEXT_OP_ADD || step != SKBEXT_OP_END_TAKEN))
				return 0;
			rq->again |= rq->result == SKBEXT_AGAIN;
			rq->op = whole;
		}
		if (err)
			return err;
	}
	return fail(-EBUSY, "the owner of skb 0x%llx changes its record all the while; try again",
		    rq->skb);
}

/* Before this process had the lock, another one may have removed the type. */
static int is_still(struct skbext *sk, const struct skbext_request *rq, const char *type)
{
	int id = skbext_type_find(sk, type);

	if (id < 0)
		return id;
	if (rq->active != 1U << id || rq->offset != sk->ctl->types[id].offset ||
	    rq->size != sk->ctl->types[id].size)
		return fail(-ESTALE, "type %s was removed meanwhile, and is another one now; try again",
			    type);
	if (rq->op == SKBEXT_OP_ADD)
		types_use(sk, 1U << id);
	return 0;
}

static int request(struct skbext *sk, struct skbext_request *rq, const char *type)
{
	int lock, err = lock_pinned(sk, &lock);

	if (!err && type)
		err = is_still(sk, rq, type);
	if (!err)
		err = rq->op == SKBEXT_OP_FIND ? ops_request(sk, rq) : ops_meddle(sk, do_steps, rq);
	unlock(lock);
	return err;
}

static int check(const struct skbext *sk, __u64 skb)
{
	return need_loaded(sk) ?: check_address(skb);
}

static int prepare(struct skbext *sk, struct skbext_request *rq, enum skbext_op op, __u64 skb,
		   const char *type)
{
	int err = check(sk, skb);
	int id = err ? err : skbext_type_find(sk, type);

	if (id < 0)
		return id;
	*rq = (struct skbext_request) {
		.op = op, .skb = skb, .active = 1U << id,
		.offset = sk->ctl->types[id].offset, .size = sk->ctl->types[id].size,
	};
	return 0;
}

static int inactive(__u64 skb, const char *type)
{
	return fail(-ENODATA, "skb 0x%llx has no %s; `skbext dump` lists what there is", skb, type);
}

int skbext_add(struct skbext *sk, __u64 skb, const char *type, const void *data, size_t len)
{
	struct skbext_request rq;
	int err = prepare(sk, &rq, SKBEXT_OP_ADD, skb, type);

	if (err)
		return err;
	if (len > rq.size)
		return fail(-E2BIG,
			    "%zu bytes are more than the %u of type %s; give no more than that",
			    len, rq.size, type);
	if (rq.active & sk->state->counted)
		return fail(-EOPNOTSUPP,
			    "type %s counts references, which only a BPF program can take; "
			    "use skbext_ref() in one",
			    type);
	memcpy(rq.data, data, len);
	err = request(sk, &rq, type);
	if (err || rq.result == SKBEXT_DONE)
		return err;
	if (rq.result == SKBEXT_SHARES)
		return fail(-EBUSY, "skb 0x%llx shares its payloads with clones; only a BPF program that owns it can unshare them, by skbext_add()",
			    skb);
	if (rq.result == SKBEXT_GONE)
		return fail(-ENOENT, "skb 0x%llx ended meanwhile; add only while it is held", skb);
	if (rq.result == SKBEXT_MAXED)
		return fail(-ENOSPC, "type %s has as many records as its max allows; delete some, or unload and load with a larger max",
			    type);
	return store_stopped(sk) ?:
	       fail(-ENOSPC, "no room for another record; delete some, or unload and load with a larger --capacity");
}

int skbext_find(struct skbext *sk, __u64 skb, const char *type, void *buf, size_t len)
{
	struct skbext_request rq;
	int err = prepare(sk, &rq, SKBEXT_OP_FIND, skb, type) ?: request(sk, &rq, type);

	if (err)
		return err;
	if (!rq.result)
		return inactive(skb, type);
	memcpy(buf, rq.data, len < rq.size ? len : rq.size);
	return rq.size;
}

int skbext_del(struct skbext *sk, __u64 skb, const char *type)
{
	struct skbext_request rq;
	int err;

	if (type) {
		err = prepare(sk, &rq, SKBEXT_OP_DEL, skb, type);
	} else {
		rq = (struct skbext_request) {
			.op = SKBEXT_OP_DEL, .skb = skb, .active = SKBEXT_ALL_TYPES,
		};
		err = check(sk, skb);
	}
	err = err ?: request(sk, &rq, type);
	return err ?: rq.result == SKBEXT_DONE ? 0 : inactive(skb, type ?: "extension");
}
