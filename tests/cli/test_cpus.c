// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CPU numbers with holes: what is indexed by them reaches up to the highest. */
#include <unistd.h>

#include "../../user/lib/cpus.h"
#include "test.h"

static void lists(void)
{
	ASSERT_EQ(cpu_numbers_in("0\n"), 1, "one CPU");
	ASSERT_EQ(cpu_numbers_in("0-3\n"), 4, "four");
	ASSERT_EQ(cpu_numbers_in("0,2\n"), 3, "a hole");
	ASSERT_EQ(cpu_numbers_in("0-3,8"), 9, "a hole, no end of line");
	ASSERT_EQ(cpu_numbers_in("0-1,4-5,64-127\n"), 128, "holes");
	ASSERT_EQ(cpu_numbers_in("2-3"), 4, "the first ones missing");
}

static void damaged_lists(void)
{
	static const char *const damaged[] = {
		"", "\n", ",", "0,", ",0", "0-", "-3", "3-0", "0--3", "0-3-5", "a", "0x1", "0 1",
		" 0", "0,0", "4,2", "0-3,2", "0-99999999999999999999", "1000000",
	};

	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++)
		if (cpu_numbers_in(damaged[i]) != -EINVAL)
			TEST_FAIL("'%s' is taken for a list of CPUs", damaged[i]);
}

/* The kernel's own number: no CPU that can be online has a higher one. */
static void this_machine(void)
{
	int n = cpu_numbers();

	ASSERT_GE(n, sysconf(_SC_NPROCESSORS_CONF), "numbers are at least as many as CPUs");
}

int main(int argc, char **argv)
{
	TEST_CASE(lists);
	TEST_CASE(damaged_lists);
	TEST_CASE(this_machine);
	return TEST_EXIT();
}
