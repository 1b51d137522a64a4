#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The examples (examples.sh) on this machine. What is built here stays: tests/kernels/test_kernels.sh
# takes it into its kernels.

cd "$(dirname "$0")/../.." || exit 1
tests/examples/examples.sh --build "$PWD/.output/tests/examples" || exit
[ ! -x .output/tests/examples/skbext ] || tests/examples/examples.sh --run "$PWD/.output/tests/examples"
