#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# skbext top, as somebody at a terminal sees it: the screen of a tmux of its own, with keys sent to it;
# reports in a pipe; recordings and their replay. Replayed snapshots make what is shown repeatable.
#
#	tests/cli/test_top.sh [CASE]

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"

for tool in jq tmux; do
	command -v $tool >/dev/null || { echo "FAIL top: no $tool; scripts/setup test brings it"; exit 1; }
done
mount --make-rprivate /
mount -t bpf -o mode=0700 bpf /sys/fs/bpf || { echo "FAIL top: no bpffs of its own"; exit 1; }
export -n TMUX
trap 'tmux -S "$tmp/tmux" kill-server 2>/dev/null; "$skbext" unload --force >/dev/null 2>&1; rm -rf "$tmp"' EXIT

tm()
{
	tmux -f /dev/null -S "$tmp/tmux" "$@"
}

after_case()
{
	tm kill-server 2>/dev/null
	"$skbext" unload --force >/dev/null 2>&1
}

# A terminal of 80x24 in which top runs. Its exit status is in $tmp/ended.
on_screen()	# ARG...
{
	rm -f "$tmp/ended"
	tm new-session -d -x 80 -y 24 "$skbext top $*; status=\$?; stty -a >'$tmp/stty'; echo \$status >'$tmp/ended'"
}

keys()
{
	tm send-keys "$@"
}

# shows WHAT PATTERN: sooner or later, and a hang is a minute
shows()
{
	for _ in {1..300}; do
		tm capture-pane -p >"$tmp/screen"
		! grep -qE -- "$2" "$tmp/screen" || return 0
		sleep 0.2
	done
	wrong "$1: no '$2' in: $(cat "$tmp/screen")"
	return 1
}

ends()
{
	for _ in {1..300}; do
		[ ! -s "$tmp/ended" ] || break
		sleep 0.2
	done
	[ "$(cat "$tmp/ended")" = "$1" ] || wrong "it ended with $(cat "$tmp/ended"), not $1"
}

# The order of two words, each at the start of a line of the screen.
before()
{
	[ "$(grep -oE "^($1|$2) " "$tmp/screen" | tr -d ' ' | tr '\n' ' ')" = "$1 $2 " ] ||
		wrong "$1 is not before $2: $(cat "$tmp/screen")"
}

# snapshot CLOCK ADDS RUNS: a second has 100 adds more, say; two hooks, two types, and a loss
snapshot()
{
	jq -nc --argjson clock "$1" --argjson adds "$2" --argjson runs "$3" '{
		time: (1700000000 + $clock), clock: $clock, mode: "exact", guarantee: "complete",
		reason: "", healthy: false,
		stats: { live: 50, capacity: 200, orphans: 1, untrusted: 0, refs: 0, adds: $adds,
			shares: 0, releases: 0, dels: 0, cow: 0, add_failed: 7,
			lost: { add_failed: 7, purged: 0 } },
		types: [ { name: "alpha", size: 8, flags: ["noclone"], live: 10, shared: 2 },
			{ name: "beta", size: 4, flags: [], live: 40, shared: 0 } ],
		bound: [ { name: "tagger", id: 7, type: "sched_cls", tag: "00", pids: [12, 34],
				types: ["alpha", "beta"] } ],
		ages: [ { from: 0, records: 10 }, { from: 1, records: 0 }, { from: 10, records: 40 } ],
		hooks: [ { name: "zz_hook", kind: "fentry", role: "release", attached: true, missed: 0,
				runs: $runs, run_time_ns: ($runs * 10) },
			{ name: "aa_hook", kind: "fentry", role: "share", attached: true, missed: 3,
				runs: ($runs / 2), run_time_ns: ($runs * 100) },
			{ name: "gone", kind: "tp_btf", role: "fate", attached: false, missed: 0,
				runs: 0, run_time_ns: 0 } ] }'
}

recording()
{
	snapshot 10 1000 0
	snapshot 12 1200 2000
}

# The changes between two snapshots, by the second.
reports_are_made_of_two_snapshots()
{
	recording >"$tmp/recording"
	run "$skbext" top --batch --replay "$tmp/recording"
	[ "$status" = 0 ] || wrong "status $status: $err"
	grep -q 'exact, complete, NOT HEALTHY' "$tmp/out" || wrong "no health: $out"
	grep -q '^records 50 of 200 (25.0%), orphans 1, ' "$tmp/out" || wrong "records: $out"
	grep -q '^each second: adds 100  shares 0  ' "$tmp/out" || wrong "rates: $out"
	grep -Eq '^add_failed +7 +0.0$' "$tmp/out" || wrong "losses: $out"
	! grep -q '^purged' "$tmp/out" || wrong "a loss of nothing: $out"
	grep -Eq '^alpha +10 +2 +8 +noclone' "$tmp/out" || wrong "types: $out"
	grep -Eq '^tagger +sched_cls +7 +12,34  alpha,beta$' "$tmp/out" || wrong "who is bound: $out"
	grep -Eq '^ +0 s +10  #{10}$' "$tmp/out" && grep -Eq '^ +10 s +40  #{40}$' "$tmp/out" &&
		! grep -q '^ *1 s ' "$tmp/out" || wrong "ages: $out"
	grep -Eq '^zz_hook +release +1000 +10 +0.00 +0$' "$tmp/out" || wrong "a hook: $out"
	grep -Eq '^aa_hook +share +500 +200 +0.01 +3$' "$tmp/out" || wrong "another: $out"
	grep -Eq '^gone +fate +NOT ATTACHED$' "$tmp/out" || wrong "one that is gone: $out"
	[ "$(awk 'length > 80' "$tmp/out")" = "" ] || wrong "wider than 80: $out"
}

reports_are_filtered()
{
	recording >"$tmp/recording"
	run "$skbext" top --batch --replay "$tmp/recording" --filter a
	grep -q '^only names with: a$' "$tmp/out" && grep -q '^tagger ' "$tmp/out" &&
		grep -q '^beta ' "$tmp/out" && grep -q '^aa_hook ' "$tmp/out" || wrong "a: $out"
	! grep -Eq '^(zz_hook|gone) ' "$tmp/out" || wrong "more than asked for: $out"
	grep -Eq '^add_failed +7' "$tmp/out" || wrong "losses are hidden: $out"
	run "$skbext" top --batch --filter 12345678901234567890123456789012
	[ "$status" = 2 ] || wrong "too long: status $status: $err"
}

reports_are_sorted()
{
	recording >"$tmp/recording"
	run "$skbext" top --batch --replay "$tmp/recording"
	cp "$tmp/out" "$tmp/screen"
	before zz_hook aa_hook
	before beta alpha
	for sort in name time missed; do
		run "$skbext" top --batch --replay "$tmp/recording" --sort $sort
		cp "$tmp/out" "$tmp/screen"
		before aa_hook zz_hook
	done
	run "$skbext" top --batch --sort nix
	[ "$status" = 2 ] || wrong "an order that there is not: status $status"
}

# A load that took the place of another begins to count at 0; and there may be none.
reports_survive_an_unload()
{
	snapshot 10 1000 2000 >"$tmp/recording"
	echo '{"time":1,"clock":11,"error":"skbext is not loaded"}' >>"$tmp/recording"
	snapshot 12 50 10 >>"$tmp/recording"
	snapshot 13 10 10 >>"$tmp/recording"
	run "$skbext" top --batch --replay "$tmp/recording"
	[ "$status" = 0 ] || wrong "status $status: $err"
	grep -q 'not loaded' "$tmp/out" || wrong "it does not say that it is gone: $out"
	[ "$(grep -o 'adds [0-9]*' "$tmp/out" | tr '\n' ' ')" = 'adds 0 adds 10 ' ] || wrong "rates: $out"
}

recordings_may_be_anything()
{
	printf '{"stats":{"lost":{"\\u001b[2J":1}},"types":[3,{"name":7,"flags":["a\\u0007"]}],"hooks":{"a":1}}\n%s\n' \
		'{"time":"x","hooks":[null,[],{"name":"\u001b]0;x"}]}' '{"clock":-1e300}' >"$tmp/recording"
	run "$skbext" top --batch --replay "$tmp/recording"
	[ "$status" = 0 ] || wrong "status $status: $err"
	! grep -q $'[\033\007]' "$tmp/out" || wrong "a terminal's control sequence: $out"
	echo nonsense >>"$tmp/recording"
	run "$skbext" top --batch --replay "$tmp/recording"
	refused "a damaged line" damaged
	run "$skbext" top --batch --replay /dev/null
	refused "an empty one" "ends here"
	run "$skbext" top --replay "$tmp/nothing"
	refused "none" "No such file"
	run "$skbext" top --batch --record "$tmp/no/such"
	refused "nowhere to record" "No such file"
}

records_what_it_shows()
{
	must "$skbext" load --type a:8,noclone && must "$skbext" add 0xffff888000001000 a 01 || return
	run "$skbext" top --batch --reports 2 --interval 200ms --record "$tmp/recording" --run-time
	[ "$status" = 0 ] || wrong "status $status: $err"
	cp "$tmp/out" "$tmp/live"
	[ "$(grep -c '^records 1 of' "$tmp/out")" = 2 ] || wrong "two reports: $out"
	[ "$(jq -s 'length == 3 and all(.[]; .types[0].live == 1 and .stats.adds == 1)' \
		"$tmp/recording")" = true ] || wrong "recorded: $(cat "$tmp/recording")"
	run "$skbext" top --batch --replay "$tmp/recording" --interval 200ms
	cmp "$tmp/live" "$tmp/out" || wrong "replayed, it is another: $out"
	run "$skbext" top --json --reports 1 --interval 100ms
	[ "$(jq '.stats.live' <<<"$out")" = 1 ] || wrong "json: $out $err"
}

# By program and by age, which begins with the first look.
records_who_is_bound_and_since_when_records_are_there()
{
	must "$skbext" load && must "$skbext" attach "$objs/attach_write.bpf.o" --dev lo --egress || return
	must "$skbext" add 0xffff888000001000 "$("$skbext" type list --json | jq -r '.types[0].name')" 01
	run "$skbext" top --json --jsonl --reports 2 --interval 1100ms
	cp "$tmp/out" "$tmp/lines"
	"$skbext" status --json >"$tmp/status"
	[ "$(jq -c '[.bound[] | [.id, .name, .types]]' "$tmp/status")" = \
		"$(jq -sc '[.[-1].bound[] | [.id, .name, .types]]' "$tmp/lines")" ] &&
		[ "$(jq '.bound | length' "$tmp/status")" -gt 0 ] || wrong "bound: $(cat "$tmp/lines")"
	[ "$(jq -s '.[-1].ages | [.[0].records, ([.[1:][].records] | add)] | join(" ")' "$tmp/lines")" = \
		'"0 1"' ] || wrong "ages: $(jq -sc '.[-1].ages' "$tmp/lines")"
}

# A hook that runs whenever something is freed.
run_times_are_measured()
{
	must "$skbext" load --mode tracepoint || return
	run "$skbext" top --batch --reports 1 --interval 500ms --run-time
	awk '$1 == "kmem_cache_free" && $3 > 0 && $4 > 0 { found = 1 } END { exit !found }' "$tmp/out" ||
		wrong "no runs: $out $err"
	[ "$(cat /proc/sys/kernel/bpf_stats_enabled)" != 0 ] || {
		run "$skbext" top --batch --reports 1 --interval 100ms
		grep -Eq '^kmem_cache_free +release +- ' "$tmp/out" || wrong "still measured: $out"
	}
}

refuses_where_it_cannot()
{
	run "$skbext" top
	refused "nothing is loaded" "no skbext is loaded"
	must "$skbext" load || return
	run "$skbext" top
	refused "no terminal" "not a terminal" --batch
	tm new-session -d "TERM=nix $skbext top 2>'$tmp/said'; echo \$? >'$tmp/ended'"
	ends 1
	grep -q 'TERM names no terminal' "$tmp/said" || wrong "unknown terminal: $(cat "$tmp/said")"
}

screen_shows_what_is_loaded()
{
	must "$skbext" load --type a:8,noclone && on_screen --interval 200ms || return
	shows "the type" '^a +0 +0 +8  noclone'
	must "$skbext" add 0xffff888000001000 a 01
	shows "the record" '^a +1 +0 +8  noclone'
	shows "the total" '^records 1 of'
	must "$skbext" unload
	shows "the unload" 'not loaded'
	must "$skbext" load --type b:4
	shows "the next load" '^b +0 +0 +4'
	keys q
	ends 0
	grep -q ' echo ' "$tmp/stty" || wrong "the terminal is left without echo"
}

# What stopped the watch is the title: nobody has unloaded it.
screen_says_what_happened()
{
	must "$skbext" load --type a:8,noclone && on_screen --interval 200ms || return
	shows "the type" '^a +0 +0 +8  noclone'
	rm /sys/fs/bpf/skbext/slots
	shows "the damage" '^skbext top .* cannot be read'
	grep -q '/sys/fs/bpf/skbext/slots is missing' "$tmp/screen" || wrong "why: $(cat "$tmp/screen")"
	! grep -q 'not loaded' "$tmp/screen" || wrong "it is loaded: $(cat "$tmp/screen")"
	must "$skbext" unload --force
	shows "the unload" '^skbext top .* not loaded'
	keys q
	ends 0
}

screen_takes_keys()
{
	recording >"$tmp/recording"
	on_screen --replay "$tmp/recording" --interval 200ms
	shows "the end" 'the recording ends here' && shows rates 'adds 100 '
	before zz_hook aa_hook
	keys N
	shows "sorted by name" '^HOOK' && sleep 0.5 && tm capture-pane -p >"$tmp/screen"
	before aa_hook zz_hook
	before alpha beta
	keys h
	shows help '^q +quit'
	keys h
	shows "back" '^HOOK'
	keys p
	shows pause PAUSED
	keys p
	shows "the end, again" 'NOT HEALTHY  every'
	keys / z z
	shows "a filter that is typed" '^only names with: zz_'
	keys BSpace o Enter
	shows "it" '^only names with: zo$'
	keys / BSpace BSpace g o Enter
	shows "another" '^only names with: go$' && grep -q '^gone' "$tmp/screen" || wrong "$(cat "$tmp/screen")"
	! grep -q '^zz_hook' "$tmp/screen" || wrong "it filters nothing: $(cat "$tmp/screen")"
	keys Escape
	shows "all again" '^zz_hook'
	keys +
	shows "a longer interval" 'every 0.4 s'
	keys C-c
	ends 0
}

# The user scrolls to rows that have no room; the head stays.
screen_is_resized()
{
	recording >"$tmp/recording"
	on_screen --replay "$tmp/recording" --interval 200ms
	shows all '^gone'
	tm resize-window -x 60 -y 10
	shows "the head" '^records 50'
	for _ in {1..50}; do
		tm capture-pane -p >"$tmp/screen"
		grep -q '^gone' "$tmp/screen" || break
		sleep 0.2
	done
	! grep -q '^gone' "$tmp/screen" || wrong "ten lines have room for all: $(cat "$tmp/screen")"
	for _ in {1..20}; do
		keys Down
	done
	shows "the end" '^gone' && shows "the head" '^records 50'
	tm resize-window -x 20 -y 2
	tm resize-window -x 120 -y 50
	shows "all again" '^LOST BY' && shows "all again" '^gone'
	keys q
	ends 0
}

# Without the library, all but the screen.
builds_without_ncurses()
{
	local objects
	objects=$(cd "$root/user" && ls cli/*.c cli/*/*.c | grep -v top/screen |
		sed "s|\(.*\)\.c|$root/.output/\1.o|")
	must gcc -std=gnu11 -D_GNU_SOURCE= -I"$root/include" -c "$root/user/cli/top/screen.c" \
		-o "$tmp/screen.o" &&
	must gcc $objects "$tmp/screen.o" "$root/.output/libskbext.a" -ljansson -lbpf -lelf -lz \
		-lpthread -o "$tmp/skbext" || return
	recording >"$tmp/recording"
	run "$tmp/skbext" top --replay "$tmp/recording"
	refused "the screen" "built without ncurses" --batch
	run "$tmp/skbext" top --batch --replay "$tmp/recording"
	[ "$status" = 0 ] && [[ $out == *alpha* ]] || wrong "a report: $status $out $err"
}

run_case reports_are_made_of_two_snapshots
run_case reports_are_filtered
run_case reports_are_sorted
run_case reports_survive_an_unload
run_case recordings_may_be_anything
run_case records_what_it_shows
run_case records_who_is_bound_and_since_when_records_are_there
run_case run_times_are_measured
run_case refuses_where_it_cannot
run_case screen_shows_what_is_loaded
run_case screen_says_what_happened
run_case screen_takes_keys
run_case screen_is_resized
run_case builds_without_ncurses
exit $failed
