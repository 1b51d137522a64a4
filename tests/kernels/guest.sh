#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# tests/kernels/test_kernels.sh runs this inside each kernel, step by step:
#
#	tests/kernels/guest.sh BUILD_DIRECTORY STEP...
#
#	with-stats	from here on with kernel.bpf_stats_enabled
#	with-hotplug	from here on the last CPU goes and comes
#	cli		the command line in the mode that this kernel must offer
#	paths		some rows of the path table
#	examples	those that were brought
#	lockdown	the kernel's, which nothing but a new boot ends: the last step
#	anything else	the test program of that name
#
# After each step comes a line "done: STEP n s".

out=$1
shift
skbext=$out/skbext
export SKBEXT_TEST_OBJS=$out/tests
# One for each hook that the traffic of the tests does not reach, or not for sure; tests/paths/paths.sh
# takes them all.
PATHS='gro_stolen_head napi_reuse_skb ip_fragment_list ip6_fragment_list ip_reassembly
drop_full_socket'
bad=0

result()	# NAME WHAT: passed if WHAT is empty
{
	if [ -z "$2" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $2"
		bad=1
	fi
}

# Each hook that frees, shares or scrubs has two programs, where softirqs preempt each other.
second_programs()
{
	local want=0 is
	[[ $(uname -v) != *PREEMPT_RT* ]] || want=8	# that of the UDP queue waits for a type with drop-udp
	is=$("$skbext" status --json |
		jq '[.hooks[] | select(.attached and (.name | endswith("-2")))] | length')
	[ "$is" = "$want" ] || echo "$is hooks have a second program, not $want"
}

# Not one of these kernels refuses fentry: less than complete is a failure here.
cli_complete()
{
	"$skbext" load --require complete --type note:16 >/dev/null ||
		{ echo "load --require complete"; return; }
	"$skbext" status --json | tr -d ' \n' | grep -q '"mode":"exact","guarantee":"complete"' ||
		echo "status is not exact and complete"
	"$skbext" status --json | tr -d ' \n' | grep -q '"healthy":true' ||
		echo "status is not healthy"
	"$skbext" status | grep -q 'does not hold: .*xfrm_iptfs' || echo "status names nothing not followed"
	second_programs
	"$skbext" doctor >/dev/null || echo "doctor is not content"
	"$skbext" unload >/dev/null || echo "unload"
	[ ! -e /sys/fs/bpf/skbext ] || echo "something is still pinned"
}

field()	# NAME: of status --json
{
	"$skbext" status --json 2>/dev/null | jq -r ".$1"
}

# A guarantee that cannot be proved is not complete, and every command says why.
cli_not_proved()
{
	local why=max_net_namespaces
	echo 0 >/proc/sys/user/$why
	"$skbext" load --require complete 2>/run/err && echo "--require complete, not proved"
	grep -q "$why" /run/err || echo "--require complete does not say why: $(cat /run/err)"
	[ ! -e /sys/fs/bpf/skbext ] || echo "something is pinned"
	"$skbext" load 2>/run/err >/dev/null || echo "load"
	grep -q "partial: .*$why" /run/err || echo "load does not say why: $(cat /run/err)"
	[ "$(field mode) $(field guarantee)" = "exact partial" ] || echo "status: $(field guarantee)"
	[[ $(field reason) = *$why* ]] || echo "status does not say why: $(field reason)"
	"$skbext" doctor --json | jq -r .why | grep -q "$why" || echo "doctor does not say why"
	"$skbext" unload >/dev/null || echo "unload"
	echo 10000 >/proc/sys/user/$why
}

lockdown()
{
	local file=/sys/kernel/security/lockdown
	mount -t securityfs none /sys/kernel/security
	[ -w $file ] || { echo "SKIP lockdown: this kernel has none"; return; }
	result lockdown "$(
		echo confidentiality >$file || echo "cannot lock down"
		"$skbext" load 2>/run/err && echo "load in lockdown"
		[ "$(wc -l </run/err)" = 1 ] || echo "load: more than a line"
		grep -q "lockdown is confidentiality" /run/err || echo "load: $(cat /run/err)"
		for json in "" --json; do
			"$skbext" doctor $json >/run/lines 2>/run/err && echo "doctor $json: status 0"
			grep -q "lockdown is confidentiality" /run/lines || echo "doctor $json"
		done
		[ ! -e /sys/fs/bpf/skbext ] || echo "something is pinned")"
}

cli_records()
{
	local skb=0xffff888000001000

	"$skbext" load --type note:16 >/dev/null || { echo "load"; return; }
	"$skbext" add $skb note 0102 >/dev/null || echo "add"
	"$skbext" find $skb note | grep -q 0102 || echo "find shows something else"
	"$skbext" dump | grep -q $skb || echo "dump lacks the record"
	"$skbext" del $skb note >/dev/null || echo "del"
	"$skbext" stats --json | tr -d ' \n' | grep -q '"live":0' || echo "live is not 0"
	"$skbext" unload >/dev/null || echo "unload"
}

# The limit of a cgroup above it, as cgroup v2 has it.
cli_memory_limit()
{
	local group=/sys/fs/cgroup/limited limit=40
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control || { echo "no controller of memory"; return; }
	mkdir -p $group/below
	echo ${limit}M >$group/memory.max
	bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' $group/below "$skbext" load --capacity 400000 \
		>/dev/null 2>/run/err && echo "load beyond its limit"
	[ "$(wc -l </run/err)" = 1 ] || echo "more than a line: $(cat /run/err)"
	grep -q "cgroup /limited is limited to $limit MiB (memory.max)" /run/err || cat /run/err
	[ ! -e /sys/fs/bpf/skbext ] || echo "something is pinned"
	rmdir $group/below $group || echo "the cgroup is in use"
}

# The drop at a policy point cannot be taken away alone, nor one of its two programs: all trust ends with it.
cli_policy_pin_removed()
{
	cli_one_pin_removed skb_scrub_packet
	[[ $(uname -v) != *PREEMPT_RT* ]] || cli_one_pin_removed skb_scrub_packet-2
}

cli_one_pin_removed()	# NAME
{
	local pin=/sys/fs/bpf/skbext/links/$1 skb=0xffff888000001000 _
	"$skbext" load --require complete --type note:16 >/dev/null || { echo "load"; return; }
	"$skbext" add $skb note 0102 >/dev/null || echo "add before it"
	rm $pin || echo "the hook is not attached"
	[ "$(field guarantee)" = none ] || echo "guarantee $(field guarantee) without the hook"
	[[ $(field reason) = *$1* ]] || echo "reason: $(field reason)"
	# The kernel detaches in a worker.
	for _ in {1..100}; do
		"$skbext" add $skb note 0102 >/dev/null 2>/run/err || break
		sleep 0.1
	done
	grep -q "is stopped.*unload and load again" /run/err || echo "add after it: $(cat /run/err)"
	"$skbext" find $skb note >/dev/null 2>&1 && echo "a record is still found"
	"$skbext" unload >/dev/null || echo "unload"
}

# That the kernel stops bound programs when hooks go is not taken from the name of a pin.
cli_unload_damaged()
{
	"$skbext" load --require complete --type note:16 >/dev/null || { echo "load"; return; }
	rm /sys/fs/bpf/skbext/slots
	"$skbext" unload >/dev/null 2>/run/err && echo "unload without the slots"
	grep -q "cannot stop.*unload --force" /run/err || echo "unload: $(cat /run/err)"
	"$skbext" unload --force >/dev/null || echo "unload --force"
	[ ! -e /sys/fs/bpf/skbext ] || echo "something is still pinned"
}

# For its exit status alone: a variant that does not find the records it wrote fails.
cli_bench()
{
	local ours
	ours=$("$skbext" bench --quick --only packets --json 2>&1) ||
		{ echo "$ours" | tail -n 1; return; }
	ours=$(echo "$ours" | jq -r '.packets.mode') || echo "no JSON"
	[ "$ours" = exact ] || echo "mode $ours"
}

last_trail()	# VARIABLE of attach_read.bpf.c
{
	for _ in {1..5}; do echo x >/dev/udp/127.0.0.1/9; done 2>/dev/null
	bpftool -j map dump name attach_r.bss | jq ".[0].formatted.value[\".bss\"][] | .$1 // empty"
}

# By tcx, or by clsact on kernels that have none; a program at a tracepoint sees the same packets.
cli_attach()
{
	local write=$SKBEXT_TEST_OBJS/attach_write.bpf.o
	ip link set lo up
	"$skbext" load >/dev/null || { echo "load"; return; }
	"$skbext" attach "$SKBEXT_TEST_OBJS/attach_read.bpf.o" --dev lo --tracing >/run/attached ||
		echo "attach_read"
	"$skbext" attach "$write" --dev lo --egress >>/run/attached || echo "attach_write"
	[ "$(last_trail at_tc) $(last_trail at_trace)" = "123 123" ] ||
		echo "trail: $(last_trail at_tc) $(last_trail at_trace)"
	"$skbext" attach "$write" --dev lo --egress --prog three --name first --before one >>/run/attached ||
		echo "attach --before"
	"$skbext" attach "$write" --dev lo --egress --prog one --name last --prio 60 >>/run/attached ||
		echo "attach --prio"
	[ "$(last_trail at_tc)" = 31231 ] || echo "trail: $(last_trail at_tc)"
	"$skbext" unload 2>/dev/null && echo "unload while they are attached"
	"$skbext" detach --dev lo >/dev/null || echo "detach"
	[ -z "$(tc qdisc show dev lo clsact)" ] || echo "clsact is left"
	"$skbext" unload >/dev/null || echo "unload"
	[ ! -e /sys/fs/bpf/skbext ] || echo "something is still pinned"
}

run_examples()
{
	local status
	"$(dirname "$0")/../examples/examples.sh" --brief "$out/tests/examples" >/run/lines 2>&1
	status=$?
	cat /run/lines
	[ "$status" = 0 ] || bad=1
	grep -qE '^(PASS|FAIL|SKIP) ' /run/lines ||
		result examples "exit status $status without a case"
}

run_test()	# LABEL PROGRAM ARGUMENT...
{
	local label=$1 program=$2 lines status
	shift 2
	"$out/tests/$program" "$@" >/run/lines
	status=$?
	sed "s/^\(PASS\|FAIL\|SKIP\) /&$label/" /run/lines
	lines=$(grep -cE '^(PASS|FAIL|SKIP) ' /run/lines)
	[ "$status" = 0 ] || bad=1
	if [ "$lines" = 0 ] || { [ "$status" != 0 ] && ! grep -q '^FAIL ' /run/lines; }; then
		result "$label$program" "exit status $status after $lines cases"
	fi
}

# As long as the machine runs.
plug()
{
	local cpu
	cpu=$(ls -d /sys/devices/system/cpu/cpu[1-9]* | tail -n 1)
	[ -w "$cpu/online" ] || { echo "FAIL hotplug: no CPU to unplug"; bad=1; return; }
	while sleep 3; do
		echo 0 >"$cpu/online"
		sleep 1
		echo 1 >"$cpu/online"
	done >/dev/null 2>&1 &
}

run_step()
{
	case $1 in
	with-stats)
		result stats "$(echo 1 2>&1 >/proc/sys/kernel/bpf_stats_enabled)" ;;
	with-hotplug) plug ;;
	cli)
		result cli_complete "$(cli_complete 2>&1)"
		result cli_not_proved "$(cli_not_proved 2>&1)"
		result cli_records "$(cli_records 2>&1)"
		result cli_memory_limit "$(cli_memory_limit 2>&1)"
		result cli_policy_pin_removed "$(cli_policy_pin_removed 2>&1)"
		result cli_attach "$(cli_attach 2>&1)"
		echo "attached at: $(grep -oE 'tcx|clsact' /run/attached | sort -u)"
		result cli_unload_damaged "$(cli_unload_damaged 2>&1)"
		result cli_bench "$(cli_bench 2>&1)" ;;
	paths)
		# shellcheck disable=SC2086 # names of rows
		run_test path_ paths $PATHS ;;
	examples) run_examples ;;
	lockdown) lockdown ;;
	test_api)
		run_test "" test_api
		[ ! -d "$out/tests/bounded" ] ||
			SKBEXT_TEST_OBJS=$out/tests/bounded run_test bounded_ test_api ;;
	test_lifecycle)
		run_test "" test_lifecycle
		SKBEXT_TEST_MODE=tracepoint run_test tracepoint_ test_lifecycle ;;
	*) run_test "" "$1" ;;
	esac
}

# A socket pays for its filter, sk_filter_charge(): the 20 KiB of 6.1 are too little for one that adds.
[ "$(cat /proc/sys/net/core/optmem_max)" -ge 131072 ] || echo 131072 >/proc/sys/net/core/optmem_max

for step; do
	start=$SECONDS
	run_step "$step"
	echo "done: $step $((SECONDS - start)) s"
done
exit $bad
