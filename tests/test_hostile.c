// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* BTF that no compiler writes: whoever binds somebody's object as root reads it. */
#include "../user/lib/internal.h"
#include "../user/lib/bind.h"
#include "test.h"

#define BOX	"box"

static int load(const struct btf *btf, __u32 id)
{
	__u32 key, value;
	int fd = btf_load_type(btf, id, &key, &value);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* A struct that has itself, through a typedef and an array; two typedefs of each other. */
static void cycles(void)
{
	struct btf *btf = btf__new_empty();
	int integer = btf__add_int(btf, "int", 4, 0);
	int one = btf__add_typedef(btf, "one", integer + 2);
	int two = btf__add_typedef(btf, "two", one);
	int array = btf__add_array(btf, integer, two + 2, 2);
	int self = btf__add_struct(btf, "self", 8);

	btf__add_field(btf, "again", array, 0, 0);
	ASSERT_EQ(self, two + 2, "ids as meant");
	ASSERT_EQ(load(btf, one) < 0, 1, "typedefs of each other");
	ASSERT_EQ(load(btf, self) < 0, 1, "a struct that contains itself");
	btf__free(btf);
}

static void ids_that_are_none(void)
{
	struct btf *btf = btf__new_empty();
	int far = btf__add_typedef(btf, "far", 100000), tower;

	ASSERT_EQ(load(btf, far) < 0, 1, "a type of a type that is not there");
	ASSERT_EQ(load(btf, 100000) < 0, 1, "a type that is not there");
	tower = btf__add_int(btf, "int", 4, 0);
	for (int i = 0; i < 100000; i++)
		tower = btf__add_typedef(btf, "t", tower);
	ASSERT_EQ(load(btf, tower) < 0, 1, "a hundred thousand typedefs of each other");
	btf__free(btf);
}

/* A section of one variable, at this offset, whose member `box` has this type. */
static struct btf *section(const char *variable, __u32 offset, int box(struct btf *btf))
{
	struct btf *btf = btf__new_empty();
	int integer = btf__add_int(btf, "int", 4, 0), type = box(btf), holder, var;

	holder = btf__add_struct(btf, "", 32);
	for (int i = 0; i < 5; i++)
		btf__add_field(btf, "word", integer, i * 32, 0);
	btf__add_field(btf, BOX, type, 192, 0);
	var = btf__add_var(btf, variable, BTF_VAR_GLOBAL_ALLOCATED, holder);
	btf__add_datasec(btf, ".rodata.skbext", 64);
	btf__add_datasec_var_info(btf, var, offset, 32);
	return btf;
}

static int no_pointer(struct btf *btf)
{
	return 1;
}

static int pointer_to_struct(struct btf *btf)
{
	int id = btf__add_struct(btf, "payload", 4);

	return btf__add_ptr(btf, id);
}

static int const_of_itself(struct btf *btf)
{
	return btf__add_const(btf, btf__type_cnt(btf));
}

static int bind(const char *variable, __u32 offset, int box(struct btf *btf), size_t size)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = "/sys/fs/bpf/skbext-hostile", .capacity = 8,
		.mode = SKBEXT_MODE_AUTO,
	};
	struct skbext *sk = skbext_open(&opts);
	struct btf *btf = section(variable, offset, box);
	struct skbext_type_ref *ref;
	char *data = calloc(1, 64);
	int err = sk ? skbext_load(sk) : -errno;

	ref = (void *)(data + offset % 32 / 4 * 4);
	ref->size = 4;
	if (!err)
		err = bind_section(sk, btf, data, size);
	btf__free(btf);
	free(data);
	skbext_close(sk);
	return err;
}

static void sections(void)
{
	if (geteuid())
		TEST_SKIP("not root");
	ASSERT_OK(bind("__skbext_type_a", 0, pointer_to_struct, 64), "as a compiler could have it");
	ASSERT_OK(bind("__skbext_type_a", 0, no_pointer, 64), "no payload is known");
	ASSERT_OK(bind("__skbext_type_a", 0, const_of_itself, 64), "nor here");
	ASSERT_EQ(bind("__skbext_type_a", 1, no_pointer, 64), -EINVAL, "not aligned");
	ASSERT_EQ(bind("__skbext_type_a", 60, no_pointer, 64), -EINVAL, "beyond the section");
	ASSERT_EQ(bind("__skbext_type_a", -8, no_pointer, 64), -EINVAL, "far beyond it");
	ASSERT_EQ(bind("__skbext_type_../a", 0, no_pointer, 64), -EINVAL, "a name with a path");
	ASSERT_EQ(bind("__skbext_type_", 0, no_pointer, 64), -EINVAL, "no name");
}

int main(int argc, char **argv)
{
	TEST_CASE(cycles);
	TEST_CASE(ids_that_are_none);
	TEST_CASE(sections);
	return TEST_EXIT();
}
