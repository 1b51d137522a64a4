#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `skbext metrics`: what it prints is well formed, for promtool too where that is installed; its values
# are those of stats, status and type list; what it writes to a file is there whole or not at all; HTTP
# gets the same.

. "$(dirname "$0")/../lib/cases.sh"
dir=/sys/fs/bpf/skbext-metrics-$$
server=''

cleanup()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
	umount "$tmp/small" 2>/dev/null
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

sk()	# COMMAND [ARG]...
{
	run "$skbext" "$1" --bpffs "$dir" "${@:2}"
}

load()
{
	must "$skbext" load --bpffs "$dir" --type a:16 --type b:8,counted --capacity 64 "$@"
}

after_case()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
}

# value SERIES: as it is printed
value()
{
	awk -v series="$1" '$1 == series { print $2 }' <<<"$out"
}

# is SERIES VALUE
is()
{
	[ "$(value "$1")" = "$2" ] || wrong "$1 is '$(value "$1")', not $2"
}

# Two records, one of them with two types; an add that finds no room.
some_records()
{
	local n
	must "$skbext" add --bpffs "$dir" 0xffff888000001000 a 01
	for n in $(seq 200); do
		"$skbext" add --bpffs "$dir" "$(printf '0xffff888000%06x' $((0x2000 + n * 256)))" a 01 ||
			break
	done >/dev/null 2>&1
	must "$skbext" del --bpffs "$dir" 0xffff888000001000
}

# well_formed [openmetrics]: $out, by the grammar of the text
well_formed()
{
	awk -v om="$1" '
		function bad(what) { print what ": " $0; exit }
		ended { bad("behind the end") }
		$0 == "# EOF" { ended = 1; next }
		/^# HELP skbext_[a-z_]+ [^ ].*[^.]$/ {
			if (seen[$3]++) bad("a second time")
			name = $3; typed = 0
			next
		}
		/^# TYPE skbext_[a-z_]+ (counter|gauge)$/ {
			if ($3 != name || typed) bad("TYPE without HELP")
			typed = 1; kind = $4
			total = name ~ /_total$/
			if (total != (kind == "counter" && !om)) bad("name and type")
			next
		}
		/^skbext_[a-z_]+({[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*})? [0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/ {
			sample = $1; sub(/{.*/, "", sample)
			if (!typed || sample != name (om && kind == "counter" ? "_total" : ""))
				bad("not of the family before it")
			if (there[$1]++) bad("a series twice")
			n++
			next
		}
		{ bad("no such line") }
		END { if (!ended) print "no # EOF"; if (n < 1) print "no value" }' <<<"$out" >"$tmp/bad"
	[ ! -s "$tmp/bad" ] || wrong "$(cat "$tmp/bad")"
}

text_is_well_formed()
{
	load || return
	sk metrics
	[ "$status$err" = 0 ] || wrong "status $status: $err"
	well_formed
	sk metrics --openmetrics
	[ "$status$err" = 0 ] || wrong "--openmetrics: status $status: $err"
	well_formed openmetrics
}

# between SERIES BEFORE AFTER: packets of others go on, so that what they miss is counted meanwhile
between()
{
	local now
	now=$(value "$1")
	[ -n "$now" ] && [ "$now" -ge "$2" ] && [ "$now" -le "$3" ] || wrong "$1 is '$now', not $2 to $3"
}

values_are_those_of_stats()
{
	local key before after
	load || return
	some_records
	must "$skbext" stats --bpffs "$dir" --json
	cp "$tmp/out" "$tmp/before"
	sk metrics
	"$skbext" stats --bpffs "$dir" --json >"$tmp/after"
	[ "$(jq .add_failed "$tmp/before")" -gt 0 ] && [ "$(jq .dels "$tmp/before")" = 1 ] ||
		wrong "nothing to see: $(cat "$tmp/before")"
	while read -r key before after; do
		case $key in
		live | capacity | untrusted) between "skbext_${key}_records" "$before" "$after" ;;
		orphans | refs) between "skbext_$key" "$before" "$after" ;;
		*) between "skbext_${key}_total" "$before" "$after" ;;
		esac
	done < <(jq -rs '.[0] as $b | .[1] as $a | $b | del(.lost) | keys[] | "\(.) \($b[.]) \($a[.])"' \
		"$tmp/before" "$tmp/after")
	while read -r key before after; do
		case $key in
		untrusted | distrusted) [ -z "$(value "skbext_lost_total{cause=\"$key\"}")" ] ||
			wrong "$key is added to records" ;;
		*) between "skbext_lost_total{cause=\"$key\"}" "$before" "$after" ;;
		esac
	done < <(jq -rs '.[0].lost as $b | .[1].lost as $a | $b | keys[] | "\(.) \($b[.]) \($a[.])"' \
		"$tmp/before" "$tmp/after")
}

values_are_those_of_status()
{
	local hook role type size bytes
	load || return
	must "$skbext" status --bpffs "$dir" --json
	cp "$tmp/out" "$tmp/status"
	sk metrics
	is skbext_up 1
	is "skbext_info{$(jq -r --argjson v "$("$skbext" version --json)" \
		'"version=\"\($v.version)\",layout=\"\($v.layout)\",mode=\"\(.mode)\""' "$tmp/status")}" 1
	is "skbext_guarantee{guarantee=\"$(jq -r .guarantee "$tmp/status")\"}" 1
	[ "$(awk '/^skbext_guarantee/ { n += $2 } END { print n }' <<<"$out")" = 1 ] || wrong "guarantees"
	is skbext_healthy 1
	is skbext_payload_bytes "$(jq .payload "$tmp/status")"
	is skbext_payload_used_bytes "$(jq .payload_used "$tmp/status")"
	while read -r hook role; do
		is "skbext_hook_attached{hook=\"$hook\",role=\"$role\"}" 1
		[[ $(value "skbext_hook_missed_total{hook=\"$hook\",role=\"$role\"}") = [0-9]* ]] ||
			wrong "no misses of $hook"
	done < <(jq -r '.hooks[] | "\(.name) \(.role)"' "$tmp/status")
	[ "$(grep -c '^skbext_hook_attached' <<<"$out")" = "$(jq '.hooks | length' "$tmp/status")" ] ||
		wrong "other hooks"
	while read -r type size; do
		is "skbext_type_bytes{type=\"$type\"}" "$size"
	done < <(jq -r '.types[] | "\(.name) \(.size)"' "$tmp/status")
	bytes=$(for map in ctl slots stats watches refs request; do
		bpftool -j map show pinned "$dir/$map" | jq .bytes_memlock
	done | jq -s add)
	is 'skbext_kernel_bytes{of="maps"}' "$bytes"
	[ "$(jq ".kernel_bytes.maps == $bytes and .kernel_bytes.programs > 4096" "$tmp/status")" = true ] ||
		wrong "status: $(jq -c .kernel_bytes "$tmp/status")"
	[ "$(value 'skbext_kernel_bytes{of="programs"}')" -gt 4096 ] || wrong "no bytes of programs"
}

values_of_types_are_those_of_type_list()
{
	local type records max failed limited capacity
	must "$skbext" load --bpffs "$dir" --type a:16 --type b:8,max=2 --capacity 64 || return
	some_records
	for type in 1 2 3; do
		run "$skbext" add --bpffs "$dir" "0xffff8880000${type}0000" b 02
	done
	must "$skbext" type list --bpffs "$dir" --json
	cp "$tmp/out" "$tmp/types"
	capacity=$("$skbext" stats --bpffs "$dir" --json | jq .capacity)
	sk metrics
	[ "$(jq '.types | length' "$tmp/types")" = 2 ] || wrong "types: $(cat "$tmp/types")"
	[ "$(jq '[.types[] | .add_failed] | add' "$tmp/types")" -gt 0 ] || wrong "no add failed"
	while read -r type records max failed limited; do
		is "skbext_type_records{type=\"$type\"}" "$records"
		is "skbext_type_max_records{type=\"$type\"}" "${max/null/$capacity}"
		is "skbext_type_add_failed_total{type=\"$type\"}" "$failed"
		is "skbext_type_add_limited_total{type=\"$type\"}" "$limited"
	done < <(jq -r '.types[] | "\(.name) \(.records) \(.max) \(.add_failed) \(.add_limited)"' \
		"$tmp/types")
}

lost_hook_is_told()
{
	local hook
	load || return
	hook=$("$skbext" status --bpffs "$dir" --json |
		jq -r '[.hooks[] | select(.role == "release")][0].name')
	rm "$dir/links/$hook"
	sk metrics
	is "skbext_hook_attached{hook=\"$hook\",role=\"release\"}" 0
	is 'skbext_guarantee{guarantee="none"}' 1
	is skbext_healthy 0
}

# The kernel counts them on demand. Without, a 0 would say that hooks do not run.
runs_are_told_where_the_kernel_counts_them()
{
	local was
	was=$(cat /proc/sys/kernel/bpf_stats_enabled) || { skip="no kernel.bpf_stats_enabled"; return; }
	load || return
	echo 0 >/proc/sys/kernel/bpf_stats_enabled
	sk metrics
	[[ $out != *hook_run* ]] || wrong "runs are told, and nobody counts them"
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	unshare -n sh -c 'ip link set lo up && ping -c 3 -i 0.01 -q 127.0.0.1' >/dev/null
	sk metrics
	echo "$was" >/proc/sys/kernel/bpf_stats_enabled
	well_formed
	[ "$(value 'skbext_hook_runs_total{hook="consume_skb",role="fate"}')" -gt 0 ] || wrong "no runs"
	[[ $(value 'skbext_hook_run_seconds_total{hook="consume_skb",role="fate"}') == *[1-9]* ]] ||
		wrong "no time"
}

# An alert must be able to fire: not loaded, and damaged, are answers.
down_is_an_answer()
{
	sk metrics
	[ "$status$err" = 0 ] || wrong "status $status: $err"
	well_formed
	is skbext_up 0
	[ "$(grep -vc '^#' <<<"$out")" = 1 ] || wrong "more than skbext_up: $out"
	sk metrics --textfile "$tmp/down.prom"
	[ "$status$err$out" = 0 ] || wrong "--textfile: status $status: $err $out"
	grep -qx 'skbext_up 0' "$tmp/down.prom" || wrong "file: $(cat "$tmp/down.prom")"
	load || return
	rm "$dir/ctl" "$tmp/down.prom"
	sk metrics --textfile "$tmp/down.prom"
	refused "a damaged one" "cannot read what is loaded" unload
	grep -qx 'skbext_up 0' "$tmp/down.prom" || wrong "damaged: $(cat "$tmp/down.prom")"
}

# Nobody knows whether it is up then; the old file shows by its age.
who_may_not_look_says_nothing()
{
	command -v setpriv >/dev/null || { skip="no setpriv"; return; }
	load || return
	cp "$skbext" "$tmp/skbext"
	chmod 755 "$tmp" "$tmp/skbext"
	mkdir -m 777 "$tmp/open"
	echo old >"$tmp/open/x.prom"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/skbext" metrics --bpffs "$dir" \
		--textfile "$tmp/open/x.prom"
	refused "a user" "cannot read what is loaded" root
	[ "$(cat "$tmp/open/x.prom")" = old ] || wrong "wrote: $(cat "$tmp/open/x.prom")"
}

file_is_as_stdout_and_readable()
{
	load || return
	mkdir -p "$tmp/d"
	(umask 077; cd "$tmp/d" && "$skbext" metrics --bpffs "$dir" --textfile x.prom) || wrong "status $?"
	[ "$(stat -c '%a %h' "$tmp/d/x.prom")" = "644 1" ] || wrong "$(stat -c '%a %h' "$tmp/d/x.prom")"
	[ "$(ls -A "$tmp/d")" = x.prom ] || wrong "there is: $(ls -A "$tmp/d")"
	sk metrics
	[ "$(grep -v fate <<<"$out")" = "$(grep -v fate "$tmp/d/x.prom")" ] ||
		wrong "$(diff <(echo "$out") "$tmp/d/x.prom")"
}

# A reader meanwhile finds a whole file, old or new.
file_is_replaced_whole()
{
	local pid n=0
	load || return
	mkdir -p "$tmp/r"
	sk metrics --textfile "$tmp/r/x.prom"
	(for _ in $(seq 30); do
		"$skbext" metrics --bpffs "$dir" --textfile "$tmp/r/x.prom" || exit
	done) &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		[ "$(tail -n 1 "$tmp/r/x.prom")" = "# EOF" ] || { wrong "half a file"; break; }
		n=$((n + 1))
	done
	wait $pid || wrong "status $?"
	[ "$(ls -A "$tmp/r")" = x.prom ] || wrong "left: $(ls -A "$tmp/r")"
}

full_disk_leaves_the_old_file()
{
	load || return
	mkdir -p "$tmp/small"
	mount -t tmpfs -o size=8k tmpfs "$tmp/small" || { skip="no tmpfs"; return; }
	echo old >"$tmp/small/x.prom"
	sk metrics --textfile "$tmp/small/x.prom"
	refused "a full disk" "No space left" "$tmp/small/x.prom"
	[ "$(cat "$tmp/small/x.prom")" = old ] || wrong "the old one is gone"
	[ "$(ls -A "$tmp/small")" = x.prom ] || wrong "left: $(ls -A "$tmp/small")"
	umount "$tmp/small"
}

# Where the file system knows files without a name; else one in .tmp is left.
killed_leaves_nothing_beside_it()
{
	local call
	command -v strace >/dev/null || { skip="no strace"; return; }
	load || return
	mkdir -p "$tmp/k"
	for call in write fchmod fsync linkat; do
		for _ in 1 2; do
			run strace -f -qq -o "$tmp/log" -e trace=$call -e inject=$call:signal=KILL:when=1 \
				"$skbext" metrics --bpffs "$dir" --textfile "$tmp/k/x.prom"
			[ -z "$(ls -A "$tmp/k" | grep -v '^x.prom$')" ] ||
				wrong "$call: left: $(ls -A "$tmp/k")"
			[ ! -e "$tmp/k/x.prom" ] || [ "$(tail -n 1 "$tmp/k/x.prom")" = "# EOF" ] ||
				wrong "$call: half of it is there"
			grep -q 'killed by SIGKILL' "$tmp/log" || wrong "never came to $call"
			sk metrics --textfile "$tmp/k/x.prom"
		done
		rm -f "$tmp/k/x.prom"
	done
}

what_is_no_file_stays()
{
	load || return
	echo mine >"$tmp/mine"
	ln -s mine "$tmp/link.prom"
	sk metrics --textfile "$tmp/link.prom"
	refused "a symbolic link" "not a regular file"
	[ -L "$tmp/link.prom" ] && [ "$(cat "$tmp/mine")" = mine ] || wrong "the link or its file changed"
	mknod "$tmp/null.prom" c 1 3
	sk metrics --textfile "$tmp/null.prom"
	refused "a device" "not a regular file"
	[ -c "$tmp/null.prom" ] || wrong "the device is gone"
	sk metrics --textfile "$tmp/"
	refused "a directory" directory
	sk metrics --textfile "$tmp/none/x.prom"
	refused "no directory" "No such file" "$tmp/none/x.prom"
	sk metrics --textfile ''
	refused "no name" directory
	[ -z "$(ls -A "$tmp" | grep '^\.skbext')" ] || wrong "left: $(ls -A "$tmp")"
}

# listen [ARG]...: at a port that is free; sets $port, and $server to the process
listen()
{
	rm -f "$tmp/listening"
	touch "$tmp/listening"
	"$skbext" metrics --bpffs "$dir" --listen "${1:-0}" >"$tmp/listening" 2>"$tmp/said" &
	server=$!
	until port=$(sed -n 's,^listening at http://.*:\([0-9]*\)/metrics$,\1,p' "$tmp/listening") &&
		[ -n "$port" ]; do
		kill -0 $server 2>/dev/null || break
		sleep 0.05
	done
	if [ -z "$port" ] && grep -q 'without libmicrohttpd\|is not installed' "$tmp/said"; then
		skip=$(cat "$tmp/said")
		return 1
	fi
	[ -n "$port" ] || wrong "it does not listen: $(cat "$tmp/said")"
}

stop_listening()
{
	kill -TERM $server
	wait $server
	status=$?
	[ "$status" = 0 ] || wrong "ended by a signal: status $status: $(cat "$tmp/said")"
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && wrong "it still listens"
}

# ask LINE [HEADER]...: sets $head, without CR, and $out
ask()
{
	local answer
	exec 3<>"/dev/tcp/${host:-127.0.0.1}/$port" || { wrong "no connection"; return; }
	{
		printf '%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' "$1"
		[ $# = 1 ] || printf '%s\r\n' "${@:2}"
		printf '\r\n'
	} >&3
	answer=$(tr -d '\r' <&3)
	exec 3>&-
	head=${answer%%$'\n\n'*}
	out=${answer#"$head"}
	out=${out#$'\n\n'}
}

answers_by_http()
{
	local there
	load || return
	some_records
	listen || return
	ask "GET /metrics"
	[[ $head == "HTTP/1.1 200 OK"*"Content-Type: text/plain; version=0.0.4; charset=utf-8"* ]] ||
		wrong "$head"
	well_formed
	there=$(grep -v 'fate\|healthy\|hook\|missed\|distrust\|untrusted' <<<"$out")
	sk metrics
	[ "$(grep -v 'fate\|healthy\|hook\|missed\|distrust\|untrusted' <<<"$out")" = "$there" ] ||
		wrong "$(diff <(grep -v 'fate\|healthy\|hook\|missed\|distrust\|untrusted' <<<"$out") <(echo "$there"))"
	ask "GET /metrics" "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"
	[[ $head == *"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"* ]] ||
		wrong "$head"
	well_formed openmetrics
	ask "HEAD /metrics"
	[[ $head == *" 200 "*"Content-Length: "[1-9]* ]] && [ -z "$out" ] || wrong "HEAD: $head $out"
	ask "GET /"
	[[ $head == *" 404 "* && $out == *"/metrics"* ]] || wrong "/: $head"
	ask "GET /metrics/../../etc/passwd"
	[[ $head == *" 404 "* ]] || wrong "another path: $head"
	ask "POST /metrics" "Content-Length: 0"
	[[ $head == *" 405 "*"Allow: GET, HEAD"* ]] || wrong "POST: $head"
	[ ! -s "$tmp/said" ] || wrong "it says: $(cat "$tmp/said")"
	stop_listening
}

# As without --listen: not loaded is an answer, and so is what is loaded later.
listens_while_it_comes_and_goes()
{
	listen || return
	ask "GET /metrics"
	[[ $head == *" 200 "* ]] && [ "$(value skbext_up)" = 0 ] || wrong "not loaded: $head $out"
	load || return
	ask "GET /metrics"
	[ "$(value skbext_up)" = 1 ] || wrong "loaded: $out"
	rm "$dir/ctl"
	ask "GET /metrics"
	[ "$(value skbext_up)" = 0 ] && grep -q 'cannot read what is loaded' "$tmp/said" ||
		wrong "damaged: $out $(cat "$tmp/said")"
	stop_listening
}

# Connections that say nothing, or half a request, keep nobody out for good.
idle_connections_end()
{
	local fd
	load || return
	listen || return
	for fd in $(seq 20); do
		eval "exec $((fd + 20))<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || wrong "connection $fd"
		[ $((fd % 2)) = 0 ] || printf 'GET /met' >&$((fd + 20))
	done
	ask "GET /metrics"
	[[ $head == *" 200 "* ]] || wrong "no answer beside them: $head"
	for fd in $(seq 20); do
		eval "exec $((fd + 20))>&-"
	done
	stop_listening
}

listens_where_it_is_told()
{
	local where
	load || return
	listen || return
	grep -q "^listening at http://127.0.0.1:$port/metrics\$" "$tmp/listening" || wrong "$(cat "$tmp/listening")"
	run timeout 20 "$skbext" metrics --bpffs "$dir" --listen "$port"
	refused "a port that is taken" "already in use" "$port"
	stop_listening
	if (exec 3<>/dev/udp/::1/9) 2>/dev/null; then
		listen '[::1]:0' && host=::1 ask "GET /metrics" && stop_listening
		[[ $head == *" 200 "* ]] || wrong "::1: $head"
	fi
	run timeout 20 "$skbext" metrics --bpffs "$dir" --listen 192.0.2.1:9119
	refused "somebody else's address" "192.0.2.1:9119" "address"
	for where in '' x 127.0.0.1 :80 ::1:80 '[::1]:x' '[]:80' localhost:80 127.0.0.1:65536 80x; do
		run timeout 20 "$skbext" metrics --bpffs "$dir" --listen "$where"
		[ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] || wrong "'$where': status $status: $err"
	done
}

usage_is_checked()
{
	local words
	for words in "--json" "--textfile x --openmetrics" "--textfile" "more" "--listen" \
		"--listen 0 --textfile x" "--listen 0 --openmetrics"; do
		# shellcheck disable=SC2086 # words
		sk metrics $words
		[ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [ -z "$out" ] ||
			wrong "$words: status $status: $err $out"
	done
}

promtool_agrees()
{
	command -v promtool >/dev/null || { skip="no promtool (Debian: prometheus)"; return; }
	load || return
	some_records
	"$skbext" metrics --bpffs "$dir" >"$tmp/text"
	promtool check metrics <"$tmp/text" >"$tmp/log" 2>&1 || wrong "loaded: $(head -n 3 "$tmp/log")"
	[ ! -s "$tmp/log" ] || wrong "it says: $(head -n 3 "$tmp/log")"
	"$skbext" metrics --bpffs "$dir-none" | promtool check metrics >"$tmp/log" 2>&1 ||
		wrong "down: $(head -n 3 "$tmp/log")"
}

openmetrics_is_parsed_strictly()
{
	python3 -c 'import prometheus_client' 2>/dev/null || { skip="no python3 with prometheus_client"; return; }
	load || return
	"$skbext" metrics --bpffs "$dir" --openmetrics | python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
names = [f.name for f in text_string_to_metric_families(sys.stdin.read())]
sys.exit(0 if "skbext_adds" in names else 1)' >"$tmp/log" 2>&1 || wrong "$(tail -n 2 "$tmp/log")"
}

for tool in jq bpftool; do
	command -v $tool >/dev/null && continue
	echo "SKIP metrics: no $tool"
	exit 0
done
[ "$(id -u)" = 0 ] || { echo "SKIP metrics: not root"; exit 0; }
run_case text_is_well_formed
run_case values_are_those_of_stats
run_case values_are_those_of_status
run_case values_of_types_are_those_of_type_list
run_case lost_hook_is_told
run_case runs_are_told_where_the_kernel_counts_them
run_case down_is_an_answer
run_case who_may_not_look_says_nothing
run_case file_is_as_stdout_and_readable
run_case file_is_replaced_whole
run_case full_disk_leaves_the_old_file
run_case killed_leaves_nothing_beside_it
run_case what_is_no_file_stays
run_case answers_by_http
run_case listens_while_it_comes_and_goes
run_case idle_connections_end
run_case listens_where_it_is_told
run_case usage_is_checked
run_case promtool_agrees
run_case openmetrics_is_parsed_strictly
exit $failed
