#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The cost of skbext for a packet, in guest instructions, against the counts in
# tests/icount/icount.expected. What is compared is what skbext adds to the same traffic without it, counted
# in the same run: a change of more than 1 % (5 % with another build of the kernel or another clang)
# fails until that file says so too. TCP's counts differ by up to a fifth from boot to boot (untagged 494
# to 580 on 7.3, skb_ext_add() 668 to 745). Totals are not compared: those of traffic with nothing
# attached move by 1 % from boot to boot.
#
#	tests/icount/test_icount.sh [--update]		write the file instead

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
expected=tests/icount/icount.expected
KERNELS='6.12 newest'
# Instructions: 0.1 % of a packet, by which two runs may differ.
NOISE=8
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT

clang_version()
{
	${CLANG:-clang} --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1
}

# rows LABEL: "label|kernel|clang|traffic, variant, detail|total|added"
rows()
{
	jq -r --arg name "$1" --arg clang "$(clang_version)" 'select(.median) |
		[$name, .kernel, $clang, (.traffic + ", " + .variant + ", " + .detail), .median,
		(.added // "")] | join("|")' "$tmp/$1"
}

# The counts of one kernel against those that stand.
compare()
{
	awk -F'|' -v label="$1" -v noise=$NOISE '
		function far(now, then, percent, least) {
			allowed = (then < 0 ? -then : then) * percent / 100
			allowed = allowed < least ? least : allowed
			return now - then > allowed || then - now > allowed
		}
		FNR == NR { total[$1, $4] = $5; added[$1, $4] = $6; made[$1] = $2 "|" $3; next }
		{
			seen++
			same = $2 "|" $3 == made[$1]
			printf "icount: %s: %s: %s, stands %s; added %s, stands %s\n",
				label, $4, $5, total[$1, $4], $6, added[$1, $4]
			udp = $4 ~ /^udp/
			if (!(($1, $4) in total) || $6 != "" &&
			    far($6, added[$1, $4], udp ? (same ? 1 : 5) : 20, udp ? noise : 60)) {
				print "    moved: " $4
				moved++
			}
		}
		END {
			if (seen && !same)
				print "icount: " label ": made with " $2 ", clang " $3 \
					"; the counts are of " made[$1]
			if (moved)
				print "FAIL icount_" label ": " moved " of " seen " counts moved"
			else if (seen)
				print "PASS icount_" label
		}' "$expected" "$tmp/$1.rows"
}

for tool in jq qemu-system-x86_64; do
	command -v $tool >/dev/null || { echo "SKIP icount: needs $tool"; exit 0; }
done
make --no-print-directory lib tests >"$tmp/make" 2>&1 ||
	{ echo "FAIL icount: it does not build"; exit 1; }
for label in $KERNELS; do
	{
		scripts/icount --guard "$label" >"$tmp/$label" 2>"$tmp/$label.err"
		echo $? >"$tmp/$label.status"
	} &
done
wait
failed=0
[ "$1" != --update ] || : >"$expected"
for label in $KERNELS; do
	case $(cat "$tmp/$label.status") in
	0) ;;
	77) echo "SKIP icount_$label: $(tail -n 1 "$tmp/$label.err")"; continue ;;
	*) echo "FAIL icount_$label: $(tail -n 1 "$tmp/$label.err")"; failed=1; continue ;;
	esac
	sed -n "s/^no row of the kernel's own extension: /SKIP icount_${label}_ext: /p" "$tmp/$label.err"
	rows "$label" >"$tmp/$label.rows"
	if [ "$1" = --update ]; then
		cat "$tmp/$label.rows" >>"$expected"
	else
		compare "$label" >"$tmp/$label.result"
		cat "$tmp/$label.result"
		grep -qE '^(PASS|SKIP) ' "$tmp/$label.result" || failed=1
	fi
done
exit $failed
