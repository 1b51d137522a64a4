#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Obstacles that others can put in root's way: names and links in a bpffs that they can write to, a directory
# that is not a bpffs, locks, loads that were killed in a container; and an unload that cannot reach
# what it has to stop.
#
#	tests/cli/test_root.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
user="setpriv --reuid=65534 --regid=65534 --clear-groups"

for tool in strace setpriv bpftool tc; do
	command -v $tool >/dev/null || { echo "SKIP root: no $tool"; exit 0; }
done
mount --make-rprivate /
chmod 755 "$tmp"
mkdir "$tmp/bpf" "$tmp/victim" "$tmp/plain"

before_case()
{
	mount -t bpf -o mode=0700 bpf "$tmp/bpf"
	touch "$tmp/victim/one" "$tmp/victim/two"
}

after_case()
{
	"$skbext" unload --force --bpffs "$tmp/bpf/site" >/dev/null 2>&1
	umount "$tmp/bpf"
}

cleanup()
{
	"$skbext" unload --force --bpffs "$tmp/bpf/site" >/dev/null 2>&1
	umount "$tmp/bpf" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

# until_there PATTERN: a file of that name is there, within 30 seconds
until_there()
{
	local _
	for _ in {1..300}; do
		compgen -G "$1" >/dev/null && return
		sleep 0.1
	done
	return 1
}

# unload_beside_a_load PATTERN SLOWLY...: a load that is made slow by these words goes on when an
# unload comes at the moment that a file of that name is there
unload_beside_a_load()
{
	"${@:2}" "$skbext" load --bpffs "$tmp/bpf/site" >"$tmp/slow" 2>&1 &
	until_there "$1" || wrong "the slow load: $(cat "$tmp/slow")"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	wait $!
	grep -q '^loaded' "$tmp/slow" || wrong "the slow load: $(cat "$tmp/slow")"
	run "$skbext" status --bpffs "$tmp/bpf/site" --json
	[[ $out == *'"healthy": true'* ]] || wrong "after it: $out $err"
}

victim_is_whole()
{
	[ -e "$tmp/victim/one" ] && [ -e "$tmp/victim/two" ] ||
		wrong "$1: files of another directory are gone"
}

links_of_others_are_not_followed()
{
	local made=$tmp/bpf/site-new-4194000
	chmod 1777 "$tmp/bpf"
	chmod 755 "$tmp"
	run $user mkdir "$made"
	run $user ln -s "$tmp/victim" "$made/links"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	victim_is_whole unload
	refused "unload beside another's directory" "not touched"
	[ -e "$made" ] || wrong "another's directory was removed"
	rm -rf "$made"
	# One of our own with a link in it: the link may go, what it points to not.
	mkdir "$made"
	ln -s "$tmp/victim" "$made/types"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	victim_is_whole "unload, own directory"
	rm -rf "$made"
	# The directory itself.
	ln -s "$tmp/victim" "$tmp/bpf/site"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	victim_is_whole "unload of a link"
	[ "$status" = 1 ] || wrong "unload of a link: exit status $status: $out"
	rm "$tmp/bpf/site"
}

no_bpffs_nothing_touched()
{
	local made
	for made in site site-new-2026; do
		mkdir -p "$tmp/plain/$made/links" "$tmp/plain/$made/types"
		touch "$tmp/plain/$made/ctl" "$tmp/plain/$made/links/a" "$tmp/plain/$made/types/x"
	done
	find "$tmp/plain" | sort >"$tmp/before"
	run "$skbext" unload --bpffs "$tmp/plain/site"
	refused "unload of no bpffs" bpffs
	find "$tmp/plain" | sort | cmp -s - "$tmp/before" || wrong "something was removed"
	rm -rf "$tmp/plain"/*
}

# each_refuses WORD [COMMAND]...: each says so of $tmp/bpf/site, in one line
each_refuses()
{
	local word=$1 command
	shift
	for command; do
		run "$skbext" $command --bpffs "$tmp/bpf/site"
		refused "$command" "$word"
	done
}

# Neither "not permitted; run as root" to root, nor "is loaded; unload it", which then fails.
directories_that_are_none()
{
	local all=(status stats dump purge "type list" unload "unload --force" load)
	bpftool map create "$tmp/bpf/site" type array key 4 value 8 entries 1 name other
	each_refuses "not a directory" "${all[@]}" "bind $objs/root_adds.bpf.o $tmp/bound.o"
	[ -e "$tmp/bpf/site" ] || wrong "another's pin was removed"
	rm "$tmp/bpf/site"
	ln -s nowhere "$tmp/bpf/site"
	each_refuses "symbolic link" "${all[@]}"
	rm "$tmp/bpf/site"
	mkdir "$tmp/plain/site"
	touch "$tmp/plain/site/ctl"
	mount --bind "$tmp/plain" "$tmp/bpf"
	each_refuses bpffs "${all[@]}"
	umount "$tmp/bpf"
	rm -rf "$tmp/plain/site"
}

# A link in the place of one of its own directories goes, what it points to stays.
links_in_place_of_its_directories()
{
	local sub
	for sub in links types progs; do
		must "$skbext" load --bpffs "$tmp/bpf/site" --type a:8 --mode tracepoint
		rm -rf "$tmp/bpf/site/$sub"
		ln -s "$tmp/victim" "$tmp/bpf/site/$sub"
		run "$skbext" unload --bpffs "$tmp/bpf/site"
		[ "$status" = 0 ] || refused "unload, $sub" "unload --force"
		[[ $err != *CAP_SYS_ADMIN* ]] || wrong "$sub: root is told to be root: $err"
		run "$skbext" unload --force --bpffs "$tmp/bpf/site"
		[ "$status" = 0 ] || wrong "unload --force, $sub: $err"
		[ ! -e "$tmp/bpf/site" ] || wrong "$sub: it is left"
		victim_is_whole "$sub"
	done
}

# One line, also where the kernel refuses a type's BTF.
root_without_capabilities()
{
	must "$skbext" load --bpffs "$tmp/bpf/site" --type a:8 --mode tracepoint
	run setpriv --bounding-set=-all --inh-caps=-all "$skbext" bind --bpffs "$tmp/bpf/site" \
		"$objs/root_adds.bpf.o" "$tmp/bound.o"
	[ "$status" = 0 ] && [ -z "$err" ] || refused "bind without capabilities"
}

names_are_no_patterns()
{
	mkdir "$tmp/bpf/site-new-12"
	run "$skbext" unload --bpffs "$tmp/bpf/s*e"
	run "$skbext" unload --bpffs "$tmp/bpf/[s]ite"
	[ -d "$tmp/bpf/site-new-12" ] || wrong "a pattern was followed"
	# By its own name it is what a killed load has left.
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	[ ! -e "$tmp/bpf/site-new-12" ] || wrong "what a killed load has left stays"
}

load_where_others_write_is_refused()
{
	chmod 1777 "$tmp/bpf"
	run "$skbext" load --bpffs "$tmp/bpf/site"
	refused "load on a bpffs of mode 1777" 0700
	[ ! -e "$tmp/bpf/site" ] || wrong "it is there"
	chmod 0700 "$tmp/bpf"
	run "$skbext" load --bpffs "$tmp/bpf/site"
	[ "$status" = 0 ] || wrong "load on a private one: $err"
}

# A load that dies in a container before its directory has its name: its hooks go with the next
# command outside. One that lives is left alone.
load_in_a_container()
{
	run unshare -pf --mount-proc strace -f -qq -o /dev/null \
		-e inject=rename,renameat,renameat2:signal=KILL:when=1 \
		"$skbext" load --bpffs "$tmp/bpf/site"
	[ -n "$(ls -d "$tmp/bpf"/site-new-* 2>/dev/null)" ] || wrong "nothing was left to clean; is the case still one?"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	[ "$status" = 0 ] || wrong "unload: $err"
	[ -z "$(ls -d "$tmp/bpf"/site* 2>/dev/null)" ] || wrong "left: $(ls "$tmp/bpf")"

	unload_beside_a_load "$tmp/bpf/site-new-*/links/*" unshare -pf --mount-proc strace -f -qq \
		-o /dev/null -e inject=rename,renameat,renameat2:delay_enter=5000000:when=1
}

# An unload comes between the making of the directory and the lock on it, and takes it away.
load_beside_a_cleaner()
{
	unload_beside_a_load "$tmp/bpf/site-new-*" strace -f -qq -o /dev/null \
		-e inject=flock:delay_enter=3000000:when=1
}

# Each is pid 1 where it runs.
same_pid_in_two_containers()
{
	mkdir "$tmp/bpf/site-new-1"
	exec 7<"$tmp/bpf/site-new-1"
	flock 7
	run unshare -pf --mount-proc "$skbext" load --bpffs "$tmp/bpf/site" 7<&-
	[ "$status" = 0 ] || wrong "load beside one with the same pid: $err"
	[ -d "$tmp/bpf/site-new-1" ] || wrong "the other's directory is gone"
	exec 7<&-
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	compgen -G "$tmp/bpf/site*" && wrong "it is left"
}

lock_that_is_held()
{
	run "$skbext" load --bpffs "$tmp/bpf/site"
	[ "$status" = 0 ] || wrong "load: $err"
	exec 7<"$tmp/bpf/site"
	flock 7
	run "$skbext" unload --bpffs "$tmp/bpf/site" 7<&-
	refused "unload while somebody holds the lock" locked "pid "
	exec 7<&-
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	[ "$out" = unloaded ] || wrong "when it is free: $out $err"
}

# A program that adds stays attached; whatever is damaged, after "unloaded" it adds nothing.
bind_adds()
{
	run "$skbext" bind "$objs/root_adds.bpf.o" "$tmp/bound.o" --bpffs "$tmp/bpf/site"
}

# The programs of what was bound just now.
pin_adds()
{
	mkdir "$tmp/bpf/own"
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | $tmp/bpf/own |" >"$tmp/command"
	run bash -e "$tmp/command"
	[ "$status" = 0 ] || { wrong "bpftool: $err"; return 1; }
}

attach_adds()
{
	run "$skbext" load --bpffs "$tmp/bpf/site"
	bind_adds
	[ "$status" = 0 ] || { wrong "bind: $err"; return 1; }
	pin_adds || return 1
	ip link set lo up
	tc qdisc add dev lo clsact
	run tc filter add dev lo egress bpf direct-action object-pinned "$tmp/bpf/own/root_adds"
	[ "$status" = 0 ] || { wrong "tc: $err"; return 1; }
}

detach_adds()
{
	tc qdisc del dev lo clsact 2>/dev/null
	rm -rf "$tmp/bpf/own"
}

send()
{
	for _ in {1..200}; do echo x >/dev/udp/127.0.0.1/9; done 2>/dev/null
}

# [older marks found, adds that succeeded] so far
counts()
{
	local id
	for id in $(bpftool -j prog show pinned "$tmp/bpf/own/root_adds" | jq '.map_ids[]'); do
		[ "$(bpftool -j map show id "$id" | jq -r .name)" = root_counts ] || continue
		bpftool -j map dump id "$id" | jq -c 'map(.formatted.value)'
	done
}

# Refused: nothing changes. By force: they are stopped, or it says that they are not.
unload_stops_or_says_so()	# WHAT DAMAGE...
{
	local what=$1 before
	shift
	attach_adds || { detach_adds; return; }
	send
	before=$(counts)
	[[ $before == *,[1-9]*] ]] || wrong "$what: no adds before: $before"
	"$@"
	run bash -c "$limit $skbext unload --bpffs $tmp/bpf/site"
	refused "$what"
	[ -e "$tmp/bpf/site" ] || wrong "$what: refused, and it is gone"
	run bash -c "$limit $skbext unload --force --bpffs $tmp/bpf/site"
	[ "$status" = 0 ] || wrong "$what: --force: $err"
	before=$(counts)
	send
	if [[ $out == *"not stopped"*root_adds* ]]; then
		[ "$(counts)" != "$before" ] || wrong "$what: it is stopped, and not said: $out"
	else
		[[ $out == *"stopped: root_adds"* || -n $limit && $out == *"not known"* ]] ||
			wrong "$what: not said whom it stops: $out"
		[ "$(counts)" = "$before" ] || wrong "$what: '$out', and adds go on: $before $(counts)"
	fi
	[ ! -e "$tmp/bpf/site" ] || wrong "$what: something is left"
	detach_adds
}

unload_with_damage()
{
	local limit=''
	unload_stops_or_says_so "as usual" true
	limit="ulimit -n 8;" unload_stops_or_says_so "8 files" true
	unload_stops_or_says_so "no op" rm "$tmp/bpf/site/op"
	unload_stops_or_says_so "no refs" mv "$tmp/bpf/site/refs" "$tmp/bpf/site/types/"
	unload_stops_or_says_so "no ctl" rm "$tmp/bpf/site/ctl"
	unload_stops_or_says_so "slots frozen" bpftool map freeze pinned "$tmp/bpf/site/slots"
	unload_stops_or_says_so "no slots" rm "$tmp/bpf/site/slots"
	unload_stops_or_says_so "no slots, and a name of the exact mode" forge_exact
}

# In the exact mode the kernel stops bound programs when this hook goes: what has its name may not.
forge_exact()
{
	rm -f "$tmp/bpf/site/slots" "$tmp/bpf/site/links/bpf_tracing_link_release"
	bpftool map create "$tmp/bpf/site/links/bpf_tracing_link_release" type array key 4 value 8 \
		entries 1 name other
}

# An unload that is killed between the stop and the end of the pins: no word of health after it.
killed_unload_is_not_healthy()
{
	run "$skbext" load --type a:16 --bpffs "$tmp/bpf/site"
	run strace -f -qq -o /dev/null -e inject=unlinkat:signal=KILL:when=1 \
		"$skbext" unload --bpffs "$tmp/bpf/site"
	run "$skbext" status --json --bpffs "$tmp/bpf/site"
	[[ $out == *'"guarantee": "none"'*'"healthy": false'* ]] || wrong "status: $out $err"
	[[ $out == *"trust has ended"* || $out == *"not attached"* ]] || wrong "no reason: $out"
	run "$skbext" add 0xffff888000001000 a 00 --bpffs "$tmp/bpf/site"
	refused add stopped "unload and load again"
	bind_adds
	refused bind stopped "unload and load again"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	[ "$out" = unloaded ] || wrong "unload again: $out $err"
}

# Between its look and its lock the store is unloaded, and perhaps another one loaded.
bind_beside_unload()
{
	local again
	for again in "" yes; do
		run "$skbext" load --bpffs "$tmp/bpf/site"
		strace -f -qq -o /dev/null -e inject=flock:delay_enter=4000000:when=1 "$skbext" \
			bind "$objs/root_adds.bpf.o" "$tmp/bound.o" --bpffs "$tmp/bpf/site" \
			>"$tmp/bound" 2>"$tmp/bound.err" &
		sleep 1.5
		run "$skbext" unload --bpffs "$tmp/bpf/site"
		[ "$out" = unloaded ] || wrong "unload: $err"
		[ -z "$again" ] || run "$skbext" load --bpffs "$tmp/bpf/site"
		if wait $! && [ -z "$again" ]; then
			wrong "bound to what is gone: $(cat "$tmp/bound")"
		fi
		# Late enough to find the new one, it is bound to that, whole.
		if [ -n "$again" ] && [ ! -s "$tmp/bound.err" ]; then
			run "$skbext" status --bpffs "$tmp/bpf/site"
			[[ $out == *root_mark* ]] || wrong "bound, and its type is nowhere: $out"
		fi
		run "$skbext" unload --bpffs "$tmp/bpf/site"
	done
}

bind_to_a_full_disk()
{
	mkdir "$tmp/full"
	mount -t tmpfs -o size=64k tmpfs "$tmp/full"
	run "$skbext" load --bpffs "$tmp/bpf/site"
	run "$skbext" bind "$objs/root_adds.bpf.o" "$tmp/full/out.o" --bpffs "$tmp/bpf/site"
	refused "bind to a full disk" "No space left"
	[ -z "$(ls "$tmp/full")" ] || wrong "left: $(ls "$tmp/full")"
	run "$skbext" status --json --bpffs "$tmp/bpf/site"
	[[ $out != *root_mark* ]] || wrong "its type stays"
	[ -z "$(ls "$tmp/bpf/site/types")" ] || wrong "its pin stays"
	umount "$tmp/full"
}

# ---- bind: hook and type, both or none

policy_hook()
{
	"$skbext" status --json --bpffs "$tmp/bpf/site" |
		jq -r '[.hooks[] | select(.role == "policy" and .attached) | .name] | join(" ")'
}

has_type()
{
	"$skbext" status --json --bpffs "$tmp/bpf/site" |
		jq -e --arg name "$1" 'any(.types[]; .name == $name)' >/dev/null
}

# bound_whole WHAT: a type without its hook is what must never be
bound_whole()
{
	if has_type root_mark; then
		[ -n "$(policy_hook)" ] || wrong "$1: a type without its hook"
	elif [ "$status" = 0 ]; then
		wrong "$1: bound, and its type is nowhere"
	fi
}

# Marks that cross a veth, where a default type ends: [found behind it, added].
cross_veth()
{
	local before
	pin_adds || return
	ip link add root0 type veth peer name root1
	ip addr add 198.18.9.1/24 dev root0
	ip link set root0 up
	ip link set root1 up
	ip neigh add 198.18.9.2 lladdr 02:00:00:00:00:02 dev root0
	tc qdisc add dev root0 clsact
	tc qdisc add dev root1 clsact
	tc filter add dev root0 egress bpf direct-action object-pinned "$tmp/bpf/own/root_adds"
	tc filter add dev root1 ingress bpf direct-action object-pinned "$tmp/bpf/own/root_adds"
	for _ in {1..100}; do echo x >/dev/udp/198.18.9.2/9; done
	counts
	ip link del root0
	rm -rf "$tmp/bpf/own"
}

no_mark_crosses()
{
	local seen
	seen=$(cross_veth)
	[[ $seen == "[0,"* ]] || wrong "$1: marks cross a veth: $seen"
	[ "$(echo "$seen" | jq '.[1]')" -ge 100 ] || wrong "$1: no packets: $seen"
}

# Killed at each step: no type without its hook, and the next bind heals what there is.
bind_killed()
{
	local calls n point points=""
	run "$skbext" load --type other:8,keep-scrub --bpffs "$tmp/bpf/site"
	[ -z "$(policy_hook)" ] || wrong "the policy hook is not idle: $(policy_hook)"
	strace -f -qq -e trace=bpf -o "$tmp/trace" \
		"$skbext" bind "$objs/root_adds.bpf.o" "$tmp/bound.o" --bpffs "$tmp/bpf/site" \
		>"$tmp/out" 2>"$tmp/err"
	calls=$(grep -c 'bpf(' "$tmp/trace")
	[ "$calls" -gt 20 ] || wrong "only $calls calls of bpf()"
	for ((n = calls; n > calls - 10 && n > 0; n--)); do points+=" bpf:$n"; done
	for point in $points unlink:1 rename:1; do
		run "$skbext" unload --bpffs "$tmp/bpf/site"
		run "$skbext" load --type other:8,keep-scrub --bpffs "$tmp/bpf/site"
		n=${point#*:}
		run strace -f -qq -o /dev/null -e "inject=${point%:*}:signal=KILL:when=$n" \
			"$skbext" bind "$objs/root_adds.bpf.o" "$tmp/bound.o" \
			--bpffs "$tmp/bpf/site"
		bound_whole "killed at $point"
		for _ in 1 2; do
			bind_adds
			[ "$status" = 0 ] || wrong "bind after a kill at $point: $err"
			bound_whole "bind after a kill at $point"
		done
	done
	no_mark_crosses "after the last kill"
}

# As many files as are too few somewhere on the way.
bind_nofile()
{
	local n
	for n in {8..60..4}; do
		run "$skbext" load --type other:8,keep-scrub --bpffs "$tmp/bpf/site"
		run bash -c "ulimit -n $n; exec $skbext bind $objs/root_adds.bpf.o $tmp/bound.o \
			--bpffs $tmp/bpf/site"
		[ "$status" = 0 ] || refused "bind with $n files" EMFILE "ulimit -n"
		if [ "$status" = 0 ]; then
			bound_whole "bind with $n files"
		elif has_type root_mark; then
			wrong "bind with $n files was refused, and its type stays"
		fi
		[ "$n" = 60 ] || run "$skbext" unload --bpffs "$tmp/bpf/site"
	done
	[ "$status" = 0 ] || wrong "60 files are too few: $err"
	bind_adds
	no_mark_crosses "with few files"
}

# The capabilities that the README names are enough.
three_caps="setpriv --reuid=65534 --regid=65534 --clear-groups
	--inh-caps=-all,+bpf,+perfmon,+net_admin --ambient-caps=-all,+bpf,+perfmon,+net_admin"

bind_three_caps()
{
	local dir=$tmp/bpf/theirs/site line
	chmod 711 "$tmp/bpf"
	mkdir -m 700 "$tmp/bpf/theirs"
	chown 65534:65534 "$tmp/bpf/theirs"
	mkdir -m 777 "$tmp/out.d"
	cp "$skbext" "$objs/root_adds.bpf.o" "$tmp/out.d"
	run $three_caps "$tmp/out.d/skbext" load --type other:8,keep-scrub --bpffs "$dir"
	[ "$status" = 0 ] || wrong "load: $err"
	run $three_caps "$tmp/out.d/skbext" bind "$tmp/out.d/root_adds.bpf.o" \
		"$tmp/out.d/bound.o" --bpffs "$dir"
	[ "$status" = 0 ] || wrong "bind: $err"
	run $three_caps "$tmp/out.d/skbext" status --json --bpffs "$dir"
	[[ $out == *'"healthy": true'* && $out != *'"guarantee": "none"'* ]] ||
		wrong "status: $out $err"
	jq -e '[.hooks[] | select(.role == "policy")] | length > 0 and all(.attached)' \
		<<<"$out" >/dev/null || wrong "the policy hook: $out"
	for line in stats dump "add 0xffff888000001000 other 01" "find 0xffff888000001000 other" \
			"del 0xffff888000001000" purge; do
		# shellcheck disable=SC2086 # words
		set -- $line
		run $three_caps "$tmp/out.d/skbext" "$1" --bpffs "$dir" "${@:2}"
		[ "$status" = 0 ] || wrong "$line: $err"
	done
	by_id_alone "$dir"
	run $three_caps "$tmp/out.d/skbext" unload --bpffs "$dir"
	refused "unload that cannot see who is bound" CAP_SYS_ADMIN "unload --force"
	run $three_caps "$tmp/out.d/skbext" unload --force --bpffs "$dir"
	[ "$status" = 0 ] || wrong "unload --force: $err"
	[ ! -e "$dir" ] || wrong "something is left"
	rm -rf "$tmp/out.d"
}

# By its id nobody may open a program without CAP_SYS_ADMIN.
by_id_alone()	# DIR
{
	local pin
	pin=$(ls "$1/links" | head -n 1)
	rm "$1/progs/$pin"
	run $three_caps "$tmp/out.d/skbext" status --bpffs "$1"
	refused "status without the program's pin" "cannot look at" "$pin" "not permitted"
	run "$skbext" status --json --bpffs "$1"
	[[ $out == *'"healthy": true'* ]] || wrong "status by root without the program's pin: $out"
}

# Something else has the name of the link that a type needs.
hook_pin_in_the_way()
{
	local pin known
	for known in "" root_mark; do
		run "$skbext" load --type other:8,keep-scrub --bpffs "$tmp/bpf/site"
		pin=$tmp/bpf/site/links/netif_rx_entry
		[ -e "$tmp/bpf/site/progs/netif_rx_entry" ] ||
			pin=$tmp/bpf/site/links/skb_scrub_packet
		[ -z "$known" ] || bind_adds
		if [ -n "$known" ] && [ "${pin##*/}" = netif_rx_entry ]; then
			rm "$pin"	# in the exact mode all trust ends with it
		fi
		[ -e "$pin" ] ||
			bpftool map create "$pin" type array key 4 value 8 entries 1 name other
		if [ -z "$known" ] || [ "${pin##*/}" = netif_rx_entry ]; then
			bind_adds
			refused "bind${known:+ again}" "${pin##*/}" "not its link"
			rm "$pin"
		fi
		bind_adds
		[ "$status" = 0 ] || wrong "bind when it is gone: $err"
		bound_whole "bind when it is gone"
		run "$skbext" unload --bpffs "$tmp/bpf/site"
	done
}

# ---- what status cannot see it does not call missing

# looked WHAT WORD...: status says that all is well, or that it cannot look, and why
looked()
{
	local what=$1
	shift
	if [ "$status" = 0 ]; then
		[[ $out == *'"healthy": true'* && $out != *'"guarantee": "none"'* ]] ||
			wrong "$what: $out"
	else
		refused "$what" "$@"
	fi
}

status_that_cannot_look()
{
	local n command
	run "$skbext" load --type a:8 --bpffs "$tmp/bpf/site"
	for n in 4 5 {6..60..6}; do
		run bash -c "ulimit -n $n; exec $skbext status --json --bpffs $tmp/bpf/site"
		looked "status with $n files" EMFILE "ulimit -n"
	done
	[ "$status" = 0 ] || wrong "status with 60 files: $err"
	mount -o remount,ro,mode=0700 "$tmp/bpf"
	for command in status stats unload; do
		run "$skbext" "$command" --bpffs "$tmp/bpf/site"
		refused "$command on a read-only bpffs" "read-only" remount
	done
	mount -o remount,rw,mode=0700 "$tmp/bpf"
	run "$skbext" status --json --bpffs "$tmp/bpf/site"
	looked "status when it can be written again"
	[ "$status" = 0 ] || wrong "status when it can be written again: $err"
}

# The store watches its programs by their ids: one that is not known must not go unwatched. What the
# kernel said of them is looked up, and that may fail as well.
load_that_cannot_name_its_programs()
{
	local n ordinals
	run strace -f -qq -e trace=bpf -o "$tmp/trace" "$skbext" load --mode tracepoint \
		--bpffs "$tmp/bpf/site"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	# Before the first is attached; what is known of a map is shorter.
	ordinals=$(grep "bpf(" "$tmp/trace" |
		awk '/LINK_CREATE.*TRACE_RAW_TP/ { exit } /INFO_BY_FD.*info_len=[2-9]..|MAP_LOOKUP/ { print NR }')
	[ "$(wc -w <<<"$ordinals")" -ge 5 ] || wrong "asked for its ids: $ordinals"
	for n in $ordinals; do
		run strace -f -qq -o /dev/null -e "inject=bpf:error=ENOMEM:when=$n" \
			"$skbext" load --mode tracepoint --bpffs "$tmp/bpf/site"
		refused "bpf $n" "out of memory"
		[ ! -e "$tmp/bpf/site" ] || wrong "bpf $n: it is loaded"
		run "$skbext" unload --bpffs "$tmp/bpf/site"
	done
}

# A version that takes over has programs beside: where nobody can look there, they are not strangers'.
unload_that_cannot_look_beside()
{
	run "$skbext" load --type a:8 --bpffs "$tmp/bpf/site"
	mkdir "$tmp/bpf/site-new-4194000"
	run strace -f -qq -o "$tmp/trace" -P "$tmp/bpf/site-new-4194000" -e trace=openat \
		-e inject=openat:error=EMFILE "$skbext" unload --bpffs "$tmp/bpf/site"
	grep -q INJECTED "$tmp/trace" || wrong "it did not look beside: $err"
	refused "unload that cannot look beside" "looking at the pins" EMFILE "unload --force"
	[ -e "$tmp/bpf/site/ctl" ] || wrong "it was unloaded"
	run "$skbext" unload --bpffs "$tmp/bpf/site"
	[ "$status" = 0 ] && [ ! -e "$tmp/bpf/site" ] || wrong "unload after it: $err $(ls "$tmp/bpf")"
}

run_case links_of_others_are_not_followed
run_case no_bpffs_nothing_touched
run_case directories_that_are_none
run_case links_in_place_of_its_directories
run_case root_without_capabilities
run_case names_are_no_patterns
run_case load_where_others_write_is_refused
run_case load_in_a_container
run_case load_beside_a_cleaner
run_case same_pid_in_two_containers
run_case lock_that_is_held
run_case unload_with_damage
run_case bind_beside_unload
run_case bind_to_a_full_disk
run_case killed_unload_is_not_healthy
run_case bind_killed
run_case bind_nofile
run_case bind_three_caps
run_case hook_pin_in_the_way
run_case status_that_cannot_look
run_case unload_that_cannot_look_beside
run_case load_that_cannot_name_its_programs
exit $failed
