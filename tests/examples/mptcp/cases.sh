# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # of tests/examples/examples.sh, which reads this file
# mptcp: near and far with two links; far tells near of its second address

CASES+=' mptcp_one_subflow mptcp_two_subflows mptcp_one_subflow_checksum mptcp_two_subflows_checksum
mptcp_fallback'
REPEATS+=' mptcp_two_subflows mptcp_one_subflow_checksum'

mptcp_bed()	# SUBFLOWS CHECKSUM
{
	local ns
	quiet_ns $near && quiet_ns $far && pair $near m1 $far m1 && pair $near m2 $far m2 || return
	needs "no MPTCP" test -e /proc/sys/net/mptcp/enabled || return
	for ns in "$near 1" "$far 2"; do
		must in_ns ${ns% *} ip addr add 10.9.1.${ns#* }/24 dev m1 &&
		must in_ns ${ns% *} ip addr add 10.9.2.${ns#* }/24 dev m2 &&
		must in_ns ${ns% *} ip mptcp limits set subflow 2 add_addr_accepted 2 &&
		must in_ns ${ns% *} sh -c "cd /proc/sys/net/mptcp && echo 1 >enabled &&
			echo $2 >checksum_enabled && echo 1 >add_addr_timeout" &&
		must in_ns ${ns% *} nft -f - <<-NFT || return
			table ip t {
				counter second { }
				chain c {
					type filter hook prerouting priority 0;
					iifname m2 meta length > 200 counter name second
				}
			}
		NFT
	done
	[ "$1" = 1 ] || must in_ns $far ip mptcp endpoint add 10.9.2.2 dev m2 signal
}

# mptcp_traffic PROTOCOL-OF-THE-SERVER BYTES SUBFLOWS: watched on both sides. Sets joined to "" if
# the further subflows did not come: the kernel tries each once, and on a busy machine that may
# come to nothing.
mptcp_traffic()
{
	local client server
	start near $near "$built/mptcp/mptcp" watch m1 m2 &&
	start far $far "$built/mptcp/mptcp" watch m1 m2 &&
	start server $far "$built/mptcp/mptcp" serve "$1" 7000 "$2" $(($3 - 1)) || return
	in_ns $near "$built/mptcp/mptcp" connect 10.9.1.2 7000 "$2" $(($3 - 1)) 2>"$tmp/err"
	client=$?
	wait "${pids%% *}"
	server=$?
	pids=${pids#* }
	joined=yes
	if [ $client = 3 ] || [ $server = 3 ]; then
		joined=''
	else
		[ $client = 0 ] || wrong "client: $(tail -n 1 "$tmp/err")"
		[ $server = 0 ] || wrong "server: $(tail -n 1 "$tmp/server")"
	fi
	stop_all
	sed 's/^/mptcp: near: /' "$tmp/near" | grep -v ready
	sed 's/^/mptcp: far: /' "$tmp/far" | grep -v ready
}

# mptcp_same LOG MINIMUM PLACE...: every packet there as the kernel has it, and enough of them
mptcp_same()
{
	local log=$1 place
	for place in "${@:3}"; do
		expect_numbers "$log" ${place}_differing 0 ${place}_missing 0
		[ "$(number "$log" ${place}_compared)" -ge "$2" ] ||
			wrong "$log: compared only $(number "$log" ${place}_compared) $place"
	done
}

mptcp_transfer()	# SUBFLOWS
{
	local side places='queue sent'
	! is_complete || places='incoming queue sent'
	mptcp_traffic mptcp 3000000 "$1" || return
	[ -n "$joined" ] || return 0
	for side in near far; do
		# 64 KiB at most in a packet
		# shellcheck disable=SC2086 # a list
		mptcp_same $side 46 $places
		expect_numbers $side without_option 0
	done
}

mptcp_as_native()	# SUBFLOWS CHECKSUM
{
	local tries
	mptcp_bed "$@" || return
	if [ "$1" = 1 ]; then
		mptcp_transfer 1 || return
		# Its mapping is not in a DSS option. An ADD_ADDR would make it needless.
		[ "$(number far first)" -gt 0 ] || wrong "no data in an MP_CAPABLE"
		return
	fi
	# Once both are there, the kernel takes the second one only while data waits in the first.
	for ((tries = 0; tries < 20; tries++)); do
		mptcp_transfer 2 || return
		[ -z "$joined" ] || [ "$(count $near second)" = 0 ] ||
			[ "$(count $far second)" = 0 ] || return 0
	done
	wrong "the second subflow was not used, or did not come: $(tail -n 1 "$tmp/err")"
}

mptcp_one_subflow() { mptcp_as_native 1 0; }
mptcp_two_subflows() { mptcp_as_native 2 0; }
mptcp_one_subflow_checksum() { mptcp_as_native 1 1; }
mptcp_two_subflows_checksum() { mptcp_as_native 2 1; }

# A plain TCP server: no packet has the option. The kernel keeps mappings of what it sends.
mptcp_fallback()
{
	mptcp_bed 1 0 && mptcp_traffic tcp 3000000 1 || return
	expect_numbers near noted 0 queue_compared 0 queue_missing 0 sent_differing 0 sent_missing 0
	if is_complete; then
		mptcp_same near 46 sent
	else
		[ "$(number near without_option)" -ge 46 ] || wrong "$(grep option "$tmp/near")"
	fi
}
