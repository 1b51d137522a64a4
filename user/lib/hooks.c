// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The lifecycle hooks: which there are, what this kernel has of them, attaching them. What a kernel
 * can do is found out by trying, never from its version.
 */
#include "internal.h"
#include "../../bpf/watch.h"
#include "exact.skel.h"
#include "tracepoint.skel.h"

#define HOOK(kind, name, role, mode, optional) \
	{ name, "skbext_" name, kind, SKBEXT_ROLE_##role, SKBEXT_MODE_##mode, optional }
#define EXACT(name, role)	HOOK("fentry", name, role, EXACT, false)
#define TRACE(name, role)	HOOK("tp_btf", name, role, TRACEPOINT, false)
#define SLAB(name, role)	HOOK("raw_tp", name, role, TRACEPOINT, false)
#define BOTH(name, role)	HOOK("tp_btf", name, role, AUTO, false)

static const struct hook_def defs[] = {
	/* First: what watches is there before anything can be missed. */
	EXACT("irq_enter_rcu", WATCH),
	HOOK("tp_btf", "sched_switch", WATCH, EXACT, false),
	EXACT("bpf_tracing_link_release", WATCH),
	EXACT("bpf_raw_tp_link_release", WATCH),
	HOOK("fexit", "proc_dointvec", WATCH, EXACT, true),		/* kernel without sysctls */
	EXACT("skb_release_head_state", RELEASE),
	EXACT("__consume_stateless_skb", RELEASE),
	EXACT("napi_skb_free_stolen_head", RELEASE),
	EXACT("napi_reuse_skb", RELEASE),
	EXACT("__copy_skb_header", SHARE),
	EXACT("ip_copy_metadata", SHARE),
	HOOK("fentry", "ip6_copy_metadata", SHARE, EXACT, true),	/* no IPv6, or not yet */
	EXACT("skb_scrub_packet", POLICY),
	EXACT("__udp_enqueue_schedule_skb", POLICY),
	BOTH("kfree_skb", FATE),
	BOTH("consume_skb", FATE),
	TRACE("softirq_entry", WATCH),
	SLAB("kmem_cache_free", RELEASE),
	TRACE("tcp_probe", RELEASE),
	TRACE("skb_copy_datagram_iovec", RELEASE),
	SLAB("kmem_cache_alloc", PURGE),
	TRACE("napi_gro_receive_entry", PURGE),
	TRACE("napi_gro_frags_entry", PURGE),
	TRACE("netif_receive_skb_list_entry", PURGE),
	TRACE("netif_receive_skb_entry", PURGE),
	TRACE("netif_rx_entry", POLICY),
};
_Static_assert(ARRAY_SIZE(defs) <= MAX_HOOKS, "MAX_HOOKS");

const struct hook_def *hook_def(unsigned int n)
{
	return n < ARRAY_SIZE(defs) ? &defs[n] : NULL;
}

static bool in_mode(const struct hook_def *def, enum skbext_mode mode)
{
	return def->mode == mode || def->mode == SKBEXT_MODE_AUTO;
}

static bool is_named(const struct hook_def *def, const struct btf_type *t, const char *name)
{
	static const char prefix[] = "btf_trace_";

	if (*def->kind == 'f')		/* fentry, fexit */
		return btf_is_func(t) && !strcmp(name, def->name);
	return btf_is_typedef(t) && !strncmp(name, prefix, sizeof(prefix) - 1) &&
	       !strcmp(name + sizeof(prefix) - 1, def->name);
}

/* One pass for all hooks: a search for each took longer than all else of loading. */
static __u64 find_offered(const struct btf *btf, __u32 first)
{
	__u64 found = 0;

	for (__u32 id = first; id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name;

		if (!btf_is_func(t) && !btf_is_typedef(t))
			continue;
		name = btf__name_by_offset(btf, t->name_off);
		for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++)
			if (is_named(&defs[i], t, name))
				found |= 1ULL << i;
	}
	return found;
}

/* IPv6 may be a module, with a BTF of its own; it may come later, and then goes no more. */
static __u64 find_in_ipv6(struct btf *vmlinux)
{
	struct btf *btf;
	__u64 found = 0;

	if (access("/sys/kernel/btf/ipv6", R_OK))
		return 0;
	btf = btf__load_module_btf("ipv6", vmlinux);
	if (btf)
		found = find_offered(btf, btf__type_cnt(vmlinux));
	btf__free(btf);
	return found;
}

/* The same as long as the machine runs, but for modules: kept, as its BTF is. */
static bool offered(const struct hook_def *def, struct btf *vmlinux)
{
	const __u64 known = 1ULL << 63, hook = 1ULL << (def - defs);
	static __u64 kept;
	__u64 found = __atomic_load_n(&kept, __ATOMIC_RELAXED);

	if (!found)
		found = find_offered(vmlinux, 1) | known;
	if (!(found & hook) && def->optional)
		found |= find_in_ipv6(vmlinux);
	__atomic_store_n(&kept, found, __ATOMIC_RELAXED);
	return found & hook;
}

bool hook_offered(const char *name)
{
	struct btf *vmlinux = vmlinux_btf();

	for (unsigned int i = 0; vmlinux && i < ARRAY_SIZE(defs); i++)
		if (!strcmp(defs[i].name, name))
			return offered(&defs[i], vmlinux);
	return false;
}

/* Does a type with this policy have to be dropped at this hook? */
static bool drops(const struct hook_def *def, __u32 flags)
{
	return strcmp(def->name, "__udp_enqueue_schedule_skb") ? !(flags & SKBEXT_F_KEEP_SCRUB) :
								 !!(flags & SKBEXT_F_DROP_UDP);
}

/*
 * A policy point has nothing to do while there is no type that it drops, and a program there costs
 * every packet that passes: it is attached with the first such type.
 */
static bool is_idle(const struct skbext *sk, const struct hook_def *def)
{
	if (def->role != SKBEXT_ROLE_POLICY || sk->all_hooks)
		return false;
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (sk->ctl->types[i].name[0] && drops(def, sk->ctl->types[i].flags))
			return false;
	return true;
}

static void look(struct skbext *sk, unsigned int n)
{
	struct hook_state *state = &sk->hooks[n];
	int fd = pin_link_prog(sk->dir, &defs[n]);

	state->found = fd >= 0;
	state->counts = prog_counts(fd);
	state->unseen = fd < 0 && fd != -ENOENT ? fd : 0;
	if (fd >= 0)
		close(fd);
}

/* All of the same directory: a replace may put another one there meanwhile. */
void hooks_look(struct skbext *sk)
{
	__u64 number;

	do {
		number = pin_number(sk->dir);
		for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++)
			look(sk, i);
	} while (number != pin_number(sk->dir));
}

/* Another process may have attached a policy hook since it was looked at. */
static bool is_there(struct skbext *sk, unsigned int n)
{
	const struct hook_state *state = &sk->hooks[n];

	if (state->prog_fd >= 0)
		return true;
	if (!state->found && sk->pinned && defs[n].role == SKBEXT_ROLE_POLICY)
		look(sk, n);
	return state->found;
}

static int seen(struct skbext *sk, unsigned int n)
{
	int err = !is_there(sk, n) ? sk->hooks[n].unseen : 0;

	return err ? fail(err, "cannot look at %s/links/%s, so nobody knows whether it is attached: %s",
			  sk->dir, defs[n].name, why_bpf(err)) : 0;
}

int hooks_seen(struct skbext *sk)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < ARRAY_SIZE(defs); i++)
		err = in_mode(&defs[i], sk->ctl->mode) ? seen(sk, i) : 0;
	return err;
}

static struct bpf_object *open_mode(enum skbext_mode mode)
{
	size_t size;
	const void *elf = mode == SKBEXT_MODE_EXACT ? exact__elf_bytes(&size) :
						      tracepoint__elf_bytes(&size);
	LIBBPF_OPTS(bpf_object_open_opts, opts,
		    .object_name = mode == SKBEXT_MODE_EXACT ? "skbext_exact" : "skbext_tp");

	return bpf_object__open_mem(elf, size, &opts);
}

/* only: load this hook alone, to see whether it is to blame; NULL: all that the kernel offers. */
static struct bpf_object *load_mode(struct skbext *sk, enum skbext_mode mode,
				    struct btf *vmlinux, const struct hook_def *only)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct bpf_object *obj = open_mode(mode);
	int err = obj ? 0 : -errno;

	for (unsigned int i = 0; !err && i < ARRAY_SIZE(defs); i++) {
		struct bpf_program *prog;

		if (!in_mode(&defs[i], mode))
			continue;
		prog = bpf_object__find_program_by_name(obj, defs[i].prog);
		bpf_program__set_autoload(prog, offered(&defs[i], vmlinux) &&
							(!only || only == &defs[i]));
	}
	err = err ?: maps_bind(obj, sk->map, sk->ctl);
	err = err ?: bpf_object__load(obj);
	libbpf_set_print(print);
	if (err) {
		bpf_object__close(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static int attach_one(struct bpf_object *obj, const struct hook_def *def, struct hook_state *state)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, def->prog);
	libbpf_print_fn_t print;

	if (!bpf_program__autoload(prog))
		return def->optional ? 0 : -ENOENT;
	print = libbpf_set_print(object_quiet);
	state->tried = true;
	state->link = bpf_program__attach(prog);
	state->err = state->link ? 0 : -errno;
	libbpf_set_print(print);
	if (state->link)
		state->prog_fd = bpf_program__fd(prog);
	return state->err;
}

/* What each hook's program says when it is loaded and attached alone. */
static void try_each(struct skbext *sk, enum skbext_mode mode, struct btf *vmlinux)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++) {
		struct hook_state *state = &sk->hooks[i];
		struct bpf_object *obj;

		if (defs[i].mode != mode || !offered(&defs[i], vmlinux))
			continue;
		obj = load_mode(sk, mode, vmlinux, &defs[i]);
		state->tried = true;
		if (!obj) {
			state->err = -errno;
			continue;
		}
		attach_one(obj, &defs[i], state);
		bpf_link__destroy(state->link);
		state->link = NULL;
		state->prog_fd = -1;
		bpf_object__close(obj);
	}
}

void hooks_detach(struct skbext *sk)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++) {
		struct hook_state *state = &sk->hooks[i];

		bpf_link__destroy(state->link);
		state->link = NULL;
		state->prog_fd = -1;
	}
	bpf_object__close(sk->lifecycle);
	sk->lifecycle = NULL;
}

/*
 * Since 6.19 or so __alloc_skb() takes sk_buffs from the per-CPU NAPI cache, which no tracepoint
 * shows: a packet would find its predecessor's record. There napi_skb_cache_get() has an argument,
 * or is inlined and not to be seen.
 */
static bool births_in_sight(const struct btf *vmlinux)
{
	int id = btf__find_by_name_kind(vmlinux, "napi_skb_cache_get", BTF_KIND_FUNC);

	return id > 0 && !btf_vlen(btf__type_by_id(vmlinux, btf__type_by_id(vmlinux, id)->type));
}

static int no_tracepoint(const struct skbext *sk)
{
	if (sk->want == SKBEXT_MODE_TRACEPOINT)
		return fail(-EOPNOTSUPP, "on this kernel sk_buffs are used again without a trace, so the tracepoint mode would show packets the metadata of others; use --mode exact");
	return fail(-EOPNOTSUPP, "only the exact mode works on this kernel, where sk_buffs are used again without a trace, but %s",
		    sk->reason);
}

int hooks_load(struct skbext *sk, enum skbext_mode mode)
{
	struct btf *vmlinux = vmlinux_btf();
	int err;

	if (!vmlinux)
		return fail(-EOPNOTSUPP, "this kernel has no readable BTF (/sys/kernel/btf/vmlinux); it takes one built with CONFIG_DEBUG_INFO_BTF");
	if (mode == SKBEXT_MODE_TRACEPOINT && !births_in_sight(vmlinux))
		return no_tracepoint(sk);
	sk->lifecycle = load_mode(sk, mode, vmlinux, NULL);
	err = sk->lifecycle ? 0 : -errno;
	if (err && mode == SKBEXT_MODE_EXACT)
		try_each(sk, mode, vmlinux);
	return err;
}

bool hooks_can_trace(void)
{
	struct btf *vmlinux = vmlinux_btf();

	return vmlinux && births_in_sight(vmlinux);
}

void hooks_explain(struct skbext *sk, int err)
{
	if (hooks_silenced()) {
		not_complete(sk, "kernel.ftrace_enabled is 0, so fentry programs are not run (set it to 1)");
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++)
		if (defs[i].mode != SKBEXT_MODE_TRACEPOINT && sk->hooks[i].err) {
			hook_explain(sk, &defs[i], sk->hooks[i].err);
			return;
		}
	not_complete(sk, "loading its programs failed: %s", why_bpf(err));
}

/* fentry programs attach as ever, and then are not run: sysctl kernel.ftrace_enabled. */
bool hooks_silenced(void)
{
	FILE *f = fopen("/proc/sys/kernel/ftrace_enabled", "r");
	bool silenced = f && fgetc(f) == '0';

	if (f)
		fclose(f);
	return silenced;
}

static void keep_first(int *first, int err)
{
	if (!*first)
		*first = err;
}

/* All of the mode or none. */
int hooks_attach(struct skbext *sk)
{
	enum skbext_mode mode = sk->ctl->mode;
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	int err = mode == SKBEXT_MODE_EXACT && hooks_silenced() ? -EOPNOTSUPP : watch_learn(sk);
	bool all = !err;

	/* Also behind one that fails: each is told by its own error. */
	for (unsigned int i = 0; all && i < ARRAY_SIZE(defs); i++)
		if (in_mode(&defs[i], mode) && !is_idle(sk, &defs[i]))
			keep_first(&err, attach_one(sk->lifecycle, &defs[i], &sk->hooks[i]));
	libbpf_set_print(print);
	if (err)
		hooks_detach(sk);
	return err;
}

static bool is_attached(struct skbext *sk)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++)
		if (defs[i].role == SKBEXT_ROLE_RELEASE && is_there(sk, i))
			return true;
	return false;
}

static int wake(struct skbext *sk, unsigned int n)
{
	struct hook_state *state = &sk->hooks[n];

	return sk->lifecycle ? attach_one(sk->lifecycle, &defs[n], state) :
			       pin_wake(sk->dir, defs[n].name);
}

static int wake_for(struct skbext *sk, unsigned int n, const char *type)
{
	int err = seen(sk, n);

	if (err || is_there(sk, n))
		return err;
	err = wake(sk, n);
	if (err == -EEXIST)
		return fail(err, "type %s needs a hook, but what is pinned as %s/links/%s is not its link; remove that, or unload and load again",
			    type, sk->dir, defs[n].name);
	return err ? fail(err, "type %s needs hook %s, which cannot be attached: %s", type,
			  defs[n].name, why_bpf(err)) : 0;
}

int hooks_wake(struct skbext *sk, const char *type, __u32 flags)
{
	int err = 0;

	/* Not attached yet: hooks_attach() will see to it. */
	for (unsigned int i = 0; is_attached(sk) && !err && i < ARRAY_SIZE(defs); i++)
		if (defs[i].role == SKBEXT_ROLE_POLICY && in_mode(&defs[i], sk->ctl->mode) &&
		    drops(&defs[i], flags))
			err = wake_for(sk, i, type);
	return err;
}

static struct prog_counts counts_of(const struct hook_state *state)
{
	return state->prog_fd >= 0 ? prog_counts(state->prog_fd) : state->counts;
}

static void count_runs(const struct hook_state *state, struct skbext_hook *hook)
{
	struct prog_counts counts = counts_of(state);

	hook->missed = counts.missed;
	hook->runs = counts.runs;
	hook->run_time_ns = counts.run_time_ns;
}

void hooks_missed(struct skbext *sk, __u64 *by_role)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++)
		if (is_there(sk, i))
			by_role[defs[i].role] += counts_of(&sk->hooks[i]).missed;
}

int skbext_hook(struct skbext *sk, unsigned int n, struct skbext_hook *hook)
{
	const struct hook_def *def = hook_def(n);
	struct btf *vmlinux = vmlinux_btf();
	struct skbext_hook h = { .sz = hook->sz };

	if (!def)
		return -ENOENT;
	h.name = def->name;
	h.kind = def->kind;
	h.role = def->role;
	h.mode = def->mode;
	h.offered = vmlinux && offered(def, vmlinux);
	h.attached = is_there(sk, n);
	h.idle = !h.attached && sk->ctl && is_idle(sk, def);
	if (h.attached)
		count_runs(&sk->hooks[n], &h);
	h.err = sk->hooks[n].err;
	h.tried = sk->hooks[n].tried;
	memcpy(hook, &h, hook->sz < sizeof(h) ? hook->sz : sizeof(h));
	return 0;
}

/* Another version may have had fewer. What only looks at fates guards nothing. */
const struct hook_def *hooks_lost(struct skbext *sk)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++)
		if (in_mode(&defs[i], sk->ctl->mode) && defs[i].role != SKBEXT_ROLE_FATE &&
		    !is_there(sk, i) && !is_idle(sk, &defs[i]) &&
		    pin_has_program(sk->dir, defs[i].name))
			return &defs[i];
	return NULL;
}

const struct hook_def *hooks_missing(struct skbext *sk, enum skbext_mode mode)
{
	const struct hook_def *fate = NULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(defs); i++) {
		if (!in_mode(&defs[i], mode) || is_there(sk, i) ||
		    is_idle(sk, &defs[i]) ||
		    (defs[i].optional && !hook_offered(defs[i].name)))
			continue;
		if (defs[i].role != SKBEXT_ROLE_FATE)
			return &defs[i];
		fate = fate ?: &defs[i];
	}
	return fate;
}
