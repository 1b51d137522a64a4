// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext_bind(): what it refuses, that nothing stays behind then, and an object without it. */
#include "api_env.h"

static int types_known(struct skbext *sk)
{
	struct skbext_type_info info;
	int n = 0;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		n += !skbext_type_get(sk, i, &info);
	return n;
}

/* Refused, and the object's types are as unknown as before. */
static void assert_refused(struct skbext *sk, const char *object, int err, const char *why)
{
	struct bpf_object *obj = api_open(object);
	int before = types_known(sk);

	ASSERT_EQ(skbext_bind(obj, api_bpffs), err, why);
	ASSERT_EQ(errno, -err, why);
	ASSERT_NE(strlen(skbext_errmsg()), 0, why);
	ASSERT_EQ(types_known(sk), before, "types after a bind that was refused");
	bpf_object__close(obj);
}

static void bind_refuses_other_size(void)
{
	struct skbext *sk = api_group("other", 0, 0);

	/* The second of the object's types: the first must not stay behind. */
	if (sk && ASSERT_EQ(skbext_type_add(sk, "api_tag", 77, 0), 0, skbext_errmsg())) {
		assert_refused(sk, "api_net", -EEXIST, "another size");
		ASSERT_TRUE(strstr(skbext_errmsg(), "77 bytes, not 5;"), skbext_errmsg());
		ASSERT_TRUE(strstr(skbext_errmsg(), "api_tag"), skbext_errmsg());
	}
}

static void bind_refuses_other_policy(void)
{
	struct skbext *sk = api_group("other", 0, 0);

	if (sk && ASSERT_GE(skbext_type_add(sk, "api_note", 16, SKBEXT_F_NO_CLONE), 0, "type"))
		assert_refused(sk, "api_write", -EEXIST, "another policy");
}

static void bind_refuses_ninth_type(void)
{
	struct skbext *sk = api_group("ninth", 0, 0);
	char name[16];

	for (int i = 0; sk && i < SKBEXT_MAX_TYPES - 1; i++) {
		snprintf(name, sizeof(name), "type%d", i);
		ASSERT_EQ(skbext_type_add(sk, name, 1, 0), i, skbext_errmsg());
	}
	if (sk)
		assert_refused(sk, "api_net", -ENOSPC, "eighth and ninth type");
}

static void bind_refuses_full_payload(void)
{
	struct skbext *sk = api_group("payload", 0, 0);

	/* The first of the object's types, whichever it is, fits; both do not. */
	if (sk && ASSERT_OK(skbext_type_add(sk, "wide", SKBEXT_DEFAULT_PAYLOAD - 16, 0), "type"))
		assert_refused(sk, "api_net", -ENOSPC, "no room in the payload");
}

static void bind_refuses_not_loaded(void)
{
	struct bpf_object *obj = api_open("api_net");

	ASSERT_EQ(skbext_bind(obj, api_bpffs), -ENOENT, "nothing is loaded");
	ASSERT_EQ(errno, ENOENT, "nothing is loaded");
	bpf_object__close(obj);
}

static void bind_refuses_no_type(void)
{
	struct skbext *sk = api_group("loaded", 0, 0);
	struct bpf_object *obj = api_open("api_none");

	if (sk)
		ASSERT_EQ(skbext_bind(obj, api_bpffs), -EINVAL, "object without SKBEXT_TYPE");
	bpf_object__close(obj);
}

static void bind_refuses_loaded_object(void)
{
	struct skbext *sk = api_group("loaded", 0, 0);
	struct bpf_object *obj = api_open("api_write");

	if (sk && ASSERT_OK(bpf_object__load(obj), "load")) {
		ASSERT_EQ(skbext_bind(obj, api_bpffs), -EBUSY, "object is loaded");
		ASSERT_EQ(types_known(sk), 0, "types after it");
	}
	bpf_object__close(obj);
}

/* The others of the object are as of a type with which adding is right. */
static void refuses_program(struct skbext *sk, const char *name)
{
	struct bpf_object *obj = api_open("bind_wrong");
	int before = types_known(sk);
	struct bpf_program *prog;

	if (!obj)
		return;
	bpf_object__for_each_program(prog, obj) {
		if (strcmp(bpf_program__name(prog), name))
			bpf_program__set_type(prog, BPF_PROG_TYPE_SOCKET_FILTER);
		else if (!strcmp(name, "at_unknown_tracepoint"))
			ASSERT_OK(bpf_program__set_attach_target(prog, 0, "consume_skb"), name);
	}
	ASSERT_EQ(skbext_bind(obj, api_bpffs), -EINVAL, name);
	ASSERT_TRUE(strstr(skbext_errmsg(), name), skbext_errmsg());
	ASSERT_EQ(types_known(sk), before, "types after a bind that was refused");
	bpf_object__close(obj);
}

static void bind_refuses_adds_without_packet(void)
{
	static const char *const names[] = {
		"dissects", "in_xdp", "in_sockops", "in_kprobe", "in_raw_tp", "in_perf_event",
	};
	struct skbext *sk = api_group("loaded", 0, 0);

	for (size_t i = 0; sk && i < sizeof(names) / sizeof(*names); i++)
		refuses_program(sk, names[i]);
}

static void bind_refuses_adds_behind_packet(void)
{
	static const char *const names[] = {
		"at_net_dev_xmit", "at_some_other", "at_unknown_tracepoint", "at_unknown_entry",
		"at_unknown_return", "enabled_later", "after_reuse", "after_xmit", "after_free",
	};
	struct skbext *sk = api_group("loaded", 0, 0);
	char path[512];

	for (size_t i = 0; sk && i < sizeof(names) / sizeof(*names); i++)
		refuses_program(sk, names[i]);
	snprintf(path, sizeof(path), "%s/bind_wrong.bpf.o", api_objs);
	if (sk)
		ASSERT_EQ(skbext_bind_file(path, "/dev/null", api_bpffs), -EINVAL, "a file");
}

static void bind_is_idempotent(void)
{
	struct skbext *sk = api_group("loaded", 0, 0);
	struct bpf_object *a = api_open("api_write"), *b = api_open("api_read");

	if (sk) {
		ASSERT_OK(skbext_bind(a, api_bpffs), skbext_errmsg());
		ASSERT_OK(skbext_bind(a, api_bpffs), skbext_errmsg());
		ASSERT_EQ(types_known(sk), 1, "types of one object, bound twice");
		ASSERT_OK(skbext_bind(b, api_bpffs), skbext_errmsg());
		ASSERT_EQ(types_known(sk), 2, "types of two objects that have one in common");
		ASSERT_OK(bpf_object__load(a), "load what was bound twice");
	}
	bpf_object__close(a);
	bpf_object__close(b);
}

/* Bound to nothing it loads, adds nothing and finds nothing. */
static void unbound_is_harmless(void)
{
	struct bpf_object *obj = api_open("api_net");
	struct api_seen *seen;

	API_ONLY(obj, "api_tc");
	api_from = api_socket(SOCK_DGRAM);
	api_to = api_socket(SOCK_DGRAM);
	if (ASSERT_OK(bpf_object__load(obj), "load unbound") && (seen = api_seen(obj)) &&
	    ASSERT_OK(api_tc_attach(api_prog_fd(obj, "api_tc"), BPF_TC_EGRESS), "tc egress")) {
		api_traffic();
		ASSERT_EQ(seen->runs, API_PACKETS, "runs");
		ASSERT_EQ(seen->added, 0, "added");
		ASSERT_EQ(seen->found, 0, "found");
		ASSERT_NE(seen->failed, 0, "the expectation that add succeeds");
	}
	api_tc_clear();
	bpf_object__close(obj);
	close(api_from);
	close(api_to);
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL api: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(bind_refuses_not_loaded);	/* by any of the others */
	TEST_CASE(bind_refuses_other_size);
	TEST_CASE(bind_refuses_other_policy);
	TEST_CASE(bind_refuses_ninth_type);
	TEST_CASE(bind_refuses_full_payload);
	TEST_CASE(bind_refuses_no_type);
	TEST_CASE(bind_refuses_loaded_object);
	TEST_CASE(bind_refuses_adds_without_packet);
	TEST_CASE(bind_refuses_adds_behind_packet);
	TEST_CASE(bind_is_idempotent);
	TEST_CASE(api_last_group_ends);
	TEST_CASE(unbound_is_harmless);
	return TEST_EXIT();
}
