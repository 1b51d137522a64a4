#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# scripts/*.bt find packets that this test sends to a port where nobody listens. Here only: bpftrace
# brings 200 MB of a compiler along, too much for a machine that lives in memory.

cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
PACKETS=200
PATIENCE=300	# seconds for a script to attach, hear of all, and print
failed=0

# One datagram each, and no socket that would hear of it.
if [ "$1" = send ]; then
	for ((n = 0; n < PACKETS; n++)); do
		echo skbext >/dev/udp/127.0.0.1/9
	done
	exit
fi

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
trap 'rm -rf "$tmp"' EXIT

# The number of packets on all lines of a map, "@map[...]: N" or the histogram's "[a, b)   N |@@ |".
counted()	# MAP [KEY]
{
	awk -v map="@$1" -v key="$2" '
		/^@/ { on = index($0, map) == 1 && index($0, key) }
		on && /^@.*: [0-9]+$/ { sum += $NF }
		on && /\|/ { sub(/^[^)\]]*[)\]]/, ""); sum += $1 }
		END { print sum + 0 }' "$tmp/out"
}

# run SCRIPT MAP [KEY]: at least what was sent is in the map
run()
{
	local n
	# bpftrace sends when it has attached, and prints its maps when all is sent. An interrupt
	# that comes while it prints is lost (0.17), and a second one ends it at once.
	timeout -k 10 $PATIENCE bpftrace -c "/bin/bash tests/api/test_bpftrace.sh send" \
		"scripts/$1.bt" >"$tmp/out" 2>"$tmp/err" </dev/null
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
