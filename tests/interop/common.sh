# SPDX-License-Identifier: MIT
# common.sh - what the cases of tests/interop share: two hosts "left" and "right" with a cable between them, keyferry on the left,
# and on the right either strongSwan or another keyferry. Each case is a program that says why it failed and exits 1.
set -eu
export LC_ALL=C
here=$TOP_SRCDIR/tests/interop
. "$TOP_SRCDIR/tests/lab/lab.sh"
. "$TOP_SRCDIR/tests/lab/keyferry.sh"
. "$TOP_SRCDIR/tests/lab/strongswan.sh"
. "$TOP_SRCDIR/tests/lab/traffic.sh"
seconds=${INTEROP_SECONDS:-5}

# The daemon gives up the rights that the leak checker needs to look at it, and a peer with one is no faster than its checks.
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}"

# ---- addresses: the left host is end 1, the right one end 2; families are v4 and v6

outer() # FAMILY END
{
	case $1 in
	v4) echo "192.0.2.$2" ;;
	v6) echo "2001:db8::$2" ;;
	esac
}

network() # FAMILY END NUMBER
{
	case $1 in
	v4) echo "10.$2.$3.0/24" ;;
	v6) echo "fd0$2:0:0:$3::/64" ;;
	esac
}

inner() # FAMILY END NUMBER
{
	case $1 in
	v4) echo "10.$2.$3.1" ;;
	v6) echo "fd0$2:0:0:$3::1" ;;
	esac
}

# Both hosts with their outer addresses and, on lo, an inner one in each of their networks.
hosts() # [NETWORKS]
{
	lab_open interop
	keyferry_use "$TOP_BUILDDIR"
	end=0
	for host in left right; do
		lab_host $host
	done
	lab_link left wire right wire
	for host in left right; do
		end=$((end + 1))
		lab_address $host wire "$(outer v4 $end)/24" "$(outer v6 $end)/64"
		number=0
		while [ "$number" -lt "${1:-1}" ]; do
			number=$((number + 1))
			lab_address $host lo "$(inner v4 $end $number)/32" "$(inner v6 $end $number)/128"
		done
	done
}

# From now on nothing passes the cable in the clear: what should be in ESP is dropped on arrival, and counted.
guard()
{
	for host in left right; do
		on $host nft -f - <<-X
		table inet guard {
			chain arrival {
				type filter hook prerouting priority raw
				iifname "wire" meta l4proto tcp counter drop
				iifname "wire" udp dport 5000 counter drop
				iifname "wire" icmp type { echo-request, echo-reply } counter drop
				iifname "wire" icmpv6 type { echo-request, echo-reply } counter drop
			}
		}
		X
	done
}

nothing_leaked()
{
	for host in left right; do
		on $host nft list table inet guard | grep counter | grep -vq 'packets 0 ' || continue
		lab_fail "$host received packets in the clear"
	done
}

# ---- the two ends

# One connection "t" with children c1, c2...
phase1_mode=main # or aggressive

keyferry_connection() # END PHASE1 ESP OUTER INNER MODE CHILDREN [ATTRIBUTES-OF-CONNECTION]
{
	other=$((3 - $1))
	echo "  <connection name=\"t\" ${8:-}>"
	echo "    <local address=\"$(outer "$4" "$1")\"/>"
	echo "    <remote address=\"$(outer "$4" "$other")\"/>"
	echo "    <phase1 mode=\"$phase1_mode\" proposals=\"$2\"/>"
	number=0
	while [ "$number" -lt "$7" ]; do
		number=$((number + 1))
		case $6 in
		tunnel) selectors="local=\"$(network "$5" "$1" $number)\" remote=\"$(network "$5" "$other" $number)\"" ;;
		transport) selectors= ;;
		esac
		echo "    <child name=\"c$number\" mode=\"$6\" $selectors proposals=\"$3\"/>"
	done
	echo "  </connection>"
}

strongswan_connection() # END PHASE1 ESP OUTER INNER MODE CHILDREN
{
	other=$((3 - $1))
	echo "	t {"
	echo "		version = 1"
	echo "		local_addrs = $(outer "$4" "$1")"
	echo "		remote_addrs = $(outer "$4" "$other")"
	echo "		proposals = $2"
	[ "$phase1_mode" = main ] || echo "		aggressive = yes"
	echo "		local {"
	echo "			auth = psk"
	echo "		}"
	echo "		remote {"
	echo "			auth = psk"
	echo "		}"
	echo "		children {"
	number=0
	while [ "$number" -lt "$7" ]; do
		number=$((number + 1))
		echo "			c$number {"
		echo "				local_ts = $(network "$5" "$1" $number)"
		echo "				remote_ts = $(network "$5" "$other" $number)"
		echo "				esp_proposals = $3"
		echo "				mode = $6"
		echo "			}"
	done
	echo "		}"
	echo "	}"
}

patience=20

strongswan_up() # HOST CHILD...
{
	up_host=$1
	shift
	for child; do
		swanctl "$up_host" --initiate --child "$child" --timeout "$patience" >"$lab/$up_host.swanctl.log" 2>&1 || return 1
	done
}

# The words c1 to cN.
children() # COUNT
{
	seq -f 'c%g' "$1"
}

# ---- traffic

# Whether the tunnel carries something just now.
moves() # HOST
{
	[ "$(keyferry_traffic "$1" out packets)" -gt 1000 ]
}

# What a daemon could leave on a host: devices, rules, routes. Numbers of devices are the kernel's own.
network_state() # HOST
{
	on "$1" sh -c 'ip -o link; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; ip -o address' |
		sed -E 's/^[0-9]+: //; s/ (qdisc|state) [^ ]+//g; s/[ \t]+$//' | grep -v ' fe80::\|^fe80:\|^multicast' | sort
}
