// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <skbext/skbext.h>
#include "paths_run.h"
#include "lifecycle_types.h"
#include "test.h"

#define BPFFS		"/sys/fs/bpf/paths"
#define ENOTSUPP	524	/* the kernel's own, which user space sees all the same */
#define TRIES		3
#define PATIENCE	10	/* seconds: what is sent arrives, or is lost */

static struct {
	struct skbext *sk;
	struct traffic_net quiet;		/* stays: somewhere to poke from */
	struct bpf_object *birth;
	struct bpf_link *births[16];
	int nr_births, failed;
	__u64 replaced;				/* where the kernel does it */
	char why[256];
} env;

/* Of the running path. */
static struct {
	const struct path *path;
	struct traffic_net net;
	bool symbols_read;
	struct bpf_object *obj;
	struct bpf_link *link[PATHS_POINTS];
	struct paths_point point[PATHS_POINTS];
	struct paths_seen seen[PATHS_POINTS];
} run;

struct numbers {
	struct skbext_stats stats;
	struct lifecycle_births births;
};

int paths_failed(void)
{
	return env.failed;
}

int paths_why(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(env.why, sizeof(env.why), fmt, args);
	va_end(args);
	return -EOPNOTSUPP;
}

/* ---- points */

static const char *object_path(const char *name)
{
	static char path[512];
	const char *dir = getenv("SKBEXT_TEST_OBJS");

	snprintf(path, sizeof(path), "%s/%s", dir ?: ".output/tests", name);
	return path;
}

/* Each line begins with a space, so that a name stands between a space and a space or tab. */
static char *symbols;

/* Slow in an emulated machine: once, and once more for what a module brought. */
static void read_symbols(void)
{
	size_t used = 0, room = 1 << 20, n;
	FILE *f = fopen("/proc/kallsyms", "r");

	free(symbols);
	symbols = malloc(room);
	while (f && symbols && (n = fread(symbols + used, 1, room - used - 1, f)) > 0) {
		used += n;
		if (room - used < 1 << 16)
			symbols = realloc(symbols, room *= 2);
	}
	if (!symbols)
		abort();
	symbols[used] = 0;
	if (f)
		fclose(f);
}

static bool has_symbol(const char *name)
{
	size_t len = strlen(name);

	for (const char *at = symbols; at && (at = strstr(at, name)); at += len)
		if (at[-1] == ' ' && strchr("\t\n", at[len]))
			return true;
	return false;
}

/* BTF also knows functions without a symbol. */
static bool kernel_has(const char *function)
{
	if (!symbols)
		read_symbols();
	if (has_symbol(function))
		return true;
	if (!run.path || !run.path->modules || run.symbols_read)
		return false;
	run.symbols_read = true;
	read_symbols();
	return has_symbol(function);
}

struct place {
	const char *program;	/* kind of it */
	char function[64];
	__u32 arg, how;
};

static bool parse_place(const char *where, size_t len, struct place *place)
{
	static const struct { const char *prefix, *program; __u32 how; } kinds[] = {
		{ "tp:", "tracepoint", PATHS_ARG },
		{ "ret:", "return", PATHS_ARG },
		{ "napi:", "entry", PATHS_NAPI },
		{ "", "entry", PATHS_ARG },
	};
	char text[80];
	char *slash;

	snprintf(text, sizeof(text), "%.*s", (int)len, where);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t skip = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, skip))
			continue;
		slash = strchr(text, '/');
		place->arg = slash ? atoi(slash + 1) : 0;
		if (slash)
			*slash = 0;
		place->program = kinds[i].program;
		place->how = kinds[i].how;
		snprintf(place->function, sizeof(place->function), "%.63s", text + skip);
		break;
	}
	return !strcmp(place->program, "tracepoint") || kernel_has(place->function);
}

static bool find_place(const char *where, struct place *place)
{
	for (;;) {
		size_t len = strcspn(where, " ");

		if (parse_place(where, len, place))
			return true;
		if (!where[len])
			return false;
		where += len + 1;
	}
}

static int choose_point(unsigned int n, const struct paths_at *at)
{
	struct paths_point *p = &run.point[n];
	struct bpf_program *prog;
	struct place place;
	char name[32];
	int err;

	*p = (struct paths_point){ .action = at->action, .min_len = at->min_len,
				   .max_len = at->max_len };
	snprintf(p->dev, sizeof(p->dev), "%s", at->dev ?: "");
	if (!find_place(at->where, &place))
		return paths_why("this kernel has no %.*s", (int)strcspn(at->where, "/"),
				 at->where);
	p->arg = place.arg;
	p->how = place.how;
	snprintf(name, sizeof(name), "%s_%u", place.program, n);
	prog = bpf_object__find_program_by_name(run.obj, name);
	bpf_program__set_autoload(prog, true);
	err = bpf_program__set_attach_target(prog, 0, place.function);
	return err == -ESRCH || err == -ENOENT ? paths_why("BTF has no %s", place.function) : err;
}

static int write_points(void)
{
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_object__find_map_fd_by_name(run.obj, ".data.points"), &zero,
				   run.point, 0);
}

static void read_points(void)
{
	__u32 zero = 0;

	ASSERT_OK(bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(run.obj, ".data.seen"), &zero,
				      run.seen),
		  "points");
}

static int attach_points(void)
{
	struct bpf_program *prog;
	unsigned int n = 0;

	bpf_object__for_each_program(prog, run.obj) {
		if (!bpf_program__autoload(prog))
			continue;
		run.link[n] = bpf_program__attach(prog);
		if (!run.link[n] && errno == ENOTSUPP)
			return paths_why("this kernel attaches nothing to a function with "
					 "so many arguments");
		if (!run.link[n])
			return -errno;
		n++;
	}
	return 0;
}

static int open_points(const struct path *path)
{
	int err = 0;

	run.obj = bpf_object__open_file(object_path("paths_points.bpf.o"), NULL);
	if (!run.obj)
		return -errno;
	for (unsigned int n = 0; !err && n < PATHS_POINTS && path->at[n].where; n++)
		err = choose_point(n, &path->at[n]);
	if (err)
		return err;
	if (!ASSERT_OK(skbext_bind(run.obj, BPFFS), skbext_errmsg()) ||
	    !ASSERT_OK(bpf_object__load(run.obj), "load the points"))
		return -EINVAL;
	err = write_points();
	return err ?: attach_points();
}

static void close_points(void)
{
	for (unsigned int n = 0; n < PATHS_POINTS; n++) {
		bpf_link__destroy(run.link[n]);
		run.link[n] = NULL;
	}
	bpf_object__close(run.obj);
	run.obj = NULL;
}

static void arm(bool on)
{
	for (unsigned int n = 0; n < PATHS_POINTS; n++)
		run.point[n].armed = on;
	ASSERT_OK(write_points(), "arm");
}

void paths_arm(void)
{
	arm(true);
}

__u64 paths_hits(unsigned int point)
{
	read_points();
	return run.seen[point].hits;
}

bool paths_wait(unsigned int point, __u64 hits)
{
	for (int i = 0; i < PATIENCE * 50; i++) {
		if (paths_hits(point) >= hits)
			return true;
		usleep(20000);
	}
	return false;
}

/* ---- what must hold */

static bool read_numbers(struct numbers *to)
{
	__u32 zero = 0;

	to->stats.sz = sizeof(to->stats);
	return ASSERT_OK(skbext_stats(env.sk, &to->stats), "skbext_stats") &&
	       ASSERT_OK(bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(env.birth,
									     ".data.births"),
					     &zero, &to->births), "births");
}

static bool is_balanced(const struct skbext_stats *s)
{
	return s->adds + s->shares == s->releases + s->dels_emptied + s->live;
}

/* What another CPU is to free lies on a list until it receives something: make each receive. */
static void quiesce(struct numbers *to)
{
	for (int i = 0; i < 2 * PATIENCE * 20; i++) {
		if (i)
			usleep(50000);
		if (!ASSERT_OK(traffic_poke(&env.quiet), "poke") || !read_numbers(to))
			return;
		if (!is_balanced(&to->stats))
			continue;
		/* What a skipped release left has no time at which it goes. */
		if (!to->stats.live || (i > 20 && to->stats.live <= to->stats.missed_hooks))
			return;
	}
}

static int print_left(const struct skbext_record *rec, void *arg)
{
	int *n = arg;

	fprintf(stderr, "    left: skb %llx active %x refs %u\n", rec->skb, rec->active, rec->refs);
	return ++*n == 8;
}

static void check_quiet(const struct numbers *before, const struct numbers *after)
{
	const struct skbext_stats *s = &after->stats;
	int printed = 0;

	ASSERT_EQ(after->births.stale - before->births.stale, 0, "something active on a new skb");
	ASSERT_EQ(s->add_failed - before->stats.add_failed, 0, "room for all");
	ASSERT_EQ(s->share_failed - before->stats.share_failed, 0, "room for all copies");
	ASSERT_TRUE(is_balanced(s), "adds + shares = releases + dels_emptied + live");
	if (run.path->replaces) {
		env.replaced += s->replaced - before->stats.replaced;
		ASSERT_NE(s->replaced - before->stats.replaced, 0, "replaced");
	}
	/*
	 * What a skipped release leaves is found by nobody,
	 * and ends when the address is used again.
	 */
	ASSERT_GE(s->missed_hooks, s->replaced - env.replaced + s->purged_stale,
		  "records that outlived their packet");
	ASSERT_GE(s->missed_hooks, s->live, "records left");
	ASSERT_GE(s->missed_hooks, s->orphans, "objects left");
	if (s->live)
		skbext_for_each(env.sk, print_left, &printed);
}

static const char *mask_name(__u32 mask)
{
	static char text[64];

	if (!mask || mask == ALL)
		return mask ? "all" : "none";
	if (mask == CLONE)
		return "all-but-noclone";
	snprintf(text, sizeof(text), "%s%s%s%s", mask & PLAIN ? "+plain" : "",
		 mask & NOCLONE ? "+noclone" : "", mask & SCRUB ? "+keep-scrub" : "",
		 mask & UDP ? "+default" : "");
	return text + 1;
}

/* How often what proves the path got there. */
static __u64 with_record(const struct paths_at *at, const struct paths_seen *s)
{
	__u64 n = 0;

	for (__u32 mask = 1; mask < 16; mask++)
		if (!at->must || at->must & SET(mask))
			n += s->mask[mask];
	return n;
}

static void check_tags(const struct paths_at *at, const struct paths_seen *s)
{
	ASSERT_NE(s->hits, 0, at->where);
	for (__u32 mask = 1; mask < 16; mask++)
		if (!(at->may & SET(mask)))
			ASSERT_EQ(s->mask[mask], 0, "had a record before it was tagged");
	ASSERT_EQ(s->failed, 0, "adds");
}

static void check_looks(const struct paths_at *at, const struct paths_seen *s)
{
	ASSERT_EQ(s->wrong, 0, "payloads that nobody wrote");
	for (__u32 mask = 0; mask < 16; mask++) {
		if (at->must & SET(mask) && !s->mask[mask])
			TEST_FAIL("%s: no packet with %s", at->where, mask_name(mask));
		if ((!at->proof || at->only) && !((at->must | at->may) & SET(mask)) &&
		    s->mask[mask])
			TEST_FAIL("%s: %llu packets with %s", at->where, s->mask[mask],
				  mask_name(mask));
	}
}

static __u64 taken(void)
{
	for (unsigned int n = 0; n < PATHS_POINTS; n++) {
		const struct paths_at *at = &run.path->at[n];

		if (at->where && at->proof)
			return at->action == PATHS_COUNT ? run.seen[n].hits :
							   with_record(at, &run.seen[n]);
	}
	return 0;
}

static void check_points(void)
{
	ASSERT_NE(taken(), 0, "the path was not taken");
	for (unsigned int n = 0; n < PATHS_POINTS && run.path->at[n].where; n++) {
		const struct paths_at *at = &run.path->at[n];

		if (at->action == PATHS_TAG)
			check_tags(at, &run.seen[n]);
		else if (at->action == PATHS_LOOK)
			check_looks(at, &run.seen[n]);
	}
}

static void print_points(const struct numbers *before, const struct numbers *after)
{
	printf("path %s: taken %llu;", run.path->name, taken());
	for (unsigned int n = 0; n < PATHS_POINTS && run.path->at[n].where; n++) {
		const struct paths_at *at = &run.path->at[n];
		const struct paths_seen *s = &run.seen[n];

		printf(" %s%.*s%s%s %llu", at->action == PATHS_TAG ? "tagged at " : "",
		       (int)strcspn(at->where, " "), at->where, at->dev ? " " : "", at->dev ?: "",
		       s->hits);
		for (__u32 mask = 0; at->action == PATHS_LOOK && mask < 16; mask++)
			if (s->mask[mask])
				printf(" %s %llu", mask_name(mask), s->mask[mask]);
		printf(";");
	}
	printf(" shares %llu releases %llu births %llu stale %llu left %llu missed hooks %llu; "
	       "native: %s\n",
	       after->stats.shares - before->stats.shares,
	       after->stats.releases - before->stats.releases,
	       after->births.births - before->births.births,
	       after->births.stale - before->births.stale, after->stats.live,
	       after->stats.missed_hooks - before->stats.missed_hooks, run.path->native);
}

/* ---- one path */

static void load_modules(const char *modules)
{
	char command[256];

	if (!*modules)
		return;
	snprintf(command, sizeof(command), "for m in %s; do modprobe $m 2>/dev/null; done",
		 modules);
	if (system(command))
		return;		/* built in, or missing: then its functions are */
}

static int take_path(void)
{
	int err = traffic_net_up(&run.net);

	if (err)
		return err;
	/*
	 * Up to then, what is sent is dropped:
	 * the kernel finds out in its own time that the other end is there.
	 */
	err = SH(&run.net, 0, "for i in $(seq 100); do "
		 "ip link show v0 | grep -q 'state UP' && exit; sleep 0.1; done; exit 1");
	err = err ?: run.path->take(&run.net);
	arm(false);
	traffic_net_down(&run.net);
	return err;
}

static void check_path(const struct numbers *before, struct numbers *after)
{
	int err = take_path();

	quiesce(after);
	if (err == -EOPNOTSUPP && env.why[0]) {
		check_quiet(before, after);
		return;
	}
	ASSERT_OK(err, "traffic");
	read_points();
	print_points(before, after);
	check_points();
	check_quiet(before, after);
	if (run.path->dropped)
		ASSERT_NE(after->stats.fate_dropped - before->stats.fate_dropped, 0,
			  "records seen at kfree_skb");
}

/* The points are programs that the kernel may skip as well. */
static __u64 skipped_points(void)
{
	struct bpf_program *prog;
	__u64 skipped = 0;

	bpf_object__for_each_program(prog, run.obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			skipped += info.recursion_misses;
	}
	return skipped;
}

/*
 * True if it has to be done again: something was skipped,
 * or not trusted because something may have been.
 */
static bool try_path(const struct path *path)
{
	struct numbers before = {}, after = {};
	__u64 missed, distrusted, skipped;
	int err;

	test_failures = 0;
	env.why[0] = 0;
	err = open_points(path);
	if (!err && read_numbers(&before))
		check_path(&before, &after);
	else if (err != -EOPNOTSUPP)
		TEST_FAIL("points: error %d", err);
	missed = after.stats.missed_hooks - before.stats.missed_hooks;
	distrusted = after.stats.distrusted - before.stats.distrusted;
	skipped = err ? 0 : skipped_points();
	close_points();
	if (!test_failures || after.births.stale != before.births.stale ||
	    !(missed + distrusted + skipped))
		return false;
	printf("again %s: the kernel skipped hooks %llu times, programs of the test %llu times; "
	       "%llu records not trusted\n", path->name, missed, skipped, distrusted);
	return true;
}

void paths_run(const struct path *path)
{
	run.path = path;
	run.symbols_read = false;
	load_modules(path->modules ?: "");
	for (int i = 0; i < TRIES && try_path(path); i++)
		;
	if (test_failures)
		test_print_failure(path->name);
	else if (env.why[0])
		printf("SKIP %s: %s\n", path->name, env.why);
	else
		printf("PASS %s\n", path->name);
	env.failed += test_failures != 0;
	fflush(stdout);
}

/* ---- all paths */

static bool load_skbext(void)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = BPFFS, .capacity = 16384,
		.mode = SKBEXT_MODE_EXACT,
	};

	env.sk = skbext_open(&opts);
	return ASSERT_OK_PTR(env.sk, skbext_errmsg()) &&
	       ASSERT_OK(skbext_load(env.sk), skbext_errmsg()) &&
	       ASSERT_OK(skbext_attach(env.sk), skbext_errmsg()) &&
	       ASSERT_OK(skbext_pin(env.sk), skbext_errmsg());
}

static bool watch_births(void)
{
	struct bpf_program *prog;

	env.birth = bpf_object__open_file(object_path("lifecycle_birth.bpf.o"), NULL);
	if (!ASSERT_OK_PTR(env.birth, "lifecycle_birth.bpf.o"))
		return false;
	bpf_object__for_each_program(prog, env.birth)
		bpf_program__set_autoload(
			prog, kernel_has(strchr(bpf_program__section_name(prog), '/') + 1));
	if (!ASSERT_OK(skbext_bind(env.birth, BPFFS), skbext_errmsg()) ||
	    !ASSERT_OK(bpf_object__load(env.birth), "load births"))
		return false;
	bpf_object__for_each_program(prog, env.birth) {
		if (!bpf_program__autoload(prog))
			continue;
		env.births[env.nr_births] = bpf_program__attach(prog);
		if (!ASSERT_OK_PTR(env.births[env.nr_births++], bpf_program__name(prog)))
			return false;
	}
	return true;
}

/* A bpffs that nobody else sees: what is pinned in it ends with the process, however that ends. */
static bool own_bpffs(void)
{
	return ASSERT_OK(unshare(CLONE_NEWNS), "mount namespace") &&
	       ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts") &&
	       ASSERT_OK(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), "bpffs");
}

bool paths_up(void)
{
	env.quiet.ns[0] = env.quiet.ns[1] = -1;
	return own_bpffs() && ASSERT_OK(traffic_net_up(&env.quiet), "namespaces") &&
	       load_skbext() && watch_births();
}

void paths_down(void)
{
	while (env.nr_births)
		bpf_link__destroy(env.births[--env.nr_births]);
	bpf_object__close(env.birth);
	traffic_net_down(&env.quiet);
	skbext_close(env.sk);
}
