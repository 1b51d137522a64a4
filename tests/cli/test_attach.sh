#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# skbext attach and detach: one's own object on live packets. The programs run where and in the
# order that was asked for, at tcx, at clsact, in a cgroup and at a tracepoint; detach leaves
# nothing, and neither does an attach that fails, is killed, or whose device goes.
#
#	tests/cli/test_attach.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
. "$(dirname "$0")/attach_trail.sh"
dir=/sys/fs/bpf/skbext

for tool in bpftool tc ip jq strace gcc nsenter setpriv; do
	command -v $tool >/dev/null || { echo "SKIP attach: no $tool"; exit 0; }
done
mount --make-rprivate /
mount -t bpf -o mode=0700 bpf /sys/fs/bpf
trap 'rm -rf "$tmp"' EXIT
ip link set lo up
write=$objs/attach_write.bpf.o read=$objs/attach_read.bpf.o

before_case()
{
	"$skbext" load >/dev/null 2>&1 || wrong "no load"
}

after_case()
{
	"$skbext" unload --force >/dev/null 2>&1
	tc qdisc del dev lo clsact 2>/dev/null
	ip link del attach0 2>/dev/null
}

# A kernel without tcx, as the library sees it.
cat >"$tmp/no_tcx.c" <<'C'
int bpf_prog_query_opts(int target, int type, void *opts)
{
	return -22;
}
C
gcc -shared -fPIC -o "$tmp/no_tcx.so" "$tmp/no_tcx.c"
old_kernel=

# shellcheck disable=SC2086 # nothing, or words
sk()
{
	run $old_kernel "$skbext" "$@"
}

attach()	# ARGUMENT...: must do
{
	# shellcheck disable=SC2086
	must $old_kernel "$skbext" attach "$@"
}

on_an_old_kernel()
{
	old_kernel="env LD_PRELOAD=$tmp/no_tcx.so"
	"$@"
	old_kernel=
}

# nothing_left WHAT: no program of ours runs, and unload does not ask for --force
nothing_left()
{
	[ ! -e $dir/attached ] || wrong "$1: pinned: $(ls $dir/attached)"
	tc filter show dev lo egress | grep -q 'handle 0x736b' && wrong "$1: a filter is left"
	run "$skbext" unload
	[ "$out" = unloaded ] || wrong "$1: unload: $out $err"
}

a_trial_is_one_command()
{
	attach "$write" --prog two --dev lo --egress || return
	[[ $out == "attached"*"attach_write: $(realpath "$write")"*"two: id "*", lo egress, tcx"*"2 more of the object were left out" ]] ||
		wrong "attach says: $out"
	attach "$read" --dev lo
	[ "$(trail)" = 2 ] || wrong "the packet's note: $(trail)"
	sk status --json
	is '[.attached[] | .name] | sort == ["attach_read", "attach_write"]' "names in status"
	is '[.attached[].programs[] | "\(.name) \(.dev) \(.direction) \(.how) \(.gone)"] | sort ==
		["read_tc lo ingress tcx false", "two lo egress tcx false"]' "programs in status"
	sk status
	[[ $out == *"attached"*"attach_write: $write"*"two: id "*"lo egress, tcx"* ]] || wrong "status: $out"
	sk detach attach_write
	[ "$out" = "detached attach_write" ] || wrong "detach: $out $err"
	sk detach --all --json
	is '. == { detached: ["attach_read"] }' "detach --all"
	bpftool -j net show dev lo | jq -e '[.[].tc[]] == []' >/dev/null || wrong "left: $(bpftool net show dev lo)"
	nothing_left detach
}

each_program_goes_where_it_fits()
{
	mount -t cgroup2 none "$tmp/cgroup" 2>/dev/null || mkdir -p "$tmp/cgroup" &&
		mount -t cgroup2 none "$tmp/cgroup" || { skip="no cgroup v2"; return; }
	mkdir -p "$tmp/cgroup/attach-$$"
	attach "$read" --dev lo --cgroup "$tmp/cgroup/attach-$$" --tracing --json || return
	is '.left_out == 0 and ([.programs[] | "\(.name) \(.how)"] | sort ==
		["read_tc tcx", "read_trace tracing", "write_cgroup cgroup"])' places
	(echo $BASHPID >"$tmp/cgroup/attach-$$/cgroup.procs" && send)
	[ "$(value read_tc at_cgroup)" -ge 5 ] || wrong "cgroup: $(value read_tc at_cgroup) packets"
	[ "$(value read_tc at_tc) $(value read_tc at_trace)" = "9 9" ] ||
		wrong "found: $(value read_tc at_tc) $(value read_tc at_trace)"
	sk unload
	refused "unload while it is attached" "attach_read is attached; \`skbext detach --all\` first"
	must "$skbext" detach attach_read
	nothing_left detach
	rmdir "$tmp/cgroup/attach-$$" || wrong "the cgroup is held"
	umount "$tmp/cgroup"
}

bound_already()
{
	must "$skbext" bind "$write" "$tmp/bound.o" || return
	attach "$tmp/bound.o" --prog three --dev lo --egress && attach "$read" --dev lo || return
	[ "$(trail)" = 3 ] || wrong "the packet's note: $(trail)"
	sk detach bound attach_read
	[ "$out" = "detached bound"$'\n'"detached attach_read" ] || wrong "detach of two: $out $err"
	nothing_left detach
}

# A program array that only its programs hold is emptied when the loader ends.
tail_calls_go_on()
{
	attach "$objs/attach_jump.bpf.o" --prog jump --dev lo --egress && attach "$read" --dev lo || return
	[ "$(trail)" = 7 ] || wrong "the packet's note: $(trail)"
	must "$skbext" detach --all
	nothing_left detach
}

# at NAME PROGRAM OPTION...
at()
{
	attach "$write" --name "$1" --prog "$2" --dev lo --egress "${@:3}"
}

order()
{
	attach "$read" --dev lo && at a one && at b two || return
	[ "$(trail)" = 12 ] || wrong "in their order: $(trail)"
	at c three --before one
	[ "$(trail)" = 312 ] || wrong "--before: $(trail)"
	must "$skbext" detach c
	at c three --after one
	[ "$(trail)" = 132 ] || wrong "--after: $(trail)"
	must "$skbext" detach a b c
	at a one --prio 20 && at b two --prio 10 && at c three --prio 15
	[ "$(trail)" = 231 ] || wrong "--prio: $(trail)"
	must "$skbext" detach a
	at a one
	[ "$(trail)" = 231 ] || wrong "after them: $(trail)"
	sk attach "$write" --name d --prog one --dev lo --egress --before nobody
	refused "beside nobody" "no program 'nobody' is attached at lo egress"
	must "$skbext" detach a b c
	attach "$write" --dev lo --egress
	[ "$(trail)" = 123 ] || wrong "of one object: $(trail)"
	must "$skbext" detach --dev lo
	nothing_left detach
}

order_at_clsact()
{
	on_an_old_kernel order
	[ -z "$(tc qdisc show dev lo clsact)" ] || wrong "clsact is left: $(tc qdisc show dev lo)"
}

beside_id_and_others()
{
	local id
	attach "$read" --dev lo && at a one || return
	id=$("$skbext" status --json | jq '.attached[] | select(.name == "a").programs[0].id')
	at b two --before "$id"
	[ "$(trail)" = 21 ] || wrong "by id: $(trail)"
}

# Filters of others run as before, and stay.
beside_filters_of_others()
{
	tc qdisc add dev lo clsact
	must tc filter add dev lo egress prio 7 bpf direct-action object-file "$objs/icount_empty.bpf.o" \
		section tc || return
	attach "$write" --prog one --dev lo --egress && attach "$read" --dev lo || return
	[ "$(trail)" = 1 ] || wrong "the packet's note: $(trail)"
	must "$skbext" detach --all
	tc filter show dev lo egress | grep -q icount_empty || wrong "another's filter is gone"
	on_an_old_kernel attach "$write" --prog one --dev lo --egress --prio 3
	[[ $out == *"lo egress, clsact"* ]] || wrong "said: $out"
	tc filter show dev lo egress | grep -q 'pref 3 bpf.* handle 0x736b' ||
		wrong "filters: $(tc filter show dev lo egress)"
	attach "$read" --dev lo
	[ "$(trail)" = 1 ] || wrong "clsact, the packet's note: $(trail)"
	must "$skbext" detach --all
	tc filter show dev lo egress | grep -q icount_empty || wrong "another's filter is gone"
	nothing_left detach
}

# Another's filter is now in the place of ours: it stays.
a_filter_that_others_replaced()
{
	on_an_old_kernel at a one --prio 3
	must "$skbext" bind "$write" "$tmp/bound.o" && must mkdir -p /sys/fs/bpf/own &&
		must bpftool prog loadall "$tmp/bound.o" /sys/fs/bpf/own \
			map name .data.skbext pinned $dir/ctl map name .data.skbext_slots pinned $dir/slots \
			map name skbext_stats pinned $dir/stats map name skbext_watches pinned $dir/watches \
			map name skbext_refs pinned $dir/refs || return
	must tc filter replace dev lo egress prio 3 handle 0x736b bpf direct-action object-pinned \
		/sys/fs/bpf/own/two
	sk status --json
	is '.attached[].programs[].gone' "it is not ours any more"
	must "$skbext" detach a
	tc filter show dev lo egress | grep -q 'pref 3 bpf.*two' || wrong "another's filter is gone"
	tc qdisc del dev lo clsact
	rm -rf /sys/fs/bpf/own
	nothing_left detach
}

# In a network namespace that is left afterwards: named, held by a process, and gone.
from_another_namespace()
{
	ip netns add "attach-$$" || { skip="no ip netns"; return; }
	ip -n "attach-$$" link set lo up
	for how in tcx clsact; do
		[ $how = tcx ] || old_kernel="env LD_PRELOAD=$tmp/no_tcx.so"
		# shellcheck disable=SC2086
		must nsenter --net="/run/netns/attach-$$" $old_kernel "$skbext" attach "$write" --prog one \
			--dev lo --egress
		[[ $out == *"lo egress, $how"* ]] || wrong "$how: $out"
		sk detach --dev lo
		[ "$out" = "nothing is attached there" ] || wrong "$how: lo of another namespace: $out"
		sk status --json
		is '[.attached[] | select(.name == "attach_write").programs[].gone] == [false]' "$how: status"
		must "$skbext" detach attach_write
		ip netns exec "attach-$$" tc filter show dev lo egress | grep . && wrong "$how: a filter is left"
		# shellcheck disable=SC2086
		must nsenter --net="/run/netns/attach-$$" $old_kernel "$skbext" attach "$write" --prog one \
			--dev lo --egress --name "stays-$how"
	done
	ip netns del "attach-$$"
	must "$skbext" detach stays-tcx stays-clsact
	old_kernel=
	nothing_left "the namespace is gone"
}

# Where its namespace could not be looked for, the filter was gone, and stayed.
a_namespace_that_cannot_be_looked_for()
{
	local ns=attach-$$
	must ip netns add "$ns" || return
	must nsenter --net="/run/netns/$ns" env LD_PRELOAD="$tmp/no_tcx.so" "$skbext" attach "$write" \
		--prog one --dev lo --egress
	run strace -qq -o "$tmp/strace" -P "/run/netns/$ns" -e trace=openat -e inject=openat:error=ENOMEM \
		"$skbext" detach attach_write
	refused "its namespace" "memory"
	ip netns exec "$ns" tc filter show dev lo egress | grep -q . || wrong "it said that it is not detached"
	must "$skbext" detach attach_write
	ip netns exec "$ns" tc filter show dev lo egress | grep . && wrong "a filter is left"
	ip netns del "$ns"
	nothing_left "a namespace that cannot be looked for"
}

a_path_that_is_no_text()
{
	local odd
	odd=$tmp/$(printf 'x\377\033y')
	mkdir "$odd" && cp "$write" "$odd/odd.o"
	must "$skbext" attach "$odd/odd.o" --prog one --dev lo --egress
	[[ $out == *"odd: "*"x??y/odd.o"* ]] || wrong "attach says: $out"
	sk status --json
	is '.attached[] | .object | endswith("x??y/odd.o")' "status"
	sk status
	grep -q "$(printf '\033')" <<<"$out" && wrong "status prints an escape sequence"
	must "$skbext" detach odd
	nothing_left "a path that is no text"
}

a_device_that_is_renamed()
{
	local how old_kernel=
	ip link add attach0 type veth peer name attach1 || { wrong "no veth"; return; }
	for how in tcx clsact; do
		[ $how = tcx ] || old_kernel="env LD_PRELOAD=$tmp/no_tcx.so"
		# shellcheck disable=SC2086
		must $old_kernel "$skbext" attach "$write" --prog one --dev attach0 --egress
		must ip link set attach0 name attach2
		sk status
		[[ $out == *"attach2 egress, $how"* ]] || wrong "$how: status: $out"
		sk detach --dev attach0
		[ "$out" = "nothing is attached there" ] || wrong "$how: by its old name: $out"
		sk detach --dev attach2
		[ "$out" = "detached attach_write" ] || wrong "$how: by its name: $out"
		must ip link set attach2 name attach0
	done
	ip link del attach0
	nothing_left "a renamed device"
}

a_device_that_has_gone()
{
	local old
	for old in '' "env LD_PRELOAD=$tmp/no_tcx.so"; do
		old_kernel=$old
		must ip link add attach0 type veth peer name attach1 || return
		attach "$write" --prog one --dev attach0 --egress
		ip link del attach0
		sk status
		[[ $out == *"attach0 egress, "*", which has gone"* ]] || wrong "status: $out"
		sk detach attach_write
		[[ $status = 0 && -z $err && $out == "detached attach_write" ]] || wrong "detach: $out $err"
		must ip link add attach0 type veth peer name attach1
		attach "$write" --prog one --dev attach0 --egress
		ip link del attach0
		must ip link add attach0 type veth peer name attach1
		attach "$write" --prog one --dev attach0 --egress
		ip link del attach0
	done
	old_kernel=
	sk unload
	[ "$out" = unloaded ] || wrong "unload: $out $err"
}

errors()
{
	sk attach "$write" --dev lo
	refused "no direction" "program one, section tc, says no direction; give --ingress or --egress"
	sk attach "$write" --tracing
	refused "nothing fits" "no program of attach_write.bpf.o goes there; it has one (tc), two (tc)"
	sk attach "$write" --prog four --dev lo
	refused "unknown program" "attach_write.bpf.o has no program 'four'"
	sk attach "$read" --prog read_tc --prog read_trace --dev lo
	refused "a program without a place" "program read_trace, section tp_btf/netif_receive_skb, goes to none"
	sk attach "$write" --dev nodev --egress
	refused "no device" "no device nodev in this network namespace"
	sk attach "$write" --cgroup /nowhere --egress
	refused "no cgroup" /nowhere "directory of a cgroup"
	sk attach "$read" --cgroup "$tmp"
	refused "no cgroup v2" "is not a directory of cgroup v2"
	mkfifo "$tmp/pipe.o"
	run timeout -k 1 20 "$skbext" attach "$tmp/pipe.o" --dev lo
	refused "a pipe" "pipe.o is not a regular file; give a BPF object"
	rm "$tmp/pipe.o"
	sk attach /nowhere.o --dev lo
	refused "no file" "/nowhere.o: No such file"
	sk attach "$0" --dev lo --name x
	refused "no object" "is no BPF object"
	must llvm-strip --strip-all -o "$tmp/stripped.o" "$read" && sk attach "$tmp/stripped.o" --dev lo
	refused "stripped" "stripped.o is no BPF object that libbpf can read"
	sk attach "$objs/icount_empty.bpf.o" --dev lo --egress
	refused "does not use skbext" "does not use skbext.bpf.h"
	sk attach "$write" --dev lo --egress --name a.b
	refused "bad name" "'a.b' is not a name"
	sk detach nobody
	refused "unknown name" "nothing called 'nobody' is attached; "
	sk detach ../ctl
	refused "no name at all" "nothing called '../ctl' is attached"
	for line in "attach" "attach $write" "attach $write --dev lo --ingress --egress" \
		"attach $write --tracing --ingress" "attach $write --dev lo --prio 0" \
		"attach $write --dev lo --prio 5 --before x" "attach $write --tracing --after x" \
		"detach" "detach --all x" "detach --dev lo --all"; do
		# shellcheck disable=SC2086
		sk $line
		[ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] || wrong "$line: $status $err"
	done
	must "$skbext" detach --all
	[ "$out" = "nothing is attached there" ] || wrong "nothing: $out"
	[ "$("$skbext" type list)" = "no types" ] || wrong "types are left: $("$skbext" type list)"
	attach "$write" --prog one --dev lo --egress
	sk attach "$write" --prog two --dev lo --egress
	refused "the same again" "attach_write ($(realpath "$write")) is attached already; \`skbext detach attach_write\`"
	sk detach attach_write nobody
	refused "one of two" "nobody"
	nothing_left errors
	sk attach "$write" --dev lo --egress
	refused "not loaded" "no skbext is loaded"
	sk detach x
	refused "not loaded" "no skbext is loaded"
	cp "$skbext" "$tmp/skbext" && chmod 755 "$tmp" "$tmp/skbext"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/skbext" attach "$write" --dev lo --egress
	refused "no permission"
}

# An object that the verifier refuses registers nothing.
a_program_that_does_not_load()
{
	sed 's|trail->digits = .*|trail->digits = *(__u32 *)(long)digit;|' \
		"$root/tests/cli/attach_write.bpf.c" >"$tmp/bad.bpf.c"
	must clang -O2 -g -target bpf -I"$root/include" \
		-idirafter "/usr/include/$(gcc -print-multiarch)" -c "$tmp/bad.bpf.c" -o "$tmp/bad.bpf.o" || return
	sk attach "$tmp/bad.bpf.o" --dev lo --egress
	refused "bad program" "loading bad.bpf.o: the verifier refuses it; --debug shows"
	[ "$("$skbext" type list)" = "no types" ] || wrong "a type is left"
	nothing_left "bad program"
}

# The kernel frees what was detached a little later: that is not stopped by the unload.
unload_by_force_after_detach()
{
	attach "$read" --dev lo --tracing && must "$skbext" detach --all || return
	sk unload --force
	[ "$out" = unloaded ] || wrong "unload --force: $out $err"
	must "$skbext" load && attach "$read" --dev lo --tracing && must "$skbext" detach --all || return
	sk unload --force --json
	is '.stopped == []' "unload --force --json"
}

unload_by_force()
{
	local id
	attach "$write" --prog one --dev lo --egress || return
	on_an_old_kernel attach "$write" --prog two --dev lo --egress --name old
	sk unload
	refused unload "and 1 more are attached; \`skbext detach --all\` first"
	sk unload --force
	[[ $out == unloaded*"detached: "* && $out == *"detached: old"* ]] || wrong "said: $out $err"
	[ ! -e $dir ] || wrong "left: $(ls $dir)"
	bpftool -j net show dev lo | jq -e '[.[].tc[]] == []' >/dev/null || wrong "left: $(bpftool net show dev lo)"
	[ -z "$(tc qdisc show dev lo clsact)" ] || wrong "clsact is left"
}

# calls NAME: how often attach makes that system call; of bpf(), those that follow the first which
# changes what others see
calls()
{
	local all first=1
	all=$(grep -c "^[0-9]* *$1(" "$tmp/calls")
	[ "$1" != bpf ] || first=$(grep "^[0-9]* *bpf(" "$tmp/calls" | grep -n '"skbext_attached"' | sed 's/:.*//;q')
	seq "$first" "$all"
}

# each_call FAULT OPTION...: attach with a fault in each of its system calls in turn
each_call()
{
	local fault=$1 call n
	shift
	# shellcheck disable=SC2086
	run $old_kernel strace -qq -f -o "$tmp/calls" -e trace=bpf,sendto,mkdir "$skbext" attach "$write" "$@"
	[ "$status" = 0 ] || wrong "without a fault: $err"
	must "$skbext" detach --all
	for call in bpf sendto mkdir; do
		for n in $(calls $call); do
			# shellcheck disable=SC2086
			{ run $old_kernel strace -qq -f -o /dev/null -e trace=$call -e inject=$call:"$fault:when=$n" \
				"$skbext" attach "$write" "$@"; } 2>/dev/null
			after_the_fault "$call $n" "$fault"
		done
	done
	nothing_left "$fault"
}

after_the_fault()	# WHAT FAULT
{
	if [ "$2" != signal=KILL ] && [ "$status" != 0 ]; then
		[ "$(wc -l <"$tmp/err")" = 1 ] || wrong "$1: not one line: $err"
		[[ -z $(ls $dir/attached 2>/dev/null) || $err == *"attached, but cannot show"* ]] ||
			wrong "$1: pinned: $(ls $dir/attached), said: $err"
	fi
	must "$skbext" detach --all
	[ -z "$(ls $dir/attached 2>/dev/null)" ] || wrong "$1: pinned: $(ls $dir/attached)"
	bpftool -j net show dev lo | jq -e '[.[].tc[]] == []' >/dev/null ||
		wrong "$1: attached: $(bpftool net show dev lo)"
}

killed_at_each_call()
{
	each_call signal=KILL --dev lo --egress --prog one --prog two
}

killed_at_each_call_on_an_old_kernel()
{
	on_an_old_kernel each_call signal=KILL --dev lo --egress --prog one
}

fails_at_each_call()
{
	each_call error=EPERM --dev lo --egress --prog one --prog two
	must "$skbext" load || return
	on_an_old_kernel each_call error=EPERM --dev lo --egress --prog one
}

# After a kill in the middle the next attach begins with a clean place.
attach_after_a_kill()
{
	local n total
	run strace -qq -f -o "$tmp/calls" -e trace=bpf "$skbext" attach "$write" --dev lo --egress
	total=$(grep -c 'bpf(' "$tmp/calls")
	must "$skbext" detach --all
	for ((n = total - 4; n <= total; n++)); do
		{ run strace -qq -f -o /dev/null -e inject=bpf:signal=KILL:when=$n \
			"$skbext" attach "$write" --dev lo --egress; } 2>/dev/null
		sk status --json
		[ -n "$out" ] || wrong "status: $err"
	done
	"$skbext" detach --all >/dev/null
	attach "$write" --dev lo --egress && attach "$read" --dev lo || return
	[ "$(trail)" = 123 ] || wrong "the packet's note: $(trail)"
}

a_hostile_directory()
{
	mkdir "$tmp/victim" && touch "$tmp/victim/one"
	ln -s "$tmp/victim" $dir/attached
	sk attach "$write" --prog one --dev lo --egress
	refused "a link in the way" "$dir/attached"
	[ "$(ls "$tmp/victim")" = one ] || wrong "the link was followed: $(ls "$tmp/victim")"
	rm $dir/attached
	mkdir -p $dir/attached/attach_write/sub
	sk attach "$write" --prog one --dev lo --egress
	refused "a directory in the way" "$dir/attached"
	sk unload
	refused "a directory in it" "holds more than skbext has put there"
	rmdir $dir/attached/attach_write/sub $dir/attached/attach_write
	[ -e $dir ] && "$skbext" unload --force >/dev/null
	must "$skbext" load || return
	# Pins that are something else.
	mkdir $dir/attached
	bpftool map create $dir/attached/other type array key 4 value 8 entries 1 name other
	sk status --json
	is '.attached == []' "not ours"
	sk detach other
	refused "not ours" "nothing called 'other'"
	attach "$write" --prog one --dev lo --egress
	must "$skbext" detach attach_write
	sk unload
	[ "$out" = unloaded ] || wrong "unload: $out $err"
}

run_case a_trial_is_one_command
run_case each_program_goes_where_it_fits
run_case bound_already
run_case tail_calls_go_on
run_case order
run_case order_at_clsact
run_case beside_id_and_others
run_case beside_filters_of_others
run_case a_filter_that_others_replaced
run_case from_another_namespace
run_case a_namespace_that_cannot_be_looked_for
run_case a_path_that_is_no_text
run_case a_device_that_is_renamed
run_case a_device_that_has_gone
run_case errors
run_case a_program_that_does_not_load
run_case unload_by_force
run_case unload_by_force_after_detach
run_case killed_at_each_call
run_case killed_at_each_call_on_an_old_kernel
run_case fails_at_each_call
run_case attach_after_a_kill
run_case a_hostile_directory
exit $failed
