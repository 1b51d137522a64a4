#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Lists as people and programs read them: dump's choice, order and columns; one object a line; every
# JSON output as its schema says; rates on a terminal and in a pipe. In namespaces of its own.
#
#	tests/cli/test_lists.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"

for tool in jq tc script bpftool; do
	command -v $tool >/dev/null || { echo "FAIL lists: no $tool; scripts/setup test brings it"; exit 1; }
done
python3 -c 'import jsonschema' || { echo "FAIL lists: no python3-jsonschema; scripts/setup test brings it"; exit 1; }
mount --make-rprivate /
mount -t bpf -o mode=0700 bpf /sys/fs/bpf || { echo "FAIL lists: no bpffs of its own"; exit 1; }
ip link set lo up
trap 'exec 3>&-; "$skbext" unload --force >/dev/null 2>&1; rm -rf "$tmp"' EXIT

after_case()
{
	exec 3>&-
	tc qdisc del dev lo clsact 2>/dev/null
	rm -rf /sys/fs/bpf/own
	"$skbext" unload --force >/dev/null 2>&1
}

# prints WHAT WANTED: what was run printed this, and it went well
prints()
{
	[ "$status" = 0 ] || wrong "$1: status $status: $err"
	[ "$out" = "$2" ] || wrong "$1: $out"
}

# usage WHAT [WORD]...: what was run is wrong usage, in one line with these words
usage()
{
	local what=$1 word
	shift
	[ "$status" = 2 ] && [ -z "$out" ] && [ "$(wc -l <"$tmp/err")" = 1 ] ||
		wrong "$what: status $status: $out $err"
	for word; do
		[[ $err == *"$word"* ]] || wrong "$what: no '$word' in: $err"
	done
}

# Datagrams that carry a note wait in a socket that is connected to itself.
packets_that_wait()	# LENGTH...
{
	local length
	must "$skbext" load && must "$skbext" bind "$objs/api_held.bpf.o" "$tmp/held.o" || return
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | /sys/fs/bpf/own |" >"$tmp/command"
	must mkdir -p /sys/fs/bpf/own && must bash -e "$tmp/command" &&
	must tc qdisc add dev lo clsact &&
	must tc filter add dev lo egress bpf direct-action object-pinned /sys/fs/bpf/own/api_hold &&
	echo 9999 9999 >/proc/sys/net/ipv4/ip_local_port_range &&
	exec 3<>/dev/udp/127.0.0.1/9999 || return
	for length; do
		printf "%${length}s" '' >&3
	done
}

# 42 bytes of headers are counted too.
dump_filters()
{
	packets_that_wait 4 5 6 7 || return
	run "$skbext" dump --jsonl --filter 'api_held.bytes >= 48 && api_held.color == 4711'
	[ "$(jq -s '[.[].types.api_held.value.bytes] | sort == [48, 49]' "$tmp/out")" = true ] ||
		wrong "two of four: $out $err"
	run "$skbext" dump --jsonl --filter '!(api_held.bytes - 42 > 4 || api_held.deep.2 != 9)'
	[ "$(jq .types.api_held.value.bytes <<<"$out")" = 46 ] || wrong "the first: $out $err"
	run "$skbext" dump --jsonl --filter 'api_held.color & 0x1 && skb > 0xffff000000000000'
	[ "$(wc -l <"$tmp/out")" = 4 ] || wrong "all: $out $err"
	run "$skbext" dump --filter 'now - api_held.bytes < 1ns'
	prints "none" ''
	run "$skbext" dump --filter api_held.bytes==46
	[[ $status = 0 && $out == 0x*api_held*bytes*46* ]] || wrong "as text: $out"
}

dump_says_what_is_wrong_with_a_filter()
{
	local deep
	must "$skbext" load --type a:8 || return
	printf -v deep '%0200d' 0
	for expr in '' 'a ==' '(a' 'a)' 'a b' '5q' 'a == "x' '&& a' '1 +' "${deep//0/(}1"; do
		run "$skbext" dump --filter "$expr"
		usage "filter '$expr'" --filter expected
	done
	run "$skbext" dump --filter 'b.x == 1'
	refused "no such type" "'b.x'" refs object ' a'
	run "$skbext" dump --filter 'a.x == 1'
	refused "no such member" "'a.x'"
	for option in "--sort b" "--fields skb,b"; do
		run "$skbext" dump $option
		refused "$option" "'b'"
	done
	for option in "--top 0" "--fields skb,,a" "--sort -" "--older 0" "--older 5x" "--older s"; do
		run "$skbext" dump $option
		usage "$option" "${option%% *}"
	done
}

dump_sorts_and_cuts()
{
	packets_that_wait 6 4 7 5 || return
	run "$skbext" dump --sort api_held.bytes --fields api_held.bytes,shared --top 2
	prints "largest" $'api_held.bytes  shared\n49              false\n48              false'
	run "$skbext" dump --sort -api_held.bytes --fields api_held.bytes --jsonl --top 2
	prints "smallest" $'{"api_held.bytes":46}\n{"api_held.bytes":47}'
	run "$skbext" dump --top 3
	[ "$(grep -c ^0x "$tmp/out")" = 3 ] || wrong "top alone: $out"
}

# A field that a record lacks is null, and comes last.
dump_shows_what_is_missing()
{
	must "$skbext" load --type a:1 --type b:1 && must "$skbext" add 0xffff888000001000 a 01 &&
		must "$skbext" add 0xffff888000001100 b 02 || return
	run "$skbext" dump --fields a,b --sort a
	prints "text" $'a   b\n01  -\n-   02'
	run "$skbext" dump --fields a,b --sort b --jsonl
	prints "lines" $'{"a":null,"b":"02"}\n{"a":"01","b":null}'
	run "$skbext" dump --filter 'a != "01"' --fields b
	prints "no comparison with what is missing" b
}

# Packets come and go at the same addresses meanwhile; the three stay.
dump_tells_what_stays()
{
	local pid
	packets_that_wait 4 5 6 || return
	while :; do
		printf more >/dev/udp/127.0.0.1/1
	done 2>/dev/null &
	pid=$!
	run "$skbext" dump --older 700ms --fields api_held.bytes --sort -api_held.bytes
	kill $pid
	wait $pid 2>/dev/null
	prints older $'api_held.bytes\n46\n47\n48'
	printf more >&3
	run "$skbext" dump --older 100ms --fields api_held.bytes
	[ "$(wc -l <"$tmp/out")" = 5 ] || wrong "all four: $out"
}

# ---- JSON

# follows SCHEMA[#PART]: each JSON value in $tmp/out is as the schema says and has nothing that it
# does not name, though others may: what is added later breaks no reader
follows()
{
	[ "$status" = 0 ] || wrong "$1: status $status: $err"
	python3 -W ignore - "$root/user/schema" "$1" "$tmp/out" >"$tmp/said" 2>&1 <<-'PYTHON' ||
		import json, jsonschema, sys

		def strict(node):
		    if isinstance(node, dict):
		        if "properties" in node and isinstance(node["properties"], dict):
		            node.setdefault("additionalProperties", False)
		        for child in list(node.values()):
		            strict(child)
		    elif isinstance(node, list):
		        for child in node:
		            strict(child)
		    return node

		def load(uri):
		    return strict(json.load(open(uri.split("://")[-1])))

		def values(text):
		    decoder, text = json.JSONDecoder(), text.strip()
		    while text:
		        value, end = decoder.raw_decode(text)
		        yield value
		        text = text[end:].lstrip()

		where, _, part = sys.argv[2].partition("#")
		uri = "file://%s/%s.schema.json" % (sys.argv[1], where)
		schema = load(uri)
		jsonschema.Draft202012Validator.check_schema(schema)
		resolver = jsonschema.RefResolver(uri, schema, handlers={"file": load})
		for name in part.split("/")[1:]:
		    schema = schema[name]
		found = list(values(open(sys.argv[3]).read()))
		if not found:
		    sys.exit("nothing was printed")
		for value in found:
		    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)
	PYTHON
		wrong "$1: $(grep -v '^ *$' "$tmp/said" | tail -n 5)"
}

# Each command that shows a list, with something in it, and with nothing.
outputs_follow_their_schemas()
{
	local command
	run "$skbext" version --json
	follows version
	run "$skbext" doctor --json
	follows doctor
	packets_that_wait 4 5 || return
	for command in status stats doctor dump "type list" purge; do
		run "$skbext" $command --json
		follows "${command// /-}"
	done
	run "$skbext" find "$("$skbext" dump --fields skb | tail -n 1)" api_held --json
	follows find
	run "$skbext" doctor --measure 1 --json
	follows doctor-measure
	run timeout --preserve-status -s INT 3 "$skbext" stats --watch --json
	follows stats-watch
	run "$skbext" top --json --reports 2 --interval 100ms
	follows top
	after_case
	run "$skbext" load --json --type a:4,noclone,keep-scrub,drop-udp
	follows load
	must "$skbext" add 0xffff888000001000 a 01
	for command in status stats doctor dump "type list"; do
		run "$skbext" $command --json
		follows "${command// /-}"
	done
	run "$skbext" attach "$objs/attach_read.bpf.o" --dev lo --tracing --json
	follows attach
	run "$skbext" status --json
	follows status
	run "$skbext" detach --all --json
	follows detach
	what_is_kept_follows
	run setpriv --bounding-set=-sys_admin "$skbext" status --json
	follows status
	run setpriv --bounding-set=-sys_admin "$skbext" type list --json
	follows type-list
}

what_is_kept_follows()
{
	cp "$objs/attach_read.bpf.o" "$tmp/kept.o"
	mount -t tmpfs -o mode=0755 tmpfs /var/lib || wrong "no /var/lib of its own"
	run "$skbext" attach --keep "$tmp/kept.o" --dev lo --json
	follows attach
	must "$skbext" unload --force
	run "$skbext" load --json
	follows load
	must "$skbext" unload --force && rm "$tmp/kept.o" && run "$skbext" load --json
	follows load
	run "$skbext" attach --again --json
	[ "$status" = 1 ] && status=0
	follows attach
	run "$skbext" status --json
	[ "$status" = 1 ] && status=0
	follows status
	run "$skbext" detach --all --json
	follows detach
	umount /var/lib
}

lines_are_objects()
{
	packets_that_wait 4 5 || return
	run "$skbext" dump --jsonl
	[ "$(wc -l <"$tmp/out")" = 2 ] || wrong "two records: $out"
	follows 'dump#/$defs/record'
	run "$skbext" type list --jsonl
	[ "$(wc -l <"$tmp/out")" = 1 ] || wrong "one type: $out"
	follows 'type-list#/$defs/type'
	for command in status stats doctor; do
		run "$skbext" $command --jsonl
		[ "$(wc -l <"$tmp/out")" = 1 ] || wrong "$command: $out"
		follows "$command"
	done
}

# Each schema is of a command that there is, and is installed.
schemas_are_installed()
{
	local file
	must make -C "$root" install PREFIX="$tmp/prefix" || return
	for file in "$root"/user/schema/*.json; do
		cmp "$file" "$tmp/prefix/share/skbext/schema/${file##*/}" || wrong "${file##*/}"
	done
	must make -C "$root" uninstall PREFIX="$tmp/prefix"
	[ -z "$(find "$tmp/prefix" -name '*.json')" ] || wrong "uninstall left schemas"
}

# ---- as time goes

# on_terminal SECONDS COMMAND...: what it wrote there, into $tmp/out, until it was interrupted
on_terminal()
{
	local seconds=$1
	shift
	run timeout -k 20 60 script -qec "timeout --preserve-status --foreground -s INT $seconds $*" /dev/null
}

watch_redraws_on_a_terminal()
{
	must "$skbext" load --type a:4 && must "$skbext" add 0xffff888000001000 a 01 || return
	on_terminal 3 "$skbext" stats --watch --bpffs /sys/fs/bpf/skbext
	[ "$(grep -c $'\033\[H' "$tmp/out")" -ge 1 ] || wrong "not redrawn: $out"
	grep -q '^adds  *1  *0.0  records made' "$tmp/out" || wrong "no adds: $out"
	run timeout --preserve-status -s INT 3 "$skbext" stats --watch
	! grep -q $'\033' "$tmp/out" || wrong "redrawn in a pipe"
	grep -q '^live 1  capacity' "$tmp/out" || wrong "no line: $out $err"
}

watch_ends_well()
{
	local pid
	must "$skbext" load || return
	: >"$tmp/out"
	"$skbext" stats --watch 3600 >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	# From its first line on it waits for an interrupt.
	for _ in {1..300}; do
		[ ! -s "$tmp/out" ] || break
		sleep 0.1
	done
	kill -INT $pid
	wait $pid
	status=$?
	[ "$status" = 0 ] && [ ! -s "$tmp/err" ] || wrong "status $status: $(cat "$tmp/err")"
	run "$skbext" stats --watch=0
	usage "watch each 0 seconds" --watch
}

progress_is_for_terminals()
{
	on_terminal 60 "$skbext" doctor --measure 3 ">/dev/null"
	grep -q 'skbext: measuring, 1 s' "$tmp/out" || wrong "none on a terminal: $out"
	run "$skbext" doctor --measure 2
	! grep -q 'measuring, ' "$tmp/err" || wrong "in a pipe: $err"
}

run_case dump_filters
run_case dump_says_what_is_wrong_with_a_filter
run_case dump_sorts_and_cuts
run_case dump_shows_what_is_missing
run_case dump_tells_what_stays
run_case outputs_follow_their_schemas
run_case lines_are_objects
run_case schemas_are_installed
run_case watch_redraws_on_a_terminal
run_case watch_ends_well
run_case progress_is_for_terminals
exit $failed
