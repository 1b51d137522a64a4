#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What users build and load with, on each Debian suite: its compilers, libbpf, bpftool, bpftrace, Go
# and Rust. Each suite is a chroot below ~/.cache/skbext, made by debootstrap from the archive that this
# machine uses; in_suite.sh runs there on a copy of the tree, against the running kernel. A chroot is
# kept and used without network; remove it to have the suite as it is today.
#
#	SUITE=sid	that suite alone
#	CASE=name	that case of in_suite.sh alone
#	UPDATE=1	write what was verified to verified.expected
#
# .output/toolchains has SUITE.table, a line for each way to compile each source, and SUITE.log.
# Mounts are in a namespace of this script's own: none is left, however it ends.
set -u -o pipefail

[ "$(id -u)" = 0 ] || { echo "toolchains: needs root" >&2; exit 1; }
[ -n "${IN_MOUNTS:-}" ] || IN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
cache=${SKBEXT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/skbext}/chroots
out=$root/.output/toolchains
mkdir -p "$cache" "$out"

# More than scripts/setup build brings. A suite may lack some, and in_suite.sh says so.
EXTRAS='jq g++ git kmod ethtool strace iputils-ping python3-jsonschema bpftrace gcc-bpf libclang-rt-dev
golang-go golang-github-cilium-ebpf-dev cargo librust-libbpf-rs-dev'

in_chroot() { chroot "$cache/$1" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"; }

# What stands in the machine's sources.list line for a suite, without options and components.
address() { "$root/scripts/setup" archive "$1" | awk '{ print $(NF - 2) }'; }

bootstrap()	# SUITE
{
	local from
	from=$(address "$1") && rm -rf --one-file-system "${cache:?}/$1" &&
	debootstrap --variant=minbase --include=ca-certificates,iproute2 "$1" "$cache/$1" "$from" &&
	"$root/scripts/setup" archive "$1" >"$cache/$1/etc/apt/sources.list" &&
	echo force-unsafe-io >"$cache/$1/etc/dpkg/dpkg.cfg.d/unsafe-io" &&
	touch "$cache/$1.made"
}

install_in()	# SUITE PACKAGE...
{
	in_chroot "$1" DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends install "${@:2}"
}

# The compilers that the suite has, each that clang-N is, from 14 on.
clang_packages()
{
	in_chroot "$1" apt-cache pkgnames clang- | grep -E '^clang-(1[4-9]|[2-9][0-9])$'
}

# The list of what was tried is kept: another one is tried again.
install_extras()	# SUITE
{
	local package
	[ "$(cat "$cache/$1.made")" = "$EXTRAS" ] && return
	# As this machine's apt gets what it gets: by what proxy, how old.
	apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-|Languages)' \
		>"$cache/$1/etc/apt/apt.conf.d/machine"
	cp /etc/resolv.conf "$cache/$1/etc/" &&
	in_chroot "$1" apt-get -qq update || return
	for package in $EXTRAS $(clang_packages "$1"); do
		install_in "$1" "$package" || echo "$1 lacks $package"
	done
	in_chroot "$1" apt-get clean
	echo "$EXTRAS" >"$cache/$1.made"
}

# Its root is a mount, which unshare asks for.
mount_in()	# SUITE
{
	local dir
	mount --bind "$cache/$1" "$cache/$1" || return
	for dir in proc sys dev; do
		mount --rbind "/$dir" "$cache/$1/$dir" || return
	done
	mount -t bpf -o mode=0700 bpf "$cache/$1/sys/fs/bpf"
}

copy_tree()	# SUITE
{
	mkdir -p "$cache/$1/skbext" &&
	find "$cache/$1/skbext" -mindepth 1 -maxdepth 1 ! -name .output -exec rm -r {} + &&
	tar -C "$root" -c --exclude=./.output --exclude=./.git . | tar -C "$cache/$1/skbext" -x &&
	in_chroot "$1" /skbext/scripts/setup build
}

prepare()	# SUITE
{
	[ -e "$cache/$1.made" ] || bootstrap "$1" || return
	mount_in "$1" && install_extras "$1" && copy_tree "$1"
}

# run_suite SUITE: prints its cases, whose names begin with the suite's
run_suite()
{
	prepare "$1" >"$out/$1.prepare" 2>&1 </dev/null || {
		echo "FAIL ${1}_chroot: $(tail -n 1 "$out/$1.prepare") ($out/$1.prepare)"
		return
	}
	rm -f "$cache/$1/skbext/.output/table"
	in_chroot "$1" SUITE="$1" /skbext/tests/toolchains/in_suite.sh ${CASE:-} 2>"$out/$1.log" </dev/null |
		sed -uE "s/^(PASS|FAIL|SKIP) /&${1}_/" | tee "$out/$1.cases" ||
		grep -q '^FAIL ' "$out/$1.cases" || echo "FAIL ${1}_ended: see $out/$1.log"
	cp "$cache/$1/skbext/.output/table" "$out/$1.table" 2>/dev/null || : >"$out/$1.table"
}

# Of each compiler and program, the most that the verifier went through in this run. What the run did not
# have stays as it is, if that is of the same kernel.
write_expected()
{
	local expected=$root/tests/toolchains/verified.expected
	local kernel
	kernel="# kernel $(uname -r | cut -d. -f1-2)"
	[ "$(head -n 1 "$expected")" = "$kernel" ] || echo "$kernel" >"$expected"
	# shellcheck disable=SC2046 # words
	cat "$expected" $(printf "$out/%s.table " $suites) | awk '
		FNR == 1 { print; next }
		!/: / { stands[$1 " " $2 " " $3] = $4 }
		/: ok / {
			for (i = NF; $i != "ok"; i--) {
				split($i, of, "=")
				key = $1 " " $2 " " of[1]
				if (of[2] > 0 && of[2] > most[key]) most[key] = of[2]
			}
		}
		END {
			for (key in most) stands[key] = most[key]
			for (key in stands) print key, stands[key] | "sort -V"
		}' >"$out/verified" && cp "$out/verified" "$expected"
}

command -v debootstrap >/dev/null || { echo "toolchains: run scripts/setup toolchains" >&2; exit 1; }
suites=${SUITE:-bookworm trixie sid}
for suite in $suites; do
	echo "== $suite"
	run_suite "$suite"
done | tee "$out/cases"
[ -z "${UPDATE:-}" ] || write_expected
passed=$(grep -c '^PASS ' "$out/cases") failed=$(grep -c '^FAIL ' "$out/cases")
echo "$passed passed, $failed failed, $(grep -c '^SKIP ' "$out/cases") skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
