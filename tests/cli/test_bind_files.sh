#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The files that `skbext bind` reads and writes: what is there already, of whatever kind, and what a
# bind leaves that is killed.
#
#	tests/cli/test_bind_files.sh [CASE]

[ -n "$IN_MOUNTS" ] || IN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"

command -v strace >/dev/null || { echo "SKIP bind_files: no strace"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "SKIP bind_files: not root"; exit 0; }
mkdir "$tmp/bpf"
mount -t bpf -o mode=0700 bpf "$tmp/bpf"
dir=$tmp/bpf/site object=$objs/root_adds.bpf.o target=$tmp/files/bound.o

cleanup()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
	umount "$tmp/bpf"
	rm -rf "$tmp"
}
trap cleanup EXIT

before_case() { mkdir "$tmp/files"; }
after_case() { rm -rf "$tmp/files"; }

bind() { "$skbext" bind --bpffs "$dir" "$@"; }

has_type()
{
	"$skbext" type list --bpffs "$dir" | grep -q root_mark
}

forget_type()
{
	! has_type || "$skbext" type remove root_mark --bpffs "$dir" >/dev/null
}

# keeps WHAT: a bind that was refused has registered no type, and the directory is as it was
keeps()
{
	has_type && { wrong "$1: its type stays"; forget_type; }
	ls -lAR --time-style=full-iso "$tmp/files" | cmp -s - "$tmp/before" ||
		wrong "$1: another directory: $(ls -lA "$tmp/files")"
}

refuses()	# WHAT FILES WORD...
{
	local what=$1 files=$2
	shift 2
	ls -lAR --time-style=full-iso "$tmp/files" >"$tmp/before"
	run timeout 20 "$skbext" bind --bpffs "$dir" $files
	refused "$what" "$@"
	keeps "$what"
}

# A pipe never ends, a device may be anything, and root would read it with the lock held.
what_is_read()
{
	mkfifo "$tmp/files/fifo"
	mknod "$tmp/files/zero" c 1 5
	truncate -s 2G "$tmp/files/big"
	: >"$tmp/files/empty"
	head -c 20000 "$object" >"$tmp/files/half"
	for file in fifo zero; do
		refuses "$file" "$tmp/files/$file $tmp/x.o" "not a regular file"
	done
	refuses "a directory" "$tmp/files $tmp/x.o" "not a regular file"
	refuses "two GiB" "$tmp/files/big $tmp/x.o" MiB
	refuses "an empty file" "$tmp/files/empty $tmp/x.o" object
	refuses "half of an object" "$tmp/files/half $tmp/x.o" object
	refuses "no file" "$tmp/files/nix $tmp/x.o" "No such file"
	[ ! -e "$tmp/x.o" ] || wrong "it is written"
}

# rename() would take the place of /dev/null as of any file.
what_is_written()
{
	mkfifo "$tmp/files/fifo"
	mknod "$tmp/files/null" c 1 3
	mkdir "$tmp/files/dir"
	echo precious >"$tmp/files/target"
	ln -s target "$tmp/files/link"
	for file in fifo null dir; do
		refuses "over $file" "$object $tmp/files/$file" "not a regular file"
	done
	refuses "over a link" "$object $tmp/files/link" "symbolic link"
	refuses "into no directory" "$object $tmp/files/none/x.o" "No such file"
	refuses "in place of a link" "$tmp/files/link" "symbolic link"
}

# Over what was there, its own input too; the hole of what was bound does not grow.
replaced()
{
	local size
	cp "$object" "$target"
	for _ in 1 2 3; do
		must bind "$target"
		[ "$(ls -A "$tmp/files")" = bound.o ] || wrong "beside it: $(ls -A "$tmp/files")"
		[ "${size:=$(stat -c %s "$target")}" = "$(stat -c %s "$target")" ] || wrong "it grows"
	done
	[ "$(stat -c %a "$target")" = 644 ] || wrong "mode $(stat -c %a "$target")"
	must bind "$object" "$tmp/files/other.o"
	cmp "$target" "$tmp/files/other.o" || wrong "bound again it differs"
	forget_type
}

# killed_at CALL [STRACE-OPTION]...: and after that, nothing but what was there or is whole
killed_at()
{
	local call=$1 was
	shift
	was=$(cat "$target" 2>/dev/null | cksum)
	run strace -f -qq -o "$tmp/log" "$@" -e "inject=$call:signal=KILL:when=1" \
		"$skbext" bind --bpffs "$dir" "$object" "$target"
	grep -q 'killed by SIGKILL' "$tmp/log" || { wrong "never came to $call"; return; }
	[ "$(cat "$target" 2>/dev/null | cksum)" = "$was" ] || wrong "$call: half of it is there"
}

left() { find "$tmp/files" -mindepth 1 -not -name bound.o; }

killed()
{
	local call
	for call in write ftruncate fchmod fsync linkat; do
		killed_at $call
		[ -z "$(left)" ] || wrong "$call: left: $(left)"
	done
	# A new name for what replaces it, and only there.
	echo precious >"$target"
	for call in write linkat rename; do
		killed_at $call
		[ $call = rename ] || [ -z "$(left)" ] || wrong "$call, replaced: left: $(left)"
	done
	must bind "$object" "$target"
	[ -z "$(left)" ] || wrong "the next bind leaves: $(left)"
	forget_type
}

# Where the file system knows no files without a name.
killed_with_a_name()
{
	local call none
	# The first open looks for what a killed one has left.
	none=(-P "$tmp/files" -P "$target.skbext-new" -e inject=openat:error=EOPNOTSUPP:when=2)
	for call in write ftruncate rename; do
		killed_at $call "${none[@]}"
		must bind "$object" "$target"
		[ -z "$(left)" ] || wrong "$call: the next bind leaves: $(left)"
		rm -f "$target"
	done
	for call in write rename; do
		run strace -f -qq -o "$tmp/log" "${none[@]}" -e "inject=$call:error=ENOSPC:when=1" \
			"$skbext" bind --bpffs "$dir" "$object" "$target"
		refused "$call fails" "No space left"
		[ -z "$(ls -A "$tmp/files")" ] || wrong "$call fails: left: $(ls -A "$tmp/files")"
	done
	run strace -f -qq -o "$tmp/log" "${none[@]}" "$skbext" bind --bpffs "$dir" "$object" "$target"
	[ "$status" = 0 ] || wrong "without a fault: $err"
	[ "$(ls -A "$tmp/files")" = bound.o ] || wrong "without a fault: $(ls -A "$tmp/files")"
	forget_type
}

# Only its own is removed: of this user, and of a process that is gone.
names_in_the_way()
{
	forget_type
	echo old >"$target"
	echo "somebody's" >"$target.skbext-new"
	chown 65534 "$target.skbext-new"
	refuses "another's file" "$object $target" "in the way"
	rm "$target.skbext-new"
	ln -s bound.o "$target.skbext-new"
	refuses "a link" "$object $target" "in the way"
	rm "$target.skbext-new"
	: >"$target.skbext-new"
	exec 7<"$target.skbext-new"
	flock 7
	ls -lAR --time-style=full-iso "$tmp/files" >"$tmp/before"
	run "$skbext" bind --bpffs "$dir" "$object" "$target" 7<&-
	refused "two at once" "another process"
	keeps "two at once"
	exec 7<&-
	must bind "$object" "$target"
	[ -z "$(left)" ] || wrong "what a killed bind left stays: $(left)"
	forget_type
}

must "$skbext" load --bpffs "$dir" --capacity 64
for name in what_is_read what_is_written replaced killed killed_with_a_name names_in_the_way; do
	run_case $name
done
exit $failed
