#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The command line, as people and scripts meet it: what each command prints, every error with its
# exit status and its one line, and that nothing stays attached or pinned after a failure.
#
#	tests/cli/test_cli.sh [CASE]

root=$(cd "$(dirname "$0")/../.." && pwd)
built=${SKBEXT:-$root/.output/skbext}
tmp=$(mktemp -d)
dir=/sys/fs/bpf/skbext-cli-$$
only=$1
cases_failed=0

cleanup()
{
	"$built" unload --force --bpffs "$dir" >/dev/null 2>&1
	rm -rf "$tmp"
}
trap cleanup EXIT

# A copy that nobody may run too, wherever the tree is.
chmod 755 "$tmp"
skbext_bin=$tmp/skbext

wrong()
{
	echo "    ${FUNCNAME[2]}: $*" >&2
	failures=$((failures + 1))
}

# run CMD...: sets $status, $out, $err and $err_lines
run()
{
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
	err_lines=$(wc -l <"$tmp/err")
}

sk()
{
	local command=$1
	shift
	run "$skbext_bin" "$command" --bpffs "$dir" "$@"
}

expect()	# WANTED-STATUS WHAT
{
	[ "$status" = "$1" ] || wrong "$2: exit status $status, not $1 ($err)"
}

# Failed as promised: the status, one line that begins as all do, nothing that looks like a result.
expect_error()	# STATUS WHAT [WORDS OF THE MESSAGE]...
{
	local wanted=$1 what=$2

	expect "$wanted" "$what"
	[ "$err_lines" = 1 ] || wrong "$what: $err_lines lines on stderr: $err"
	[[ $err == "skbext: cannot "*": "*";"* ]] ||
		wrong "$what: not 'skbext: cannot X: why; remedy': $err"
	[ -z "$out" ] || wrong "$what: printed: $out"
	shift 2
	for word; do
		[[ $err == *"$word"* ]] || wrong "$what: no '$word' in: $err"
	done
}

# Exit status 1, and the reason in one line beside what is printed.
expect_unhealthy()	# WHAT WORDS...
{
	local what=$1
	expect 1 "$what"
	[ "$err_lines" = 1 ] || wrong "$what: $err_lines lines on stderr: $err"
	shift
	for word in "skbext: not healthy: " "$@"; do
		[[ $err == *"$word"* ]] || wrong "$what: no '$word' in: $err"
	done
}

expect_done()	# WHAT
{
	expect 0 "$1"
	[ -z "$err" ] || wrong "$1: on stderr: $err"
}

expect_json()	# JQ-CONDITION WHAT
{
	jq -e . <<<"$out" >/dev/null 2>&1 || wrong "$2: no JSON: $out"
	[ "$(jq "$1" <<<"$out" 2>/dev/null)" = true ] || wrong "$2: not true: $1 of $out"
}

# Ids of programs that a process holds, itself or through a link, or that are pinned elsewhere.
programs_of_others()
{
	local pin

	cat /proc/[0-9]*/fdinfo/* 2>/dev/null | sed -n 's/^prog_id:[[:space:]]*//p'
	for pin in /sys/fs/bpf/*/links/*; do
		[[ $pin == "$dir"/* ]] ||
			bpftool -j link show pinned "$pin" 2>/dev/null | jq .prog_id
	done
	for pin in /sys/fs/bpf/*/op; do
		[[ $pin == "$dir"/* ]] || bpftool -j prog show pinned "$pin" 2>/dev/null | jq .id
	done
}

# Programs with the names of ours that nobody else has. Other tests may run beside this one.
our_programs()
{
	bpftool -j prog show | jq -r --slurpfile names "$tmp/names" \
		'.[] | select([.name] | inside($names)) | .id' | sort >"$tmp/named"
	[ ! -s "$tmp/named" ] || comm -23 "$tmp/named" <(programs_of_others | sort -u)
}

# The kernel frees programs some time after the last reference is gone.
expect_nothing_left()	# WHAT
{
	local left

	[ ! -e "$dir" ] || wrong "$1: $dir is still there: $(ls "$dir")"
	for _ in $(seq 50); do
		left=$(comm -13 "$tmp/programs" <(our_programs))
		[ -z "$left" ] && return
		sleep 0.2
	done
	wrong "$1: programs are left: $left"
}

load()
{
	sk load "$@"
	expect 0 "load $*"
}

unload()
{
	sk unload
	expect_done unload
	expect_nothing_left unload
}

address()	# N: the Nth address, none of which ever is an skb
{
	printf '0xffff888000%06x' $((0x1000 + $1 * 256))
}

# ---- what works

test_issue_line()
{
	local skb=0xffff888000001000

	run sh -c "$skbext_bin load --bpffs $dir --type a:16 >/dev/null &&
		$skbext_bin add --bpffs $dir $skb a 0011 &&
		$skbext_bin dump --bpffs $dir --json && $skbext_bin unload --bpffs $dir >/dev/null"
	expect 0 "load, add, dump, unload"
	expect_json '.records | length == 1' dump
	expect_json '.records[0].skb == "0xffff888000001000"' dump
	expect_json '.records[0].types.a.hex == "00110000000000000000000000000000"' dump
	expect_json '.records[0] | [.shared, .refs, (.types | keys)] == [false, 1, ["a"]]' dump
	expect_nothing_left "load, add, dump, unload"
}

# Where nothing is loaded it loads; then what is loaded goes on in the programs of this version.
test_load_replace()
{
	local skb=0xffff888000001000 before

	load --replace --type a:16 --capacity 100
	[[ $out == "loaded: mode "*" a:16" ]] || wrong "the first: $out"
	sk add $skb a 0011
	expect_done add
	before=$(cd "$dir/links" && ls)
	load --replace --type a:16 --type b:8 --capacity 100
	[[ $out == "replaced: mode "*" a:16 b:8" ]] || wrong "the second: $out"
	load --replace --json
	expect_json '.replaced and (.types | map(.name)) == ["a", "b"]' "the third"
	[ "$(cd "$dir/links" && ls)" = "$before" ] || wrong "other hooks than before"
	sk find $skb a
	[[ $out == *0011* ]] || wrong "the record: $out $err"
	sk load --replace --capacity 5000
	expect_error 1 "another capacity" "capacity 5000 cannot replace" "unload and load"
	sk load --replace --type a:8
	expect_error 1 "a type of another size" "type a is known with 16 bytes"
	sk load --replace --payload 9999
	expect_error 2 "no payload" --payload
	sk find $skb a
	[[ $out == *0011* ]] || wrong "the record, after what was refused: $out $err"
	unload
}

test_load_line()
{
	load --type a:16 --type b:8,noclone,drop-udp --capacity 100
	[ "$(wc -l <<<"$out")" = 1 ] || wrong "more than one line: $out"
	[[ $out == "loaded: mode "*", guarantee "*", capacity "*" a:16 b:8,noclone,drop-udp" ]] ||
		wrong "line: $out"
	if [[ $out == *partial* ]]; then
		[ "$err_lines" = 1 ] || wrong "partial and $err_lines lines of warning"
		[[ $err == *warning*"guarantee partial"*": "*"skbext status"* ]] ||
			wrong "warning: $err"
	else
		[ -z "$err" ] || wrong "complete, and warns: $err"
	fi
	unload
	load --json --type a:16,keep-scrub
	expect_json '.capacity >= 65536' capacity
	expect_json '.types | map([.name, .flags]) == [["a",["keep-scrub"]]]' types
	expect_json '(.guarantee == "complete") == (.reason == "")' "a reason for less than complete"
	expect_json 'if .mode == "exact" then true else .reason | test("fentry") end' \
		"the reason names what is missing"
	unload
}

test_status()
{
	load --type a:16 --type b:9,noclone --payload 64
	run "$skbext_bin" status --bpffs "$dir//"
	expect_done "status, as completion writes the directory"
	sk status
	expect_done status
	[[ $out == *"holds: "*"healthy    yes"* ]] || wrong "text: $out"
	[[ $out == *"guarantee  complete"$'\n'* || $out == *"guarantee  partial: "*"does not hold: "* ]] ||
		wrong "text: $out"
	# Paths that no hook sees are named whatever the guarantee is.
	[[ $out != *"mode       exact"* || $out == *"does not hold: "*"xfrm_iptfs"*"MCTP"*"vxcan"*"can-gw"* ]] ||
		wrong "it does not say what is not followed: $out"
	sk status --json
	expect_done "status --json"
	expect_json 'keys == ["attached","bound","capacity","ctl","guarantee","healthy","hooks","kept_missing","kernel_bytes","lost","mode",
		"payload","payload_used","problems","reason","types"]' keys
	expect_json '.problems == []' problems
	expect_json '(.guarantee == "complete") == (.reason == "")' reason
	expect_json '.hooks | length > 1 and all(.[]; .attached == true)' "all hooks of the mode"
	expect_json 'all(.hooks[]; keys == ["attached","kind","missed","name","role"])' "hooks"
	expect_json '.types | map([.name, .size, .flags]) ==
		[["a",16,[]],["b",9,["noclone"]]]' types
	expect_json '.types | .[1].offset >= .[0].offset + .[0].size' offsets
	expect_json '.payload == 64 and .payload_used >= 25 and .payload_used <= 32' room
	expect_json .healthy healthy
	unload
}

# Where the kernel drops extensions, a program is attached once there is a type that it must drop.
test_idle_policies()
{
	local policies='[.hooks[] | select(.role == "policy")]'

	load
	sk status --json
	expect_json "$policies == [] and .healthy and (.guarantee != \"none\")" \
		"no type, no policy hook"
	unload
	load --type a:16,keep-scrub
	sk status --json
	expect_json "$policies == [] and .healthy" "a type that is never dropped"
	sk bind "$root/.output/tests/api_write.bpf.o" "$tmp/bound.o"
	expect_done "bind a program with a type that is dropped"
	sk status --json
	expect_json "$policies | length > 0 and all(.[]; .attached)" "attached by who registered it"
	expect_json '.healthy and (.guarantee != "none")' "healthy with it"
	unload
	load --type a:16
	sk status --json
	expect_json "$policies | length > 0 and all(.[]; .attached)" "a type that is dropped"
	unload
}

test_stats()
{
	load --type a:16 --type b:8
	sk add 0xffff888000001000 a 01
	expect_done add
	sk add 0xffff888000001000 b 02
	expect_done "add another type"
	sk add 0xffff888000001100 a ''
	expect_done "add nothing but zeroes"
	sk del 0xffff888000001000 a
	expect_done "del a type"
	sk stats --json
	expect_done stats
	expect_json 'keys == (["live","capacity","orphans","adds","adds_more","add_failed","add_limited","dels",
		"dels_emptied","cow","shares","share_failed","releases","scrubbed","udp_dropped",
		"share_limited","replaced","purged_stale","fate_dropped","fate_consumed","missed_hooks",
		"distrusted","refs","purged","missed_releases","missed_shares","missed_policies",
		"distrusts","untrusted","shares_distrusted","lost"] | sort)' keys
	expect_json '[.live, .adds, .adds_more, .dels, .dels_emptied] == [2, 2, 1, 1, 0]' counts
	sk stats
	expect_done "stats as text"
	[ "$(grep -cE '^[a-z_]+ +[0-9]+  [a-z]' <<<"$out")" = 30 ] ||
		wrong "a counter without explanation: $out"
	sk del 0xffff888000001000
	expect_done "del all types"
	sk find 0xffff888000001000 b
	expect_error 1 "find what was deleted"
	unload
}

test_stats_watch()
{
	local pid

	load --type a:16
	"$skbext_bin" stats --bpffs "$dir" --watch 1 --json >"$tmp/watch" 2>&1 &
	pid=$!
	for _ in $(seq 300); do
		[ "$(wc -l <"$tmp/watch")" -ge 2 ] && break
		sleep 0.2
	done
	kill -INT $pid
	wait $pid
	status=$?
	expect 0 "interrupted watch"
	out=$(head -2 "$tmp/watch" | jq -s .)
	expect_json 'length == 2 and all(.[]; .adds == 0 and .capacity >= 65536)' watch
	unload
}

test_add_find_del()
{
	local skb=0xffff888000001000

	load --type a:4 --type b:4
	sk add $skb a 01020304
	expect_done add
	sk find $skb a
	expect_done find
	[[ $out == $skb*01020304* ]] || wrong "find: $out"
	sk find --json $skb a
	expect_json ".skb == \"$skb\" and .type == \"a\" and .hex == \"01020304\"" find
	sk add $skb a ff
	sk find --json $skb a
	expect_json '.hex == "ff000000"' "less than a payload is filled up with zeroes"
	sk find $skb b
	expect_error 1 "find what is not active"
	sk add $skb b 01
	sk dump --type b --json
	expect_json '.records | map(.types) == [{"b":{"hex":"01000000"}}]' "dump --type"
	sk dump
	[[ $out == $skb*a*ff000000*b*01000000* ]] || wrong "dump: $out"
	sk dump --type nix
	expect_error 1 "dump of an unknown type" nix
	sk del $skb a
	expect_done "del a type"
	sk del $skb a
	expect_error 1 "del what is not active"
	sk del $skb
	expect_done "del all"
	sk dump --json
	expect_json '.records == []' "dump of nothing"
	unload
}

# As when a release was missed: what was added before is found by nobody, and holds its place.
test_purge()
{
	load --type a:4 --capacity 64 --payload 16
	sk purge
	expect_done "purge of nothing"
	[ "$out" = "ended 0 records that missed releases had left" ] || wrong "purge: $out"
	for n in 1 2 3; do
		sk add "$(address $n)" a 01
	done
	patch slots 4 0x01	# the generation in struct skbext_state
	sk find "$(address 1)" a
	expect_error 1 "find of what is distrusted"
	sk add "$(address 4)" a 04
	expect_done "add after the miss"
	sk stats --json
	expect_json .live==4 "places held"
	sk purge --json
	expect_done purge
	expect_json '. == {"ended": 3}' "purge --json"
	sk dump --json
	expect_json ".records | map(.skb) == [\"$(address 4)\"]" "what is trusted stays"
	sk stats --json
	expect_json '[.live, .adds, .releases, .purged_stale] == [1, 4, 3, 3]' "the sum"
	sk purge
	[ "$out" = "ended 0 records that missed releases had left" ] || wrong "second purge: $out"
	unload
}

# An operator sees how many records packets lost, and why.
test_lost()
{
	load --type a:4 --capacity 8 --payload 16
	sk status
	[[ $out == *$'\nlost       nothing\n'* ]] || wrong "status, nothing lost: $out"
	for n in 1 2 3 4 5 6 7 8; do
		sk add "$(address $n)" a 01
		expect_done "add $n"
	done
	sk add "$(address 9)" a 01
	expect_error 1 "add to a full store" room
	patch slots 4 0x01	# the generation in struct skbext_state
	sk find "$(address 1)" a
	expect_error 1 "find of what is distrusted"
	for command in stats status; do
		sk $command --json
		expect_json '.lost == { "add_failed": 1, "add_limited": 0, "share_failed": 0, "share_limited": 0, "missed_shares": 0,
			"shares_distrusted": 0, "distrusted": 1, "untrusted": 8, "purged": 0 }' \
			"$command --json"
		sk $command
		[[ $out == *$'\nlost\n  1 adds refused, no room (add_failed)\n  1 looks that'* ]] ||
			wrong "$command: $out"
	done
	sk purge
	sk stats --json
	expect_json '[.lost.untrusted, .lost.purged, .purged_stale, .distrusts] == [0, 8, 8, 1]' \
		"after a purge"
	unload
}

# An object with BTF for its payload, of all that BTF can say.
btf_object()
{
	cat >"$tmp/t.bpf.c" <<-'END'
	#include "vmlinux.h"
	#include <bpf/bpf_helpers.h>
	#include <skbext/skbext.bpf.h>
	enum colour { RED, GREEN = 5, BLUE = -1 };
	typedef __u16 port;
	struct everything {
		__u64 big;
		__s32 minus;
		port to;
		unsigned char mac[6];
		char name[8];
		char raw[2];
		enum colour c;
		enum colour unnamed;
		unsigned int low : 3, high : 5;
		int sign : 4;
		_Bool yes;
		union { __u32 word; __u8 byte; };
		struct { __s8 x, y; } points[2];
		void *where;
	};
	SKBEXT_TYPE(everything, struct everything);
	SEC("tc") int t(struct __sk_buff *skb)
	{
		struct everything *e = skbext_add(skb, everything);
		return e ? 1 : 0;
	}
	char LICENSE[] SEC("license") = "GPL";
	END
	clang -g -O2 -target bpf -D__TARGET_ARCH_"$(arch_name)" -I "$root/include" \
		-I "$root/.output" -c "$tmp/t.bpf.c" -o "$tmp/t.o"
}

arch_name()
{
	case $(uname -m) in
	x86_64) echo x86 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# The same layout as struct everything, least significant byte first.
everything_hex()
{
	printf ffffffffffffffff		# big: more than JSON's integers hold
	printf feffffff			# minus
	printf 5000			# to
	printf 0102030405ff		# mac
	printf 6162630000000000		# name
	printf 0041			# raw: a byte behind the NUL, no string
	printf 0000			# (padding)
	printf 05000000			# c
	printf 07000000			# unnamed
	printf ad0f			# low 5, high 21, sign -1
	printf 01			# yes
	printf 00			# (padding)
	printf 2a000000			# word, byte
	printf ff0203fc			# points
	printf 00000000			# (padding)
	printf 001000008088ffff		# where
}

test_decode()
{
	if ! command -v clang >/dev/null || [ ! -e "$root/.output/vmlinux.h" ]; then
		skip="no clang or no vmlinux.h to compile an object with"
		return
	fi
	btf_object || { wrong "the object does not compile"; return; }
	load
	sk bind "$tmp/t.o" "$tmp/bound.o"
	expect_done bind
	[[ $out == *"bpftool prog loadall"*"$dir/"* ]] || wrong "bind: $out"
	sk add 0xffff888000001000 everything "$(everything_hex)"
	expect_done add
	sk find --json 0xffff888000001000 everything
	expect_done find
	expect_json '.value == {"big":"18446744073709551615","minus":-2,"to":80,
		"mac":[1,2,3,4,5,255],"name":"abc","raw":[0,65],"c":"GREEN","unnamed":7,
		"low":5,"high":21,"sign":-1,"yes":true,"word":42,"byte":42,
		"points":[{"x":-1,"y":2},{"x":3,"y":-4}],"where":"0xffff888000001000"}' value
	sk dump --json
	expect_json '.records[0].types.everything.value.name == "abc"' "dump decodes"
	sk dump
	[[ $out == *"struct everything"*".minus = "*-2* ]] || wrong "dump as text: $out"
	unload
}

test_doctor()
{
	sk doctor --json
	expect_done "doctor, nothing loaded"
	expect_json '.loaded == null and (.kernel | length) > 0' kernel
	expect_json '.environment | length >= 3 and all(.[]; .ok)' environment
	expect_json '.hooks | length > 5 and all(.[]; .offered or (.attaches | not))' hooks
	expect_json 'all(.hooks[]; .error != "Success")' "no hook that was not tried is a success"
	expect_json 'if .guarantee == "complete" then true else .why as $why | any(.hooks[];
		.error != null and (.name as $name | $why | contains($name))) end' \
		"the reason names a hook that fails"
	expect_json '(.guarantee == "complete") ==
		([.hooks[] | select(.mode != "tracepoint" and .offered) | .attaches] | all)' \
		"the guarantee follows from the hooks"
	expect_json 'if .guarantee == "complete" then true else
		all(.hooks[]; (.error == null) != (.offered and (.attaches | not))) end' "why not"
	sk doctor
	expect_done "doctor as text"
	[[ $out == *"would load   mode "* && $out == *"loaded       no"* ]] || wrong "text: $out"
	expect_nothing_left doctor
	load --type a:16
	sk doctor --json
	expect_json '.loaded | .healthy and (.hooks | length > 1 and all(.[]; .attached))' live
	sk status
	expect_done "what was loaded is untouched"
	unload
}

# The machine's own loopback of a namespace; nobody else's packets can be less than these.
send_in_namespace()	# COUNT
{
	# shellcheck disable=SC2016 # expanded in there
	unshare -n bash -c 'ip link set lo up && ping -c "$1" -i 0.002 -q 127.0.0.1' - "$1" \
		>/dev/null
}

measure()	# OPTIONS: while packets are sent; as sk() does
{
	local pid

	rm -f "$tmp/out" "$tmp/err"
	"$skbext_bin" doctor --bpffs "$dir" --measure 86400 "$@" \
		>"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	for _ in $(seq 600); do
		grep -q measuring "$tmp/err" && break
		sleep 0.1
	done
	send_in_namespace 200
	kill -INT $pid
	wait $pid
	status=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err") err_lines=$(wc -l <"$tmp/err")
	[[ $err_lines = 1 && $err == "skbext: measuring for 86400 s"* ]] || wrong "stderr: $err"
}

# Without the functions' addresses nothing would seem to be born.
test_measure_hidden()
{
	sed 's/^[0-9a-f]*/0000000000000000/' /proc/kallsyms >"$tmp/kallsyms"
	# shellcheck disable=SC2016 # expanded in there
	run unshare -m sh -c 'mount --bind "$1" /proc/kallsyms && shift && exec "$@"' - \
		"$tmp/kallsyms" "$skbext_bin" doctor --measure 1
	expect_error 1 "measure without addresses" kptr_restrict
	expect_nothing_left "measure without addresses"
}

# test_measure checks the numbers on known traffic.
expect_measured()	# WHAT
{
	expect 0 "$1"
	expect_json 'keys == ["births","births_in_sight","fentry_error","hooks","kernel","lost",
		"missed_births","missed_tags","mode","seconds","sets","tagged","tagged_gro"]' \
		"$1: keys"
	expect_json 'all(.hooks[]; keys ==
		["fired","kind","missed","name","released","stale_without"])' "$1: hooks"
	expect_json '(.hooks | map(.name) | index("kfree_skb") != null) and
		(.hooks | length) == (if .mode == "exact" then 7 else 5 end)' "$1: hooks"
	expect_json '(.sets | map(.set) | unique) == (["complete","tracepoints","without"] +
		if .mode == "exact" then ["pwru"] else [] end | sort)' "$1: sets"
	expect_json '(.fentry_error == null) == (.mode == "exact")' "$1: why"
	expect_json '.tagged >= 400 and .lost == 0' "$1: two packets for each echo"
	expect_json '.births >= 400' "$1: births"
	expect_json 'all(.hooks[]; .fired >= .released)' "$1: no more released than fired"
	expect_json '[.hooks[] | select(.name | test("kmem_cache_free|skb_release_head_state"))] |
		length == 1 and .[0].fired > 0' "$1: the hook that ends most"
	# shellcheck disable=SC2016 # variables of jq
	expect_json '. as $all | .sets | all(.[]; .tagged == $all.tagged and
		.stale + .left <= .tagged)' "$1: no more stale than tagged"
	# shellcheck disable=SC2016
	expect_json '(.sets[] | select(.set == "complete") | .stale) as $all |
		all(.sets[] | select(.set == "without"); .stale >= $all)' "$1: no hook harms"
}

test_measure()
{
	measure --json
	expect_measured measure
	expect_nothing_left measure
	measure
	expect 0 "measure as text"
	[[ $out == *"released by"*"kfree_skb and consume_skb"*"  without "*"left:"* ]] ||
		wrong "text: $out"
	[[ $out == *"fentry skb_release_head_state "* ||
	   $out == *"not available: kfree_skbmem"*"(fentry: "* ]] || wrong "fentry: $out"
	load --type a:16
	measure --json
	expect_measured "measure beside a loaded skbext"
	sk status --json
	expect_json 'all(.hooks[]; .attached)' "what was loaded is untouched"
	sk stats --json
	expect_json '[.adds, .live, .purged_stale] == [0, 0, 0]' "and its records"
	unload
}

test_help()
{
	run "$skbext_bin" help
	expect_done help
	for command in load unload status doctor stats dump add find del demo bind version; do
		run "$skbext_bin" help
		[[ $out == *"  $command "* ]] || wrong "help says nothing of $command"
		run "$skbext_bin" $command --help
		expect_done "$command --help"
		[[ $out == "usage: skbext $command "* ]] || wrong "$command --help: $out"
	done
	run "$skbext_bin" help load
	expect_done "help load"
	for option in type capacity payload refs mode require json bpffs; do
		[[ $out == *"--$option"* ]] || wrong "help load says nothing of --$option"
	done
	run "$skbext_bin" help nothing
	expect_error 2 "help of no command"
	run "$skbext_bin" --version
	expect_done --version
	[[ $out =~ ^skbext\ [0-9] ]] || wrong "version: $out"
	run "$skbext_bin" version --json
	expect_json '.version | length > 0' "version --json"
	run "$skbext_bin" --help
	expect_done --help
}

# The shell's own completions for a line: one word a line.
offered()	# LINE...
{
	bash -c 'source /dev/stdin; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skbext
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@" < <("$skbext_bin" help --format bash)
}

test_completion()
{
	out=$(offered skbext unl) err='' status=0
	[ "$out" = unload ] || wrong "skbext unl<TAB> offers: $out"
	out=$(offered skbext load --re)
	[ "$out" = $'--refs\n--require\n--replace' ] || wrong "skbext load --re<TAB> offers: $out"
	out=$(offered skbext dump --)
	[ "$out" = $'--type\n--filter\n--older\n--sort\n--top\n--fields\n--json\n--jsonl\n--bpffs\n--debug\n--help' ] || wrong "skbext dump --<TAB> offers: $out"
	# Each option that help knows is one that the command takes.
	for command in $(offered skbext ""); do
		for option in $(offered skbext "$command" --); do
			run "$skbext_bin" $command $option=x --help
			[[ $err != *"unknown option"* ]] || wrong "$command $option: $err"
		done
	done
	run "$skbext_bin" help --format nothing
	expect_error 2 "a format that there is not"
}

# Pages are made of the same tables, and a renderer takes them without a word.
test_man()
{
	local page
	command -v scdoc >/dev/null || { skip="no scdoc"; return; }
	for page in skbext.8 skbext.7; do
		run make -s ".output/man/$page"
		expect_done "make $page"
	done
	run grep -c 'capacity' .output/man/skbext.8
	[ "$out" -ge 1 ] || wrong "skbext.8 does not know --capacity"
}

test_full_disk()
{
	"$skbext_bin" help >/dev/full 2>"$tmp/err"
	status=$?
	out='' err=$(cat "$tmp/err") err_lines=$(wc -l <"$tmp/err")
	expect_error 1 "a result that cannot be written"
}

# ---- wrong usage

test_usage()
{
	local long=a1234567890123456789012345678901

	run "$skbext_bin"
	expect_error 2 "no command"
	run "$skbext_bin" nix
	expect_error 2 "unknown command" nix
	run "$skbext_bin" --nix
	expect_error 2 "option for a command" nix
	run "$skbext_bin" $'two\nlines'
	expect_error 2 "a command of two lines"
	while read -r line; do
		eval "sk $line"
		expect_error 2 "$line" --help
	done <<-END
	load --nix
	load -x
	load --json=1
	load more
	load --capacity
	load --capacity 0
	load --capacity -1
	load --capacity 10x
	load --capacity 0x10
	load --capacity ' 10'
	load --capacity ''
	load --capacity 4294967296
	load --capacity 99999999999999999999
	load --capacity 4000000
	load --payload 0
	load --payload 2041
	load --payload 8.5
	load --mode nix
	load --mode ''
	load --require nix
	load --mode tracepoint --require complete
	load --type
	load --type a
	load --type :8
	load --type a:
	load --type a:x
	load --type a:-8
	load --type a:0
	load --type a:8,
	load --type a:8,nix
	load --type a:8,keep-udp
	load --type a:8,max
	load --type a:8,max=
	load --type a:8,max=0
	load --type a:8,max=-1
	load --type a:8,max=1x
	load --type a:8,max=99999999999
	load --type 1a:8
	load --type a-b:8
	load --type a/b:8
	load --type $long:8
	load --type a:4294967296
	load --bpffs ''
	unload more
	status more
	status --watch 1
	doctor more
	doctor --measure
	doctor --measure 0
	doctor --measure -1
	doctor --measure x
	doctor --measure 1 more
	stats --watch 0
	stats --watch x
	stats more
	dump --type
	dump more
	purge more
	purge --watch 1
	add
	add 0xffff888000001000 a
	add nix a 00
	add 0x a 00
	add 0x0x1000 a 00
	add -- -1 a 00
	add 0x10000000000000000 a 00
	add 0xffff888000001000 a 0
	add 0xffff888000001000 a 0x00
	add 0xffff888000001000 a zz
	add 0xffff888000001000 a 00 more
	find 0xffff888000001000
	find nix a
	del
	del nix
	del 0xffff888000001000 a more
	bind
	bind a b c
	version more
	END
	expect_nothing_left "wrong usage"
}

# ---- what fails

# Nothing is loaded, or what is loaded stays as it is.
test_not_loaded()
{
	for line in status stats dump purge "add 0xffff888000001000 a 00" \
			"find 0xffff888000001000 a" "del 0xffff888000001000"; do
		sk $line
		expect_error 1 "$line, nothing loaded" load
		sk $line --json
		expect_error 1 "$line --json, nothing loaded"
	done
	for _ in 1 2; do
		sk unload
		expect_done "unload of nothing"
		[ "$out" = "nothing is loaded" ] || wrong "unload: $out"
	done
	sk unload --json
	expect_json '.removed == false' "unload --json"
}

test_not_root()
{
	local nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"

	run $nobody "$skbext_bin" load --bpffs "$dir" --type a:16
	expect_error 1 "load" root
	expect_nothing_left "load by nobody"
	run $nobody "$skbext_bin" doctor --bpffs "$dir"
	expect 1 doctor
	[ "$err_lines" = 1 ] || wrong "doctor: $err"
	[[ $out != *damaged* ]] || wrong "doctor by nobody: $out"
	run $nobody "$skbext_bin" doctor --measure 1 --bpffs "$dir"
	expect_error 1 "doctor --measure" root
	load --type a:16
	run $nobody "$skbext_bin" doctor --bpffs "$dir"
	expect 1 "doctor by nobody, loaded"
	[[ $out == *"loaded       unknown: "* ]] || wrong "doctor by nobody, loaded: $out"
	for line in load status stats dump purge unload "add 0xffff888000001000 a 00" \
			"find 0xffff888000001000 a" "del 0xffff888000001000"; do
		# shellcheck disable=SC2086 # words
		set -- $line
		run $nobody "$skbext_bin" "$1" --bpffs "$dir" "${@:2}"
		expect_error 1 "$line by nobody" "run as root"
	done
	sk status --json
	expect_json '.healthy' "nobody changed anything"
	unload
}

test_no_bpffs()
{
	run "$skbext_bin" load --bpffs "$tmp/nix"
	expect_error 1 "load where no bpffs is" bpffs
	[ ! -e "$tmp/nix" ] || wrong "it left $tmp/nix"
	mkdir "$tmp/other"
	run "$skbext_bin" load --bpffs "$tmp/other"
	expect_error 1 "load into a directory that is not a bpffs" bpffs
	[ -d "$tmp/other" ] || wrong "somebody's directory was removed"
	run "$skbext_bin" load --bpffs "$dir/deeper/than/that"
	expect_error 1 "load under a directory that is not there"
	expect_nothing_left "load where no bpffs is"
}

# Whatever the limit: it loads, or says which limit it is. Never half of it.
test_few_files()
{
	local n

	for n in 6 8 12 16 20 24 32 40 64 80; do
		run sh -c 'ulimit -n $1 && shift && exec "$@"' - $n \
			"$skbext_bin" load --bpffs "$dir" --type a:16
		[ "$status" = 0 ] && { unload; continue; }
		expect_error 1 "load with $n files" EMFILE "ulimit -n"
		expect_nothing_left "load with $n files"
	done
	[ "$status" = 0 ] && return
	run sh -c 'ulimit -n 200 && exec "$@"' - "$skbext_bin" load --bpffs "$dir" --type a:16
	expect 0 "load with 200 files"
	unload
}

# The library's and the verifier's words are for whoever asks for them.
test_debug()
{
	sk load --debug --type a:16
	expect 0 "load --debug"
	[[ $err == *"libbpf: "* ]] || wrong "load --debug: $err"
	unload
	load --type a:16
	[[ $err != *"libbpf: "* ]] || wrong "load: $err"
	unload
	# Those that have programs of their own beside it.
	run unshare --net "$skbext_bin" trace --debug --duration 1 --mode tracepoint
	[[ $err == *"libbpf: "*see_queue* ]] || wrong "trace --debug: $(head -n 3 "$tmp/err")"
	run "$skbext_bin" doctor --debug --measure 1
	[[ $err == *"libbpf: "*mark_net_dev_queue* ]] || wrong "doctor --debug: $(head -n 3 "$tmp/err")"
	run "$skbext_bin" demo --debug
	[[ $err == *"libbpf: "*demo_net_dev_queue* ]] || wrong "demo --debug: $(head -n 3 "$tmp/err")"
}

# btf_looks COMMAND...: how often libbpf looks for the kernel's BTF
btf_looks()
{
	unshare --net strace -f -qq -P /sys/kernel/btf/vmlinux -e trace=faccessat2 -o "$tmp/looks" "$@" \
		>/dev/null 2>&1
	grep -c faccessat2 "$tmp/looks"
}

# Why a program was not loaded, where libbpf says EIO or ESRCH of it: once all else has read the BTF.
test_btf_not_read()
{
	local command looks
	command -v strace >/dev/null || { skip="no strace"; return; }
	for command in "load --mode tracepoint --bpffs $dir" "trace --mode tracepoint --duration 1" \
			"doctor --measure 1" demo "bench --only store"; do
		case $command in
		bench*)	# too long to be run; it begins with a load
			looks=$(($(btf_looks "$skbext_bin" load --bpffs "$dir") + 1))
			"$skbext_bin" unload --bpffs "$dir" >/dev/null ;;
		*)
			# shellcheck disable=SC2086 # words
			looks=$(btf_looks "$skbext_bin" $command)
			[ "${command%% *}" != load ] || "$skbext_bin" unload --bpffs "$dir" >/dev/null ;;
		esac
		# shellcheck disable=SC2086
		run unshare --net strace -f -qq -P /sys/kernel/btf/vmlinux -o /dev/null -e trace=faccessat2 \
			-e "inject=faccessat2:error=ENOMEM:when=$looks+" "$skbext_bin" $command
		expect 1 "${command%% *} without BTF at the end"
		[ "$err_lines" = 1 ] && [[ $err == *"the kernel's BTF: "* ]] ||
			wrong "${command%% *}: $err"
		[ ! -e "$dir" ] || wrong "${command%% *}: it is loaded"
	done
}

test_no_btf()
{
	run unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' - \
		"$skbext_bin" load --bpffs "$dir"
	expect_error 1 "load without BTF" BTF
	expect_nothing_left "load without BTF"
	run unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' - \
		"$skbext_bin" doctor --bpffs "$dir" --json
	expect 1 "doctor without BTF"
	[ "$err_lines" = 1 ] || wrong "doctor without BTF: $err"
	expect_json '.guarantee == "none" and .mode == "none"' "doctor without BTF"
	expect_json 'any(.environment[]; .name == "btf" and (.ok | not))' "doctor without BTF"
}

test_table_full()
{
	local records=0 n

	load --capacity 8 --type a:4
	for n in $(seq 0 31); do
		sk add "$(address "$n")" a "$(printf %08x "$n")"
		[ "$status" = 0 ] || break
		records=$((records + 1))
	done
	expect_error 1 "add to a full table" room
	[ $records -ge 8 ] || wrong "only $records of 8 records had room"
	for n in $(seq 0 $((records - 1))); do
		sk find --json "$(address "$n")" a
		expect_json ".hex == \"$(printf %08x "$n")\"" "record $n"
	done
	sk find "$(address "$records")" a
	expect_error 1 "the one that was refused"
	sk stats --json
	expect_json "[.add_failed, .live, .adds] == [1, $records, $records]" "stats of a full table"
	sk status --json
	expect_unhealthy "a full table" "the table is full" --capacity
	expect_json '.healthy == false and (.problems | length == 2)' "health of a full table"
	sk status
	expect_unhealthy "a full table" "the table is full" --capacity
	[[ $out == "healthy    no"$'\n'"  the table is full"*"no room for 1 adds"*mode* ]] || wrong "status: $out"
	for n in $(seq 0 $((records - 1))); do
		sk del "$(address "$n")"
	done
	sk status
	expect_unhealthy "an add that found no room" "no room for 1 adds"
	sk status --max-lost 1
	expect_done "one lost is permitted"
	sk status --max-lost 0
	expect_unhealthy "none is permitted" "1 records were lost, more than 0"
	sk status --max-missed 18446744073709551615 --max-lost 1
	expect_done "what may be missed"
	sk status --max-lost x
	expect 2 "a limit that is not a number"
	unload
}

test_type_max()
{
	local n

	load --capacity 100 --type a:4,max=3 --type b:4
	[[ $out == *"types a:4,max=3 b:4"* ]] || wrong "load: $out"
	for n in 1 2 3; do
		sk add "$(address $n)" a 01
		expect_done "record $n of 3"
	done
	sk add "$(address 4)" a 01
	expect_error 1 "one beyond the max" "type a" max
	sk add "$(address 4)" b 01
	expect_done "another type"
	sk status --json
	expect_json '.types[0] | .max == 3 and .records == 3 and .add_limited == 1 and
		.add_failed == 0 and .share > 2 and .share < 3.1' "status of the type"
	expect_json '.types[1] | .max == null and .records == 1 and .add_limited == 0' \
		"status of another"
	expect_json '.healthy and .lost.add_limited == 1 and .lost.add_failed == 0' "whose add failed"
	sk status
	[[ $out == *"a: 4 bytes at 0,max=3"*"3 records, 2."*" % of the capacity; 1 adds failed, it had its max"* ]] ||
		wrong "status: $out"
	sk stats --json
	expect_json '.add_limited == 1 and .add_failed == 0' "stats"
	sk type list --json
	expect_json '.types[0].max == 3 and .types[0].records == 3' "type list"
	sk load --replace
	expect 0 "another version takes over"
	sk add "$(address 4)" a 01
	expect_error 1 "one beyond the max, after that" "type a" max
	sk del "$(address 2)" a
	expect_done del
	sk add "$(address 4)" a 01
	expect_done "in the place of what was deleted"
	sk add "$(address 5)" a 01
	expect_error 1 "one beyond the max again" "type a" max
	unload

	load --type b:4
	sk load --replace --type a:4,max=3
	expect_error 1 "a max, where none was when it was loaded" "type a" "unload, and load"
	unload

	sk load --capacity 100 --type a:4,max=100000
	expect_error 1 "a max beyond the capacity" "type a" capacity
	expect_nothing_left "a max beyond the capacity"
	sk load --type a:4,max=3 --type a:4,max=4
	expect_error 1 "two of them" "max=3"
	expect_nothing_left "two of them"
}

test_bad_types()
{
	sk load --type big:2041
	expect_error 1 "a type too large" big
	expect_nothing_left "a type too large"
	sk load --type a:100 --type b:100
	expect_error 1 "no room for a type" b --payload
	expect_nothing_left "no room for a type"
	sk load --payload 8 --type a:9
	expect_error 1 "no room for the first type" a
	expect_nothing_left "no room for the first type"
	sk load --type t{1,2,3,4,5,6,7,8}:4
	expect_error 2 "types without their option"
	sk load --type=t{1,2,3,4,5,6,7,8,9}:4
	expect_error 1 "a ninth type" t9
	expect_nothing_left "a ninth type"
	sk load --type a:16 --type a:8
	expect_error 1 "the same type with another size" a
	expect_nothing_left "the same type with another size"
	sk load --type a:16 --type a:16,noclone
	expect_error 1 "the same type with another policy" a
	load --type=t{1,2,3,4,5,6,7,8}:16 --type t1:16
	sk status --json
	expect_json '.types | length == 8' "eight types, one of them named twice"
	unload
	load --payload 2040 --type all:2040
	sk add 0xffff888000001000 all "$(printf '%04080d' 0)"
	expect_done "the largest payload"
	unload
}

test_bad_pointers()
{
	load --type a:16
	for skb in 0 0x0 0x1000 0x00007fffffffe000 0xffff888000001001 0xffff888000001004; do
		for line in "add $skb a 00" "find $skb a" "del $skb a"; do
			sk $line
			expect_error 1 "$line"
		done
	done
	sk stats --json
	expect_json '.adds == 0 and .add_failed == 0' "nothing was added"
	unload
}

test_bad_payloads()
{
	local skb=0xffff888000001000

	load --type a:2
	sk add $skb nix 00
	expect_error 1 "add of an unknown type" nix
	sk find $skb nix
	expect_error 1 "find of an unknown type" nix
	sk del $skb nix
	expect_error 1 "del of an unknown type" nix
	sk add $skb a 000000
	expect_error 1 "more than the type has" a
	sk add $skb a "$(printf '%05000d' 0)"
	expect_error 1 "more than any type has"
	sk dump --json
	expect_json '.records == []' "nothing was added"
	sk bind "$tmp/nix.o"
	expect_error 1 "bind of a file that is not there" nix.o
	echo nix >"$tmp/nix.o"
	sk bind "$tmp/nix.o"
	expect_error 1 "bind of a file that is not an object" nix.o
	[ "$(cat "$tmp/nix.o")" = nix ] || wrong "the file was changed"
	unload
}

test_second_load()
{
	load --type a:16
	sk load --type b:16
	expect_error 1 "second load" loaded unload
	sk status --json
	expect_json '.types | map(.name) == ["a"]' "the first is as it was"
	unload
	sk unload
	expect_done "second unload"
	[ "$out" = "nothing is loaded" ] || wrong "second unload: $out"
}

# Without the slots nobody can stop the bound programs.
cannot_stop()	# WHAT
{
	[[ $1 == "slots "* ]]
}

# Unload cleans up, or it removes nothing and names --force, which does.
unload_damaged()	# WHAT
{
	local before

	if cannot_stop "$1"; then
		before=$(find "$dir")
		sk unload
		expect_error 1 "$1, unload" "cannot stop" "unload --force"
		[ "$(find "$dir")" = "$before" ] || wrong "$1: a refused unload removed something"
		sk unload --force
		expect_done "$1, unload --force"
		expect_nothing_left "$1, unload --force"
	else
		unload
	fi
}

# Pins are damaged: every command says so, unload cleans up and a new load works.
expect_damaged()	# WHAT WORD
{
	local line

	for line in status stats dump purge "add 0xffff888000001000 a 00" \
			"find 0xffff888000001000 a" "del 0xffff888000001000" "load"; do
		sk $line
		expect_error 1 "$1, $line" unload "$2"
	done
	run "$skbext_bin" doctor --bpffs "$dir"
	expect 1 "$1, doctor"
	[ "$err_lines" = 1 ] || wrong "$1, doctor: $err"
	unload_damaged "$1"
	load --type a:16
	unload
}

test_damaged_pins()
{
	local pin force

	for pin in ctl slots stats request op; do
		force=
		[ $pin != slots ] || force=" --force"
		load --type a:16
		rm "$dir/$pin"
		expect_damaged "$pin removed" "\`skbext unload$force\` and load again"
		load --type a:16
		rm "$dir/$pin"
		bpftool map create "$dir/$pin" type array key 4 value 8 entries 1 name other
		expect_damaged "$pin replaced" "\`skbext unload$force\` and load again"
	done
}

# Change one byte of the value of a pinned map: bpftool wants all of it.
patch()	# PIN OFFSET VALUE
{
	local value

	value=$(bpftool -j map lookup pinned "$dir/$1" key 0 0 0 0 |
		jq -r ".value[$2] = \"$3\" | .value[]")
	bpftool map update pinned "$dir/$1" key 0 0 0 0 value $value
}

test_other_version()
{
	load --type a:16
	patch ctl 8 0x63
	bpftool map pin pinned "$dir/slots" "$dir/objects"	# as layout 10 had it
	expect_damaged "layout of another version" "layout 99"
	load --type a:16
	patch ctl 0 0x00
	expect_damaged "no magic" ''
	# Numbers by which nothing may be read: buckets + 2^29, a payload of 2 GiB.
	load --type a:16
	patch ctl 15 0x20
	expect_damaged "too many buckets" "not what skbext made"
	load --type a:16
	patch ctl 19 0x80
	expect_damaged "too large a payload" "not what skbext made"
}

# One hook less: it still works, and does not claim to be well.
test_lost_hook()
{
	local link

	load --type a:16
	sk status --json
	link=$(jq -r '[.hooks[] | select(.role == "release")][0].name' <<<"$out")
	rm "$dir/links/$link" || wrong "no link of $link is pinned"
	sk status --json
	expect_unhealthy "status without a hook" "hook $link is not attached" "unload and load again"
	expect_json '.healthy == false and .guarantee == "none"' "status without a hook"
	expect_json ".reason | contains(\"$link\")" "the reason names the hook"
	expect_json ".hooks | map(select(.attached | not).name) == [\"$link\"]" "the lost one"
	sk status
	[[ $out == "healthy    no"*"unload and load again"*"NOT ATTACHED"* ]] || wrong "status: $out"
	# Beside one that guards nothing, and comes first.
	rm "$dir/links/kfree_skb"
	sk status --json
	expect_json ".guarantee == \"none\" and (.reason | contains(\"$link\"))" "both lost"
	unload
}

# Loads at once: one wins, the others leave nothing. Then adds at once, and unloads.
test_at_once()
{
	local pids=() won=0

	for _ in 1 2 3 4; do
		"$skbext_bin" load --bpffs "$dir" --type a:4 >/dev/null 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" && won=$((won + 1))
	done
	[ $won = 1 ] || wrong "$won of 4 loads succeeded"
	[ -z "$(compgen -G "$dir-*")" ] || wrong "left: $(compgen -G "$dir-*")"
	pids=()
	for n in $(seq 20); do
		"$skbext_bin" add --bpffs "$dir" "$(address "$n")" a "$(printf %08x "$n")" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || wrong "an add failed"
	done
	sk dump --json
	expect_json '[.records[] | .types.a.hex] | unique | length == 20' "20 adds"
	sk stats --json
	expect_json '.adds == 20 and .live == 20' "20 adds"
	pids=()
	for _ in 1 2 3; do
		"$skbext_bin" unload --bpffs "$dir" >/dev/null 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || wrong "an unload failed"
	done
	expect_nothing_left "3 unloads"
}

# Where fentry is refused, complete and exact must fail; where it works, they must not.
test_guarantee_wanted()
{
	local guarantee

	guarantee=$("$skbext_bin" doctor --json | jq -r .guarantee)
	for wish in "--require complete" "--mode exact"; do
		sk load $wish --type a:16
		if [ "$guarantee" = complete ]; then
			expect_done "load $wish"
			unload
		else
			expect_error 1 "load $wish" ''
			expect_nothing_left "load $wish"
		fi
	done
	load --mode tracepoint
	[[ $out == *"mode tracepoint, guarantee partial"* ]] || wrong "mode tracepoint: $out"
	unload
}

# Others who list what the kernel has see whose these are.
test_names()
{
	local pin nameless

	load --type a:16
	for pin in "$dir"/links/*; do
		bpftool -j link show pinned "$pin" | jq .prog_id
	done >"$tmp/ids"
	bpftool -j prog show pinned "$dir/op" | jq .id >>"$tmp/ids"
	[ "$(wc -l <"$tmp/ids")" -gt 10 ] || wrong "only $(wc -l <"$tmp/ids") programs"
	nameless=$(bpftool -j prog show | jq -r --slurpfile ids "$tmp/ids" '.[] |
		select([.id] | inside($ids)) | .name | select(startswith("skbext") | not)')
	[ -z "$nameless" ] || wrong "programs: $nameless"
	for pin in ctl slots stats watches refs request; do
		bpftool -j map show pinned "$dir/$pin" | jq -r .name
	done >"$tmp/maps"
	grep -v '^skbext' "$tmp/maps" && wrong "maps: $(cat "$tmp/maps")"
	unload
}

# The kernel kills who asks for more than a cgroup's limit.
test_memory_limit()
{
	local cgroup=/sys/fs/cgroup/memory limit=memory.limit_in_bytes
	if [ ! -e $cgroup/$limit ] && ! grep -qw memory /sys/fs/cgroup/cgroup.subtree_control; then
		skip="no cgroup here can have a limit"
		return
	fi
	[ -e $cgroup/$limit ] || { cgroup=/sys/fs/cgroup; limit=memory.max; }
	cgroup=$cgroup/skbext-cli-$$
	mkdir "$cgroup" || { wrong "mkdir $cgroup"; return; }
	echo 40M >"$cgroup/$limit"
	run bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroup" \
		"$skbext_bin" load --bpffs "$dir" --capacity 400000
	expect_error 1 "load beyond a cgroup's limit" "skbext-cli-$$" $limit capacity
	expect_nothing_left "load beyond a cgroup's limit"
	rmdir "$cgroup" || wrong "rmdir $cgroup"
}

# A demo that is killed leaves its cgroup, which nobody else can use; the next one takes it away.
test_demo_killed()
{
	local cgroups pid _

	cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	if [ -z "$cgroups" ]; then
		mkdir "$tmp/cgroups"
		mount -t cgroup2 none "$tmp/cgroups" || { skip="no cgroup v2"; return; }
		cgroups=$tmp/cgroups
	fi
	"$skbext_bin" demo >/dev/null 2>&1 &
	pid=$!
	for _ in {1..300}; do
		[ ! -d "$cgroups/skbext-demo-$pid" ] || break
		sleep 0.1
	done
	kill -KILL $pid
	wait $pid 2>/dev/null
	[ -d "$cgroups/skbext-demo-$pid" ] || wrong "nothing was left to clean"
	run "$skbext_bin" demo
	expect 0 "demo after one that was killed"
	[ ! -d "$cgroups/skbext-demo-$pid" ] || wrong "its cgroup is still there"
	rmdir "$cgroups/skbext-demo-$pid" 2>/dev/null
	[ "$cgroups" != "$tmp/cgroups" ] || umount "$cgroups"
}

# ----

run_case()
{
	local name=$1

	[ -z "$only" ] || [ "$only" = "$name" ] || return
	failures=0
	skip=
	our_programs >"$tmp/programs"
	"test_$name"
	"$skbext_bin" unload --force --bpffs "$dir" >/dev/null 2>&1
	if [ $failures -gt 0 ]; then
		echo "FAIL $name: $failures assertions"
		cases_failed=$((cases_failed + 1))
	elif [ -n "$skip" ]; then
		echo "SKIP $name: $skip"
	else
		echo "PASS $name"
	fi
}

for tool in jq bpftool setpriv unshare; do
	if ! command -v $tool >/dev/null; then
		echo "SKIP cli: no $tool"
		exit 0
	fi
done
if [ "$(id -u)" != 0 ]; then
	echo "SKIP cli: not root"
	exit 0
fi
if ! cp "$built" "$skbext_bin"; then
	echo "FAIL cli: $built is not built"
	exit 1
fi

{
	"$skbext_bin" doctor --json | jq '.hooks[].name | "skbext_" + . | ., .[:15]'
	echo '"skbext_op" "skbext_init" "skbext_learn" "mark_net_dev_qu"'
} >"$tmp/names"

for name in $(declare -F | sed -n 's/^declare -f test_//p'); do
	run_case "$name"
done
[ $cases_failed = 0 ]
