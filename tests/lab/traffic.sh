# SPDX-License-Identifier: MIT
# traffic.sh - what tests send through a tunnel. Source it after lab.sh.

# 100 pings with 1 to 1400 octets of data; none may be lost. What does not fit through the tunnel is answered with the size that
# does (RFC 1191, RFC 8201): the first three tell both ends, and may get lost over that.
ping_sizes() # HOST FROM TO
{
	on "$1" ping -n -q -c 3 -i 0.2 -W 1 -s 1400 -I "$2" "$3" >/dev/null 2>&1 || :
	on "$1" sh -c '
		i=0
		while [ $i -lt 100 ]; do
			size=$((1 + i * 1399 / 99))
			ping -n -q -c 1 -W 2 -s $size -I "$0" "$1" || { echo "a ping of $size octets from $0 to $1 was lost"; exit 1; }
			i=$((i + 1))
		done' "$2" "$3" >"$lab/$1.ping.log" 2>&1 || lab_fail "$(tail -n 1 "$lab/$1.ping.log")"
}

is_listening() # HOST PORT
{
	on "$1" ss -Hltn "sport = :$2" | grep -q LISTEN
}

# One TCP stream for some seconds; it has to move something until the end.
stream() # HOST FROM HOST TO SECONDS
{
	lab_start "$3" iperf iperf3 --server --one-off --bind "$4"
	lab_wait 5 is_listening "$3" 5201 || lab_fail "iperf3 does not start"
	on "$1" timeout $(($5 + 20)) iperf3 --client "$4" --bind "$2" --time "$5" --format k >"$lab/$1.iperf.log" 2>&1 ||
		lab_fail "iperf3 from $2 to $4 failed: $(tail -n 1 "$lab/$1.iperf.log")"
	rate=$(awk '/receiver/ { print int($(NF - 2)) }' "$lab/$1.iperf.log")
	[ "${rate:-0}" -gt 1000 ] || lab_fail "iperf3 from $2 to $4 moved ${rate:-no} kbit/s only"
}
