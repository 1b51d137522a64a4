#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The library stands in floors, as user/lib/internal.h lists them: its files call each other in no
# circle, and none calls a floor over its own. Headers and sources include each other in no circle.

. "$(dirname "$0")/../lib/cases.sh"
trap 'rm -rf "$tmp"' EXIT

# calls NM-OUTPUT: "CALLER CALLEE SYMBOL", for each call from one object to another
calls()
{
	awk '
		{ file = $1; sub(/:.*/, "", file); sub(/.*\//, "", file); sub(/\.o$/, "", file) }
		$(NF - 1) ~ /^[TDBR]$/ { owner[$NF] = file }
		$(NF - 1) == "U" { wants[++n] = file " " $NF }
		END {
			for (i = 1; i <= n; i++) {
				split(wants[i], w)
				if (w[2] in owner && owner[w[2]] != w[1])
					print w[1], owner[w[2]], w[2]
			}
		}' "$1" | sort -u
}

# The objects of the library, without those whose source has gone.
symbols()
{
	local objects=("$root"/user/lib/*.c)
	objects=("${objects[@]##*/}")
	objects=("${objects[@]/%.c/.o}")
	nm -A "${objects[@]/#/$root/.output/lib/}" 2>"$tmp/err" || wrong "$(head -n 1 "$tmp/err")"
}

# circles: of "FROM TO [WHY]" on stdin, the lines that go from one file of a circle to another
circles()
{
	cat >"$tmp/edges"
	awk '{ print $1, $2 }' "$tmp/edges" | sort -u | tsort 2>&1 >/dev/null |
		sed -n 's/^tsort: //p' | grep -v 'contains a loop' >"$tmp/loop"
	awk 'NR == FNR { in_it[$1] = 1; next } $1 in in_it && $2 in in_it' "$tmp/loop" "$tmp/edges"
}

# floors: "FILE NUMBER", as internal.h lists them
floors()
{
	awk '
		/^ \*\/$/ && n { exit }
		/^ \*\t[a-z]+: / { n++; next }
		n { for (i = 2; i <= NF; i++) { sub(/\.c$/, "", $i); print $i, n } }
	' "$root/user/lib/internal.h"
}

# upward CALLS: those that lead to a higher floor
upward()
{
	awk 'NR == FNR { floor[$1] = $2; next } floor[$2] > floor[$1] { print $1, "->", $2 ": " $3 }' \
		<(floors) "$1"
}

# includes DIR...: "FILE INCLUDED", of files in there; <...> are those of include/
includes()
{
	find "$@" -name '*.[ch]' >"$tmp/files"
	xargs grep -HoE '^#include +["<][^">]+' <"$tmp/files" | sed -E 's/:#include +/ /' |
	awk -v include="$root/include" '
		NR == FNR { known[$1] = 1; next }
		{
			from = $1
			sub(/\/[^\/]*$/, "", from)
			path = ($2 ~ /^"/ ? from : include) "/" substr($2, 2)
			while (sub(/\/[^\/]+\/\.\.\//, "/", path));
			if (path in known)
				print $1, path
		}' "$tmp/files" - | sed "s|$root/||g"
}

each_file_has_its_floor()
{
	local listed built
	listed=$(floors | cut -d' ' -f1 | sort)
	built=$(cd "$root/user/lib" && printf '%s\n' *.c | sed 's/\.c$//' | sort)
	[ "$listed" = "$built" ] || wrong "$(diff <(echo "$listed") <(echo "$built") | grep '^[<>]')"
}

no_calls_in_a_circle()
{
	local found
	symbols >"$tmp/nm"
	calls "$tmp/nm" >"$tmp/calls"
	[ "$(wc -l <"$tmp/calls")" -gt 50 ] || wrong "only $(wc -l <"$tmp/calls") calls were seen"
	found=$(circles <"$tmp/calls")
	[ -z "$found" ] || wrong "a circle: $found"
}

no_call_goes_up()
{
	local found
	symbols >"$tmp/nm"
	calls "$tmp/nm" >"$tmp/calls"
	found=$(upward "$tmp/calls")
	[ -z "$found" ] || wrong "$found"
}

no_includes_in_a_circle()
{
	local found
	includes "$root"/{include,bpf,user} >"$tmp/includes"
	[ "$(wc -l <"$tmp/includes")" -gt 50 ] || wrong "only $(wc -l <"$tmp/includes") were seen"
	found=$(circles <"$tmp/includes")
	[ -z "$found" ] || wrong "a circle: $found"
}

# One that pin.o would close by a call of skbext_close(), and one of two headers.
a_circle_is_seen()
{
	local found
	{ symbols; echo "x/pin.o:                 U skbext_close"; } >"$tmp/nm"
	calls "$tmp/nm" >"$tmp/calls"
	found=$(circles <"$tmp/calls")
	[[ $found == *"pin skbext skbext_close"* ]] || wrong "of a call: $found"
	found=$(upward "$tmp/calls")
	[ "$found" = "pin -> skbext: skbext_close" ] || wrong "upward: $found"
	mkdir "$tmp/headers"
	echo '#include "b.h"' >"$tmp/headers/a.h"
	echo '#include "a.h"' >"$tmp/headers/b.h"
	found=$(includes "$tmp/headers" | circles | wc -l)
	[ "$found" = 2 ] || wrong "of headers: $found"
}

run_case each_file_has_its_floor
run_case no_calls_in_a_circle
run_case no_call_goes_up
run_case no_includes_in_a_circle
run_case a_circle_is_seen
exit $failed
