# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the programs of attach_write.bpf.c wrote to a packet of lo, as that of attach_read.bpf.c has read it.
# Sourced behind tests/lib/cases.sh.
# shellcheck shell=bash disable=SC2154 # $skbext

# value PROGRAM VARIABLE: of the object that the attached program is of
value()
{
	local id map
	id=$("$skbext" status --json | jq "first(.attached[].programs[] | select(.name == \"$1\") | .id)")
	for map in $(bpftool -j prog show id "$id" | jq '.map_ids[]'); do
		bpftool -j map dump id "$map" 2>/dev/null |
			jq -r "first(.[].formatted.value | objects | .[\".bss\"][]? | .$2 // empty)"
	done 2>/dev/null
}

send()
{
	for _ in {1..5}; do echo x >/dev/udp/127.0.0.1/9; done 2>/dev/null
}

trail()
{
	send
	value read_tc at_tc
}
