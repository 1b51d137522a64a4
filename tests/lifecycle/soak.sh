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
#	KERNEL=label	only that one		PACKETS=n	10000000 unless given

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
out=.output/tests
log=$out/log/soak
PACKETS=${PACKETS:-10000000}
# Emulation does some 15000 packets a second; a busy machine a fifth of it.
LIMIT=$((300 + PACKETS / 3000))
mkdir -p "$log"

labels()
{
	if [ -n "$KERNEL" ]; then
		echo "$KERNEL"
	else
		awk '!/^#/ && NF { print $1 }' tests/kernels/kernels.list
	fi
}

# What went wrong with the machine, if it was not the program that failed.
machine()	# LABEL STATUS
{
	case $2 in
	0) grep -q '^PASS soak' "$log/$1" || echo "FAIL kernel: it ran, and printed no result" ;;
	1) grep -q '^FAIL ' "$log/$1" || echo "FAIL kernel: status 1 without a reason" ;;
	77) echo "SKIP kernel: $(tail -n 1 "$log/$1")" ;;
	90) echo "FAIL kernel: it complained (see above)" ;;
	124) echo "FAIL kernel: not done after $LIMIT seconds" ;;
	*) echo "FAIL kernel: the machine ended with status $2" ;;
	esac
}

boot()	# LABEL
{
	local files=() name status
	for name in $out/test_lifecycle $out/lifecycle_tag.bpf.o $out/lifecycle_birth.bpf.o; do
		files+=(--file "$root/$name")
	done
	for _ in 1 2; do
		scripts/vm-run --kernel "$1" --cpus 2 --mem 1024 --timeout $LIMIT "${files[@]}" \
			-- env PACKETS="$PACKETS" "$root/$out/test_lifecycle" soak >"$log/$1" 2>&1
		status=$?
		# QEMU's fault, not the kernel's: see tests/kernels/test_kernels.sh.
		grep -q 'Oops: int3' "$log/$1" || break
	done
	machine "$1" $status >>"$log/$1"
}

failed='' passed=''
for label in $(labels); do
	boot "$label"
	sed -E "s/^(PASS|FAIL|SKIP) /&$label /; s/^soak: /$label &/" "$log/$label"
	! grep -q '^FAIL ' "$log/$label" || failed=yes
	! grep -q '^PASS ' "$log/$label" || passed=yes
done
[ -z "$failed" ] && [ -n "$passed" ]
