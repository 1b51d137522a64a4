// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * As many programs of others on a hook as the kernel takes: load names the function, the limit and
 * who is there, and works again without them.
 */
#include <bpf/libbpf.h>
#include <skbext/skbext.h>
#include <sched.h>
#include <sys/mount.h>

#include "test.h"

#define HOOK	"__copy_skb_header"

static struct bpf_object *crowd;

/* The limit is 38 up to 6.18 and 36 on 7.3: until it is reached. */
static int attach_crowd(void)
{
	char path[512];
	struct bpf_program *prog;

	snprintf(path, sizeof(path), "%s/crowd.bpf.o",
		 getenv("SKBEXT_TEST_OBJS") ?: ".output/tests");
	crowd = bpf_object__open_file(path, NULL);
	if (!crowd || bpf_object__load(crowd))
		return -errno;
	bpf_object__for_each_program(prog, crowd)
		if (!bpf_program__attach(prog))
			return errno == E2BIG ? 0 : -errno;
	return 0;
}

static int load_exact(void)
{
	struct skbext_open_opts opts = { .sz = sizeof(opts), .mode = SKBEXT_MODE_EXACT };
	struct skbext *sk = skbext_open(&opts);
	int err = sk ? skbext_load(sk) ?: skbext_attach(sk) : -errno;

	skbext_close(sk);
	return err;
}

static int see_others(const struct skbext_hook *hook, void *arg)
{
	if (!strcmp(hook->name, HOOK))
		*(bool *)arg = strstr(hook->others, "crowd") != NULL;
	return 0;
}

static void full(void)
{
	struct skbext_status would = { .sz = sizeof(would) };
	bool seen = false;

	if (load_exact())
		TEST_SKIP("this kernel has no exact mode");
	ASSERT_OK(attach_crowd(), "38 programs of others");
	ASSERT_EQ(load_exact(), -EOPNOTSUPP, "load among them");
	ASSERT_NE(strstr(skbext_errmsg(), HOOK), NULL, skbext_errmsg());
	ASSERT_NE(strstr(skbext_errmsg(), "kernel's limit"), NULL, skbext_errmsg());
	ASSERT_NE(strstr(skbext_errmsg(), "crowd"), NULL, skbext_errmsg());
	skbext_probe(see_others, &seen, &would);
	ASSERT_EQ(seen, true, "doctor sees who is there");
	bpf_object__close(crowd);
}

int main(int argc, char **argv)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700")) {
		printf("SKIP crowd: not root\n");
		return 0;
	}
	TEST_CASE(full);
	return TEST_EXIT();
}
