#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Every path of birth, share and release, on each kernel of tests/kernels/kernels.list: tests/paths/paths.c has
# the table. What each kernel printed stays in .output/tests/log/paths/, of which scripts/path-table
# makes tests/PATHS.md.
#
#	KERNEL=label	only that one
#	PATHS="name..."	only these rows, in place of those that stand in the log

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
out=.output/tests
log=$out/log/paths
LIMIT=${LIMIT:-2700}	# seconds for one kernel on a busy machine; usual is a tenth of it
mkdir -p "$log"

cleanup()
{
	local job
	for job in $(jobs -p); do
		kill "$job" 2>/dev/null
	done
	wait
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

labels()
{
	if [ -n "$KERNEL" ]; then
		echo "$KERNEL"
	else
		awk '!/^#/ && NF { print $1 }' tests/kernels/kernels.list
	fi
}

# The end of a run that is not the program's own: what went wrong with the machine.
machine()	# LOG STATUS
{
	case $2 in
	0) grep -qE '^(PASS|FAIL|SKIP) ' "$1" ||
		echo "FAIL kernel: it ran, and printed no result" ;;
	1) grep -q '^FAIL ' "$1" || echo "FAIL kernel: status 1 without a reason" ;;
	77) echo "SKIP kernel: $(tail -n 1 "$1")" ;;
	90) echo "FAIL kernel: it complained (see above)" ;;
	124) echo "FAIL kernel: not done after $LIMIT seconds" ;;
	*) echo "FAIL kernel: the machine ended with status $2" ;;
	esac
}

boot()	# LABEL
{
	local files=() name status new=$log/.$1
	for name in $out/paths $out/paths_*.bpf.o $out/lifecycle_birth.bpf.o; do
		files+=(--file "$root/$name")
	done
	for _ in 1 2; do
		# shellcheck disable=SC2086 # names of rows
		scripts/vm-run --kernel "$1" --cpus 2 --mem 1024 --timeout $LIMIT "${files[@]}" \
			-- $out/paths $PATHS >"$new" 2>&1
		status=$?
		grep -q 'Oops: int3' "$new" || break	# QEMU's: see tests/kernels/test_kernels.sh
	done
	{
		machine "$new" $status
		echo "$made"
		[ $status = 77 ] || echo "release $(cat "$(scripts/kernel-fetch "$1")/release")"
	} >>"$new"
	[ -n "$PATHS" ] || : >"$log/$1"
	cat "$new" >>"$log/$1"
}

made="made $(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"
made+=" $(scripts/path-table --hooks)"
for label in $(labels); do
	while [ "$(jobs -pr | wc -l)" -ge 2 ]; do
		wait -n
	done
	boot "$label" &
done
wait
failed=''
for label in $(labels); do
	sed -E "s/^(PASS|FAIL|SKIP) /&$label /; s/^(path|again) /$label &/" "$log/.$label"
	! grep -q '^FAIL ' "$log/.$label" || failed=yes
done
[ -z "$failed" ]
