// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace: its programs and the skbext that they use.
 *
 * In the exact mode they join the one that is loaded, and see what other programs add there. In the
 * tracepoint mode its lifecycle programs, attached long ago, come first at every tracepoint and end
 * the record before ours could look, so trace has an skbext of its own and attaches before that.
 * So it does where none is loaded.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "trace_parts.h"
#include "trace.skel.h"

/* The functions between the one that ends a packet and the hook that shows it. */
static const char *const freeing[TRACE_RANGES] = {
	"skb_release_head_state", "skb_release_data", "skb_free_head", "skb_kfree_head",
	"kfree", "kmem_cache_free", "__kfree_skb", "kfree_skb_reason", "sk_skb_reason_drop",
	"kfree_skb_list_reason", "consume_skb", "napi_consume_skb", "__napi_kfree_skb",
	"kfree_skbmem", "kfree_skb_partial", "skb_attempt_defer_free", "__consume_stateless_skb",
	"skb_consume_udp", "napi_skb_free_stolen_head", "napi_reuse_skb",
	"skb_copy_datagram_iter", "__skb_datagram_iter", "skb_copy_and_csum_datagram_msg",
};

static int failed(const char *what, int err)
{
	return cli_error("cannot trace: %s: %s; it takes root and what `skbext doctor` lists", what,
			 strerror(-err));
}

/* Of our own, where nobody else sees it and it goes with the process. */
static int own_bpffs(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("skbext-trace", "/sys/fs/bpf", "bpf", 0, "mode=0700"))
		return failed("a bpffs of its own", -errno);
	return CLI_DONE;
}

/* Both modes pin before bind; the exact one is attached by then, the other not yet. */
static bool open_own(struct trace_run *t, enum skbext_mode mode)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .mode = mode };
	bool ok;

	t->sk = skbext_open(&opts);
	ok = t->sk && !skbext_load(t->sk);
	if (ok && mode == SKBEXT_MODE_EXACT)
		ok = !skbext_attach(t->sk);
	ok = ok && !skbext_pin(t->sk);
	if (!ok) {
		skbext_close(t->sk);
		t->sk = NULL;
	}
	return ok;
}

static int make_own(struct trace_run *t)
{
	bool ok = false;

	if (own_bpffs())
		return CLI_FAILED;
	t->own = true;
	if (t->opts.mode != SKBEXT_MODE_TRACEPOINT)
		ok = open_own(t, SKBEXT_MODE_EXACT);
	if (!ok && t->opts.mode != SKBEXT_MODE_EXACT)
		ok = open_own(t, SKBEXT_MODE_TRACEPOINT);
	return ok ? CLI_DONE : cli_lib_error("trace: load an skbext of its own");
}

static int choose(struct trace_run *t)
{
	struct skbext_status status = { .sz = sizeof(status) };

	t->sk = t->opts.mode == SKBEXT_MODE_TRACEPOINT ? NULL : skbext_open_pinned(t->common.bpffs);
	/* Nothing loaded is no error, unless a place was named. */
	if (!t->sk && t->opts.mode != SKBEXT_MODE_TRACEPOINT &&
	    (t->common.bpffs || (errno != ENOENT && errno != ENODEV)))
		return cli_lib_error("trace");
	if (t->sk && skbext_status(t->sk, &status))
		return cli_lib_error("trace");
	if (t->sk && status.mode == SKBEXT_MODE_EXACT)
		return CLI_DONE;
	if (t->sk)
		fprintf(stderr, "skbext: the loaded skbext is in tracepoint mode, which ends its "
			"records before trace could read them; types of other programs are not "
			"shown\n");
	skbext_close(t->sk);
	t->sk = NULL;
	return make_own(t);
}

/* BTF also knows functions that the compiler left no symbol of. */
static bool kernel_has(const struct trace_run *t, const char *section)
{
	const char *name = strchr(section, '/') + 1;
	char type[80];

	if (strncmp(section, "tp_btf/", 7) && strncmp(section, "raw_tp/", 7))
		return btf__find_by_name_kind(t->vmlinux, name, BTF_KIND_FUNC) > 0 &&
		       trace_range_of(name).from;
	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(t->vmlinux, type, BTF_KIND_TYPEDEF) > 0;
}

/*
 * Those for one mode only are not loaded unless asked to: f... the exact one, the rest the other.
 */
static void choose_programs(struct trace_run *t, bool exact)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, t->skel->obj) {
		const char *section = bpf_program__section_name(prog);
		bool load = bpf_program__autoload(prog);

		section += *section == '?';
		if (!load)
			load = (*section == 'f') == exact;
		bpf_program__set_autoload(prog, load && kernel_has(t, section));
	}
}

static __u32 nr_args(const struct btf *vmlinux, const char *tracepoint)
{
	int id = btf__find_by_name_kind(vmlinux, tracepoint, BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? btf__type_by_id(vmlinux, id) : NULL;

	t = t ? btf__type_by_id(vmlinux, t->type) : NULL;	/* pointer */
	t = t ? btf__type_by_id(vmlinux, t->type) : NULL;
	return t ? btf_vlen(t) : 0;
}

static int set_filters(struct trace_run *t)
{
	struct trace__rodata *ro = t->skel->rodata;
	int id, reason;

	if (t->opts.device)
		strncpy((char *)ro->device, t->opts.device, TRACE_DEVICE_LEN - 1);
	ro->min_age = t->opts.min_age;
	ro->sample = t->opts.sample;
	if (t->opts.reason) {
		reason = trace_reason_find(t->vmlinux, t->opts.reason);
		if (reason < 0)
			return cli_error("cannot trace: this kernel has no drop reason %s; "
					 "its enum skb_drop_reason lists them", t->opts.reason);
		ro->reason_wanted = reason;
	}
	if (t->opts.type) {
		id = t->own ? -1 : skbext_type_find(t->sk, t->opts.type);
		if (id < 0)
			return cli_error("cannot trace: no type %s in %s; load skbext in exact "
					 "mode and start its programs first", t->opts.type,
					 t->own ? "an skbext of trace's own" : "the loaded skbext");
		ro->types_wanted = 1U << id;
	}
	return CLI_DONE;
}

static int set_constants(struct trace_run *t, bool exact)
{
	struct trace__rodata *ro = t->skel->rodata;

	ro->exact = exact;
	ro->summary = t->opts.summary;
	ro->consume_has_location = nr_args(t->vmlinux, "btf_trace_consume_skb") > 2;
	ro->payload_room = t->own ? 0 : t->status.payload;
	for (int i = 0; i < TRACE_RANGES && freeing[i]; i++) {
		struct trace_range r = trace_range_of(freeing[i]);

		memcpy((void *)&ro->freeing[i], &r, sizeof(r));
	}
	ro->tcp_receives = trace_range_of("tcp_rcv_established").from;
	*(struct trace_range *)&ro->expand_head = trace_range_of("pskb_expand_head");
	return set_filters(t);
}

static int attach(struct trace_run *t)
{
	const struct bpf_object_skeleton *all = t->skel->skeleton;

	/* The ends first: a packet whose birth is seen is one whose end is. */
	for (int births = 0; births < 2; births++) {
		for (int i = 0; i < all->prog_cnt; i++) {
			const struct bpf_program *prog = *all->progs[i].prog;
			const char *name = bpf_program__name(prog);

			if (!bpf_program__autoload(prog) ||
			    births != (!strncmp(name, "see_", 4) || !strncmp(name, "birth_", 6)))
				continue;
			*all->progs[i].link = bpf_program__attach(prog);
			if (!*all->progs[i].link)
				return failed(name, -errno);
		}
	}
	return CLI_DONE;
}

static int load(struct trace_run *t)
{
	bool exact = t->status.mode == SKBEXT_MODE_EXACT;
	int err;

	t->skel = trace__open();
	if (!t->skel)
		return failed("open its programs", -errno);
	choose_programs(t, exact);
	if (set_constants(t, exact))
		return CLI_FAILED;
	if (skbext_bind(t->skel->obj, t->own ? NULL : t->common.bpffs))
		return cli_lib_error("trace");
	err = trace__load(t->skel);
	if (err)
		return failed("load its programs", err);
	err = attach(t);
	if (err || exact)
		return err;
	/* The lifecycle programs come second. */
	return skbext_attach(t->sk) ? cli_lib_error("trace") : CLI_DONE;
}

static int quiet(enum libbpf_print_level level __attribute__((unused)),
		 const char *fmt __attribute__((unused)), va_list args __attribute__((unused)))
{
	return 0;
}

int trace_start(struct trace_run *t)
{
	if (!getenv("SKBEXT_DEBUG"))
		libbpf_set_print(quiet);
	t->vmlinux = btf__load_vmlinux_btf();
	if (!t->vmlinux)
		return failed("BTF of this kernel", -errno);
	if (trace_names_read())
		return failed("/proc/kallsyms", -EPERM);
	if (choose(t))
		return CLI_FAILED;
	t->status.sz = sizeof(t->status);
	if (skbext_status(t->sk, &t->status))
		return cli_lib_error("trace");
	if (load(t))
		return CLI_FAILED;
	skbext_status(t->sk, &t->status);
	cli_types_read(t->sk, &t->types);
	t->began = trace_now();
	return CLI_DONE;
}

struct alive {
	struct trace_run *t;
	int id;
	size_t nr, room;
	__u64 *skbs;
};

static int count_alive(const struct skbext_record *rec, void *arg)
{
	struct alive *a = arg;
	const struct skbext_type_info *info = &a->t->types.type[a->id].info;
	const struct skbext_trace *note = (const void *)((const char *)rec->payload + info->offset);

	if (!(rec->active & 1U << a->id))
		return 0;
	a->t->alive += note->state == TRACE_TAKEN;
	if (a->nr < a->room)
		a->skbs[a->nr++] = rec->skb;
	return 0;
}

/* What has not ended is counted, and others' packets are left as they were. */
void trace_stop(struct trace_run *t)
{
	struct alive a = { .t = t, .id = skbext_type_find(t->sk, "skbext_trace") };

	t->skel->bss->stopped = true;
	usleep(20000);		/* programs that had looked before */
	if (a.id < 0)
		return;
	a.room = t->own ? 0 : t->status.capacity;
	a.skbs = calloc(a.room + 1, sizeof(*a.skbs));
	if (!a.skbs)
		a.room = 0;
	skbext_for_each(t->sk, count_alive, &a);
	for (size_t i = 0; i < a.nr; i++)
		skbext_del(t->sk, a.skbs[i], "skbext_trace");
	free(a.skbs);
}

__u64 trace_missed(const struct trace_run *t)
{
	struct bpf_program *prog;
	__u64 missed = 0;

	bpf_object__for_each_program(prog, t->skel->obj) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_program__autoload(prog) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			missed += info.recursion_misses;
	}
	return missed;
}

void trace_free(struct trace_run *t)
{
	trace__destroy(t->skel);
	cli_types_free(&t->types);
	skbext_close(t->sk);
	btf__free(t->vmlinux);
}
