// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The native oracle: skbext must do with its records exactly what the kernel does with its own skb
 * extensions.
 *
 *	oracle [COMPARISONS [KIND OF TRAFFIC]]
 *
 * skbext runs in the exact mode with types that are named as the kernel's extensions. One BPF
 * object adds and deletes what their owners add and delete (oracle_mirror.bpf.c); sharing and
 * release are skbext's own hooks. Another compares both sides at every step of each packet
 * (oracle_compare.bpf.c), while MPTCP, IPsec and bridge netfilter traffic runs, round after
 * round until COMPARISONS were made. One difference fails. Without arguments it is brief.
 *
 * Hooks that the kernel did not run are told from those that did the wrong thing
 * (oracle_skipped.bpf.c). Printed are
 *	skipped by the kernel	runs of the share and release hooks, by its own count
 *	of these with metadata	shares and releases that were made up for
 *	not trusted for that	records that skbext did not trust after a skipped release
 *				(watch.bpf.h), and that were made anew
 *
 * Runs where fentry works and the machine is its own: tests/oracle/oracle.sh boots such machines, for a
 * million and more; the kernel matrix has the brief one.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <skbext/skbext.h>
#include "oracle_native.h"
#include "oracle_traffic.h"
#include "../../user/lib/cpus.h"
#include "test.h"

#define BRIEF_COMPARISONS	20000
#define QUIET_SECONDS		20

static const char *const hook_names[ORACLE_HOOKS] = {
	"netif_receive_skb", "net_dev_queue", "net_dev_start_xmit", "netif_rx", "kfree_skb",
	"consume_skb", "skb_release_head_state", "__consume_stateless_skb",
	"napi_skb_free_stolen_head", "skb_scrub_packet", "skb_scrub_packet done", "skb_clone",
	"skb_clone done", "skb_split", "__skb_ext_del", "ip_rcv", "ip_local_deliver", "ip_forward",
	"ip_output", "ipv6_rcv", "ip6_output", "ip_copy_metadata done", "ip6_copy_metadata done",
	"tcp_v4_rcv", "tcp_v6_rcv", "tcp_v4_do_rcv", "tcp_v6_do_rcv", "tcp_rcv_established",
	"tcp_queue_rcv", "udp_queue_rcv_skb", "udpv6_queue_rcv_skb",
	"__udp_enqueue_schedule_skb", "skb_consume_udp", "xfrm_input",
	"nf_hook_slow",
};

static struct {
	char bpffs[64];
	__u64 target;
	bool brief, up;
	const char *only;	/* this kind of traffic; NULL: all */
	struct oracle_native native;
	struct skbext *sk;
	struct bpf_object *mirror, *compare, *skipped;
	struct bpf_link *links[128];
	int nr_links;
	struct traffic_net net;
	const struct oracle_results *results;	/* mapped: what the programs are counting */
	const __u64 *acts;
	struct oracle_skips *skips;
} env;

/* ---- setting up */

/* What the traffic needs. Built in, or missing: then its traffic says so. */
static bool load_modules(void)
{
	return ASSERT_OK(system("for m in veth dummy bridge br_netfilter nf_tables nft_exthdr "
				"nf_conntrack nft_ct xfrm_user esp4 esp6 crypto_null "
				"iptable_filter xt_physdev can can_raw vcan vxcan; do "
				"modprobe $m 2>/dev/null; done; true"), "modules");
}

static bool load_skbext(void)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .bpffs_dir = env.bpffs,
		.capacity = 8192, .mode = SKBEXT_MODE_EXACT, .require_complete = true };

	opts.payload = ORACLE_KINDS * sizeof(struct oracle_payload);
	env.sk = skbext_open(&opts);
	if (!ASSERT_OK_PTR(env.sk, skbext_errmsg()) ||
	    !ASSERT_OK(skbext_load(env.sk), skbext_errmsg()) ||
	    !ASSERT_OK(skbext_attach(env.sk), skbext_errmsg()))
		return false;
	for (unsigned int i = 0; i < env.native.types; i++)
		if (!ASSERT_EQ(skbext_type_add(env.sk, env.native.name[i],
					       sizeof(struct oracle_payload), env.native.flags[i]),
			       i, env.native.name[i]))
			return false;
	return ASSERT_OK(skbext_pin(env.sk), skbext_errmsg());
}

/* Constants of the program, by name and by their place in .rodata. */
static bool set_constant(struct bpf_object *obj, const char *name, const void *value, size_t size)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *sec =
		btf__type_by_id(btf, btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC));
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
	size_t room;
	char *data = map ? bpf_map__initial_value(map, &room) : NULL;

	for (int i = 0; data && sec && i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *vi = btf_var_secinfos(sec) + i;
		const struct btf_type *var = btf__type_by_id(btf, vi->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), name) || vi->size != size)
			continue;
		memcpy(data + vi->offset, value, size);
		return true;
	}
	return TEST_FAIL("constant %s is not in %s", name, bpf_object__name(obj));
}

static bool is_offered(const char *section)
{
	const char *function = strchr(section, '/') + 1;

	if (!strncmp(section, "tp_btf/", 7))
		return true;
	/* Up to 6.17 another function has this name; there it is inlined. */
	if (!strcmp(function, "__mptcp_move_skb") && oracle_arguments(function) != 2)
		return false;
	return oracle_has_function(function);
}

/* Those that wait to be chosen: where the kernel has the function. */
static void choose_programs(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
		if (!bpf_program__autoload(prog))
			bpf_program__set_autoload(prog,
						  is_offered(bpf_program__section_name(prog)));
}

static bool attach_all(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		if (!bpf_program__autoload(prog) ||
		    bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER)
			continue;
		if (!ASSERT_GE((int)(sizeof(env.links) / sizeof(env.links[0])), env.nr_links + 1,
			       "links"))
			return false;
		env.links[env.nr_links] = bpf_program__attach(prog);
		if (!ASSERT_OK_PTR(env.links[env.nr_links], bpf_program__name(prog)))
			return false;
		env.nr_links++;
	}
	return true;
}

static struct bpf_object *open_object(const char *name)
{
	const char *dir = getenv("SKBEXT_TEST_OBJS");
	char path[512];
	struct bpf_object *obj;

	snprintf(path, sizeof(path), "%s/%s.bpf.o", dir ?: ".output/tests", name);
	obj = bpf_object__open_file(path, NULL);
	if (!ASSERT_OK_PTR(obj, path) ||
	    !set_constant(obj, "native_type", env.native.type, sizeof(env.native.type)))
		return NULL;
	return obj;
}

/* What the programs count, while they do. */
static void *map_section(struct bpf_object *obj, const char *section)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, section);
	void *at = map ? mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			      bpf_map__fd(map), 0) : MAP_FAILED;

	return at == MAP_FAILED ? NULL : at;
}

static bool load_object(struct bpf_object *obj)
{
	choose_programs(obj);
	return ASSERT_OK(skbext_bind(obj, env.bpffs), skbext_errmsg()) &&
	       ASSERT_OK(bpf_object__load(obj), bpf_object__name(obj)) && attach_all(obj);
}

/* The hooks of ours that oracle_skipped follows: where the kernel has the function. */
static const char *const followed[ORACLE_FOLLOWED] = {
	"__copy_skb_header", "ip_copy_metadata", "ip6_copy_metadata", "skb_release_head_state",
};

static __u32 hook_program(const char *function)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/links/%s", env.bpffs, function);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_link_get_info_by_fd(fd, &info, &len))
		info.prog_id = 0;
	if (fd >= 0)
		close(fd);
	return info.prog_id;
}

static bool name_hooks(struct bpf_object *obj)
{
	__u32 program[ORACLE_FOLLOWED] = {};

	for (int i = 0; i < ORACLE_FOLLOWED; i++) {
		program[i] = hook_program(followed[i]);
		if (oracle_has_function(followed[i]) && !ASSERT_NE(program[i], 0, followed[i]))
			return false;
	}
	return set_constant(obj, "hook_program", program, sizeof(program));
}

/* The program that finds the kernel's counters runs once, by being read. */
static bool learn(struct bpf_object *obj)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, "learn");
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	char nothing[64];
	bool ok = ASSERT_GE(fd, 0, "iterator") &&
		  ASSERT_EQ(read(fd, nothing, sizeof(nothing)), 0, "iterator");

	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	for (int i = 0; ok && i < ORACLE_FOLLOWED; i++)
		if (oracle_has_function(followed[i]))
			ok = ASSERT_NE(env.skips->misses[i][0], 0, followed[i]);
	return ok;
}

static bool load_skipped(void)
{
	env.skipped = open_object("oracle_skipped");
	if (!env.skipped || !name_hooks(env.skipped) || !load_object(env.skipped))
		return false;
	env.skips = map_section(env.skipped, ".data.skips");
	return ASSERT_OK_PTR(env.skips, "skips") &&
	       ASSERT_GE(ORACLE_CPUS, cpu_numbers(), "CPUs") && learn(env.skipped);
}

/*
 * The mirror first: a trampoline runs its youngest program first, so the comparison sees what was
 * before, and sees nothing that was made up for a skipped hook undone.
 */
static bool load_oracle(void)
{
	env.mirror = open_object("oracle_mirror");
	if (!env.mirror || !load_object(env.mirror))
		return false;
	env.acts = map_section(env.mirror, ".data.acts");
	env.compare = open_object("oracle_compare");
	if (!env.compare || !load_object(env.compare))
		return false;
	env.results = map_section(env.compare, ".data.results");
	return ASSERT_OK_PTR(env.acts, "acts") && ASSERT_OK_PTR(env.results, "results") &&
	       load_skipped();
}

static void down(void)
{
	while (env.nr_links)
		bpf_link__destroy(env.links[--env.nr_links]);
	if (!env.sk)
		return;
	skbext_close(env.sk);
	if (skbext_unpin(env.bpffs) < 0)
		fprintf(stderr, "    oracle: %s\n", skbext_errmsg());
}

/* ---- results */

static struct oracle_count total(void)
{
	struct oracle_count sum = {};

	for (int i = 0; i < ORACLE_HOOKS; i++) {
		const struct oracle_count *c = &env.results->count[i];

		sum.looked += c->looked;
		sum.compared += c->compared;
		sum.differing += c->differing;
		sum.payloads += c->payloads;
		sum.payloads_differing += c->payloads_differing;
	}
	return sum;
}

static void print_count(const char *name, const struct oracle_count *c)
{
	printf("oracle: %-28s compared %9llu differing %llu  payloads %9llu differing %llu  "
	       "looked %llu\n", name, c->compared, c->differing, c->payloads,
	       c->payloads_differing, c->looked);
}

static void print_bits(__u32 bits)
{
	for (unsigned int i = 0; i < env.native.types; i++)
		if (bits & 1 << i)
			fprintf(stderr, " %s", env.native.name[i]);
	if (!bits)
		fprintf(stderr, " none");
}

static void print_diff(const struct oracle_diff *d)
{
	fprintf(stderr, "    skb %llx at %s: kernel", d->skb, hook_names[d->hook]);
	print_bits(d->native);
	fprintf(stderr, ", skbext");
	print_bits(d->ours);
	if (d->payload)
		fprintf(stderr, "; payload word %llx is %llx", d->word[0], d->word[1]);
	fprintf(stderr, "\n       ");
	for (int i = 0; i < ORACLE_STACK && d->stack[i]; i++)
		if (oracle_symbol(d->stack[i]) && strncmp(oracle_symbol(d->stack[i]), "bpf_", 4))
			fprintf(stderr, " < %s", oracle_symbol(d->stack[i]));
	fprintf(stderr, "\n");
}

static __u64 printed_diffs;

static void print_new_diffs(void)
{
	for (; printed_diffs < env.results->diffs && printed_diffs < ORACLE_DIFFS; printed_diffs++)
		print_diff(&env.results->diff[printed_diffs]);
}

static __u64 missed(struct bpf_object *obj)
{
	struct bpf_program *prog;
	__u64 sum = 0;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__autoload(prog) &&
		    !bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

/* ---- rounds of traffic */

static struct oracle_count by_traffic[ORACLE_TRAFFIC_MAX];

static int record_left(const struct skbext_record *rec, void *arg)
{
	fprintf(stderr, "    left: skb %llx active %x refs %u\n", rec->skb, rec->active, rec->refs);
	return 0;
}

/*
 * With the traffic gone, so are the packets and their records; deferred frees need a packet on each
 * CPU.
 */
static void expect_quiet(const char *name)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };

	for (int i = 0; i < QUIET_SECONDS * 20; i++) {
		ASSERT_OK(traffic_poke(&env.net), "poke");
		ASSERT_OK(skbext_stats(env.sk, &stats), skbext_errmsg());
		if (!stats.live && !stats.orphans)
			return;
		usleep(50000);
	}
	ASSERT_EQ(stats.live, 0, name);
	ASSERT_EQ(stats.orphans, 0, name);
	skbext_for_each(env.sk, record_left, NULL);
}

static void add_difference(struct oracle_count *to, const struct oracle_count *before)
{
	struct oracle_count after = total();

	to->looked += after.looked - before->looked;
	to->compared += after.compared - before->compared;
	to->differing += after.differing - before->differing;
	to->payloads += after.payloads - before->payloads;
	to->payloads_differing += after.payloads_differing - before->payloads_differing;
}

static __u64 seen_extension(const char *name)
{
	for (unsigned int i = 0; name && i < env.native.types; i++)
		if (!strcmp(env.native.name[i], name))
			return env.results->seen[i];
	return 0;
}

static bool run_traffic(unsigned int n, unsigned int times)
{
	const struct oracle_traffic *t = &oracle_traffic[n];
	struct oracle_count before = total();
	__u64 seen = seen_extension(t->extension);
	time_t start = time(NULL);

	if (!ASSERT_OK(traffic_net_up(&env.net), "namespaces"))
		return false;
	ASSERT_OK(oracle_traffic_run(t, &env.net, times), t->name);
	expect_quiet(t->name);
	traffic_net_down(&env.net);
	add_difference(&by_traffic[n], &before);
	fprintf(stderr, "    traffic %s: %ld s, so far compared %llu differing %llu\n", t->name,
		(long)(time(NULL) - start), total().compared, total().differing);
	if (t->extension)
		ASSERT_GE(seen_extension(t->extension), seen + 1, t->name);
	print_new_diffs();
	return !test_failures;
}

static bool is_built(const char *extension)
{
	for (unsigned int i = 0; i < env.native.types; i++)
		if (!strcmp(env.native.name[i], extension))
			return true;
	return false;
}

static bool wanted(const struct oracle_traffic *t)
{
	if (env.only)
		return !strcmp(env.only, t->name);
	if (t->flags & ORACLE_IF_BUILT && !is_built(t->extension))
		return false;
	return !env.brief || t->flags & ORACLE_BRIEF;
}

/* All of them at least once, and again until there were enough comparisons. */
static void run_rounds(void)
{
	unsigned int times = env.brief ? 2 : 1;
	bool ok = true;

	for (int round = 0; ok && (!round || total().compared < env.target); round++) {
		for (unsigned int n = 0; ok && oracle_traffic[n].name; n++) {
			if (!wanted(&oracle_traffic[n]))
				continue;
			if (round && total().compared >= env.target)
				break;
			ok = run_traffic(n, times);
		}
		times = 16;
	}
}

/* Runs of skbext's own hook that the kernel skipped, by its own count; function NULL: of a role. */
static __u64 hook_missed(const char *function, enum skbext_role role)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	__u64 sum = 0;

	for (unsigned int i = 0; !skbext_hook(env.sk, i, &hook); i++)
		if (function ? !strcmp(hook.name, function) : hook.role == role)
			sum += hook.missed;
	return sum;
}

static __u64 renewed(void)
{
	struct bpf_object *const objects[] = { env.mirror, env.compare, env.skipped };
	__u64 sum = 0;

	for (int i = 0; i < 3; i++) {
		const __u64 *n = map_section(objects[i], ".data.renewed");

		if (ASSERT_OK_PTR(n, "renewed"))
			sum += *n;
	}
	return sum;
}

static __u64 all_missed(void)
{
	__u64 sum = 0;

	for (int i = 0; i < ORACLE_FOLLOWED; i++)
		sum += hook_missed(followed[i], 0);
	return sum;
}

static __u64 all_skipped(void)
{
	__u64 sum = 0;

	for (int i = 0; i < ORACLE_FOLLOWED; i++)
		sum += env.skips->skipped[i];
	return sum;
}

/* What was excused is within what the kernel says that it skipped. */
static void check_skipped(void)
{
	for (int i = 0; i < ORACLE_FOLLOWED; i++) {
		__u64 missed = hook_missed(followed[i], 0);

		if (missed && !env.brief)
			printf("oracle: %-28s skipped by the kernel %llu, "
			       "of these with metadata %llu\n",
			       followed[i], missed, env.skips->skipped[i]);
		ASSERT_GE(missed, env.skips->skipped[i], followed[i]);
	}
	if (renewed())
		ASSERT_GE(hook_missed(NULL, SKBEXT_ROLE_RELEASE), 1, "records not trusted");
}

static void print_types(void)
{
	printf("oracle: extensions of this kernel:");
	for (unsigned int i = 0; i < env.native.types; i++)
		printf(" %s", env.native.name[i]);
	printf("; not built into it:");
	for (int kind = 0; kind < ORACLE_KINDS; kind++)
		if (!oracle_native_has(&env.native, kind))
			printf(" %s", oracle_kind_name(kind));
	printf("\n");
}

static void print_details(void)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };

	print_types();
	for (int i = 0; i < ORACLE_HOOKS; i++)
		if (env.results->count[i].looked)
			print_count(hook_names[i], &env.results->count[i]);
	for (unsigned int i = 0; oracle_traffic[i].name; i++)
		if (by_traffic[i].looked)
			print_count(oracle_traffic[i].name, &by_traffic[i]);
	printf("oracle: acts of owners: add %llu, del %llu, set %llu, mptcp split %llu, "
	       "taken %llu, moved %llu; payloads taken over %llu\n",
	       env.acts[ORACLE_ACT_ADD], env.acts[ORACLE_ACT_DEL], env.acts[ORACLE_ACT_SET],
	       env.acts[ORACLE_ACT_MPTCP_SPLIT], env.acts[ORACLE_ACT_MPTCP_TAKEN],
	       env.acts[ORACLE_ACT_MPTCP_MOVED], env.results->taken);
	ASSERT_OK(skbext_stats(env.sk, &stats), skbext_errmsg());
	printf("oracle: skbext: shares %llu, cow %llu, scrubbed %llu, missed_hooks %llu\n",
	       stats.shares, stats.cow, stats.scrubbed, stats.missed_hooks);
	printf("oracle: runs of its own that the kernel skipped: %llu of the mirror and "
	       "%llu that follow skbext's hooks (each is tried three times), "
	       "%llu of the comparison\n",
	       missed(env.mirror), missed(env.skipped), missed(env.compare));
}

static void print_results(void)
{
	struct oracle_count sum = total();

	if (!env.brief)
		print_details();
	check_skipped();
	printf("oracle: compared %llu differing %llu payloads %llu differing %llu; "
	       "skipped by the kernel %llu, of these with metadata %llu; "
	       "not trusted for that %llu\n",
	       sum.compared, sum.differing, sum.payloads, sum.payloads_differing,
	       all_missed(), all_skipped(), renewed());
}

/* ---- the two cases */

static bool up(void)
{
	return load_modules() &&
	       ASSERT_OK(oracle_native_read(&env.native), "the kernel's extensions") &&
	       load_skbext() && load_oracle();
}

static void oracle(void)
{
	struct oracle_count sum;

	if (!oracle_has_function("skb_ext_add"))
		TEST_SKIP("this kernel has no skb extensions to compare with");
	if (!up())
		return;
	env.up = true;
	run_rounds();
	print_results();
	sum = total();
	ASSERT_GE(sum.compared, env.target, "comparisons");
	ASSERT_EQ(sum.differing, 0, "differing");
	ASSERT_EQ(sum.payloads_differing, 0, "payloads differing");
}

/*
 * None of these is the kernel's doing: they must be found, and what is made up for meanwhile be the
 * kernel's.
 */
static void expect_differing(const char *fault)
{
	struct oracle_count before = total();
	__u64 skipped = all_skipped(), missed = all_missed();

	if (!ASSERT_OK(traffic_net_up(&env.net), "namespaces"))
		return;
	ASSERT_OK(oracle_traffic_run(&oracle_traffic[0], &env.net, 1), fault);
	traffic_net_down(&env.net);
	ASSERT_GE(total().differing, before.differing + 10, fault);
	ASSERT_GE(all_missed() - missed, all_skipped() - skipped, fault);
}

static void oracle_sees_faults(void)
{
	if (!env.up)
		TEST_SKIP("the oracle did not run");
	env.skips->lose = 8;
	expect_differing("shares without a record");
	env.skips->lose = 0;
	for (unsigned int i = 0; i < env.native.types; i++)
		if (env.native.type[i].kind == ORACLE_sec_path)
			env.skips->invented = i;
	env.skips->invent = 8;
	expect_differing("clones with an extension too much");
	env.skips->invent = 0;
}

int main(int argc, char **argv)
{
	env.brief = argc < 2;
	env.target = argc > 1 ? strtoull(argv[1], NULL, 0) : BRIEF_COMPARISONS;
	env.only = argc > 2 ? argv[2] : NULL;
	snprintf(env.bpffs, sizeof(env.bpffs), "/sys/fs/bpf/skbext-oracle-%d", getpid());
	test_case(1, argv, "oracle", oracle);
	test_case(1, argv, "oracle_sees_faults", oracle_sees_faults);
	down();
	return TEST_EXIT();
}
