# SPDX-License-Identifier: MIT
# strongswan.sh - rows of tests/vm: what the first rows do between two keyferryd, with strongSwan and its kernel-netlink, each end first. Outer
# addresses 192.0.3.10x to 192.0.3.15x, inner networks 170 to 179.

strongswan_hosts()
{
	for end in 1 2; do
		[ $end -eq 1 ] && host=left device=wire2 net=1 || host=swan device=wire net=3
		lab_address $host $device "192.0.3.10$end/24" "192.0.3.11$end/24" "192.0.3.12$end/24" "192.0.3.13$end/24" "192.0.3.14$end/24" \
			"2001:db8:3::$end/64"
		set --
		for number in 170 171 172 173 174 175 176 177 178 179; do
			set -- "$@" "10.$net.$number.1/32" "fd0$net:0:0:$number::1/128"
		done
		lab_address $host lo "$@"
	done
	on left ip -6 route add fd03::/16 via 2001:db8:3::2
	on swan ip -6 route add fd01::/16 via 2001:db8:3::1
}

# As the other end has it: NAME NUMBER PROPOSALS.
strongswan_child4() { child "$1" tunnel "10.1.$2.0/24" "10.3.$2.0/24" "$3"; }
strongswan_child6() { child "$1" tunnel "fd01:0:0:$2::/64" "fd03:0:0:$2::/64" "$3"; }

strongswan_swan_connections()
{
	{
		strongswan_child4 s-gcm 170 aes256gcm16
		strongswan_child4 s-ccm 171 aes128ccm16
		strongswan_child4 s-ctr 172 aes128ctr-sha256
		strongswan_child4 s-null 173 null-sha256
		strongswan_child4 s-esn 174 aes256-sha512-esn
		strongswan_child6 s-six 170 aes128gcm16
		child s-port tunnel '10.1.175.0/24[icmp]' '10.3.175.0/24[icmp]' aes128gcm16
	} | connection swan-v4 192.0.3.101 192.0.3.102
	strongswan_child4 s-four 176 aes128gcm16 | connection swan-v6 2001:db8:3::1 2001:db8:3::2
	strongswan_child4 s-udp 177 aes128gcm16 | connection swan-udp 192.0.3.111 192.0.3.112 'keep="passive" encap="yes"'
	child s-all tunnel 10.1.178.0/24 0.0.0.0/0 aes128gcm16 | connection swan-all 192.0.3.121 192.0.3.122
	{
		child s-wide tunnel 10.1.0.0/16 10.3.0.0/16 aes128gcm16
		strongswan_child4 s-near 175 aes128gcm16
		child s-narrow tunnel '10.1.175.0/24[icmp]' '10.3.175.0/24[icmp]' aes128gcm16
	} | connection swan-over 192.0.3.131 192.0.3.132
	strongswan_child4 s-first 179 aes128gcm16 | connection swan-first 192.0.3.141 192.0.3.142 'keep="on-demand"'
}

strongswan_part() # NAME LOCAL REMOTE PROPOSALS
{
	cat <<-X
			$1 {
				local_ts = $2
				remote_ts = $3
				esp_proposals = $4
			}
	X
}

strongswan_part4() { strongswan_part "$1" "10.3.$2.0/24" "10.1.$2.0/24" "$3"; }

strongswan_swan_config()
{
	{
		strongswan_part4 s-gcm 170 aes256gcm16
		strongswan_part4 s-ccm 171 aes128ccm16
		strongswan_part4 s-ctr 172 aes128ctr-sha256
		strongswan_part4 s-null 173 null-sha256
		strongswan_part4 s-esn 174 aes256-sha512-esn
		strongswan_part s-six fd03:0:0:170::/64 fd01:0:0:170::/64 aes128gcm16
		strongswan_part s-port '10.3.175.0/24[icmp]' '10.1.175.0/24[icmp]' aes128gcm16
	} | swan_connection swan-v4 192.0.3.102 192.0.3.101
	strongswan_part4 s-four 176 aes128gcm16 | swan_connection swan-v6 2001:db8:3::2 2001:db8:3::1
	strongswan_part4 s-udp 177 aes128gcm16 | swan_connection swan-udp 192.0.3.112 192.0.3.111 'encap = yes'
	strongswan_part s-all 0.0.0.0/0 10.1.178.0/24 aes128gcm16 | swan_connection swan-all 192.0.3.122 192.0.3.121
	{
		strongswan_part s-wide 10.3.0.0/16 10.1.0.0/16 aes128gcm16
		strongswan_part4 s-near 175 aes128gcm16
		strongswan_part s-narrow '10.3.175.0/24[icmp]' '10.1.175.0/24[icmp]' aes128gcm16
	} | swan_connection swan-over 192.0.3.132 192.0.3.131
	strongswan_part4 s-first 179 aes128gcm16 | swan_connection swan-first 192.0.3.142 192.0.3.141
}

# A stream is none of its protocol.
strongswan_icmp()
{
	all=no
	with_swan_at "$@"
}

strongswan_overlap() # ROLE
{
	for name in s-wide s-near s-narrow; do
		case $1 in
		initiator) keyferry left --timeout $patience up swan-over/$name || lab_fail "$name does not come up" ;;
		responder) swanctl swan --initiate --child $name --timeout $patience || lab_fail "$name does not come up" ;;
		esac
	done
	on left ping -n -q -c 2 -i 0.2 -W 5 -I 10.1.175.1 10.3.175.1 || lab_fail "nothing is carried"
	on left ping -n -q -c 3 -i 0.2 -W 5 -I 10.1.174.1 10.3.175.1 || lab_fail "nothing is carried beside"
	[ "$(packets left swan-over s-narrow)" = '2 2' ] || lab_fail "the narrowest child carried $(packets left swan-over s-narrow), not 2 packets"
	[ "$(packets left swan-over s-wide)" = '3 3' ] || lab_fail "the widest one carried $(packets left swan-over s-wide), not 3 packets"
	keyferry left down swan-over
}

strongswan_first()
{
	on left ping -n -q -c 1 -W 30 -I 10.1.179.1 10.3.179.1 || lab_fail "the first packet is lost"
	[ "$(packets left swan-first s-first)" = '1 1' ] || lab_fail "it passed beside the tunnel"
}

strongswan_swan_rows()
{
	for role in initiator responder; do
		row "strongSwan, $role, aes256gcm16"          with_swan_at swan-v4 $role s-gcm 10.1.170.1 10.3.170.1
		long_row "strongSwan, $role, aes128ccm16"     with_swan_at swan-v4 $role s-ccm 10.1.171.1 10.3.171.1
		long_row "strongSwan, $role, aes128ctr-sha256" with_swan_at swan-v4 $role s-ctr 10.1.172.1 10.3.172.1
		long_row "strongSwan, $role, null-sha256"     with_swan_at swan-v4 $role s-null 10.1.173.1 10.3.173.1
		long_row "strongSwan, $role, esn"             with_swan_at swan-v4 $role s-esn 10.1.174.1 10.3.174.1
		long_row "strongSwan, $role, IPv6 in IPv4"    with_swan_at swan-v4 $role s-six fd01:0:0:170::1 fd03:0:0:170::1
		long_row "strongSwan, $role, one protocol"    strongswan_icmp swan-v4 $role s-port 10.1.175.1 10.3.175.1
		long_row "strongSwan, $role, IPv4 in IPv6"    with_swan_at swan-v6 $role s-four 10.1.176.1 10.3.176.1
		long_row "strongSwan, $role, in UDP"          with_swan_at swan-udp $role s-udp 10.1.177.1 10.3.177.1
		long_row "strongSwan, $role, 0.0.0.0/0"       with_swan_at swan-all $role s-all 10.1.178.1 10.3.178.1
		long_row "strongSwan, $role, three that overlap" strongswan_overlap $role
	done
	long_row 'strongSwan, on demand'                  strongswan_first
}

strongswan_swan()
{
	lane strongswan_swan_rows
}
