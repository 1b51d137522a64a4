// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A file that skbext_bind_file() wrote, loaded as a stock loader does it: by bpf_map__reuse_fd(),
 * with all of the maps, with some, after another load. It works only with all of the maps that
 * programs use, of the load it was bound to. Else it is refused, or adds nothing.
 */
#include "api_env.h"

#define CAPACITY	1024
#define MAPS	5	/* as skbext_map_pin() has them */
enum { CTL, SLOTS, STATS, WATCHES, REFS };
#define ALL	((1 << MAPS) - 1)
#define USED	(ALL & ~(1 << CTL))	/* programs read nothing of the control map */

enum { REFUSED = -1 };	/* else how many packets of one it tagged */

static char bound[128];

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

/* libbpf takes back as many bytes of a section as its map has: no more than it has mapped. */
static int reuse(struct bpf_object *obj, const char *name, const char *pin)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", api_bpffs, pin);
	fd = bpf_obj_get(path);
	err = fd < 0 || !map ? -ENOENT : bpf_obj_get_info_by_fd(fd, &info, &len);
	if (!err && bpf_map__value_size(map) < info.value_size)
		err = bpf_map__set_value_size(map, info.value_size);
	err = err ?: bpf_map__reuse_fd(map, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

static void give_maps(struct bpf_object *obj, unsigned int given)
{
	const char *name, *pin;

	for (unsigned int n = 0; n < MAPS; n++)
		if (given & 1 << n && !skbext_map_pin(n, &name, &pin))
			ASSERT_OK(reuse(obj, name, pin), name);
}

/* One packet that is to be tagged. */
static int run_once(struct bpf_object *obj)
{
	char packet[64] = { [42] = 'T' };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));
	struct bpf_map *seen = bpf_object__find_map_by_name(obj, "alone_seen");
	__u32 zero = 0;
	__u64 added = 0;

	ASSERT_OK(bpf_prog_test_run_opts(api_prog_fd(obj, "alone_both"), &opts), "run");
	ASSERT_OK(bpf_map_lookup_elem(bpf_map__fd(seen), &zero, &added), "seen");
	return added;
}

/* Loads the file with these maps, and with its own in place of the others. */
static int with_maps(const char *file, unsigned int given, unsigned int not_made)
{
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	const char *name, *pin;
	int ret = REFUSED;

	if (ASSERT_OK_PTR(obj, file)) {
		bpf_program__set_type(bpf_object__find_program_by_name(obj, "alone_both"),
				      BPF_PROG_TYPE_SCHED_CLS);
		give_maps(obj, given);
		for (unsigned int n = 0; n < MAPS; n++)
			if (not_made & 1 << n && !skbext_map_pin(n, &name, &pin))
				bpf_map__set_autocreate(bpf_object__find_map_by_name(obj, name),
							false);
		if (!bpf_object__load(obj))
			ret = run_once(obj);
	}
	bpf_object__close(obj);
	libbpf_set_print(print);
	return ret;
}

/* Loading an skbext takes seconds in an emulated machine: cases share one. */
static struct skbext *bind_file(const char *group, __u32 capacity)
{
	struct skbext *sk = api_group(group, capacity, 0);
	char in[512];

	if (!sk)
		return NULL;
	snprintf(in, sizeof(in), "%s/bound_alone.bpf.o", api_objs);
	snprintf(bound, sizeof(bound), "/tmp/skbext-bound-%d.o", getpid());
	ASSERT_OK(skbext_bind_file(in, bound, api_bpffs), skbext_errmsg());
	return sk;
}

static const char *name_of(unsigned int given)
{
	static char name[64];

	snprintf(name, sizeof(name), "given%s%s%s%s%s", given & 1 << CTL ? " ctl" : "",
		 given & 1 << SLOTS ? " slots" : "", given & 1 << STATS ? " stats" : "",
		 given & 1 << WATCHES ? " watches" : "", given & 1 << REFS ? " refs" : "");
	return name;
}

/* None, one alone, two, all but one. */
static const unsigned int some[] = {
	0, 1 << CTL, 1 << SLOTS, 1 << STATS, 1 << WATCHES, 1 << REFS, 1 << CTL | 1 << SLOTS,
	ALL & ~(1 << CTL), ALL & ~(1 << SLOTS), ALL & ~(1 << STATS), ALL & ~(1 << WATCHES),
	ALL & ~(1 << REFS),
};
#define NR_SOME	(sizeof(some) / sizeof(*some))

static void works_with_all_maps(void)
{
	if (bind_file("loaded", CAPACITY))
		ASSERT_EQ(with_maps(bound, ALL, 0), 1, "packets tagged");
}

/* Its own slots are dead from the start. */
static void some_maps(void)
{
	if (!bind_file("loaded", CAPACITY))
		return;
	for (unsigned int i = 0; i < NR_SOME; i++) {
		int is = with_maps(bound, some[i], 0);

		if (!(some[i] & 1 << SLOTS))
			ASSERT_EQ(is, 0, name_of(some[i]));
		else
			ASSERT_EQ(is, (some[i] & USED) == USED ? 1 : REFUSED, name_of(some[i]));
	}
	ASSERT_EQ(with_maps(bound, ALL, 0), 1, "packets tagged with all");
}

/* A loader that leaves one of the maps out. */
static void maps_not_made(void)
{
	if (!bind_file("loaded", CAPACITY))
		return;
	for (unsigned int n = SLOTS; n < MAPS; n++)
		ASSERT_EQ(with_maps(bound, ALL & ~(1 << n), 1 << n), REFUSED,
			  name_of(ALL & ~(1 << n)));
}

/*
 * It lacks one of the names. By whatever way it gets the other maps, it does nothing, or is refused
 * where the load has less than it would reach.
 */
static void unbound_with_maps(void)
{
	struct bpf_object *obj = api_open("bound_alone");
	const char *name, *pin;
	char path[512];
	int missing = 0;

	for (unsigned int n = 0; obj && n < MAPS && !skbext_map_pin(n, &name, &pin); n++)
		missing += !bpf_object__find_map_by_name(obj, name);
	ASSERT_EQ(missing, 1, "names of maps that only a bound object has");
	bpf_object__close(obj);
	snprintf(path, sizeof(path), "%s/bound_alone.bpf.o", api_objs);
	if (!bind_file("loaded", CAPACITY))
		return;
	for (unsigned int i = 0; i < NR_SOME; i++)
		if (!(some[i] & 1 << REFS))
			ASSERT_TRUE(with_maps(path, some[i], 0) <= 0, name_of(some[i]));
	ASSERT_TRUE(with_maps(path, ALL & ~(1 << REFS), 0) <= 0, "all that it has a name of");
}

/* The number of its type is another type's now. */
static void bound_before(void)
{
	struct skbext *sk = bind_file("loaded", CAPACITY);
	char before[128];

	snprintf(before, sizeof(before), "%.100s.before", bound);
	if (!sk || !ASSERT_OK(rename(bound, before), "rename"))
		return;
	sk = api_group("again", CAPACITY, 0);
	if (sk && ASSERT_OK(skbext_type_add(sk, "other", 16, 0), skbext_errmsg())) {
		ASSERT_EQ(with_maps(before, ALL, 0), REFUSED, name_of(ALL));
		for (unsigned int i = 0; i < NR_SOME; i++)
			ASSERT_EQ(with_maps(before, some[i], 0),
				  some[i] & 1 << SLOTS ? REFUSED : 0, name_of(some[i]));
		bind_file("again", CAPACITY);
		ASSERT_EQ(with_maps(bound, ALL, 0), 1, "packets tagged by what is bound now");
		ASSERT_OK(skbext_bind_file(before, before, api_bpffs), skbext_errmsg());
		ASSERT_EQ(with_maps(before, ALL, 0), 1, "packets tagged by what is bound again");
	}
	unlink(before);
}

/* The load's map of the buckets is smaller than what the compiler has made. */
static void works_with_few_records(void)
{
	if (bind_file("few", 8))
		ASSERT_EQ(with_maps(bound, ALL, 0), 1, "packets tagged");
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL bound_file: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(works_with_all_maps);
	TEST_CASE(some_maps);
	TEST_CASE(maps_not_made);
	TEST_CASE(unbound_with_maps);
	TEST_CASE(bound_before);
	TEST_CASE(works_with_few_records);
	TEST_CASE(api_last_group_ends);
	unlink(bound);
	return TEST_EXIT();
}
