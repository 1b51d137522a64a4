#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# scripts/*.bt find packets that this test sends to a port where nobody listens. Here only: bpftrace
# brings 200 MB of a compiler along, too much for a machine that lives in memory.

cd "$(dirname "$0")/.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
PACKETS=200
PATIENCE=300	# seconds for a script to attach
failed=0

# Its own mounts, for tracefs, and its own loopback.
if [ -z "$SKBEXT_BT_INSIDE" ]; then
	[ "$(id -u)" = 0 ] || { echo "SKIP bpftrace: needs root"; exit 0; }
	command -v bpftrace >/dev/null || { echo "SKIP bpftrace: not installed"; exit 0; }
	SKBEXT_BT_INSIDE=yes exec unshare --mount --net "$0"
fi
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing ||
	{ echo "SKIP bpftrace: no tracefs"; exit 0; }
ip link set lo up || { echo "FAIL bpftrace: no loopback"; exit 1; }
tmp=$(mktemp -d)
cleanup()
{
	[ "$BASHPID" = $$ ] || return	# a subshell's end is not ours
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

# One datagram each, and no socket that would hear of it.
send()
{
	local n
	for ((n = 0; n < PACKETS; n++)); do
		echo skbext >/dev/udp/127.0.0.1/9
	done
}

# The number of packets on all lines of a map, "@map[...]: N" or the histogram's "[a, b)   N |@@ |".
counted()	# MAP [KEY]
{
	awk -v map="@$1" -v key="$2" '
		/^@/ { on = index($0, map) == 1 && index($0, key) }
		on && /^@.*: [0-9]+$/ { sum += $NF }
		on && /\|/ { sub(/^[^)\]]*[)\]]/, ""); sum += $1 }
		END { print sum + 0 }' "$tmp/out"
}

# It does not hear of it while it compiles or attaches,
# and a second one while it prints ends it at once.
stop()
{
	local tries=0
	while kill -0 $pid 2>/dev/null; do
		[ $((tries++ % 300)) -ne 0 ] || kill -INT $pid
		sleep 0.1
	done
	wait $pid
	pid=''
}

# run SCRIPT MAP [KEY]: at least what was sent is in the map
run()
{
	local tries n
	# It says that it attaches before it has; what a timer prints is read after.
	{ cat "scripts/$1.bt"; echo 'interval:ms:100 { printf("ready\n"); }'; } >"$tmp/script.bt"
	bpftrace "$tmp/script.bt" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	for ((tries = 0; tries < PATIENCE * 10; tries++)); do
		grep -q '^ready' "$tmp/out" || ! kill -0 $pid 2>/dev/null ||
			{ sleep 0.1; continue; }
		break
	done
	send
	stop
	counted "${@:2}" >"$tmp/n"
	read -r n <"$tmp/n"
	echo "  $1: sent $PACKETS, in @$2 $n"
	if [ "$n" -ge $PACKETS ]; then
		echo "PASS bpftrace_$1"
	else
		failed=1
		echo "FAIL bpftrace_$1: $n of $PACKETS packets:" \
			"$(grep -v MEMLOCK "$tmp/err" | tail -n 1)"
	fi
}

run drops dropped udp
run lifetimes dropped_us
run clones holders "[8]"
exit $failed
