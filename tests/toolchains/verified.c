// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Binds and loads an object as a C program does, and prints for each of its programs how many
 * instructions the verifier has gone through, or "-" where this kernel has refused fentry:
 *
 *	verified OBJECT BPFFS-DIRECTORY
 *
 * What libbpf and the verifier say of a failure is on stderr.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <skbext/skbext.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", what, strerror(errno), why);
	return 1;
}

static bool is_fentry(const struct bpf_program *prog)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(prog);

	return type == BPF_TRACE_FENTRY || type == BPF_TRACE_FEXIT;
}

static int print_verified(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (!bpf_program__autoload(prog))
		return printf("%s -\n", bpf_program__name(prog)) < 0;
	if (bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return failed(bpf_program__name(prog), "no info");
	printf("%s %u\n", bpf_program__name(prog), info.verified_insns);
	return 0;
}

static int load(struct bpf_object *obj, const char *dir, bool fentry)
{
	struct bpf_program *prog;
	int err = skbext_bind(obj, dir);

	if (err)
		return failed("bind", skbext_errmsg()), err;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, fentry || !is_fentry(prog));
	return bpf_object__load(obj);
}

int main(int argc, char **argv)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	int err;

	if (argc != 3)
		return fprintf(stderr, "usage: %s OBJECT DIRECTORY\n", argv[0]), 2;
	obj = bpf_object__open(argv[1]);
	if (!obj)
		return failed("open", argv[1]);
	err = load(obj, argv[2], true);
	if (err == -EPERM) {
		bpf_object__close(obj);
		obj = bpf_object__open(argv[1]);
		err = obj ? load(obj, argv[2], false) : -EPERM;
	}
	if (err)
		return failed("load", argv[1]);
	bpf_object__for_each_program(prog, obj)
		err |= print_verified(prog);
	bpf_object__close(obj);
	return err;
}
