// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The native oracle: skbext must do with its records exactly what the kernel does with its own skb extensions.
 *
 *	oracle [COMPARISONS]
 *
 * skbext runs in the exact mode with types that are named as the kernel's extensions. One BPF object adds and deletes what
 * their owners add and delete (progs/oracle_mirror.bpf.c); sharing and release are skbext's own hooks. Another
 * compares both sides at every step of each packet (progs/oracle_compare.bpf.c), while MPTCP, IPsec and bridge
 * netfilter traffic runs, round after round until COMPARISONS were made. One difference fails.
 *
 * Runs where fentry works and the machine is its own: tests/oracle.sh boots such machines.
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
#include "test.h"
#include "traffic.h"
#include "traffic_ext.h"

#define DEFAULT_COMPARISONS	30000
#define QUIET_SECONDS		20

static const char *const hook_names[ORACLE_HOOKS] = {
	"netif_receive_skb", "net_dev_queue", "net_dev_start_xmit", "netif_rx", "kfree_skb", "consume_skb",
	"skb_release_head_state", "__consume_stateless_skb", "napi_skb_free_stolen_head", "skb_scrub_packet",
	"skb_scrub_packet done", "skb_clone", "skb_clone done", "skb_split", "__skb_ext_del", "ip_rcv",
	"ip_local_deliver", "ip_forward", "ip_output", "ipv6_rcv", "ip6_output", "ip_copy_metadata done",
	"ip6_copy_metadata done", "tcp_v4_rcv", "tcp_v6_rcv", "tcp_v4_do_rcv", "tcp_v6_do_rcv",
	"tcp_rcv_established", "tcp_queue_rcv", "udp_queue_rcv_skb", "udpv6_queue_rcv_skb",
	"__udp_enqueue_schedule_skb", "skb_consume_udp", "xfrm_input",
	"nf_hook_slow",
};

static struct {
	char bpffs[64];
	__u64 target;
	struct oracle_native native;
	struct skbext *sk;
	struct bpf_object *mirror, *compare;
	struct bpf_link *links[64];
	int nr_links;
	struct traffic_net net;
	struct oracle_results *results;	/* mapped: what the programs are counting */
	__u64 *acts;
} env;

/* ---- setting up */

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
		if (!ASSERT_EQ(skbext_type_add(env.sk, env.native.name[i], sizeof(struct oracle_payload),
					       env.native.flags[i]), i, env.native.name[i]))
			return false;
	return ASSERT_OK(skbext_pin(env.sk), skbext_errmsg());
}

/* Constants of the program, by name and by their place in .rodata. */
static bool set_constant(struct bpf_object *obj, const char *name, const void *value, size_t size)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *sec = btf__type_by_id(btf, btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC));
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
			bpf_program__set_autoload(prog, is_offered(bpf_program__section_name(prog)));
}

static bool attach_all(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		if (!bpf_program__autoload(prog))
			continue;
		if (!ASSERT_GE((int)(sizeof(env.links) / sizeof(env.links[0])), env.nr_links + 1, "links"))
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
	void *at = map ? mmap(NULL, bpf_map__value_size(map), PROT_READ, MAP_SHARED, bpf_map__fd(map), 0) : MAP_FAILED;

	return at == MAP_FAILED ? NULL : at;
}

static bool load_object(struct bpf_object *obj)
{
	choose_programs(obj);
	return ASSERT_OK(skbext_bind(obj, env.bpffs), skbext_errmsg()) &&
	       ASSERT_OK(bpf_object__load(obj), bpf_object__name(obj)) && attach_all(obj);
}

/* The mirror first: a trampoline runs its youngest program first, so the comparison sees what was before. */
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
	return ASSERT_OK_PTR(env.acts, "acts") && ASSERT_OK_PTR(env.results, "results");
}

static void down(void)
{
	while (env.nr_links)
		bpf_link__destroy(env.links[--env.nr_links]);
	skbext_close(env.sk);
	ASSERT_GE(skbext_unpin(env.bpffs), 0, "unpin");
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
	printf("oracle: %-28s compared %9llu differing %llu  payloads %9llu differing %llu  looked %llu\n", name,
	       c->compared, c->differing, c->payloads, c->payloads_differing, c->looked);
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

		if (bpf_program__autoload(prog) && !bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

/* ---- traffic */

#define MiB (1U << 20)

static unsigned int scale = 1;	/* once all kinds were seen, more at a time: setting up takes longest */

static int mptcp_bulk(unsigned int bytes)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = bytes * scale, .size = 8192, .mptcp = true };
	struct traffic_result r;

	return traffic_tcp(&env.net, &t, &r);
}

static int tcp_bulk(unsigned int bytes)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = bytes * scale, .size = 8192 };
	struct traffic_result r;

	return traffic_tcp(&env.net, &t, &r);
}

static int udp(unsigned int count, unsigned int size)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = count * scale, .size = size };
	struct traffic_result r;

	return traffic_udp(&env.net, &t, &r);
}

static int run_mptcp(void)
{
	return mptcp_bulk(MiB / 4);
}

static int run_mptcp_lo(void)
{
	struct traffic t = { .place = TRAFFIC_LO, .count = MiB / 4 * scale, .size = 8192, .mptcp = true, .two_cpus = true };
	struct traffic_result r;

	return traffic_tcp(&env.net, &t, &r);
}

static int run_mptcp_connections(void)
{
	struct traffic t = { .place = TRAFFIC_VETH, .count = 8, .size = 512, .mptcp = true };
	struct traffic_result r;

	return traffic_tcp_connections(&env.net, &t, &r);
}

static int run_mptcp_fallback(void)
{
	return traffic_ext_strip_mptcp(&env.net) ?: mptcp_bulk(MiB / 16) ?:
	       traffic_ext_mptcp_counted(&env.net, 0, "MPCapableFallbackSYNACK");
}

static int run_mptcp_join(void)
{
	return traffic_ext_mptcp_join(&env.net) ?: mptcp_bulk(MiB / 4) ?:
	       traffic_ext_mptcp_counted(&env.net, 1, "MPJoinAckRx");
}

static int run_esp(enum traffic_esp kind)
{
	int err = traffic_ext_esp(&env.net, kind);

	err = err ?: udp(100, 100) ?: udp(10, 4000) ?: tcp_bulk(MiB / 16) ?: mptcp_bulk(MiB / 8);
	return err ?: traffic_ext_esp_off(&env.net);
}

static int run_esp_transport(void)
{
	return run_esp(TRAFFIC_ESP_TRANSPORT);
}

static int run_esp_tunnel(void)
{
	return run_esp(TRAFFIC_ESP_TUNNEL);
}

static int run_esp_tunnel6(void)
{
	return run_esp(TRAFFIC_ESP_TUNNEL6);
}

static int run_bridge(bool flood)
{
	struct traffic_bridge bridge;
	int err = traffic_ext_bridge(&env.net, &bridge, flood);

	if (err)
		return err;
	err = udp(100, 100) ?: udp(10, 4000) ?: tcp_bulk(MiB / 16) ?: mptcp_bulk(MiB / 8);
	traffic_ext_bridge_down(&bridge);
	return err;
}

static int run_bridge_learned(void)
{
	return run_bridge(false);
}

static int run_bridge_flood(void)
{
	return run_bridge(true);
}

static const struct scenario {
	const char *name;
	const char *extension;	/* at least one packet must carry it */
	int (*run)(void);
	bool large;		/* packets as large as they come, for TCP to cut */
} scenarios[] = {
	{ "mptcp", "mptcp", run_mptcp, false },
	{ "mptcp_large", "mptcp", run_mptcp, true },
	{ "mptcp_lo", "mptcp", run_mptcp_lo, false },
	{ "mptcp_connections", "mptcp", run_mptcp_connections, false },
	{ "mptcp_join", "mptcp", run_mptcp_join, false },
	{ "mptcp_fallback", NULL, run_mptcp_fallback, false },
	{ "esp_transport", "sec_path", run_esp_transport, false },
	{ "esp_tunnel", "sec_path", run_esp_tunnel, false },
	{ "esp_tunnel6", "sec_path", run_esp_tunnel6, false },
	{ "bridge", "bridge_nf", run_bridge_learned, false },
	{ "bridge_flood", "bridge_nf", run_bridge_flood, false },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static struct oracle_count by_scenario[SCENARIOS];
static const char *only;

static int record_left(const struct skbext_record *rec, void *arg)
{
	fprintf(stderr, "    left: skb %llx active %x refs %u\n", rec->skb, rec->active, rec->refs);
	return 0;
}

/* With the traffic gone, so are the packets and their records; deferred frees need a packet on each CPU. */
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

static bool run_scenario(unsigned int n)
{
	const struct scenario *s = &scenarios[n];
	struct oracle_count before = total();
	time_t start = time(NULL);
	__u64 seen = seen_extension(s->extension);

	if (!ASSERT_OK(traffic_net_up(&env.net), "namespaces"))
		return false;
	if (!s->large)
		ASSERT_OK(traffic_ext_small(&env.net, 1400), "small packets");
	ASSERT_OK(s->run(), s->name);
	expect_quiet(s->name);
	traffic_net_down(&env.net);
	add_difference(&by_scenario[n], &before);
	fprintf(stderr, "    traffic %s: %ld s, so far compared %llu differing %llu\n", s->name,
		(long)(time(NULL) - start), total().compared, total().differing);
	if (s->extension)
		ASSERT_GE(seen_extension(s->extension), seen + 1, s->name);
	print_new_diffs();
	return !test_failures;
}

/* All of them at least once, and again until there were enough comparisons. */
static void run_rounds(void)
{
	bool ok = true;

	for (int round = 0; ok && (!round || total().compared < env.target); round++) {
		scale = round ? 16 : 1;
		for (unsigned int n = 0; ok && n < SCENARIOS; n++) {
			if (only && strcmp(only, scenarios[n].name))
				continue;
			if (round && total().compared >= env.target)
				break;
			ok = run_scenario(n);
		}
	}
}

static void print_results(void)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };
	struct oracle_count sum = total();

	for (int i = 0; i < ORACLE_HOOKS; i++)
		if (env.results->count[i].looked)
			print_count(hook_names[i], &env.results->count[i]);
	for (unsigned int i = 0; i < SCENARIOS; i++)
		if (by_scenario[i].looked)
			print_count(scenarios[i].name, &by_scenario[i]);
	print_count("all", &sum);
	printf("oracle: acts of owners: add %llu, del %llu, set %llu, mptcp split %llu, mptcp taken %llu; "
	       "payloads taken over %llu\n",
	       env.acts[ORACLE_ACT_ADD], env.acts[ORACLE_ACT_DEL], env.acts[ORACLE_ACT_SET],
	       env.acts[ORACLE_ACT_MPTCP_SPLIT], env.acts[ORACLE_ACT_MPTCP_TAKEN], env.results->taken);
	ASSERT_OK(skbext_stats(env.sk, &stats), skbext_errmsg());
	printf("oracle: skbext: shares %llu, cow %llu, scrubbed %llu, missed_hooks %llu; "
	       "runs that the kernel skipped: %llu of the mirror (each act is tried three times), %llu of the comparison\n",
	       stats.shares, stats.cow, stats.scrubbed, stats.missed_hooks, missed(env.mirror), missed(env.compare));
}

static void oracle(void)
{
	struct oracle_count sum;

	if (!oracle_has_function("skb_ext_add"))
		TEST_SKIP("this kernel has no skb extensions to compare with");
	if (!ASSERT_OK(oracle_native_read(&env.native), "the kernel's extensions") || !load_skbext())
		return;
	if (load_oracle()) {
		run_rounds();
		print_results();
		sum = total();
		ASSERT_GE(sum.compared, env.target, "comparisons");
		ASSERT_EQ(sum.differing, 0, "differing");
		ASSERT_EQ(sum.payloads_differing, 0, "payloads differing");
	}
	down();
}

int main(int argc, char **argv)
{
	env.target = argc > 1 ? strtoull(argv[1], NULL, 0) : DEFAULT_COMPARISONS;
	only = argc > 2 ? argv[2] : NULL;
	snprintf(env.bpffs, sizeof(env.bpffs), "/sys/fs/bpf/skbext-oracle-%d", getpid());
	test_case(1, argv, "oracle", oracle);
	return TEST_EXIT();
}
