// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * BTF that no compiler writes: whoever binds somebody's object as root reads it. And numbers that
 * skbext does not write into its control map.
 */
#include <elf.h>
#include <sys/wait.h>

#include "../../user/lib/internal.h"
#include "../../user/lib/bind.h"
#include "test.h"

#define BOX	"box"
#define DIR	"/sys/fs/bpf/skbext-hostile"

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
		.sz = sizeof(opts), .bpffs_dir = DIR, .capacity = 8,
		.mode = SKBEXT_MODE_AUTO,
	};
	struct skbext *sk = skbext_open(&opts);
	struct btf *btf = section(variable, offset, box);
	struct skbext_type_head *ref;
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

/* ---- a control map that is pinned */

static bool make_pinned(void)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = DIR, .capacity = 8, .payload = 64,
	};
	struct skbext *sk = skbext_open(&opts);
	int err = sk ? skbext_load(sk) ?: skbext_attach(sk) : -errno;

	if (!err)
		err = skbext_type_add(sk, "one", 16, 0) < 0 || skbext_type_add(sk, "two", 8, 0) < 0;
	err = err ?: skbext_pin(sk);
	skbext_close(sk);
	return ASSERT_OK(err, skbext_errmsg());
}

/* In a process of its own: what reads by these numbers may end it. */
static int child(void (*use)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		use();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int see(const struct skbext_record *rec, void *arg)
{
	return 0;
}

static void look_at_all(void)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };
	struct skbext *sk = skbext_open_pinned(DIR);

	if (sk && !skbext_stats(sk, &stats))
		skbext_for_each(sk, see, NULL);
	skbext_close(sk);
}

static void unload(void)
{
	_exit(skbext_unpin(DIR) == 1 ? 0 : 1);
}

static void put(int fd, const struct skbext_ctl *ctl)
{
	const __u32 zero = 0;

	ASSERT_OK(bpf_map_update_elem(fd, &zero, ctl, BPF_ANY), "ctl");
}

static void expect_refused(const char *what)
{
	struct skbext *sk;

	if (!ASSERT_OK(child(look_at_all), what))
		return;
	sk = skbext_open_pinned(DIR);
	ASSERT_TRUE(!sk, what);
	if (!sk) {
		ASSERT_EQ(errno, EUCLEAN, what);
		ASSERT_TRUE(strstr(skbext_errmsg(), "not what skbext made"), skbext_errmsg());
	}
	skbext_close(sk);
}

#define FORGE(what)									\
	do {										\
		struct skbext_ctl ctl = *whole;						\
											\
		ctl.what;								\
		put(fd, &ctl);								\
		expect_refused(#what);							\
	} while (0)

static void forge_sizes(int fd, const struct skbext_ctl *whole)
{
	FORGE(buckets += 1U << 29);	/* the same product in 32 bits */
	FORGE(buckets = 0);
	FORGE(buckets = ~0U);
	FORGE(buckets += 1);
	FORGE(payload = 1285440);
	FORGE(payload = 0);
	FORGE(payload = 2048);
	FORGE(payload += 4);
	FORGE(payload += 8);
	FORGE(payload |= 1U << 31);
	FORGE(refs = 0);
	FORGE(refs += 1U << 29);
	FORGE(refs = (1U << 24) + 1);
	FORGE(refs += 1);
	FORGE(mode = SKBEXT_MODE_AUTO);
	FORGE(mode = 200);
}

static void forge_types(int fd, const struct skbext_ctl *whole)
{
	FORGE(types[0].size = 0);
	FORGE(types[0].size = 65);
	FORGE(types[0].size = ~0U - 7);
	FORGE(types[1].offset = 64);
	FORGE(types[1].offset = 20);
	FORGE(types[1].offset = ~0U - 7);
	FORGE(types[1].offset = 8);	/* in the other one */
	FORGE(types[0].flags = 1U << 2);
	FORGE(types[1].name[0] = '/');
	FORGE(types[1].name[1] = '/');
	FORGE(types[0] = whole->types[1]);
	{
		struct skbext_ctl ctl = *whole;

		memset(ctl.types[0].name, 'a', sizeof(ctl.types[0].name));
		put(fd, &ctl);
		expect_refused("a name without an end");
		ctl = *whole;
		memset(ctl.reason, 'a', sizeof(ctl.reason));
		put(fd, &ctl);
		expect_refused("a reason without an end");
	}
}

static void forged_numbers(void)
{
	const __u32 zero = 0;
	struct skbext_ctl whole;
	struct skbext *sk;
	int fd;

	if (geteuid())
		TEST_SKIP("not root");
	if (!make_pinned())
		return;
	fd = bpf_obj_get(DIR "/ctl");
	ASSERT_OK(bpf_map_lookup_elem(fd, &zero, &whole), "ctl");
	forge_sizes(fd, &whole);
	forge_types(fd, &whole);
	put(fd, &whole);
	sk = skbext_open_pinned(DIR);
	ASSERT_OK_PTR(sk, "as it was");
	skbext_close(sk);
	/* Stopping the programs does not depend on these numbers. */
	whole.buckets += 1U << 29;
	put(fd, &whole);
	close(fd);
	ASSERT_OK(child(unload), "unload");
	ASSERT_NE(access(DIR, F_OK), 0, "unload leaves nothing");
	skbext_unpin_force(DIR);
}

/* ---- an object's file */

struct object {
	char *data;
	size_t size;
	Elf64_Shdr *sections;
	const char *names;
	unsigned int nr;
};

static bool read_object(struct object *o)
{
	const char *objs = getenv("SKBEXT_TEST_OBJS") ?: ".output/tests";
	const Elf64_Ehdr *header;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/bound_alone.bpf.o", objs);
	f = fopen(path, "r");
	if (!ASSERT_OK_PTR(f, path))
		return false;
	o->data = malloc(1 << 20);
	o->size = fread(o->data, 1, 1 << 20, f);
	fclose(f);
	header = (void *)o->data;
	o->sections = (void *)(o->data + header->e_shoff);
	o->nr = header->e_shnum;
	o->names = o->data + o->sections[header->e_shstrndx].sh_offset;
	return true;
}

static Elf64_Shdr *find_in(const struct object *o, const char *name)
{
	for (unsigned int i = 0; i < o->nr; i++)
		if (!strcmp(o->names + o->sections[i].sh_name, name))
			return &o->sections[i];
	abort();
}

static int bind_object_file(const struct object *o)
{
	char in[64], out[64], again[64];
	FILE *f;
	int err;

	snprintf(in, sizeof(in), "/tmp/skbext-hostile-%d.o", getpid());
	snprintf(out, sizeof(out), "/tmp/skbext-hostile-%d-out.o", getpid());
	snprintf(again, sizeof(again), "/tmp/skbext-hostile-%d-again.o", getpid());
	f = fopen(in, "w");
	ASSERT_EQ(fwrite(o->data, 1, o->size, f), o->size, in);
	fclose(f);
	err = skbext_bind_file(in, out, DIR);
	if (!err)
		ASSERT_OK(skbext_bind_file(out, again, DIR), "what is bound is an object");
	unlink(in);
	unlink(out);
	unlink(again);
	return err;
}

/* Whatever sections say of each other, what is called bound can be loaded, and bound again. */
static void sections_of_a_file(void)
{
	struct object o = {};
	Elf64_Shdr *slots, was;

	if (geteuid())
		TEST_SKIP("not root");
	if (!read_object(&o) || !make_pinned())
		return;
	slots = find_in(&o, ".data.skbext_slots");
	was = *slots;
	ASSERT_OK(bind_object_file(&o), "as the compiler made it");
	slots->sh_offset = (char *)o.sections - o.data;
	slots->sh_size = o.size - slots->sh_offset;
	ASSERT_OK(bind_object_file(&o), "buckets over the headers");
	slots->sh_offset = 0;
	slots->sh_size = o.size;
	ASSERT_OK(bind_object_file(&o), "buckets over everything");
	*slots = was;
	find_in(&o, ".symtab")->sh_name++;	/* libbpf knows it by its type */
	ASSERT_OK(bind_object_file(&o), "symbols by another name");
	free(o.data);
	ASSERT_EQ(skbext_unpin(DIR), 1, "unpin");
}

/* The first function's symbol; its offset and size wrap to the instructions before its section. */
static void symbols_that_wrap(void)
{
	struct object o = {};
	Elf64_Shdr *table;
	Elf64_Sym *sym;

	if (geteuid())
		TEST_SKIP("not root");
	if (!read_object(&o) || !make_pinned())
		return;
	table = find_in(&o, ".symtab");
	sym = (void *)(o.data + table->sh_offset);
	while (ELF64_ST_TYPE(sym->st_info) != STT_FUNC)
		sym++;
	sym->st_value = -32ULL;
	sym->st_size = 64;
	ASSERT_EQ(bind_object_file(&o), -EINVAL, "a function before its section");
	ASSERT_TRUE(strstr(skbext_errmsg(), "a function does not lie in its section"), skbext_errmsg());
	free(o.data);
	ASSERT_EQ(skbext_unpin(DIR), 1, "unpin");
}

int main(int argc, char **argv)
{
	TEST_CASE(cycles);
	TEST_CASE(ids_that_are_none);
	TEST_CASE(sections);
	TEST_CASE(forged_numbers);
	TEST_CASE(sections_of_a_file);
	TEST_CASE(symbols_that_wrap);
	return TEST_EXIT();
}
