#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Compiles a source in each way that users do, and loads what comes of it on the running kernel:
#
#	each_way.sh CLANG SOURCE
#
# One line each way: "CLANG SOURCE FLAGS: ok PROGRAM=INSTRUCTIONS...", which the verifier went through
# ("-": this kernel refuses such programs), "... : refused: what the header said", or "failed: why".

clang=$1 source=$2
name=$(basename "$source" .bpf.c)
arch=$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
dir=/sys/fs/bpf/$clang-$name
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; .output/skbext unload --force --bpffs "$dir" >/dev/null 2>&1' EXIT

knows() { "$clang" -target bpf "$1" -x c -c /dev/null -o /dev/null 2>/dev/null; }

# What a user of the newest C may have on. vmlinux.h compiles with neither, and maps of libbpf do not always.
set_warnings()
{
	warnings=(-Wall -Wextra -Wno-unused-parameter -Werror)
	[[ $name == @(readme|header_all) ]] || return
	warnings=(-Wall -Wextra -Wpedantic -Werror -std=gnu2x)
	! knows -std=gnu23 || warnings[-1]=-std=gnu23
}

compile()	# FLAG...
{
	"$clang" -g -target bpf -Iinclude -I.output -Itests/api -Itests/lib -Itests/lifecycle \
		-D__TARGET_ARCH_"$arch" -idirafter "/usr/include/$(gcc -print-multiarch)" \
		"${warnings[@]}" "$@" -c "$source" -o "$tmp/x.o" 2>"$tmp/err"
}

# The header may refuse the oldest CPUs, in one line of its own, and nothing else.
why_not()	# FLAG...
{
	local said
	said=$(grep -m 1 error: "$tmp/err" || tail -n 1 "$tmp/err")
	if [[ $* == *-mcpu=v[12]* && $said == *'skbext: '* ]] && [ "$(grep -c error: "$tmp/err")" = 1 ]; then
		echo "refused: ${said#*error: }"
	else
		echo "failed: ${said#*error: }"
	fi
}

# What the verifier ends with, before it counts; or what libbpf does.
why_not_loaded()
{
	grep -B 1 -m 1 '^processed ' "$tmp/err" | head -n 1 | grep . ||
		grep -v '^load: ' "$tmp/err" | tail -n 1
}

one_way()	# FLAG...
{
	local result
	if ! compile "$@"; then
		result=$(why_not "$@")
	elif ! .output/verified "$tmp/x.o" "$dir" >"$tmp/out" 2>"$tmp/err"; then
		result="failed: $(why_not_loaded)"
	else
		result="ok $(tr ' \n' '= ' <"$tmp/out")"
	fi
	echo "$clang $name $*: ${result% }"
}

# The README's program and that of all operations in every way, the others at every level.
each_way()
{
	local level cpu cpus='v1 v2 v3'
	! knows -mcpu=v4 || cpus+=' v4'
	for level in 1 2 3 z; do
		[[ $name == @(readme|header_all) ]] || { one_way -O$level -mcpu=v3; continue; }
		for cpu in $cpus; do
			one_way -O$level -mcpu=$cpu
			one_way -O$level -mcpu=$cpu -DSKBEXT_BOUNDED
		done
	done
}

set_warnings
payload=128	# the default
[[ $name != api_@(max|eight) ]] || payload=2040
.output/skbext load --payload $payload --bpffs "$dir" >"$tmp/out" 2>"$tmp/err" ||
	{ echo "$clang $name: failed: $(tail -n 1 "$tmp/err")"; exit; }
each_way
