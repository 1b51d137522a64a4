# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # of tests/examples/examples.sh, which reads this file
# secpath: near sends to far through ESP

CASES+=' secpath_as_native'

# esp_state SPI REQID MODE: for ip -batch, in both namespaces
esp_state()
{
	echo "xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi $1 reqid $2 mode $3" \
		"aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 128"
}

# esp_policy out|in MODE...: innermost first
esp_policy()
{
	local mode tmpl='' n=1
	printf 'xfrm policy flush\nxfrm state flush\n'
	for mode in "${@:2}"; do
		esp_state 0x77$n $n "$mode"
		tmpl+=" tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid $n mode $mode"
		n=$((n + 1))
	done
	echo "xfrm policy add src 10.9.0.1 dst 10.9.0.2 dir $1$tmpl"
}

# esp_through MODE...: only near to far, nothing goes back
esp_through()
{
	esp_policy out "$@" >"$tmp/out.xfrm" && must in_ns $near ip -batch "$tmp/out.xfrm" &&
	esp_policy in "$@" >"$tmp/in.xfrm" && must in_ns $far ip -batch "$tmp/in.xfrm"
}

esp_bed()
{
	quiet_ns $near && quiet_ns $far && pair $near under0 $far under1 &&
	must in_ns $near ip addr add 10.9.0.1/24 dev under0 &&
	must in_ns $far ip addr add 10.9.0.2/24 dev under1 || return
	esp_state 0x770 1 tunnel >"$tmp/one.xfrm"
	needs "no ESP" in_ns $far ip -batch "$tmp/one.xfrm" || return
	must in_ns $far nft -f - <<-NFT
		table ip t {
			counter seen { }
			chain input {
				type filter hook input priority 0;
				udp dport { 7000, 7001 } counter name seen
				udp dport 7001 drop
			}
		}
	NFT
}

# printed LOG PATTERN N: wait for N such lines
printed()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(grep -c "$2" "$tmp/$1")" -lt "$3" ] || return 0
		sleep 0.1
	done
	wrong "no $2 number $3: $(tail -n 3 "$tmp/$1")"
	return 1
}

# secpath_round WHAT DEPTH HELD: 40 datagrams are kept by a socket, 10 are dropped
secpath_round()
{
	local what=$1 depth=$2 held=$3
	rounds=$((rounds + 1))
	printed secpath ^ready $rounds || return
	in_ns $near bash -c 'exec 3<>/dev/udp/10.9.0.2/7000 4<>/dev/udp/10.9.0.2/7001
		for ((n = 0; n < 10; n++)); do
			printf a >&3; printf b >&3; printf c >&4; printf d >&3; printf e >&3
		done' || wrong "sending"
	arrived $far seen $((50 * rounds))
	must kill -HUP "${pids%% *}" && printed secpath ^sec_path: $rounds || return
	awk -v n=$rounds -v what="$what" '
		!/^ready/ && done == n - 1 { print "secpath: " what ": " $0 }
		/^sec_path:/ { done++ }' "$tmp/secpath"
	expect_numbers secpath decrypted $((50 * depth)) refused 0 deepest "$depth" \
		differing 0 missing 0 held "$held" left 0
	[ "$(number secpath compared)" -ge 140 ] || wrong "$what: too few were compared"
}

# One process for all: it takes long to be loaded where all is emulated.
secpath_as_native()
{
	local rounds=0
	esp_bed || return
	is_complete || { skip="clones are followed in the exact mode only"; return; }
	start secpath $far "$built/secpath/secpath" 7000 hold hold hold tap mark || return
	esp_through transport && secpath_round transport 1 40 &&
	esp_through tunnel && secpath_round tunnel 1 40 &&
	esp_through transport tunnel && secpath_round nested 2 80 || return
	# Two taps clone. One sees all 50 between the two states: each clone keeps the reference to
	# the tunnel when its packet is written to. The other one's 40 share with the packet, or if
	# marked have their own.
	secpath_round "nested, tapped" 2 130 &&
	secpath_round "nested, clones marked" 2 210 || return
	[ "$(number secpath marked)" -ge 90 ] || wrong "only $(number secpath marked) were marked"
}
