#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Bound programs: status lists the programs that use what is loaded, and tells when it cannot look;
# unload refuses to stop them, unless by force; and a type is removed only if none of them uses it.
#
#	tests/cli/test_bound.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
no_admin="setpriv --bounding-set=-sys_admin"

for tool in setpriv strace bpftool tc jq; do
	command -v $tool >/dev/null || { echo "SKIP bound: no $tool"; exit 0; }
done
mount --make-rprivate /
mount -t bpf -o mode=0700 bpf /sys/fs/bpf
trap 'rm -rf "$tmp"' EXIT
ip link set lo up

after_case()
{
	tc qdisc del dev lo clsact 2>/dev/null
	rm -rf /sys/fs/bpf/own
	"$skbext" unload --force >/dev/null 2>&1
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

# It finds nothing any more, and nobody else tells.
status_tells_who_is_bound_to_what_is_gone()
{
	must "$skbext" load || return
	bound_program root_adds || return
	must "$skbext" unload --force
	must "$skbext" load || return
	run "$skbext" status --json
	[ "$status" = 1 ] || wrong "status $status"
	[[ $err == "skbext: not healthy: "*root_adds*"unloaded"*again* ]] || wrong "says: $err"
	is '.problems | length == 1 and (.[0] | test("root_adds"))' "the program"
	rm -rf /sys/fs/bpf/own
	for _ in $(seq 100); do
		run "$skbext" status
		[ "$status" != 0 ] || break
		sleep 0.1
	done
	[ "$status" = 0 ] || wrong "it is gone, and: $err"
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

unload_and_remove_right_after_the_last_detach()
{
	for _ in 1 2 3; do
		must "$skbext" load && bound_program root_adds && attach_at_tc root_adds || return
		rm -rf /sys/fs/bpf/own
		tc qdisc del dev lo clsact
		run "$skbext" unload
		[ "$out" = unloaded ] || wrong "unload: $out $err"
		must "$skbext" load && bound_program root_adds && attach_at_tc root_adds || return
		rm -rf /sys/fs/bpf/own
		tc qdisc del dev lo clsact
		run "$skbext" type remove root_mark
		[ "$out" = "removed root_mark" ] || wrong "type remove: $out $err"
		must "$skbext" unload
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

# gone PROGRAM: no more loaded, some time after nothing holds it
gone()
{
	tc qdisc del dev lo clsact 2>/dev/null
	rm -rf /sys/fs/bpf/own
	for _ in {1..50}; do
		run "$skbext" status --json
		[ "$(jq ".bound | map(select(.name == \"$1\")) | length" <<<"$out")" = 0 ] && return
		sleep 0.1
	done
	wrong "$1 does not end"
	return 1
}

types()	# one line: name:size:offset ...
{
	"$skbext" type list --json | jq -r '[.types[] | "\(.name):\(.size):\(.offset)"] | join(" ")'
}

type_list_says_who_uses_each()
{
	local id
	must "$skbext" load || return
	run "$skbext" type list
	[ "$out" = "no types" ] || wrong "none: $out"
	must "$skbext" unload
	must "$skbext" load --type a:16,noclone && bound_program root_adds || return
	id=$(bpftool -j prog show pinned /sys/fs/bpf/own/root_adds | jq .id)
	run "$skbext" type list
	[ "$(grep -v ' records, ' <<<"${out%%: id*}")" = \
		"a: 16 bytes at 0,noclone"$'\n'"root_mark: 8 bytes at 16"$'\n'"    root_adds" ] ||
		wrong "text: $out"
	run "$skbext" type list --json
	is "[.types[] | [.name, .size, .offset, .flags, (.bound | map(.id))]] ==
		[[\"a\", 16, 0, [\"noclone\"], []], [\"root_mark\", 8, 16, [], [$id]]]" json
	is '.bound_types_unknown == []' json
	run $no_admin "$skbext" type list
	[[ $status = 0 && $out == *"a: 16"*"not known: "*CAP_SYS_ADMIN* ]] || wrong "no look: $out"
	run $no_admin "$skbext" type list --json
	is '[.types[].bound] == [null, null] and (.bound_unknown | contains("CAP_SYS_ADMIN"))' "no look"
}

type_remove_refuses_what_is_used()
{
	must "$skbext" load --type a:16 && bound_program root_adds || return
	run "$skbext" type remove root_mark
	refused "in use" "type root_mark is in use by program root_adds (id "
	run $no_admin "$skbext" type remove a
	refused "it cannot look" CAP_SYS_ADMIN
	[ "$(types)" = "a:16:0 root_mark:8:16" ] || wrong "a refused one changed: $(types)"
	run "$skbext" type remove a
	[ "$out" = "removed a" ] || wrong "not in use: $out $err"
	run "$skbext" type remove a
	refused "removed already" "no type a"
	gone root_adds || return
	run "$skbext" type remove root_mark --json
	is '. == { removed: "root_mark" }' "not in use any more"
	[ -z "$(types)" ] && [ -z "$(ls /sys/fs/bpf/skbext/types)" ] || wrong "left: $(types)"
	for line in "" "list more" "remove" "remove a b" "rename a"; do
		run "$skbext" type $line
		[ "$status" = 2 ] || wrong "type $line: status $status: $out $err"
	done
}

# Payloads of the type go with it, and those of other types stay.
type_remove_empties_records()
{
	local skb=0xffff888000001 n
	must "$skbext" load --type a:8 --type b:8 --capacity 200 || return
	for n in 000 100 200 300; do
		must "$skbext" add ${skb}$n a 0a
	done
	must "$skbext" add ${skb}000 b 0b
	must "$skbext" add ${skb}400 b 0b
	must "$skbext" type remove a
	run "$skbext" dump --json
	is '[.records[] | [.skb, (.types | map_values(.hex))]] | sort ==
		[["0xffff888000001000", {b: "0b00000000000000"}], ["0xffff888000001400", {b: "0b00000000000000"}]]' \
		"records"
	run "$skbext" stats --json
	is '[.live, .dels, .dels_emptied, .adds + .shares - .releases - .dels_emptied - .live] ==
		[2, 4, 3, 0]' stats
	for n in 100 200 300 400; do
		must "$skbext" add ${skb}$n b 0c
	done
}

hold_packets()	# N: in a socket that is connected to itself
{
	exec 3>&-
	echo 9999 9999 >/proc/sys/net/ipv4/ip_local_port_range || return
	exec 3<>/dev/udp/127.0.0.1/9999
	for ((i = 0; i < $1; i++)); do
		printf 'held' >&3
	done
}

# The file that was bound before comes back when its type is gone and another one is there.
what_was_bound_before_reads_nobodys()
{
	local n
	must "$skbext" load && bound_program root_adds && cp "$tmp/root_adds.load" "$tmp/old.load" &&
		gone root_adds || return
	must "$skbext" type remove root_mark
	bound_program api_held || return
	[ "$(types)" = "api_held:12:8" ] || wrong "on the place of the other one: $(types)"
	must bash -e "$tmp/old.load" && attach_at_tc root_adds || return
	hold_packets 20
	[ "$(adds)" -ge 20 ] || wrong "it adds nothing: $(adds)"
	run "$skbext" dump --json
	is '[.records[].types | has("api_held")] | any == false' "what it adds is the new type's"
	tc filter del dev lo egress
	attach_at_tc api_hold || return
	hold_packets 20
	run "$skbext" dump --json --type api_held
	n=$(jq '.records | length' <<<"$out")
	[ "$n" -ge 20 ] || wrong "the new type's own: $n records"
	exec 3>&-
}

# Objects bound to it work again, and it takes no other place.
type_comes_back_to_its_place()
{
	local i
	must "$skbext" load --payload 24 && bound_program root_adds || return
	for i in {1..10}; do
		gone root_adds && must "$skbext" type remove root_mark || return
		bound_program root_adds || return
		[ "$(types)" = "root_mark:8:0" ] || wrong "time $i: $(types)"
	done
	attach_at_tc root_adds
	hold_packets 5
	run "$skbext" dump --json --type root_mark
	[ "$(jq '.records | length' <<<"$out")" -ge 5 ] || wrong "it is not found again: $out"
	exec 3>&-
	# Bound and failed: it is removed as before, not free.
	gone root_adds && must "$skbext" type remove root_mark || return
	run "$skbext" bind "$objs/root_adds.bpf.o" /nowhere/out.o
	refused "bind to nowhere" "No such file"
	[ -z "$(types)" ] || wrong "a failed bind leaves $(types)"
	bound_program api_held || return
	[ "$(types)" = "api_held:12:8" ] || wrong "its place is another's: $(types)"
}

what_was_never_used_is_free()
{
	local all="--type a:8 --type b:8 --type c:8 --type d:16 --type e:8 --type f:8 --type g:8 --type h:8"
	must "$skbext" load $all --payload 72 || return
	run "$skbext" bind "$objs/root_adds.bpf.o" "$tmp/out.o"
	refused "a ninth type" ninth
	must "$skbext" type remove b
	must "$skbext" type remove d
	bound_program root_adds && bound_program api_held || return
	[ "$(types)" = "a:8:0 root_mark:8:8 c:8:16 api_held:12:24 e:8:40 f:8:48 g:8:56 h:8:64" ] ||
		wrong "places: $(types)"
	gone root_adds && must "$skbext" type remove root_mark
	run "$skbext" bind "$objs/api_write.bpf.o" "$tmp/out.o"
	refused "a ninth type" ninth "1 are removed"
}

# Killed on its way the type is there or gone, and the next command works.
type_remove_killed()
{
	local at when
	for at in membarrier:1 membarrier:2 membarrier:3 unlink:1; do
		when=${at#*:}
		must "$skbext" load --type a:8 --type b:8 || return
		must "$skbext" add 0xffff888000001000 a 0a
		must "$skbext" add 0xffff888000001000 b 0b
		must "$skbext" add 0xffff888000002000 a 0a
		run strace -f -qq -o /dev/null -e inject=${at%:*}:signal=KILL:when="$when" \
			"$skbext" type remove a
		[ "$status" != 0 ] || wrong "$at: not killed"
		case $at in
		unlink*) [ "$(types)" = "b:8:8" ] || wrong "$at: $(types)" ;;
		*) must "$skbext" type remove a ;;
		esac
		run "$skbext" dump --json
		is '[.records[].types | keys] == [["b"]]' "$at: records"
		must "$skbext" add 0xffff888000002000 b 0b
		must "$skbext" del 0xffff888000002000 b
		must "$skbext" unload
	done
}

run_case status_lists_who_is_bound
run_case status_tells_who_is_bound_to_what_is_gone
run_case status_follows_what_holds_it
run_case others_are_not_bound
run_case status_says_that_it_cannot_look
run_case unload_refuses_while_bound
run_case unload_counts_the_others
run_case unload_and_remove_right_after_the_last_detach
run_case unload_that_cannot_look
run_case type_list_says_who_uses_each
run_case type_remove_refuses_what_is_used
run_case type_remove_empties_records
run_case what_was_bound_before_reads_nobodys
run_case type_comes_back_to_its_place
run_case what_was_never_used_is_free
run_case type_remove_killed
exit $failed
