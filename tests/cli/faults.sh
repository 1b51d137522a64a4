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
#	FIRST=n					only so many of them
#
# Left out, so that all takes about an hour: of the calls that one line of ours makes, by the
# same way, only the first and the last count, unless they change what outlives the process; such
# loops walk all programs of the machine. Of the reads of a file, the kernel's BTF takes thousands,
# the first and the last. Where strace tells no stacks (-k), only reads are taken together. doctor
# and trace load what load loads: of each innermost line of theirs the first call counts. What the
# dynamic loader does before main() is not ours. demo's children fail with it: of demo only what is
# made and removed counts.
#
# Not here: bench		makes nothing that outlives it, and measures for minutes

[ -n "$IN_MOUNTS" ] || IN_MOUNTS=1 exec unshare --mount --net --propagation private "$0" "$@"

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
skbext=${SKBEXT:-$root/.output/skbext}
objs=${SKBEXT_TEST_OBJS:-$root/.output/tests}
object=$objs/bound_alone.bpf.o
cases=${1:-}
tmp=$(mktemp -d)
dir=$tmp/bpf/site
skb=0xffff888000001000 other=0xffff888000002000
. "$root/tests/cli/faults_calls.sh"
faults=${FAULT:-KILL ENOMEM EPERM EBUSY ENOSPC EMFILE}
declare -A words=(
	[ENOMEM]='Cannot allocate memory|out of memory' [EPERM]='not permitted|run as root|belongs to somebody else'
	[EBUSY]='Device or resource busy' [ENOSPC]='No space left on device'
	[EMFILE]='Too many open files|out of file descriptors'
)
# Where libbpf and libelf do not hand on what the kernel said.
libbpf_words='refused a first trial|BTF.*(Input/output error|No such process)|loading .*: Invalid argument|no BPF object'
injected=0 wrong=0 failed=0 sender=''

for tool in strace jq gcc; do
	command -v $tool >/dev/null || { echo "SKIP faults: no $tool"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP faults: not root"; exit 0; }
mkdir "$tmp/bpf"
mount -t bpf -o mode=0700 bpf "$tmp/bpf" || { echo "SKIP faults: no bpffs can be mounted"; exit 0; }
mount -t tmpfs -o mode=0755 tmpfs /var/lib || { echo "SKIP faults: no /var/lib of its own"; exit 0; }
cp "$objs/attach_read.bpf.o" "$tmp/kept.o"
has_stacks=0 with_stacks=''
strace -k -qq -o "$tmp/log" true 2>/dev/null && has_stacks=1 with_stacks=-k
strace -qq -o "$tmp/log" -e trace=none -e inject=uname:error=EPERM:when=9 true 2>/dev/null ||
	{ echo "SKIP faults: strace cannot trace here"; exit 0; }

cleanup()
{
	[ -z "$sender" ] || kill "$sender"
	sk detach --all >/dev/null 2>&1
	sk unload --force >/dev/null 2>&1
	umount "$tmp/bpf"
	[ ! -e "$group" ] || rmdir "$group"
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

# A kernel without tcx, as the library sees it.
cat >"$tmp/no_tcx.c" <<'C'
int bpf_prog_query_opts(int target, int type, void *opts)
{
	return -22;
}
C
gcc -shared -fPIC -o "$tmp/no_tcx.so" "$tmp/no_tcx.c"

# What attach is given: a device, and a cgroup where one can be made.
ip link set lo up
group=/sys/fs/cgroup/skbext-faults-$$
places=(--dev lo --tracing)
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && mkdir "$group" 2>/dev/null; then
	places+=(--cgroup "$group")
fi

pins()
{
	find "$tmp/bpf" -mindepth 1 -not -name '*.debug' | sort	# those are the kernel's
}

# The purpose of each command, and the state before and after it. Each sets up what it needs with
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
args_trace=(trace --count 1 --mode tracepoint)
args_demo=(demo --mode tracepoint)
args_type_list=(type list)
args_type_remove=(type remove alone_note)
args_metrics=(metrics)
args_textfile=(metrics --textfile "$tmp/text/x.prom")
args_attach=(attach "$objs/attach_read.bpf.o" --name trial "${places[@]}")
args_attach_clsact=(attach "$objs/attach_write.bpf.o" --name trial --dev lo --egress)
args_detach=(detach trial)
args_detach_clsact=(detach --all)
args_attach_keep=(attach --keep "$tmp/kept.o" --name trial "${places[@]}")
args_detach_keep=(detach trial)
args_load_keep=("${args_load[@]}")
args_replace=(load --replace)
args_top=(top --batch --reports 1 --interval 10ms --record "$tmp/text/x.json")
args_filter=(dump --filter 'alone_note.a == 61183' --older 5ms --sort alone_note.a --top 1
	--fields skb,alone_note.a)
args_bundle=(doctor --bundle "$tmp/text/x.json")
args_version=(version)
args_help=(help load)
env_attach_clsact=LD_PRELOAD=$tmp/no_tcx.so
env_detach_clsact=$env_attach_clsact

# Loading takes longest: what is still there is used again.
is_loaded()
{
	[ -e "$dir" ] && { sk find $skb alone_note || sk add $skb alone_note ffee ||
		{ bind && sk add $skb alone_note ffee; }; } >/dev/null 2>&1
}

before_loaded()
{
	is_loaded || { sk unload --force; load && bind && sk add $skb alone_note ffee; } >/dev/null 2>&1
}
before_nothing()
{
	[ ! -e "$dir" ] || sk unload --force >/dev/null
}
before_file()	# NAME
{
	rm -rf "$tmp/text"
	mkdir "$tmp/text"
	echo old >"$tmp/text/$1"
}
before_load() { before_nothing; }
before_doctor() { before_nothing; }
before_status() { before_loaded; }
before_stats() { before_loaded; }
before_metrics() { before_loaded; }
before_textfile() { before_loaded; before_file x.prom; }
before_bundle() { before_loaded; before_file x.json; }
before_top() { before_loaded; before_file x.json; }
before_filter() { before_loaded; }
before_replace() { before_detach; }
before_version() { true; }
before_help() { true; }
before_attach()
{
	before_loaded
	[ ! -e "$dir/attached" ] || sk detach --all
	! has_trail || sk type remove attach_trail
}
before_attach_clsact() { before_attach; }
before_detach()
{
	before_loaded
	done_attach || { sk detach --all; run_args attach; }
}
before_detach_clsact()
{
	before_loaded
	done_attach_clsact || { sk detach --all; run_args attach_clsact; }
}
before_attach_keep() { before_attach; sk detach --all; }
before_detach_keep()
{
	before_loaded
	done_attach_keep 2>/dev/null || { sk detach --all; run_args attach_keep; }
}
before_load_keep()
{
	is_kept || before_detach_keep
	before_nothing
}
before_dump() { before_loaded; }
before_find() { before_loaded; }
before_purge() { before_loaded; }
before_unload() { before_loaded; }
before_type_list() { before_loaded; }
before_type_remove() { before_loaded; }
before_trace() { before_nothing; send_always; }
before_demo() { true; }
before_add() { before_loaded; sk del $other a >/dev/null 2>&1; }
before_del() { before_loaded; }
# A bind that failed has left all as it was loaded.
before_bind()
{
	rm -f "$tmp"/bound.o*
	[ -e "$dir" ] && sk type list --json 2>/dev/null | jq -e '.types | length == 1' >/dev/null ||
		{ before_nothing; load; }
}

done_load() { sk status --json 2>/dev/null | is_well; }
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
done_metrics() { true; }
done_attach() { sk status --json | jq -e '.attached[0].programs | length > 1 and all(.gone | not)' >/dev/null; }
done_attach_clsact() { sk status --json | jq -e '.attached[0].programs | length == 3 and all(.gone | not)' >/dev/null; }
done_attach_keep() { done_attach && is_kept; }
done_detach_keep() { nothing_attached && ! is_kept; }
# Skbext is loaded; what could not be attached is still kept, and said.
done_load_keep() { [ -e "$dir/ctl" ] && is_kept && { done_attach 2>/dev/null || grep -q '^skbext: warning: .* kept' "$tmp/err"; }; }
done_detach() { nothing_attached; }
done_detach_clsact() { nothing_attached; }
# What it replaced goes with the next command that has the lock, where it could not go now.
done_replace() { done_load && done_attach; }
done_top() { jq -es 'length == 2' "$tmp/text/x.json" >/dev/null; }
done_filter() { true; }
done_bundle() { jq -e 'has("doctor") and has("programs")' "$tmp/text/x.json" >/dev/null; }
done_version() { true; }
done_help() { true; }
done_textfile() { [ "$(tail -n 1 "$tmp/text/x.prom")" = "# EOF" ]; }
done_dump() { true; }
done_find() { true; }
done_purge() { true; }
done_doctor() { true; }
done_trace() { true; }
done_demo() { no_cgroup; }
done_type_list() { true; }
done_type_remove() { ! has_type; }

# Packets to trace, in this namespace.
send_always()
{
	[ -z "$sender" ] || return
	ip link set lo up
	while sleep 0.02; do echo x >/dev/udp/127.0.0.1/9; done 2>/dev/null &
	sender=$!
}

no_cgroup() { ! compgen -G "/sys/fs/cgroup/skbext-demo-*" >/dev/null; }

has_type() { sk status --json | jq -e '.types | any(.name == "alone_note")' >/dev/null; }

has_trail() { sk type list --json | jq -e '.types | any(.name == "attach_trail")' >/dev/null; }

is_kept() { compgen -G "/var/lib/skbext/trial@*" >/dev/null; }

nothing_attached()
{
	[ ! -e "$dir/attached" ] && [ -z "$(tc filter show dev lo egress)$(tc qdisc show dev lo clsact)" ]
}

# What a command writes beside stdout, without what others on the machine change.
shown_textfile() { cat "$tmp/text/x.prom"; }
shown_top() { jq -S 'walk(if type == "number" then 0 else . end)' "$tmp/text/x.json"; }
shown_bundle()
{
	jq -S 'walk(if type == "number" then 0 else . end) |
		.programs |= if type == "array" then length > 0 else . end |
		.doctor.hooks[]?.others = ""' "$tmp/text/x.json"
}

# Programs that other tests leave behind, anywhere on the machine, are a problem to status as well.
is_well()
{
	grep -v '^skbext: not healthy: .* unloaded: load' | jq -e '.guarantee == "partial" and (.healthy or
		(.problems | all(test("bound to an skbext that was unloaded"))))' >/dev/null 2>&1
}

# What must be so after a command that failed (not: that was killed).
undone_load() { [ -z "$(pins)" ] || grep -q 'nothing was undone' "$tmp/err"; }
undone_doctor() { [ -z "$(pins)" ]; }
undone_demo() { no_cgroup; }
undone_type_remove() { has_type || grep -q 'nothing was undone' "$tmp/err"; }
# A load that looks damaged counts as down, and that is written too.
undone_textfile() { [ "$(ls -A "$tmp/text")" = x.prom ] && grep -qxE "old|skbext_up 0" "$tmp/text/x.prom"; }
undone_bundle() { [ "$(ls -A "$tmp/text")" = x.json ] && grep -qx old "$tmp/text/x.json" || grep -q 'nothing was undone' "$tmp/err"; }
undone_replace() { ! compgen -G "$dir-new-*" >/dev/null && sk find $skb alone_note >/dev/null; }
undone_attach()
{
	nothing_attached && ! has_trail || grep -qE 'nothing was undone|attached, but' "$tmp/err"
}
undone_attach_clsact() { undone_attach; }
# A type that it registered before stays when it is detached again.
undone_attach_keep()
{
	nothing_attached && ! is_kept || grep -qE 'nothing was undone|attached, but|attached all the same' "$tmp/err"
}
undone_load_keep() { is_kept && undone_load; }
undone_bind()
{
	! has_type && [ -z "$(compgen -G "$tmp/bound.o*")" ] || grep -q 'nothing was undone' "$tmp/err"
}

# The next command. Where no pin and no process is left, nothing is.
next()	# COMMAND
{
	local log
	case $1 in
	find | stats | dump | filter | top | purge | status | type_list)	# they change nothing
		log=$(sk find --json $skb alone_note 2>&1) || say "find after it: $log"
		return ;;
	version | help)
		return ;;
	trace)
		[ -z "$(pins)" ] || say "left: $(pins | tr '\n' ' ')"
		return ;;
	demo)
		# The next one takes away what a killed one has left.
		no_cgroup || log=$(run_args demo 2>&1) || say "the same again: $log"
		no_cgroup || say "a cgroup is left"
		return ;;
	esac
	if [ "$1" = load_keep ]; then
		is_kept || say "it is not kept any more"
		"before_$1" >/dev/null
		return
	fi
	if [ "$1" = load ] || [ "$1" = doctor ] || [ "$1" = unload ]; then
		log=$(sk unload 2>&1) || say "unload after it: $log"
		[ -z "$(pins)" ] || say "left: $(pins | tr '\n' ' ')"
		return
	fi
	case $1 in
	attach* | detach*)
		log=$(sk detach --all 2>&1) || say "detach after it: $log"
		nothing_attached || say "attached after detach: $(pins | grep attached | tr '\n' ' ')" ;;
	replace)
		log=$(sk find $skb alone_note 2>&1) || say "the record is lost: $log $(sk stats --json | jq -c .lost)"
		done_attach || say "what was attached is not"
		log=$(sk purge 2>&1) || say "purge after it: $log"
		! compgen -G "$dir-new-*" >/dev/null || say "left: $(compgen -G "$dir-new-*")" ;;
	esac
	log=$(sk status --json 2>&1)
	is_well <<<"$log" || say "status after it: $(tail -n 1 <<<"$log")"
	"before_$1" >/dev/null
	log=$(run_args "$1" 2>&1) || say "the same again: $log"
	"done_$1" || say "the same again did not do it"
}

run_args()
{
	local -n args=args_$1
	local env=env_$1
	( [ -z "${!env}" ] || export "${!env?}"; sk "${args[@]}" )
}

# traced COMMAND STRACE-OPTION...: becomes it, so that it wants a shell of its own
traced()
{
	local -n args=args_$1
	local env=env_$1
	shift
	exec strace ${!env:+-E "${!env}"} "$@" "$skbext" "${args[0]}" --bpffs "$dir" "${args[@]:1}"
}

# shown COMMAND FILE: all that it has said, what it printed of which is in FILE. demo's are times.
shown()
{
	if [ "$1" = demo ]; then
		sed -E 's/-?[0-9]+(\.[0-9]+)?/N/g; s/ +/ /g' "$2" | same
	else
		same "$2"
	fi
	! declare -F "shown_$1" >/dev/null || "shown_$1" 2>&1 | same
}

# How many lines are on stderr, but for those with which trace begins and ends, and what load warns of in lines of their own.
err_lines()
{
	grep -vcE '^skbext: (tracing in |[0-9]+ packets seen|warning: (what|trial) is kept)' "$tmp/err"
}

# Its output, without the parts that may differ from run to run.
same()
{
	sed -E 's/^ +[0-9]+ s +([0-9]+  #)/AGE \1/; s/;? others there: .*//; s/0x[0-9a-f]+/ADDRESS/g; s/ [0-9]{2}(:[0-9]{2}){2} / TIME /; s/: id [0-9]+/: id N/; s/ +[0-9.]+[mu]?s / TIME /; s/missed +[0-9]+/missed N/; s/ +[0-9]+>[0-9]+ / CPUS /; s/ *[0-9]+$/ N/; s/^([a-z_]+) +[0-9]+ /\1 N /; s/ [0-9]+ +-$/ N -/' "$@"
}

# calls COMMAND: "NAME ORDINAL" of the system calls that count, from main() on
calls()
{
	local changes=0
	[ "$1" != demo ] || changes=1
	"before_$1" >/dev/null 2>&1
	(traced "$1" -y -qq -o "$tmp/trace") >"$tmp/good" 2>"$tmp/err" || say "without a fault: $(cat "$tmp/err")"
	[ $changes = 1 ] || reads <"$tmp/trace"
	"before_$1" >/dev/null 2>&1
	(traced "$1" $with_stacks -qq -o "$tmp/trace" -e trace=!read) >"$tmp/good" 2>"$tmp/err" ||
		say "without a fault: $(cat "$tmp/err")"
	shown "$1" "$tmp/good" >"$tmp/good.same"
	[ "$1" != bind ] || cp "$tmp/bound.o" "$tmp/bound.good"
	"done_$1" || say "without a fault: not done"
	next "$1"
	pick $(stacks "$1") $changes <"$tmp/trace"
}

# inject COMMAND NAME ORDINAL FAULT
inject()
{
	local how=error=$4 fast=--seccomp-bpf lines status
	# With which strace 6.1 sends no signal.
	[ "$4" != KILL ] || how=signal=KILL fast=''
	# brk() knows no errno: it says what is the end, as before.
	[ "$2" != brk ] || [ "$4" = KILL ] || how=retval=0
	# Nor do these, which cannot fail.
	[ "$4" = KILL ] || case $2 in getuid | geteuid | getpid | gettid | uname) return ;; esac
	what="$1, $2 $3 $4"
	"before_$1" >/dev/null 2>&1
	{
		(traced "$1" -f $fast -q -o "$tmp/log" -e "trace=$2" -e "inject=$2:$how:when=$3") \
			>"$tmp/out" 2>"$tmp/err" </dev/null
		status=$?
	} 2>/dev/null
	[ $status = 137 ] || grep -q INJECTED "$tmp/log" || return
	injected=$((injected + 1))
	lines=$(err_lines)
	if [ "$4" = KILL ]; then
		[ $status = 137 ] || say "exit status $status"
		# Load warns of what is partial when all is done, and may be killed behind that.
		[ "$lines" = 0 ] || grep -q '^skbext: warning: ' "$tmp/err" ||
			say "stderr: $(cat "$tmp/err")"
	else
		[ "$lines" -le 1 ] || say "$lines lines: $(cat "$tmp/err")"
		[ $status -le 2 ] || say "exit status $status"
		# What is frozen cannot be mapped either.
		[ $status = 0 ] || [ "$2 $4" = 'mmap EPERM' ] || grep -qE "${words[$4]}" "$tmp/err" ||
			grep -qE "$libbpf_words" "$tmp/err" ||
			say "it does not say why: $(cat "$tmp/err")"
		[ $status = 0 ] || [ "$lines" = 1 ] || [ "$2" = write ] ||
			say "exit status $status without a word"
	fi
	if [ $status = 0 ]; then
		"done_$1" || say "exit status 0, and it is not done"
		# What says another thing says why. A lock that strace does not let it close stays.
		shown "$1" "$tmp/out" >"$tmp/out.same"
		cmp -s "$tmp/out.same" "$tmp/good.same" || [ "$2 $4" = 'mmap EPERM' ] || [ "$2" = close ] ||
			grep -qE "${words[$4]}|$libbpf_words" "$tmp/out.same" "$tmp/out" "$tmp/err" ||
			say "exit status 0, and it says: $(diff "$tmp/good.same" "$tmp/out.same" | head -n 4 | tr '\n' ' ')"
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
	[ -z "$FIRST" ] || sed -i "$FIRST"q "$tmp/calls"
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

for command in ${COMMAND:-find stats metrics textfile add del dump filter purge status type_list \
	type_remove bind attach attach_clsact attach_keep detach detach_clsact detach_keep top unload load load_keep replace doctor bundle \
	trace demo version help}; do
	one "$command"
done
exit $failed
