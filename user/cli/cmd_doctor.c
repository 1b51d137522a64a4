// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext doctor: what this kernel and machine offer, by trying, and what follows. Where skbext is
 * loaded, its live hooks too. Fails where nothing would load.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli.h"
#include "measure/parts.h"

#define BTF_PATH	"/sys/kernel/btf/vmlinux"
#define BPF_FS		0xcafe4a11	/* BPF_FS_MAGIC of linux/magic.h */

/* CAP_SYS_ADMIN implies CAP_BPF and CAP_PERFMON, as in the kernel. */

#define MAX_HOOKS	64

struct check {
	const char *name;
	bool ok, unknown;	/* nobody could look */
	char detail[160];
	const char *remedy;
};

enum { CHECK_CAPS, CHECK_BTF, CHECK_BPFFS, CHECK_JIT, NR_CHECKS };

struct report {
	struct utsname uts;
	struct check checks[NR_CHECKS];
	struct skbext_hook hooks[MAX_HOOKS];
	unsigned int nr_hooks;
	int probe_err;
	char probe_error[256];
	struct skbext_status found;	/* what would load */
	char why[SKBEXT_REASON_LEN];
	struct skbext *live;		/* NULL: not loaded */
	int live_errno;
	char live_error[256];		/* "": not loaded, or all is well */
	struct skbext_status status;	/* of live */
};

static int effective_caps(__u64 *caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	int err = syscall(SYS_capget, &head, data) ? -errno : 0;

	*caps = (__u64)data[1].effective << 32 | data[0].effective;
	return err;
}

static void check_caps(struct check *c)
{
	__u64 caps;
	int err = effective_caps(&caps);
	bool admin = caps >> CAP_SYS_ADMIN & 1;
	bool bpf = admin || caps >> CAP_BPF & 1, perfmon = admin || caps >> CAP_PERFMON & 1;

	c->name = "privilege";
	c->ok = bpf && perfmon;
	c->unknown = err;
	c->remedy = err ? "try again" : "run it as root";
	if (err)
		snprintf(c->detail, sizeof(c->detail), "what this process may do is not known: %s",
			 strerror(-err));
	else
		snprintf(c->detail, sizeof(c->detail), "uid %u, CAP_BPF %s, CAP_PERFMON %s", geteuid(),
			 bpf ? "yes" : "no", perfmon ? "yes" : "no");
}

static int not_permitted(const char *what, const struct check *caps)
{
	return cli_error("cannot %s: %s; %s", what, caps->unknown ? caps->detail : "not permitted",
			 caps->remedy);
}

static void check_btf(struct check *c)
{
	c->name = "btf";
	c->ok = !access(BTF_PATH, R_OK);
	c->remedy = "use a kernel with CONFIG_DEBUG_INFO_BTF";
	snprintf(c->detail, sizeof(c->detail), "%s%s%s", BTF_PATH, c->ok ? "" : ": ",
		 c->ok ? "" : strerror(errno));
}

/* The directory itself exists only while skbext is loaded: ask the one it would be made in. */
static void check_bpffs(struct check *c, const struct cli_common *common)
{
	char dir[4096], *slash;
	struct statfs fs;
	int failed;

	snprintf(dir, sizeof(dir), "%s", cli_bpffs(common));
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	c->name = "bpffs";
	failed = statfs(dir, &fs) ? errno : 0;
	c->ok = !failed && (__u32)fs.f_type == BPF_FS;
	c->remedy = "mount -t bpf -o mode=0700 bpf /sys/fs/bpf (`skbext load` does that one itself)";
	if (failed)
		snprintf(c->detail, sizeof(c->detail), "%.120s: %s", dir, strerror(failed));
	else
		snprintf(c->detail, sizeof(c->detail), "%.120s is %sa bpffs", dir,
			 c->ok ? "" : "not ");
}

/* The JIT makes the trampolines of fentry. Unreadable counts as on: CONFIG_BPF_JIT_ALWAYS_ON. */
static void check_jit(struct check *c)
{
	FILE *f = fopen("/proc/sys/net/core/bpf_jit_enable", "r");
	int jit = 1;

	if (f && fscanf(f, "%d", &jit) != 1)
		jit = 1;
	if (f)
		fclose(f);
	c->name = "jit";
	c->ok = jit;
	c->remedy = "sysctl net.core.bpf_jit_enable=1";
	snprintf(c->detail, sizeof(c->detail), "net.core.bpf_jit_enable is %s", jit ? "on" : "off");
}

static int keep_hook(const struct skbext_hook *hook, void *arg)
{
	struct report *r = arg;

	if (r->nr_hooks < MAX_HOOKS)
		r->hooks[r->nr_hooks++] = *hook;
	return 0;
}

static const char *hook_mode(const struct skbext_hook *hook)
{
	return hook->mode == SKBEXT_MODE_AUTO ? "both" : skbext_mode_name(hook->mode);
}

static const char *hook_state(const struct skbext_hook *hook)
{
	if (!hook->offered)
		return "this kernel has none";
	if (hook->attached)
		return "attaches";
	if (!hook->tried)
		return "not tried";
	return hook->err ? strerror(-hook->err) : "attaches, if the others do";
}

static void explain(struct report *r)
{
	if (r->probe_err)
		snprintf(r->why, sizeof(r->why), "%s", r->probe_error);
	else if (r->found.guarantee == SKBEXT_GUARANTEE_COMPLETE)
		snprintf(r->why, sizeof(r->why), "all hooks of the exact mode attach");
	else
		snprintf(r->why, sizeof(r->why), "%s", r->found.reason);
}

static void examine(struct report *r, const struct cli_common *common)
{
	uname(&r->uts);
	check_caps(&r->checks[CHECK_CAPS]);
	check_btf(&r->checks[CHECK_BTF]);
	check_bpffs(&r->checks[CHECK_BPFFS], common);
	check_jit(&r->checks[CHECK_JIT]);
	r->found.sz = sizeof(r->found);
	r->probe_err = skbext_probe(keep_hook, r, &r->found);
	if (r->probe_err) {
		snprintf(r->probe_error, sizeof(r->probe_error), "%s", skbext_errmsg());
		r->found.guarantee = SKBEXT_GUARANTEE_NONE;
	}
	explain(r);
	r->status.sz = sizeof(r->status);
	r->live = skbext_open_pinned(common->bpffs);
	if ((!r->live && errno != ENOENT) || (r->live && skbext_status(r->live, &r->status))) {
		r->live_errno = errno;
		snprintf(r->live_error, sizeof(r->live_error), "%s", skbext_errmsg());
	}
}

static json_t *checks_json(const struct report *r)
{
	json_t *list = json_array();

	for (int i = 0; i < NR_CHECKS; i++) {
		const struct check *c = &r->checks[i];

		json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:s?}", "name", c->name,
						      "ok", c->ok, "detail", c->detail,
						      "remedy", c->ok ? NULL : c->remedy));
	}
	return list;
}

static json_t *probed_json(const struct report *r)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < r->nr_hooks; i++) {
		const struct skbext_hook *h = &r->hooks[i];
		const char *error = h->offered && !h->attached ? hook_state(h) : NULL;

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s?}",
						"name", h->name, "kind", h->kind,
						"role", skbext_role_name(h->role),
						"mode", hook_mode(h), "offered", h->offered,
						"attaches", h->attached, "others", h->others,
						"error", error));
	}
	return list;
}

static json_t *live_json(const struct report *r)
{
	if (r->live_error[0])
		return json_pack("{s:s}", "error", r->live_error);
	if (!r->live)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "mode", skbext_mode_name(r->status.mode),
			 "guarantee", skbext_guarantee_name(r->status.guarantee),
			 "reason", r->status.reason, "healthy", r->status.healthy,
			 "hooks", cli_json_hooks(r->live, r->status.mode));
}

static json_t *report_json(const struct report *r)
{
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:o}", "kernel", r->uts.release,
			 "environment", checks_json(r), "hooks", probed_json(r),
			 "mode", r->probe_err ? "none" : skbext_mode_name(r->found.mode),
			 "guarantee", skbext_guarantee_name(r->found.guarantee),
			 "why", r->why, "loaded", live_json(r));
}

json_t *cli_json_doctor(const struct cli_common *common)
{
	struct report *r = calloc(1, sizeof(*r));
	json_t *all;

	if (!r)
		return NULL;
	examine(r, common);
	all = report_json(r);
	skbext_close(r->live);
	free(r);
	return all;
}

static void print_live(const struct report *r)
{
	if (r->live_error[0]) {
		printf("loaded       %s: %s\n", r->live_errno == EUCLEAN ? "damaged" : "unknown",
		       r->live_error);
	} else if (!r->live) {
		printf("loaded       no\n");
	} else {
		printf("loaded       mode %s, guarantee %s, %s\n", skbext_mode_name(r->status.mode),
		       skbext_guarantee_name(r->status.guarantee),
		       r->status.healthy ? "healthy" : "not healthy: see `skbext status`");
		cli_print_hooks(r->live, r->status.mode);
	}
}

static int print_text(const struct report *r)
{
	const char *holds_not = cli_holds_not(&r->found);

	printf("kernel       %s %s\n", r->uts.release, r->uts.machine);
	for (int i = 0; i < NR_CHECKS; i++)
		printf("%-12s %s: %s%s%s\n", r->checks[i].name, r->checks[i].ok ? "ok" : "MISSING",
		       r->checks[i].detail, r->checks[i].ok ? "" : "; ",
		       r->checks[i].ok ? "" : r->checks[i].remedy);
	printf("hooks        tried now\n");
	for (unsigned int i = 0; i < r->nr_hooks; i++)
		printf("  %-10s %-8s %-7s %-30s %s%s%s\n", hook_mode(&r->hooks[i]),
		       skbext_role_name(r->hooks[i].role),
		       r->hooks[i].kind, r->hooks[i].name, hook_state(&r->hooks[i]),
		       r->hooks[i].others[0] ? "; others there: " : "", r->hooks[i].others);
	if (r->found.guarantee == SKBEXT_GUARANTEE_NONE) {
		printf("would load   nothing: %s\n", r->why);
	} else {
		printf("would load   mode %s, guarantee %s: %s\n", skbext_mode_name(r->found.mode),
		       skbext_guarantee_name(r->found.guarantee), r->why);
		printf("  holds: %s\n", cli_holds(&r->found));
		if (holds_not[0])
			printf("  does not hold: %s\n", holds_not);
	}
	print_live(r);
	return CLI_DONE;
}

static int verdict(const struct report *r)
{
	if (!r->checks[CHECK_CAPS].ok)
		return not_permitted("try the hooks", &r->checks[CHECK_CAPS]);
	if (r->found.guarantee == SKBEXT_GUARANTEE_NONE)
		return cli_error("cannot load on this machine: %s", r->why);
	if (r->live_error[0])
		return cli_error("cannot read what is loaded: %s", r->live_error);
	return CLI_DONE;
}

static int doctor(const struct cli_common *common)
{
	struct report *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return cli_error("cannot examine: out of memory; try again");
	examine(r, common);
	ret = common->json ? cli_print_json(report_json(r)) : print_text(r);
	if (ret == CLI_DONE)
		ret = verdict(r);
	skbext_close(r->live);
	free(r);
	return ret;
}

enum { OPT_MEASURE = CLI_OPT_OWN, OPT_BUNDLE };

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	struct check caps;
	const char *file = NULL;
	__u64 seconds = 0;
	int c;

	while ((c = cli_getopt(argc, argv, &common)) != -1) {
		if (c == OPT_BUNDLE)
			file = optarg;
		else
			seconds = cli_parse_number(optarg, "--measure", 1, 86400);
	}
	cli_want_args(argc, 0, 0);
	if (file && seconds)
		cli_usage_error("--bundle is of what there is, without --measure");
	if (file)
		return cli_write_bundle(&common, file);
	if (!seconds)
		return doctor(&common);
	check_caps(&caps);
	if (!caps.ok)
		return not_permitted("measure", &caps);
	return measure(&common, seconds);
}

static const struct cli_option options[] = {
	{ "measure", OPT_MEASURE, "SECONDS",
	  "watch the machine's own packets for so long and say what\n"
	  "each hook is good for; skbext need not be loaded" },
	{ "bundle", OPT_BUNDLE, "FILE",
	  "write what a bug report needs to FILE, as JSON: versions,\n"
	  "the kernel and its configuration, status, stats, what doctor\n"
	  "finds, names of BPF programs; no payloads, no addresses" },
	{ 0 },
};

const struct command cmd_doctor = {
	"doctor", run, "",
	"what this kernel offers, what guarantee that comes to; or what each hook is good for", options
};
