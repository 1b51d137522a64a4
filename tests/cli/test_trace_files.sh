#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What `skbext trace` says and writes of packets of a known mix, over a veth between two namespaces: the
# path of each; the page of --html, as a browser has it where there is a Chromium; the packets of --pcap,
# as tshark has them where there is one. In namespaces of its own.

[ -n "$IN_NETNS" ] || IN_NETNS=1 exec unshare --mount --net --propagation private "$0" "$@"

. "$(dirname "$0")/../lib/cases.sh"

for tool in jq ip python3; do
	command -v $tool >/dev/null || { echo "FAIL trace_files: no $tool; scripts/setup test brings it"; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP trace_files: not root"; exit 0; }
mount -t bpf -o mode=0700 bpf /sys/fs/bpf || { echo "FAIL trace_files: no bpffs of its own"; exit 1; }
mode=''
trap 'kill $tracer $peer 2>/dev/null; rm -rf "$tmp"' EXIT

# Trace sees all namespaces: devices here have names of their own.
# Names as an attacker gives them: the kernel takes all but blanks, ':' and '/'.
evil='<b>"&'\''x' odd=$'\e[1m\xff'
odd_shown='?[1m?'

# The other namespace lives as long as this process. 10.9.0.2 is there, and so is a reader of port 9000.
net_up()
{
	unshare --net sleep 3600 &
	peer=$!
	until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
	ip link set lo up && ip link add tf0 type veth peer name tf1 &&
	ip link set tf1 netns $peer && ip addr add 10.9.0.1/24 dev tf0 && ip link set tf0 up &&
	there ip addr add 10.9.0.2/24 dev tf1 && there ip link set tf1 up && there ip link set lo up &&
	ip neigh replace 10.9.0.2 lladdr "$(there ip -j link show tf1 | jq -r .[0].address)" dev tf0 &&
	there ip neigh replace 10.9.0.1 lladdr "$(ip -j link show tf0 | jq -r .[0].address)" dev tf1 || exit 1
	# IPv6 sends when it likes.
	echo 1 >/proc/sys/net/ipv6/conf/tf0/disable_ipv6
	there sh -c 'echo 1 >/proc/sys/net/ipv6/conf/tf1/disable_ipv6'
}

there()
{
	nsenter --net=/proc/$peer/ns/net "$@"
}

# start OPTION...: trace, until it says that it does; in the mode that the first one came to
start()
{
	: >"$tmp/err"
	# shellcheck disable=SC2086 # two words or none
	"$skbext" trace $mode "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	tracer=$!
	for _ in {1..1200}; do
		mode=$(sed -n 's/^skbext: tracing in \([a-z]*\) mode.*/--mode \1/p' "$tmp/err")
		[ -z "$mode" ] || return 0
		kill -0 $tracer 2>/dev/null || break
		sleep 0.05
	done
	wrong "trace $*: $(cat "$tmp/err")"
	return 1
}

# What it prints is in $tmp/out then. A packet's end may come a moment after what it was sent for.
stop()
{
	sleep 0.4
	kill -INT $tracer
	wait $tracer
	status=$?
	[ "$status" = 0 ] || wrong "trace: status $status: $(tail -n 2 "$tmp/err")"
}

# send N PORT [ADDRESS]: datagrams to the other side, which refuses them where nobody reads
send()
{
	python3 - "$1" "$2" "${3:-10.9.0.2}" <<-'PYTHON'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for n in range(int(sys.argv[1])):
		    s.sendto(b"datagram", (sys.argv[3], int(sys.argv[2])))
	PYTHON
}

says()	# WHAT JQ-CONDITION FILE
{
	[ "$(jq -s "$2" "$3" 2>&1)" = true ] || wrong "$1: not true: $2: $(head -c 900 "$3")"
}

# ---- the path

# send_out DEVICE: one datagram into a network of its own
send_out()
{
	ip addr add 10.8.0.1/24 dev "$1" && ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:99 dev "$1" &&
	python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("10.8.0.2", 9))'
	ip addr del 10.8.0.1/24 dev "$1"
}

odd_up()
{
	ip link show "$odd" >/dev/null 2>&1 || {
		ip link add "$odd" type veth peer name odd && ip link set odd up && ip link set "$odd" up
	} || wrong "no device of such a name"
}

# Three more veths, and bridges between them.
row_up()
{
	local n
	for n in 1 2 3; do
		ip link add a$n type veth peer name b$n && ip link set a$n up && ip link set b$n up || wrong a$n
	done
	for n in 1 2; do
		ip link add bridge$n type bridge && ip link set b$n master bridge$n &&
		ip link set a$((n + 1)) master bridge$n && ip link set bridge$n up || wrong "bridge $n"
	done
}

row_down()
{
	local name
	for name in a1 a2 a3 bridge1 bridge2; do
		ip link del $name
	done
}

# Of a path that is too long to keep, the first ones and the last.
packets_say_their_path()
{
	row_up
	odd_up
	start --json || return
	send 5 9
	send_out a1
	send_out "$odd"
	stop
	row_down
	jq -c 'select(.device == "tf0" and .end.reason == "NO_SOCKET")' "$tmp/out" >"$tmp/tf0"
	jq -c 'select(.device == "a1" and .steps > 6)' "$tmp/out" >"$tmp/a1"
	says "lines" 'length == 5' "$tmp/tf0"
	says "devices" 'all([.path[] | [.at, .device]] |
		index([["net_dev_queue", "tf0"]]) != null and index([["netif_receive_skb", "tf1"]]) != null)' "$tmp/tf0"
	says "order" 'all([.path[].after_ns] | . == sort and .[0] >= 0)' "$tmp/tf0"
	says "age" 'all(.path[-1].after_ns <= .age_ns and .steps == (.path | length))' "$tmp/tf0"
	says "long" 'length >= 1' "$tmp/a1"
	grep -qF "\"device\":\"$odd_shown\"" "$tmp/out" || wrong "no $odd_shown"
	says "cut" 'all((.path | length) == 6 and .path[-1].device == "b3" and .path[-2].device != "b3")' "$tmp/a1"
}

# What is no text is shown as ?, in JSON (above) as on a terminal.
names_of_devices_are_text()
{
	odd_up
	start --device "$odd" --count 1 || return
	send_out "$odd"
	wait $tracer || wrong "status $?: $(cat "$tmp/err")"
	grep -qF "$odd_shown" "$tmp/out" || wrong "$(cat "$tmp/out")"
	! grep -q $'\e' "$tmp/out" || wrong "an escape"
}

# ---- the page

# Once, for the cases that look at it: of what comes by the device with the evil name.
make_page()
{
	local reader
	[ ! -e "$tmp/page.html" ] || return 0
	ip link add "$evil" type veth peer name evil && ip link set evil netns $peer &&
	ip addr add 10.8.0.1/24 dev "$evil" && ip link set "$evil" up &&
	there ip addr add 10.8.0.2/24 dev evil && there ip link set evil up || return
	start --json --html "$tmp/page.html" --device "$evil" || return
	there python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9000))
print("bound", flush=True)
time.sleep(1)
for n in range(30):
    s.recv(100)
' >"$tmp/reader" &
	reader=$!
	until grep -q bound "$tmp/reader"; do sleep 0.05; done
	send 30 9000 10.8.0.2
	send 37 9 10.8.0.2
	wait $reader
	stop
	ip link del "$evil"
	mv "$tmp/out" "$tmp/page.json"
	[ "$status" = 0 ]
}

# counted FILE: the counts of a page are those of the summary, and each of its pictures has all packets
counted()
{
	python3 - "$1" "$tmp/page.json" "$evil" >"$tmp/said" 2>&1 <<-'PYTHON' || wrong "$(tail -n 3 "$tmp/said")"
		import collections, html.parser, json, sys

		class Page(html.parser.HTMLParser):
		    def __init__(self):
		        super().__init__()
		        self.tiles, self.fates, self.slots = {}, {}, collections.defaultdict(list)
		        self.reasons, self.places, self.packets, self.devices = {}, [], [], set()
		        self.table = self.fate = self.inside = self.name = None
		        self.tags = collections.Counter()

		    def handle_starttag(self, tag, attrs):
		        attrs = dict(attrs)
		        self.tags[tag] += 1
		        if tag == "table": self.table = attrs.get("id")
		        if tag == "figure": self.fate = attrs["data-fate"]
		        if tag == "tr" and self.table == "places": self.place = [attrs.get("data-fate")]
		        if "data-key" in attrs: self.inside, self.name = "tile", attrs["data-key"]
		        if tag == "th": self.inside = "th"
		        if attrs.get("class") == "device": self.inside = "device"
		        if "data-id" in attrs: self.packets.append(int(attrs["data-age"]))
		        if "data-count" in attrs:
		            count = int(attrs["data-count"])
		            if tag == "rect" and self.fate: self.slots[self.fate].append(count)
		            if tag == "b": self.fates[self.fate] = count
		            if tag == "td" and self.table == "reasons": self.reasons[self.name] = count
		            if tag == "td" and self.table == "places": self.places.append((self.place[0], self.name, count))

		    def handle_endtag(self, tag):
		        if tag == "figure": self.fate = None
		        if tag == "table": self.table = None
		        if tag in ("th", "li", "span"): self.inside = None

		    def handle_data(self, data):
		        if self.inside == "tile" and data.strip().isdigit(): self.tiles[self.name] = int(data)
		        if self.inside == "th": self.name = data
		        if self.inside == "device": self.devices.add(data)

		page = Page()
		page.feed(open(sys.argv[1]).read())
		told = json.load(open(sys.argv[2]))
		reasons = collections.Counter()
		for place in told["places"]:
		    if "reason" in place: reasons[place["reason"]] += place["count"]
		places = sorted((p["fate"], p["place"] or "(not shown)", p["count"]) for p in told["places"])
		def same(what, shown, wanted):
		    if shown != wanted: sys.exit("%s: shown %s, not %s" % (what, shown, wanted))
		for key in ("seen", "ended", "alive", "filtered"):
		    same(key, page.tiles.get(key), told["counts"][key])
		same("fates", page.fates, {k: v["count"] for k, v in told["fates"].items()})
		for fate, lives in told["fates"].items():
		    same("slots of " + fate, page.slots[fate], [s["count"] for s in lives["histogram"]])
		same("reasons", page.reasons, dict(reasons))
		same("places", sorted(page.places), places)
		same("slowest first", page.packets, sorted(page.packets, reverse=True))
		same("slowest", len(page.packets), 20)
		same("refused", reasons["NO_SOCKET"], 37)
		if page.devices != {sys.argv[3]}: sys.exit("devices: %s" % page.devices)
	PYTHON
}

page_has_the_counts()
{
	make_page || return
	counted "$tmp/page.html"
	[ "$(stat -c %a "$tmp/page.html")" = 644 ] || wrong "mode $(stat -c %a "$tmp/page.html")"
	grep -q "default-src 'none'" "$tmp/page.html" || wrong "it may load something"
	! grep -niE ' src=|href=|url\(|@import|<script|https?:' "$tmp/page.html" || wrong "it refers to something"
	! grep -qE '<b>"|\xff' "$tmp/page.html" || wrong "a device's name is markup"
}

browser()
{
	local name
	for name in chromium-headless-shell chromium google-chrome; do
		command -v $name && return
	done
	skip="no chromium-headless-shell or chromium (Debian's packages)"
	return 1
}

# browse PAGE OPTION...: its DOM, once the browser has laid it out, in $tmp/dom
browse()
{
	local page=$1
	shift
	HOME=$tmp timeout -k 5 100 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/profile" \
		"$@" --dump-dom "file://$page" >"$tmp/dom" 2>"$tmp/err"
	grep -q '</html>' "$tmp/dom" || { wrong "$browser: $(tail -n 2 "$tmp/err")"; return 1; }
}

# A copy that measures itself: heights of bars by their counts, what is wider than the window, colours.
measuring()
{
	sed '/Content-Security-Policy/d; s|</body>||; s|</html>||' "$tmp/page.html"
	cat <<-'END'
		<script>
		const bars = [...document.querySelectorAll('svg.plot')].map(svg =>
			[...svg.querySelectorAll('rect')].map(r =>
				[+r.dataset.count, r.getBoundingClientRect().height]));
		const style = getComputedStyle(document.body);
		const rect = document.querySelector('rect');
		document.documentElement.dataset.measured = JSON.stringify({ bars,
			too_wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
			back: style.backgroundColor, text: style.color, bar: getComputedStyle(rect).fill });
		</script></body></html>
	END
}

measured()	# WHAT JQ-CONDITION: of the DOM
{
	python3 -c '
import html.parser, sys
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag == "html": print(dict(attrs).get("data-measured"))
Page().feed(open(sys.argv[1]).read())' "$tmp/dom" >"$tmp/measured"
	says "$1" "$2" "$tmp/measured"
}

# As high as their counts say, but for what would be too small to be seen.
a_browser_shows_the_page()
{
	local browser light="([.[].back, .[].text, .[].bar] | unique | length == 3)"
	browser=$(browser) || { browser >/dev/null; return; }
	make_page || return
	browse "$tmp/page.html" && counted "$tmp/dom"
	measuring >"$tmp/measuring.html"
	browse "$tmp/measuring.html" --window-size=1200,900 || return
	measured "heights" 'all(.bars | length > 0 and all(length > 0 and (map(.[0]) | max) as $most |
		(map(.[1]) | max) as $high | all(.[1] > 0 and
			((.[1] / $high - .[0] / $most) | fabs) < 0.05)))'
	measured "no wider than the window" 'all(.too_wide <= 0)'
	measured "light" "$light and (.[].back | test(\"25[0-9]\"))"
	browse "$tmp/measuring.html" --window-size=500,900 --blink-settings=preferredColorScheme=0 || return
	measured "a narrow window" 'all(.too_wide <= 0)'
	measured "dark" "$light and (.[].back | test(\"25[0-9]\") | not)"
}

# ---- the packets

# Once: 5 that nobody reads, 3 long ones, and a request for an echo.
make_packets()
{
	[ ! -e "$tmp/packets" ] || return 0
	start --json --pcap "$tmp/packets" --device tf0 || return
	send 5 9
	python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(3): s.sendto(b"%d" % n * 1000, ("10.9.0.2", 9))'
	ping -c 1 -q 10.9.0.2 >/dev/null
	stop
	grep -v '^{"counts"' "$tmp/out" >"$tmp/packets.json"
	[ "$status" = 0 ]
}

# read_packets: "ID INTERFACE LINK BYTES LENGTH DATA..." of each, and what is wrong with the file
read_packets()
{
	python3 - "$tmp/packets" <<-'PYTHON'
		import struct, sys
		data, at, links, interfaces = open(sys.argv[1], "rb").read(), 0, [], []

		def options(body):
		    found = []
		    while body:
		        kind, length = struct.unpack("=HH", body[:4])
		        if not kind: break
		        found.append((kind, body[4:4 + length]))
		        body = body[4 + (length + 3) // 4 * 4:]
		    return found

		while at < len(data):
		    kind, length = struct.unpack("=II", data[at:at + 8])
		    body, at = data[at + 8:at + length - 4], at + length
		    assert struct.unpack("=I", data[at - 4:at])[0] == length and length % 4 == 0
		    if kind == 0x0a0d0d0a:
		        assert body[:4] == struct.pack("=I", 0x1a2b3c4d) and at == length
		    if kind == 1:
		        links.append(struct.unpack("=H", body[:2])[0])
		        interfaces.append(dict(options(body[8:]))[2].decode())
		    if kind == 6:
		        number, high, low, bytes_, length = struct.unpack("=5I", body[:20])
		        said = [o[1].decode() for o in options(body[20 + (bytes_ + 3) // 4 * 4:]) if o[0] == 1]
		        words = dict(w.split("=", 1) for w in said[0].replace(">=", "=").split())
		        assert bytes_ <= length or not bytes_
		        print(words["id"], words["age"], words["fate"], words.get("reason", "-"), interfaces[number],
		            links[number], bytes_, length, body[20:20 + bytes_].hex() or "-")
	PYTHON
}

each_packet_is_in_the_file()
{
	make_packets || return
	[ "$(stat -c %a "$tmp/packets")" = 600 ] || wrong "mode $(stat -c %a "$tmp/packets")"
	read_packets >"$tmp/read" 2>"$tmp/err" || wrong "$(tail -n 1 "$tmp/err")"
	jq -r '[.id, "\(.age_ns)ns", .end.fate, (.end.reason // "-"), .device] | @tsv' "$tmp/packets.json" |
		tr '\t' ' ' | sed 's/ $/ -/' >"$tmp/told"
	cut -d' ' -f1-5 "$tmp/read" | cmp - "$tmp/told" >/dev/null || wrong "$(cut -d' ' -f1-5 "$tmp/read" | diff - "$tmp/told" | head -n 4)"
	# Ethernet, IPv4, UDP from its first byte on: 14 + 20 + 8 and what was sent.
	[ "$(grep -cE 'dropped NO_SOCKET tf0 1 50 50 [0-9a-f]{24}08004500[0-9a-f]*646174616772616d$' "$tmp/read")" = 5 ] ||
		wrong "the short ones: $(cut -c1-120 "$tmp/read")"
	[ "$(grep -c 'dropped NO_SOCKET tf0 1 256 1042 ' "$tmp/read")" = 3 ] ||
		wrong "the long ones: $(cut -c1-120 "$tmp/read")"
}

tshark_reads_the_file()
{
	local n
	command -v tshark >/dev/null || { skip="no tshark (Debian's package)"; return; }
	make_packets || return
	# shellcheck disable=SC2016 # words of tshark
	run env HOME="$tmp" tshark -r "$tmp/packets" -T fields -E separator=/t -e frame.comment -e frame.interface_name \
		-e frame.len -e frame.cap_len -e ip.dst -e udp.dstport -e icmp.type -e _ws.malformed
	[ "$status" = 0 ] || wrong "status $status: $err"
	[ "$(wc -l <"$tmp/out")" = "$(wc -l <"$tmp/packets.json")" ] || wrong "$(wc -l <"$tmp/out") packets"
	n=$(awk -F'\t' '$1 ~ /^age=[0-9]+ns fate=dropped reason=NO_SOCKET place=.*udp.* id=[0-9]+/ && $2 == "tf0" &&
		$5 == "10.9.0.2" && $6 == 9' "$tmp/out" | wc -l)
	[ "$n" = 8 ] || wrong "$n of 8 datagrams: $out"
	[ "$(awk -F'\t' '$7 == 8' "$tmp/out" | wc -l)" = 1 ] || wrong "no request for an echo: $out"
	! awk -F'\t' '$4 == $3' "$tmp/out" | grep -i malformed || wrong "whole packets are malformed"
	# The refusal holds the datagram that is refused.
	run env HOME="$tmp" tshark -r "$tmp/packets" -Y 'frame.comment contains "reason=NO_SOCKET" && !icmp'
	[ "$(wc -l <"$tmp/out")" = 8 ] || wrong "by the comment: $out"
}

# ---- the filter

has_libpcap()
{
	ldconfig -p | grep -qE 'libpcap\.so\.(0\.8|1)' || { skip="no libpcap (Debian: libpcap0.8)"; return 1; }
}

# Words as they are, among options; counted as seen is what the filter takes, from its first sight on.
filter_chooses_packets()
{
	has_libpcap || return
	start --json dst 10.9.0.2 and --device tf0 '(icmp or (udp port 9 and udp[8:2] = 0x6461 and len <= 50))' || return
	send 6 9
	send 5 10
	python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(4): s.sendto(b"datagram, longer", ("10.9.0.2", 9))'
	ping -c 2 -i 0.01 -q 10.9.0.2 >/dev/null
	stop
	says "datagrams" 'map(select(.end.reason == "NO_SOCKET" and .device == "tf0" and .bytes == 50)) | length == 6' "$tmp/out"
	says "echo requests" 'map(select(.id)) | length == 8' "$tmp/out"
	says "counts" '.[-1].counts | .seen == 8 and .ended == 8 and .filtered == 0' "$tmp/out"
}

# What is wrong is told by libpcap, in one line, before anything is loaded.
filters_that_are_wrong()
{
	local expression many
	has_libpcap || return
	for expression in 'udp port' 'port port' 'host nosuchhost.invalid' inbound 'ip[' "((" $'udp\nport'; do
		run timeout 60 "$skbext" trace "$expression"
		refused "$expression" "cannot trace: "
	done
	run timeout 60 "$skbext" trace udp port
	refused "udp port" "'udp port'" "syntax error" "pcap-filter(7)"
	printf -v many 'port %s or ' {1..300}
	run timeout 60 "$skbext" trace "$many port 7"
	refused "too long" "512"
}

# Told before anything is loaded; and what was there stays.
files_that_cannot_be_written()
{
	local option
	for option in --html --pcap; do
		run timeout 60 "$skbext" trace $option "$tmp/none/file" --duration 1
		refused "$option: no directory" "$tmp/none/file" "No such file"
		run timeout 60 "$skbext" trace $option "$tmp" --duration 1
		refused "$option: a directory" "not a regular file"
		! grep -q tracing "$tmp/err" || wrong "$option: it traced"
	done
	run "$skbext" trace --html "$tmp/x" --pcap "$tmp/y"
	[ "$status" = 2 ] && [ ! -e "$tmp/x" ] && [ ! -e "$tmp/y" ] || wrong "both: status $status: $err"
}

# A file is there whole or not at all: a full disk, and a kill.
failed_traces_leave_no_file()
{
	mkdir "$tmp/small" && mount -t tmpfs -o size=8k tmpfs "$tmp/small" || { skip="no tmpfs"; return; }
	start --pcap "$tmp/small/packets" || return
	send 400 9
	kill -INT $tracer
	wait $tracer
	status=$?
	sed -i '/^skbext: \(tracing\|[0-9]* packets\)/d' "$tmp/err"
	err=$(cat "$tmp/err")
	refused "a full disk" "No space left" "$tmp/small/packets"
	[ -z "$(ls -A "$tmp/small")" ] || wrong "full: left: $(ls -A "$tmp/small")"
	umount "$tmp/small"
	start --html "$tmp/small/page.html" || return
	kill -KILL $tracer
	wait $tracer 2>/dev/null
	[ -z "$(ls -A "$tmp/small")" ] || wrong "killed: left: $(ls -A "$tmp/small")"
}

net_up
run_case packets_say_their_path
run_case names_of_devices_are_text
run_case page_has_the_counts
run_case a_browser_shows_the_page
run_case each_packet_is_in_the_file
run_case tshark_reads_the_file
run_case filter_chooses_packets
run_case filters_that_are_wrong
run_case files_that_cannot_be_written
run_case failed_traces_leave_no_file
exit $failed
