#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What README and the manual say: their programs compile, their commands run, and nothing public
# is left out. In a mount and a network namespace of its own, with a bpffs of its own.

[ -n "$IN_NS" ] || [ "$(id -u)" != 0 ] ||
	IN_NS=1 exec unshare --mount --net --propagation private "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
trap '[ -z "$IN_NS" ] || "$skbext" unload --force >/dev/null 2>&1; rm -rf "$tmp"' EXIT

# ---- README

# blocks FILE: each ```c block into $tmp/doc, by the name that begins the line before it
blocks()
{
	mkdir -p "$tmp/doc"
	awk -v dir="$tmp/doc" '
		/^```c$/ { on = 1; next }
		/^```$/ { on = 0; next }
		on { print >(dir "/" name) }
		match($0, /^`[a-z_.]+`/) { name = substr($0, 2, RLENGTH - 2) }' "$1"
}

# commands FILE: those that are indented by four, as a script
commands()
{
	sed -n 's/^    \([^ ]\)/\1/p' "$1" | sed "s|/usr/local|$tmp/prefix|g"
}

# As a reader has it: root, and what `make install` put where he wanted it.
as_reader()
{
	cat <<-END
		export PATH=$tmp/prefix/sbin:\$PATH PKG_CONFIG_PATH=$tmp/prefix/lib/pkgconfig
		sudo() { "\$@"; }
		make() { command make -C "$root" --no-print-directory PREFIX=$tmp/prefix "\$@"; }
		cd $tmp/doc
	END
}

# Longer, and nobody reads it.
readme_is_short()
{
	local lines
	lines=$(wc -l <"$root/README.md")
	[ "$lines" -le 120 ] || wrong "$lines lines"
}

# Every path that is named is there.
readme_names_what_exists()
{
	local path
	for path in $(sed '/^```c$/,/^```$/d' "$root/README.md" |
		grep -oE '(tests|scripts|include|user|bpf)/[A-Za-z0-9_./-]+' | sed 's/[.,]$//' | sort -u); do
		[ -e "$root/$path" ] || wrong "no $path"
	done
}

readme_finds_the_note()
{
	local n
	[ -n "$IN_NS" ] || { skip="needs root"; return; }
	grep -q ' tcx_' /proc/kallsyms || { skip="this kernel has no tcx"; return; }
	blocks "$root/README.md"
	n=$(commands "$root/README.md" | wc -l)
	[ "$n" = 5 ] || wrong "$n commands, not five"
	{ as_reader; commands "$root/README.md"; } >"$tmp/script"
	bash -e "$tmp/script" >"$tmp/out" 2>"$tmp/err" || {
		wrong "status $?: $(tail -n 3 "$tmp/err")"
		return
	}
	grep -q '"found": 6' "$tmp/out" || wrong "it did not find 6: $(grep found "$tmp/out")"
	"$skbext" unload >/dev/null || wrong "unload"
}

# ---- the manual

PAGES='skbext.8 skbext.7 skbext.bpf.7 libskbext.3'

source_of()
{
	ls "$root/user/man/$1".scd*
}

# Each fenced block of a page as $tmp/pages/PAGE.N.KIND: bpf.c, c or sh; other for what is none.
page_blocks()
{
	mkdir -p "$tmp/pages"
	awk -v out="$tmp/pages/$1." '
		function end(  kind) {
			kind = "other"
			if (text ~ /^# /) kind = "sh"
			if (text ~ /int main/) kind = "c"
			if (text ~ /SEC\(/) kind = "bpf.c"
			n++
			printf "%s", text >(out n "." kind)
			text = ""
		}
		/^```$/ { on = !on; if (!on) end(); next }
		on { text = text $0 "\n" }' "$(source_of "$1")"
}

all_blocks()
{
	local page
	for page in $PAGES; do
		page_blocks "$page"
	done
	ls "$tmp"/pages/*.other >/dev/null 2>&1 &&
		wrong "neither program nor commands: $(head -n 2 "$tmp"/pages/*.other)"
}

compile_bpf()	# SOURCE OBJECT
{
	clang -O2 -g -Wall -Werror -target bpf -I"$root/include" -I"$root/.output" \
		-idirafter "/usr/include/$(gcc -print-multiarch)" -c "$1" -o "$2"
}

link_c()	# SOURCE PROGRAM
{
	gcc -Wall -Werror -I"$root/include" "$1" -o "$2" "$root/.output/libskbext.a" -lbpf -lelf -lz
}

# Binds and loads each object that is named.
loader()
{
	cat >"$tmp/loader.c" <<-'C'
		#include <bpf/libbpf.h>
		#include <skbext/skbext.h>
		#include <stdio.h>
		int main(int argc, char **argv)
		{
			for (int i = 1; i < argc; i++) {
				struct bpf_object *obj = bpf_object__open(argv[i]);

				if (!obj || skbext_bind(obj, NULL) || bpf_object__load(obj)) {
					fprintf(stderr, "%s: %s\n", argv[i], skbext_errmsg());
					return 1;
				}
				bpf_object__close(obj);
			}
			return 0;
		}
	C
	must link_c "$tmp/loader.c" "$tmp/loader"
}

programs_of_the_pages_load()
{
	local source n=0
	[ -n "$IN_NS" ] || { skip="needs root"; return; }
	grep -q 'struct bpf_nf_ctx {' "$root/.output/vmlinux.h" ||
		{ skip="this kernel has no netfilter programs"; return; }
	all_blocks
	loader && must "$skbext" load || return
	for source in "$tmp"/pages/*.bpf.c; do
		n=$((n + 1))
		must compile_bpf "$source" "${source%c}o" && must "$tmp/loader" "${source%c}o"
	done
	[ "$n" -ge 4 ] || wrong "only $n programs"
	must "$skbext" unload
}

# The library's, with a record to show.
c_of_the_pages_runs()
{
	local source n=0
	[ -n "$IN_NS" ] || { skip="needs root"; return; }
	all_blocks
	for source in "$tmp"/pages/*[0-9].c; do
		n=$((n + 1))
		must link_c "$source" "${source%.c}" || continue
		"${source%.c}" >"$tmp/out" 2>"$tmp/err" && wrong "status 0, though nothing is loaded"
		grep -q 'skbext load' "$tmp/err" || wrong "says: $(cat "$tmp/err")"
		must "$skbext" load --type note:16 && must "$skbext" add 0xffff888000001000 note 01 &&
		must "${source%.c}" && grep -q 'skb ffff888000001000: types 1' "$tmp/out" ||
			wrong "prints: $(cat "$tmp/out")"
		must "$skbext" unload
	done
	[ "$n" -ge 1 ] || wrong "no program"
}

# Block by block, in one directory; what they bind is README's object.
commands_of_the_pages_run()
{
	local page script n=0
	[ -n "$IN_NS" ] || { skip="needs root"; return; }
	all_blocks
	mkdir -p "$tmp/doc" && blocks "$root/README.md"
	sed 's|SEC("tcx/[a-z]*")|SEC("tc")|' "$tmp/doc/note.bpf.c" >"$tmp/doc/tag.bpf.c"
	must compile_bpf "$tmp/doc/tag.bpf.c" "$tmp/doc/tag.bpf.o" || return
	for page in $PAGES; do
		[ "$page" = skbext.8 ] || must "$skbext" load || return
		for script in $(ls "$tmp/pages/$page".*.sh 2>/dev/null | sort -V); do
			n=$((n + 1))
			sed 's/^# //' "$script" >"$tmp/script"
			(cd "$tmp/doc" && PATH=${skbext%/*}:$PATH bash -eu "$tmp/script") \
				>"$tmp/out" 2>"$tmp/err" ||
				wrong "$page: $(head -n 1 "$tmp/script") ...: $(tail -n 2 "$tmp/err")"
		done
		tc qdisc del dev lo clsact 2>/dev/null
		rm -rf /sys/fs/bpf/tag
		[ "$page" = skbext.8 ] || must "$skbext" unload
	done
	[ "$n" -ge 6 ] || wrong "only $n blocks"
}

has_scdoc()
{
	command -v scdoc >/dev/null || { skip="no scdoc"; return 1; }
	must make -C "$root" --no-print-directory man
}

pages_render()
{
	local page
	has_scdoc || return
	command -v man >/dev/null || { skip="no man"; return; }
	for page in $PAGES; do
		MANWIDTH=80 man --warnings -E UTF-8 -l "$root/.output/man/$page" \
			>"$tmp/out" 2>"$tmp/err" || wrong "$page: status $?"
		[ ! -s "$tmp/err" ] || wrong "$page: $(head -n 2 "$tmp/err")"
		[ "$(wc -l <"$tmp/out")" -gt 50 ] || wrong "$page is empty"
	done
}

pages_are_installed()
{
	local page
	has_scdoc || return
	must make -C "$root" install PREFIX="$tmp/pages-prefix" || return
	for page in $PAGES; do
		[ -s "$tmp/pages-prefix/share/man/man${page##*.}/$page" ] || wrong "no $page"
	done
	must make -C "$root" uninstall PREFIX="$tmp/pages-prefix"
	[ -z "$(find "$tmp/pages-prefix/share" -type f)" ] || wrong "uninstall left pages"
}

every_option_is_in_its_page()
{
	local command option
	has_scdoc || return
	sed 's/\\//g' "$root/.output/man/skbext.8" >"$tmp/page"
	for command in $("$skbext" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		grep -q "skbext $command" "$tmp/page" || wrong "no command $command"
		for option in $("$skbext" "$command" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'); do
			grep -qe "$option" "$tmp/page" || wrong "$command: no $option"
		done
	done
}

# names PAGE NAME...: each is there, in bold as scdoc writes it, or with \ before a leading _
names()
{
	local page=$1 name
	shift
	[ $# -ge 10 ] || wrong "$page: only $# names"
	for name; do
		grep -q "\*$name\*" "$(source_of "$page")" || wrong "$page: no $name"
	done
}

every_macro_is_in_its_page()
{
	# shellcheck disable=SC2046 # names
	names skbext.bpf.7 $(sed -n 's/^ \* \(skbext_[a-z_]*\|SKBEXT_[A-Z_]*\) - .*/\1/p' \
		"$root/include/skbext/skbext.bpf.h") SKBEXT_BOUNDED SKBEXT_REFS SKBEXT_MAX_REFS \
		$(grep -o 'define SKBEXT_F_[A-Z_]*' "$root/include/skbext/layout.h" |
			sed 's/define //; /_ALL$/d')
}

exported()
{
	nm -D --defined-only "$root"/.output/libskbext.so.* | sed -n 's/.* T \(skbext_[a-z_]*\).*/\1/p' \
		>"$tmp/exported"
}

# Both ways: what is exported is there, and what is there is exported.
every_function_is_in_its_page()
{
	local name
	exported
	# shellcheck disable=SC2046 # names
	names libskbext.3 $(cat "$tmp/exported")
	for name in $(grep -o '\*skbext_[a-z_]*\*(' "$(source_of libskbext.3)" | tr -d '*(' | sort -u); do
		grep -qx "$name" "$tmp/exported" || wrong "the library has no $name"
	done
}

# A prototype that is not the header's does not compile behind it.
prototypes_are_those_of_the_header()
{
	local n
	exported
	{
		echo '#include <skbext/skbext.h>'
		sed -n 's/^\([a-z].*\*skbext_[a-z_]*\*(.*)\)\(++\)\?$/\1;/p' "$(source_of libskbext.3)" |
			sed 's/\\\*/@/g; s/\*//g; s/@/*/g; s/\\_/_/g'
	} >"$tmp/prototypes.c"
	n=$(grep -c ';$' "$tmp/prototypes.c")
	[ "$n" = "$(wc -l <"$tmp/exported")" ] || wrong "$n prototypes"
	must gcc -Werror -fsyntax-only -I"$root/include" "$tmp/prototypes.c"
}

# skbext.7 says which test proves what.
tests_that_are_named_exist()
{
	local test name
	sed -n '/^# WHICH TEST/,/^# LIMITS/p' "$(source_of skbext.7)" | grep '^:' >"$tmp/named"
	for test in $(grep -oE 'test_[a-z_]*[a-z]|[a-z]+\.sh' "$tmp/named" | sort -u); do
		ls "$root"/tests/*/"$test"* >/dev/null 2>&1 || wrong "no $test"
	done
	for name in $(grep -oE ' _[a-z_]+_' "$tmp/named" | sed 's/^ _//; s/_$//'); do
		grep -rqE "TEST_CASE\($name\)|run_case $name|result $name" "$root/tests" ||
			wrong "no case $name"
	done
}

# ---- the picture

picture_is_made_by_its_script()
{
	"$root/scripts/life-svg" >"$tmp/life.svg" || wrong "status $?"
	cmp -s "$tmp/life.svg" "$root/scripts/life.svg" ||
		wrong "scripts/life.svg is another; run scripts/life-svg >scripts/life.svg"
}

# All that top says now has a place in it.
picture_of_top_is_drawn()
{
	local word
	must "$skbext" load && must "$skbext" top --batch --reports 1 --interval 100ms || return
	cp "$tmp/out" "$tmp/report"
	must "$skbext" unload
	must "$root/scripts/top-svg" "$tmp/report" || return
	cp "$tmp/out" "$tmp/top.svg"
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/top.svg" \
		2>"$tmp/err" || wrong "no XML: $(tail -n 1 "$tmp/err")"
	[ "$(grep -c '<text' "$tmp/top.svg")" = "$(grep -c . "$tmp/report")" ] || wrong "lines are missing"
	for word in $(grep -oE '^[A-Z]{2,}' "$tmp/report"); do
		grep -q ">$word" "$root/scripts/top.svg" ||
			wrong "scripts/top.svg has no $word; run scripts/top-svg >scripts/top.svg"
	done
}

# Each place of a trace has a row with its fate and its packets.
picture_of_lifetimes_is_drawn()
{
	[ -n "$IN_NS" ] || { skip="needs root"; return; }
	ping -q -i 0.01 127.0.0.1 >"$tmp/ping" &
	run "$skbext" trace --summary --json --duration 2
	kill $!
	[ "$(jq '.places | length' <<<"$out")" -ge 1 ] || { wrong "no packets: $err"; return; }
	cp "$tmp/out" "$tmp/trace"
	must "$root/scripts/lifetimes-svg" "$tmp/trace" || return
	cp "$tmp/out" "$tmp/lifetimes.svg"
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$tmp/lifetimes.svg" \
		2>"$tmp/err" || wrong "no XML: $(tail -n 1 "$tmp/err")"
	jq -r '.places[] | select(.count > 0) | ">\(.fate), \(.count)<"' "$tmp/trace" >"$tmp/rows"
	while read -r row; do
		grep -qF "$row" "$tmp/lifetimes.svg" || wrong "no row $row"
	done < <(head -n 10 "$tmp/rows")
	grep -q 'mode</text>' "$root/scripts/lifetimes.svg" && grep -q '>dropped, ' "$root/scripts/lifetimes.svg" ||
		wrong "scripts/lifetimes.svg is another; run scripts/lifetimes-svg >scripts/lifetimes.svg"
}

# ---- the table of paths

table_of_paths_is_of_these_hooks()
{
	"$root/scripts/path-table" --check 2>"$tmp/err" || wrong "$(cat "$tmp/err")"
}

[ -z "$IN_NS" ] || { mount -t bpf -o mode=0700 bpf /sys/fs/bpf && mount -t tmpfs -o mode=0755 tmpfs /var/lib && ip link set lo up; } ||
	{ echo "FAIL docs: no bpffs and loopback of its own"; exit 1; }
run_case readme_is_short
run_case readme_names_what_exists
run_case readme_finds_the_note
run_case programs_of_the_pages_load
run_case c_of_the_pages_runs
run_case commands_of_the_pages_run
run_case pages_render
run_case pages_are_installed
run_case every_option_is_in_its_page
run_case every_macro_is_in_its_page
run_case every_function_is_in_its_page
run_case prototypes_are_those_of_the_header
run_case tests_that_are_named_exist
run_case picture_is_made_by_its_script
run_case picture_of_top_is_drawn
run_case picture_of_lifetimes_is_drawn
run_case table_of_paths_is_of_these_hooks
exit $failed
