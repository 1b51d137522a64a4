// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext doctor --measure: its programs. Those of the exact mode if this kernel takes them, else
 * those of the tracepoint mode. Nothing is pinned, so all of it ends with the process.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "measure.skel.h"

#define MAX_SYMBOLS 32

/* Where the functions are that we ask for. */
static struct symbol {
	const char *name;
	struct measure_site at;
} symbols[MAX_SYMBOLS];
static int nr_symbols;

/* The functions that take sk_buffs from the slab where its tracepoint shows it. */
static const char *const allocators[MEASURE_SITES] = {
	"__alloc_skb", "skb_clone", "__build_skb", "slab_build_skb", "napi_skb_cache_get",
	"build_skb", "napi_build_skb", "alloc_skb_for_msg",
};

static int failed(const char *what, int err)
{
	return cli_error("cannot measure: %s: %s; it takes root and what `skbext doctor` lists",
			 what, cli_why_load(err));
}

static struct symbol *symbol(const char *name, size_t len)
{
	for (int i = 0; i < nr_symbols; i++)
		if (!strncmp(symbols[i].name, name, len) && !symbols[i].name[len])
			return &symbols[i];
	return NULL;
}

static void ask_for(const char *name)
{
	if (nr_symbols < MAX_SYMBOLS && !symbol(name, strlen(name)))
		symbols[nr_symbols++] = (struct symbol){ .name = name };
}

static const char *target(const struct bpf_program *prog)
{
	return strchr(bpf_program__section_name(prog), '/') + 1;
}

static bool is_kind(const struct bpf_program *prog, const char *kind)
{
	const char *section = bpf_program__section_name(prog);

	return !strncmp(section + (*section == '?'), kind, strlen(kind));
}

/*
 * The kernel's own come in the order of their addresses and before those of modules: a function
 * ends where the next begins.
 */
static void read_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	struct symbol *open = NULL, *s;
	char line[1024];

	while (f && fgets(line, sizeof(line), f)) {
		char *rest;
		__u64 address = strtoull(line, &rest, 16);

		if (strlen(rest) < 4)
			continue;
		if (open && address > open->at.from) {
			open->at.to = address;
			open = NULL;
		}
		rest += 3;	/* " t " */
		s = symbol(rest, strcspn(rest, "\n\t"));
		if (s && !s->at.from) {
			open = s;
			s->at.from = address;
		}
	}
	if (f)
		fclose(f);
}

/* BTF also knows functions that the compiler left no symbol of. */
static bool kernel_has(const struct bpf_program *prog, const struct btf *vmlinux)
{
	const struct symbol *s = symbol(target(prog), strlen(target(prog)));
	char type[80];

	if (is_kind(prog, "f"))
		return btf__find_by_name_kind(vmlinux, target(prog), BTF_KIND_FUNC) > 0 &&
		       s && s->at.from;
	snprintf(type, sizeof(type), "btf_trace_%s", target(prog));
	return btf__find_by_name_kind(vmlinux, type, BTF_KIND_TYPEDEF) > 0;
}

static bool has_prefix(const struct bpf_program *prog, const char *prefix)
{
	return !strncmp(bpf_program__name(prog), prefix, strlen(prefix));
}

static bool is_wanted(const struct measure_run *m, const struct bpf_program *prog)
{
	bool exact = m->mode == SKBEXT_MODE_EXACT;

	if (has_prefix(prog, "birth_"))
		return is_kind(prog, "fexit") == exact;
	if (has_prefix(prog, "mark_"))	/* without fexit the births in drivers are not seen */
		return exact || !strcmp(target(prog), "net_dev_queue");
	for (int i = 0; i < MEASURE_HOOKS; i++)
		if (!strcmp(measure_hook(i)->name, target(prog)))
			return measure_has(m, i);
	return false;
}

/* The names are the object's. */
static void look_up_symbols(struct measure_run *m)
{
	struct bpf_program *prog;

	nr_symbols = 0;
	for (int i = 0; i < MEASURE_SITES; i++)
		ask_for(allocators[i]);
	bpf_object__for_each_program(prog, m->skel->obj)
		if (is_kind(prog, "f"))
			ask_for(target(prog));
	read_symbols();
}

/* Addresses are all 0 for those who may not see them: births would be too. */
static bool sees_addresses(void)
{
	const struct symbol *s = symbol("__alloc_skb", strlen("__alloc_skb"));

	return s && s->at.from;
}

/* A set that lacks a hook must not be called complete. */
static bool has_all_hooks(const struct measure_run *m)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, m->skel->obj)
		if (!has_prefix(prog, "birth_") && !has_prefix(prog, "mark_") &&
		    is_wanted(m, prog) && !bpf_program__autoload(prog))
			return false;
	return true;
}

static void choose_programs(struct measure_run *m, const struct btf *vmlinux)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, m->skel->obj)
		bpf_program__set_autoload(prog, is_wanted(m, prog) && kernel_has(prog, vmlinux));
}

static void set_constants(struct measure_run *m)
{
	struct measure__rodata *ro = m->skel->rodata;

	ro->sets = (1ULL << m->nr_sets) - 1;
	ro->complete = 1ULL << m->complete;
	for (int hook = 0; hook < MEASURE_HOOKS; hook++) {
		__u64 in = 0;

		for (int i = 0; i < m->nr_sets; i++)
			in |= (__u64)(m->sets[i].hooks >> hook & 1) << i;
		ro->clears[hook] = in;
		/* The complete set, or else the lowest bit: the one set that has this hook. */
		ro->counted[hook] = in & ro->complete ? ro->complete : in & -in;
	}
	for (int i = 0; i < MEASURE_SITES; i++) {
		const struct symbol *s = symbol(allocators[i], strlen(allocators[i]));

		memcpy((void *)&ro->sites[i], &s->at, sizeof(s->at));
	}
}

static int attach_those(struct measure_run *m, bool marks)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, m->skel->obj) {
		if (has_prefix(prog, "mark_") != marks || !bpf_program__autoload(prog))
			continue;
		m->links[m->nr_links] = bpf_program__attach(prog);
		if (!m->links[m->nr_links])
			return -errno;
		m->nr_links++;
	}
	return 0;
}

/* The end of a mark comes first: a packet that is marked is one whose end is seen. */
static int attach(struct measure_run *m)
{
	int err = attach_those(m, false);

	m->nr_ends = m->nr_links;
	return err ?: attach_those(m, true);
}

static void detach_down_to(struct measure_run *m, int nr)
{
	while (m->nr_links > nr)
		bpf_link__destroy(m->links[--m->nr_links]);
}

static void detach(struct measure_run *m)
{
	detach_down_to(m, 0);
	measure__destroy(m->skel);
	m->skel = NULL;
}

static int load_mode(struct measure_run *m, enum skbext_mode mode, const struct btf *vmlinux)
{
	int err;

	m->mode = mode;
	m->skel = measure__open();
	if (!m->skel)
		return -errno;
	look_up_symbols(m);
	choose_programs(m, vmlinux);
	measure_choose_sets(m);
	set_constants(m);
	err = sees_addresses() && has_all_hooks(m) ? 0 : -ENOENT;
	err = err ?: measure__load(m->skel) ?: attach(m);
	if (err)
		detach(m);
	return err;
}

/* The same question as user/lib/hooks.c has: does the slab show where all sk_buffs come from? */
static bool births_in_sight(const struct measure_run *m, const struct btf *vmlinux)
{
	int id = btf__find_by_name_kind(vmlinux, "napi_skb_cache_get", BTF_KIND_FUNC);

	return m->mode == SKBEXT_MODE_EXACT ||
	       (id > 0 && !btf_vlen(btf__type_by_id(vmlinux, btf__type_by_id(vmlinux, id)->type)));
}

int measure_start(struct measure_run *m)
{
	struct btf *vmlinux;
	int err;

	cli_libbpf_words();
	vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux)
		return failed("BTF of this kernel", -errno);
	err = load_mode(m, SKBEXT_MODE_EXACT, vmlinux);
	if (err) {
		snprintf(m->why, sizeof(m->why), "%s", cli_why_load(err));
		err = load_mode(m, SKBEXT_MODE_TRACEPOINT, vmlinux);
	}
	m->births_in_sight = births_in_sight(m, vmlinux);
	btf__free(vmlinux);
	if (err && !sees_addresses())
		return cli_error("cannot measure: /proc/kallsyms hides the kernel's addresses; "
				 "sysctl kernel.kptr_restrict=1");
	return err ? failed("load its programs", err) : CLI_DONE;
}

void measure_stop_marking(struct measure_run *m)
{
	detach_down_to(m, m->nr_ends);
}

void measure_stop(struct measure_run *m)
{
	detach_down_to(m, 0);
}

void measure_free(struct measure_run *m)
{
	if (m->skel)
		detach(m);
}
