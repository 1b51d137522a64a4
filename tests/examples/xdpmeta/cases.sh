# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # of tests/examples/examples.sh, which reads this file
# xdpmeta: packets are looked at as they come in

CASES+=' xdpmeta_generic xdpmeta_native'

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
