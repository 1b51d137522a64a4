// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `skbext doctor --measure` on known traffic, in the mode that this kernel has: a hash that is
 * cleaned at kfree_skb and consume_skb hands TCP packets the records of others, one that is cleaned
 * at all hooks of the exact mode never does.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "traffic.h"
#include "traffic_ext.h"

static struct traffic_net net;
static char command[512];
static json_t *report;		/* of the case that runs */

/* ---- the command */

struct run {
	pid_t pid;
	FILE *out, *err;
	int status;
};

static void __attribute__((noreturn)) run_command(const struct run *r, int err, const char *seconds)
{
	if (dup2(fileno(r->out), 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execl(command, command, "doctor", "--json", "--measure", seconds, NULL);
	_exit(127);
}

/* Returns when it measures. */
static bool start(struct run *r, const char *seconds)
{
	char line[512] = "";
	int err[2];

	r->out = tmpfile();
	if (!ASSERT_OK_PTR(r->out, "tmpfile") || !ASSERT_OK(pipe(err), "pipe"))
		return false;
	fflush(NULL);
	r->pid = fork();
	if (!r->pid)
		run_command(r, err[1], seconds);
	close(err[1]);
	r->err = fdopen(err[0], "r");
	if (fgets(line, sizeof(line), r->err) && strstr(line, "measuring"))
		return true;
	waitpid(r->pid, &r->status, 0);
	return TEST_FAIL("it did not start: status %d: %s", r->status, line);
}

static bool finish(struct run *r)
{
	json_error_t error;

	waitpid(r->pid, &r->status, 0);
	fclose(r->err);
	rewind(r->out);
	json_decref(report);
	report = json_loadf(r->out, 0, &error);
	fclose(r->out);
	return ASSERT_EQ(r->status, 0, "status") && ASSERT_OK_PTR(report, error.text);
}

/* ---- what it printed */

static long long number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static json_t *find(const char *list, const char *key, const char *wanted)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(report, list), i, one) {
		const char *value = json_string_value(json_object_get(one, key));

		if (value && !strcmp(value, wanted))
			return one;
	}
	TEST_FAIL("no %s with %s %s", list, key, wanted);
	return NULL;
}

static long long of_hook(const char *name, const char *key)
{
	return number(find("hooks", "name", name), key);
}

static long long of_set(const char *name, const char *key)
{
	return number(find("sets", "set", name), key);
}

static bool is_exact(void)
{
	const char *mode = json_string_value(json_object_get(report, "mode"));

	return mode && !strcmp(mode, "exact");
}

static long long sum(const char *key)
{
	long long n = 0;
	json_t *hook;
	size_t i;

	json_array_foreach(json_object_get(report, "hooks"), i, hook)
		n += number(hook, key);
	return n;
}

/* By hooks of the complete set: those that something would be without. */
static long long released(void)
{
	long long n = 0;
	json_t *hook;
	size_t i;

	json_array_foreach(json_object_get(report, "hooks"), i, hook)
		if (json_is_integer(json_object_get(hook, "stale_without")))
			n += number(hook, "released");
	return n;
}

static void print_numbers(const char *name)
{
	json_t *one;
	size_t i;

	printf("measure %s: tagged %lld births %lld missed %lld lost %lld; stale/left:", name,
	       number(report, "tagged"), number(report, "births"),
	       sum("missed") + number(report, "missed_tags") + number(report, "missed_births"),
	       number(report, "lost"));
	json_array_foreach(json_object_get(report, "sets"), i, one) {
		const char *without = json_string_value(json_object_get(one, "without"));

		printf(" %s%s%s %lld/%lld", json_string_value(json_object_get(one, "set")),
		       without ? " " : "", without ? without : "", number(one, "stale"),
		       number(one, "left"));
	}
	printf("; fired/released:");
	json_array_foreach(json_object_get(report, "hooks"), i, one)
		printf(" %s %lld/%lld", json_string_value(json_object_get(one, "name")),
		       number(one, "fired"), number(one, "released"));
	printf("\n");
}

/* ---- cases */

static bool measure(const char *name, int (*send)(void))
{
	struct run r;
	int err;

	if (!start(&r, "86400"))
		return false;
	err = send();
	if (err == -EPROTONOSUPPORT)
		snprintf(test_skip_why, sizeof(test_skip_why), "no such protocol");
	else
		ASSERT_OK(err, "traffic");
	/* An skb parked for another CPU is freed in that CPU's next receive softirq. */
	ASSERT_OK(traffic_poke(&net), "poke");
	kill(r.pid, SIGINT);
	if (!finish(&r))
		return false;
	print_numbers(name);
	return !err;
}

/* The machine may have other traffic, which only adds. */
static void check(long long at_least)
{
	ASSERT_GE(number(report, "tagged") + number(report, "missed_tags"), at_least, "tagged");
	ASSERT_EQ(number(report, "lost"), 0, "room for all marks");
	ASSERT_NE(number(report, "births"), 0, "births are seen");
	ASSERT_EQ(released() + of_set("complete", "stale") + of_set("complete", "left"),
		  number(report, "tagged"), "every mark is accounted for");
	if (is_exact()) {
		/* Only what the kernel skipped may look like a leak. */
		ASSERT_GE(sum("missed"), of_set("complete", "stale"), "stale with all hooks");
	} else {
		ASSERT_NE(of_hook("kmem_cache_free", "fired"), 0, "kmem_cache_free fires");
		ASSERT_TRUE(json_is_string(json_object_get(report, "fentry_error")), "why not");
	}
}

static int send_tcp(void)
{
	const struct traffic many = { .count = 100, .size = 200 };
	const struct traffic bulk = { .count = 2 << 20, .size = 8192 };
	struct traffic_result r;

	return traffic_tcp_connections(&net, &many, &r) ?: traffic_tcp(&net, &bulk, &r);
}

static int send_udp(void)
{
	const struct traffic t = { .count = 3000, .size = 64 };
	struct traffic_result r;

	return traffic_udp(&net, &t, &r);
}

static void tcp(void)
{
	if (!measure("tcp", send_tcp))
		return;
	check(600);
	ASSERT_NE(of_set("tracepoints", "stale"), 0, "stale with the two tracepoints alone");
	ASSERT_NE(of_hook("kfree_skb", "fired"), 0, "kfree_skb fires");
	ASSERT_NE(of_hook("consume_skb", "fired"), 0, "consume_skb fires");
	if (is_exact()) {
		ASSERT_NE(of_hook("kfree_skbmem", "fired"), 0, "kfree_skbmem fires");
		ASSERT_NE(of_hook("skb_release_head_state", "released"), 0, "released there");
		ASSERT_NE(of_hook("skb_release_head_state", "stale_without"), 0, "without it");
	} else {
		ASSERT_NE(of_hook("tcp_probe", "fired"), 0, "tcp_probe fires");
	}
}

static void udp(void)
{
	if (measure("udp", send_udp))
		check(3000);
}

static int send_mptcp(void)
{
	const struct traffic t = { .count = 2 << 20, .size = 8192, .mptcp = true };
	struct traffic_result r;

	return traffic_tcp(&net, &t, &r);
}

static void mptcp(void)
{
	if (!measure("mptcp", send_mptcp))
		return;
	check(100);
	ASSERT_NE(of_set("tracepoints", "stale"), 0, "stale with the two tracepoints alone");
}

/* Freed on another CPU than allocated: deferred, and from 7.0 on released twice. */
static int send_two_cpus(void)
{
	const struct traffic udp = { .count = 2000, .size = 64, .two_cpus = true };
	const struct traffic tcp = { .place = TRAFFIC_VETH, .count = 1 << 20, .size = 8192,
				     .two_cpus = true };
	struct traffic_result r;

	return traffic_udp(&net, &udp, &r) ?: traffic_tcp(&net, &tcp, &r);
}

static void two_cpus(void)
{
	if (measure("two_cpus", send_two_cpus))
		check(2000);
}

/* XDP makes veth rebuild packets as a NIC does: GRO takes over the heads of what it merges. */
static int send_gro(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const struct traffic t = { .place = TRAFFIC_VETH, .count = 1 << 18, .size = 16384 };
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int prog = bpf_prog_load(BPF_PROG_TYPE_XDP, NULL, "GPL", pass, 2, NULL);
	struct traffic_result r;
	int err = prog < 0 || setns(net.ns[1], CLONE_NEWNET) ? -errno : 0;

	err = err ?: bpf_xdp_attach(if_nametoindex("v1"), prog, 0, NULL);
	if (setns(home, CLONE_NEWNET))
		abort();
	close(home);
	close(prog);
	err = err ?: traffic_ext_run(&net, 0, "ethtool -K v0 tso off gso off >/dev/null");
	err = err ?: traffic_ext_run(&net, 1, "ethtool -K v1 gro on >/dev/null");
	return err ?: traffic_tcp(&net, &t, &r);
}

static void gro(void)
{
	if (!measure("gro", send_gro))
		return;
	if (!is_exact())
		TEST_SKIP("fentry is refused here: nothing is measured in GRO");
	check(50);
	ASSERT_NE(number(report, "tagged_gro"), 0, "tagged in GRO");
	ASSERT_NE(of_hook("napi_skb_free_stolen_head", "released"), 0, "released where GRO merges");
	ASSERT_NE(of_hook("napi_skb_free_stolen_head", "stale_without"), 0, "stale without it");
}

static void ends_by_itself(void)
{
	struct run r;

	if (!start(&r, "1") || !finish(&r))
		return;
	ASSERT_TRUE(json_number_value(json_object_get(report, "seconds")) >= 1, "not too early");
	ASSERT_EQ(json_array_size(json_object_get(report, "sets")), 7, "sets");
}

/* The command is where the tests are built from. */
static bool find_command(void)
{
	char self[384];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = 0;
	for (int up = 0; up < 2 && strrchr(self, '/'); up++)
		*strrchr(self, '/') = 0;
	snprintf(command, sizeof(command), "%s/skbext", self);
	return ASSERT_OK(access(command, X_OK), command);
}

int main(int argc, char **argv)
{
	if (geteuid()) {
		printf("SKIP measure: not root\n");
		return 0;
	}
	if (!find_command() || !ASSERT_OK(traffic_net_up(&net), "namespaces")) {
		printf("FAIL measure: no environment\n");
		return 1;
	}
	TEST_CASE(tcp);
	TEST_CASE(udp);
	TEST_CASE(mptcp);
	TEST_CASE(two_cpus);
	TEST_CASE(gro);		/* leaves its features on v0 and v1 */
	TEST_CASE(ends_by_itself);
	json_decref(report);
	traffic_net_down(&net);
	return TEST_EXIT();
}
