#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What `skbext trace` says and writes of packets of a known mix, over a veth between two namespaces: the
# path of each, the page of --html, as a browser has it. In namespaces of its own.

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net --propagation private "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"

for tool in jq ip python3; do
	command -v $tool >/dev/null || { echo "FAIL trace_files: no $tool; scripts/setup test brings it"; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP trace_files: not root"; exit 0; }
mount -t bpf -o mode=0700 bpf /sys/fs/bpf || { echo "FAIL trace_files: no bpffs of its own"; exit 1; }
mode=''
trap 'kill $tracer $peer 2>/dev/null; rm -rf "$tmp"' EXIT

# Names as an attacker gives them: the kernel takes all but blanks, ':' and '/'.
evil='<b>"&'\''</x' odd=$'\e[1m\xff'
odd_shown='?[1m?'

# The other namespace lives as long as this process. 10.9.0.2 is there, and so is a reader of port 9000.
net_up()
{
	unshare --net sleep 3600 &
	peer=$!
	until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
	ip link set lo up && ip link add v0 type veth peer name v1 &&
	ip link set v1 netns $peer && ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up &&
	there ip addr add 10.9.0.2/24 dev v1 && there ip link set v1 up && there ip link set lo up &&
	ip neigh replace 10.9.0.2 lladdr "$(there ip -j link show v1 | jq -r .[0].address)" dev v0 &&
	there ip neigh replace 10.9.0.1 lladdr "$(ip -j link show v0 | jq -r .[0].address)" dev v1 || exit 1
	# IPv6 sends when it likes.
	echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6
	there sh -c 'echo 1 >/proc/sys/net/ipv6/conf/v1/disable_ipv6'
}

there()
{
	nsenter --net=/proc/$peer/ns/net "$@"
}

# start OPTION...: trace, until it says that it does; in the mode that the first one came to
start()
{
	: >"$tmp/err"
	# shellcheck disable=SC2086 # two words or none
	"$skbext" trace $mode "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	tracer=$!
	for _ in {1..1200}; do
		mode=$(sed -n 's/^skbext: tracing in \([a-z]*\) mode.*/--mode \1/p' "$tmp/err")
		[ -z "$mode" ] || return 0
		kill -0 $tracer 2>/dev/null || break
		sleep 0.05
	done
	wrong "trace $*: $(cat "$tmp/err")"
	return 1
}

# What it prints is in $tmp/out then.
stop()
{
	settle
	kill -INT $tracer
	wait $tracer
	status=$?
	[ "$status" = 0 ] || wrong "trace: status $status: $(tail -n 2 "$tmp/err")"
}

# A packet's end may come a moment after what it was sent for: wait until trace has read no more.
settle()
{
	sleep 0.4
}

# send N PORT [BYTES]: datagrams to the other side, which refuses them where nobody reads
send()
{
	python3 - "$@" <<-'PYTHON'
		import socket, sys
		n, port, size = int(sys.argv[1]), int(sys.argv[2]), int((sys.argv + [8])[3])
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for _ in range(n):
		    s.sendto(b"x" * size, ("10.9.0.2", port))
	PYTHON
}

says()	# WHAT JQ-CONDITION FILE
{
	[ "$(jq -s "$2" "$3" 2>&1)" = true ] || wrong "$1: not true: $2: $(head -c 900 "$3")"
}

# ---- the path

# send_out DEVICE: one datagram into a network of its own
send_out()
{
	ip addr add 10.8.0.1/24 dev "$1" && ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:99 dev "$1" &&
	python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.8.0.2", 9))'
	ip addr del 10.8.0.1/24 dev "$1"
}

# Three more veths, and bridges between them.
row_up()
{
	local n
	for n in 1 2 3; do
		ip link add a$n type veth peer name b$n && ip link set a$n up && ip link set b$n up || wrong a$n
	done
	for n in 1 2; do
		ip link add bridge$n type bridge && ip link set b$n master bridge$n &&
		ip link set a$((n + 1)) master bridge$n && ip link set bridge$n up || wrong "bridge $n"
	done
}

row_down()
{
	local name
	for name in a1 a2 a3 bridge1 bridge2; do
		ip link del $name
	done
}

# Of a path that is too long to keep, the first ones and the last.
packets_say_their_path()
{
	row_up
	start --json || return
	send 5 9
	send_out a1
	stop
	row_down
	jq -c 'select(.device == "v0" and .end.reason == "NO_SOCKET")' "$tmp/out" >"$tmp/v0"
	jq -c 'select(.device == "a1" and .steps > 6)' "$tmp/out" >"$tmp/a1"
	says "lines" 'length == 5' "$tmp/v0"
	says "devices" 'all([.path[] | [.at, .device]] |
		index([["net_dev_queue", "v0"]]) != null and index([["netif_receive_skb", "v1"]]) != null)' "$tmp/v0"
	says "order" 'all([.path[].after_ns] | . == sort and .[0] >= 0)' "$tmp/v0"
	says "age" 'all(.path[-1].after_ns <= .age_ns and .steps == (.path | length))' "$tmp/v0"
	says "long" 'length >= 1' "$tmp/a1"
	says "cut" 'all((.path | length) == 6 and .path[-1].device == "b3" and .path[-2].device != "b3")' "$tmp/a1"
}

# Neither JSON nor a terminal gets bytes that are no text.
names_of_devices_are_text()
{
	local json
	ip link add "$odd" type veth peer name odd && ip link set odd up && ip link set "$odd" up ||
		{ wrong "no device of such a name"; return; }
	for json in --json ""; do
		start $json --device "$odd" --count 1 || return
		send_out "$odd"
		wait $tracer || wrong "$json: status $?: $(cat "$tmp/err")"
		grep -qF "$odd_shown" "$tmp/out" || wrong "$json: $(cat "$tmp/out")"
		! grep -q $'\e' "$tmp/out" || wrong "$json: an escape"
	done
	ip link del "$odd"
}

net_up
run_case packets_say_their_path
run_case names_of_devices_are_text
exit $failed
