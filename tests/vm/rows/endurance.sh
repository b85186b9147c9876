# SPDX-License-Identifier: MIT
# endurance.sh - rows of tests/vm: streams, bad networks, ends at any moment, many children.

endurance_hosts()
{
	lab_address left wire 192.0.2.191/24
	lab_address right wire 192.0.2.192/24
	lab_address left lo 10.1.160.1/32 10.1.161.1/32
	lab_address right lo 10.2.160.1/32 10.2.161.1/32
}

endurance_connections() # END
{
	{
		child4 "$1" stream-160 aes128gcm16
		child4 "$1" short-161 aes128gcm16 'lifetime="20s"'
	} | connection endurance "192.0.2.19$1" "192.0.2.19$((3 - $1))"
}

streams()
{
	carries endurance stream-160 10.1.160.1 10.2.160.1
	stream left 10.1.160.1 right 10.2.160.1 3
	octets=$(keyferry_traffic left out bytes)
	[ "$octets" -gt $((rate * 3000 / 8 / 2)) ] || lab_fail "left counts only $octets octets of a stream of $rate kbit/s"
	echo "$rate kbit/s" | tell
}

# ---- a bad network. Packets are counted on both sides of it and of ESP: what the network takes is not ours, all else is.

count_stream() # HOST ITS-END
{
	other=$((3 - $2))
	# In UDP what begins with four octets of zeros is IKE.
	esp='meta l4proto esp'
	[ $kernel = xfrm ] || esp='udp dport 4500 @th,64,32 != 0'
	on "$1" nft -f - <<-X
	table inet stream {
		counter inner_out { }
		counter esp_out { }
		counter esp_in { }
		counter inner_in { }
		chain departure {
			type filter hook output priority 0
			ip daddr 10.$other.161.1 counter name inner_out
			ip daddr 192.0.2.19$other $esp counter name esp_out
		}
		chain wire {
			type filter hook prerouting priority raw
			ip saddr 192.0.2.19$other $esp counter name esp_in
		}
		chain arrival {
			type filter hook input priority 0
			ip saddr 10.$other.161.1 counter name inner_in
		}
	}
	X
}

counted() # HOST COUNTER
{
	on "$1" nft list counter inet stream "$2" | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}

end_bad_network()
{
	for host in left right; do
		on $host tc qdisc del dev wire root 2>/dev/null || :
		on $host nft delete table inet stream 2>/dev/null || :
	done
}

# Numbered packets both ways while the child is renewed three times.
bad_network() # NETEM...
{
	trap end_bad_network EXIT
	before=$(renewals short-161)
	for host in left right; do
		on $host tc qdisc add dev wire root netem "$@"
	done
	keyferry left --timeout 120 up endurance/short-161 || lab_fail "it does not come up"
	count_stream left 1
	count_stream right 2
	lab_start left numbered "$TOP_BUILDDIR/tests/lab/numbered" 10.1.161.1 10.2.161.1 5000 50 70
	lab_start right numbered "$TOP_BUILDDIR/tests/lab/numbered" 10.2.161.1 10.1.161.1 5000 50 70
	lab_wait 150 lab_has_ended left numbered || lab_fail "the traffic does not end"
	lab_wait 30 lab_has_ended right numbered || lab_fail "the traffic does not end"
	sleep 2
	tail -n 2 "$lab/left.numbered.log" "$lab/right.numbered.log"
	times=$(($(renewals short-161) - before))
	[ "$times" -ge 3 ] || lab_fail "it was renewed $times times only"
	for host in left right; do
		inner_out=$(counted $host inner_out) esp_out=$(counted $host esp_out) esp_in=$(counted $host esp_in) inner_in=$(counted $host inner_in)
		echo "$host: $inner_out packets left in $esp_out of ESP, $esp_in of ESP came and brought $inner_in" | tell
		[ "$inner_out" -gt 3000 ] && [ "$inner_out" -eq "$esp_out" ] || lab_fail "$host did not send all: $inner_out packets, $esp_out in ESP"
		[ "$inner_in" -gt 1000 ] && [ "$inner_in" -eq "$esp_in" ] || lab_fail "$host did not take all: $esp_in packets in ESP, $inner_in out of it"
	done
	echo "renewed $times times" | tell
	keyferry left down endurance/short-161
}

# ---- killed at any moment

below() # NUMBER: a random one
{
	echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

crashes() # HOW-OFTEN
{
	number=0
	while [ "$number" -lt "$1" ]; do
		number=$((number + 1))
		keyferry left --timeout 20 up v4 >/dev/null 2>&1 &
		up=$!
		sleep "$(($(below 3))).$(below 10)"
		lab_signal left keyferryd KILL
		lab_ended left keyferryd 5 || :
		wait $up || :
		on left rm -f /run/keyferry.control
		foreign_is_there
		keyferry_start left
		# What comes up meanwhile is in one before it is in the other.
		lab_wait 10 exactly_the_status || lab_fail "after $number times the kernel has other SAs than the status"
		[ $((number % 10)) -eq 0 ] || continue
		keyferry left --timeout $patience up v4/cbc-1 || lab_fail "it does not come up after $number times"
		sleep 6
		exactly_the_status || lab_fail "after $number times the kernel has other SAs than the status"
		only_policies_of_now || lab_fail "after $number times policies of an earlier run are there"
		reaches 10.1.1.1 10.2.1.1
	done
	echo "$number times" | tell
}

# ---- many children, without IKE

# The kernel itself takes longer for each policy the more there are in its list of those that are not for single addresses; not for those
# that it is told to hash (docs/keyferryd.8), and not for SAs.
many_children()
{
	bench="$TOP_BUILDDIR/plugins/kernel-xfrm/bench_children"
	figures=$(unshare --net "$bench" 1 100 2000) || lab_fail "it fails: $figures"
	echo "$figures" | tell
	figures=$(unshare --net sh -c 'ip xfrm policy set hthresh4 16 30 && exec "$@"' sh "$bench" --flat 2 100 500 1000 2000) ||
		lab_fail "with hashed policies it fails: $figures"
	echo "$figures" | sed 's/^/hashed, /' | tell
}

endurance_rows()
{
	row 'a TCP stream'                                streams
	kernel_row 'two thousand children'                many_children
	long_row '20 % of the packets are lost'           bad_network loss 20%
	long_row '200 ms of delay'                        bad_network delay 200ms
	long_row 'packets in another order'               bad_network delay 20ms reorder 25% 50%
	long_row 'loss, delay and another order'          bad_network delay 200ms loss 20% reorder 25% 50%
}

# At the end, for it leaves a daemon that has forgotten.
endurance_swan()
{
	long_row 'killed a hundred times'                 crashes 100
}
