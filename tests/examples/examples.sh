#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The examples, as people would use them: each folder is copied, built alone against an installed
# skbext, and run on real traffic. test_examples.sh does that here, tests/kernels/test_kernels.sh in
# each kernel of the matrix.
#
#	tests/examples/examples.sh [CASE]		build and run here
#	tests/examples/examples.sh --guest LABEL [CASE]	build and run in that kernel
#	tests/examples/examples.sh --build DIRECTORY	build there, and keep it
#	tests/examples/examples.sh --run DIRECTORY [CASE]	run what was built there
#	tests/examples/examples.sh --brief DIRECTORY	the same without REPEATS

# Every folder of tests/examples is built. These run: a function each.
CASES='dscp_vxlan dscp_gre dscp_ipip verdict_beside_marks xdpmeta_generic xdpmeta_native
brnf_as_native brnf_flooded
mptcp_one_subflow mptcp_two_subflows mptcp_one_subflow_checksum mptcp_two_subflows_checksum
mptcp_fallback
secpath_as_native'

# Cases that take long in an emulated kernel and show nothing that the others do not.
REPEATS='dscp_gre dscp_ipip mptcp_two_subflows mptcp_one_subflow_checksum'

root=$(cd "$(dirname "$0")/../.." && pwd)
self=$root/tests/examples/examples.sh
PATH=$PATH:/usr/sbin:/sbin
what=all built='' guest=''
case $1 in
--brief)
	# shellcheck disable=SC2086 # lists
	CASES=$(printf '%s\n' $CASES | grep -vxF "$(printf '%s\n' $REPEATS)")
	what=run built=$2
	shift 2 ;;
--guest) what=guest guest=$2; shift 2 ;;
--build | --run) what=${1#--} built=$2; shift 2 ;;
esac
only=$1
failed=0
tmp=$(mktemp -d)
near=skbext-near-$$ mid=skbext-mid-$$ far=skbext-far-$$
export SKBEXT_BPFFS=/sys/fs/bpf/skbext-examples-$$

wrong()
{
	echo "    ${FUNCNAME[1]}: $*" >&2
	failures=$((failures + 1))
}

# must CMD...: a step without which the rest says nothing
must()
{
	"$@" >"$tmp/out" 2>"$tmp/err" && return
	wrong "$*: status $?: $(tail -n 3 "$tmp/err")"
	return 1
}

# needs WHAT CMD...: a thing that not every kernel has
needs()
{
	"${@:2}" >/dev/null 2>"$tmp/err" && return
	skip="$1: $(tail -n 1 "$tmp/err")"
	return 1
}

# ---- building

export PKG_CONFIG_PATH=$tmp/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tmp/root

# Not as a part of the make that may have started this.
make_alone()
{
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory "$@"
}

# Relative and absolute ways back into the source would both be found out.
build_example()	# NAME
{
	must cp -r "$root/tests/examples/$1" "$built/" &&
	must make_alone -C "$built/$1" BPFTOOL="$bpftool"
	! grep -q 'warning:' "$tmp/err" || wrong "$(grep 'warning:' "$tmp/err")"
	must cp -r "$built/$1" "$tmp/bounded" && must rm "$tmp/bounded/$1.bpf.o" &&
	must make_alone -C "$tmp/bounded" CLANG='clang -DSKBEXT_BOUNDED' "$1.bpf.o"
	rm -rf "$tmp/bounded"
	[ "$(wc -l <"$built/$1/README.md")" -le 30 ] || wrong "a long README"
	rm -f "$built/$1/vmlinux.h"	# large, and not needed where it runs
}

install_skbext()
{
	bpftool=$("$root/scripts/setup" bpftool 2>/dev/null)
	built=${built:-$tmp/built}
	rm -rf "$built"
	must mkdir -p "$built" &&
	must make_alone -C "$root" install DESTDIR="$tmp/root" PREFIX=/usr &&
	must cp "$tmp/root/usr/sbin/skbext" "$built/" &&
	must cp -P "$tmp"/root/usr/lib/libskbext.so* "$built/" || return
	[ "$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=libdir skbext)" = /usr/lib ] ||
		wrong "skbext.pc does not say where it was installed"
}

# ---- running: namespaces and programs in them

in_ns() { nsenter --net="/run/netns/$1" "${@:2}"; }

# quiet_ns NAME: nothing in it sends on its own
quiet_ns()
{
	must ip netns add "$1" || return
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null
	must in_ns "$1" ip link set lo up
}

# pair NS DEV NS DEV: a veth pair that is up
pair()
{
	must in_ns "$1" ip link add "$2" type veth peer name "$4" netns "$3" &&
	must in_ns "$1" ip link set "$2" up &&
	must in_ns "$3" ip link set "$4" up
}

# start LOG NS CMD...: wait until it says that it is ready; 77 from it: this kernel cannot
start()
{
	local log=$tmp/$1 pid
	: >"$log"
	nsenter --net="/run/netns/$2" "${@:3}" >"$log" 2>&1 &
	pid=$!
	pids="$pid $pids"
	while ! grep -q '^ready' "$log"; do
		if ! kill -0 $pid 2>/dev/null; then
			wait $pid
			[ $? = 77 ] && skip=$(tail -n 1 "$log") ||
				wrong "${*:3}: $(tail -n 3 "$log")"
			return 1
		fi
		sleep 0.05
	done
}

stop_all()
{
	# shellcheck disable=SC2086 # a list
	[ -z "$pids" ] || { kill $pids && wait $pids; } 2>/dev/null
	pids=''
}

# number LOG NAME: the value that follows the name, the last time. Without another program: those
# take long in a guest.
number()
{
	[[ $'\n'$(<"$tmp/$1") =~ .*[^[:alnum:]_]$2" "([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# count NS COUNTER: packets that an nft counter saw; they passed every tc program before it
count()
{
	in_ns "$1" nft list counter ip t "$2" 2>/dev/null | awk '$1 == "packets" { print $2 }'
}

# arrived NS COUNTER N: wait for them
arrived()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(count "$1" "$2")" -lt "$3" ] 2>/dev/null || { sleep 0.1; return 0; }
		sleep 0.05
	done
	wrong "of $3 packets $(count "$1" "$2") arrived"
	return 1
}

cleanup_case()
{
	stop_all
	for ns in $near $mid $far; do
		ip netns del $ns 2>/dev/null
	done
}

cleanup()
{
	cleanup_case
	[ ! -e "$SKBEXT_BPFFS" ] || "$built/skbext" unload --force --bpffs "$SKBEXT_BPFFS" >/dev/null 2>&1
	rm -rf "$tmp"
}

is_complete()
{
	[ "$("$built/skbext" status --json --bpffs "$SKBEXT_BPFFS" | jq -r .guarantee)" = complete ]
}

# Hooks that the kernel skipped, and what was not trusted for that: packets have lost their metadata
# by design.
skipped()
{
	"$built/skbext" stats --json --bpffs "$SKBEXT_BPFFS" 2>/dev/null |
		jq '.missed_hooks + .distrusted' 2>/dev/null || echo 0
}

# run_case NAME [CMD...]: CMD if it is not called as the case is. Again, if it failed while hooks
# were skipped.
run_case()
{
	local name=$1 before tries
	[ $# -eq 1 ] || shift
	for tries in 1 2 3; do
		failures=0 skip='' before=$(skipped)
		"$@"
		cleanup_case
		[ "$failures" -gt 0 ] && [ "$(skipped)" != "$before" ] || break
		echo "again: $name: the kernel skipped hooks: $before before, $(skipped) after"
	done
	if [ "$failures" -gt 0 ]; then
		failed=1
		echo "FAIL $name: $failures checks"
	else
		[ -n "$skip" ] && echo "SKIP $name: $skip" || echo "PASS $name"
	fi
}

# All of them share one, as owners that know nothing of each other.
load_skbext()
{
	must "$built/skbext" load --bpffs "$SKBEXT_BPFFS" --payload 512
}

# ---- dscp: near ==tunnel== far, and between them a next hop that can be made unknown

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

# ---- verdict and xdpmeta: a receiver in far, judged or looked at as packets come in

# receiver_bed: near sends to 10.9.0.2, where somebody marks all packets and relies on it
receiver_bed()
{
	quiet_ns $near && quiet_ns $far && pair $near under0 $far under1 &&
	must in_ns $near ip addr add 10.9.0.1/24 dev under0 &&
	must in_ns $far ip addr add 10.9.0.2/24 dev under1 || return
	must in_ns $far nft -f - <<-NFT
		table ip t {
			counter seen { }
			counter marked { }
			counter late { }
			chain pre {
				type filter hook prerouting priority -150;
				udp dport 7000 meta mark set 81 counter name seen
			}
			chain input {
				type filter hook input priority 0;
				udp dport 7000 meta mark 81 counter name marked
			}
			chain behind {
				type filter hook input priority 20;
				udp dport 7000 meta mark 81 counter name late
			}
		}
	NFT
}

# send_words WORD...: a datagram each
send_words()
{
	in_ns $near bash -c '
		exec 3<>/dev/udp/10.9.0.2/7000
		for word; do
			printf "%s" "$word" >&3
		done' - "$@" || wrong "sending"
}

# expect_numbers LOG NAME VALUE...
expect_numbers()
{
	local log=$1
	shift
	while [ $# -gt 0 ]; do
		[ "$(number "$log" "$1")" = "$2" ] || wrong "$1 is $(number "$log" "$1"), not $2"
		shift 2
	done
}

verdict_beside_marks()
{
	local words='' n counter
	receiver_bed && start verdict $far "$built/verdict/verdict" under1 7000 || return
	for ((n = 0; n < 20; n++)); do
		words+=" deny$n pass$n quarantine$n"
	done
	# shellcheck disable=SC2086 # words
	send_words $words
	arrived $far seen 60
	stop_all
	sed 's/^/verdict: /' "$tmp/verdict" | grep -v ready
	expect_numbers verdict judged 60 denied 20 quarantined 20 passed 20 without 0 unseen 0 \
		arrived 20 wrong 0 mark 81
	for counter in 'marked 60' 'late 40'; do
		[ "$(count $far ${counter% *})" = "${counter#* }" ] ||
			wrong "who relies on the mark saw $(count $far ${counter% *}), not $counter"
	done
}

xdpmeta()	# generic | native
{
	local words='' n
	receiver_bed &&
		start xdpmeta $far "$built/xdpmeta/xdpmeta" "$1" under1 7000 || return
	for ((n = 0; n < 60; n++)); do
		words+=" id$((n + 10))"
	done
	# shellcheck disable=SC2086 # words
	send_words $words
	arrived $far seen 60
	stop_all
	sed "s/^/xdpmeta: $1: /" "$tmp/xdpmeta" | grep -v ready
	expect_numbers xdpmeta arrived 60 compared 60 differing 0 missing 0
	[ "$(number xdpmeta adopted)" -ge 60 ] || wrong "adopted only $(number xdpmeta adopted)"
}

xdpmeta_generic() { xdpmeta generic; }
xdpmeta_native() { xdpmeta native; }

# ---- brnf: near and two more hosts on a bridge in mid

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

# ---- mptcp: near and far with two links; far tells near of its second address

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

# ---- secpath: near sends to far through ESP

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

# ---- all of it

build_all()
{
	for tool in make pkg-config clang gcc jq nft; do
		command -v $tool >/dev/null && continue
		echo "SKIP examples: needs $tool"
		exit 0
	done
	run_case install_skbext
	[ "$failed" = 0 ] || exit 1
	for name in "$root"/tests/examples/*/Makefile; do
		name=${name%/Makefile}
		run_case "build_$(basename "$name")" build_example "$(basename "$name")"
	done
}

run_all()
{
	export LD_LIBRARY_PATH=$built
	[ "$(id -u)" = 0 ] || { echo "SKIP examples: needs root"; return; }
	for module in nf_tables nft_ct vxlan ip_gre ipip br_netfilter veth xfrm_user esp4 \
		      gcm ctr seqiv; do
		modprobe $module 2>/dev/null
	done
	run_case load_skbext
	[ "$failed" = 0 ] || return
	for name in ${only:-$CASES}; do
		run_case "$name"
	done
}

run_in_guest()
{
	local status
	LD_LIBRARY_PATH=$built "$root/scripts/vm-run" --kernel "$1" --timeout 500 \
		--file "$built" --file "$self" -- "$self" --run "$built" "$only" >"$tmp/guest" 2>&1
	status=$?
	sed -E "s/^(PASS|FAIL|SKIP) /&$1_/; s/^[a-z]+: /$1 &/" "$tmp/guest"
	case $status in
	0) grep -q '^PASS ' "$tmp/guest" && return; echo "FAIL $1_guest: it printed no result" ;;
	77) echo "SKIP $1_guest: $(tail -n 1 "$tmp/guest")"; return ;;
	*) grep -q '^FAIL ' "$tmp/guest" || echo "FAIL $1_guest: status $status" ;;
	esac
	failed=1
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
case $what in
build) build_all ;;
run) run_all ;;
guest) build_all; run_in_guest "$guest" ;;
all) build_all; run_all ;;
esac
exit $failed
