// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `skbext doctor --measure` on known traffic, in the mode that this kernel has: a hash that is cleaned at kfree_skb and
 * consume_skb hands TCP packets the records of others, one that is cleaned at all hooks of the exact mode never does.
 */
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "traffic.h"

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

	printf("measure %s: tagged %lld births %lld missed %lld+%lld+%lld lost %lld\n", name,
	       number(report, "tagged"), number(report, "births"), sum("missed"),
	       number(report, "missed_tags"), number(report, "missed_births"), number(report, "lost"));
	json_array_foreach(json_object_get(report, "hooks"), i, one)
		printf("measure %s: %s fired %lld released %lld\n", name,
		       json_string_value(json_object_get(one, "name")), number(one, "fired"),
		       number(one, "released"));
	json_array_foreach(json_object_get(report, "sets"), i, one) {
		const char *without = json_string_value(json_object_get(one, "without"));

		printf("measure %s: set %s %s: stale %lld left %lld\n", name,
		       json_string_value(json_object_get(one, "set")), without ? without : "",
		       number(one, "stale"), number(one, "left"));
	}
}

/* ---- cases */

static bool measure(const char *name, int (*send)(void))
{
	struct run r;

	if (!start(&r, "86400"))
		return false;
	ASSERT_OK(send(), "traffic");
	/* What is parked for another CPU is freed in its next receive softirq. */
	ASSERT_OK(traffic_poke(&net), "poke");
	kill(r.pid, SIGINT);
	if (!finish(&r))
		return false;
	print_numbers(name);
	return true;
}

/* The machine may have other traffic, which only adds. */
static void check(long long at_least)
{
	ASSERT_GE(number(report, "tagged") + number(report, "missed_tags"), at_least, "tagged");
	ASSERT_EQ(number(report, "lost"), 0, "room for all marks");
	ASSERT_NE(number(report, "births"), 0, "births are seen");
	ASSERT_NE(of_hook("kfree_skb", "fired") + of_hook("consume_skb", "fired"), 0, "tracepoints fire");
	ASSERT_GE(released() + of_set("complete", "stale") + of_set("complete", "left"),
		  number(report, "tagged"), "every mark is accounted for");
	if (is_exact()) {
		/* Only what the kernel skipped may look like a leak. */
		ASSERT_GE(sum("missed"), of_set("complete", "stale"), "stale with all hooks");
		ASSERT_NE(of_hook("kfree_skbmem", "fired"), 0, "kfree_skbmem fires");
	} else {
		ASSERT_NE(of_hook("kmem_cache_free", "fired"), 0, "kmem_cache_free fires");
		ASSERT_OK_PTR(json_string_value(json_object_get(report, "fentry_error")), "why not");
	}
}

static int send_tcp(void)
{
	const struct traffic many = { .count = 100, .size = 200 }, bulk = { .count = 2 << 20, .size = 8192 };
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
	if (is_exact()) {
		ASSERT_NE(of_hook("skb_release_head_state", "released"), 0, "released by head state");
		ASSERT_NE(of_hook("skb_release_head_state", "stale_without"), 0, "stale without it");
	} else {
		ASSERT_NE(of_hook("tcp_probe", "fired"), 0, "tcp_probe fires");
	}
}

static void udp(void)
{
	if (measure("udp", send_udp))
		check(3000);
}

static void ends_by_itself(void)
{
	struct run r;

	if (!start(&r, "1") || !finish(&r))
		return;
	ASSERT_TRUE(json_number_value(json_object_get(report, "seconds")) >= 1, "not before its time");
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
	TEST_CASE(ends_by_itself);
	json_decref(report);
	traffic_net_down(&net);
	return TEST_EXIT();
}
