// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The library lists an object that this process has loaded as bound. */
#include "api_env.h"

static struct skbext_bound seen;
static char seen_name[64];
static __u32 seen_pid;

static int see(const struct skbext_bound *b, void *arg)
{
	seen = *b;
	snprintf(seen_name, sizeof(seen_name), "%s", b->name);
	seen_pid = b->nr_pids ? b->pids[0] : 0;
	++*(int *)arg;
	return 0;
}

static int nr_bound(void)
{
	int n = 0;

	ASSERT_OK(skbext_for_each_bound(api_bpffs, see, &n), skbext_errmsg());
	return n;
}

static int stop(const struct skbext_bound *b, void *arg)
{
	return 7;
}

static void bound_while_loaded(void)
{
	struct skbext *sk = api_group("bound", 0, 0);
	struct bpf_object *obj = api_open("api_write");
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (!sk || !obj)
		return;
	ASSERT_EQ(nr_bound(), 0, "before");
	ASSERT_OK(skbext_bind(obj, api_bpffs), skbext_errmsg());
	ASSERT_EQ(nr_bound(), 0, "bound, and not loaded");
	ASSERT_OK(bpf_object__load(obj), "load");
	ASSERT_OK(bpf_obj_get_info_by_fd(api_prog_fd(obj, "api_write"), &info, &len), "info");
	ASSERT_EQ(nr_bound(), 1, "loaded");
	ASSERT_EQ(seen.id, info.id, "id");
	ASSERT_EQ(seen.prog_type, BPF_PROG_TYPE_SCHED_CLS, "type");
	ASSERT_EQ(memcmp(seen.tag, info.tag, sizeof(seen.tag)), 0, "tag");
	ASSERT_EQ(strcmp(seen_name, "api_write"), 0, "name");
	ASSERT_EQ(seen_pid, (__u32)getpid(), "this process");
	ASSERT_EQ(seen.nr_pids, 1, "no other process");
	ASSERT_EQ(seen.pin, NULL, "not pinned");
	ASSERT_EQ(seen.types_known, true, "its types are known");
	ASSERT_EQ(seen.types, 1 << skbext_type_find(sk, "api_note"), "its types");
	ASSERT_EQ(skbext_for_each_bound(api_bpffs, stop, NULL), 7, "a callback that stops");
	bpf_object__close(obj);
	ASSERT_EQ(nr_bound(), 0, "closed");
}

static void unpin_unused(void)
{
	struct skbext *sk = api_group("unused", 0, 0);
	struct bpf_object *obj = api_open("api_write");
	char pid[32];

	snprintf(pid, sizeof(pid), ", pid %d)", getpid());
	if (!sk || !api_bind_load(obj))
		return;
	ASSERT_EQ(skbext_unpin_unused(api_bpffs), -EBUSY, "bound");
	ASSERT_NE(strstr(skbext_errmsg(), "in use by program api_write (id "), NULL,
		  skbext_errmsg());
	ASSERT_NE(strstr(skbext_errmsg(), pid), NULL, skbext_errmsg());
	ASSERT_OK(access(api_bpffs, F_OK), "it is there");
	bpf_object__close(obj);
	ASSERT_EQ(skbext_unpin_unused(api_bpffs), 1, skbext_errmsg());
	ASSERT_EQ(skbext_unpin_unused(api_bpffs), 0, "nothing");
	sk = api_up(0, 0);	/* for the end of the group */
	skbext_close(sk);
}

static void type_remove(void)
{
	struct skbext *sk = api_group("types", 0, 0), *mine = skbext_open(NULL);
	struct bpf_object *obj = api_open("api_write");
	struct skbext_type_info info;
	const __u64 skb = 0xffff888000001000;
	int id;

	if (!sk || !api_bind_load(obj))
		return;
	id = skbext_type_find(sk, "api_note");
	ASSERT_EQ(skbext_type_remove(sk, "nothing"), -ENOENT, skbext_errmsg());
	ASSERT_EQ(skbext_type_remove(sk, "api_note"), -EBUSY, skbext_errmsg());
	ASSERT_NE(strstr(skbext_errmsg(), "type api_note is in use by program api_write (id "),
		  NULL, skbext_errmsg());
	ASSERT_OK(skbext_add(sk, skb, "api_note", "x", 1), skbext_errmsg());
	bpf_object__close(obj);
	ASSERT_OK(skbext_type_remove(sk, "api_note"), skbext_errmsg());
	ASSERT_EQ(skbext_type_get(sk, id, &info), -ENOENT, "it is not there");
	ASSERT_EQ(skbext_type_find(sk, "api_note"), -ENOENT, "nor found");
	ASSERT_EQ(skbext_find(sk, skb, "api_note", &info, 0), -ENOENT, "nor read");
	ASSERT_EQ(API_STAT(sk, live), 0, "records");
	ASSERT_GE(skbext_type_add(sk, "api_note", 24, 0), 0, skbext_errmsg());
	ASSERT_NE(skbext_type_find(sk, "api_note"), id, "of another size it is another one");
	ASSERT_OK(skbext_type_remove(sk, "api_note"), skbext_errmsg());
	ASSERT_EQ(skbext_type_add(sk, "api_note", 16, 0), id, "of its old size it is itself");
	ASSERT_EQ(skbext_find(sk, skb, "api_note", &info, 0), -ENODATA, "without its records");
	ASSERT_EQ(skbext_type_remove(mine, "api_note"), -EINVAL, "not pinned");
	skbext_close(mine);
}

static void bound_to_nothing(void)
{
	int n = 0;

	ASSERT_EQ(skbext_for_each_bound(api_bpffs, see, &n), -ENOENT, "not loaded");
	ASSERT_NE(strstr(skbext_errmsg(), "no skbext is loaded"), NULL, skbext_errmsg());
	ASSERT_EQ(n, 0, "calls");
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL api_bound: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(bound_to_nothing);
	TEST_CASE(bound_while_loaded);
	TEST_CASE(unpin_unused);
	TEST_CASE(type_remove);
	TEST_CASE(api_last_group_ends);
	return TEST_EXIT();
}
