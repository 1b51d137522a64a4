#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/examples/go: built with Debian's golang-go and golang-github-cilium-ebpf-dev, it finds the
# note of each packet on a loopback of its own.
#
#	GO=command GOPATH=directory	others than Debian's

[ -n "$IN_NETNS" ] || [ "$(id -u)" != 0 ] || IN_NETNS=1 exec unshare --net "$0" "$@"

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
skbext=${SKBEXT:-$root/.output/skbext}
export GOPATH=${GOPATH:-/usr/share/gocode} GO111MODULE=off CGO_ENABLED=0
GO=${GO:-go}
dir=/sys/fs/bpf/skbext-go-$$
tmp=$(mktemp -d)
export GOCACHE=$tmp/cache
trap 'rm -rf "$tmp"; "$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1' EXIT

skip()
{
	echo "SKIP go_finds_notes: $*"
	exit 0
}

fail()
{
	echo "FAIL go_finds_notes: $*"
	exit 1
}

# must CMD...
must() { "$@" >"$tmp/out" 2>"$tmp/err" || fail "$*: $(tail -n 3 "$tmp/err")"; }

number() { awk -v name="$1" '$1 == name { print $2 }' "$tmp/said"; }

[ "$(id -u)" = 0 ] || skip "needs root"
command -v "$GO" >/dev/null || skip "no go"
library=$GOPATH/src/github.com/cilium/ebpf
[ -d "$library" ] || skip "no cilium/ebpf below $GOPATH"
grep -qs 'func AttachTCX' "$library"/link/*.go ||
	skip "this cilium/ebpf is older than 0.22, and cannot read the object"

must clang -O2 -g -target bpf -I"$root/include" -idirafter \
	"/usr/include/$(gcc -print-multiarch)" -c "$root/tests/examples/go/note.bpf.c" -o "$tmp/note.o"
cd "$root/tests/examples/go" && must "$GO" build -o "$tmp/note" main.go
must ip link set lo up
must "$skbext" load --bpffs "$dir"
must "$skbext" bind "$tmp/note.o" "$tmp/bound.o" --bpffs "$dir"

"$tmp/note" "$tmp/bound.o" lo "$dir" >"$tmp/said" 2>"$tmp/err" &
for ((n = 0; n < 600; n++)); do
	grep -q ready "$tmp/said" || ! kill -0 $! 2>/dev/null && break
	sleep 0.1
done
grep -q ready "$tmp/said" || {
	grep -q 'tcx.*not supported' "$tmp/err" && skip "this kernel has no tcx"
	fail "$(tail -n 3 "$tmp/err")"
}
for ((n = 0; n < 20; n++)); do
	echo word >/dev/udp/127.0.0.1/9
done
kill -INT $! && wait $! || fail "status $?: $(tail -n 3 "$tmp/err")"
[ "$(number sent)" -ge 20 ] || fail "sent only $(number sent)"
[ "$(number found)" = "$(number sent)" ] ||
	fail "sent $(number sent), received $(number received), found $(number found)"
[ "$("$skbext" stats --json --bpffs "$dir" | jq .adds)" = "$(number sent)" ] ||
	fail "the store that was loaded counts $("$skbext" stats --json --bpffs "$dir" | jq .adds) adds"
echo "PASS go_finds_notes"
