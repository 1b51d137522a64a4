// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The end of records that no hook will end, since their release was missed: skbext_store_doom()
 * says how, and why no record that its packet could still find goes with them.
 */
#include "internal.h"
#include "../../bpf/request.h"

#define AT_ONCE	(1U << 16)	/* slots: not every kernel lets other tasks run in between */

/* Returns how many records, or an error. */
static long all_slots(struct skbext *sk, enum skbext_op op, __u32 generation)
{
	__u32 slots = sk->ctl->buckets * SKBEXT_BUCKET_SLOTS;
	long records = 0;

	for (__u32 first = 0; first < slots; first += AT_ONCE) {
		struct skbext_request rq = {
			.op = op, .generation = generation, .first = first,
			.slots = slots - first < AT_ONCE ? slots - first : AT_ONCE,
		};
		int err = ops_request(sk, &rq);

		if (err)
			return err;
		records += rq.result;
	}
	return records;
}

static long purge(struct skbext *sk)
{
	struct skbext_request rq = { .op = SKBEXT_OP_LOOK };
	long doomed;
	int err;

	/* Left by a request that was killed. There is none now, and owners clear what is doomed. */
	__atomic_store_n(&sk->state->by_address, 0, __ATOMIC_SEQ_CST);
	err = ops_request(sk, &rq);
	if (err)
		return err;
	doomed = all_slots(sk, SKBEXT_OP_DOOM, rq.generation);
	if (doomed <= 0)
		return doomed;
	err = grace();
	return err ?: all_slots(sk, SKBEXT_OP_END_DOOMED, rq.generation);
}

int skbext_purge(struct skbext *sk, __u64 *ended)
{
	int lock = -1;
	long n;

	if (!sk->ctl)
		return fail(-EINVAL, "this skbext is not loaded; call skbext_load() first");
	if (sk->pinned) {
		lock = pin_lock(sk);
		if (lock < 0)
			return lock;
	}
	n = purge(sk);
	if (lock >= 0)
		close(lock);
	if (n < 0)
		return n;
	if (ended)
		*ended = n;
	return 0;
}
