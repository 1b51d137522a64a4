#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What an operator installs: units for systemd, alerts, a dashboard, a manifest for Kubernetes. A real
# systemd, in namespaces of its own, starts and stops the units.

[ -n "$IN_NS" ] || [ "$(id -u)" != 0 ] ||
	IN_NS=1 exec unshare --mount --net --propagation private "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"
files=$root/user/operate

cleanup()
{
	[ -z "$IN_NS" ] || "$skbext" unload --force >/dev/null 2>&1
	umount -R "$tmp/boot" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT

after_case()
{
	[ -z "$IN_NS" ] || "$skbext" unload --force >/dev/null 2>&1
}

has_promtool()
{
	command -v promtool >/dev/null || { skip="no promtool (Debian: prometheus)"; return 1; }
}

is_root()
{
	[ -n "$IN_NS" ] || { skip="needs root"; return 1; }
}

# Each expression of the dashboard, with what Grafana puts in its place.
expressions()
{
	jq -r '.panels[].targets[].expr' "$files/dashboard.json" |
		sed 's/\$__rate_interval/5m/g; s/\$instance/.*/g'
}

every_metric_exists()
{
	local name was
	is_root || return
	must "$skbext" load --type a:16 --capacity 64 || return
	was=$(cat /proc/sys/kernel/bpf_stats_enabled)
	[ -z "$was" ] || echo 1 >/proc/sys/kernel/bpf_stats_enabled
	run "$skbext" metrics
	[ -z "$was" ] || echo "$was" >/proc/sys/kernel/bpf_stats_enabled
	sed -n 's/^\(skbext_[a-z_]*\)[ {].*/\1/p' <<<"$out" | sort -u >"$tmp/there"
	for name in $({ grep expr: "$files/alerts.yml"; expressions; } | grep -o 'skbext_[a-z_]*' | sort -u); do
		[ "$name" != skbext_hook_runs_total ] && [ "$name" != skbext_hook_run_seconds_total ] ||
			[ -n "$was" ] || continue
		grep -qx "$name" "$tmp/there" || wrong "no metric $name"
	done
	for name in $(grep -o 'cause=~"[a-z_|]*"' "$files/alerts.yml" | grep -o '[a-z_]*_[a-z]*'); do
		[[ $out == *"cause=\"$name\""* ]] || wrong "no cause $name"
	done
}

dashboard_is_whole()
{
	jq -e '[.panels[].id] | length > 8 and . == (unique)' "$files/dashboard.json" >"$tmp/log" 2>&1 ||
		wrong "ids: $(cat "$tmp/log")"
	jq -e 'all(.panels[]; .gridPos.x + .gridPos.w <= 24 and (.targets | length > 0) and .title != "")' \
		"$files/dashboard.json" >/dev/null || wrong "a panel without place, title or target"
	has_promtool || return
	{
		echo 'groups: [{name: all, rules: ['
		expressions | jq -R '{record: "x:\(input_line_number)", expr: .}' -c | sed 's/$/,/'
		echo ']}]'
	} >"$tmp/rules.yml"
	promtool check rules "$tmp/rules.yml" >"$tmp/log" 2>&1 || wrong "$(grep -v '^$' "$tmp/log" | tail -n 2)"
}

# down(): an instance that nothing is loaded on; full(): one without room and with a hook less.
alert_cases()
{
	cat <<-END
		rule_files: [$files/alerts.yml]
		evaluation_interval: 1m
		tests:
		  - interval: 1m
		    input_series:
		      - {series: 'skbext_up{instance="down"}', values: '1 0 0 0 0 0 0 0 0 0 0'}
		      - {series: 'skbext_up{instance="well"}', values: '1x10'}
		      - {series: 'skbext_guarantee{instance="lost",guarantee="none"}', values: '0 0 1x10'}
		      - {series: 'skbext_hook_attached{instance="lost",hook="kfree_skb"}', values: '1 1 0x10'}
		      - {series: 'skbext_lost_total{instance="full",cause="add_failed"}', values: '0+5x10'}
		      - {series: 'skbext_lost_total{instance="well",cause="add_failed"}', values: '7x10'}
		      - {series: 'skbext_live_records{instance="full"}', values: '95x10'}
		      - {series: 'skbext_capacity_records{instance="full"}', values: '100x10'}
		      - {series: 'skbext_type_add_limited_total{instance="full",type="tag"}', values: '0+5x10'}
		      - {series: 'skbext_distrusts_total{instance="lost"}', values: '0 0 0 1x10'}
		      - {series: 'node_textfile_mtime_seconds{instance="old",file="/x/skbext.prom"}', values: '0x10'}
		    alert_rule_test:
	END
	fires SkbextDown down critical
	fires SkbextGuaranteeLost lost critical ', guarantee: none'
	fires SkbextHookLost lost critical ', hook: kfree_skb'
	fires SkbextNoRoom full warning
	fires SkbextNearlyFull full warning
	fires SkbextTypeAtMax full warning ', type: tag'
	fires SkbextTrustLost lost warning
	fires SkbextMetricsOld old warning ', file: /x/skbext.prom'
}

fires()	# ALERT INSTANCE SEVERITY [LABELS]
{
	printf "      - {eval_time: 10m, alertname: %s, exp_alerts: [{exp_labels: {severity: %s, instance: %s%s}}]}\n" \
		"$1" "$3" "$2" "$4"
}

# promtool wants the annotations, too: taken from what it says, the labels are what counts.
alerts_fire()
{
	local alert
	has_promtool || return
	promtool check rules "$files/alerts.yml" >"$tmp/log" 2>&1 || wrong "$(tail -n 2 "$tmp/log")"
	alert_cases >"$tmp/alerts.yml"
	promtool test rules "$tmp/alerts.yml" >"$tmp/log" 2>&1
	for alert in Down:down GuaranteeLost:lost HookLost:lost NoRoom:full NearlyFull:full TypeAtMax:full TrustLost:lost \
		MetricsOld:old; do
		tr -d '\n' <"$tmp/log" | grep -qE "alertname: Skbext${alert%:*}, time: 10m, +exp:[^]]*\], +got:\[ *0: +Labels:\{alertname=\"Skbext${alert%:*}\"[^}]*instance=\"${alert#*:}\"[^]]*\]" ||
			wrong "Skbext${alert%:*} does not fire: $(grep -A 12 "Skbext${alert%:*}" "$tmp/log" | head -n 14)"
	done
	[ "$(grep -c 'got:' "$tmp/log")" = "$(grep -c 'Labels:{alertname' "$tmp/log" | awk '{ print $1 / 2 }')" ] ||
		wrong "others fire: $(cat "$tmp/log")"
}

# ---- systemd

installed()
{
	must make -C "$root" --no-print-directory install DESTDIR="$1" prefix=/usr
}

units_verify()
{
	command -v systemd-analyze >/dev/null || { skip="no systemd-analyze"; return; }
	must make -C "$root" --no-print-directory install PREFIX="$tmp/prefix" || return
	systemd-analyze verify --man=no "$tmp"/prefix/lib/systemd/system/* >"$tmp/log" 2>&1 ||
		wrong "status $?: $(head -n 2 "$tmp/log")"
	[ ! -s "$tmp/log" ] || wrong "$(head -n 2 "$tmp/log")"
}

# A configuration that was changed stays.
configuration_is_kept()
{
	must make -C "$root" --no-print-directory install PREFIX="$tmp/kept" || return
	echo SKBEXT_LOAD=mine >"$tmp/kept/etc/default/skbext"
	must make -C "$root" --no-print-directory install PREFIX="$tmp/kept"
	[ "$(cat "$tmp/kept/etc/default/skbext")" = SKBEXT_LOAD=mine ] || wrong "it is another"
}

# The machine's root with the installed units on top, as a machine that boots nothing but them.
make_machine()	# DIR
{
	local r=$1/root
	mkdir -p "$1" && mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$r" &&
	mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$r" || return
	rm -rf "$r/etc/systemd/system" && mkdir -p "$r/etc/systemd/system" "$r/var/lib/prometheus/node-exporter"
	installed "$r" || return
	printf '%s\n' "SKBEXT_LOAD=--type note:16 --capacity 100" SKBEXT_UNLOAD=--force >"$r/etc/default/skbext"
	cp "$objs/attach_read.bpf.o" "$r/kept.o" || return
	cat >"$r/etc/systemd/system/default.target" <<-'END'
		[Unit]
		DefaultDependencies=no
		Wants=skbext.service look.service
	END
	cat >"$r/etc/systemd/system/look.service" <<-'END'
		[Unit]
		DefaultDependencies=no
		After=skbext.service
		[Service]
		Type=oneshot
		ExecStart=/bin/bash /look
	END
	mkdir "$r/etc/systemd/system/skbext.service.d"
	printf '[Service]\nStandardError=append:/said\n' >"$r/etc/systemd/system/skbext.service.d/said.conf"
	cat >"$r/look" <<-'END'
		exec >/seen 2>&1
		systemctl is-active skbext.service
		skbext status --json >/status
		systemctl start skbext-metrics.service && cat /var/lib/prometheus/node-exporter/skbext.prom
		skbext attach --keep /kept.o --tracing
		systemctl restart skbext.service && systemctl start skbext-kept.service && echo restarted
		skbext status --json >/status.restarted
		stat -c %a /var/lib/skbext
		systemctl stop skbext.service
		systemctl is-active skbext.service
		ls /sys/fs/bpf
		systemctl status --no-pager skbext.service; cat /said
		rm -rf /var/lib/skbext && mount --bind /var/lib /var/lib && mount -o remount,bind,ro /var/lib
		systemctl start skbext.service skbext-kept.service && echo read-only
		systemctl stop skbext.service
		systemctl exit 7
	END
}

# In a PID namespace of its own.
boot()	# ROOT
{
	unshare --mount --pid --fork --ipc --uts --cgroup --propagation private bash -c '
		mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" &&
		mount -t bpf -o mode=0700 bpf "$1/sys/fs/bpf" && mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup" &&
		mount -t tmpfs tmpfs "$1/run" && mount --rbind /dev "$1/dev" || exit 99
		exec chroot "$1" env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			/lib/systemd/systemd --system --log-target=console' - "$1" >"$tmp/log" 2>&1 </dev/null
}

units_run_under_systemd()
{
	local r=$tmp/boot/root status
	is_root || return
	[ -x /lib/systemd/systemd ] || { skip="no systemd"; return; }
	make_machine "$tmp/boot" || { skip="no overlay of the root can be made here"; return; }
	timeout -k 5 300 bash -c "$(declare -f boot); tmp=$tmp; boot $r"
	status=$?
	[ "$status" != 99 ] || { skip="no cgroup2 or bpffs can be mounted here"; return; }
	[ "$status" = 7 ] || wrong "systemd ended with $status: $(tail -n 3 "$tmp/log")"
	[ "$(head -n 1 "$r/seen")" = active ] || wrong "skbext.service: $(cat "$r/seen")"
	jq -e '.healthy and (.types | map(.name) == ["note"])' "$r/status" >/dev/null ||
		wrong "status: $(cat "$r/status")"
	grep -qx 'skbext_up 1' "$r/seen" || wrong "skbext-metrics.service: $(cat "$r/seen")"
	grep -qx restarted "$r/seen" && grep -qx 700 "$r/seen" || wrong "restart: $(sed '1,/EOF/d' "$r/seen")"
	jq -e '.healthy and [.attached[] | "\(.name) \(.kept)"] == ["kept true"]' "$r/status.restarted" >/dev/null ||
		wrong "after a restart: $(cat "$r/status.restarted")"
	grep -qx read-only "$r/seen" || wrong "with a /var that is read-only: $(cat "$r/seen")"
	grep -qx inactive "$r/seen" || wrong "stop: $(sed '1,/EOF/d' "$r/seen")"
	grep -qx skbext "$r/seen" && wrong "stopped, and it is loaded"
}

# with_caps "CAP_X CAP_Y" COMMAND...: as root with these and no others
with_caps()
{
	local sets
	sets=-all$(printf ',+%s' $(tr 'A-Z' 'a-z' <<<"$1" | sed 's/cap_//g'))
	[ -n "$1" ] || sets=-all
	run setpriv --no-new-privs --inh-caps=$sets --bounding-set=$sets -- "${@:2}"
	[ "$status" = 0 ] || wrong "$2 $3 with '$1': status $status: $err"
}

caps_of_unit()
{
	sed -n 's/^CapabilityBoundingSet=//p' "$files/$1"
}

# caps_of_container NAME
caps_of_container()
{
	awk -v name="$1" '$2 == "name:" { on = $3 == name } on && /capabilities:/' "$files/daemonset.yaml" |
		sed 's/.*add: \[\(.*\)\].*/\1/; s/,//g'
}

capabilities_suffice()
{
	local caps
	is_root || return
	command -v setpriv >/dev/null || { skip="no setpriv"; return; }
	caps=$(caps_of_unit skbext.service.in)
	[ "$(wc -w <<<"$caps")" -ge 3 ] || wrong "the unit has: $caps"
	with_caps "$caps" "$skbext" load --type note:16
	grep -q '^CapabilityBoundingSet=$' "$files/skbext-metrics.service.in" || wrong "metrics has some"
	with_caps "" "$skbext" metrics
	cp "$tmp/out" "$tmp/without"
	must "$skbext" metrics
	diff <(grep -v fate "$tmp/without") <(grep -v fate <<<"$out") || wrong "without: other metrics"
	with_caps "$caps" "$skbext" unload
	caps=$(caps_of_container load)
	[ "$(wc -w <<<"$caps")" -ge 3 ] || wrong "the manifest has: $caps"
	with_caps "$caps" "$skbext" load
	[ "$(caps_of_container metrics)" = BPF ] || wrong "metrics: $(caps_of_container metrics)"
	with_caps BPF "$skbext" metrics
}

command -v jq >/dev/null || { echo "SKIP operate: no jq"; exit 0; }
[ -z "$IN_NS" ] || mount -t bpf -o mode=0700 bpf /sys/fs/bpf ||
	{ echo "FAIL operate: no bpffs of its own"; exit 1; }
run_case every_metric_exists
run_case dashboard_is_whole
run_case alerts_fire
run_case units_verify
run_case configuration_is_kept
run_case capabilities_suffice
run_case units_run_under_systemd
exit $failed
