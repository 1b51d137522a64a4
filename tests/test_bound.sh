#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Who is bound: status lists the programs that use what is loaded, and tells when it cannot look;
# unload refuses to stop them, unless by force.
#
#	tests/test_bound.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

root=$(cd "$(dirname "$0")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
skbext=${SKBEXT:-$root/.output/skbext}
objs=${SKBEXT_TEST_OBJS:-$root/.output/tests}
tmp=$(mktemp -d)
only=$1
failed=0
no_admin="setpriv --bounding-set=-sys_admin"

for tool in setpriv bpftool tc jq; do
	command -v $tool >/dev/null || { echo "SKIP bound: no $tool"; exit 0; }
done
mount --make-rprivate /
mount -t bpf -o mode=0700 bpf /sys/fs/bpf
trap 'rm -rf "$tmp"' EXIT
ip link set lo up

wrong()
{
	echo "    ${FUNCNAME[1]}: $*" >&2
	failures=$((failures + 1))
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
	[ "$status" = 0 ] || wrong "$*: status $status: $out $err"
	return "$status"
}

# refused WHAT [WORD]...: exit status 1, one line, with these words
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

is()	# JQ-CONDITION WHAT
{
	[ "$(jq "$1" <<<"$out" 2>/dev/null)" = true ] || wrong "$2: not true: $1 of $out $err"
}

run_case()
{
	[ -z "$only" ] || [ "$only" = "$1" ] || return
	failures=0
	"$1"
	tc qdisc del dev lo clsact 2>/dev/null
	rm -rf /sys/fs/bpf/own
	"$skbext" unload --force >/dev/null 2>&1
	if [ "$failures" -gt 0 ]; then
		failed=1
		echo "FAIL $1: $failures checks"
	else
		echo "PASS $1"
	fi
}

# bound_program NAME: of NAME.bpf.o, loaded by stock bpftool and pinned as /sys/fs/bpf/own/PROGRAM
bound_program()
{
	must "$skbext" bind "$objs/$1.bpf.o" "$tmp/$1.o" || return
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | /sys/fs/bpf/own |" >"$tmp/$1.load"
	mkdir -p /sys/fs/bpf/own
	must bash -e "$tmp/$1.load"
}

attach_at_tc()	# PROGRAM
{
	tc qdisc add dev lo clsact 2>/dev/null
	must tc filter add dev lo egress bpf direct-action object-pinned "/sys/fs/bpf/own/$1"
}

status_lists_who_is_bound()
{
	must "$skbext" load --type other:16 || return
	run "$skbext" status
	[[ $out == *"bound      no program"* ]] || wrong "nobody is bound: $out"
	run "$skbext" status --json
	is '.bound == []' "nobody is bound"
	bound_program root_adds || return
	run bpftool -j prog show pinned /sys/fs/bpf/own/root_adds
	jq '[{ id, name, type, tag, pids: [], pin: "/sys/fs/bpf/own/root_adds",
		types: ["root_mark"] }]' <<<"$out" >"$tmp/wanted"
	run "$skbext" status --json
	is ".bound == $(cat "$tmp/wanted")" "the program"
	run "$skbext" status
	[[ $out == *"  root_adds: id "*", sched_cls, tag "*"pinned as /sys/fs/bpf/own/root_adds, types root_mark"* ]] ||
		wrong "text: $out"
}

# Held by a filter alone it has no pin; without the filter it ends.
status_follows_what_holds_it()
{
	must "$skbext" load && bound_program root_adds && attach_at_tc root_adds || return
	rm -rf /sys/fs/bpf/own
	run "$skbext" status --json
	is '.bound | length == 1 and (.[0] | .name == "root_adds" and has("pin") == false)' filter
	tc qdisc del dev lo clsact
	for _ in {1..50}; do
		run "$skbext" status --json
		[ "$(jq '.bound | length' <<<"$out")" = 0 ] && return
		sleep 0.1
	done
	wrong "it has ended, and status says: $(jq -c .bound <<<"$out")"
}

# Somebody else's program that has nothing to do with this skbext, and one of another skbext.
others_are_not_bound()
{
	must "$skbext" load && must "$skbext" load --bpffs /sys/fs/bpf/second &&
		bound_program root_adds || return
	run "$skbext" status --json --bpffs /sys/fs/bpf/second
	is '.bound == []' "bound to the other one"
	must "$skbext" unload --bpffs /sys/fs/bpf/second
}

status_says_that_it_cannot_look()
{
	must "$skbext" load && bound_program root_adds || return
	run $no_admin "$skbext" status
	[ "$status" = 0 ] || wrong "exit status $status: $err"
	[[ $out == *"bound      unknown: "*CAP_SYS_ADMIN*"healthy"* ]] || wrong "text: $out"
	run $no_admin "$skbext" status --json
	is '.bound == null and (.bound_unknown | contains("CAP_SYS_ADMIN"))' json
	run "$skbext" status --json
	is 'has("bound_unknown") == false' "with the capability"
}

adds()
{
	"$skbext" stats --json | jq '.adds + .adds_more'
}

send()
{
	for _ in {1..50}; do echo x >/dev/udp/127.0.0.1/9; done 2>/dev/null
}

unload_refuses_while_bound()
{
	local id before
	must "$skbext" load && bound_program root_adds && attach_at_tc root_adds || return
	id=$(bpftool -j prog show pinned /sys/fs/bpf/own/root_adds | jq .id)
	run "$skbext" unload
	refused unload "in use by program root_adds (id $id, pinned as /sys/fs/bpf/own/root_adds)" \
		"--force"
	rm -rf /sys/fs/bpf/own
	run "$skbext" unload
	refused "unload, not pinned" "in use by program root_adds (id $id)"
	run "$skbext" status --json
	is '.guarantee != "none" and .healthy' "after a refused unload"
	before=$(adds)
	send
	[ "$(adds)" -ge $((before + 50)) ] || wrong "the program was stopped: $before $(adds)"
	run "$skbext" unload --force
	[[ $status = 0 && $out == "unloaded"$'\n'"stopped: root_adds: id $id, "* ]] ||
		wrong "--force: status $status: $out $err"
	[ ! -e /sys/fs/bpf/skbext ] || wrong "--force leaves something"
}

unload_counts_the_others()
{
	must "$skbext" load && bound_program root_adds && bound_program api_held || return
	run "$skbext" unload
	refused unload "more"
	run "$skbext" unload --force --json
	is '.removed and ([.stopped[].name] | contains(["root_adds", "api_hold"]))' "whom it stops"
}

unload_right_after_the_last_detach()
{
	for _ in 1 2 3; do
		must "$skbext" load && bound_program root_adds && attach_at_tc root_adds || return
		rm -rf /sys/fs/bpf/own
		tc qdisc del dev lo clsact
		run "$skbext" unload
		[ "$out" = unloaded ] || wrong "unload: $out $err"
	done
	run "$skbext" unload --force
	[ "$out" = "nothing is loaded" ] || wrong "--force of nothing: $out $err"
	must "$skbext" load
	run "$skbext" unload --force
	[ "$out" = unloaded ] || wrong "--force, and nobody is bound: $out $err"
}

unload_that_cannot_look()
{
	must "$skbext" load || return
	run $no_admin "$skbext" unload
	refused unload CAP_SYS_ADMIN "--force"
	[ -e /sys/fs/bpf/skbext/ctl ] || wrong "refused, and it is gone"
	run $no_admin "$skbext" unload --force
	[[ $status = 0 && $out == *unloaded*"not known"*CAP_SYS_ADMIN* ]] || wrong "--force: $out $err"
}

run_case status_lists_who_is_bound
run_case status_follows_what_holds_it
run_case others_are_not_bound
run_case status_says_that_it_cannot_look
run_case unload_refuses_while_bound
run_case unload_counts_the_others
run_case unload_right_after_the_last_detach
run_case unload_that_cannot_look
exit $failed
