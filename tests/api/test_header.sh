#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# skbext.bpf.h as users compile it: README's own program at every optimization, with the warnings
# that they have on; what the compiler says of a mistake; skeletons in C and C++.

. "$(dirname "$0")/../lib/cases.sh"
bpftool=$("$root/scripts/setup" bpftool 2>/dev/null)
dir=/sys/fs/bpf/skbext-header-$$
trap 'rm -rf "$tmp" "$dir-pins"; "$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1' EXIT

# compile SOURCE OBJECT [FLAG...]
clang=clang
after_case()
{
	rm -rf "$dir-pins"
	"$skbext" unload --force --bpffs "$dir" >/dev/null 2>&1
}

compile()
{
	"$clang" -O2 -g -target bpf -I"$root/include" \
		-idirafter "/usr/include/$(gcc -print-multiarch)" -c "$1" -o "$2" "${@:3}" 2>"$tmp/err"
}

# The first C of the README, as it stands there.
readme_program()
{
	awk '/^```c$/ { on = 1; next } /^```$/ && on { exit } on' "$root/README.md" >"$tmp/readme.bpf.c"
	grep -q SKBEXT_TYPE "$tmp/readme.bpf.c" || wrong "the README has no program"
}

# Every operation, and payloads without a named struct.
all_operations() { cp "$root/tests/api/header_all.bpf.c" "$tmp/all.bpf.c"; }

compiles_without_a_warning()
{
	local flags source
	readme_program
	all_operations
	for source in readme all; do
		for flags in gnu11 gnu17 gnu2x 'gnu11 -DSKBEXT_BOUNDED'; do
			# shellcheck disable=SC2086 # flags
			compile "$tmp/$source.bpf.c" "$tmp/x.o" -Wall -Wextra -Wpedantic -Werror \
				-std=$flags || wrong "$source, $flags: $(head -n 3 "$tmp/err")"
		done
	done
}

# loads OBJECT: bound, by bpftool
loads()
{
	must "$skbext" bind "$1" "$tmp/bound.o" --bpffs "$dir" || return
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | $dir-pins |" >"$tmp/command"
	must mkdir "$dir-pins" && must bash -e "$tmp/command" && must rm -r "$dir-pins"
}

# loads_at SOURCE FLAG...
loads_at()
{
	compile "$tmp/$1.bpf.c" "$tmp/x.o" "${@:2}" && loads "$tmp/x.o" ||
		wrong "$clang, $*: $(head -n 3 "$tmp/err")"
}

# clang, and the newest that is installed beside it.
clangs()
{
	echo clang
	compgen -c clang- | grep -E '^clang-[0-9]+$' | sort -V | tail -n 1
}

# From clang 21 on there are no atomics that fetch below -mcpu=v3.
old_cpu_is_refused()
{
	compile "$tmp/all.bpf.c" "$tmp/x.o" "$1" && { wrong "$clang $1 compiles"; return; }
	[ "$(grep -c error: "$tmp/err")" = 1 ] && grep -q 'skbext: .*-mcpu=v3' "$tmp/err" ||
		wrong "$clang $1: $(cat "$tmp/err")"
}

loads_at_every_level()
{
	local level source how clang v4 old_cpu
	[ "$(id -u)" = 0 ] || { skip="needs root"; return; }
	readme_program
	sed -i 's|SEC("tcx/[a-z]*")|SEC("tc")|' "$tmp/readme.bpf.c"	# unknown to an old bpftool
	all_operations
	must "$skbext" load --bpffs "$dir" || return
	for clang in $(clangs); do
		v4=-mcpu=v4	# from clang 18 on
		compile "$tmp/all.bpf.c" "$tmp/x.o" $v4 || v4=
		old_cpu='-mcpu=v1 -mcpu=v2'
		[ "$("$clang" -dumpversion | cut -d. -f1)" -lt 21 ] || {
			old_cpu_is_refused -mcpu=v1
			old_cpu_is_refused -mcpu=v2
			old_cpu=
		}
		for source in all readme; do
			for level in 1 2 3 s z; do
				for how in $old_cpu -mcpu=v3 $v4 -DSKBEXT_BOUNDED; do
					loads_at "$source" -O$level $how
				done
			done
		done
	done
}

# indexed INDEX [FLAG...]: a program that writes and reads a payload of four there, as x.o
indexed()
{
	cat >"$tmp/index.bpf.c" <<-C
		#include <linux/bpf.h>
		#include <bpf/bpf_helpers.h>
		#include <skbext/skbext.bpf.h>
		struct four { __u32 v[4]; };
		SKBEXT_TYPE(four, struct four);
		SEC("tc")
		int indexed(struct __sk_buff *skb)
		{
			struct four *to = skbext_add(skb, four);
			const struct four *from = skbext_find(skb, four);
			__u32 i = skb->mark, sum = 0;

			if (to)
				to->v[$1] = 7;
			for (i = 0; i < 3; i++) {
				const struct four *again = skbext_find(skb, four);

				sum += again ? again->v[i] : 0;
			}
			i = skb->len;
			return from ? sum + from->v[$1] : 0;
		}
		char LICENSE[] SEC("license") = "GPL";
	C
	compile "$tmp/index.bpf.c" "$tmp/x.o" "${@:2}" || wrong "$*: $(head -n 3 "$tmp/err")"
	must "$skbext" bind "$tmp/x.o" "$tmp/bound.o" --bpffs "$dir" || return
	sed -n '/^bpftool/,$p' "$tmp/out" | sed "s| DIR | $dir-pins |; s/^bpftool/& -d/" >"$tmp/command"
	must mkdir -p "$dir-pins"
}

# The verifier does not let a program out of its own payload, if that is what it asked for.
bounded_payloads()
{
	local index
	[ "$(id -u)" = 0 ] || { skip="needs root"; return; }
	must "$skbext" load --bpffs "$dir" || return
	indexed 'i & 3' -DSKBEXT_BOUNDED && must bash -e "$tmp/command"
	rm -rf "$dir-pins"
	for index in 'i & 15' '(i & 3) - 2' '(i & 3) + 1'; do
		indexed "$index" -DSKBEXT_BOUNDED || return
		bash -e "$tmp/command" >"$tmp/out" 2>&1 && wrong "v[$index] loaded"
		grep -qE 'mem_size=16|value is negative|unbounded memory access' "$tmp/out" ||
			wrong "v[$index]: $(tail -n 3 "$tmp/out")"
		rm -rf "$dir-pins"
	done
}

unoptimized_is_refused()
{
	readme_program
	compile "$tmp/readme.bpf.c" "$tmp/x.o" -O0 && wrong "it compiled"
	grep -q 'error: .*skbext: .*-O0' "$tmp/err" || wrong "$(head -n 3 "$tmp/err")"
}

# mistake WHAT SED: what the compiler says names SKBEXT_TYPE
mistake()
{
	sed "$2" "$tmp/all.bpf.c" >"$tmp/mistake.bpf.c"
	compile "$tmp/mistake.bpf.c" "$tmp/x.o" && wrong "$1: it compiled"
	grep -v '^[[:space:]]*SKBEXT_TYPE(' "$tmp/err" | grep -q SKBEXT_TYPE ||
		wrong "$1: $(head -n 3 "$tmp/err")"
}

mistakes_name_the_remedy()
{
	all_operations
	mistake "undeclared, add" 's/skbext_add(skb, number)/skbext_add(skb, other)/'
	mistake "undeclared, find" 's/skbext_find(skb, four)/skbext_find(skb, other)/'
	mistake "undeclared, exist" 's/skbext_exist(skb, number)/skbext_exist(skb, other)/'
	mistake "undeclared, del" 's/skbext_del(skb, number)/skbext_del(skb, other)/'
	mistake "the struct's name" 's/skbext_find(skb, four)/skbext_find(skb, struct other)/'
	mistake "one argument, add" 's/skbext_add(skb, number)/skbext_add(skb)/'
	mistake "one argument, exist" 's/skbext_exist(skb, number)/skbext_exist(skb)/'
	mistake "one argument, type" 's/SKBEXT_TYPE(four, four_t)/SKBEXT_TYPE(four_t)/'
	mistake "three arguments, type" 's/SKBEXT_TYPE(four, four_t)/SKBEXT_TYPE(four, four_t, 1)/'
}

# skeleton_in COMPILER SUFFIX: nothing stands before it, and nobody knows the payloads
skeleton_in()
{
	local name
	readme_program
	all_operations
	for name in readme all; do
		compile "$tmp/$name.bpf.c" "$tmp/$name.o" || wrong "$(head -n 3 "$tmp/err")"
		"$bpftool" gen skeleton "$tmp/$name.o" name it >"$tmp/it.skel.h" ||
			wrong "no skeleton of $name"
		cat >"$tmp/user.$2" <<-'C'
			#include "it.skel.h"
			int main(void)
			{
				struct it *skel = it__open();

				return !skel || !skel->rodata_skbext->__skbext_cfg[0];
			}
		C
		must "$1" -Wall -Wextra -Werror "$tmp/user.$2" -o "$tmp/user" -lbpf &&
		must "$tmp/user"
	done
}

skeleton_in_c() { skeleton_in gcc c; }

skeleton_in_cxx()
{
	command -v g++ >/dev/null || { skip="no g++"; return; }
	skeleton_in g++ cc
}

# `skbext dump` decodes payloads of types that only the object has described.
payloads_are_described()
{
	local type
	[ "$(id -u)" = 0 ] || { skip="needs root"; return; }
	all_operations
	compile "$tmp/all.bpf.c" "$tmp/all.o" &&
	must "$skbext" load --bpffs "$dir" &&
	must "$skbext" bind "$tmp/all.o" "$tmp/bound.o" --bpffs "$dir" &&
	must "$skbext" add 0xffff888000001000 number 0700000000000000 --bpffs "$dir" &&
	must "$skbext" add 0xffff888000001000 four 0100020003000400 --bpffs "$dir" &&
	must "$skbext" dump --json --bpffs "$dir" || return
	for type in '.number.value == 7' '.four.value == [1, 2, 3, 4]'; do
		jq -e ".records[0].types | $type" "$tmp/out" >/dev/null ||
			wrong "not $type: $(jq -c .records[0].types "$tmp/out")"
	done
}

for tool in clang gcc jq; do
	command -v $tool >/dev/null && [ -n "$bpftool" ] && continue
	echo "SKIP header: needs $tool, bpftool"
	exit 0
done
run_case compiles_without_a_warning
run_case loads_at_every_level
run_case bounded_payloads
run_case unoptimized_is_refused
run_case mistakes_name_the_remedy
run_case skeleton_in_c
run_case skeleton_in_cxx
run_case payloads_are_described
exit $failed
