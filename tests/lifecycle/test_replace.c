// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext_replace(): other programs in place of those that are loaded, while packets pass. What they
 * carry is found, nothing else is, whoever is bound stays bound; and whoever is killed in the middle
 * leaves the old programs or the new.
 */
#include <dirent.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/wait.h>
#include <time.h>

#include "api_env.h"
#include "replace_types.h"

#define REPLACES	3
#define KILLS		6
#define SENDERS		2
#define HOOKS		64
#define PATIENCE	200	/* tenths of a second that programs take to end */

static struct skbext *sk;	/* opened once: it follows what replaces it */
static struct bpf_object *obj;
static struct replace_seen *seen;
static bool *stop;		/* shared with the senders */
static pid_t sender[SENDERS];
static int tap = -1;

static void load_bound(void)
{
	obj = api_open("replace");
	if (!obj)
		return;
	API_ONLY(obj, "replace_adds", "replace_finds", "replace_taps");
	if (!ASSERT_OK(skbext_bind(obj, api_bpffs), skbext_errmsg()) ||
	    !ASSERT_OK(bpf_object__load(obj), "load"))
		return;
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED,
		    bpf_object__find_map_fd_by_name(obj, ".data.seen"), 0);
	ASSERT_OK(api_tc_attach(api_prog_fd(obj, "replace_adds"), BPF_TC_EGRESS), "egress");
	ASSERT_OK(api_tc_attach(api_prog_fd(obj, "replace_finds"), BPF_TC_INGRESS), "ingress");
}

static void open_tap(void)
{
	int prog = api_prog_fd(obj, "replace_taps");
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = api_lo,
	};

	tap = socket(AF_PACKET, SOCK_RAW, 0);
	ASSERT_OK(setsockopt(tap, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)), "filter");
	ASSERT_OK(bind(tap, (struct sockaddr *)&at, sizeof(at)), "tap");
}

/* Loaded once: the cases follow each other. */
static bool up(void)
{
	if (!sk) {
		sk = api_up(8192, 64);
		ASSERT_GE(skbext_type_add(sk, "late", 8, SKBEXT_F_DROP_UDP), 0, skbext_errmsg());
		stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (sk)
			load_bound();
		if (seen)
			open_tap();
	}
	return ASSERT_TRUE(sk && seen && seen != MAP_FAILED, "loaded");
}

static struct skbext_open_opts any_opts(void)
{
	return (struct skbext_open_opts){ .sz = sizeof(struct skbext_open_opts), .bpffs_dir = api_bpffs };
}

static int replace_with(const struct skbext_open_opts *opts)
{
	struct skbext *other = skbext_open(opts);
	int err = other ? skbext_replace(other) : -errno;

	skbext_close(other);
	return err;
}

static int replace(void)
{
	struct skbext_open_opts opts = any_opts();

	return replace_with(&opts);
}

/* ---- what is there */

/* The ids of the programs whose links are pinned, by hook; 0: none. */
static void read_ids(__u32 *ids)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	memset(ids, 0, HOOKS * sizeof(*ids));
	for (int i = 0; i < HOOKS && !skbext_hook(sk, i, &hook); i++) {
		struct bpf_link_info info = {};
		__u32 len = sizeof(info);
		char path[192];
		int fd;

		snprintf(path, sizeof(path), "%s/links/%s", api_bpffs, hook.name);
		fd = bpf_obj_get(path);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			ids[i] = info.prog_id;
		close(fd);
	}
}

static bool is_loaded(__u32 prog)
{
	int fd = bpf_prog_get_fd_by_id(prog);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Programs end some time after their links, when all that may run them has ended. */
static void expect_ended(const __u32 *ids, const char *what)
{
	for (int i = 0; i < HOOKS; i++) {
		for (int n = 0; ids[i] && is_loaded(ids[i]) && n < PATIENCE; n++)
			usleep(100000);
		if (ids[i])
			ASSERT_TRUE(!is_loaded(ids[i]), what);
	}
}

static int half_made(void)
{
	const char *base = strrchr(api_bpffs, '/') + 1;
	DIR *d = opendir("/sys/fs/bpf");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += !strncmp(e->d_name, base, strlen(base)) && e->d_name[strlen(base)];
	if (d)
		closedir(d);
	return n;
}

static int count_bound(const struct skbext_bound *bound, void *arg)
{
	int *n = arg;

	n[!strncmp(bound->name, "replace_", 8)]++;
	return 0;
}

/* What was ended with a process that was killed may be there a moment longer. */
static void expect_bound(int wanted, const char *when)
{
	int bound[2] = { 1, 0 };

	for (int n = 0; bound[0] && n < PATIENCE; n++) {
		if (n)
			usleep(100000);
		memset(bound, 0, sizeof(bound));
		ASSERT_OK(skbext_for_each_bound(api_bpffs, count_bound, bound), when);
	}
	ASSERT_EQ(bound[0], 0, "programs that are not the test's");
	ASSERT_EQ(bound[1], wanted, when);
}

static void expect_whole(enum skbext_guarantee guarantee, const char *when)
{
	struct skbext_status status = { .sz = sizeof(status) };
	struct skbext *now = skbext_open_pinned(api_bpffs);

	ASSERT_OK_PTR(now, when);
	ASSERT_OK(skbext_status(sk, &status), when);
	ASSERT_EQ(status.guarantee, guarantee, when);
	ASSERT_TRUE(status.healthy, when);
	if (now)
		ASSERT_OK(skbext_status(now, &status), when);
	ASSERT_EQ(status.guarantee, guarantee, when);
	ASSERT_TRUE(status.healthy, when);
	expect_bound(3, when);
	skbext_close(now);
}

static enum skbext_guarantee guarantee(void)
{
	struct skbext_status status = { .sz = sizeof(status) };

	ASSERT_OK(skbext_status(sk, &status), skbext_errmsg());
	return status.guarantee;
}

/* ---- packets */

static int send_and_receive(int fd, const struct sockaddr_in *to, __u64 seq)
{
	struct replace_packet p = { REPLACE_MAGIC, seq };

	if (sendto(fd, &p, sizeof(p), 0, (void *)to, sizeof(*to)) != sizeof(p))
		return -errno;
	return recv(fd, &p, sizeof(p), 0) == sizeof(p) && p.seq == seq ? 0 : -EIO;
}

static int send_until(int fd, __u64 first, __u64 n)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int err = getsockname(fd, (struct sockaddr *)&to, &len) ? -errno : 0;

	for (__u64 i = 0; !err && (n ? i < n : !__atomic_load_n(stop, __ATOMIC_RELAXED)); i++)
		err = send_and_receive(fd, &to, first + i);
	return err;
}

static void start_senders(void)
{
	__atomic_store_n(stop, false, __ATOMIC_RELAXED);
	for (int i = 0; i < SENDERS; i++) {
		sender[i] = fork();
		if (!sender[i])
			_exit(send_until(api_socket(SOCK_DGRAM), (__u64)(i + 1) << 32, 0) ? 1 : 0);
	}
}

static void stop_senders(void)
{
	int status;

	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < SENDERS; i++) {
		ASSERT_EQ(waitpid(sender[i], &status, 0), sender[i], "sender");
		ASSERT_EQ(status, 0, "a sender got all that it sent");
	}
}

static void a_few_packets(void)
{
	int fd = api_socket(SOCK_DGRAM);

	ASSERT_OK(send_until(fd, 1, 100), "packets");
	close(fd);
}

/*
 * While nobody sends. A find is refused, and counted, when the kernel skipped a release: with one
 * set of programs and with two.
 */
static void expect_found(const char *what)
{
	__u64 refused = API_STAT(sk, distrusted);

	ASSERT_GE(seen->added, 1, what);
	ASSERT_EQ(seen->refused, 0, what);
	ASSERT_EQ(seen->stale, 0, what);
	ASSERT_EQ(seen->wrong, 0, what);
	ASSERT_EQ(seen->found + seen->lost, seen->added, what);
	ASSERT_GE(refused, seen->lost, what);
	if (api_exact(sk)) {
		ASSERT_EQ(seen->clones + seen->clones_lost, seen->added, what);
		ASSERT_GE(refused, seen->clones_lost, what);
	}
}

static int a_few_here(int cpu, void *arg)
{
	a_few_packets();
	return 0;
}

/*
 * What one CPU allocated and another read waits for the next packet there, with its record
 * (skb_attempt_defer_free()).
 */
static void wait_for_deferred(struct skbext_stats *s)
{
	for (int n = 0; n < PATIENCE; n++) {
		if (n)
			usleep(100000);
		ASSERT_OK(traffic_on_each_cpu(a_few_here, NULL), "CPUs");
		ASSERT_OK(skbext_stats(sk, s), skbext_errmsg());
		if (!api_exact(sk) || s->live == s->untrusted)
			return;
	}
}

static void expect_balance(void)
{
	struct skbext_stats s = { .sz = sizeof(s) };

	wait_for_deferred(&s);
	ASSERT_EQ(s.adds + s.shares, s.releases + s.dels_emptied + s.live,
		  "adds + shares = releases + dels_emptied + live");
	if (api_exact(sk))
		ASSERT_EQ(s.live - s.untrusted, 0, "records of packets that are gone");
}

/* ---- the cases */

static void nothing_loaded(void)
{
	struct skbext_open_opts opts = any_opts();
	struct skbext *fresh = skbext_open(&opts);

	ASSERT_EQ(skbext_replace(fresh), -ENOENT, "replace");
	ASSERT_OK(skbext_load(fresh) ?: skbext_attach(fresh) ?: skbext_pin(fresh), skbext_errmsg());
	ASSERT_EQ(skbext_replace(fresh), -EINVAL, "what is loaded by this handle");
	skbext_close(fresh);
	ASSERT_EQ(skbext_unpin(api_bpffs), 1, "unpin");
}

static void packets_pass_meanwhile(void)
{
	__u32 before[HOOKS], after[HOOKS];
	__u64 distrusts;

	if (!up())
		return;
	distrusts = API_STAT(sk, distrusts);
	start_senders();
	for (int n = 0; n < REPLACES; n++) {
		__u64 added = seen->added;

		read_ids(before);
		ASSERT_OK(replace(), skbext_errmsg());
		read_ids(after);
		for (int i = 0; i < HOOKS; i++) {
			ASSERT_EQ(!after[i], !before[i], "the same hooks are attached");
			if (before[i])
				ASSERT_NE(after[i], before[i], "by other programs");
		}
		expect_ended(before, "the old ones end");
		ASSERT_NE(seen->added, added, "packets were sent");
	}
	stop_senders();
	printf("replace: %llu packets found, %llu lost, %llu clones, %llu lost; %llu distrusts\n",
	       seen->found, seen->lost, seen->clones, seen->clones_lost,
	       API_STAT(sk, distrusts) - distrusts);
	expect_found("while all was replaced");
	expect_balance();
	expect_whole(guarantee(), "after it");
	ASSERT_EQ(half_made(), 0, "nothing is left beside it");
}

static void types_keep_their_hooks(void)
{
	char path[192], late[64] = "__udp_enqueue_schedule_skb";

	if (!up())
		return;
	if (!api_exact(sk))
		strcpy(late, "netif_rx_entry");
	snprintf(path, sizeof(path), "%s/links/%s", api_bpffs, late);
	ASSERT_OK(access(path, F_OK), path);
	ASSERT_OK(replace(), skbext_errmsg());
	ASSERT_OK(access(path, F_OK), path);
	ASSERT_GE(skbext_type_find(sk, "late"), 0, "its type");
	ASSERT_EQ(skbext_type_add(sk, "late", 8, SKBEXT_F_DROP_UDP), skbext_type_find(sk, "late"),
		  "known as it was");
	ASSERT_EQ(skbext_type_add(sk, "late", 8, 0), -EEXIST, "and not otherwise");
}

/* A record by address, which no hook ends. */
static void records_stay(void)
{
	const __u64 skb = 0xffff888000001000, data = 42;
	__u64 found = 0;

	if (!up())
		return;
	ASSERT_OK(skbext_add(sk, skb, "late", &data, sizeof(data)), skbext_errmsg());
	ASSERT_OK(replace(), skbext_errmsg());
	ASSERT_EQ(skbext_find(sk, skb, "late", &found, sizeof(found)), 8, "found");
	ASSERT_EQ(found, data, "as it was");
	ASSERT_OK(skbext_del(sk, skb, NULL), "del");
}

static int count_attached(const struct skbext_attached *a, void *arg)
{
	ASSERT_TRUE(!strcmp(a->name, "kept") && !strcmp(a->program, "root_adds"), a->program);
	++*(int *)arg;
	return 0;
}

/* What skbext_attach_file() pinned in the directory goes on as well. */
static void attached_stay(void)
{
	const char *const one[] = { "root_adds", NULL };
	struct skbext_attach_opts at = {
		.sz = sizeof(at), .name = "kept", .dev = "lo", .programs = one,
		.direction = SKBEXT_INGRESS,
	};
	char file[512];
	int n = 0;

	if (!up())
		return;
	snprintf(file, sizeof(file), "%s/root_adds.bpf.o", api_objs);
	ASSERT_GE(skbext_attach_file(file, &at, api_bpffs), 0, skbext_errmsg());
	ASSERT_OK(replace(), skbext_errmsg());
	ASSERT_OK(skbext_for_each_attached(api_bpffs, count_attached, &n), skbext_errmsg());
	ASSERT_EQ(n, 1, "attached");
	ASSERT_OK(skbext_detach("kept", api_bpffs), skbext_errmsg());
	ASSERT_EQ(skbext_detach("kept", api_bpffs), -ENOENT, "only once");
}

/* Others may have been let in. */
static void modes_stay(void)
{
	char path[128];
	struct stat st;

	if (!up())
		return;
	snprintf(path, sizeof(path), "%s/slots", api_bpffs);
	ASSERT_OK(chmod(api_bpffs, 0711) ?: chmod(path, 0644), path);
	ASSERT_OK(replace(), skbext_errmsg());
	ASSERT_OK(stat(api_bpffs, &st), api_bpffs);
	ASSERT_EQ(st.st_mode & 07777, 0711, api_bpffs);
	ASSERT_OK(stat(path, &st), path);
	ASSERT_EQ(st.st_mode & 07777, 0644, path);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void kill_after(double seconds)
{
	pid_t pid = fork();

	if (!pid)
		_exit(replace() ? 1 : 0);
	usleep(seconds * 1e6);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Wherever that is: with the time of this machine for one, so that they are all over it. */
static void killed_in_the_middle(void)
{
	enum skbext_guarantee promised;
	double took = now();
	__u32 before[HOOKS];

	if (!up())
		return;
	promised = guarantee();
	ASSERT_OK(replace(), skbext_errmsg());
	took = now() - took;
	start_senders();
	for (int i = 1; i <= KILLS; i++) {
		read_ids(before);
		kill_after(took * i / KILLS);
		expect_whole(promised, "after it was killed");
		/* Whatever takes the lock ends what is left. */
		ASSERT_GE(skbext_type_add(sk, "late", 8, SKBEXT_F_DROP_UDP), 0, skbext_errmsg());
		ASSERT_EQ(half_made(), 0, "nothing is left beside it");
		expect_whole(promised, "after the next command");
	}
	stop_senders();
	ASSERT_OK(replace(), skbext_errmsg());
	expect_ended(before, "the old ones end");
	a_few_packets();
	expect_found("while others were killed");
	expect_balance();
}

/* An unload that is refused, since programs are bound, takes nothing that trust rests on. */
static void unload_refused_between(void)
{
	enum skbext_guarantee promised;
	double took = now();

	if (!up())
		return;
	promised = guarantee();
	ASSERT_OK(replace(), skbext_errmsg());
	took = now() - took;
	for (int i = KILLS / 2; i < KILLS; i++) {
		kill_after(took * i / KILLS);
		ASSERT_EQ(skbext_unpin_unused(api_bpffs), -EBUSY, "unload");
		ASSERT_TRUE(strstr(skbext_errmsg(), "replace_"), skbext_errmsg());
		expect_whole(promised, "after an unload that was refused");
	}
	a_few_packets();
	expect_found("after unloads that were refused");
	ASSERT_OK(replace(), skbext_errmsg());
}

/* On a slow machine one of them may wait for the lock for longer than it has the patience to. */
static int replace_or_wait_in_vain(void)
{
	int err = replace();

	if (err && !strstr(skbext_errmsg(), " is locked by pid ")) {
		fprintf(stderr, "    %s\n", skbext_errmsg());
		return 1;
	}
	return err ? 2 : 0;
}

static void several_at_once(void)
{
	enum skbext_guarantee promised;
	int status, done = 0;
	pid_t pid[3];

	if (!up())
		return;
	promised = guarantee();
	start_senders();
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(replace_or_wait_in_vain());
	}
	for (int i = 0; i < 3; i++) {
		waitpid(pid[i], &status, 0);
		ASSERT_NE(WEXITSTATUS(status), 1, "one of three replaces");
		done += !status;
	}
	ASSERT_GE(done, 1, "replaces");
	stop_senders();
	expect_found("while three replaced");
	expect_whole(promised, "after three");
	ASSERT_EQ(half_made(), 0, "nothing is left beside it");
}

static void expect_refused(const struct skbext_open_opts *opts, int err, const char *word)
{
	__u32 before[HOOKS], after[HOOKS];

	read_ids(before);
	ASSERT_EQ(replace_with(opts), err, word);
	ASSERT_TRUE(strstr(skbext_errmsg(), word), skbext_errmsg());
	read_ids(after);
	ASSERT_TRUE(!memcmp(before, after, sizeof(before)), "the programs are the same");
	ASSERT_EQ(half_made(), 0, "nothing is left beside it");
}

static void options_must_fit(void)
{
	struct skbext_open_opts o = any_opts();
	bool exact;

	if (!up())
		return;
	exact = api_exact(sk);
	o.capacity = 8192;
	o.payload = 60;		/* rounded to the same */
	o.refs = SKBEXT_DEFAULT_REFS;
	o.mode = exact ? SKBEXT_MODE_EXACT : SKBEXT_MODE_TRACEPOINT;
	ASSERT_OK(replace_with(&o), skbext_errmsg());
	o = any_opts();
	o.capacity = 16384;
	expect_refused(&o, -EINVAL, "capacity 16384");
	o = any_opts();
	o.payload = 72;
	expect_refused(&o, -EINVAL, "payload 72");
	o = any_opts();
	o.refs = 7;
	expect_refused(&o, -EINVAL, "refs 7");
	o = any_opts();
	o.mode = exact ? SKBEXT_MODE_TRACEPOINT : SKBEXT_MODE_EXACT;
	expect_refused(&o, -EINVAL, "mode ");
	o = any_opts();
	o.require_complete = true;
	if (guarantee() != SKBEXT_GUARANTEE_COMPLETE)
		expect_refused(&o, -EOPNOTSUPP, "--require complete");
}

static void other_layout(void)
{
	struct skbext_open_opts o = any_opts();
	const __u32 zero = 0;
	struct skbext_ctl ctl;
	char path[128];
	int fd;

	if (!up())
		return;
	snprintf(path, sizeof(path), "%s/ctl", api_bpffs);
	fd = bpf_obj_get(path);
	ASSERT_OK(bpf_map_lookup_elem(fd, &zero, &ctl), "ctl");
	ctl.version--;
	ASSERT_OK(bpf_map_update_elem(fd, &zero, &ctl, BPF_ANY), "ctl");
	expect_refused(&o, -ESTALE, "has layout");
	ASSERT_TRUE(strstr(skbext_errmsg(), "replace_adds (id ") &&
		    strstr(skbext_errmsg(), "replace_finds (id ") &&
		    strstr(skbext_errmsg(), "replace_taps (id "), skbext_errmsg());
	ctl.version++;
	ASSERT_OK(bpf_map_update_elem(fd, &zero, &ctl, BPF_ANY), "ctl");
	close(fd);
	ASSERT_OK(replace(), skbext_errmsg());
}

static void others_files(void)
{
	struct skbext_open_opts o = any_opts();
	char path[128];

	if (!up())
		return;
	snprintf(path, sizeof(path), "%s/others", api_bpffs);
	ASSERT_OK(bpf_obj_pin(api_prog_fd(obj, "replace_adds"), path), "pin");
	expect_refused(&o, -EEXIST, "holds more than skbext");
	unlink(path);
	ASSERT_OK(replace(), skbext_errmsg());
}

/* One of these programs, bound and attached. */
static struct bpf_object *attach_bound(const char *name, struct bpf_link **link)
{
	struct bpf_object *other = api_open("replace");

	API_ONLY(other, name);
	*link = NULL;
	if (ASSERT_OK(skbext_bind(other, api_bpffs) ?: bpf_object__load(other), name))
		*link = bpf_program__attach(bpf_object__find_program_by_name(other, name));
	ASSERT_OK_PTR(*link, name);
	return other;
}

static void expect_order(const char *name, bool refused)
{
	struct skbext_open_opts o = any_opts();
	struct bpf_link *link;
	struct bpf_object *other = attach_bound(name, &link);

	if (refused)
		expect_refused(&o, -EBUSY, name);
	else
		ASSERT_OK(replace(), skbext_errmsg());
	bpf_link__destroy(link);
	bpf_object__close(other);
	if (refused)
		ASSERT_OK(replace(), skbext_errmsg());
}

/* Where it comes before or behind the hooks a program sees what it would not see otherwise. */
static void order_matters(void)
{
	if (!up())
		return;
	expect_order("replace_elsewhere", false);
	if (api_exact(sk)) {
		expect_order("replace_at_release", true);
		expect_order("replace_behind_release", false);
		expect_order("replace_at_birth", false);
	} else {
		expect_order("replace_at_birth", true);
	}
}

static void leaves_nothing(void)
{
	__u32 ids[HOOKS];

	if (!up())
		return;
	read_ids(ids);
	close(tap);
	api_tc_clear();
	munmap(seen, sizeof(*seen));
	bpf_object__close(obj);
	skbext_close(sk);
	ASSERT_EQ(skbext_unpin_unused(api_bpffs), 1, skbext_errmsg());
	ASSERT_NE(access(api_bpffs, F_OK), 0, "the directory");
	ASSERT_EQ(half_made(), 0, "nothing is left beside it");
	expect_ended(ids, "its programs");
	sk = NULL;
	seen = NULL;
}

/* What is not whole any more has no successor. */
static void a_hook_is_gone(void)
{
	struct skbext_open_opts o = any_opts();
	char path[192];

	sk = api_up(64, 16);
	if (!sk)
		return;
	snprintf(path, sizeof(path), "%s/links/%s", api_bpffs,
		 api_exact(sk) ? "__copy_skb_header" : "kmem_cache_free");
	ASSERT_OK(unlink(path), path);
	for (int i = 0; api_exact(sk) && i < PATIENCE && guarantee() != SKBEXT_GUARANTEE_NONE; i++)
		usleep(100000);
	ASSERT_EQ(replace_with(&o), -ESTALE, "replace");
	ASSERT_TRUE(strstr(skbext_errmsg(), "unload and load again"), skbext_errmsg());
	ASSERT_EQ(half_made(), 0, "nothing is left beside it");
	api_down(sk);
	sk = NULL;
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL replace: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(nothing_loaded);
	TEST_CASE(packets_pass_meanwhile);
	TEST_CASE(types_keep_their_hooks);
	TEST_CASE(records_stay);
	TEST_CASE(attached_stay);
	TEST_CASE(modes_stay);
	TEST_CASE(killed_in_the_middle);
	TEST_CASE(unload_refused_between);
	TEST_CASE(several_at_once);
	TEST_CASE(options_must_fit);
	TEST_CASE(other_layout);
	TEST_CASE(others_files);
	TEST_CASE(order_matters);
	TEST_CASE(leaves_nothing);
	TEST_CASE(a_hook_is_gone);
	return TEST_EXIT();
}
