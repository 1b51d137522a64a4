#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The kernel matrix: each kernel of tests/kernels/kernels.list is booted in an emulated machine, and runs
# tests/kernels/guest.sh. Case names begin with the kernel's label.
#
#	KERNEL=label	only that one, which may also be one that is not in the list
#	MATRIX=list	the rows of that file instead (tests/kernels/matrix.list, `make matrix`): other
#			images, other machines and other settings. KERNEL= then is a row's name
#	STEPS="name..."	only these steps of guest.sh

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
out=$root/.output
tmp=$(mktemp -d)
# Slow when emulated; all of it runs on all kernels in `make matrix`. The kernels between the oldest
# and the newest have nothing for OUTERMOST that those have not. What depends on the kernel least, or
# takes five minutes and more, is for the NEWEST alone. The examples are loaded on the machine itself as
# well, and the OLDEST verifier is the one to refuse them.
OUTERMOST='cli test_missed test_api_bind test_api_bound test_bound_file test_purge test_series test_series_tc'
NEWEST='test_replace test_trace test_measure test_hostile test_limit test_crowd test_api_records'
OLDEST='examples'
LIMIT=${LIMIT:-2700}	# seconds for one kernel on a busy machine; usual is a quarter of it

cleanup()
{
	local job
	for job in $(jobs -p); do
		kill "$job" 2>/dev/null
	done
	wait
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

labels()
{
	if [ -n "$KERNEL" ]; then
		echo "$KERNEL"
	else
		awk '!/^#/ && NF { print $1 }' "${MATRIX:-tests/kernels/kernels.list}"
	fi
}

# A row of the matrix: its kernel, the machine's options, the guest's settings. What is not in it is
# a kernel's label, on two CPUs.
row()	# NAME: sets kernel, options, settings
{
	local line
	kernel=$1 options=() settings=()
	[ -z "$MATRIX" ] || line=$(awk -v name="$1" '$1 == name' "$MATRIX")
	[ -n "$line" ] || return
	# shellcheck disable=SC2086 # words of a row
	set -- $line
	kernel=$2
	shift 2
	for word; do
		case $word in
		cpus=*) options+=(--cpus "${word#*=}") ;;
		hole=*) options+=(--hole "${word#*=}") ;;
		append=*) options+=(--append "${word#*=}") ;;
		*) settings+=("with-$word") ;;
		esac
	done
}

# First those that have most to do, or one of them would end alone.
longest_first()
{
	labels | sed '1!{$!d}'
	labels | sed '1d;$d'
}

# The steps of tests/kernels/guest.sh that are no test programs come first and last.
steps()	# LABEL
{
	[ -z "$STEPS" ] || { tr ' ' '\n' <<<"$STEPS"; return; }
	[[ $(left_out "$1") = *cli* ]] || echo cli
	kernel_tests "$1"
	echo paths
	[ "${#examples[@]}" = 0 ] || [[ $(left_out "$1") = *examples* ]] || echo examples
	echo lockdown
}

left_out()	# LABEL
{
	[ -z "$KERNEL$MATRIX" ] || return
	case $1 in
	"$(labels | head -n 1)") echo "$NEWEST" ;;
	"$(labels | tail -n 1)") echo "$OLDEST" ;;
	*) echo "$NEWEST $OUTERMOST $OLDEST" ;;
	esac
}

# The programs whose outcome depends on the kernel, a brief native oracle among them. The store's
# own tests do not: they never leave user space.
kernel_tests()	# LABEL
{
	local source name except
	except=$(left_out "$1")
	for source in tests/*/test_*.c; do
		name=$(basename "$source" .c)
		case $name in
		test_store*) ;;
		*) [[ $except =~ (^|[[:space:]])$name([[:space:]]|$) ]] || [ ! -x "$out/tests/$name" ] || echo "$name" ;;
		esac
	done
	echo oracle
}

# tests/examples/test_examples.sh built them, unless only the matrix is run or something has changed since.
build_examples()
{
	local dir=$out/tests/examples newer
	newer=$(find tests/examples include "$out/skbext" -newer "$dir/skbext" -print -quit 2>&1)
	if [ -n "$newer" ]; then
		tests/examples/examples.sh --build "$dir" >"$tmp/examples" 2>&1
	fi
	if [ -x "$dir/skbext" ]; then
		examples=(--file "$dir" --file "$root/tests/examples/examples.sh")
	else
		grep -E '^(FAIL|SKIP) ' "$tmp/examples" ||
			echo "FAIL examples: $(tail -n 1 "$tmp/examples")"
		grep -q '^SKIP ' "$tmp/examples" || failed=yes
	fi
}

# Payloads that the verifier bounds: what it sizes differs least between neighbours.
bounded()	# LABEL
{
	[ -z "$KERNEL$MATRIX" ] && [ "$1" != "$(labels | head -n 1)" ] &&
		[ "$1" != "$(labels | tail -n 1)" ] || echo "$out"/tests/bounded/*.bpf.o
}

# boot LABEL [OPTION]: what is not done yet; output in $tmp/LABEL
boot()
{
	local name done kernel options settings
	local files=(--file "$root/tests/kernels/guest.sh" --file "$out/skbext" "${examples[@]}")
	done=$(sed -n 's/^done: \([^ ]*\) .*/\1/p' "$tmp/$1")
	for name in "$out"/tests/*.bpf.o $(bounded "$1") "$out/tests/paths" \
		    $(kernel_tests "$1" | sed "s|^|$out/tests/|"); do
		files+=(--file "$name")
	done
	row "$1"
	# shellcheck disable=SC2046 # names of steps
	scripts/vm-run --kernel "$kernel" ${2:+"$2"} --cpus 2 "${options[@]}" --mem 1024 \
		--timeout $LIMIT "${files[@]}" -- "$root/tests/kernels/guest.sh" "$out" "${settings[@]}" \
		$(steps "$1" | grep -vxF -e "$done") >>"$tmp/$1" 2>&1
}

# The emulator's own failures. Oops: int3, and the lockup: see vm-run's --in-turn; what is not the
# emulator's comes again there. One machine hung once, as its first case began, and the same tree did
# not again.
is_emulators()	# LABEL STATUS
{
	[ "$2" = 92 ] || grep -qE 'Oops: int3|BUG: soft lockup' "$tmp/$1"
}

only_done()	# FILE: all but what follows the last step that was done
{
	awk '{ line[NR] = $0 } /^done: / { last = NR }
		END { for (n = 1; n <= last; n++) print line[n] }' "$1"
}

# The finished steps of a machine that died stay; its last step begins again.
run_kernel()	# LABEL: output in $tmp/LABEL, what went wrong with the machine itself at its end
{
	local status kernel options settings
	: >"$tmp/$1"
	row "$1"
	if ! scripts/kernel-fetch "$kernel" >/dev/null 2>"$tmp/$1.why"; then
		echo "SKIP kernel: $(tail -n 1 "$tmp/$1.why")" >"$tmp/$1"
		return
	fi
	boot "$1"
	status=$?
	if is_emulators "$1" $status; then
		mv "$tmp/$1" "$tmp/$1.died"
		only_done "$tmp/$1.died" >"$tmp/$1"
		{ echo -n "again: in turn, from here: "; tail -n 1 "$tmp/$1.died"; } >>"$tmp/$1"
		boot "$1" --in-turn
		status=$?
	fi
	case $status in
	0) grep -qE '^(PASS|FAIL|SKIP) ' "$tmp/$1" ||
		echo "FAIL kernel: it ran, and printed no result" ;;
	77) echo "SKIP kernel: $(tail -n 1 "$tmp/$1")" ;;
	90) echo "FAIL kernel: it complained (see above)" ;;
	92) echo "FAIL kernel: it hung, twice" ;;
	124) echo "FAIL kernel: not done after $LIMIT seconds" ;;
	1) grep -q '^FAIL ' "$tmp/$1" || echo "FAIL kernel: status 1 without a reason" ;;
	*) echo "FAIL kernel: the machine ended with status $status" ;;
	esac >"$tmp/$1.end"
	cat "$tmp/$1.end" >>"$tmp/$1"
}

# Lines of results get the label as part of the case's name; numbers get it in front.
show()
{
	sed -E "s/^(PASS|FAIL|SKIP) /&$1 /; s/^(lifecycle |measure |path |again |[a-z]+: )/$1 &/" \
		"$tmp/$1"
}

# Two at a time: emulation takes a CPU each, and waits a lot while it boots.
shown='' failed='' examples=()
build_examples
for label in $(longest_first); do
	while [ "$(jobs -pr | wc -l)" -ge 2 ]; do
		wait -n
	done
	run_kernel "$label" &
done
wait
for label in $(labels); do
	show "$label"
	shown=yes
	! grep -q '^FAIL ' "$tmp/$label" || failed=yes
done
[ -n "$shown" ] || echo "FAIL kernels: ${MATRIX:-tests/kernels/kernels.list} names none"
[ -n "$shown" ] && [ -z "$failed" ]
