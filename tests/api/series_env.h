/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the cases of the kernel's series: one skbext for all of them, because loading is most of the
 * time in an emulated machine, and programs that are attached by what they are.
 */
#ifndef SERIES_ENV_H
#define SERIES_ENV_H

#include "api_env.h"
#include "api_route.h"

static struct skbext *series_sk;
static struct bpf_link *series_links[8];
static int series_nr_links;

static inline bool series_skip(const char *fmt, const char *what)
{
	snprintf(test_skip_why, sizeof(test_skip_why), fmt, what);
	return false;
}

__attribute__((format(printf, 1, 2))) static inline bool series_shell(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return ASSERT_EQ(system(command), 0, command);
}

/* ---- loading */

/* The probe of tracing programs is itself an fentry program. */
static inline bool series_has_type(const struct bpf_program *prog)
{
	enum bpf_prog_type type = bpf_program__type(prog);

	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
	       libbpf_probe_bpf_prog_type(type, NULL) != 0;
}

static inline bool series_choose(struct bpf_object *obj, const char *const *programs)
{
	struct bpf_program *prog;

	api_only(obj, programs);
	bpf_object__for_each_program(prog, obj)
		if (bpf_program__autoload(prog) && !series_has_type(prog))
			return series_skip("the kernel has no %s programs",
					   libbpf_bpf_prog_type_str(bpf_program__type(prog)));
	return true;
}

static inline bool series_uses_trampoline(const struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
		if (bpf_program__autoload(prog) &&
		    (bpf_program__type(prog) == BPF_PROG_TYPE_LSM ||
		     bpf_program__expected_attach_type(prog) == BPF_TRACE_FENTRY))
			return true;
	return false;
}

/* These programs alone, bound and loaded. NULL: test_skip_why or a failure says why. */
static inline struct api_seen *series_load(struct bpf_object **obj, const char *object,
					   const char *const *programs)
{
	int err;

	*obj = api_open(object);
	if (!*obj || !series_choose(*obj, programs) ||
	    !ASSERT_OK(skbext_bind(*obj, api_bpffs), skbext_errmsg()))
		return NULL;
	err = bpf_object__load(*obj);
	if (err == -EPERM && series_uses_trampoline(*obj)) {
		series_skip("fentry and LSM programs are refused here: %s", strerror(-err));
		return NULL;
	}
	return ASSERT_OK(err, object) ? api_seen(*obj) : NULL;
}
#define SERIES_LOAD(obj, object, ...)	\
	series_load(obj, object, (const char *const[]){ __VA_ARGS__, NULL })

/* ---- attaching */

static inline bool series_tc(struct bpf_object *obj, const char *name, const char *device,
			     enum bpf_tc_attach_point where)
{
	int lo = api_lo, err;

	api_lo = if_nametoindex(device);
	err = api_tc_attach(api_prog_fd(obj, name), where);
	api_lo = lo;
	return ASSERT_OK(err, name);
}

static inline bool series_keep(struct bpf_link *link, const char *what)
{
	if (!ASSERT_OK_PTR(link, what))
		return false;
	series_links[series_nr_links++] = link;
	return true;
}

static inline bool series_cgroup(struct bpf_program *prog)
{
	int fd = api_cgroup[0] ? open(api_cgroup, O_RDONLY | O_DIRECTORY) : -1;
	bool ok;

	if (fd < 0)
		return series_skip("no %s is to be had", "cgroup2");
	ok = series_keep(bpf_program__attach_cgroup(prog, fd), bpf_program__name(prog));
	close(fd);
	return ok;
}

static inline bool series_lwt(struct bpf_program *prog, int where)
{
	int err = api_route_bpf(API_LWT_ADDR, api_lo, where, bpf_program__fd(prog),
				bpf_program__name(prog));

	if (err == -EOPNOTSUPP)
		return series_skip("the kernel has no %s", "routes with a BPF tunnel");
	return ASSERT_OK(err, "route with a BPF tunnel");
}

/* Loads and never runs where the kernel was not told to ask BPF. */
static inline bool series_lsm(struct bpf_program *prog)
{
	char list[512] = "";
	FILE *f;

	mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
	f = fopen("/sys/kernel/security/lsm", "r");
	if (f && !fgets(list, sizeof(list), f))
		list[0] = 0;
	if (f)
		fclose(f);
	if (!strstr(list, "bpf"))
		return series_skip("this kernel's security modules are '%s': no bpf", list);
	return series_keep(bpf_program__attach(prog), bpf_program__name(prog));
}

/* By the kind of program; tc programs on lo. */
static inline bool series_attach(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	int fd = prog ? bpf_program__fd(prog) : -1;

	if (!ASSERT_OK_PTR(prog, name))
		return false;
	/* A type that <linux/bpf.h> may not know yet. */
	if (!strcmp(bpf_program__section_name(prog), "netfilter"))
		return series_keep(api_netfilter(prog), name);
	switch (bpf_program__type(prog)) {
	case BPF_PROG_TYPE_SCHED_CLS:
		return series_tc(obj, name, "lo",
				 strstr(name, "ingress") ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SOCK_OPS:
		return series_cgroup(prog);
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return ASSERT_OK(setsockopt(api_to, SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof(fd)),
				 name);
	case BPF_PROG_TYPE_LWT_XMIT:
		return series_lwt(prog, LWT_BPF_XMIT);
	case BPF_PROG_TYPE_LWT_IN:
		return series_lwt(prog, LWT_BPF_IN);
	case BPF_PROG_TYPE_LSM:
		return series_lsm(prog);
	default:
		return series_keep(bpf_program__attach(prog), name);
	}
}

/* ---- a case */

static inline void series_begin(void)
{
	api_from = api_socket(SOCK_DGRAM);
	api_to = api_socket(SOCK_DGRAM);
}

static inline void series_end(struct bpf_object *obj)
{
	while (series_nr_links)
		bpf_link__destroy(series_links[--series_nr_links]);
	api_tc_clear();
	bpf_object__close(obj);
	close(api_from);
	close(api_to);
	/* A case must not find what the one before it left. */
	ASSERT_EQ(API_STAT(series_sk, add_failed), 0, "adds that were refused");
}

static inline bool series_up(const char *self)
{
	if (api_enter(self)) {
		printf("FAIL series: no network namespace: %s\n", strerror(errno));
		return false;
	}
	series_sk = api_up(0, 0);
	if (!series_sk)
		printf("FAIL series: no skbext\n");
	return series_sk;
}

static inline int series_down(void)
{
	api_down(series_sk);
	return TEST_EXIT();
}

#endif /* SERIES_ENV_H */
