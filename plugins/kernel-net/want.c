/* SPDX-License-Identifier: MIT */
/* want.c - which routes the policy of a child wants as the network is now: where to, from which address, in which table. */
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "host_net.h"
#include "timer.h"

enum { OWN_MS = 2000 };

/* ---- this host's addresses ---- */

void own_read(struct host_net *h)
{
	struct ifaddrs *all = NULL;
	uint64_t now = clock_system.now(clock_system.arg);

	if (h->own_at && now - h->own_at < OWN_MS)
		return;
	if (!h->own)
		h->own = calloc(OWN_MAX, sizeof(*h->own));
	if (!h->own || getifaddrs(&all))
		return;
	h->own_count = 0;
	for (const struct ifaddrs *i = all; i && h->own_count < OWN_MAX; i = i->ifa_next)
		if (i->ifa_addr && address_from_socket(&h->own[h->own_count], i->ifa_addr) == 0)
			h->own_count++;
	freeifaddrs(all);
	h->own_at = now;
}

/* NULL: this host is not in it. */
static const struct address *own_in(const struct host_net *h, const struct address_range *range, uint8_t family)
{
	if (range->family != family)
		return NULL;
	for (size_t i = 0; i < h->own_count; i++)
		if (h->own[i].family == family && h->own[i].scope == 0 && address_range_has(range, &h->own[i]))
			return &h->own[i];
	return NULL;
}

static struct address_range range_of(const struct prefix *prefix)
{
	struct address_range range = { .family = prefix->family };

	memcpy(range.first, prefix->ip, sizeof(range.first));
	memcpy(range.last, prefix->ip, sizeof(range.last));
	for (size_t bit = prefix->bits; bit < address_len(prefix->family) * 8; bit++)
		range.last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return range;
}

/* ---- the way that packets take without us ---- */

static void take_way(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *all[RTA_MAX + 1], *gateway;
	struct route_way *way = arg;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*head) || head->rtm_type != RTN_UNICAST)
		return;
	netlink_attributes(message, sizeof(*head), all, RTA_MAX);
	way->device = netlink_number(all[RTA_OIF]);
	way->onlink = (head->rtm_flags & RTNH_F_ONLINK) != 0;
	gateway = all[RTA_GATEWAY];
	if (gateway && address_from_bytes(&way->gateway, head->rtm_family,
					  bytes_of(mnl_attr_get_payload(gateway), mnl_attr_get_payload_len(gateway))))
		way->gateway = (struct address){ .family = 0 };
}

/* Our mark leads past our own tables. */
static bool way_to(struct host_net *h, const struct address *to, struct route_way *way)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, RTM_GETROUTE, 0, sizeof(struct rtmsg), &at);
	struct rtmsg *head = at;

	head->rtm_family = to->family;
	head->rtm_dst_len = (uint8_t)(address_len(to->family) * 8);
	mnl_attr_put(request, RTA_DST, address_len(to->family), to->ip);
	mnl_attr_put_u32(request, RTA_MARK, KERNEL_MARK);
	return netlink_talk(&h->netlink, request, take_way, way) == 0 && way->device != 0;
}

/*
 * That of a host in the network, so that what no policy takes goes where it would go anyway; where there is none, the peer's: a policy
 * takes the packet before it gets there.
 */
static bool way_near(struct host_net *h, const struct prefix *prefix, const struct address *peer, struct route_way *way)
{
	struct address host = { .family = prefix->family };
	size_t len = address_len(prefix->family);

	memcpy(host.ip, prefix->ip, len);
	if (prefix->bits < len * 8)
		host.ip[len - 1] |= 1;
	return way_to(h, &host, way) || (peer->family == prefix->family && way_to(h, peer, way));
}

/* ---- wants ---- */

static struct want *add_want(struct want *out, size_t *count, const struct prefix *prefix, enum table table)
{
	struct want *want = &out[*count];

	if (*count == WANTS_MAX)
		return NULL;
	memset(want, 0, sizeof(*want));
	want->key.family = prefix->family;
	want->key.bits = prefix->bits;
	want->key.table = (uint8_t)table;
	memcpy(want->key.ip, prefix->ip, sizeof(want->key.ip));
	want->way.type = RTN_UNICAST;
	(*count)++;
	return want;
}

/* Whatever is said about a network, ESP and IKE reach the peer, and the check of where they come from finds it where it is. */
static void except_peer(struct want *out, size_t *count, const struct address *peer, enum table table)
{
	struct prefix host = { .family = peer->family, .bits = (uint8_t)(address_len(peer->family) * 8) };

	memcpy(host.ip, peer->ip, sizeof(host.ip));
	struct want *want = add_want(out, count, &host, table);
	if (want)
		want->way.type = RTN_THROW;
}

static void want_prefix(struct host_net *h, const struct ipsec_policy *p, const struct prefix *prefix, uint32_t device, struct want *out,
			size_t *count)
{
	struct address_range range = range_of(prefix);
	bool has_peer = p->remote.family == prefix->family && address_range_has(&range, &p->remote);
	bool is_wide = has_peer || own_in(h, &range, prefix->family), is_all = device || p->mtu;
	/* Where everything is local there is nothing to choose. */
	const struct address *source = address_range_weight(&p->local_ts.range) ? own_in(h, &p->local_ts.range, prefix->family) : NULL;
	enum table table = is_all ? is_wide ? TABLE_ALL_WIDE : TABLE_ALL : is_wide ? TABLE_OWN_WIDE : TABLE_OWN;
	struct route_way way;

	if (!device && !source && !p->mtu)
		return;
	memset(&way, 0, sizeof(way));
	if (device)
		way.device = device;
	else if (!way_near(h, prefix, &p->remote, &way))
		return;
	struct want *want = add_want(out, count, prefix, table);
	if (!want)
		return;
	want->way = way;
	want->way.type = RTN_UNICAST;
	want->way.mtu = device ? 0 : p->mtu;
	if (source)
		want->way.source = *source;
	if (has_peer && is_wide)
		except_peer(out, count, &p->remote, table);
}

/*
 * What passes in the clear is not led as a child's packets are, nor has their source. Of ports no route knows; and who selects by the local
 * side too means the policies of a tunnel, not an interface.
 */
static void want_bypass(const struct ipsec_policy *p, const struct prefix *prefix, struct want *out, size_t *count)
{
	bool is_all = address_range_weight(&p->local_ts.range) == 0;

	for (int table = 0; table < TABLES; table++) {
		bool is_own = table == TABLE_OWN || table == TABLE_OWN_WIDE;
		struct want *want = is_own || is_all ? add_want(out, count, prefix, (enum table)table) : NULL;

		if (want)
			want->way.type = RTN_THROW;
	}
}

static void want_family(struct host_net *h, const struct ipsec_policy *p, uint8_t family, uint32_t device, struct want *out, size_t *count)
{
	struct address_range range = { .family = family };
	struct prefix prefixes[PREFIXES_MAX];

	if (p->remote_ts.range.family)
		range = p->remote_ts.range;
	else
		memset(range.last, 0xff, address_len(family));
	if (range.family != family || (p->local_ts.range.family && p->local_ts.range.family != family))
		return;
	size_t prefix_count = prefixes_of(prefixes, &range);
	for (size_t i = 0; i < prefix_count; i++) {
		if (p->action == IPSEC_BYPASS)
			want_bypass(p, &prefixes[i], out, count);
		else
			want_prefix(h, p, &prefixes[i], device, out, count);
	}
}

bool wants_of(struct host_net *h, const struct ipsec_policy *policy, struct want out[WANTS_MAX], size_t *count)
{
	uint32_t device = policy->options.interface[0] ? device_index(h, policy->options.interface) : 0;

	*count = 0;
	if (policy->options.interface[0] && !device)
		return false;
	bool is_narrow = policy->remote_ts.protocol || policy->local_ts.protocol;
	if (policy->transport || policy->options.no_routes || policy->action == IPSEC_DROP || (policy->action == IPSEC_BYPASS && is_narrow))
		return true;
	want_family(h, policy, AF_INET, device, out, count);
	want_family(h, policy, AF_INET6, device, out, count);
	return true;
}
