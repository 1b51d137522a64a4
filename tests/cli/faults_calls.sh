# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Which of a command's system calls count, from what strace wrote. Sourced by faults.sh, with
# $has_stacks.
# shellcheck shell=bash

# stacks COMMAND: how many of a call's innermost lines tell it from others, and whether the last
# call of them counts beside the first
stacks()
{
	case $1 in
	doctor | bundle | trace) echo 1 0 ;;
	*) echo 3 1 ;;
	esac
}

# pick DEPTH LAST CHANGES <TRACE: "NAME ORDINAL" of each call that counts, in their order. CHANGES:
# only those that change what outlives the process. Of reads there are no stacks: it takes too long.
pick()
{
	awk -v depth="$1" -v last="$2" -v only="$3" -v stacks="$has_stacks" '
		function end_of_call()
		{
			if (name == "" || name ~ /^(exit|[+]|-)/)
				return
			if (name == "munmap")
				ours = 1
			if (!ours || only && !changes)
				return
			at[++calls] = name " " nr[name]
			if (changes || !(place in first))
				picked[calls] = 1
			if (!(place in first))
				first[place] = calls
			final[place] = calls
		}
		/^ > / {
			if ($2 ~ /skbext\(/ && frames++ < depth)
				place = place " " $2
			next
		}
		{
			end_of_call()
			name = $0
			sub(/[(].*/, "", name)
			nr[name]++
			frames = 0
			place = name == "bpf" ? $1 : name
			if (!stacks)
				place = place " " nr[name]
			changes = /^(mkdir|rmdir|unlink|rename|link|symlink|ftruncate|fchmod|chmod|write|sendto|mount|umount|bpf[(]BPF_(OBJ_PIN|PROG_TEST_RUN|LINK_|RAW_TRACEPOINT_OPEN))/
		}
		END {
			end_of_call()
			for (place in final)
				if (last)
					picked[final[place]] = 1
			for (i = 1; i <= calls; i++)
				if (i in picked)
					print at[i]
		}'
}

# reads <TRACE: the same of reads, the first and the last of each file
reads()
{
	awk '
		/^munmap/ { ours = 1 }
		!/^read[(]/ { next }
		{ nr++; sub(/^read[(][0-9]*</, ""); sub(/>.*/, "") }
		!ours { next }
		!($0 in first) { first[$0] = nr }
		{ last[$0] = nr }
		END {
			for (file in first) {
				print "read", first[file]
				if (last[file] != first[file])
					print "read", last[file]
			}
		}' | sort -nk2
}
