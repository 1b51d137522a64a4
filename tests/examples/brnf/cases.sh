# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # of tests/examples/examples.sh, which reads this file
# brnf: near and two more hosts on a bridge in mid

CASES+=' brnf_as_native brnf_flooded'

# bridge_bed: ports p1 to p3, behind them hosts 10.9.0.1 to 10.9.0.3; h2 and h3 both live in far
bridge_bed()
{
	local n
	quiet_ns $near && quiet_ns $mid && quiet_ns $far &&
	must in_ns $mid ip link add br0 type bridge &&
	must in_ns $mid ip link set br0 up || return
	pair $mid p1 $near h1 && pair $mid p2 $far h2 && pair $mid p3 $far h3 || return
	for n in 1 2 3; do
		must in_ns $mid ip link set p$n master br0 || return
	done
	must in_ns $near ip addr add 10.9.0.1/24 dev h1 &&
	must in_ns $far ip addr add 10.9.0.2/24 dev h2 &&
	must in_ns $far ip addr add 10.9.0.4/24 dev h2 &&
	must in_ns $far ip addr add 10.9.0.3/32 dev h3 &&
	must in_ns $far sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore' &&
	must in_ns $near ip neigh add 10.9.0.77 lladdr 02:00:00:00:00:77 dev h1
}

brnf_as_native()
{
	bridge_bed || return
	start brnf $mid "$built/brnf/brnf" p1 p3 10.9.0.4 p1 p2 p3 || return
	must in_ns $near ping -q -c 20 -i 0.02 -W 5 10.9.0.2		# allowed: 20 there, 20 back
	in_ns $near ping -q -c 5 -i 0.02 -W 1 10.9.0.3 >/dev/null	# blocked by its ports
	in_ns $near ping -q -c 5 -i 0.02 -W 1 10.9.0.4 >/dev/null	# by the address
	stop_all
	sed 's/^/brnf: /' "$tmp/brnf" | grep -v ready
	# Each of the 40 passes three hooks, each of the 10 two.
	expect_numbers brnf noted 50 dropped 10 compared 140 differing 0 missing 0
}

# Nobody has this address: every port gets a clone, and each note its own outgoing port.
brnf_flooded()
{
	is_complete || { skip="clones are followed in the exact mode only"; return; }
	bridge_bed || return
	start brnf $mid "$built/brnf/brnf" p1 p3 10.9.0.4 p1 p2 p3 || return
	in_ns $near ping -q -c 10 -i 0.02 -W 1 10.9.0.77 >/dev/null
	stop_all
	sed 's/^/brnf: flooded: /' "$tmp/brnf" | grep -v ready
	# 10 come in; 20 clones are forwarded, of which 10 leave by p2 and 10 are dropped before p3.
	expect_numbers brnf noted 10 dropped 10 compared 40 differing 0 missing 0
}
