# SPDX-License-Identifier: MIT
# protocols.sh - rows of tests/vm: AH instead of ESP. Outer addresses end with 8 and 9, networks are 80 to 99 without 90.

protocols_hosts()
{
	protocols_end=0
	for protocols_host in left right; do
		protocols_end=$((protocols_end + 1))
		lab_address $protocols_host wire "192.0.2.8$protocols_end/24" "2001:db8::8$protocols_end/64"
		for protocols_number in 80 81 82; do
			lab_address $protocols_host lo "10.$protocols_end.$protocols_number.1/32" "fd0$protocols_end:0:0:$protocols_number::1/128"
		done
	done
	lab_address left wire2 192.0.3.81/24
	lab_address swan wire 192.0.3.82/24
	lab_address left lo 10.1.91.1/32
	lab_address swan lo 10.3.91.1/32
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
}

protocols_swan_connections()
{
	{
		child ah-tunnel tunnel 10.1.91.0/24 10.3.91.0/24 sha256 'protocol="ah"'
		child ah-transport transport '' '' sha256 'protocol="ah"'
	} | connection swan-ah 192.0.3.81 192.0.3.82
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

protocols_rows()
{
	row 'AH sha256, IPv4 in IPv4'        protocols_ah ah sha-80 10.1.80.1 10.2.80.1
	row 'AH sha256, IPv6 in IPv4'        carries ah six-80 fd01:0:0:80::1 fd02:0:0:80::1
	row 'AH sha512-modp2048-esn'         carries ah esn-81 10.1.81.1 10.2.81.1
	row 'AH sha256, transport, IPv4'     protocols_host ah host 192.0.2.81 192.0.2.82
	row 'AH sha1, IPv4 in IPv6'          carries ah6 four-82 10.1.82.1 10.2.82.1
	row 'AH sha384, IPv6 in IPv6'        carries ah6 six-82 fd01:0:0:82::1 fd02:0:0:82::1
	row 'AH sha256, transport, IPv6'     protocols_host ah6 host 2001:db8::81 2001:db8::82
}

protocols_swan()
{
	row 'strongSwan, initiator, AH tunnel'    with_swan_at swan-ah initiator ah-tunnel 10.1.91.1 10.3.91.1
	row 'strongSwan, responder, AH tunnel'    with_swan_at swan-ah responder ah-tunnel 10.1.91.1 10.3.91.1
	row 'strongSwan, initiator, AH transport' with_swan_at swan-ah initiator ah-transport 192.0.3.81 192.0.3.82
	row 'strongSwan, responder, AH transport' with_swan_at swan-ah responder ah-transport 192.0.3.81 192.0.3.82
}
