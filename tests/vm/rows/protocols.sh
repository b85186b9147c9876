# SPDX-License-Identifier: MIT
# protocols.sh - rows of tests/vm: AH instead of ESP, and IPComp before either. Outer addresses end with 8 and 9, networks are 80 to 99 without 90.

protocols_hosts()
{
	protocols_end=0
	for protocols_host in left right; do
		protocols_end=$((protocols_end + 1))
		set --
		for protocols_number in 8 9; do
			set -- "$@" "192.0.2.$protocols_number$protocols_end/24" "2001:db8::$protocols_number$protocols_end/64"
		done
		lab_address $protocols_host wire "$@"
		set --
		for protocols_number in 80 81 82 83 84 85 86; do
			set -- "$@" "10.$protocols_end.$protocols_number.1/32" "fd0$protocols_end:0:0:$protocols_number::1/128"
		done
		lab_address $protocols_host lo "$@"
	done
	lab_address left wire2 192.0.3.81/24 192.0.3.91/24
	lab_address swan wire 192.0.3.82/24 192.0.3.92/24
	lab_address left lo 10.1.91.1/32 10.1.92.1/32
	lab_address swan lo 10.3.91.1/32 10.3.92.1/32
}

protocols_connections() # END
{
	{
		child4 "$1" sha-80 sha256 'protocol="ah"'
		child6 "$1" six-80 sha256 'protocol="ah"'
		child4 "$1" esn-81 sha512-modp2048-esn 'protocol="ah" replay-window="4096"'
		child host transport '' '' sha256 'protocol="ah"'
	} | connection ah "192.0.2.8$1" "192.0.2.8$((3 - $1))"
	{
		child4 "$1" four-82 sha1 'protocol="ah"'
		child6 "$1" six-82 sha384 'protocol="ah"'
		child host transport '' '' sha256 'protocol="ah"'
	} | connection ah6 "2001:db8::8$1" "2001:db8::8$((3 - $1))"
	{
		child4 "$1" zip-83 aes128-sha256 'compress="yes"'
		child4 "$1" ah-84 sha256 'protocol="ah" compress="yes"'
		# The right side does without, or the kernel cannot.
		if [ "$1" -eq 1 ]; then child4 1 plain-85 aes128gcm16 'compress="yes"'; else child4 2 plain-85 aes128gcm16; fi
		child6 "$1" other-85 aes128gcm16 'compress="yes"'
		child host transport '' '' aes128gcm16 'compress="yes"'
	} | connection zip "192.0.2.9$1" "192.0.2.9$((3 - $1))"
	{
		child6 "$1" six-86 aes128gcm16 'compress="yes"'
		child host transport '' '' aes128gcm16 'compress="yes"'
	} | connection zip6 "2001:db8::9$1" "2001:db8::9$((3 - $1))"
}

protocols_swan_connections()
{
	{
		child ah-tunnel tunnel 10.1.91.0/24 10.3.91.0/24 sha256 'protocol="ah"'
		child ah-transport transport '' '' sha256 'protocol="ah"'
	} | connection swan-ah 192.0.3.81 192.0.3.82
	{
		child zip-tunnel tunnel 10.1.92.0/24 10.3.92.0/24 aes128-sha256 'compress="yes"'
		child zip-transport transport '' '' aes128-sha256 'compress="yes"'
	} | connection swan-zip 192.0.3.91 192.0.3.92
}

protocols_swan_config()
{
	swan_connection swan-ah 192.0.3.82 192.0.3.81 <<-X
			ah-tunnel {
				local_ts = 10.3.91.0/24
				remote_ts = 10.1.91.0/24
				ah_proposals = sha256
			}
			ah-transport {
				mode = transport
				ah_proposals = sha256
			}
	X
	swan_connection swan-zip 192.0.3.92 192.0.3.91 <<-X
			zip-tunnel {
				local_ts = 10.3.92.0/24
				remote_ts = 10.1.92.0/24
				esp_proposals = aes128-sha256
				ipcomp = yes
			}
			zip-transport {
				mode = transport
				esp_proposals = aes128-sha256
				ipcomp = yes
			}
	X
}

# Nothing but AH carried it.
protocols_ah() # CONNECTION CHILD FROM TO
{
	carries "$@"
	keyferry left status "$1" | grep -q 'AH sha' || lab_fail "the status does not say that it is AH"
	on left ip xfrm state | grep -q '^	proto ah ' || lab_fail "there is no SA of AH"
	on left ip xfrm policy | grep -A 3 "dst ${4%.*}" | grep -q 'proto ah ' || lab_fail "its policy is not for AH"
}

protocols_host()
{
	carries_and_ends "$@"
	! on left ip xfrm policy | grep -q "dst $4/" || lab_fail "its policies are still there"
}

# What the SAs of IPComp have carried, least first; those that only keep a CPI for one have this reqid.
protocols_compressed() # HOST
{
	on "$1" ip -s xfrm state | awk '
		$1 == "proto" { here = $2 == "comp" && $6 !~ /^1801872754/ }
		here && /\(bytes\), .*\(packets\)/ { sub(/\(.*/, "", $2); print $2 }' | sort -n | tr '\n' ' '
}

# A ping's octets repeat, so that it becomes smaller. What is short passes beside IPComp, which counts it outbound alone.
protocols_zip() # CONNECTION CHILD FROM TO
{
	before=$(protocols_compressed right | wc -w)
	carries_four "$@"
	keyferry left status "$1" | grep -q 'IPComp' || lab_fail "the status does not say that it is compressed"
	for host in left right; do
		set -- "$@" "$(protocols_compressed $host)"
	done
	[ "$(echo "$5" | wc -w)" -eq $((before + 2)) ] || lab_fail "there are SAs of IPComp with $5 packets on the left, and were $before"
	for count in $5 $6; do
		[ "$count" -ge 4 ] || lab_fail "IPComp carried $5 packets on the left and $6 on the right, not 4 each"
	done
	on left ping -n -q -c 2 -i 0.2 -W 5 -s 8 -I "$3" "$4" || lab_fail "a short packet does not pass"
	[ "$(packets right "$1" "$2")" = '6 6' ] || lab_fail "right counts $(packets right "$1" "$2") packets, not 6"
	[ $all = no ] || stream left "$3" right "$4" 1
}

protocols_zip_host()
{
	protocols_zip "$@"
	keyferry left down "$1/$2"
}

protocols_plain()
{
	before=$(protocols_compressed left)
	carries "$@"
	[ "$(protocols_compressed left)" = "$before" ] || lab_fail "it has IPComp: $(protocols_compressed left)"
}

protocols_ah_rows()
{
	row 'AH sha256, IPv4 in IPv4'        protocols_ah ah sha-80 10.1.80.1 10.2.80.1
	row 'AH sha256, IPv6 in IPv4'        carries ah six-80 fd01:0:0:80::1 fd02:0:0:80::1
	long_row 'AH sha512-modp2048-esn'    carries ah esn-81 10.1.81.1 10.2.81.1
	row 'AH sha256, transport, IPv4'     protocols_host ah host 192.0.2.81 192.0.2.82
	long_row 'AH sha1, IPv4 in IPv6'     carries ah6 four-82 10.1.82.1 10.2.82.1
	long_row 'AH sha384, IPv6 in IPv6'   carries ah6 six-82 fd01:0:0:82::1 fd02:0:0:82::1
	long_row 'AH sha256, transport, IPv6' protocols_host ah6 host 2001:db8::81 2001:db8::82
}

# They look at all SAs of IPComp.
protocols_zip_rows()
{
	row 'IPComp and ESP, IPv4 in IPv4'   protocols_zip zip zip-83 10.1.83.1 10.2.83.1
	long_row 'IPComp and AH, IPv4 in IPv4' protocols_zip zip ah-84 10.1.84.1 10.2.84.1
	row 'IPComp that the peer declines'  protocols_plain zip plain-85 10.1.85.1 10.2.85.1
	row 'IPComp not for IPv6 in IPv4'    protocols_plain zip other-85 fd01:0:0:85::1 fd02:0:0:85::1
	row 'IPComp, transport, IPv4'        protocols_zip_host zip host 192.0.2.91 192.0.2.92
	long_row 'IPComp, IPv6 in IPv6'      protocols_zip zip6 six-86 fd01:0:0:86::1 fd02:0:0:86::1
	long_row 'IPComp, transport, IPv6'   protocols_zip_host zip6 host 2001:db8::91 2001:db8::92
}

protocols_rows()
{
	lane protocols_zip_rows
	lane protocols_ah_rows
	lanes_end
}

protocols_swan_zip() # ROLE CHILD FROM TO
{
	before=$(protocols_compressed left | wc -w)
	# While it is up: its end takes the SAs away.
	with_swan_at swan-zip "$@"
	lab_log left keyferryd | grep -q "child $2 is up: .*, IPComp" || lab_fail "it is not compressed"
	[ "$(protocols_compressed left | wc -w)" -eq "$before" ] || lab_fail "SAs of IPComp are left"
}

protocols_swan_ah_rows()
{
	row 'strongSwan, initiator, AH tunnel'    with_swan_at swan-ah initiator ah-tunnel 10.1.91.1 10.3.91.1
	row 'strongSwan, responder, AH tunnel'    with_swan_at swan-ah responder ah-tunnel 10.1.91.1 10.3.91.1
	long_row 'strongSwan, initiator, AH transport' with_swan_at swan-ah initiator ah-transport 192.0.3.81 192.0.3.82
	long_row 'strongSwan, responder, AH transport' with_swan_at swan-ah responder ah-transport 192.0.3.81 192.0.3.82
}

protocols_swan_zip_rows()
{
	row 'strongSwan, initiator, IPComp tunnel'    protocols_swan_zip initiator zip-tunnel 10.1.92.1 10.3.92.1
	row 'strongSwan, responder, IPComp tunnel'    protocols_swan_zip responder zip-tunnel 10.1.92.1 10.3.92.1
	long_row 'strongSwan, initiator, IPComp transport' protocols_swan_zip initiator zip-transport 192.0.3.91 192.0.3.92
	long_row 'strongSwan, responder, IPComp transport' protocols_swan_zip responder zip-transport 192.0.3.91 192.0.3.92
}

protocols_swan()
{
	lane protocols_swan_ah_rows
	lane protocols_swan_zip_rows
}
