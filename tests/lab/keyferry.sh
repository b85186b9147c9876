# SPDX-License-Identifier: MIT
# keyferry.sh - keyferryd and keyferry of a build folder on hosts of the lab. Source it after lab.sh.

keyferry_build= # the build folder
keyferry_plugins=

keyferry_use() # BUILD-FOLDER
{
	keyferry_build=$1
	keyferry_plugins=$1/.libs
	[ -x "$1/keyferryd" ] && [ -x "$1/keyferry" ] || lab_fail "$1 is no folder in which keyferry is built"
}

# Writes a configuration; the connections come on standard input. Set these before when others are wanted.
keyferry_psk='a ferry takes you across, a key lets you in'
keyferry_psk_ids=%any

keyferry_configure() # HOST [ATTRIBUTES-OF-DAEMON]
{
	(umask 077 && echo "$keyferry_psk" >"$lab/$1.psk")
	{
		echo '<keyferry xmlns="urn:keyferry:1">'
		[ -z "${2:-}" ] || echo "  <daemon $2/>"
		cat
		echo "  <psk ids=\"$keyferry_psk_ids\" file=\"$1.psk\"/>"
		echo '</keyferry>'
	} >"$lab/$1.xml"
}

# Options come after, so that they can replace ours; returns when the daemon takes commands.
keyferry_start() # HOST [OPTION...]
{
	keyferry_launch "$@"
	lab_wait 10 keyferry "$1" version || lab_fail "keyferryd does not start on $1: $(tail -n 3 "$lab/$1.keyferryd.log")"
}

# Does not wait: it may be one that is to fail.
keyferry_launch() # HOST [OPTION...]
{
	lab_host=$1
	shift
	lab_start "$lab_host" keyferryd "$keyferry_build/keyferryd" --foreground --config "$lab/$lab_host.xml" \
		--plugin-dir "$keyferry_plugins" --control /run/keyferry.control --pid-file /run/keyferryd.pid "$@"
}

keyferry() # HOST COMMAND...
{
	lab_host=$1
	shift
	on "$lab_host" "$keyferry_build/keyferry" --control /run/keyferry.control "$@"
}

# The sum of a number over all children, of one direction: `keyferry_traffic left in bytes`.
keyferry_traffic() # HOST in|out bytes|packets
{
	keyferry "$1" --json status | awk -v direction="\"$2\":" -v member="\"$3\":" '
		$1 == direction { inside = 1 }
		inside && $1 == member { sum += $2 }
		/}/ { inside = 0 }
		END { printf "%d\n", sum }'
}

# How often a member of the status has a value: `keyferry_counts left state established`.
keyferry_counts() # HOST MEMBER VALUE
{
	keyferry "$1" --json status | grep -cF "\"$2\": \"$3\"" || :
}

keyferry_has() # HOST MEMBER VALUE COUNT
{
	[ "$(keyferry_counts "$1" "$2" "$3")" -eq "$4" ]
}

# How many pairs of IPsec SAs there are, those on their way out included.
keyferry_pairs() # HOST
{
	keyferry "$1" --json status | grep -c '"spi_in"' || :
}
