# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Cases of a test that is a script, as tests/lib/test.h has them for C. Sourced first, it sets
#	$root	the tree
#	$skbext, $objs	the command and the objects that are tested
#	$tmp	a directory of the test's own, which the test removes
#	$only	the case to run, the script's argument; "": all
# and then
#	run_case NAME	runs the function of that name and prints its line; before_case and
#			after_case, where the test has them, run around it
#	exit $failed
# A case calls wrong for each thing that is not as it should be, and sets $skip to say why it cannot
# tell.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
skbext=${SKBEXT:-$root/.output/skbext}
objs=${SKBEXT_TEST_OBJS:-$root/.output/tests}
tmp=$(mktemp -d)
only=${1:-}
failed=0

wrong()
{
	echo "    ${FUNCNAME[1]}: $*" >&2
	[ $((failures++)) -gt 0 ] || first_failure=${*%%$'\n'*}
}

# run CMD...: sets $status, $out, $err
run()
{
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
}

# must CMD...: a step without which the rest says nothing
must()
{
	run "$@"
	[ "$status" = 0 ] || wrong "$*: status $status: $(tail -n 3 "$tmp/err")"
	return "$status"
}

# refused WHAT [WORD]...: what was run ended with exit status 1 and one line, with these words
refused()
{
	local what=$1 word
	shift
	[ "$status" = 1 ] || wrong "$what: exit status $status, $out, $err"
	[ "$(wc -l <"$tmp/err")" = 1 ] || wrong "$what: not one line: $err"
	for word; do
		[[ $err == *"$word"* ]] || wrong "$what: no '$word' in: $err"
	done
}

# is JQ-CONDITION WHAT: of the JSON that was printed by what was run
is()
{
	[ "$(jq "$1" <<<"$out" 2>/dev/null)" = true ] || wrong "$2: not true: $1 of $out $err"
}

before_case() { :; }
after_case() { :; }

run_case()
{
	[ -z "$only" ] || [ "$only" = "$1" ] || return
	failures=0 skip=''
	before_case
	"$1"
	after_case
	if [ "$failures" -gt 0 ]; then
		failed=1
		echo "FAIL $1: $failures checks, the first: $first_failure"
	elif [ -n "$skip" ]; then
		echo "SKIP $1: $skip"
	else
		echo "PASS $1"
	fi
}
