#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# An object that uses skbext, loaded by a loader that knows nothing of it: stock bpftool, then tc.
# In a network namespace of its own, where a UDP socket that is connected to itself holds packets
# until they are read.

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"	# mounts: tracefs

. "$(dirname "$0")/../lib/cases.sh"
dir=/sys/fs/bpf/skbext-bpftool-$$

after_case()
{
	exec 3>&-
	rm -rf "$dir-pins"
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
	tc qdisc del dev lo clsact 2>/dev/null
}

cleanup()
{
	rm -rf "$dir-pins" "$tmp"
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
}
trap cleanup EXIT

# The socket's own port is the only one there is, so it is connected to itself.
self_connected_socket()
{
	echo 9999 9999 >/proc/sys/net/ipv4/ip_local_port_range || return
	exec 3<>/dev/udp/127.0.0.1/9999
}

# A packet that was read may wait for its deferred free until the CPU receives again: untagged traffic.
quiesce()
{
	local round

	tc filter del dev lo egress
	for ((round = 0; round < 100; round++)); do
		"$skbext" dump --json --bpffs "$dir" | jq -e '.records == []' >/dev/null && return
		printf 'more' >&3
		dd bs=100 count=1 <&3 >/dev/null 2>&1
	done
}

# send_and_check FILTER WANTED: what a jq filter makes of the payload of each of two packets
send_and_check()
{
	local n

	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-pinned "$dir-pins/api_hold" &&
	must self_connected_socket || return

	printf 'four' >&3
	printf 'seven__' >&3
	must "$skbext" dump --json --bpffs "$dir" || return
	cp "$tmp/out" "$tmp/dump"
	n=$(jq '.records | length' "$tmp/dump")
	[ "$n" = 2 ] || wrong "$n records while two packets wait: $(jq -c . "$tmp/dump")"
	n=$(jq -c "[.records[].types.api_held | $1] | sort" "$tmp/dump")
	[ "$n" = "$2" ] || wrong "payloads: $n in $(jq -c . "$tmp/dump")"

	dd bs=100 count=2 <&3 >/dev/null 2>"$tmp/err" || wrong "not to be read: $(cat "$tmp/err")"
	# Without fentry the end of a datagram may go unseen until its sk_buff is handed out again.
	[ "$("$skbext" status --json --bpffs "$dir" | jq -r .guarantee)" = complete ] || return 0
	quiesce
	n=$("$skbext" dump --json --bpffs "$dir" | jq '.records | length')
	[ "$n" = 0 ] || wrong "$n records after the packets were read"
}

# Step by step, as a script would do it; the type is registered by load.
bpftool_loads_bound_object()
{
	must "$skbext" load --type api_held:12 --bpffs "$dir" &&
	must "$skbext" bind "$objs/api_held.bpf.o" "$tmp/out.o" --bpffs "$dir" &&
	must mkdir "$dir-pins" &&
	must bpftool prog loadall "$tmp/out.o" "$dir-pins" \
		map name .data.skbext pinned "$dir/ctl" \
		map name .data.skbext_slots pinned "$dir/slots" \
		map name skbext_stats pinned "$dir/stats" \
		map name skbext_watches pinned "$dir/watches" \
		map name skbext_refs pinned "$dir/refs" &&
	send_and_check '.hex | length' '[24,24]'
}

# By the command that bind prints; the type is registered by bind.
bind_prints_the_command()
{
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/api_held.bpf.o" "$tmp/out.o" --bpffs "$dir" || return
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | $dir-pins |" >"$tmp/command"
	grep -q "$dir-pins" "$tmp/command" || wrong "no command in: $(cat "$tmp/out")"
	must mkdir "$dir-pins" && must bash -e "$tmp/command" || return
	# 42 bytes of Ethernet, IP and UDP headers; decoded by the type that the object brought.
	send_and_check '.value | [.bytes, .color, .deep]' '[[46,4711,[0,0,9]],[49,4711,[0,0,9]]]'
}

# scripts/records.bt finds in the kernel's memory what the program adds at egress.
bpftrace_reads_records()
{
	local n ctl
	command -v bpftrace >/dev/null || { skip="no bpftrace"; return; }
	[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing ||
		{ skip="no tracefs"; return; }
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/api_held.bpf.o" "$tmp/out.o" --bpffs "$dir" || return
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | $dir-pins |" >"$tmp/command"
	must mkdir "$dir-pins" && must bash -e "$tmp/command" && must ip link set lo up &&
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-pinned "$dir-pins/api_hold" &&
	must self_connected_socket || return
	ctl=$("$skbext" status --json --bpffs "$dir" | jq -r .ctl)
	# It sends when it has attached, and prints its maps when all is sent.
	echo 'for n in {1..20}; do printf four >&3; done' >"$tmp/send"
	timeout -k 10 300 bpftrace -c "/bin/bash $tmp/send" "$root/scripts/records.bt" -- \
		$((ctl)) >"$tmp/trace" 2>"$tmp/err"
	# 46 bytes and color 4711, as api_held.bpf.c fills it in.
	n=$(grep -c '^lo skb [0-9a-f]* types 01 payload [.].x00.x00.x00g.x12' "$tmp/trace")
	[ "$n" = 20 ] || wrong "$n records seen: $(tail -n 3 "$tmp/trace" "$tmp/err")"
	n=$(awk '$1 == "@with:" { print $2 }' "$tmp/trace")
	[ "${n:-0}" -ge 20 ] || wrong "with a record: $n"
}

# The file itself is bound, too, when it is to be loaded by something that takes one path only.
bind_in_place()
{
	must cp "$objs/api_held.bpf.o" "$tmp/in_place.o" &&
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$tmp/in_place.o" --bpffs "$dir" &&
	must "$skbext" bind "$objs/api_held.bpf.o" "$tmp/out.o" --bpffs "$dir" || return
	cmp -s "$tmp/in_place.o" "$tmp/out.o" || wrong "in place and to a file differ"
	cmp -s "$tmp/in_place.o" "$objs/api_held.bpf.o" && wrong "nothing was written"
	return 0
}

# cilium/ebpf refuses BTF in which a name begins in the middle of another one.
bound_names_are_whole()
{
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/api_held.bpf.o" "$tmp/out.o" --bpffs "$dir" &&
	must llvm-objcopy --dump-section .BTF="$tmp/btf" "$tmp/out.o" "$tmp/copy.o" || return
	tr '\0' '\n' <"$tmp/btf" | grep -aqx skbext_refs || wrong "skbext_refs is not a name of its own"
	bpftool btf dump file "$tmp/out.o" >"$tmp/out" 2>&1
	grep -q "VAR 'skbext_refs'" "$tmp/out" || wrong "$(grep refs "$tmp/out")"
}

# Its parts would not agree on where records are.
linked_is_refused()
{
	must "$skbext" load --bpffs "$dir" || return
	# bpftool itself refuses, since the maps of the two are not weak: cilium/ebpf takes no weak ones.
	if ! bpftool gen object "$tmp/linked.o" "$objs/api_held.bpf.o" "$objs/api_none.bpf.o" \
			2>"$tmp/err"; then
		grep -q 'conflicting.*skbext_' "$tmp/err" || wrong "bpftool: $(cat "$tmp/err")"
		return
	fi
	"$skbext" bind "$tmp/linked.o" "$tmp/linked_out.o" --bpffs "$dir" 2>"$tmp/err" &&
		wrong "it was bound"
	grep -q 'linked of several' "$tmp/err" || wrong "said: $(cat "$tmp/err")"
	[ ! -e "$tmp/linked_out.o" ] || wrong "something was written"
}

# Loaded as it is, with maps of its own, the object does nothing.
unbound_does_nothing()
{
	must "$skbext" load --bpffs "$dir" && must mkdir "$dir-pins" &&
	must bpftool prog loadall "$objs/api_held.bpf.o" "$dir-pins" &&
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-pinned "$dir-pins/api_hold" &&
	must self_connected_socket || return
	printf 'four' >&3
	local n
	n=$("$skbext" stats --json --bpffs "$dir" | jq '[.adds, .add_failed, .live] | add')
	[ "$n" = 0 ] || wrong "adds, failed adds and records: $n"
}

# Counts of alone_both in bound_alone.bpf.c, attached by tc as the last: added, failed, found, not found.
alone_seen()
{
	local prog map

	prog=$(tc -j filter show dev lo egress | jq 'last(.[].options.prog.id // empty)')
	for map in $(bpftool -j prog show id "$prog" | jq '.map_ids[]'); do
		bpftool -j map show id "$map" | jq -e '.name == "alone_seen"' >/dev/null &&
			bpftool -j map dump id "$map" | jq -c 'map(.formatted.value)'
	done
}

# Tagged and untagged datagrams in turn: nobody releases, so nothing may be added or found.
alone_does_nothing()
{
	local n i

	must self_connected_socket || return
	for ((i = 0; i < 200; i++)); do
		printf 'T' >&3
		printf 'U' >&3
		dd bs=100 count=2 <&3 >/dev/null 2>&1
	done
	n=$(alone_seen)
	[ "$n" = '[0,200,0,200]' ] || wrong "added, failed, found, not found: $n"
}

# Bound, and then loaded without skbext's maps: its own store is dead from the start.
bound_alone_does_nothing()
{
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/bound_alone.bpf.o" "$tmp/out.o" --bpffs "$dir" &&
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-file "$tmp/out.o" \
		section classifier/both &&
	alone_does_nothing
}

# A program that a light skeleton has loaded, pinned as $dir-pins/light
load_lightly()
{
	sed 's|SEC("classifier/both")|SEC("tc")|' "$root/tests/api/bound_alone.bpf.c" >"$tmp/light.bpf.c"
	cat >"$tmp/light.c" <<-'C'
		#include <errno.h>
		#include <stdio.h>
		#include <unistd.h>
		#include <linux/bpf.h>
		#include "light.lskel.h"

		int main(int argc, char **argv)
		{
			struct light *skel = light__open_and_load();
			union bpf_attr pin = { .pathname = (__u64)argv[1] };

			if (!skel)
				return perror("light__open_and_load"), 1;
			pin.bpf_fd = skel->progs.alone_both.prog_fd;
			if (skel_sys_bpf(BPF_OBJ_PIN, &pin, sizeof(pin)))
				return perror(argv[1]), 1;
			light__destroy(skel);
			return 0;
		}
	C
	must mkdir -p "$dir-pins" &&
	must clang -O2 -g -target bpf -I"$root/include" -idirafter "/usr/include/$(gcc -print-multiarch)" \
		-c "$tmp/light.bpf.c" -o "$tmp/light.bpf.o" &&
	must bpftool gen skeleton -L "$tmp/light.bpf.o" name light || return
	cp "$tmp/out" "$tmp/light.lskel.h"
	must gcc -I"$tmp" "$tmp/light.c" -o "$tmp/light" && run "$tmp/light" "$dir-pins/light"
}

# It loads itself, so that nobody can bind it: its own store is dead from birth, whatever is loaded.
# Or bpftool's loader has no room for so many functions (7.1: 31), and the verifier refuses it.
light_skeleton_does_nothing()
{
	local adds

	load_lightly || return
	if [ "$status" != 0 ]; then
		[ "$err" = "light__open_and_load: Permission denied" ] || wrong "refused: $err"
		[ -z "$(ls "$dir-pins")" ] || wrong "refused, and pinned: $(ls "$dir-pins")"
		return
	fi
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress prio 2 bpf direct-action object-pinned "$dir-pins/light" || return
	alone_does_nothing
	exec 3>&-
	must tc filter del dev lo egress && rm -rf "$dir-pins"
	# And beside the same program, bound, which tags the packet before it.
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/bound_alone.bpf.o" "$tmp/out.o" --bpffs "$dir" && load_with "$tmp/out.o" &&
	must "$tmp/light" "$dir-pins/light" &&
	must tc filter add dev lo egress prio 1 bpf direct-action object-pinned "$dir-pins/alone_both" &&
	must tc filter add dev lo egress prio 2 bpf direct-action object-pinned "$dir-pins/light" || return
	alone_does_nothing
	adds=$("$skbext" stats --json --bpffs "$dir" | jq '[.adds, .add_failed] | add')
	[ "$adds" = 200 ] || wrong "adds of 200 tagged packets: $adds"
}

# The same by bpftool without its map arguments, of a file that was bound a second time.
bound_twice_alone_does_nothing()
{
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/bound_alone.bpf.o" "$tmp/once.o" --bpffs "$dir" &&
	must "$skbext" bind "$tmp/once.o" "$tmp/out.o" --bpffs "$dir" &&
	must cmp "$tmp/once.o" "$tmp/out.o" && must mkdir "$dir-pins" &&
	must bpftool prog loadall "$tmp/out.o" "$dir-pins" type classifier &&
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-pinned "$dir-pins/alone_both" &&
	alone_does_nothing
}

# map_arguments [BUT]: what the README gives bpftool, without one pin
map_arguments()
{
	local map

	for map in .data.skbext:ctl .data.skbext_slots:slots skbext_stats:stats \
			skbext_watches:watches skbext_refs:refs; do
		[ "${map#*:}" = "$1" ] || echo "map name ${map%:*} pinned $dir/${map#*:}"
	done
}

# load_with OBJECT [BUT]: status and words of bpftool, and what it has left
load_with()
{
	rm -rf "$dir-pins"
	must mkdir "$dir-pins"
	# shellcheck disable=SC2046 # words
	bpftool prog loadall "$1" "$dir-pins" type classifier $(map_arguments "$2") >"$tmp/said" 2>&1
	status=$?
	left=$(ls "$dir-pins")
}

# bpftool_refused WHAT WORD: it has ended by itself, says why, and left nothing
bpftool_refused()
{
	[ "$status" = 255 ] && [ -z "$left" ] ||
		wrong "$1: status $status, pinned: $left"
	grep -q "$2" "$tmp/said" || wrong "$1: said: $(tail -n 3 "$tmp/said")"
}

# One of the maps is its own: refused, and the log says which, or dead.
some_maps_are_not_enough()
{
	local but

	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/bound_alone.bpf.o" "$tmp/out.o" --bpffs "$dir" || return
	for but in stats watches refs; do
		load_with "$tmp/out.o" $but
		bpftool_refused "without $but" "skbext:.* no skbext_$but"
	done
	load_with "$tmp/out.o"
	[ "$status" = 0 ] || wrong "with all: $(tail -n 3 "$tmp/said")"
	load_with "$tmp/out.o" slots
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-pinned "$dir-pins/alone_both" &&
	alone_does_nothing
}

# The type's bit and place are another one's after a load of other types.
bound_before_is_refused()
{
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$objs/bound_alone.bpf.o" "$tmp/out.o" --bpffs "$dir" &&
	must "$skbext" unload --bpffs "$dir" &&
	must "$skbext" load --type other:16 --bpffs "$dir" || return
	load_with "$tmp/out.o"
	bpftool_refused "bound before" "skbext: bound to another load"
	must "$skbext" bind "$tmp/out.o" --bpffs "$dir"
	load_with "$tmp/out.o"
	[ "$status" = 0 ] || wrong "bound again: $(tail -n 3 "$tmp/said")"
}

unbound_with_maps_is_refused()
{
	must "$skbext" load --bpffs "$dir" || return
	load_with "$objs/bound_alone.bpf.o"
	bpftool_refused "not bound" "unable to find map 'skbext_refs'"
}

for tool in bpftool tc jq clang gcc; do
	command -v $tool >/dev/null && continue
	echo "SKIP bpftool: needs $tool"
	exit 0
done
ip link set lo up
# A loader that re-uses pinned maps and then writes the object's own data into them, as aya may.
overwritten_slots_end_all_trust()
{
	local bytes
	must "$skbext" load --capacity 16 --payload 16 --bpffs "$dir" &&
	must "$skbext" bind "$objs/bound_alone.bpf.o" "$tmp/out.o" --bpffs "$dir" &&
	must llvm-objcopy -O binary --only-section=.data.skbext_slots \
		--set-section-flags .data.skbext_slots=alloc,contents "$tmp/out.o" "$tmp/slots" || return
	bytes=$(bpftool -j map show pinned "$dir/slots" | jq .bytes_value)
	# shellcheck disable=SC2046 # many words
	must bpftool map update pinned "$dir/slots" key 0 0 0 0 value hex \
		$(head -c "$bytes" "$tmp/slots" | od -An -v -tx1) || return
	run "$skbext" status --json --bpffs "$dir"
	jq -e '.guarantee == "none" and (.healthy | not)' <<<"$out" >/dev/null || wrong "status: $out"
	run "$skbext" add 0xffff888000001000 alone_note 01 --bpffs "$dir"
	refused add "is stopped"
	run "$skbext" dump --bpffs "$dir"
	[ -z "$out" ] || wrong "found: $out"
}

run_case bpftool_loads_bound_object
run_case bind_prints_the_command
run_case bpftrace_reads_records
run_case bind_in_place
run_case bound_names_are_whole
run_case linked_is_refused
run_case unbound_does_nothing
run_case bound_alone_does_nothing
run_case bound_twice_alone_does_nothing
run_case light_skeleton_does_nothing
run_case some_maps_are_not_enough
run_case bound_before_is_refused
run_case unbound_with_maps_is_refused
run_case overwritten_slots_end_all_trust
exit $failed
