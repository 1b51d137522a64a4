#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Fuzz what reads input that others make (tests/fuzz/fuzz_NAME.c). First every input of its corpus
# once, then new ones. What makes a fuzzer fail is kept in .output/fuzz/NAME-*: mend the cause, and
# add the input to tests/fuzz/corpus/NAME.
#
#	tests/fuzz/fuzz.sh [NAME] [SECONDS]		of each fuzzer; default: all, an hour in total
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/.output/fuzz
only=${1#fuzz_}
mapfile -t names < <(cd "$root/tests/fuzz" && printf '%s\n' fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
[ -z "$only" ] || [ -e "$root/tests/fuzz/fuzz_$only.c" ] ||
	{ echo "no fuzzer is called $only; there are: ${names[*]}" >&2; exit 2; }
[ -z "$only" ] || names=("$only")
seconds=${2:-$((3600 / ${#names[@]}))}
failed=0

# say NAME WHAT: a case's end, with what the fuzzer said where it failed
say()
{
	if [ "$status" = 0 ]; then
		echo "PASS fuzz_$1_$2"
		return
	fi
	failed=1
	echo "FAIL fuzz_$1_$2: status $status"
	grep -E 'not so: |ERROR: |runtime error: |SUMMARY: |^    #[0-9] |Test unit written' \
		"$out/$1.log" | head -n 20
}

fuzz()
{
	local name=$1 fuzzer=$out/fuzz_$1 corpus=$root/tests/fuzz/corpus/$1
	# Arguments of one whole set are all that a command line leaves unfreed.
	local leaks=1
	case $name in args | hex | spec | ctl) leaks=0 ;; esac
	local options=(-artifact_prefix="$out/$name-" -detect_leaks=$leaks -timeout=20
		-rss_limit_mb=2048 -max_len=8192)

	if [ ! -x "$fuzzer" ]; then
		echo "SKIP fuzz_$name: the compiler brings no libFuzzer (scripts/setup test)"
		return
	fi
	"$fuzzer" "${options[@]}" "$corpus"/* >"$out/$name.log" 2>&1 </dev/null
	status=$?
	say "$name" corpus
	[ "$status" = 0 ] && [ "$seconds" -gt 0 ] || return
	mkdir -p "$out/found/$name"
	nice "$fuzzer" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 \
		"$out/found/$name" "$corpus" >"$out/$name.log" 2>&1 </dev/null
	status=$?
	say "$name" new
	awk -v name="$name" '/number_of_executed_units/ { runs = $2 } / cov: / {
		sub(/.* cov: /, ""); cov = $1 }
		END { printf "   %s: %d runs, %d edges covered\n", name, runs, cov }' "$out/$name.log"
}

for name in "${names[@]}"; do
	fuzz "$name"
done
exit $failed
