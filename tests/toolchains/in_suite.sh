#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What toolchains.sh runs in the chroot of a suite: builds the tree, runs the tests that depend on what
# the suite has, and compiles what includes the header with each clang, loaded by the suite's libbpf.

. "$(dirname "$0")/../lib/cases.sh"
here=$root/tests/toolchains
table=$root/.output/table
expected=$here/verified.expected
trap 'rm -rf "$tmp"' EXIT
cd "$root" || exit 1

version() { "$@" 2>&1 | grep -oE '[0-9]+\.[0-9.]+[0-9]' | head -n 1 | grep . || echo none; }

what_there_is()
{
	echo "$SUITE: gcc $(version gcc --version), libbpf $(pkg-config --modversion libbpf)," \
		"bpftool $(version bpftool version), bpf-gcc $(version bpf-gcc --version)," \
		"bpftrace $(version bpftrace --version), go $(version go version)," \
		"cargo $(version cargo --version), clang $(version clang --version)," $(clangs)
}

clangs() { compgen -c clang- | grep -E '^clang-(1[4-9]|[2-9][0-9])$' | sort -uV; }

builds_without_a_warning()
{
	make -j"$(nproc)" all tests >"$tmp/log" 2>&1 ||
		wrong "$(grep -m 1 -iE 'error|\*\*\*' "$tmp/log" || tail -n 1 "$tmp/log")"
	! grep -q 'warning:' "$tmp/log" ||
		wrong "$(grep -c 'warning:' "$tmp/log") warnings: $(grep -m 1 'warning:' "$tmp/log")"
	cat "$tmp/log" >&2
}

# run_test NAME: its cases are this script's. tests/run prints what failed once more, indented.
run_test()
{
	[ -z "$only" ] || [ "$only" = "$1" ] || return
	V=1 T=$1 tests/run >"$tmp/log" 2>&1
	sed -nE 's/^   (PASS )/\1/p; /^(FAIL|SKIP) /p' "$tmp/log"
	cat "$tmp/log" >&2
	! grep -q '^FAIL ' "$tmp/log" || failed=1
}

# sources: README's programs and all others that include the header as users do
sources()
{
	awk '/^```c$/ { on = 1; next } /^```$/ && on { exit } on' README.md >.output/readme.bpf.c
	echo .output/readme.bpf.c
	ls tests/api/header_all.bpf.c tests/api/api_*.bpf.c tests/cli/attach_*.bpf.c tests/examples/*/*.bpf.c |
		grep -v api_none	# nothing to bind
}

# A line of the table for each way.
compiled_by()	# CLANG
{
	local bad
	must cc -Wall tests/toolchains/verified.c -Iinclude .output/libskbext.a -lbpf -lelf -lz \
		-o .output/verified || return
	sources | xargs -P "$(nproc)" -n 1 "$here/each_way.sh" "$1" >"$tmp/table"
	sort "$tmp/table" | tee -a "$table" >&2
	bad=$(grep -c ': failed: ' "$tmp/table")
	echo "$SUITE: $1: $(grep -c ': ok ' "$tmp/table") ok, $(grep -c ': refused: ' "$tmp/table") refused," \
		"$bad failed"
	[ "$bad" = 0 ] || wrong "$bad ways: $(grep -m 1 ': failed: ' "$tmp/table")"
	grep -q ': ok ' "$tmp/table" || wrong "nothing was loaded"
	as_expected
}

# No program is much more to verify than it was. Another kernel's verifier counts otherwise, and a new
# program or compiler has nothing to be compared with.
as_expected()
{
	[ "$(head -n 1 "$expected")" = "# kernel $(uname -r | cut -d. -f1-2)" ] ||
		{ echo "$SUITE: verified.expected is of another kernel: not compared"; return; }
	awk 'FNR == NR { want[$1 " " $2 " " $3] = $4; next }
		/: ok / {
			for (i = NF; $i != "ok"; i--) {
				split($i, of, "=")
				key = $1 " " $2 " " of[1]
				if (key in want && of[2] > 1.25 * want[key])
					print $0 ": stands " of[1] "=" want[key]
			}
		}' "$expected" "$tmp/table" >"$tmp/jumps"
	[ ! -s "$tmp/jumps" ] || wrong "$(wc -l <"$tmp/jumps") counts jumped: $(head -n 1 "$tmp/jumps")"
	cat "$tmp/jumps" >&2
}

# One line, which says what does work.
gcc_is_refused()
{
	command -v bpf-gcc >/dev/null || { skip="no gcc-bpf"; return; }
	bpf-gcc -O2 -g -Iinclude -idirafter /usr/include \
		-idirafter "/usr/include/$(gcc -print-multiarch)" \
		-c tests/api/header_all.bpf.c -o "$tmp/x.o" 2>"$tmp/err" && wrong "it compiled"
	[ "$(grep -c 'error:' "$tmp/err")" = 1 ] && grep -q 'skbext: .*clang' "$tmp/err" ||
		wrong "$(grep -c 'error:' "$tmp/err") errors: $(grep -m 1 'error:' "$tmp/err")"
}

what_there_is
case $only in
'') ;;
clang_* | gcc_*) make -s -j"$(nproc)" all >&2 ;;
*) make -s -j"$(nproc)" all tests >&2 ;;
esac
run_case builds_without_a_warning
for test in store store_threads store_interleave header bounded bound_file bpftool bpftrace languages cli; do
	run_test $test
done
for clang in $(clangs); do
	eval "${clang/-/_}() { compiled_by $clang; }"
	run_case "${clang/-/_}"
done
run_case gcc_is_refused
exit $failed
