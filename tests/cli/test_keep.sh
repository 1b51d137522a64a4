#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# skbext attach --keep: what is attached is attached again by the next load, by `attach --again` where a
# device came later, and no more after detach. Root attaches nothing that others could have changed.
# In namespaces of its own, with a /var/lib of its own.
#
#	tests/cli/test_keep.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
. "$(dirname "$0")/attach_trail.sh"
dir=/sys/fs/bpf/skbext
state=/var/lib/skbext

for tool in bpftool ip jq strace nsenter setpriv; do
	command -v $tool >/dev/null || { echo "SKIP keep: no $tool"; exit 0; }
done
mount --make-rprivate /
mount -t bpf -o mode=0700 bpf /sys/fs/bpf && mount -t tmpfs -o mode=0755 tmpfs /var/lib ||
	{ echo "FAIL keep: no bpffs and no /var/lib of its own"; exit 1; }
trap 'rm -rf "$tmp"' EXIT
ip link set lo up
mkdir /var/lib/objs
write=/var/lib/objs/attach_write.bpf.o read=/var/lib/objs/attach_read.bpf.o

before_case()
{
	rm -rf $state
	cp "$objs/attach_write.bpf.o" "$objs/attach_read.bpf.o" /var/lib/objs
	"$skbext" load >/dev/null 2>&1 || wrong "no load"
}

after_case()
{
	mount -o remount,rw /var/lib
	"$skbext" unload --force >/dev/null 2>&1
	ip link del keep0 2>/dev/null
	rm -rf $state /var/lib/objs/*
}

sk()
{
	run "$skbext" "$@"
}

keep()	# ARGUMENT...
{
	must "$skbext" attach --keep "$@"
}

both()
{
	keep "$write" --prog one --dev lo --egress && keep "$read" --dev lo
}

again()	# a load after an unload
{
	must "$skbext" unload --force && sk load "$@"
	[ "$status" = 0 ] || wrong "load: status $status: $err"
}

# warned NAME WORD...: load went well, and says in one line each what it could not attach
warned()
{
	local name=$1 word
	shift
	[ "$status" = 0 ] || wrong "status $status: $err"
	[ "$(grep -c "warning: $name is kept, but could not be attached again: " <<<"$err")" = 1 ] ||
		wrong "no warning of $name: $err"
	for word; do
		[[ $err == *"$word"* ]] || wrong "no '$word' in: $err"
	done
	[ "$("$skbext" status --json 2>/dev/null | jq "[.kept_missing[].name] == [\"$name\"] and (.healthy | not)")" = true ] ||
		wrong "status: $("$skbext" status --json 2>&1)"
}

kept()	# the names of what is kept
{
	ls $state 2>/dev/null | sed 's/@.*//' | tr '\n' ' '
}

load_attaches_again()
{
	both || return
	[[ $out == "attached"*"attach_read: $read, kept"* ]] || wrong "attach says: $out"
	[ "$(trail)" = 1 ] || wrong "the packet's note: $(trail)"
	again
	[[ $out == loaded*"attached again: attach_write ($write)"*"attached again: attach_read ($read)" ]] ||
		wrong "load says: $out"
	[[ $err != *kept* ]] || wrong "load warns: $err"
	[ "$(trail)" = 1 ] || wrong "after unload and load: $(trail)"
	sk status --json
	is '.kept_missing == [] and .healthy and [.attached[].kept] == [true, true]' status
	sk status
	[[ $out == *"attach_write: $write, kept"* ]] || wrong "status: $out"
	again --json
	is '[.kept[] | "\(.name) \(.attached)"] == ["attach_write true", "attach_read true"]' "load --json"
	[ "$(trail)" = 1 ] || wrong "and once more: $(trail)"
}

# One that was not kept ends with unload.
the_rest_ends()
{
	keep "$read" --dev lo && must "$skbext" attach "$write" --prog one --dev lo --egress || return
	sk status --json
	is '[.attached[] | "\(.name) \(.kept)"] | sort == ["attach_read true", "attach_write false"]' status
	again
	sk status --json
	is '[.attached[].name] == ["attach_read"]' "after load"
}

all_options_are_kept()
{
	mkdir -p "$tmp/cgroup" && mount -t cgroup2 none "$tmp/cgroup" ||
		{ skip="no cgroup v2"; return; }
	mkdir -p "$tmp/cgroup/keep-$$"
	keep "$write" --name a --prog one --dev lo --egress --prio 20 &&
	keep "$write" --name b --prog two --prog three --dev lo --egress --prio 10 &&
	keep "$write" --name c --prog three --dev lo --egress --before one &&
	keep "$read" --dev lo --cgroup "$tmp/cgroup/keep-$$" --tracing || return
	[ "$(trail)" = 2331 ] || wrong "before: $(trail)"
	again
	[ "$(trail)" = 2331 ] || wrong "after: $(trail)"
	sk status --json
	is '[.attached[] | select(.name == "attach_read").programs[].how] | sort ==
		["cgroup", "tcx", "tracing"]' "places"
	must "$skbext" detach --all
	rmdir "$tmp/cgroup/keep-$$" || wrong "the cgroup is held"
	umount "$tmp/cgroup"
}

# The neighbour was kept anew, and so comes later.
beside_one_that_was_kept_later()
{
	both && keep "$write" --name b --prog two --dev lo --egress --after one || return
	must "$skbext" detach attach_write && keep "$write" --prog one --dev lo --egress
	again
	[[ $err != *kept* ]] || wrong "load: $err"
	[ "$(trail)" = 12 ] || wrong "the order: $(trail)"
}

detach_forgets()
{
	both || return
	must "$skbext" detach attach_write
	[ "$out" = "detached attach_write" ] || wrong "detach: $out"
	[ "$(kept)" = "attach_read " ] || wrong "kept: $(kept)"
	again
	sk status --json
	is '[.attached[].name] == ["attach_read"]' "after load"
	must "$skbext" unload --force && must "$skbext" detach attach_read
	[ "$out" = "forgot attach_read, which was not attached" ] || wrong "detach while nothing is loaded: $out"
	sk detach attach_read
	refused "once more" "nothing is attached"
	must "$skbext" load
	[ "$(kept)" = "" ] || wrong "kept: $(kept)"
	both && must "$skbext" detach --dev lo
	[ "$(kept)" = "" ] || wrong "detach --dev: $(kept)"
	both && must "$skbext" unload --force && must "$skbext" detach --all --json
	is '.detached == [] and (.forgotten | sort == ["attach_read", "attach_write"])' "detach --all"
	[ "$(kept)" = "" ] || wrong "detach --all: $(kept)"
	sk load
	[[ $out != *again* ]] || wrong "load: $out"
}

unload_says_what_comes_back()
{
	keep "$read" --dev lo || return
	sk unload
	refused unload "attach_read is attached; " "next load attaches again what is kept" "detach forgets it"
}

replace_attaches_nothing_twice()
{
	both || return
	sk load --replace
	[[ $status = 0 && $out == replaced* && $out != *again* ]] || wrong "replace: $out $err"
	[ "$(trail)" = 1 ] || wrong "the packet's note: $(trail)"
	sk attach --again
	[[ $status = 0 && -z $out$err ]] || wrong "again: $out $err"
	sk status --json
	is '[.attached[].programs[]] | length == 2' "twice"
	must "$skbext" detach attach_write && keep "$write" --prog two --dev lo --egress
	again --replace
	[[ $out == loaded* ]] || wrong "replace where nothing is loaded: $out"
	[ "$(trail)" = 2 ] || wrong "replace where nothing is loaded: $(trail)"
}

other_directories_have_their_own()
{
	keep "$read" --dev lo || return
	sk load --bpffs /sys/fs/bpf/other-one
	[[ $status = 0 && $out != *again* && $err != *kept* ]] || wrong "another one attaches: $out $err"
	must "$skbext" attach --keep "$read" --dev lo --bpffs /sys/fs/bpf/other-one
	must "$skbext" detach attach_read --bpffs /sys/fs/bpf/other-one
	sk status --json
	is '[.attached[].kept] == [true]' "kept"
	must "$skbext" attach --keep "$read" --dev lo --bpffs /sys/fs/bpf/other-one
	must "$skbext" unload --force --bpffs /sys/fs/bpf/other-one
	must "$skbext" load --bpffs /sys/fs/bpf//other-one
	[[ $out == *"attached again: attach_read"* ]] || wrong "the same directory: $out"
	must "$skbext" unload --force --bpffs /sys/fs/bpf/other-one
	run env -C /sys/fs/bpf "$skbext" detach attach_read --bpffs other-one
	[[ $status = 0 && $out == "forgot attach_read, "* ]] || wrong "a name without a slash: $out $err"
}

# A device that comes later is no failure of load; the rest is attached.
a_device_that_is_not_there()
{
	must ip link add keep0 type veth peer name keep1 || return
	keep "$write" --prog one --dev keep0 --egress && keep "$read" --dev lo || return
	must "$skbext" unload --force && ip link del keep0 && sk load
	warned attach_write "no device keep0"
	[[ $out == *"attached again: attach_read"* ]] || wrong "the other one: $out"
	sk status
	[[ $status = 1 && $err == *"attach_write is kept and not attached"* && $out == *"kept, and not attached"*"attach_write: $write"* ]] ||
		wrong "status: $status $out $err"
	sk attach --again
	[ "$status" = 1 ] && [[ $err == *"no device keep0"* ]] || wrong "again, without it: $status $out $err"
	sk attach "$write" --prog one --dev lo --egress
	refused "its name" "something is kept as attach_write, and not attached" "attach --again" "detach attach_write"
	sk attach --keep "$write" --prog two --dev lo --egress
	refused "its name, to keep another" "something is kept as attach_write, and not attached"
	must ip link add keep0 type veth peer name keep1
	must "$skbext" attach --again
	[ "$out" = "attached again: attach_write ($write)" ] || wrong "again, with it: $out"
	must "$skbext" status
	ip link del keep0 && ip link add keep0 type veth peer name keep1
	must "$skbext" attach --again --json
	is '[.kept[] | "\(.name) \(.attached)"] == ["attach_write true"]' "its device was made anew"
	must "$skbext" status
	must "$skbext" unload --force && ip link del keep0 && sk load
	must "$skbext" detach --dev keep0
	[ "$out" = "forgot attach_write, which was not attached" ] || wrong "detach --dev: $out"
	must "$skbext" status
}

in_another()	# SCRIPT
{
	skbext=$skbext read=$read unshare --net bash -c "$1"
}

# A part that has gone is neither passed over nor made anew under what still runs.
a_part_that_has_gone()
{
	mkdir -p "$tmp/cgroup" && mount -t cgroup2 none "$tmp/cgroup" && mkdir "$tmp/cgroup/part-$$" ||
		{ skip="no cgroup v2"; return; }
	keep "$read" --dev lo --cgroup "$tmp/cgroup/part-$$"
	rmdir "$tmp/cgroup/part-$$" && mkdir "$tmp/cgroup/part-$$"
	for _ in {1..50}; do	# its end comes later
		[ "$("$skbext" status --json 2>/dev/null | jq 'any(.attached[].programs[]; .gone)')" != true ] || break
		sleep 0.1
	done
	sk attach --again
	refused "again" "attach_read" "the place of a part of it has gone, the rest is attached; \`skbext detach attach_read\`"
	sk load --replace
	warned attach_read "the place of a part of it has gone"
	must "$skbext" detach attach_read && keep "$read" --dev lo --cgroup "$tmp/cgroup/part-$$"
	must "$skbext" status
	must "$skbext" detach --all
	rmdir "$tmp/cgroup/part-$$"
	umount "$tmp/cgroup"
}

# lo of another network namespace is not the one that was meant.
a_device_of_another_namespace()
{
	keep "$write" --prog one --dev lo --egress || return
	must "$skbext" unload --force && run nsenter --mount=/proc/self/ns/mnt unshare --net "$skbext" load
	warned attach_write "its device is one of another network namespace"
	sed -i 's/"boot": "/"boot": "0/' $state/attach_write@*
	again
	warned attach_write "ended with the last boot"
}

# The kernel gives a new namespace the inode number of one that has ended.
a_namespace_that_has_ended()
{
	local first
	first=$(in_another '"$skbext" attach --keep "$read" --dev lo >/dev/null && readlink /proc/self/ns/net')
	must "$skbext" unload --force || return
	for _ in {1..50}; do
		sleep 0.2
		run in_another "[ \$(readlink /proc/self/ns/net) != '$first' ] || \"\$skbext\" load"
		[ -z "$out" ] || break
	done
	[ -n "$out" ] || { skip="no namespace got the number of another one"; return; }
	warned attach_read "its device was one of a network namespace that has ended"
}

# A machine of its own, as far as it can tell: this is the network namespace of its pid 1.
in_a_machine()
{
	unshare --pid --fork --mount --mount-proc --propagation private bash -c '"$@"; exit $?' - "$@"
}

a_device_of_the_machine()
{
	must in_a_machine "$skbext" attach --keep "$write" --prog one --dev lo --egress || return
	grep -q netns $state/attach_write@* && wrong "it ends with this boot: $(cat $state/attach_write@*)"
	must "$skbext" unload --force && run in_a_machine unshare --net "$skbext" load
	warned attach_write "machine's own network namespace, that of pid 1"
	must "$skbext" unload --force && run in_a_machine "$skbext" load
	[[ $status = 0 && $out == *"attached again: attach_write"* ]] || wrong "load: $out $err"
}

an_object_that_has_gone()
{
	keep "$read" --dev lo || return
	rm "$read"
	again
	warned attach_read "$read: No such file or directory"
	echo no >"$read"
	again
	warned attach_read "is no BPF object"
	rm "$read" && mkfifo "$read"
	must "$skbext" unload --force && run timeout 60 "$skbext" load
	warned attach_read "$read: is not a regular file"
	run timeout 60 "$skbext" attach --keep "$read" --name fifo --dev lo
	refused "a FIFO" "cannot keep fifo: $read: is not a regular file; nothing was attached"
	ln -sf "$objs/attach_read.bpf.o" "$read"
	again
	warned attach_read "$read: is a symbolic link"
	rm "$read" && mkdir /var/lib/objs/new && cp "$objs/attach_read.bpf.o" /var/lib/objs/new
	must "$skbext" detach --all && keep /var/lib/objs/new/attach_read.bpf.o --dev lo || return
	mv /var/lib/objs/new /var/lib/objs/moved && ln -s moved /var/lib/objs/new
	again
	warned attach_read "/var/lib/objs/new: is a symbolic link"
}

# A link that is given is followed once: what is kept is the file.
a_link_to_an_object()
{
	ln -s attach_read.bpf.o /var/lib/objs/link.o
	keep /var/lib/objs/link.o --name linked --dev lo || return
	ln -sf attach_write.bpf.o /var/lib/objs/link.o
	again
	[[ $out == *"attached again: linked ($read)"* ]] || wrong "load: $out $err"
}

# What the file cannot say is not kept as if it had not been given.
a_path_that_is_no_text()
{
	local bad=$'\xff'
	mkdir "/var/lib/objs/$bad" && cp "$read" "/var/lib/objs/$bad/x.o"
	sk attach --keep "/var/lib/objs/$bad/x.o" --dev lo
	refused "an object" "cannot keep x: a path or a name is not UTF-8; give another one; nothing was attached"
	mkdir -p "$tmp/cgroup" && mount -t cgroup2 none "$tmp/cgroup" && mkdir -p "$tmp/cgroup/keep-$bad" ||
		{ skip="no cgroup v2"; return; }
	sk attach --keep "$read" --dev lo --cgroup "$tmp/cgroup/keep-$bad"
	refused "a cgroup" "cannot keep attach_read: a path or a name is not UTF-8"
	[ "$(kept)" = "" ] || wrong "kept: $(kept)"
	"$skbext" detach --all >/dev/null
	rmdir "$tmp/cgroup/keep-$bad"
	umount "$tmp/cgroup"
}

# A bound one is bound to what was loaded when it was made, whatever that was.
a_bound_object()
{
	must "$skbext" bind "$write" /var/lib/objs/bound.o || return
	keep /var/lib/objs/bound.o --prog two --dev lo --egress && keep "$read" --dev lo || return
	again --capacity 1000 --type other:24
	[ "$(trail)" = 2 ] || wrong "after unload and load: $(trail) $err"
}

# hostile WHAT WORD COMMAND...: after that command, nobody keeps or attaches again
hostile()
{
	local what=$1 word=$2
	shift 2
	must "$skbext" detach --all && keep "$read" --dev lo && "$@" || return
	must "$skbext" unload --force && sk load
	warned attach_read "$word" "root runs only what root alone can change"
	[ "$(bpftool -j net show dev lo | jq -c '[.[].tc[]]')" = '[]' ] || wrong "$what: attached"
	must "$skbext" detach --all
	sk attach --keep "$read" --dev lo
	refused "$what" "cannot keep attach_read: " "$word" "nothing was attached"
	[ "$("$skbext" status --json | jq '.attached == []')" = true ] || wrong "$what: attached"
	[ "$(kept)" = "" ] || wrong "$what: kept"
	chown 0:0 "$read" /var/lib/objs
	chmod 755 "$read" /var/lib/objs
}

an_object_that_others_can_write()
{
	hostile "writable" "others can write to $read (mode 0666)" chmod 0666 "$read"
	hostile "of a group" "others can write to $read (mode 0664)" chmod 0664 "$read"
	hostile "somebody's" "$read belongs to uid 65534" chown 65534 "$read"
	hostile "in a directory" "others can write to /var/lib/objs (mode 0777)" chmod 0777 /var/lib/objs
	hostile "in a sticky one" "others can write to /var/lib/objs (mode 1777)" chmod 1777 /var/lib/objs
	hostile "in somebody's" "/var/lib/objs belongs to uid 65534" chown 65534 /var/lib/objs
}

# As /tmp is: nobody can replace what is root's below it.
below_a_sticky_directory()
{
	mkdir -p /var/lib/objs/sticky/mine && chmod 1777 /var/lib/objs/sticky && cp "$read" /var/lib/objs/sticky/mine/x.o
	keep /var/lib/objs/sticky/mine/x.o --dev lo
	again
	[[ $out == *"attached again: x "* ]] || wrong "load: $out $err"
	chmod 0777 /var/lib/objs/sticky
	again
	warned x "others can write to /var/lib/objs/sticky (mode 0777)"
}

# A user's process may serve it, and say that all of it is root's.
on_fuse()
{
	local dir=/var/lib/objs/served fuse
	mkdir $dir && cp "$read" $dir/x.o && keep $dir/x.o --dev lo || return
	if ! { exec {fuse}<>/dev/fuse; } 2>/dev/null; then skip="no FUSE"; return; fi
	must mount -i -t fuse -o "fd=$fuse,rootmode=40000,user_id=65534,group_id=65534" none $dir || return
	again
	warned x "$dir lies on FUSE"
	exec {fuse}>&-
	umount $dir
}

a_hostile_state_directory()
{
	keep "$read" --dev lo || return
	chmod 0777 $state
	again
	[[ $status = 0 && $err == *"warning: what is kept is not attached: others can write to $state"* ]] ||
		wrong "load: $status $err"
	sk attach --keep "$write" --prog one --dev lo --egress
	refused "writable" "others can write to $state" "nothing was attached"
	chmod 0755 $state
	again
	[[ $err == *"what is kept is not attached: $state is open to others (mode 0755); chmod it to 0700"* ]] ||
		wrong "readable: $err"
	chmod 0700 $state && mv $state "$tmp/elsewhere" && ln -s "$tmp/elsewhere" $state
	again
	[[ $err == *"what is kept is not attached: $state is a symbolic link"* ]] || wrong "a link: $err"
	sk status
	[[ $status = 1 && $out == *"kept       unknown: $state is a symbolic link"* ]] || wrong "status: $out"
	rm $state && mv "$tmp/elsewhere" $state && chown 65534 $state
	again
	[[ $err == *"$state belongs to uid 65534"* ]] || wrong "somebody's: $err"
	chown 0 $state
	chmod 0666 $state/attach_read@*
	again
	warned attach_read "is not a file of skbext; remove it"
	chmod 0600 $state/attach_read@*
	echo '{"object": 7' >"$(echo $state/attach_read@*)"
	again
	warned attach_read "is damaged; remove it"
	must "$skbext" detach attach_read
	[ "$out" = "forgot attach_read, which was not attached" ] || wrong "detach: $out"
	must "$skbext" status
}

# A wrong type is not taken for something that was not given.
a_file_that_says_something_else()
{
	local change
	keep "$read" --dev lo --ingress --prog read_tc && cp $state/attach_read@* "$tmp/whole" || return
	must "$skbext" unload --force
	for change in '.programs = "read_tc"' '.programs = {}' '.programs = [7]' '.prio = 4294967297' \
		'.prio = "1"' '.direction = "sideways"' '.dev = 7' '.cgroup = []' '.tracing = "no"' \
		'.netns = "7"' '.before = 7' '[.]'; do
		jq "$change" "$tmp/whole" >"$(echo $state/attach_read@*)"
		run "$skbext" load
		warned attach_read "is damaged; remove it"
		must "$skbext" unload || wrong "$change: attached"
	done
	cp "$tmp/whole" "$(echo $state/attach_read@*)"
	must "$skbext" load
	[[ $out == *"attached again: attach_read"* ]] || wrong "as it was: $out"
}

# Files that attach could not have named so are nobody's: no name breaks a terminal, or a command.
foreign_files()
{
	local name
	keep "$read" --dev lo || return
	for name in $'\xff' $'\e[31m' $'two\nlines' .hidden a.b a@b; do
		cp $state/attach_read@* "$state/$name@sys-fs-bpf-skbext.json"
	done
	must "$skbext" status && must "$skbext" attach --again && must "$skbext" detach --all
	[ "$out" = "detached attach_read" ] || wrong "detach: $out"
}

modes()
{
	(umask 0; keep "$read" --dev lo)
	[ "$(stat -c %a $state $state/* | tr '\n' ' ')" = "700 600 " ] || wrong "modes: $(stat -c '%a %n' $state $state/*)"
}

# What cannot be kept is not attached either.
a_disk_that_takes_nothing()
{
	keep "$read" --dev lo || return
	mount -o remount,ro /var/lib
	sk attach --keep "$write" --prog one --dev lo --egress
	refused "read-only" "cannot keep attach_write: writing $state/attach_write@" "Read-only file system; it was detached again"
	sk status --json
	is '[.attached[].name] == ["attach_read"]' "attached"
	sk detach attach_read
	[[ $status = 1 && $out = "detached attach_read" && $err == *"not forgotten, and the next load attaches it again: removing $state"* ]] ||
		wrong "detach: $status $out $err"
	mount -o remount,rw /var/lib
	must "$skbext" detach attach_read
	for call in openat:EMFILE write:ENOSPC fsync:EIO; do
		run strace -qq -f -o /dev/null -P "$state" -P "$state/.new" -e trace=${call%:*} \
			-e inject=${call%:*}:error=${call#*:}:when=1+ "$skbext" attach --keep "$read" --dev lo
		refused "$call" "cannot keep attach_read"
		[[ -z $(kept) && ! -e $dir/attached ]] || wrong "$call: kept $(kept), $(ls $dir/attached)"
	done
}

# A process that is killed leaves what was kept before, or what is kept now.
killed_on_the_way()
{
	local call
	keep "$read" --dev lo || return
	for call in fsync renameat unlinkat; do
		{ run strace -qq -f -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=1 \
			"$skbext" attach --keep "$write" --prog one --dev lo --egress; } 2>/dev/null
		must "$skbext" status
		[[ $(kept) == "attach_read " || $(kept) == "attach_read attach_write " ]] || wrong "$call: $(kept)"
		must "$skbext" detach attach_write
		[ "$(kept)" = "attach_read " ] || wrong "$call: kept $(kept)"
	done
	keep "$write" --prog one --dev lo --egress
}

errors()
{
	for line in "attach --again $write" "attach --keep $write --dev lo --before 7" "attach --keep --dev lo"; do
		# shellcheck disable=SC2086
		sk $line
		[ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] || wrong "$line: $status $err"
	done
	sk attach --keep "$read" --dev nodev
	refused "no device" "no device nodev"
	sk attach --keep /nowhere.o --dev lo
	refused "no file" "/nowhere.o: No such file"
	[ "$(kept)" = "" ] || wrong "kept: $(kept)"
	keep "$read" --dev lo
	sk attach --keep "$read" --dev lo
	refused "the same again" "attach_read ($read) is attached already"
	must "$skbext" detach --all && must "$skbext" unload
	rmdir $state
	sk attach --keep "$read" --dev lo
	refused "not loaded" "no skbext is loaded"
	sk attach --again
	refused "not loaded" "no skbext is loaded"
	[ ! -e $state ] || wrong "$state was made"
}

run_case load_attaches_again
run_case the_rest_ends
run_case all_options_are_kept
run_case beside_one_that_was_kept_later
run_case detach_forgets
run_case unload_says_what_comes_back
run_case replace_attaches_nothing_twice
run_case other_directories_have_their_own
run_case a_device_that_is_not_there
run_case a_part_that_has_gone
run_case a_device_of_another_namespace
run_case a_namespace_that_has_ended
run_case a_device_of_the_machine
run_case an_object_that_has_gone
run_case a_link_to_an_object
run_case a_path_that_is_no_text
run_case a_bound_object
run_case an_object_that_others_can_write
run_case below_a_sticky_directory
run_case on_fuse
run_case a_hostile_state_directory
run_case a_file_that_says_something_else
run_case foreign_files
run_case modes
run_case a_disk_that_takes_nothing
run_case killed_on_the_way
run_case errors
exit $failed
