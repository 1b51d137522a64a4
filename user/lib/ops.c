// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests to the programs of bpf/ops.bpf.c. */
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
	struct bpf_program *init;
	int err;

	sk->ops = bpf_object__open_mem(elf, size, &opts);
	err = sk->ops ? maps_bind(sk->ops, sk->map, sk->ctl) : -errno;
	err = err ?: bpf_object__load(sk->ops);
	init = err ? NULL : bpf_object__find_program_by_name(sk->ops, "skbext_init");
	err = err ?: run(bpf_program__fd(init));
	libbpf_set_print(print);
	/* Once is enough, and it holds the maps as bound programs do. */
	if (init)
		bpf_program__unload(init);
	if (err)
		return fail(err, "loading BPF programs: %s", why_load(err));
	sk->prog_op = dup(bpf_program__fd(bpf_object__find_program_by_name(sk->ops, "skbext_op")));
	if (sk->prog_op < 0)
		return fail(-errno, "loading BPF programs: %s", why_bpf(-errno));
	return 0;
}

/* One request at a time per skbext: its caller has the lock on its directory. */
int ops_request(struct skbext *sk, struct skbext_request *rq)
{
	int op = sk->pinned ? pin_get_op(sk) : dup(sk->prog_op), err;
	__u32 zero = 0;

	if (op < 0)
		return sk->pinned ? op : fail(-errno, "running the program op: %s", why_bpf(-errno));
	err = bpf_map_update_elem(sk->map[MAP_REQUEST], &zero, rq, BPF_ANY) ? -errno : run(op);
	close(op);
	if (!err && bpf_map_lookup_elem(sk->map[MAP_REQUEST], &zero, rq))
		err = -errno;
	return err ? fail(err, "running the program %s/op: %s; `skbext unload` and load again",
			  sk->dir, strerror(-err)) : 0;
}

/*
 * Owners change their records as if they were alone with them until they see by_address, which
 * slows them down: it is set as long as a request takes.
 */
int ops_meddle(struct skbext *sk, int (*request)(struct skbext *sk, void *arg), void *arg)
{
	int err;

	__atomic_store_n(&sk->state->by_address, 1, __ATOMIC_SEQ_CST);
	err = grace() ?: request(sk, arg);
	__atomic_store_n(&sk->state->by_address, 0, __ATOMIC_SEQ_CST);
	return err;
}
