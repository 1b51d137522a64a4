#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `make deb`: the packages are built, lintian finds no error in them, what they bring works where
# they are unpacked, and dpkg removes all of it.

. "$(dirname "$0")/../lib/cases.sh"
debs=$root/.output/deb
triplet=$(gcc -print-multiarch)
trap 'rm -rf "$tmp" "$debs"' EXIT

packages_are_built()
{
	local name
	# What they need to be built is here, if this tree was: not asked of dpkg, who may not know.
	make -C "$root" --no-print-directory deb DEB_OPTIONS=-d >"$tmp/log" 2>&1 || {
		wrong "make deb: $(tail -n 5 "$tmp/log")"
		return
	}
	for name in skbext libskbext0 libskbext-dev; do
		dpkg-deb -x "$debs/${name}"_*.deb "$tmp/unpacked" || wrong "no package $name"
	done
	[ ! -e "$root/debian" ] || wrong "a debian directory is left in the tree"
}

# But that the maintainer is nobody: whoever gives packages to others sets DEBEMAIL.
lintian_finds_no_error()
{
	command -v lintian >/dev/null || { skip="no lintian"; return; }
	lintian --allow-root --fail-on error \
		--suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog \
		"$debs"/*.changes >"$tmp/log" 2>&1 ||
		wrong "$(grep '^E:' "$tmp/log" || cat "$tmp/log")"
}

files_are_where_they_should_be()
{
	local file
	for file in usr/sbin/skbext "usr/lib/$triplet/libskbext.so.0" \
		"usr/lib/$triplet/libskbext.so" "usr/lib/$triplet/libskbext.a" \
		"usr/lib/$triplet/pkgconfig/skbext.pc" usr/include/skbext/skbext.h \
		usr/include/skbext/skbext.bpf.h usr/include/skbext/store/slot.h \
		usr/share/man/man8/skbext.8.gz usr/share/man/man3/libskbext.3.gz \
		usr/lib/systemd/system/skbext.service etc/default/skbext \
		usr/share/bash-completion/completions/skbext usr/share/skbext/operate/alerts.yml; do
		[ -e "$tmp/unpacked/$file" ] || wrong "no $file"
	done
	dpkg-deb -I "$debs"/libskbext0_*.deb symbols | grep -q '^libskbext.so.0 libskbext0' ||
		wrong "no symbols file"
	"$tmp/unpacked/usr/sbin/skbext" --version >"$tmp/log" 2>&1 || wrong "$(cat "$tmp/log")"
}

# With the headers and the library of the packages alone.
users_programs_are_built()
{
	local in=$tmp/unpacked/usr
	awk '/^```c$/ { on = 1; next } /^```$/ && on { exit } on' "$root/README.md" \
		>"$tmp/note.bpf.c"
	clang -O2 -g -target bpf -I"$in/include" -idirafter "/usr/include/$triplet" \
		-c "$tmp/note.bpf.c" -o "$tmp/note.bpf.o" 2>"$tmp/log" || wrong "$(cat "$tmp/log")"
	cat >"$tmp/user.c" <<-'C'
		#include <skbext/skbext.h>
		int main(void)
		{
			return !skbext_bind;
		}
	C
	gcc -I"$in/include" "$tmp/user.c" -o "$tmp/user" -L"$in/lib/$triplet" -lskbext -lbpf \
		2>"$tmp/log" && LD_LIBRARY_PATH=$in/lib/$triplet "$tmp/user" ||
		wrong "the library: $(cat "$tmp/log")"
}

# In a root and with a database of their own.
purge_leaves_nothing()
{
	local to=$tmp/root
	[ "$(id -u)" = 0 ] || { skip="needs root"; return; }
	mkdir -p "$to/var/lib/dpkg/"{updates,info} && : >"$to/var/lib/dpkg/status"
	dpkg --root="$to" --force-depends --force-script-chrootless \
		-i "$debs"/{skbext,libskbext0,libskbext-dev}_*.deb >"$tmp/log" 2>&1 ||
		wrong "install: $(tail -n 5 "$tmp/log")"
	[ -x "$to/usr/sbin/skbext" ] || wrong "nothing was installed"
	dpkg --root="$to" --force-script-chrootless --purge libskbext-dev libskbext0 skbext \
		>"$tmp/log" 2>&1 || wrong "purge: $(tail -n 5 "$tmp/log")"
	find "$to" -path "$to/var" -prune -o ! -type d -print >"$tmp/left"
	[ ! -s "$tmp/left" ] || wrong "left: $(head -n 5 "$tmp/left")"
}

for tool in dh dpkg-buildpackage; do
	command -v $tool >/dev/null && continue
	echo "SKIP package: no $tool (debhelper, dpkg-dev)"
	exit 0
done
run_case packages_are_built
if [ "$failed" = 0 ]; then
	run_case lintian_finds_no_error
	run_case files_are_where_they_should_be
	run_case users_programs_are_built
	run_case purge_leaves_nothing
fi
exit $failed
