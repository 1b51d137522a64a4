#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The orders of memory accesses that include/skbext/watch.bpf.h relies on, each as a litmus test that
# herd7 explores under the processor's own model. A test says what must come out:
#
#	Expect: Never		what its last line describes is impossible
#	Expect: Sometimes	it is possible: without this order the tree would be wrong
#
#	HERD7=command	instead of herd7 (Debian: herdtools7)

cd "$(dirname "$0")" || exit 1
. ../lib/cases.sh
trap 'rm -rf "$tmp"' EXIT
herd7=${HERD7:-herd7}

explore()	# NAME
{
	local expected
	expected=$(sed -n 's/.*Expect: //p' "$1.litmus")
	must "$herd7" "$1.litmus" || return
	grep -q "^Observation $1 $expected " <<<"$out" ||
		wrong "expected $expected: $(grep -E '^Observation|Warning' "$tmp/out" "$tmp/err")"
}

command -v "$herd7" >/dev/null || { echo "SKIP litmus: no herd7 (Debian: herdtools7)"; exit 0; }
for file in *.litmus; do
	name=${file%.litmus}
	eval "$name() { explore $name; }"
	run_case "$name"
done
exit $failed
