#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Completion, by asking the shells: bash through the function that it is told to call, zsh on a
# terminal of its own, as somebody who presses tab.

. "$(dirname "$0")/../lib/cases.sh"
trap 'rm -rf "$tmp"' EXIT

# in_bash WORD...: what bash offers for the last of them, in $offered
in_bash()
{
	offered=$(cd "$tmp/here" && bash -c '
		. "$1" && shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		function=$(complete -p skbext | sed -n "s/.* -F \([^ ]*\) .*/\1/p")
		"$function" && printf "%s\n" "${COMPREPLY[@]}"' - "$tmp/scripts/skbext" "$@" 2>"$tmp/err" |
		tr '\n' ' ')
	[ ! -s "$tmp/err" ] || wrong "bash: $(cat "$tmp/err")"
}

# A completion in which compadd prints what it would show. No answer, and the limit ends it.
zsh_asks()
{
	cat >"$tmp/rc" <<-'END'
		PROMPT= RPROMPT=
		unsetopt prompt_cr prompt_sp
		autoload -U compinit && compinit -u -D
		bindkey '^I' complete-word
		compadd() {
			[[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
			local -a hits
			builtin compadd -A hits "$@"
			for hit in $hits; do print -r -- "OFFERED $hit"; done
		}
		finish() { print FINISHED }
		comppostfuncs=(finish)
		cd $tmp/here
		print READ''Y
	END
	cat >"$tmp/ask" <<-'END'
		zmodload zsh/zpty
		zpty z zsh -f -i
		zpty -w z "tmp=$1; fpath=($1/scripts \$fpath); source $1/rc"
		zpty -r -m z out '*READY*'
		zpty -w -n z "$2"$'\t'
		zpty -r -m z out '*FINISHED*'
		zpty -d z
		print -r -- $out
	END
}

# in_zsh LINE: the same, for a line whose cursor is at its end
in_zsh()
{
	offered=$(timeout 120 zsh -f "$tmp/ask" "$tmp" "$1" 2>&1 | tr -d '\r' |
		sed -n 's/.*OFFERED //p' | sort -u | tr '\n' ' ')
}

# offers WORD...: each, and no others if the first is =
offers()
{
	local word
	if [ "$1" = = ]; then
		shift
		[ "$(wc -w <<<"$offered")" = $# ] || wrong "${FUNCNAME[1]}: not $*: $offered"
	fi
	for word; do
		[[ " $offered" == *" $word "* ]] || wrong "${FUNCNAME[1]}: no $word in: $offered"
	done
}

commands()
{
	"$skbext" help | sed -n 's/^  \([a-z]*\) .*/\1/p'
}

options()
{
	"$skbext" "$1" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
}

bash_knows_all()
{
	local command
	# shellcheck disable=SC2046 # words
	in_bash skbext '' && offers = $(commands)
	for command in $(commands); do
		# shellcheck disable=SC2046
		in_bash skbext "$command" -- && offers = $(options "$command")
	done
}

bash_knows_values()
{
	in_bash skbext st && offers = stats status
	in_bash skbext type '' && offers list remove
	in_bash skbext load --mode '' && offers = auto exact tracepoint
	in_bash skbext load --mode = ex && offers = exact
	in_bash skbext load --mode = && offers = auto exact tracepoint
	in_bash skbext status --bpffs d && offers = directory
	in_bash skbext load --capacity '' && offers =
	in_bash skbext bind '' && [[ " $offered" != *" load "* ]] || wrong "commands again: $offered"
	grep -q '^complete -o default ' "$tmp/scripts/skbext" || wrong "no names of files"
}

zsh_knows_all()
{
	local command
	command -v zsh >/dev/null || { skip="no zsh"; return; }
	# shellcheck disable=SC2046
	in_zsh "skbext " && offers = $(commands)
	for command in load dump type help metrics; do
		# shellcheck disable=SC2046
		in_zsh "skbext $command --" && offers = $(options "$command")
	done
}

zsh_knows_values()
{
	command -v zsh >/dev/null || { skip="no zsh"; return; }
	in_zsh "skbext st" && offers = stats status
	in_zsh "skbext type " && offers = list remove
	in_zsh "skbext load --mode " && offers = auto exact tracepoint
	in_zsh "skbext load --mode=" && offers = auto exact tracepoint
	in_zsh "skbext status --bpffs d" && offers = directory
	in_zsh "skbext bind d" && offers = directory document
	in_zsh "skbext metrics --textfile d" && offers = directory document
}

mkdir -p "$tmp/scripts" "$tmp/here/directory"
touch "$tmp/here/document"
zsh_asks
"$skbext" help --format bash >"$tmp/scripts/skbext" && "$skbext" help --format zsh >"$tmp/scripts/_skbext" ||
	{ echo "FAIL completion: no scripts"; exit 1; }
run_case bash_knows_all
run_case bash_knows_values
run_case zsh_knows_all
run_case zsh_knows_values
exit $failed
