# SPDX-License-Identifier: MIT
# lab.sh - a laboratory for scripts/demo and tests/interop: hosts made of namespaces, cables between them, daemons in them.
# Source it, then call lab_open.
#
# A host is a process tree in PID, mount and network namespaces of its own, with a /run of its own. Nothing of it has a name
# outside, so runs never meet. Its first process ends with the script that made it, also when that is killed, and all else that
# the host has (processes, devices, rules, mounts) ends with its first process. Only the folder $lab needs to be removed.

lab=            # the run's own folder: configurations, logs
lab_at=         # the first process of the host that was last named
lab_hosts=

lab_fail() # WHY...
{
	echo "$*" >&2
	exit 1
}

# Whatever takes part must be there before anything is made.
lab_needs() # COMMAND...
{
	[ "$(id -u)" -eq 0 ] || lab_fail "this needs root: it makes network namespaces"
	for lab_command; do
		command -v "$lab_command" >/dev/null || lab_fail "$lab_command is missing; scripts/install-deps installs it"
	done
}

lab_open() # NAME
{
	lab_needs unshare nsenter setpriv ip
	trap lab_close EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	lab=$(mktemp -d "${TMPDIR:-/tmp}/keyferry-$1.XXXXXX")
	# Daemons that gave up the right to read what is not theirs read from here.
	chmod 755 "$lab"
}

# Logs outlive a failure when LAB_KEEP names a folder for them.
lab_close()
{
	lab_status=$?
	trap '' HUP INT TERM
	trap - EXIT
	for lab_host in $lab_hosts; do
		lab_find "$lab_host"
		kill -KILL "$lab_at" 2>/dev/null || :
		eval "wait \"\$lab_holder_$lab_host\"" 2>/dev/null || :
	done
	if [ -n "$lab" ]; then
		if [ "$lab_status" -ne 0 ] && [ -n "${LAB_KEEP:-}" ]; then
			mkdir -p "$LAB_KEEP" && cp "$lab"/*.* "$LAB_KEEP" 2>/dev/null || :
		fi
		rm -rf "$lab"
	fi
	exit "$lab_status"
}

# ---- hosts

lab_find() # HOST
{
	eval "lab_at=\$lab_init_$1"
}

lab_host() # HOST
{
	setpriv --pdeathsig KILL -- unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
		sh -c 'mount -t tmpfs -o mode=755 lab /run && ip link set lo up && >"$0" && while sleep 3600; do :; done' \
		"$lab/$1.ready" >/dev/null 2>"$lab/$1.host" &
	eval "lab_holder_$1=$!"
	lab_wait 10 test -e "$lab/$1.ready" || lab_fail "cannot make namespaces: $(cat "$lab/$1.host")"
	# The file has no end of line.
	read -r lab_at lab_rest <"/proc/$!/task/$!/children" || :
	eval "lab_init_$1=$lab_at"
	lab_hosts="$lab_hosts $1"
}

# Runs a command in a host and waits for it.
on() # HOST COMMAND...
{
	lab_find "$1"
	shift
	nsenter --target "$lab_at" --net --mount --pid -- "$@"
}

# A cable between two hosts, with a device of its own on each.
lab_link() # HOST DEVICE HOST DEVICE
{
	lab_find "$3"
	lab_peer=$lab_at
	lab_find "$1"
	# In the network namespace alone: the other end is named by a process of ours.
	nsenter --target "$lab_at" --net -- ip link add "$2" type veth peer name "$4" netns "$lab_peer"
	on "$1" ip link set "$2" up
	on "$3" ip link set "$4" up
}

lab_address() # HOST DEVICE ADDRESS/LENGTH...
{
	lab_name=$1 lab_device=$2
	shift 2
	for lab_address; do
		case $lab_address in
		*:*) echo "address add $lab_address dev $lab_device nodad" ;;
		*) echo "address add $lab_address dev $lab_device" ;;
		esac
	done | on "$lab_name" ip -batch -
}

# ---- waiting

# Until the command succeeds; fails after that many seconds.
lab_wait() # SECONDS COMMAND...
{
	lab_tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		lab_tries=$((lab_tries - 1))
		[ "$lab_tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# ---- daemons: each writes to $lab/HOST.NAME.log

lab_start() # HOST NAME COMMAND...
{
	lab_host=$1 lab_name=$2
	shift 2
	on "$lab_host" sh -c 'echo $$ >"/run/$0.lab" && exec "$@"' "$lab_name" "$@" >>"$lab/$lab_host.$lab_name.log" 2>&1 &
	eval "lab_daemon_${lab_host}_$lab_name=$!"
	# Whoever signals it finds it.
	lab_wait 5 on "$lab_host" test -s "/run/$lab_name.lab" || lab_fail "cannot start $lab_name on $lab_host"
}

lab_runs() # HOST NAME
{
	on "$1" sh -c 'kill -0 "$(cat "/run/$0.lab")"' "$2" 2>/dev/null
}

lab_has_ended() # HOST NAME
{
	! lab_runs "$1" "$2"
}

lab_signal() # HOST NAME SIGNAL
{
	on "$1" sh -c 'kill "-$1" "$(cat "/run/$0.lab")"' "$2" "$3"
}

# Waits for a daemon's end; the status is the daemon's, 124 when it does not end.
lab_ended() # HOST NAME SECONDS
{
	lab_wait "$3" lab_has_ended "$1" "$2" || return 124
	on "$1" rm -f "/run/$2.lab"
	eval "wait \"\$lab_daemon_$1_$2\""
}

# ---- what is said

lab_log() # HOST NAME
{
	cat "$lab/$1.$2.log"
}

# A line with all of these words in this order, as an extended regular expression.
lab_said() # HOST NAME PATTERN
{
	grep -qE -e "$3" "$lab/$1.$2.log"
}
