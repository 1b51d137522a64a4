# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # of tests/examples/examples.sh, which reads this file
# verdict: packets are judged as they come in

CASES+=' verdict_beside_marks'

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
