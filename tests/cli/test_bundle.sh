#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `skbext doctor --bundle`: what a bug report needs is in it, and what is nobody's business is not.

. "$(dirname "$0")/../lib/cases.sh"
dir=/sys/fs/bpf/skbext-bundle-$$

cleanup()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
	rm -rf "$tmp"
}
trap cleanup EXIT

after_case()
{
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
}

has()	# JQ-CONDITION
{
	[ "$(jq "$1" "$tmp/bundle" 2>&1)" = true ] || wrong "not true: $1"
}

what_is_needed_is_in_it()
{
	must "$skbext" load --bpffs "$dir" --type note:16 --capacity 64 &&
	must "$skbext" doctor --bpffs "$dir" --bundle "$tmp/bundle" || return
	[ "$(stat -c %a "$tmp/bundle")" = 600 ] || wrong "mode $(stat -c %a "$tmp/bundle")"
	has '.skbext != "" and .layout > 0 and .libbpf != ""'
	has ".kernel == \"$(uname -r)\" and .machine == \"$(uname -m)\""
	has '(.config | type == "object") or (.config | index("CONFIG_BPF_SYSCALL=y") != null)'
	has '.settings | has("kernel/ftrace_enabled") and has("lockdown")'
	has '.status | .mode != "" and (.hooks | length > 5) and .types[0].name == "note"'
	has '.stats.adds == 0 and (.stats.lost | length > 3)'
	has '.doctor | (.environment | length > 3) and (.hooks | all(has("others")))'
	has '[.programs[].name] | any(startswith("skbext_"))'
}

# As hex, as text and as numbers.
no_payload_is_in_it()
{
	local word payload
	payload=$(printf 'Geheimnis-9175x' | od -An -tx1 | tr -d ' \n')
	must "$skbext" load --bpffs "$dir" --type note:16 --capacity 64 &&
	must "$skbext" add --bpffs "$dir" 0xffff8881a5b6c700 note "$payload" &&
	must "$skbext" dump --bpffs "$dir" || return
	grep -q "$payload" "$tmp/out" || wrong "no record: $(cat "$tmp/out")"
	must unshare --uts sh -c 'hostname my-own-host && "$@"' - "$skbext" doctor --bpffs "$dir" \
		--bundle "$tmp/bundle" || return
	has '.status.types | length == 1'
	for word in Geheimnis 9175x 47656865696d6e6973 R2VoZWltbmlz 71,101,104 7307497701984592711 \
		a5b6c700 ffff888 ffffc90 my-own-host; do
		! grep -qi -- "$word" "$tmp/bundle" || wrong "$word is in it"
	done
}

# Whoever reports that load fails has nothing loaded, and may not be root.
what_is_missing_is_said()
{
	must "$skbext" doctor --bpffs "$dir" --bundle "$tmp/bundle" || return
	has '(.status.error | test("load")) and (.stats.error | test("load")) and .doctor.loaded == null'
	command -v setpriv >/dev/null || return
	cp "$skbext" "$tmp/skbext"
	mkdir -m 777 "$tmp/open"
	chmod 755 "$tmp" "$tmp/skbext"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$tmp/skbext" doctor --bundle "$tmp/open/b"
	[ "$status" = 0 ] || wrong "a user: status $status: $err"
	cp "$tmp/open/b" "$tmp/bundle"
	has '(.programs.error | test("permitted")) and .kernel != ""'
}

usage_is_checked()
{
	run "$skbext" doctor --bundle "$tmp/x" --measure 1
	[ "$status" = 2 ] && [ ! -e "$tmp/x" ] || wrong "with --measure: status $status"
	run "$skbext" doctor --bundle "$tmp/none/x"
	refused "no directory" "No such file"
}

command -v jq >/dev/null || { echo "SKIP bundle: no jq"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "SKIP bundle: not root"; exit 0; }
run_case what_is_needed_is_in_it
run_case no_payload_is_in_it
run_case what_is_missing_is_said
run_case usage_is_checked
exit $failed
