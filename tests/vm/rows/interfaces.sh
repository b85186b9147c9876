# SPDX-License-Identifier: MIT
# interfaces.sh - XFRM interfaces, marks, routes with their source address, and what is copied between headers. What is special is on the
# left; the right host is an ordinary gateway.

interfaces_table=27484

interfaces_hosts()
{
	for end in 1 2; do
		[ $end -eq 1 ] && host=left || host=right
		lab_address $host wire "192.0.2.10$end/24" "192.0.2.11$end/24" "192.0.2.12$end/24" "192.0.2.13$end/24" "192.0.2.14$end/24"
	done
	lab_address left lo 10.1.101.1/32 10.1.102.1/32 10.1.103.1/32 10.1.104.1/32 10.1.105.1/32 10.1.107.1/32 10.1.110.1/32 fd01:0:0:102::1/128
	lab_address right lo 10.2.100.1/32 10.2.101.1/32 10.2.102.1/32 10.2.104.1/32 10.2.105.1/32 10.2.106.1/32 10.2.108.1/32 10.2.110.1/32 fd02:0:0:100::1/128 \
		fd02:0:0:102::1/128
	on left ip link add kf3 type dummy
	# In the clear it would be counted as a leak at the other end.
	on left nft -f - <<-X
	table inet marks {
		chain departure {
			type filter hook output priority 0
			ip daddr 10.2.101.0/24 rt ipsec missing counter drop
		}
	}
	X
	on right nft -f - <<-X
	table ip headers {
		chain arrival {
			type filter hook prerouting priority raw
			meta l4proto esp ip saddr 192.0.2.131 ip dscp ef ip frag-off & 0x4000 == 0x4000 counter comment "copied"
			meta l4proto esp ip saddr 192.0.2.131 ip dscp 0 ip frag-off & 0x4000 == 0 counter comment "plain"
		}
	}
	X
}

interfaces_connections() # END
{
	other=$((3 - $1)) interface= world= foreign= mark= plain= auto= crypto= all="0.0.0.0/0 10.1.103.0/24" through="0.0.0.0/0 10.1.107.0/24"
	zip="10.2.108.0/24 10.1.100.0/24"
	if [ "$1" -eq 1 ]; then
		interface='if-id="100" interface="kf0" interface-address="10.1.100.1/24 fd01:0:0:100::1/64"'
		world='if-id="107" interface="kf1"'
		foreign='if-id="106" interface="kf3"'
		mark='mark="0x10/0xff"'
		plain='copy-dscp="no" copy-df="no"'
		auto='offload="auto"' crypto='offload="crypto"'
		all="10.1.103.0/24 0.0.0.0/0"
		zip="10.1.100.0/24 10.2.108.0/24"
		through="10.1.107.0/24 0.0.0.0/0"
	fi
	{
		child4 "$1" if-100 aes128gcm16 "$interface"
		child6 "$1" if6-100 aes128gcm16 "$interface"
		child world-107 tunnel ${through% *} ${through#* } aes128gcm16 "$world"
		child zip-108 tunnel $zip aes128gcm16 "compress=\"yes\" $interface"
	} | connection interface "192.0.2.10$1" "192.0.2.10$other"
	{
		child4 "$1" mark-101 aes128gcm16 "$mark"
		child4 "$1" zip-110 aes128gcm16 "compress=\"yes\" $mark"
	} | connection mark "192.0.2.11$1" "192.0.2.11$other"
	{
		child4 "$1" source-102 aes128gcm16
		child6 "$1" source6-102 aes128gcm16
		child all-103 tunnel ${all% *} ${all#* } aes128gcm16
	} | connection source "192.0.2.12$1" "192.0.2.12$other"
	{
		child4 "$1" copied-104 aes128gcm16 "$auto"
		child4 "$1" plain-105 aes128gcm16 "$plain"
		child4 "$1" crypto-109 aes128gcm16 "$crypto"
	} | connection headers "192.0.2.13$1" "192.0.2.13$other"
	child4 "$1" foreign-106 aes128gcm16 "$foreign" | connection foreign "192.0.2.14$1" "192.0.2.14$other"
}

# All that the left daemon has made of routes, rules and interfaces.
interfaces_ours()
{
	for family in -4 -6; do
		on left ip $family rule show | grep "^$interfaces_table\|^2748[5-9]\|^27490" || :
		on left ip $family route show table all proto 107 || :
	done
	on left ip -o link show type xfrm
}

interfaces_pass() # CONNECTION CHILD PING-ARGUMENT...
{
	connection=$1 child=$2
	shift 2
	on left ping -n -q -c 4 -i 0.1 -W 5 "$@" || lab_fail "no answers"
	count=$(packets left "$connection" "$child")
	[ "$count" = '4 4' ] || lab_fail "the child counts $count packets, in and out, not 4"
}

interfaces_up()
{
	on left ip -d link show kf0 | grep -q 'xfrm if_id 0x64' || lab_fail "there is no interface with that number"
	for address in 10.1.100.1/24 fd01:0:0:100::1/64; do
		on left ip address show dev kf0 | grep -q "$address" || lab_fail "it has no address $address"
	done
	keyferry left --timeout $patience up interface/if-100 || lab_fail "it does not come up"
	keyferry left --timeout $patience up interface/if6-100 || lab_fail "IPv6 does not come up"
	keyferry left status interface | grep -q 'interface kf0, if-id 100, reqid' || lab_fail "the status does not show it"
	# The route chooses interface and address.
	interfaces_pass interface if-100 10.2.100.1
	interfaces_pass interface if6-100 fd02:0:0:100::1
	[ "$(on left ip -s link show kf0 | awk '/RX:/ { getline; print $2 }')" -ge 8 ] || lab_fail "the packets did not come through the interface"
	keyferry left down interface
	! on left ip route show table all | grep '^10.2.100.0/24' || lab_fail "the route is still there"
	on left ip link show kf0 || lab_fail "the interface has gone with the SAs"
}

interfaces_mark()
{
	keyferry left --timeout $patience up mark/mark-101 || lab_fail "it does not come up"
	interfaces_pass mark mark-101 -m 16 -I 10.1.101.1 10.2.101.1
	! on left ping -n -q -c 2 -i 0.1 -W 1 -I 10.1.101.1 10.2.101.1 || lab_fail "packets without the mark are answered"
	on left nft list table inet marks | grep -q 'packets 2 ' || lab_fail "packets without the mark did not pass by the tunnel"
	[ "$(packets left mark mark-101)" = '4 4' ] || lab_fail "the child counts packets without the mark"
	keyferry left down mark
}

# The mark or the interface is the policy's, whose first SA is that of IPComp.
interfaces_zip() # CONNECTION CHILD PING-ARGUMENT...
{
	keyferry left --timeout $patience up "$1/$2" || lab_fail "it does not come up"
	lab_said left keyferryd "child $2 is up: .*, IPComp" || lab_fail "it is not compressed"
	interfaces_pass "$@" -s 1000
	keyferry left down "$1/$2"
}

# What is near, or the peer itself, is where it was.
interfaces_near() # ADDRESS...
{
	for address; do
		on left ip route get "$address" | grep "dev wire src 192.0.2" || lab_fail "the route to $address is another"
	done
}

interfaces_world()
{
	keyferry left --timeout $patience up interface/world-107 || lab_fail "it does not come up"
	interfaces_near 192.0.2.102 192.0.2.2
	interfaces_pass interface world-107 198.51.100.1
	on left ip route get 198.51.100.1 | grep 'dev kf1 table 27487 src 10.1.107.1' || lab_fail "it goes elsewhere"
	# IKE comes and goes beside it.
	keyferry left down interface/world-107
	lab_wait 5 lab_said right keyferryd 'child world-107 is down: the peer deleted it' || lab_fail "the peer was not told"
}

interfaces_source()
{
	keyferry left --timeout $patience up source/source-102 || lab_fail "it does not come up"
	keyferry left --timeout $patience up source/source6-102 || lab_fail "IPv6 does not come up"
	interfaces_pass source source-102 10.2.102.1
	interfaces_pass source source6-102 fd02:0:0:102::1
	keyferry left --timeout $patience up source/all-103 || lab_fail "everything does not come up"
	interfaces_pass source all-103 198.51.100.1
	interfaces_near 192.0.2.122 192.0.2.2
	reaches 10.1.102.1 10.2.102.1
	keyferry left down source
	! on left ip route show table all proto 107 | grep -E '^(10.2.102|default|throw 192)' || lab_fail "a route is left"
	! on left ip rule show | grep suppress || lab_fail "a rule is left"
}

interfaces_headers()
{
	keyferry left --timeout $patience up headers/copied-104 || lab_fail "it does not come up"
	keyferry left --timeout $patience up headers/plain-105 || lab_fail "it does not come up without copies"
	interfaces_pass headers copied-104 -M do -Q 0xb8 -I 10.1.104.1 10.2.104.1
	interfaces_pass headers plain-105 -M do -Q 0xb8 -I 10.1.105.1 10.2.105.1
	for name in copied plain; do
		on right nft list table ip headers | grep "$name" | grep 'packets 4 ' || lab_fail "not all packets are $name"
	done
	keyferry left down headers
}

# A veth cable does no ESP.
interfaces_offload()
{
	! keyferry left --timeout 20 up headers/crypto-109 || lab_fail "it comes up though no device does its cryptography"
	lab_said left keyferryd 'with offload="crypto" on the device wire of 192.0.2.131: .*; write offload="auto"' ||
		lab_fail "it is not said why"
	keyferry left down headers
}

interfaces_foreign()
{
	lab_said left keyferryd 'cannot make the interface kf3 with if-id 106: another program has a device of that name' ||
		lab_fail "it is not said"
	! keyferry left --timeout 20 up foreign/foreign-106 || lab_fail "it comes up without its interface"
	on left ip -d link show kf3 | grep -q dummy || lab_fail "the interface of another program is another now"
}

interfaces_reload()
{
	sed -i 's/interface="kf1"/interface="kf9"/; s|10.1.100.1/24 |10.1.100.2/24 |' "$lab/left.xml"
	keyferry left reload || lab_fail "the configuration is refused"
	on left ip link show kf9 || lab_fail "the new interface is not there"
	! on left ip link show kf1 || lab_fail "the old interface is still there"
	on left ip address show dev kf0 | grep -q 10.1.100.2/24 || lab_fail "the new address is not there"
	! on left ip address show dev kf0 | grep -q 10.1.100.1/24 || lab_fail "the old address is still there"
	sed -i 's/interface="kf9"/interface="kf1"/; s|10.1.100.2/24 |10.1.100.1/24 |' "$lab/left.xml"
	keyferry left reload || lab_fail "the configuration from before is refused"
	on left ip link show kf1 || lab_fail "the interface is not there again"
}

# Each once; nothing of what was wanted by the earlier run alone.
interfaces_once()
{
	interfaces_ours >"$lab/ours"
	cat "$lab/ours"
	[ -z "$(sort "$lab/ours" | uniq -d)" ] || lab_fail "something is there twice"
	[ "$(on left ip -o link show type xfrm | grep -c kf0)" -eq 1 ] || lab_fail "the interface is not there, or twice"
	[ "$(grep -c '^10.2.100.0/24' "$lab/ours")" -eq 1 ] || lab_fail "the route to it is not there, or twice"
	! grep '^10.2.102.0/24' "$lab/ours" || lab_fail "a route of the earlier run is left"
}

interfaces_restart()
{
	keyferry left --timeout $patience up interface/if-100 || lab_fail "it does not come up"
	keyferry left --timeout $patience up source/source-102 || lab_fail "the other does not come up"
	interfaces_ours >"$lab/before"
	lab_signal left keyferryd KILL
	lab_ended left keyferryd 5 || :
	interfaces_ours | diff "$lab/before" - || lab_fail "something went with the daemon"
	on left rm -f /run/keyferry.control
	keyferry_start left
	lab_said left keyferryd 'an earlier run left [0-9]+ routes and 2 interfaces' || lab_fail "what was left is not found"
	keyferry left --timeout $patience up interface/if-100 || lab_fail "it does not come up again"
	reaches 10.1.100.1 10.2.100.1
	sleep 6
	interfaces_once
}

interfaces_stop()
{
	lab_signal left keyferryd TERM
	lab_wait 20 lab_has_ended left keyferryd || lab_fail "it does not end"
	[ -z "$(interfaces_ours)" ] || { interfaces_ours; lab_fail "something is left"; }
	on left ip link show kf3 || lab_fail "the interface of another program is gone"
	on left rm -f /run/keyferry.control
	keyferry_start left
}

interfaces_first()
{
	row 'an XFRM interface, both families'   interfaces_up
	long_row 'IPComp to an XFRM interface'   interfaces_zip interface zip-108 -I 10.1.100.1 10.2.108.1
}

interfaces_others()
{
	row 'only packets with a mark'           interfaces_mark
	long_row 'IPComp for packets with a mark' interfaces_zip mark zip-110 -m 16 -I 10.1.110.1 10.2.110.1
	row 'DSCP and DF, copied or not'         interfaces_headers
}

interfaces_rows()
{
	lane interfaces_first
	lane interfaces_others
	lanes_end
	row 'everything to an XFRM interface'    interfaces_world
	row 'the source address of a route'      interfaces_source
	row 'a device that does no ESP'          interfaces_offload
	row 'an interface of another program'    interfaces_foreign
	row 'interfaces and routes after reload' interfaces_reload
	long_row 'interfaces and routes after a kill' interfaces_restart
	row 'interfaces and routes after a stop' interfaces_stop
}
