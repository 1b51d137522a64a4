/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asserts and cases. A test program runs cases and prints one line for each, which tests/run
 * counts:
 *	PASS name | FAIL name: what | SKIP name: why
 * A failed assertion prints both values and lets the case go on, so that one run shows all that is
 * wrong.
 */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures;	/* of the running case */
static int test_failed_cases;
static char test_skip_why[256];
static char test_first_failure[256];

__attribute__((format(printf, 1, 2))) static inline bool test_fail(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, fmt);
	if (!test_failures++) {
		va_list again;

		va_copy(again, args);
		vsnprintf(test_first_failure, sizeof(test_first_failure), fmt, again);
		va_end(again);
	}
	vfprintf(stderr, fmt, args);
	va_end(args);
	return false;
}

#define TEST_FAIL(fmt, ...)								\
	test_fail("    %s:%d: " fmt "\n", __FILE__, __LINE__, ##__VA_ARGS__)

#define ASSERT_TRUE(x, what)								\
	((x) ? true : TEST_FAIL("%s: %s is not true", (what), #x))

#define ASSERT_EQ(a, b, what)								\
	({ long long __a = (long long)(a), __b = (long long)(b);			\
	   __a == __b ? true : TEST_FAIL("%s: %s is %lld, not %lld", (what), #a, __a, __b); })

#define ASSERT_NE(a, b, what)								\
	({ long long __a = (long long)(a);						\
	   __a != (long long)(b) ? true : TEST_FAIL("%s: %s is %lld", (what), #a, __a); })

#define ASSERT_GE(a, b, what)								\
	({ long long __a = (long long)(a), __b = (long long)(b);			\
	   __a >= __b ? true : TEST_FAIL("%s: %s is %lld, below %lld", (what), #a, __a, __b); })

#define ASSERT_OK(x, what)								\
	({ long long __x = (long long)(x);						\
	   __x == 0 ? true : TEST_FAIL("%s: %s is %lld (errno %d)", (what), #x, __x, errno); })

#define ASSERT_OK_PTR(p, what)								\
	((p) ? true :									\
	 TEST_FAIL("%s: %s is NULL (errno %d: %s)", (what), #p, errno, strerror(errno)))

#define ASSERT_STREQ(a, b, what)							\
	({ const char *__a = (a), *__b = (b);						\
	   __a && !strcmp(__a, __b) ? true :						\
	   TEST_FAIL("%s: %s is '%s', not '%s'", (what), #a, __a, __b); })

/* In a case: the rest of it cannot be told here. The reason is printed and counted. */
#define TEST_SKIP(fmt, ...)								\
	do {										\
		snprintf(test_skip_why, sizeof(test_skip_why), fmt, ##__VA_ARGS__);	\
		return;									\
	} while (0)

/* In one line: what a log's reader sees of a case that failed far away. */
static inline void test_print_failure(const char *name)
{
	const char *first = test_first_failure + strspn(test_first_failure, " ");

	printf("FAIL %s: %d assertions, the first: %.*s\n", name, test_failures,
	       (int)strcspn(first, "\n"), first);
}

/* Run one case; argv[1], if given, is the one to run. */
static inline void test_case(int argc, char **argv, const char *name, void (*fn)(void))
{
	if (argc > 1 && strcmp(argv[1], name))
		return;
	test_failures = 0;
	test_skip_why[0] = 0;
	fn();
	if (test_failures) {
		test_failed_cases++;
		test_print_failure(name);
	} else if (test_skip_why[0]) {
		printf("SKIP %s: %s\n", name, test_skip_why);
	} else {
		printf("PASS %s\n", name);
	}
	fflush(stdout);
}

#define TEST_CASE(fn)		test_case(argc, argv, #fn, fn)
#define TEST_EXIT()		(test_failed_cases ? 1 : 0)

#endif /* TEST_H */
