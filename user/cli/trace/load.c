// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace: its programs and the skbext that they use, which is trace's own and pinned nowhere:
 * it goes with the process, however that ends. The payloads of other programs are in the one that is
 * loaded. That one is only read, and only where both are in the exact mode: in the tracepoint mode
 * its lifecycle programs, attached long ago, come first at every tracepoint and end the record
 * before ours could look.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
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

#define MOST_PACKETS	(1U << 19)	/* alive at the same time */

/* As many as what is loaded has room for. */
static __u32 capacity_for(const struct trace_run *t)
{
	__u32 loaded = t->loaded ? t->status.capacity : 0;

	if (loaded < SKBEXT_DEFAULT_CAPACITY)
		return SKBEXT_DEFAULT_CAPACITY;
	return loaded < MOST_PACKETS ? loaded : MOST_PACKETS;
}

/* In the tracepoint mode it is not attached yet: trace's programs come first. */
static int open_own(struct trace_run *t, enum skbext_mode mode)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .mode = mode, .unpinned = true,
		.capacity = capacity_for(t), .payload = sizeof(struct skbext_trace),
	};
	int err;

	t->sk = skbext_open(&opts);
	err = t->sk ? skbext_load(t->sk) : -errno;
	if (!err && mode != SKBEXT_MODE_TRACEPOINT)
		err = skbext_attach(t->sk);
	if (!err)
		err = skbext_status(t->sk, &t->status);
	return err ? cli_lib_error("trace: load an skbext of its own") : CLI_DONE;
}

static int make_own(struct trace_run *t)
{
	if (open_own(t, t->opts.mode))
		return CLI_FAILED;
	if (t->status.mode == SKBEXT_MODE_EXACT || t->opts.mode == SKBEXT_MODE_TRACEPOINT)
		return CLI_DONE;
	/* The exact mode is not to be had, and why is known now. */
	strcpy(t->why, t->status.reason);
	skbext_close(t->sk);
	return open_own(t, SKBEXT_MODE_TRACEPOINT);
}

/* Nothing loaded is not an error, unless a place was named. */
static int find_loaded(struct trace_run *t)
{
	if (t->opts.mode == SKBEXT_MODE_TRACEPOINT)
		return CLI_DONE;
	t->loaded = skbext_open_pinned(t->common.bpffs);
	if (!t->loaded && (t->common.bpffs || (errno != ENOENT && errno != ENODEV)))
		return cli_lib_error("trace");
	if (t->loaded && skbext_status(t->loaded, &t->status))
		return cli_lib_error("trace");
	return CLI_DONE;
}

static int choose(struct trace_run *t)
{
	struct skbext_status loaded;

	t->status.sz = sizeof(t->status);
	if (find_loaded(t))
		return CLI_FAILED;
	loaded = t->status;
	if (make_own(t))
		return CLI_FAILED;
	if (!t->loaded)
		return CLI_DONE;
	if (loaded.mode == SKBEXT_MODE_EXACT && t->status.mode == SKBEXT_MODE_EXACT) {
		t->others = loaded;
		return CLI_DONE;
	}
	fprintf(stderr, "skbext: %s in tracepoint mode, which ends records before trace could read "
		"them; types of other programs are not shown\n",
		loaded.mode == SKBEXT_MODE_EXACT ? "trace is" : "the loaded skbext is");
	skbext_close(t->loaded);
	t->loaded = NULL;
	return CLI_DONE;
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

static void set_filter(struct trace_run *t)
{
	struct trace__rodata *ro = t->skel->rodata;

	ro->filtered = t->opts.filter;
	memcpy((void *)ro->filter_insns, t->filter.insns, sizeof(t->filter.insns));
	memcpy((void *)ro->filter_code, t->filter.code, sizeof(t->filter.code));
}

static int set_filters(struct trace_run *t)
{
	struct trace__rodata *ro = t->skel->rodata;
	int id, reason;

	if (t->opts.device)
		strncpy((char *)ro->device, t->opts.device, TRACE_DEVICE_LEN - 1);
	set_filter(t);
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
		id = t->loaded ? skbext_type_find(t->loaded, t->opts.type) : -1;
		if (id < 0)
			return cli_error("cannot trace: no type %s is loaded in exact mode; load "
					 "skbext and start the programs that use it first",
					 t->opts.type);
		ro->types_wanted = 1U << id;
	}
	return CLI_DONE;
}

static int set_constants(struct trace_run *t, bool exact)
{
	struct trace__rodata *ro = t->skel->rodata;

	ro->exact = exact;
	ro->summary = t->opts.summary;
	if (t->opts.html)
		t->skel->data->slow_floor = 0;
	if (t->opts.pcap)
		ro->snap = TRACE_SNAP;
	ro->consume_has_location = nr_args(t->vmlinux, "btf_trace_consume_skb") > 2;
	for (int i = 0; i < TRACE_RANGES && freeing[i]; i++) {
		struct trace_range r = trace_range_of(freeing[i]);

		memcpy((void *)&ro->freeing[i], &r, sizeof(r));
	}
	ro->tcp_receives = trace_range_of("tcp_rcv_established").from;
	*(struct trace_range *)&ro->expand_head = trace_range_of("pskb_expand_head");
	return set_filters(t);
}

/* Where the loaded skbext is: see bpf/peek.bpf.h. */
static int set_loaded(struct trace_run *t)
{
	struct bpf_map *watches = t->skel->maps.other_watches;
	struct trace__rodata *ro = t->skel->rodata;
	const char *map = "", *pin = "";
	char path[512];
	int fd, err;

	for (int n = 0; strcmp(map, "skbext_watches"); n++)
		if (skbext_map_pin(n, &map, &pin))
			return cli_lib_error("trace");
	snprintf(path, sizeof(path), "%s/%s", cli_bpffs(&t->common), pin);
	fd = bpf_obj_get(path);
	err = fd < 0 ? -errno : bpf_map__reuse_fd(watches, fd);
	if (fd >= 0)
		close(fd);
	if (err)
		return failed(path, err);
	ro->other_ctl = t->others.ctl;
	ro->other_buckets = t->others.capacity / SKBEXT_BUCKET_SLOTS;
	ro->other_payload = t->others.payload;
	ro->other_last_home = SKBEXT_HOMES_OF(ro->other_buckets) - 1;
	ro->other_cpus = bpf_map__max_entries(watches);
	return CLI_DONE;
}

/* The reason that the lifecycle programs have been given room for, and these have not. */
static int not_attached(const struct bpf_program *prog, int err)
{
	if (err == -E2BIG)
		return cli_error("cannot trace: %s takes no more programs, which is the kernel's "
				 "limit; end another tracer", bpf_program__section_name(prog));
	return failed(bpf_program__name(prog), err);
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
				return not_attached(prog, -errno);
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
	if (set_constants(t, exact) || (t->loaded && set_loaded(t)))
		return CLI_FAILED;
	if (skbext_bind_to(t->sk, t->skel->obj))
		return cli_lib_error("trace");
	err = trace__load(t->skel) ?: t->skel->bss ? 0 : -EAGAIN;
	if (err)
		return cli_error("cannot trace: load its programs: %s; it takes root and what `skbext doctor` lists",
				 cli_why_load(err));
	err = attach(t);
	if (err || exact)
		return err;
	/* The lifecycle programs come second. */
	return skbext_attach(t->sk) ? cli_lib_error("trace") : CLI_DONE;
}

int trace_start(struct trace_run *t)
{
	int err;

	cli_libbpf_words();
	t->vmlinux = btf__load_vmlinux_btf();
	if (!t->vmlinux)
		return failed("BTF of this kernel", -errno);
	err = trace_names_read();
	if (err)
		return failed("/proc/kallsyms", err);
	if (choose(t) || load(t))
		return CLI_FAILED;
	skbext_status(t->sk, &t->status);
	if (t->loaded)
		cli_types_read(t->loaded, &t->types);
	t->began = cli_now();
	return CLI_DONE;
}

static int count_alive(const struct skbext_record *rec, void *arg)
{
	const struct skbext_trace *note = rec->payload;		/* the only type */

	*(__u64 *)arg += note->state == TRACE_TAKEN;
	return 0;
}

/* Packets that have not ended are counted; they go with the store. */
void trace_stop(struct trace_run *t)
{
	t->skel->bss->stopped = true;
	usleep(20000);		/* programs that had looked before */
	skbext_for_each(t->sk, count_alive, &t->alive);
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
	trace_slow_free(t);
	trace__destroy(t->skel);
	cli_types_free(&t->types);
	skbext_close(t->sk);
	skbext_close(t->loaded);
	btf__free(t->vmlinux);
}
