#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Millions of packets through each kernel of tests/kernels/kernels.list, one after the other: every packet
# tagged, every birth watched, all kinds of traffic at once on two CPUs (tests/lib/traffic_soak.h). A
# line of numbers for each kernel; it fails unless nothing was stale, nothing was left but what the
# kernel skipped a release of, a purge ends all of that (left N, purged N, left now 0), and the
# counters balance to the record. A second line says how many records were lost of a million tagged,
# as seen on lo and by clones, and from which cause.
#
# With PREEMPT_RT threads of NAPI interrupt each other's hooks: KERNEL=newest-rt has a second soak, of
# nothing but that (threaded_napi of test_missed).
#
#	KERNEL=label	only that one		PACKETS=n	10000000 unless given
#	SOAK=name	only soak, or only threaded_napi

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
out=.output/tests
log=$out/log/soak
PACKETS=${PACKETS:-10000000}
# Emulation does some 15000 packets a second; a busy machine a fifth of it.
LIMIT=${LIMIT:-$((300 + PACKETS / 3000))}
mkdir -p "$log"

labels()
{
	if [ -n "$KERNEL" ]; then
		echo "$KERNEL"
	else
		awk '!/^#/ && NF { print $1 }' tests/kernels/kernels.list
	fi
}

soaks()	# LABEL
{
	if [ -n "$SOAK" ]; then
		echo "$SOAK"
	else
		echo soak
		[[ $1 != *-rt ]] || echo threaded_napi
	fi
}

# What went wrong with the machine, if it was not the program that failed.
machine()	# LOG STATUS
{
	case $2 in
	0) grep -q '^PASS ' "$log/$1" || echo "FAIL kernel: it ran, and printed no result" ;;
	1) grep -q '^FAIL ' "$log/$1" || echo "FAIL kernel: status 1 without a reason" ;;
	77) echo "SKIP kernel: $(tail -n 1 "$log/$1")" ;;
	90) echo "FAIL kernel: it complained (see above)" ;;
	124) echo "FAIL kernel: not done after $LIMIT seconds" ;;
	*) echo "FAIL kernel: the machine ended with status $2" ;;
	esac
}

boot()	# LABEL SOAK
{
	local files=() name status program=test_lifecycle
	[ "$2" = soak ] || program=test_missed
	for name in $out/$program $out/lifecycle_*.bpf.o $out/missed_*.bpf.o; do
		files+=(--file "$root/$name")
	done
	for _ in 1 2; do
		scripts/vm-run --kernel "$1" --cpus 2 --mem 1024 --timeout $LIMIT "${files[@]}" \
			-- env PACKETS="$PACKETS" "$root/$out/$program" "$2" >"$log/$1.$2" 2>&1
		status=$?
		# QEMU's fault, not the kernel's: see tests/kernels/test_kernels.sh.
		grep -q 'Oops: int3' "$log/$1.$2" || break
	done
	machine "$1.$2" $status >>"$log/$1.$2"
}

failed='' passed=''
for label in $(labels); do
	for soak in $(soaks "$label"); do
		boot "$label" "$soak"
		sed -E "s/^(PASS|FAIL|SKIP) /&$label /; s/^(soak|missed): /$label &/" \
			"$log/$label.$soak"
		! grep -q '^FAIL ' "$log/$label.$soak" || failed=yes
		! grep -q '^PASS ' "$log/$label.$soak" || passed=yes
	done
done
[ -z "$failed" ] && [ -n "$passed" ]
