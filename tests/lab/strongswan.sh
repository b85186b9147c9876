# SPDX-License-Identifier: MIT
# strongswan.sh - strongSwan's charon on hosts of the lab. Source it after lab.sh.

strongswan_charon=/usr/lib/ipsec/charon
# ESP in userspace; "kernel-netlink" alone where the kernel has ESP.
strongswan_kernel='kernel-libipsec kernel-netlink'
# Plugins that only some cases want.
strongswan_more=
strongswan_psk='a ferry takes you across, a key lets you in'

# A file that swanctl loads from its folder; a kind is one of its subfolders: x509, x509ca, private, pubkey.
strongswan_file() # HOST KIND FILE
{
	mkdir -p "$lab/$1.swanctl/$2"
	cp "$3" "$lab/$1.swanctl/$2/"
}

# Writes both configurations; the connections come on standard input.
strongswan_configure() # HOST
{
	cat >"$lab/$1.strongswan.conf" <<-X
	charon {
		load_modular = no
		load = random nonce pem pkcs1 pkcs8 x509 pubkey openssl aes gcrypt sha1 sha2 md5 hmac kdf gmp curve25519 gcm ccm ctr xcbc cmac $strongswan_more $strongswan_kernel socket-default vici updown
		retransmit_timeout = 1
		retransmit_base = 1.2
		retransmit_tries = 12
		i_dont_care_about_security_and_use_aggressive_mode_psk = yes
		filelog {
			log {
				path = $lab/$1.charon.log
				default = 1
				ike = 2
				cfg = 2
				append = yes
				time_format = %T
				time_add_ms = yes
				flush_line = yes
			}
		}
	}
	X
	{
		echo 'connections {'
		cat
		echo '}'
		echo 'secrets {'
		echo "	ike-all {"
		echo "		secret = \"$strongswan_psk\""
		echo '	}'
		echo '}'
	} >"$lab/$1.swanctl.conf"
	mkdir -p "$lab/$1.swanctl"
}

# Returns when its connections are loaded.
strongswan_start() # HOST
{
	lab_start "$1" charon env STRONGSWAN_CONF="$lab/$1.strongswan.conf" "$strongswan_charon"
	lab_wait 10 on "$1" test -S /run/charon.vici || lab_fail "charon does not start on $1"
	# It looks for keys and certificates where its configuration is.
	cp "$lab/$1.swanctl.conf" "$lab/$1.swanctl/swanctl.conf"
	swanctl "$1" --load-all --file "$lab/$1.swanctl/swanctl.conf" >"$lab/$1.swanctl.log" 2>&1 ||
		lab_fail "charon does not take its configuration: $(tail -n 3 "$lab/$1.swanctl.log")"
}

swanctl() # HOST COMMAND...
{
	lab_host=$1
	shift
	on "$lab_host" env STRONGSWAN_CONF="$lab/$lab_host.strongswan.conf" swanctl "$@"
}

# Its log names this number of times what is asked for.
strongswan_has() # HOST PATTERN COUNT
{
	[ "$(swanctl "$1" --list-sas | grep -cE -e "$2")" -eq "$3" ]
}

# The sum of a number over all children, of one direction: `strongswan_traffic right in bytes`.
strongswan_traffic() # HOST in|out bytes|packets
{
	swanctl "$1" --list-sas | awk -v direction="$2" -v member="$3" '
		$1 == direction { for (i = 2; i <= NF; i++) if ($i ~ "^" member) sum += $(i - 1) }
		END { printf "%d\n", sum }'
}
