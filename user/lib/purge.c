// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Walks over all records: the end of those that no hook will end, since their release was
 * missed (skbext_store_doom() says how, and why no record that its packet could still find goes
 * with them), and the end of a type in all of them.
 */
#include "internal.h"
#include "../../bpf/request.h"

#define STRIP_ROUNDS	16
#define AT_ONCE	(1U << 16)	/* slots: not every kernel lets other tasks run in between */

/* Returns how many records, or an error. types: to strip; generation: to purge. */
static long all_slots(struct skbext *sk, enum skbext_op op, __u8 types, __u32 generation)
{
	__u32 slots = sk->ctl->buckets * SKBEXT_BUCKET_SLOTS;
	long records = 0;

	for (__u32 first = 0; first < slots; first += AT_ONCE) {
		struct skbext_request rq = {
			.op = op, .active = types, .generation = generation, .first = first,
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
	doomed = all_slots(sk, SKBEXT_OP_DOOM, 0, rq.generation);
	if (doomed <= 0)
		return doomed;
	err = grace();
	return err ?: all_slots(sk, SKBEXT_OP_END_DOOMED, 0, rq.generation);
}

/*
 * A record may go from a slot that is yet to be seen to one that was, when a packet is cloned or
 * its owner unshares it. So it looks until there is none, and no longer than that takes in earnest:
 * what is left nobody finds.
 */
static int strip(struct skbext *sk, void *arg)
{
	const __u8 *types = arg;
	long n = 1, ended = 0;

	for (int i = 0; n > 0 && ended >= 0 && i < STRIP_ROUNDS; i++) {
		n = all_slots(sk, SKBEXT_OP_STRIP, *types, 0);
		n = n < 0 ? n : grace() ?: n;
		if (n > 0)
			ended = all_slots(sk, SKBEXT_OP_END_STRIPPED, 0, 0);
	}
	return n < 0 ? n : ended < 0 ? ended : 0;
}

int records_strip(struct skbext *sk, __u8 types)
{
	return ops_meddle(sk, strip, &types);
}

int skbext_purge(struct skbext *sk, __u64 *ended)
{
	int lock, err = need_loaded(sk) ?: lock_pinned(sk, &lock);
	long n;

	if (err)
		return err;
	n = purge(sk);
	unlock(lock);
	if (n < 0)
		return n;
	if (ended)
		*ended = n;
	return 0;
}
