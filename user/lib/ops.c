// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* add, find and del by address: requests to the programs of bpf/ops.bpf.c. */
#include "internal.h"
#include "../../bpf/request.h"
#include "ops.skel.h"

static int run(int prog_fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : 0;
}

int ops_load(struct skbext *sk)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "skbext_ops");
	size_t size;
	const void *elf = ops__elf_bytes(&size);
	int err;

	sk->ops = bpf_object__open_mem(elf, size, &opts);
	err = sk->ops ? maps_bind(sk->ops, sk->map, sk->ctl) : -errno;
	err = err ?: bpf_object__load(sk->ops);
	err = err ?: run(bpf_program__fd(bpf_object__find_program_by_name(sk->ops, "init")));
	libbpf_set_print(print);
	if (err)
		return fail(err, "loading BPF programs: %s", why_bpf(err));
	sk->prog_op = dup(bpf_program__fd(bpf_object__find_program_by_name(sk->ops, "op")));
	return sk->prog_op < 0 ? fail(-errno, "out of file descriptors; raise `ulimit -n`") : 0;
}

/*
 * The upper half of the address space, of 57 bits at most;
 * sk_buffs are aligned to a pointer at least.
 */
static int check_address(__u64 skb)
{
	if (skb >> 56 != 0xff)
		return fail(-EFAULT, "0x%llx is no kernel address; give that of a struct sk_buff",
			    skb);
	if (skb % 8)
		return fail(-EFAULT,
			"0x%llx is not aligned to 8 bytes as an sk_buff is; give its exact address",
			skb);
	return 0;
}

/* Owners change their records as if they were alone with them until they see this. */
static int end_solitude(struct skbext *sk)
{
	int err;

	if (sk->state->by_address)
		return 0;
	__atomic_store_n(&sk->state->by_address, 1, __ATOMIC_SEQ_CST);
	err = grace();
	if (err)
		sk->state->by_address = 0;
	return err;
}

/* One request at a time per skbext: its caller has the lock on its directory. */
int ops_request(struct skbext *sk, struct skbext_request *rq)
{
	__u32 zero = 0;
	int err;

	err = bpf_map_update_elem(sk->map[MAP_REQUEST], &zero, rq, BPF_ANY) ?
	      -errno : run(sk->prog_op);
	if (!err && bpf_map_lookup_elem(sk->map[MAP_REQUEST], &zero, rq))
		err = -errno;
	return err ? fail(err, "running the program %s/op: %s; `skbext unload` and load again",
			  sk->dir, strerror(-err)) : 0;
}

static int request(struct skbext *sk, struct skbext_request *rq)
{
	int lock = sk->pinned ? dir_lock(sk->dir) : -1;
	int err = sk->pinned && lock < 0 ? lock : 0;

	if (!err && rq->op != SKBEXT_OP_FIND)
		err = end_solitude(sk);
	err = err ?: ops_request(sk, rq);
	if (lock >= 0)
		close(lock);
	return err;
}

static int prepare(struct skbext *sk, struct skbext_request *rq, enum skbext_op op, __u64 skb,
		   const char *type)
{
	int err = sk->ctl ? check_address(skb) :
			    fail(-EINVAL, "this skbext is not loaded; call skbext_load() first");
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
	if (rq.active & sk->ctl->counted)
		return fail(-EOPNOTSUPP,
			    "type %s counts references, which only a BPF program can take; "
			    "use skbext_ref() in one",
			    type);
	memcpy(rq.data, data, len);
	err = request(sk, &rq);
	if (!err && rq.result < 0)
		err = fail(-ENOSPC, "no room for another record; delete some, or unload and load with a larger --capacity");
	return err;
}

int skbext_find(struct skbext *sk, __u64 skb, const char *type, void *buf, size_t len)
{
	struct skbext_request rq;
	int err = prepare(sk, &rq, SKBEXT_OP_FIND, skb, type) ?: request(sk, &rq);

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
	int err = check_address(skb), found = 0;

	if (err)
		return err;
	if (type) {
		err = prepare(sk, &rq, SKBEXT_OP_DEL, skb, type) ?: request(sk, &rq);
		return err ?: rq.result ? 0 : inactive(skb, type);
	}
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		if (!sk->ctl->types[i].name[0])
			continue;
		err = prepare(sk, &rq, SKBEXT_OP_DEL, skb, sk->ctl->types[i].name) ?:
		      request(sk, &rq);
		if (err)
			return err;
		found |= rq.result;
	}
	return found ? 0 : inactive(skb, "extension");
}
