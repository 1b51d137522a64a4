#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The native oracle (tests/oracle/oracle.c) on each kernel of tests/kernels/kernels.list, in emulated machines:
# skbext does with its records what the kernel does with its own extensions, at every step of live
# traffic.
#
#	KERNEL=label		only that one, which may also be one that is not in the list
#	ORACLE_COMPARISONS=n	go on until so many were made, all kinds once (default 20000)
#	ORACLE_SECONDS=s	give one kernel no more than this (default 240)
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
out=.output/tests
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

labels()
{
	if [ -n "${KERNEL:-}" ]; then
		echo "$KERNEL"
	else
		awk '!/^#/ && NF { print $1 }' tests/kernels/kernels.list
	fi
}

# boot LABEL: the oracle's output on stdout, its status returned
boot()
{
	scripts/vm-run --kernel "$1" --timeout "${ORACLE_SECONDS:-240}" \
		--file "$out/oracle" --file "$out/oracle_mirror.bpf.o" \
		--file "$out/oracle_compare.bpf.o" --file "$out/oracle_skipped.bpf.o" \
		-- "$out/oracle" "${ORACLE_COMPARISONS:-20000}" >"$tmp/output" 2>&1
}

# The line of sums, for people who read only one.
summary()
{
	sed -n '/^oracle: compared/s/^oracle: //p' "$tmp/output"
}

run_kernel()
{
	local status

	boot "$1"
	status=$?
	sed "s/^oracle:/oracle $1:/; /^PASS /d; /^FAIL /d; /^SKIP /d" "$tmp/output"
	case $status in
	0)
		if [ "$(grep -c '^PASS oracle' "$tmp/output")" = 2 ]; then
			echo "PASS oracle $1: $(summary)"
			return
		elif grep -q '^SKIP oracle' "$tmp/output"; then
			sed -n "s/^SKIP oracle/& $1/p" "$tmp/output"
			return
		fi
		echo "FAIL oracle $1: it ended without a result" ;;
	77) echo "SKIP oracle $1: $(tail -n 1 "$tmp/output")"; return ;;
	1) sed -n "s/^FAIL oracle[^:]*/& $1/p" "$tmp/output" ;;
	124) echo "FAIL oracle $1: not done in time; $(summary)" ;;
	*) echo "FAIL oracle $1: the machine ended with status $status" ;;
	esac
	failed=1
}

make -s "$out/oracle" "$out"/oracle_{mirror,compare,skipped}.bpf.o || exit 1
for label in $(labels); do
	run_kernel "$label"
done
exit $failed
