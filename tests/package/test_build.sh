#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Building and installing as packagers do: by an ordinary user, in a path with a space, without the
# running kernel's BTF, with flags of their own, to directories of their own.

. "$(dirname "$0")/../lib/cases.sh"
trap 'rm -rf "$tmp"' EXIT
export -n MAKEFLAGS MAKELEVEL MFLAGS

as_user()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

# source_in DIR: the tree without what was built, owned by whoever builds
source_in()
{
	must mkdir -p "$1" &&
	must tar -C "$root" --exclude=./.output --exclude=./.git -cf "$tmp/tree.tar" . &&
	must tar -C "$1" -xf "$tmp/tree.tar" || return
	[ "$(id -u)" != 0 ] || must chown -R 65534:65534 "$1"
}

# build_in DIR [VARIABLE...]
build_in()
{
	as_user env HOME=/nonexistent make -C "$1" "${@:2}" all >"$tmp/out" 2>"$tmp/err" ||
		wrong "$*: $(tail -n 3 "$tmp/err")"
}

# A kernel's BTF need not be where it is built, and what was built says nothing of where that was.
same_bytes_anywhere()
{
	local file
	source_in "$tmp/first" && source_in "$tmp/with a space" || return
	must cp "$root/.output/vmlinux.h" "$tmp/vmlinux.h" && must chmod -R a+rX "$tmp" || return
	build_in "$tmp/first" VMLINUX_H="$tmp/vmlinux.h"
	build_in "$tmp/with a space" VMLINUX_H="$tmp/vmlinux.h" CPPFLAGS=-DNDEBUG
	for file in skbext libskbext.a libskbext.so.0.1.0 exact.bpf.o; do
		cmp "$tmp/first/.output/$file" "$tmp/with a space/.output/$file" ||
			wrong "$file differs"
		! grep -aqF "$tmp" "$tmp/first/.output/$file" || wrong "$file says where it was built"
	done
}

no_btf_is_told()
{
	must mkdir "$tmp/empty" && must cp -r "$root"/{Makefile,bpf,include,scripts,user} "$tmp/empty" ||
		return
	make -C "$tmp/empty" VMLINUX_BTF=/nonexistent lib >"$tmp/out" 2>"$tmp/err" && wrong "it built"
	grep -q 'no /nonexistent; give VMLINUX_BTF=.*VMLINUX_H=' "$tmp/err" ||
		wrong "said: $(tail -n 3 "$tmp/err")"
}

# The loader that README shows, linked by what pkg-config says and nothing else.
loader()
{
	cat >"$tmp/loader.c" <<-'C'
		#include <bpf/libbpf.h>
		#include <skbext/skbext.h>
		int main(int argc, char **argv)
		{
			struct bpf_object *obj = bpf_object__open(argv[argc - 1]);
			int err = obj ? skbext_bind(obj, 0) : -1;

			err = err ? err : bpf_object__load(obj);
			bpf_object__close(obj);
			return err ? 1 : 0;
		}
	C
}

# links_with FLAG...: the loader, with pkg-config in $flags
links_with()
{
	eval "gcc -Wall -Werror $tmp/loader.c -o $tmp/loader $* $flags" >"$tmp/out" 2>"$tmp/err" ||
		wrong "$* $flags: $(grep -m 2 -E 'error|undefined|missing' "$tmp/err")"
}

# installed VARIABLE...: with these, and uninstalled without a file left
installed()
{
	must make -C "$root" install "$@"
}

links_with_pkg_config_alone()
{
	local flags prefix="$tmp/my prefix"
	loader
	installed PREFIX="$prefix" || return
	flags=$(PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --cflags --libs skbext)
	links_with "-Wl,-rpath,'$prefix/lib'"
	"$tmp/loader" /nonexistent 2>/dev/null
	[ $? = 1 ] || wrong "the loader does not run"
	must make -C "$root" uninstall PREFIX="$prefix"
	[ -z "$(find "$prefix" -type f -o -type l)" ] || wrong "left: $(find "$prefix" -type f)"
}

links_statically()
{
	local flags
	loader
	installed PREFIX="$tmp/prefix" || return
	flags=$(PKG_CONFIG_PATH="$tmp/prefix/lib/pkgconfig" pkg-config --static --cflags --libs skbext)
	rm "$tmp"/prefix/lib/*.so*
	links_with -static
}

# As libbpf-bootstrap and users of libxdp link: the program brings a libbpf of its own. The library must call
# that one for what they share, whatever version it is: another one may know a struct bpf_object otherwise.
takes_the_libbpf_of_the_program()
{
	local flags archive
	archive=$(pkg-config --variable=libdir libbpf)/libbpf.a
	[ -e "$archive" ] || { skip="no $archive"; return; }
	loader
	installed PREFIX="$tmp/two" || return
	flags="-I$tmp/two/include -L$tmp/two/lib -lskbext -lelf -lz"
	links_with "'$archive'" "-Wl,-rpath,'$tmp/two/lib'"
	LD_BIND_NOW=1 LD_DEBUG=bindings "$tmp/loader" /nonexistent 2>&1 |
		grep -E "libskbext.so.0 .*symbol .(bpf_(object|program|map|link)__|btf)" >"$tmp/bindings"
	grep -q " to $tmp/loader .*bpf_object__" "$tmp/bindings" ||
		wrong "the library does not call the program's libbpf"
	! grep -v " to $tmp/loader " "$tmp/bindings" >"$tmp/second" ||
		wrong "a second libbpf: $(head -n 1 "$tmp/second")"
	must make -C "$root" uninstall PREFIX="$tmp/two"
}

# What the header declares, what the library has, and what packages are told: three lists of the same names.
exports_what_the_header_declares()
{
	local header
	header=$(sed -n '/^SKBEXT_API/,/;/p' "$root/include/skbext/skbext.h" | grep -oE '\bskbext_[a-z_]+\(' |
		tr -d '(' | sort -u)
	nm -D --defined-only "$root/.output/libskbext.so.0.1.0" |
		sed -n 's/.* T \(.*\)@@SKBEXT_0.1.0$/\1/p' | sort >"$tmp/exported"
	[ "$(wc -l <"$tmp/exported")" -gt 30 ] || wrong "few functions: $(cat "$tmp/exported")"
	[ "$header" = "$(cat "$tmp/exported")" ] ||
		wrong "header and library: $(diff <(echo "$header") "$tmp/exported" | grep '^[<>]' | tr '\n' ' ')"
	sed -n 's/^ \(skbext_.*\)@SKBEXT_0.1.0 .*/\1/p' "$root/scripts/packaging/debian/libskbext0.symbols" |
		sort >"$tmp/packaged"
	cmp "$tmp/exported" "$tmp/packaged" >/dev/null ||
		wrong "library and libskbext0.symbols: $(diff "$tmp/exported" "$tmp/packaged" | grep '^[<>]' | tr '\n' ' ')"
	[ "$(nm -D --defined-only "$root/.output/libskbext.so.0.1.0" | grep -c ' T ')" = \
		"$(wc -l <"$tmp/exported")" ] || wrong "it exports more, or without a version"
}

# Compilers and flags that packagers choose: each builds without a warning, and what is built runs.
builds_in_other_ways()
{
	local way
	source_in "$tmp/ways" && must cp "$root/.output/vmlinux.h" "$tmp/vmlinux.h" &&
		must chmod -R a+rX "$tmp" || return
	for way in "CC=clang CFLAGS=-O0" "CC=gcc CFLAGS=-O2 -flto=auto"; do
		rm -rf "$tmp"/ways/.output/{cli,lib,libskbext*,skbext}	# the BPF programs stay
		build_in "$tmp/ways" VMLINUX_H="$tmp/vmlinux.h" "${way%% *}" "${way#* }"
		! grep -q 'warning:' "$tmp/err" || wrong "$way: $(grep -m 1 'warning:' "$tmp/err")"
		[[ $("$tmp/ways/.output/skbext" version) == *layout* ]] || wrong "$way: it does not run"
	done
}

# Whoever moves the tree, or has it below a sysroot, asks with --define-prefix.
directories_of_ones_own()
{
	local dest=$tmp/dest pc said
	installed DESTDIR="$dest" prefix=/usr libdir=/usr/lib/x86_64-linux-gnu sbindir=/usr/bin || return
	pc=$dest/usr/lib/x86_64-linux-gnu/pkgconfig/skbext.pc
	[ -x "$dest/usr/bin/skbext" ] || wrong "no command in sbindir"
	[ -e "$dest/usr/include/skbext/skbext.h" ] || wrong "no headers"
	# shellcheck disable=SC2016 # as it is in the file
	grep -qx 'libdir=${prefix}/lib/x86_64-linux-gnu' "$pc" || wrong "$(grep libdir= "$pc")"
	said=$(PKG_CONFIG_PATH=${pc%/*} pkg-config --variable=libdir skbext)
	[ "$said" = /usr/lib/x86_64-linux-gnu ] || wrong "libdir is $said"
	must make -C "$root" uninstall DESTDIR="$dest" prefix=/usr \
		libdir=/usr/lib/x86_64-linux-gnu sbindir=/usr/bin
	[ -z "$(find "$dest" -type f -o -type l)" ] || wrong "left: $(find "$dest" -type f)"
}

old_names_of_directories()
{
	local dest=$tmp/old
	installed DESTDIR="$dest" PREFIX=/opt/skbext LIBDIR=/opt/skbext/lib64 || return
	[ -e "$dest/opt/skbext/lib64/pkgconfig/skbext.pc" ] || wrong "LIBDIR is not where it goes"
	[ -x "$dest/opt/skbext/sbin/skbext" ] || wrong "no command"
}

for tool in gcc make pkg-config tar; do
	command -v $tool >/dev/null && continue
	echo "SKIP build: needs $tool"
	exit 0
done
run_case same_bytes_anywhere
run_case no_btf_is_told
run_case links_with_pkg_config_alone
run_case links_statically
run_case takes_the_libbpf_of_the_program
run_case exports_what_the_header_declares
run_case builds_in_other_ways
run_case directories_of_ones_own
run_case old_names_of_directories
exit $failed
