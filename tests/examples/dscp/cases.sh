# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # of tests/examples/examples.sh, which reads this file
# dscp: near ==tunnel== far, and between them a next hop that can be made unknown

CASES+=' dscp_vxlan dscp_gre dscp_ipip'
REPEATS+=' dscp_gre dscp_ipip'

# tunnel_bed TYPE ARGS...: tun0 over under0 in near; far only looks at what arrives
tunnel_bed()
{
	quiet_ns $near && quiet_ns $far && pair $near under0 $far under1 &&
	must in_ns $near ip addr add 10.9.0.1/24 dev under0 &&
	must in_ns $far ip addr add 10.9.0.2/24 dev under1 &&
	must in_ns $far ip link set under1 arp off || return
	needs "no $1 tunnels" \
		in_ns $near ip link add tun0 type "$@" local 10.9.0.1 remote 10.9.0.2 || return
	must in_ns $near ip addr add 10.10.0.1/24 dev tun0 &&
	must in_ns $near ip link set tun0 up &&
	must in_ns $near sh -c 'echo 100 >/proc/sys/net/ipv4/neigh/under0/mcast_solicit' || return
	[ "$1" != vxlan ] ||
		must in_ns $near ip neigh add 10.10.0.2 lladdr 02:00:00:00:00:02 dev tun0 || return
	far_mac=$(in_ns $far ip -j link show under1 | jq -r '.[0].address')
	must in_ns $far nft -f - <<-NFT || return
		table ip t {
			counter seen { }
			chain c { type filter hook prerouting priority 0; counter name seen; }
		}
	NFT
	# An application that sends packets of several classes in one flow.
	must in_ns $near nft -f - <<-NFT
		table ip t {
			chain c {
				type filter hook output priority mangle;
				oifname tun0 udp length 9 ip dscp set ef
				oifname tun0 udp length 10 ip dscp set cs1
				oifname tun0 udp length 11 ip dscp set af41
			}
		}
	NFT
}

# Four flows, interleaved, four classes in each: 64 packets.
send_classes()
{
	in_ns $near bash -c '
		for n in 3 4 5 6; do
			eval "exec $n<>/dev/udp/10.10.0.2/500$n"
		done
		for data in a aa aaa aaaa a aaa aa aaaa aaaa aaa aa a aaaa aa aaa a; do
			for n in 3 4 5 6; do
				printf $data >&$n
			done
		done' || wrong "sending"
}

next_hop() { must in_ns $near ip neigh "$@" dev under0; }

# preserved HOW OFFSET QUEUED: sets $differing of 64
preserved()
{
	local before
	before=$(count $far seen)
	start check $far "$built/dscp/dscp" check under1 "$2" &&
	start dscp $near "$built/dscp/dscp" "$1" tun0 under0 || return
	if [ "$3" = queued ]; then
		in_ns $near ip neigh del 10.9.0.2 dev under0 2>/dev/null
		send_classes
		[ "$(count $far seen)" = "$before" ] || wrong "nothing was queued"
	fi
	next_hop replace 10.9.0.2 lladdr "$far_mac" nud permanent
	[ "$3" = queued ] || send_classes
	arrived $far seen $((before + 64))
	stop_all
	differing=$(number check differing)
	echo "dscp: $tunnel, by $1, $3: $(cat "$tmp/check" | tail -n 1)"
	[ "$(number check compared)" = 64 ] || wrong "$1, $3: $(tail -n 1 "$tmp/check")"
}

dscp_over()	# OFFSET-OF-THE-INNER-HEADER TYPE ARGS...
{
	local tunnel=$2
	tunnel_bed "${@:2}" || return
	for queued in direct queued; do
		preserved packet "$1" $queued || return
		[ "$differing" = 0 ] || wrong "by packet, $queued: $differing of 64 differ"
	done
	preserved flow "$1" direct || return
	[ "$differing" = 0 ] || wrong "by flow, nothing queued: $differing wrong: no fair rival"
	preserved flow "$1" queued || return
	[ "$differing" -gt 0 ] || wrong "by flow, queued: never wrong, so this proves nothing"
}

dscp_vxlan() { dscp_over 64 vxlan id 7 dstport 4789; }
dscp_gre() { dscp_over 38 gre; }
dscp_ipip() { dscp_over 34 ipip; }
