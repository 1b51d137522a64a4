#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The examples, as people would use them: each folder is copied, built alone against an installed
# skbext, and run on real traffic. test_examples.sh does that here, tests/kernels/test_kernels.sh in
# each kernel of the matrix.
#
#	tests/examples/examples.sh [CASE]		build and run here
#	tests/examples/examples.sh --guest LABEL [CASE]	build and run in that kernel
#	tests/examples/examples.sh --build DIRECTORY	build there, and keep it
#	tests/examples/examples.sh --run DIRECTORY [CASE]	run what was built there
#	tests/examples/examples.sh --brief DIRECTORY	the same without REPEATS

# Every folder of tests/examples with a Makefile is built. Its cases.sh adds to these: functions that are
# run, and those of them that take long in an emulated kernel and show nothing that the others do not.
CASES='' REPEATS='' brief=''

root=$(cd "$(dirname "$0")/../.." && pwd)
self=$root/tests/examples/examples.sh
PATH=$PATH:/usr/sbin:/sbin
what=all built='' guest=''
case $1 in
--brief) what=run built=$2 brief=yes; shift 2 ;;
--guest) what=guest guest=$2; shift 2 ;;
--build | --run) what=${1#--} built=$2; shift 2 ;;
esac
only=$1
failed=0
tmp=$(mktemp -d)
near=skbext-near-$$ mid=skbext-mid-$$ far=skbext-far-$$
export SKBEXT_BPFFS=/sys/fs/bpf/skbext-examples-$$

wrong()
{
	echo "    ${FUNCNAME[1]}: $*" >&2
	failures=$((failures + 1))
}

# must CMD...: a step without which the rest says nothing
must()
{
	"$@" >"$tmp/out" 2>"$tmp/err" && return
	wrong "$*: status $?: $(tail -n 3 "$tmp/err")"
	return 1
}

# needs WHAT CMD...: a thing that not every kernel has
needs()
{
	"${@:2}" >/dev/null 2>"$tmp/err" && return
	skip="$1: $(tail -n 1 "$tmp/err")"
	return 1
}

# ---- building

export PKG_CONFIG_PATH=$tmp/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tmp/root

# Not as a part of the make that may have started this.
make_alone()
{
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory "$@"
}

# Relative and absolute ways back into the source would both be found out.
build_example()	# NAME
{
	must cp -r "$root/tests/examples/$1" "$built/" &&
	must make_alone -C "$built/$1" BPFTOOL="$bpftool"
	! grep -q 'warning:' "$tmp/err" || wrong "$(grep 'warning:' "$tmp/err")"
	must cp -r "$built/$1" "$tmp/bounded" && must rm "$tmp/bounded/$1.bpf.o" &&
	must make_alone -C "$tmp/bounded" CLANG='clang -DSKBEXT_BOUNDED' "$1.bpf.o"
	rm -rf "$tmp/bounded"
	[ "$(wc -l <"$built/$1/README.md")" -le 30 ] || wrong "a long README"
	rm -f "$built/$1/vmlinux.h"	# large, and not needed where it runs
}

install_skbext()
{
	bpftool=$("$root/scripts/setup" bpftool 2>/dev/null)
	built=${built:-$tmp/built}
	rm -rf "$built"
	must mkdir -p "$built" &&
	must make_alone -C "$root" install DESTDIR="$tmp/root" PREFIX=/usr &&
	must cp "$tmp/root/usr/sbin/skbext" "$built/" &&
	must cp -P "$tmp"/root/usr/lib/libskbext.so* "$built/" || return
	[ "$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=libdir skbext)" = /usr/lib ] ||
		wrong "skbext.pc does not say where it was installed"
}

# ---- running: namespaces and programs in them

in_ns() { nsenter --net="/run/netns/$1" "${@:2}"; }

# quiet_ns NAME: nothing in it sends on its own
quiet_ns()
{
	must ip netns add "$1" || return
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null
	must in_ns "$1" ip link set lo up
}

# pair NS DEV NS DEV: a veth pair that is up
pair()
{
	must in_ns "$1" ip link add "$2" type veth peer name "$4" netns "$3" &&
	must in_ns "$1" ip link set "$2" up &&
	must in_ns "$3" ip link set "$4" up
}

# start LOG NS CMD...: wait until it says that it is ready; 77 from it: this kernel cannot
start()
{
	local log=$tmp/$1 pid
	: >"$log"
	nsenter --net="/run/netns/$2" "${@:3}" >"$log" 2>&1 &
	pid=$!
	pids="$pid $pids"
	while ! grep -q '^ready' "$log"; do
		if ! kill -0 $pid 2>/dev/null; then
			wait $pid
			[ $? = 77 ] && skip=$(tail -n 1 "$log") ||
				wrong "${*:3}: $(tail -n 3 "$log")"
			return 1
		fi
		sleep 0.05
	done
}

stop_all()
{
	# shellcheck disable=SC2086 # a list
	[ -z "$pids" ] || { kill $pids && wait $pids; } 2>/dev/null
	pids=''
}

# number LOG NAME: the value that follows the name, the last time. Without another program: those
# take long in a guest.
number()
{
	[[ $'\n'$(<"$tmp/$1") =~ .*[^[:alnum:]_]$2" "([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# count NS COUNTER: packets that an nft counter saw; they passed every tc program before it
count()
{
	in_ns "$1" nft list counter ip t "$2" 2>/dev/null | awk '$1 == "packets" { print $2 }'
}

# arrived NS COUNTER N: wait for them
arrived()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(count "$1" "$2")" -lt "$3" ] 2>/dev/null || { sleep 0.1; return 0; }
		sleep 0.05
	done
	wrong "of $3 packets $(count "$1" "$2") arrived"
	return 1
}

cleanup_case()
{
	stop_all
	for ns in $near $mid $far; do
		ip netns del $ns 2>/dev/null
	done
}

cleanup()
{
	cleanup_case
	[ ! -e "$SKBEXT_BPFFS" ] || "$built/skbext" unload --force --bpffs "$SKBEXT_BPFFS" >/dev/null 2>&1
	rm -rf "$tmp"
}

is_complete()
{
	[ "$("$built/skbext" status --json --bpffs "$SKBEXT_BPFFS" | jq -r .guarantee)" = complete ]
}

# Hooks that the kernel skipped, and what was not trusted for that: packets have lost their metadata
# by design.
skipped()
{
	"$built/skbext" stats --json --bpffs "$SKBEXT_BPFFS" 2>/dev/null |
		jq '.missed_hooks + .distrusted' 2>/dev/null || echo 0
}

# run_case NAME [CMD...]: CMD if it is not called as the case is. Again, if it failed while hooks
# were skipped.
run_case()
{
	local name=$1 before tries
	[ $# -eq 1 ] || shift
	for tries in 1 2 3; do
		failures=0 skip='' before=$(skipped)
		"$@"
		cleanup_case
		[ "$failures" -gt 0 ] && [ "$(skipped)" != "$before" ] || break
		echo "again: $name: the kernel skipped hooks: $before before, $(skipped) after"
	done
	if [ "$failures" -gt 0 ]; then
		failed=1
		echo "FAIL $name: $failures checks"
	else
		[ -n "$skip" ] && echo "SKIP $name: $skip" || echo "PASS $name"
	fi
}

# All of them share one, as owners that know nothing of each other.
load_skbext()
{
	must "$built/skbext" load --bpffs "$SKBEXT_BPFFS" --payload 512
}

# ---- a receiver in far, for more than one example

# receiver_bed: near sends to 10.9.0.2, where somebody marks all packets and relies on it
receiver_bed()
{
	quiet_ns $near && quiet_ns $far && pair $near under0 $far under1 &&
	must in_ns $near ip addr add 10.9.0.1/24 dev under0 &&
	must in_ns $far ip addr add 10.9.0.2/24 dev under1 || return
	must in_ns $far nft -f - <<-NFT
		table ip t {
			counter seen { }
			counter marked { }
			counter late { }
			chain pre {
				type filter hook prerouting priority -150;
				udp dport 7000 meta mark set 81 counter name seen
			}
			chain input {
				type filter hook input priority 0;
				udp dport 7000 meta mark 81 counter name marked
			}
			chain behind {
				type filter hook input priority 20;
				udp dport 7000 meta mark 81 counter name late
			}
		}
	NFT
}

# send_words WORD...: a datagram each
send_words()
{
	in_ns $near bash -c '
		exec 3<>/dev/udp/10.9.0.2/7000
		for word; do
			printf "%s" "$word" >&3
		done' - "$@" || wrong "sending"
}

# expect_numbers LOG NAME VALUE...
expect_numbers()
{
	local log=$1
	shift
	while [ $# -gt 0 ]; do
		[ "$(number "$log" "$1")" = "$2" ] || wrong "$1 is $(number "$log" "$1"), not $2"
		shift 2
	done
}

# ---- all of it

build_all()
{
	for tool in make pkg-config clang gcc jq nft; do
		command -v $tool >/dev/null && continue
		echo "SKIP examples: needs $tool"
		exit 0
	done
	run_case install_skbext
	[ "$failed" = 0 ] || exit 1
	for name in "$root"/tests/examples/*/Makefile; do
		name=${name%/Makefile}
		run_case "build_$(basename "$name")" build_example "$(basename "$name")"
	done
}

run_all()
{
	export LD_LIBRARY_PATH=$built
	[ "$(id -u)" = 0 ] || { echo "SKIP examples: needs root"; return; }
	for module in nf_tables nft_ct vxlan ip_gre ipip br_netfilter veth xfrm_user esp4 \
		      gcm ctr seqiv; do
		modprobe $module 2>/dev/null
	done
	run_case load_skbext
	[ "$failed" = 0 ] || return
	for name in "$built"/*/cases.sh; do
		# shellcheck source=/dev/null # what there is was built
		. "$name"
	done
	for name in ${only:-$CASES}; do
		[ -n "$brief" ] && [[ " $REPEATS " = *" $name "* ]] || run_case "$name"
	done
}

run_in_guest()
{
	local status
	LD_LIBRARY_PATH=$built "$root/scripts/vm-run" --kernel "$1" --timeout 500 \
		--file "$built" --file "$self" -- "$self" --run "$built" "$only" >"$tmp/guest" 2>&1
	status=$?
	sed -E "s/^(PASS|FAIL|SKIP) /&$1_/; s/^[a-z]+: /$1 &/" "$tmp/guest"
	case $status in
	0) grep -q '^PASS ' "$tmp/guest" && return; echo "FAIL $1_guest: it printed no result" ;;
	77) echo "SKIP $1_guest: $(tail -n 1 "$tmp/guest")"; return ;;
	*) grep -q '^FAIL ' "$tmp/guest" || echo "FAIL $1_guest: status $status" ;;
	esac
	failed=1
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
case $what in
build) build_all ;;
run) run_all ;;
guest) build_all; run_in_guest "$guest" ;;
all) build_all; run_all ;;
esac
exit $failed
