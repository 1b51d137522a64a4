#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/examples/go and rust: built with Debian's packages (golang-go, golang-github-cilium-ebpf-dev;
# cargo, librust-libbpf-rs-dev), each finds the note of each packet on a loopback of its own.
#
#	GO=command GOPATH=directory	others than Debian's
#	CARGO=command CRATES=directory	others than Debian's

[ -n "$IN_NETNS" ] || [ "$(id -u)" != 0 ] || IN_NETNS=1 exec unshare --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
export GOPATH=${GOPATH:-/usr/share/gocode} GO111MODULE=off CGO_ENABLED=0
export GOCACHE=$tmp/go CARGO_HOME=$tmp/cargo
GO=${GO:-go} CARGO=${CARGO:-cargo} CRATES=${CRATES:-/usr/share/cargo/registry}
dir=/sys/fs/bpf/skbext-lang-$$
trap 'rm -rf "$tmp"; "$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1' EXIT

after_case()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
}

number() { awk -v name="$1" '$1 == name { print $2 }' "$tmp/said"; }

# A bound object, bound.o, for one who attaches to lo.
bound()
{
	must clang -O2 -g -target bpf -I"$root/include" -idirafter \
		"/usr/include/$(gcc -print-multiarch)" -c "$root/tests/examples/go/note.bpf.c" \
		-o "$tmp/note.o" &&
	must ip link set lo up &&
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$tmp/note.o" "$tmp/bound.o" --bpffs "$dir"
}

# starts COMMAND: sets $pid once it has attached its programs. Its stdin is open as fd 7.
starts()
{
	local n
	rm -f "$tmp/stdin"
	mkfifo "$tmp/stdin"
	"$1" "$tmp/bound.o" lo "$dir" <"$tmp/stdin" >"$tmp/said" 2>"$tmp/err" 7>&- &
	pid=$!
	exec 7>"$tmp/stdin"
	for ((n = 0; n < 600; n++)); do
		grep -q ready "$tmp/said" && return
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	grep -q 'tcx.*not supported' "$tmp/err" && skip="this kernel has no tcx" ||
		wrong "$(tail -n 3 "$tmp/err")"
	exec 7>&-
	kill $pid 2>/dev/null
	wait $pid
	return 1
}

send_words()
{
	local n
	for ((n = 0; n < 20; n++)); do
		echo word >/dev/udp/127.0.0.1/9
	done
}

# It has ended: each note was found in the store that is loaded. A find is refused, and counted, where
# the kernel skipped a release on a busy machine.
expect_all_found()
{
	local missing
	wait $pid || wrong "status $?: $(tail -n 3 "$tmp/err")"
	exec 7>&-
	[ "$(number sent)" -ge 20 ] || wrong "sent only $(number sent)"
	run "$skbext" stats --json --bpffs "$dir"
	[ "$(jq .adds <<<"$out")" = "$(number sent)" ] || wrong "the loaded store counts: $out"
	missing=$(($(number sent) - $(number found)))
	[ "$missing" -ge 0 ] && [ "$missing" -le "$(jq .distrusted <<<"$out")" ] ||
		wrong "sent $(number sent), received $(number received), found $(number found); $out"
}

go_finds_notes()
{
	local library=$GOPATH/src/github.com/cilium/ebpf
	[ "$(id -u)" = 0 ] || { skip="needs root"; return; }
	command -v "$GO" >/dev/null || { skip="no go"; return; }
	[ -d "$library" ] || { skip="no cilium/ebpf below $GOPATH"; return; }
	grep -qs 'func AttachTCX' "$library"/link/*.go ||
		{ skip="this cilium/ebpf is older than 0.22, and cannot read the object"; return; }
	bound || return
	cd "$root/tests/examples/go" && must "$GO" build -o "$tmp/go.note" main.go || return
	starts "$tmp/go.note" || return
	send_words
	kill -INT $pid
	expect_all_found
}

rust_finds_notes()
{
	[ "$(id -u)" = 0 ] || { skip="needs root"; return; }
	command -v "$CARGO" >/dev/null || { skip="no cargo"; return; }
	compgen -G "$CRATES/libbpf-rs-0.27*" >/dev/null || { skip="no libbpf-rs 0.27 in $CRATES"; return; }
	bound || return
	mkdir -p "$CARGO_HOME"
	cat >"$CARGO_HOME/config.toml" <<-E
		[source.crates-io]
		replace-with = "packaged"
		[source.packaged]
		directory = "$CRATES"
	E
	cp -r "$root/tests/examples/rust" "$tmp/rust"	# cargo writes its lock beside the source
	cd "$tmp/rust" && must "$CARGO" build --offline --target-dir "$tmp/target" || return
	starts "$tmp/target/debug/note" || return
	send_words
	echo >&7
	expect_all_found
}

run_case go_finds_notes
run_case rust_finds_notes
exit $failed
