# SPDX-License-Identifier: MIT
# Shunts, traffic that is held back while there is no SA, SAs whose limit is reached, events that were lost. Outer addresses 192.0.2.15x to
# 192.0.2.18x, inner networks 130 to 159.

# What of these networks comes in the clear, but for ICMP, which the guard of all rows looks after.
shunts_clear() # HOST
{
	on "$1" nft -f - <<-X
	table inet clear {
		chain arrival {
			type filter hook prerouting priority -310
			iifname "wire" meta ipsec missing ip saddr 10.0.0.0/8 udp dport 5130 counter comment "open"
			iifname "wire" meta ipsec missing ip saddr 10.0.0.0/8 ip daddr { 10.1.140.0/23, 10.2.140.0/23 } counter comment "held"
		}
	}
	X
}

shunts_counted() # HOST open|held
{
	on "$1" nft list table inet clear | awk -v comment="\"$2\"" '$NF == comment { for (i = 1; i < NF; i++) if ($i == "packets") print $(i + 1) }'
}

shunts_hosts()
{
	for end in 1 2; do
		[ $end -eq 1 ] && host=left || host=right
		lab_address $host wire "192.0.2.15$end/24" "192.0.2.16$end/24" "192.0.2.17$end/24" "192.0.2.18$end/24"
		set --
		for number in 130 131 133 134 140 141 150 151; do
			set -- "$@" "10.$end.$number.1/32"
		done
		lab_address $host lo "$@"
		shunts_clear $host
	done
}

shunts_connections() # END
{
	other=$((3 - $1)) keep=passive packets= bytes=
	[ "$1" -eq 2 ] || { keep=up packets='lifetime-packets="1000"' bytes='lifetime-bytes="1M"'; }
	{
		child wide tunnel "10.$1.130.0/23" "10.$other.130.0/23" aes128gcm16
		child4 "$1" in-133 aes128gcm16
		child4 "$1" shut-134 aes128gcm16
	} | connection shunts "192.0.2.15$1" "192.0.2.15$other"
	child4 "$1" held-140 aes128gcm16 | connection held "192.0.2.16$1" "192.0.2.16$other" "keep=\"$keep\""
	[ "$1" -eq 2 ] || keep=on-demand
	child4 "$1" asked-141 aes128gcm16 | connection asked "192.0.2.17$1" "192.0.2.17$other" "keep=\"$keep\""
	{
		child4 "$1" packets-150 aes128gcm16 "$packets"
		child4 "$1" bytes-151 aes128gcm16 "$bytes"
	} | connection limits "192.0.2.18$1" "192.0.2.18$other"
	echo "  <shunt name=\"open\" action=\"bypass\" local=\"10.$1.131.0/24\" remote=\"10.$other.131.0/24\"/>"
	echo "  <shunt name=\"around\" action=\"bypass\" local=\"10.$1.132.0/22\" remote=\"10.$other.132.0/22\"/>"
	[ "$1" -eq 2 ] || echo "  <shunt name=\"shut\" action=\"drop\" local=\"10.1.134.0/24\" remote=\"10.2.134.0/24[icmp]\"/>"
}

# ---- shunts

shunts_open()
{
	carries_four shunts wide 10.1.130.1 10.2.130.1
	lab_start left open "$TOP_BUILDDIR/tests/lab/numbered" 10.1.131.1 10.2.131.1 5130 50 2
	on right "$TOP_BUILDDIR/tests/lab/numbered" 10.2.131.1 10.1.131.1 5130 50 2 || lab_fail "what is to pass in the clear is lost"
	for host in left right; do
		[ "$(shunts_counted $host open)" -ge 100 ] || lab_fail "$host received $(shunts_counted $host open) packets in the clear"
		[ "$(packets $host shunts wide)" = '4 4' ] || lab_fail "on $host they passed in the tunnel"
	done
	keyferry left status | grep -x 'shunt open: bypass 10.1.131.0/24 ... 10.2.131.0/24' || lab_fail "the status does not show it"
}

# The way around the narrower child would be in the clear, and the guard sees it.
shunts_narrow()
{
	carries shunts in-133 10.1.133.1 10.2.133.1
}

shunts_shut()
{
	keyferry left --timeout $patience up shunts/shut-134 || lab_fail "it does not come up"
	! on left ping -n -q -c 2 -i 0.2 -W 1 -I 10.1.134.1 10.2.134.1 || lab_fail "they pass"
	[ "$(packets left shunts shut-134)" = '0 0' ] || lab_fail "they are in the tunnel"
}

# The kernel's policies as they are ordered and numbered nowhere.
shunts_policies()
{
	on left ip xfrm policy | awk '$1 == "src" { selector = $0 } $1 == "dir" { print selector, $0 }' | sort
}

shunts_reload()
{
	shunts_policies >"$lab/before"
	cp "$lab/left.xml" "$lab/left.whole"
	sed -i '/shunt name="open"/d' "$lab/left.xml"
	keyferry left reload
	shunts_policies | diff "$lab/before" - | grep '^[<>]' >"$lab/changed" || :
	cat "$lab/changed"
	[ "$(grep -c '^< .*10.[12].131.0/24' "$lab/changed")" -eq 3 ] && [ "$(wc -l <"$lab/changed")" -eq 3 ] || lab_fail "other policies have changed"
	cp "$lab/left.whole" "$lab/left.xml"
	keyferry left reload
	shunts_policies | diff "$lab/before" - || lab_fail "it does not come back"
}

# ---- traffic that is held back

shunts_stream() # begins | ends
{
	case $1 in
	begins)
		for number in 140 141; do
			lab_start left stream$number ping -n -q -i 0.05 -W 1 -I 10.1.$number.1 10.2.$number.1
		done
		;;
	ends)
		for number in 140 141; do
			lab_signal left stream$number KILL
		done
		;;
	esac
}

shunts_up() { [ "$(packets left held held-140)" != '0 0' ]; }

shunts_none_clear() # WHEN
{
	for host in left right; do
		[ "$(shunts_counted $host held)" -eq 0 ] || lab_fail "$1 $host received $(shunts_counted $host held) packets in the clear"
	done
}

# IKE passes, or does not.
shunts_ike() # add | delete
{
	on right nft "$1" table inet silence
	[ "$1" = delete ] || on right nft -f - <<-X
	table inet silence {
		chain arrival {
			type filter hook input priority 0
			udp dport { 500, 4500 } drop
		}
	}
	X
}

# Traffic goes on all the time: under failures, down by hand, a reload, a crash and a start.
shunts_held()
{
	lab_wait $patience keyferry left --timeout $patience up held || lab_fail "it does not come up"
	shunts_stream begins
	lab_wait 10 shunts_up || lab_fail "nothing is carried"
	shunts_none_clear 'while it is up'
	shunts_ike add
	keyferry left down held
	keyferry left down asked || :
	! keyferry left --timeout 3 up held || lab_fail "it comes up without IKE"
	shunts_none_clear 'after a failure'
	sed -i 's|name="held-140"|& mtu="1300"|' "$lab/left.xml"
	keyferry left reload
	sleep 1
	shunts_none_clear 'after a reload'
	lab_signal left keyferryd KILL
	lab_ended left keyferryd 5 || :
	sleep 1
	shunts_none_clear 'without a daemon'
	on left rm -f /run/keyferry.control
	keyferry_start left
	# Longer than what was left is kept.
	sleep 7
	shunts_none_clear 'before it is up again'
	shunts_ike delete
	lab_wait $patience shunts_up || lab_fail "it does not come up by itself"
	shunts_none_clear 'at the end'
	shunts_stream ends
	keyferry left status | grep -x 'shunt shut: drop 10.1.134.0/24 ... 10.2.134.0/24\[icmp\]' || lab_fail "the shunts are not there again"
	[ "$(ours | grep -c 'policy.*10.[12].134.0/24.*icmp')" -eq 3 ] || lab_fail "the shunt is not in the kernel again"
}

# ---- limits, and events that are lost

shunts_limit() # CHILD NUMBER OCTETS
{
	keyferry left --timeout $patience up "limits/$1" || lab_fail "it does not come up"
	on left ping -n -q -c 1300 -i 0.01 -W 5 -s "$3" -I "10.1.$2.1" "10.2.$2.1" >"$lab/stream" || :
	cat "$lab/stream"
	[ "$(renewals "$1")" -ge 1 ] || lab_fail "it was not renewed"
	lab_said left keyferryd "child-used-up: child $1 has nearly reached" || lab_fail "the kernel did not say so"
	grep -q ' 0% packet loss' "$lab/stream" || lab_fail "$(grep loss "$lab/stream")"
	keyferry left down "limits/$1"
}

# One call deletes most of them.
shunts_gone()
{
	on left ip xfrm state deleteall src 192.0.9.1 dst 192.0.9.3 proto esp
	! on left ip xfrm state list src 192.0.9.1 dst 192.0.9.3 | grep -q spi
}

# SAs of others that expire while the daemon sleeps: the kernel tells it too, until there is no room.
shunts_lost()
{
	lab_signal left keyferryd STOP
	awk 'BEGIN { for (i = 0; i < 8000; i++)
		printf "xfrm state add src 192.0.9.1 dst 192.0.9.3 proto esp spi %d reqid 9 mode tunnel auth digest_null \"\" enc cipher_null \"\" limit time-soft 1 limit time-hard 60\n", 65536 + i }' >"$lab/many"
	on left ip -batch "$lab/many" || lab_fail "the SAs cannot be added"
	sleep 2
	lab_signal left keyferryd CONT
	# It stops with what it has started, but does not go on with it; the end would wait for it.
	kill -CONT $(pidof nsenter) || :
	lab_wait 20 lab_said left keyferryd 'events-lost: events of the kernel were lost' || lab_fail "nothing was lost"
	lab_wait 30 shunts_gone || lab_fail "the SAs stay"
	keyferry left --timeout $patience up shunts/wide || lab_fail "it does not answer any more"
}

# ---- an algorithm that the kernel lacks

shunts_unload()
{
	lsmod | awk '/^camellia/ { print $1 }' | while read -r module; do
		rmmod "$module" || :
	done
	! lsmod | grep -q '^camellia'
}

# Without the module the configuration is refused at start; with another proposal beside it that is what is offered.
shunts_lacks()
{
	loader=$(cat /proc/sys/kernel/modprobe) status=0
	lab_signal left keyferryd TERM
	lab_wait 20 lab_has_ended left keyferryd || lab_fail "it does not end"
	lab_ended left keyferryd 1 || :
	echo /bin/false >/proc/sys/kernel/modprobe
	lab_wait 20 shunts_unload || lab_fail "the module is in use"
	cp "$lab/left.xml" "$lab/left.whole"
	keyferry_launch left
	lab_ended left keyferryd 20 || status=$?
	[ $status -eq 1 ] || lab_fail "it starts"
	lab_said left keyferryd 'left.xml:[0-9]+: <child>: none of its proposals can be installed: the kernel lacks Camellia-CBC .try .modprobe -a cbc camellia_generic.*: camellia128-sha384' || lab_fail "it does not say what is missing"
	sed -i 's/camellia128-sha384/& aes128-sha256/' "$lab/left.xml"
	keyferry_start left
	lab_said left keyferryd 'proposals that cannot be installed are left out: the kernel lacks Camellia-CBC' || lab_fail "it does not say what it leaves out"
	echo "$loader" >/proc/sys/kernel/modprobe
	cp "$lab/left.whole" "$lab/left.xml"
	lab_wait 20 keyferry left reload || lab_fail "the module is not looked for again: $(ls -l "$loader"; modprobe -n -v camellia_generic)"
}

shunts_slow()
{
	row 'renewed by the packets it carried'   shunts_limit packets-150 150 56
	long_row 'renewed by the octets it carried' shunts_limit bytes-151 151 1300
}

shunts_other()
{
	row 'a narrower child before a shunt'     shunts_narrow
	row 'a shunt drops'                       shunts_shut
}

shunts_rows()
{
	lane shunts_other
	lane row 'a shunt passes beside the tunnel' shunts_open
	lanes_end
	row 'a reload takes a shunt away'         shunts_reload
	long_row 'held back whatever happens'     shunts_held
	long_row 'refused for a lost algorithm'   shunts_lacks
	long_row 'events of the kernel are lost'  shunts_lost
}
