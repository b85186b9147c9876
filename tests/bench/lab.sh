# SPDX-License-Identifier: MIT
# lab.sh - two network namespaces and the daemons in them, and what a daemon has used; sourced by run.
#
#   left  192.0.2.1, inner 10.1.0.1; 10.9.0.0/16 is local: the addresses of the load generator's peers
#   right 192.0.2.2, inner 10.2.0.1
#
# Each side is a process that holds the namespaces: a network of its own, and mounts with an empty /run, so that two
# daemons of one kind share neither PID file nor control socket.

lab_up()
{
	name=kfbench-$$
	for side in left right; do
		ip netns add "$name-$side"
		ip -n "$name-$side" link set lo up
		ip netns exec "$name-$side" unshare -m --propagation private \
			sh -c 'mount -t tmpfs tmpfs /run && touch /run/ready && exec sleep 100000' &
		eval "holder_$side=$!"
	done
	ip link add name "$name" netns "$name-left" type veth peer name "$name" netns "$name-right"
	number=1
	for side in left right; do
		ip -n "$name-$side" link set "$name" name wire
		ip -n "$name-$side" addr add "192.0.2.$number/24" dev wire
		ip -n "$name-$side" addr add "10.$number.0.1/32" dev lo
		ip -n "$name-$side" link set wire up
		within 10 inside "$side" test -e /run/ready
		number=2
	done
	ip -n "$name-left" route add local 10.9.0.0/16 dev lo
	ip -n "$name-right" route add 10.9.0.0/16 via 192.0.2.1
}

lab_down()
{
	stop_daemons
	for side in left right; do
		eval "holder=\${holder_$side:-}"
		[ -z "$holder" ] || kill "$holder" 2>/dev/null || :
		ip netns del "$name-$side" 2>/dev/null || :
	done
}

# inside SIDE COMMAND...; as a background job it is the command itself, so that $! is its PID.
inside()
{
	eval "holder=\$holder_$1"
	shift
	nsenter -t "$holder" -m -n -- "$@"
}
inside_exec()
{
	eval "holder=\$holder_$1"
	shift
	exec nsenter -t "$holder" -m -n -- "$@"
}

# Until COMMAND succeeds.
within() # SECONDS COMMAND...
{
	tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# ---- what a process has used; kernel threads that work for it are not in it

# CPU time of all its threads that live.
cpu_us() # PID
{
	cat /proc/"$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d\n", ns / 1000 }'
}

# Memory that is its alone.
private_kib() # PID
{
	awk '/^Private_/ { kib += $2 } END { print kib }' /proc/"$1"/smaps_rollup
}

# ---- daemons: KIND_start SIDE FILE..., then $pid_SIDE is the process

stop_daemon() # SIDE
{
	eval "pid=\${pid_$1:-}"
	eval "pid_$1="
	[ -n "$pid" ] || return 0
	kill "$pid" 2>/dev/null || :
	(sleep 20 && kill -9 "$pid") 2>/dev/null &
	watchdog=$!
	wait "$pid" 2>/dev/null || :
	kill "$watchdog" 2>/dev/null || :
}

stop_daemons()
{
	stop_daemon left
	stop_daemon right
}

# Files are made by write_keyferry and write_charon.
keyferry_start() # SIDE FOLDER
{
	inside_exec "$1" $keyferryd --foreground --config "$2/keyferry.xml" --plugin-dir "$plugins" \
		--control /run/keyferry.sock --pid-file /run/keyferryd.pid >"$work/keyferryd-$1.log" 2>&1 </dev/null &
	eval "pid_$1=$!"
	within 300 grep -q ' is ready: ' "$work/keyferryd-$1.log" || complain "$work/keyferryd-$1.log"
}

charon_start() # SIDE FOLDER
{
	STRONGSWAN_CONF=$2/strongswan.conf inside_exec "$1" "$charon" >/dev/null 2>&1 </dev/null &
	eval "pid_$1=$!"
	within 60 inside "$1" test -S /run/charon.vici || complain "$2/strongswan.conf"
	swanctl_load "$1" "$2"
}

swanctl_load() # SIDE FOLDER
{
	STRONGSWAN_CONF=$2/strongswan.conf inside "$1" swanctl --load-all --file "$2/swanctl.conf" >"$work/swanctl-$1.log" 2>&1 ||
		complain "$work/swanctl-$1.log"
}

complain() # LOG
{
	echo "bench: this does not start or load:" >&2
	tail -n 20 "$1" >&2
	exit 1
}
