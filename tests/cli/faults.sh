#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Each command is killed at each of its system calls, and each of them fails with each error. After
# that: at most one line on stderr, exit status 0 only where all was done and said as ever, nothing
# left behind, and the next command works.
#
#	tests/cli/faults.sh [CASES]		so many of each command, spread evenly; default: all
#	COMMAND=name  FAULT=name  CALL=name	only that command, fault, system call
#	AFTER=name				only system calls behind the first of that name
#
# Of reads of one file only the first and the last count: the kernel's BTF takes thousands. What the
# dynamic loader does before main() is not ours.

[ -n "$IN_MOUNTS" ] || IN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
skbext=${SKBEXT:-$root/.output/skbext}
object=${SKBEXT_TEST_OBJS:-$root/.output/tests}/bound_alone.bpf.o
cases=${1:-}
tmp=$(mktemp -d)
dir=$tmp/bpf/site
skb=0xffff888000001000 other=0xffff888000002000
faults=${FAULT:-KILL ENOMEM EPERM EBUSY ENOSPC EMFILE}
declare -A words=(
	[ENOMEM]='Cannot allocate memory|out of memory' [EPERM]='not permitted|run as root'
	[EBUSY]='Device or resource busy' [ENOSPC]='No space left on device'
	[EMFILE]='Too many open files|out of file descriptors'
)
injected=0 wrong=0 failed=0

for tool in strace jq; do
	command -v $tool >/dev/null || { echo "SKIP faults: no $tool"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP faults: not root"; exit 0; }
mkdir "$tmp/bpf"
mount -t bpf -o mode=0700 bpf "$tmp/bpf" || { echo "SKIP faults: no bpffs can be mounted"; exit 0; }
strace -qq -o "$tmp/log" -e trace=none -e inject=uname:error=EPERM:when=9 true 2>/dev/null ||
	{ echo "SKIP faults: strace cannot trace here"; exit 0; }

cleanup()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
	umount "$tmp/bpf"
	rm -rf "$tmp"
}
trap cleanup EXIT

say()
{
	echo "    $what: $*" >&2
	wrong=$((wrong + 1))
}

sk()	# COMMAND [ARG]...
{
	local command=$1
	shift
	"$skbext" "$command" --bpffs "$dir" "$@"
}

load()
{
	sk load --mode tracepoint --capacity 64 --type a:8,noclone >/dev/null 2>&1
}

# Its type has BTF, so that dump and find decode it.
bind()
{
	sk bind "$object" "$tmp/bound.o" >/dev/null
}

pins()
{
	find "$tmp/bpf" -mindepth 1 -not -name '*.debug' | sort	# those are the kernel's
}

# What a command is for, and what is there before and after it. Each sets up what it needs with
# before_X, has its arguments in args_X, and tells with done_X whether what it does is done.

args_load=(load --mode tracepoint --capacity 64 --type a:8,noclone)
args_status=(status)
args_stats=(stats)
args_dump=(dump)
args_find=(find $skb alone_note)
args_add=(add $other a 0102)
args_del=(del $skb alone_note)
args_purge=(purge)
args_bind=(bind "$object" "$tmp/bound.o")
args_unload=(unload)
args_doctor=(doctor)

is_loaded()
{
	[ -e "$dir" ] && sk find $skb alone_note >/dev/null 2>&1
}

before_loaded()
{
	is_loaded || { sk unload --force; load && bind && sk add $skb alone_note ffee; } >/dev/null 2>&1
}
before_nothing()
{
	[ ! -e "$dir" ] || sk unload --force >/dev/null
}
before_load() { before_nothing; }
before_doctor() { before_nothing; }
before_status() { before_loaded; }
before_stats() { before_loaded; }
before_dump() { before_loaded; }
before_find() { before_loaded; }
before_purge() { before_loaded; }
before_unload() { before_loaded; }
before_add() { before_loaded; sk del $other a >/dev/null 2>&1; }
before_del() { before_loaded; }
before_bind() { before_nothing; load; rm -f "$tmp"/bound.o*; }

done_load() { sk status --json | jq -e '.healthy' >/dev/null; }
done_unload() { [ ! -e "$dir" ]; }
done_add() { sk find --json $other a | jq -e '.hex[:4] == "0102"' >/dev/null; }
done_del() { ! sk find $skb alone_note >/dev/null 2>&1; }
# But for the epoch, eight bytes that each load has others of.
same_file()
{
	[ "$(stat -c %s "$1")" = "$(stat -c %s "$2")" ] && [ "$(cmp -l "$1" "$2" | wc -l)" -le 8 ]
}
done_bind() { same_file "$tmp/bound.o" "$tmp/bound.good" 2>/dev/null && has_type; }
done_status() { true; }
done_stats() { true; }
done_dump() { true; }
done_find() { true; }
done_purge() { true; }
done_doctor() { true; }

has_type() { sk status --json | jq -e '.types | length == 2' >/dev/null; }

# What must be so after a command that failed (not: that was killed).
undone_load() { [ -z "$(pins)" ] || grep -q 'nothing was undone' "$tmp/err"; }
undone_doctor() { [ -z "$(pins)" ]; }
undone_bind() { ! has_type && [ -z "$(compgen -G "$tmp/bound.o*")" ]; }

# The next command. Where no pin and no process is left, nothing is.
next()	# COMMAND
{
	local log
	if [ "$1" = load ] || [ "$1" = doctor ] || [ "$1" = unload ]; then
		log=$(sk unload 2>&1) || say "unload after it: $log"
		[ -z "$(pins)" ] || say "left: $(pins | tr '\n' ' ')"
		return
	fi
	log=$(sk status --json 2>&1) || say "status after it: $log"
	jq -e '.healthy and .guarantee == "partial"' <<<"$log" >/dev/null ||
		say "status after it: $(jq -c '[.healthy, .guarantee, .reason]' <<<"$log")"
	"before_$1"
	log=$(run_args "$1" 2>&1) || say "the same again: $log"
	"done_$1" || say "the same again did not do it"
}

run_args()
{
	local -n args=args_$1
	sk "${args[@]}"
}

# What it prints, without what may differ from run to run.
same()
{
	sed -E 's/;? others there: .*//; s/0x[0-9a-f]+/ADDRESS/g; s/missed +[0-9]+/missed N/; s/[0-9]+$/N/; s/^([a-z_]+) +[0-9]+ /\1 N /' "$1"
}

# calls COMMAND: "NAME ORDINAL" of each system call from main() on
calls()
{
	local -n args=args_$1
	"before_$1" >/dev/null 2>&1
	strace -qq -o "$tmp/trace" "$skbext" "${args[0]}" --bpffs "$dir" "${args[@]:1}" \
		>"$tmp/good" 2>"$tmp/err" || say "without a fault: $(cat "$tmp/err")"
	same "$tmp/good" >"$tmp/good.same"
	[ "$1" != bind ] || cp "$tmp/bound.o" "$tmp/bound.good"
	"done_$1" || say "without a fault: not done"
	next "$1"
	sed -E 's/\(.*//' "$tmp/trace" | awk '
		{ n[$1]++ }
		/^munmap/ { ours = 1 }
		held != "" && $1 != "read" { print held; held = "" }
		ours && $1 == "read" { if (last == "read") held = $1 " " n[$1]; else print $1, n[$1] }
		ours && $1 != "read" && $1 !~ /^exit|^\+/ { print $1, n[$1] }
		{ last = $1 }'
}

# inject COMMAND NAME ORDINAL FAULT
inject()
{
	local -n args=args_$1
	local how=error=$4 fast=--seccomp-bpf lines status
	# With which strace 6.1 sends no signal.
	[ "$4" != KILL ] || how=signal=KILL fast=''
	# brk() knows no errno: it says what is the end, as before.
	[ "$2" != brk ] || [ "$4" = KILL ] || how=retval=0
	what="$1, $2 $3 $4"
	"before_$1" >/dev/null 2>&1
	{
		strace -f $fast -q -o "$tmp/log" -e "trace=$2" -e "inject=$2:$how:when=$3" \
			"$skbext" "${args[0]}" --bpffs "$dir" "${args[@]:1}" \
			>"$tmp/out" 2>"$tmp/err" </dev/null
		status=$?
	} 2>/dev/null
	[ $status = 137 ] || grep -q INJECTED "$tmp/log" || return
	injected=$((injected + 1))
	lines=$(wc -l <"$tmp/err")
	if [ "$4" = KILL ]; then
		[ $status = 137 ] || say "exit status $status"
		# Load warns of what is partial when all is done, and may be killed behind that.
		[ "$lines" = 0 ] || grep -q '^skbext: warning: ' "$tmp/err" ||
			say "stderr: $(cat "$tmp/err")"
	else
		[ "$lines" -le 1 ] || say "$lines lines: $(cat "$tmp/err")"
		[ $status -le 2 ] || say "exit status $status"
		[ $status = 0 ] || [ "$lines" = 1 ] || [ "$2" = write ] ||
			say "exit status $status without a word"
	fi
	if [ $status = 0 ]; then
		"done_$1" || say "exit status 0, and it is not done"
		# What says another thing says why.
		same "$tmp/out" | cmp -s - "$tmp/good.same" ||
			grep -qE "${words[$4]}" "$tmp/out" "$tmp/err" ||
			say "exit status 0, and it says: $(same "$tmp/out" | diff "$tmp/good.same" - | head -n 4 | tr '\n' ' ')"
	elif [ $status -le 2 ] && declare -F "undone_$1" >/dev/null; then
		"undone_$1" || say "exit status $status, and it left: $(pins | head -n 3 | tr '\n' ' ') ($(cat "$tmp/err"))"
	fi
	next "$1"
}

# one COMMAND: all of its cases, or so many
one()
{
	local before=$wrong hit=$injected kinds=$(wc -w <<<"$faults") label name n fault every
	label=$1${CALL:+_$CALL}${AFTER:+_after_$AFTER}
	calls "$1" >"$tmp/calls" 2>"$tmp/why"
	cat "$tmp/why" >&2
	[ -z "$AFTER" ] || sed -i "1,/^$AFTER /d" "$tmp/calls"
	[ -z "$CALL" ] || sed -i "/^$CALL /!d" "$tmp/calls"
	while read -r name n; do
		for fault in $faults; do
			echo "$name $n $fault"
		done
	done <"$tmp/calls" >"$tmp/cases"
	every=$((cases ? ($(wc -l <"$tmp/cases") + cases - 1) / cases : 1))
	# One more than a multiple of the number of faults, so that all have their turn.
	[ $every = 1 ] || every=$((every / kinds * kinds + 1))
	[ $every -gt 1 ] || [ -z "$cases" ] || every=$((kinds > 1 ? kinds + 1 : 1))
	awk -v every=$every 'NR % every == 1 % every' "$tmp/cases" >"$tmp/some"
	while read -r name n fault <&3; do
		inject "$1" "$name" "$n" "$fault"
	done 3<"$tmp/some"
	hit=$((injected - hit))
	if [ "$wrong" = "$before" ]; then
		echo "PASS fault_$label"
	else
		failed=1
		echo "FAIL fault_$label: $((wrong - before)) of $hit"
	fi
	echo "   $1: $(wc -l <"$tmp/calls") system calls, $hit faults injected, $((wrong - before)) wrong"
}

for command in ${COMMAND:-find stats add del dump purge status bind unload load doctor}; do
	one "$command"
done
exit $failed
