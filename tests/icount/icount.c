// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The guest's half of scripts/icount: what programs on a packet's way cost, in a machine whose
 * clock counts instructions.
 *
 * One process sends a packet over loopback and receives it, again and again: nothing else runs,
 * so the clock's difference is what that packet took, softirq included. Times are taken over
 * blocks of 100 packets (one of which is tagged in the "1 %" variants); the median block tells,
 * because the timer's tick is in one block of some. UDP repeats to the instruction. On 6.1 a TCP
 * packet takes one of two numbers, 280 apart, from variant to variant (seen, not explained);
 * later kernels repeat to 10.
 *
 *	icount [--quick | --guard | --author] DIRECTORY
 *
 * The directory is that of the BPF objects, and of the module where there is one; --guard: the rows of
 * tests/icount/icount.expected, --author: those of tests/icount/icount_author.h.
 *
 * A table on stderr, one JSON object a line on stdout.
 */
#include "icount_env.h"
#include "icount_author.h"
#include "icount_ext.h"

/* ---- variants */

/*
 * For some seconds after boot, and until the first programs came and went, a kernel has work of
 * its own that doubles what a packet takes. Wait until it takes the same several times in a row.
 */
static void settle(void)
{
	double t[11], last = 0;
	int same = 0;

	while (same < SETTLED || now() < WARM_UP_NS) {
		double udp_now;

		if (now() > WARM_UP_LIMIT)
			die("this kernel does not settle");
		attach_hooks(&empty, HOOKS);
		block("tcp");
		detach_hooks();
		udp_now = median_of("udp", t, 11);
		same = udp_now > last * 1.0005 || udp_now < last * 0.9995 ? 0 : same + 1;
		last = udp_now;
	}
	fprintf(stderr, "settled %.1f s after boot\n", now() / 1e9);
}

static void untagged(const char *traffic, const char *name, const struct set *set, int base)
{
	attach_hooks(set, HOOKS);
	measure(traffic, name, "all hooks", base);
	detach_hooks();
}

/*
 * Tagged, over the same hooks with an empty writer and reader: what add, find and the
 * record's end cost.
 */
static void tagged(const char *traffic, const char *name, const struct set *set)
{
	int base;

	attach_hooks(set, HOOKS);
	attach_tc(&empty, "write_all");
	base = measure(traffic, name, "empty writer and reader", -1);
	detach_tc();
	attach_tc(set, "write_some");
	measure(traffic, name, "1 % tagged", base);
	detach_tc();
	attach_tc(set, "write_all");
	measure(traffic, name, "all tagged", base);
	detach_tc();
	detach_hooks();
}

/* The same for a packet that is tagged before TCP clones it: add, share, find, and two ends. */
static void tagged_clones(const char *name, const struct set *set)
{
	int base = -1;

	for (int full = 0; full < 2; full++) {
		const struct set *user = full ? set : &empty;

		attach_hooks(set, HOOKS);
		attach(set_find(user, "skb_clone"));
		attach_tc(user, NULL);
		base = measure("tcp", name,
			       full ? "tagged, then cloned" : "empty ones, before clone", base);
		detach_tc();
		detach_hooks();
	}
}

static void hook_prices(int nothing)
{
	int head = set_find(&empty, "skb_release_head_state");

	attach(head);
	measure("udp", "one empty program", "skb_release_head_state", nothing);
	attach(set_find(&empty, "second"));
	measure("udp", "two empty programs", "skb_release_head_state", nothing);
	detach_hooks();
}

static void each_alone(const char *traffic, const char *name, const struct set *set, int nothing)
{
	struct skbext_hook hook;

	for (unsigned int n = 0; hook_get(n, &hook); n++) {
		int prog = role_of(hook.name) & HOOKS ? set_find(set, hook.name) : -1;

		if (prog < 0)
			continue;
		attach(prog);
		measure(traffic, name, hook.name, nothing);
		detach_hooks();
	}
}

static void subset(const char *detail, int mask, int nothing)
{
	attach_hooks(&skbext, mask);
	measure("udp", "skbext", detail, nothing);
	detach_hooks();
}

static void udp_variants(void)
{
	int nothing = measure("udp", "nothing attached", "", -1);

	hook_prices(nothing);
	untagged("udp", "empty programs", &empty, nothing);
	untagged("udp", "skbext", &skbext, nothing);
	subset("all but policy", HOOKS & ~POLICY, nothing);
	subset("all but fate", HOOKS & ~FATE, nothing);
	subset("release and share", RELEASE | SHARE, nothing);
	untagged("udp", "hash, delete", &hash, nothing);
	untagged("udp", "hash, look first", &hash_look, nothing);
	each_alone("udp", "skbext, one hook", &skbext, nothing);
	tagged("udp", "skbext", &skbext);
	tagged("udp", "hash, delete", &hash);
	measure("udp", "nothing attached", "again", nothing);
}

/* The rows that tests/icount/test_icount.sh watches: few, to be quick. */
static void guarded(const char *kernel, const char *dir)
{
	int nothing = measure("udp", "nothing attached", "", -1);

	untagged("udp", "skbext", &skbext, nothing);
	subset("release and share", RELEASE | SHARE, nothing);
	tagged("udp", "skbext", &skbext);
	author_variants(kernel, true);
	nothing = measure("tcp", "nothing attached", "", -1);
	untagged("tcp", "skbext", &skbext, nothing);
	tagged_clones("skbext", &skbext);
	ext_variants(kernel, dir, true);
}

static void tcp_variants(void)
{
	int nothing = measure("tcp", "nothing attached", "", -1);

	untagged("tcp", "empty programs", &empty, nothing);
	untagged("tcp", "skbext", &skbext, nothing);
	untagged("tcp", "hash, delete", &hash, nothing);
	untagged("tcp", "hash, look first", &hash_look, nothing);
	tagged("tcp", "skbext", &skbext);
	tagged("tcp", "hash, delete", &hash);
	tagged_clones("skbext", &skbext);
	tagged_clones("hash, delete", &hash);
	measure("tcp", "nothing attached", "again", nothing);
}

static void all_variants(const char *kernel, const char *dir)
{
	udp_variants();
	tcp_variants();
	author_variants(kernel, false);
	ext_variants(kernel, dir, false);
	count_runs(&skbext, "udp", kernel);
	count_runs(&skbext, "tcp", kernel);
}

/* A variant that lost its records measured something else. */
static void check_stats(struct skbext *sk, bool shares)
{
	struct skbext_stats st = { .sz = sizeof(st) };

	if (skbext_stats(sk, &st))
		die("%s", skbext_errmsg());
	fprintf(stderr, "skbext: %llu adds, %llu shares, %llu releases, %llu live, %llu refused, "
		"%llu missed\n", st.adds, st.shares, st.releases, st.live,
		st.add_failed + st.share_failed, st.missed_hooks);
	if (!st.adds || (shares && !st.shares) || st.add_failed || st.share_failed || st.live > 8)
		die("the records are not what the traffic should have made of them");
}

static void print_json(const char *kernel)
{
	for (int i = 0; i < nr_rows; i++) {
		const struct row *r = &rows[i];

		printf("{\"kernel\":\"%s\",\"traffic\":\"%s\",\"variant\":\"%s\",", kernel,
		       r->traffic, r->name);
		printf("\"detail\":\"%s\",\"median\":%.2f,\"min\":%.2f,\"max\":%.2f", r->detail,
		       r->median, r->min, r->max);
		if (r->base >= 0)
			printf(",\"over\":\"%s, %s\",\"added\":%.2f", rows[r->base].name,
			       rows[r->base].detail, r->median - rows[r->base].median);
		printf("}\n");
	}
}

static void load_all(const char *dir)
{
	load_object(open_object(dir, "empty"), &empty);
	load_hash(dir, &hash, BPF_MAP_TYPE_HASH, false);
	load_hash(dir, &hash_look, BPF_MAP_TYPE_HASH, true);
	load_hash(dir, &lru, BPF_MAP_TYPE_LRU_PERCPU_HASH, false);
}

int main(int argc, char **argv)
{
	struct skbext *sk;
	struct utsname uts;
	bool guard, author;

	if (argc < 2)
		return 2;
	guard = !strcmp(argv[1], "--guard");
	author = !strcmp(argv[1], "--author");
	if (guard || author || !strcmp(argv[1], "--quick"))
		blocks = 21;
	uname(&uts);
	connect_pair(udp, SOCK_DGRAM);
	connect_pair(tcp, SOCK_STREAM);
	load_all(argv[argc - 1]);
	sk = load_skbext(argv[argc - 1]);
	settle();
	fprintf(stderr, "%s: instructions per packet, median of %d blocks of %d\n", uts.release,
		blocks, BLOCK);
	if (guard)
		guarded(uts.release, argv[argc - 1]);
	else if (author)
		author_variants(uts.release, false);
	else
		all_variants(uts.release, argv[argc - 1]);
	check_stats(sk, !author);
	print_json(uts.release);
	skbext_close(sk);
	skbext_unpin(BPFFS);
	return 0;
}
