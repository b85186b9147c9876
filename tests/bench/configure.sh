# SPDX-License-Identifier: MIT
# configure.sh - writes the configurations of both daemons and of the load generator: the same words, quiet logs, and all
# else as the daemons have it by default. Sourced by run, after tests/lab.
#
# "each": a connection on the right for each peer 10.9.A.B, which has 10.8.A.B behind it. "range": one connection for all of them,
# and the peers themselves are what is protected. "pair": one connection, between both hosts.

esp=aes128gcm16

# Prints what it reads once for each peer, with @n, @p and @h for the peer's number, its address and the host behind it.
each_peer() # COUNT
{
	awk -v count="$1" '
		{ text = text $0 "\n" }
		END {
			for (i = 1; i <= count; i++) {
				one = text
				tail = int(i / 250) "." (i % 250 + 1)
				gsub(/@n/, i, one)
				gsub(/@p/, "10.9." tail, one)
				gsub(/@h/, "10.8." tail, one)
				printf "%s", one
			}
		}'
}

keyferry_connection() # NAME LOCAL-ADDRESS LOCAL-ID REMOTE-ADDRESS REMOTE-ID LOCAL-NET REMOTE-NET IKE [ATTRIBUTES]
{
	cat <<-X
	<connection name="$1" ${9:-}>
	  <local address="$2" id="$3"/><remote address="$4" id="$5"/>
	  <phase1 proposals="$8"/><child name="c" local="$6" remote="$7" proposals="$esp"/>
	</connection>
	X
}

strongswan_connection() # NAME LOCAL-ADDRESS LOCAL-ID REMOTE-ADDRESS REMOTE-ID LOCAL-NET REMOTE-NET IKE
{
	cat <<-X
	$1 {
		version = 1
		local_addrs = $2
		remote_addrs = $4
		proposals = $8
		local {
			auth = psk
			id = $3
		}
		remote {
			auth = psk
			id = $5
		}
		children {
			c {
				local_ts = $6
				remote_ts = $7
				esp_proposals = $esp
			}
		}
	}
	X
}

# Debian's plugins for these algorithms in Debian's order, and ESP in userspace. At level 0 charon logs what keyferryd logs by
# default: SAs that come and go.
strongswan_configure_quiet() # HOST
{
	strongswan_configure "$1"
	cat >"$lab/$1.strongswan.conf" <<-X
	charon {
		load_modular = no
		load = aes sha2 sha1 random nonce pem pkcs1 x509 pubkey openssl gmp curve25519 hmac kdf gcm kernel-libipsec kernel-netlink socket-default vici
		filelog {
			log {
				path = $lab/$1.charon.log
				default = 0
			}
		}
		${BENCH_CHARON:-}
	}
	X
}

# Both for the right host.
keyferry_many() # each|range COUNT IKE
{
	case $1 in
	each) keyferry_connection p@n 192.0.2.2 192.0.2.2 @p @p 10.2.0.0/24 @h "$3" | each_peer "$2" ;;
	range) keyferry_connection all 192.0.2.2 192.0.2.2 10.9.0.0/16 %any 10.2.0.0/24 dynamic "$3" ;;
	esac | keyferry_configure right "kernel=\"tun\" ${BENCH_DAEMON:-}"
}

strongswan_many() # each|range COUNT IKE
{
	case $1 in
	each) strongswan_connection p@n 192.0.2.2 192.0.2.2 @p @p 10.2.0.0/24 @h "$3" | each_peer "$2" ;;
	range) strongswan_connection all 192.0.2.2 192.0.2.2 10.9.0.0/16 %any 10.2.0.0/24 dynamic "$3" ;;
	esac | strongswan_configure_quiet right
}

# For the left one.
generator_many() # each|range COUNT IKE
{
	case $1 in each) host=@h ;; range) host=dynamic ;; esac
	keyferry_connection p@n @p @p 192.0.2.2 192.0.2.2 $host 10.2.0.0/24 "$3" | each_peer "$2" |
		keyferry_configure left 'log-level="warn" shards="1" skip-plugins="kernel-tun kernel-xfrm"'
}

ends_of() # HOST
{
	case $1 in
	left) echo 192.0.2.1 192.0.2.1 192.0.2.2 192.0.2.2 10.1.0.0/24 10.2.0.0/24 ;;
	right) echo 192.0.2.2 192.0.2.2 192.0.2.1 192.0.2.1 10.2.0.0/24 10.1.0.0/24 ;;
	esac
}

keyferry_pair() # IKE ATTRIBUTES
{
	for host in left right; do
		keyferry_connection t $(ends_of $host) "$1" "$2" | keyferry_configure $host "kernel=\"tun\" ${BENCH_DAEMON:-}"
	done
}

strongswan_pair() # IKE
{
	for host in left right; do
		strongswan_connection t $(ends_of $host) "$1" | strongswan_configure_quiet $host
	done
}
