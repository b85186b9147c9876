# SPDX-License-Identifier: MIT
# configs.sh - writes the configurations of both daemons and of the load generator: the same words, quiet logs, and all
# else as the daemons have it by default. Sourced by run.
#
# "many": COUNT connections on the right, each for one peer 10.9.A.B with 10.8.A.B behind it. "pair": one, between both gateways.

key='a pre-shared key for measurements only'

# Prints FORMAT once for each of COUNT peers, with %n, %p and %h for its number, its address and the host behind it.
each_peer() # COUNT FORMAT
{
	awk -v count="$1" -v format="$2" 'BEGIN {
		for (i = 1; i <= count; i++) {
			line = format
			tail = int(i / 250) "." (i % 250 + 1)
			gsub(/%n/, i, line)
			gsub(/%p/, "10.9." tail, line)
			gsub(/%h/, "10.8." tail, line)
			print line
		}
	}'
}

keyferry_head() # FOLDER DAEMON-ATTRIBUTES
{
	printf '%s\n' "$key" >"$1/psk"
	chmod 600 "$1/psk"
	printf '<keyferry xmlns="urn:keyferry:1">\n<daemon %s/>\n<psk ids="%%any" file="psk"/>\n' "$2"
}

keyferry_connection() # NAME LOCAL REMOTE LOCAL-NET REMOTE-NET IKE CONNECTION-ATTRIBUTES
{
	echo "<connection name=\"$1\" $7><local address=\"$2\"/><remote address=\"$3\"/><phase1 proposals=\"$6\"/>" \
		"<child name=\"c\" local=\"$4\" remote=\"$5\" proposals=\"$esp\"/></connection>"
}

charon_connection() # NAME LOCAL REMOTE LOCAL-NET REMOTE-NET IKE
{
	cat <<-END
	$1 {
		version = 1
		local_addrs = $2
		remote_addrs = $3
		proposals = $6
		local {
			auth = psk
		}
		remote {
			auth = psk
		}
		children {
			c {
				local_ts = $4
				remote_ts = $5
				esp_proposals = $esp
			}
		}
	}
	END
}

write_generator() # FOLDER COUNT IKE
{
	mkdir -p "$1"
	{
		keyferry_head "$1" 'log-level="warn" shards="1" skip-plugins="kernel-tun kernel-xfrm" half-open-max="10000"'
		each_peer "$2" "$(keyferry_connection 'p%n' %p 192.0.2.2 %h 10.2.0.0/24 "$3" '')"
		echo '</keyferry>'
	} >"$1/keyferry.xml"
}

keyferry_write_many() # FOLDER COUNT IKE
{
	mkdir -p "$1"
	{
		keyferry_head "$1" 'kernel="tun"'
		each_peer "$2" "$(keyferry_connection 'p%n' 192.0.2.2 %p 10.2.0.0/24 %h "$3" '')"
		echo '</keyferry>'
	} >"$1/keyferry.xml"
}

charon_write_many() # FOLDER COUNT IKE
{
	charon_write_daemon "$1"
	{
		echo 'connections {'
		each_peer "$2" "$(charon_connection 'p%n' 192.0.2.2 %p 10.2.0.0/24 %h "$3")"
		echo '}'
		charon_secret
	} >"$1/swanctl.conf"
}

keyferry_write_pair() # FOLDER LEFT-OR-RIGHT IKE CONNECTION-ATTRIBUTES
{
	set -- "$@" $(ends "$2")
	mkdir -p "$1"
	{
		keyferry_head "$1" 'kernel="tun"'
		keyferry_connection t "$5" "$6" "$7" "$8" "$3" "$4"
		echo '</keyferry>'
	} >"$1/keyferry.xml"
}

charon_write_pair() # FOLDER LEFT-OR-RIGHT IKE
{
	set -- "$@" $(ends "$2")
	charon_write_daemon "$1"
	{
		echo 'connections {'
		charon_connection t "$4" "$5" "$6" "$7" "$3"
		echo '}'
		charon_secret
	} >"$1/swanctl.conf"
}

ends()
{
	case $1 in
	left) echo 192.0.2.1 192.0.2.2 10.1.0.0/24 10.2.0.0/24 ;;
	right) echo 192.0.2.2 192.0.2.1 10.2.0.0/24 10.1.0.0/24 ;;
	esac
}

charon_secret() { printf 'secrets {\nike-all {\nsecret = "%s"\n}\n}\n' "$key"; }

# The plugins that Debian's charon uses for these algorithms, in its order, and userspace ESP; what it logs at level 0 is what
# keyferryd logs by default: SAs that come and go.
charon_write_daemon() # FOLDER
{
	mkdir -p "$1"
	cat >"$1/strongswan.conf" <<-END
	charon {
		load_modular = no
		load = aes sha2 sha1 random nonce pem pkcs1 x509 pubkey openssl gmp curve25519 hmac kdf gcm kernel-libipsec kernel-netlink socket-default vici
		filelog {
			log {
				path = /run/charon.log
				default = 0
			}
		}
		$charon_extra
	}
	swanctl {
		load = pem pkcs1 x509 pubkey openssl random
	}
	END
}
