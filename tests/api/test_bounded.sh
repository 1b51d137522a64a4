#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/api/test_api.c with programs that were compiled with SKBEXT_BOUNDED.

cd "$(dirname "$0")/../.." || exit 1
SKBEXT_TEST_OBJS=$PWD/.output/tests/bounded .output/tests/test_api |
	sed 's/^\(PASS\|FAIL\|SKIP\) /&bounded_/'
exit "${PIPESTATUS[0]}"
