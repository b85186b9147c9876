/* SPDX-License-Identifier: MIT */
/* route.c - see route.h. */
#include "route.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "timer.h"

enum { OWN_MS = 2000, OWN_MAX = 4096, GUARD_METRIC = 0x6b660000 };

/* What makes a route one; without padding, for the map. */
struct route_key {
	uint8_t family, bits, class, zero;
	uint8_t ip[16];
};

struct route {
	UT_hash_handle hh;
	struct route_key key;
	size_t uses;
	unsigned mtu;
};

/*
 * Packets for a tunnel are to be no larger than what fits. Those for transport mode come whole, because a fragment cannot be protected
 * (RFC 4303 3.3.4); where that is too large for the path, it is ESP that is fragmented.
 */
static void put_mtu(struct nlmsghdr *request, unsigned mtu)
{
	struct nlattr *metrics = mnl_attr_nest_start(request, RTA_METRICS);

	mnl_attr_put_u32(request, RTAX_MTU, mtu);
	mnl_attr_nest_end(request, metrics);
}

static struct nlmsghdr *route_request(struct routes *r, const struct route_key *key, bool add, uint8_t type)
{
	void *at;
	struct nlmsghdr *request = netlink_request(r->netlink, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
						   sizeof(struct rtmsg), &at);
	struct rtmsg *head = at;

	head->rtm_family = key->family;
	head->rtm_dst_len = key->bits;
	head->rtm_table = RT_TABLE_UNSPEC;
	head->rtm_protocol = RULE_PROTOCOL;
	head->rtm_scope = key->family == AF_INET && type == RTN_UNICAST ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	head->rtm_type = type;
	mnl_attr_put_u32(request, RTA_TABLE, r->rules.table + key->class);
	if (key->bits > 0)
		mnl_attr_put(request, RTA_DST, address_len(key->family), key->ip);
	return request;
}

static int route_talk(struct routes *r, const struct route_key *key, bool add, unsigned mtu, const struct address *source)
{
	struct nlmsghdr *request = route_request(r, key, add, RTN_UNICAST);
	size_t len = address_len(key->family);

	mnl_attr_put_u32(request, RTA_OIF, (uint32_t)r->device);
	if (mtu)
		put_mtu(request, mtu);
	if (source)
		mnl_attr_put(request, RTA_PREFSRC, len, source->ip);
	return netlink_talk(r->netlink, request, NULL, NULL);
}

/* Counts only when there is no other; what comes for it is prohibited. */
static int guard_talk(struct routes *r, const struct route_key *key, bool add)
{
	struct nlmsghdr *request = route_request(r, key, add, RTN_PROHIBIT);

	mnl_attr_put_u32(request, RTA_PRIORITY, GUARD_METRIC);
	return netlink_talk(r->netlink, request, NULL, NULL);
}

/* ---- an earlier run's ---- */

static int find_route(const struct nlattr *attribute, void *data)
{
	struct route_key *key = data;

	if (mnl_attr_get_type(attribute) == RTA_DST && mnl_attr_get_payload_len(attribute) <= sizeof(key->ip))
		memcpy(key->ip, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
	return MNL_CB_OK;
}

static int find_table(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == RTA_TABLE && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		*(uint32_t *)data = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static bool is_wanted(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	struct routes *r = arg;
	struct route_key key = { .family = head->rtm_family, .bits = head->rtm_dst_len };
	uint32_t table = head->rtm_table;
	struct route *route;

	(void)!mnl_attr_parse(message, sizeof(*head), find_route, &key);
	(void)!mnl_attr_parse(message, sizeof(*head), find_table, &table);
	if (table < r->rules.table || table >= r->rules.table + RULE_CLASSES)
		return false;
	key.class = (uint8_t)(table - r->rules.table);
	HASH_FIND(hh, r->all, &key, sizeof(key), route);
	return route != NULL;
}

void routes_sweep(struct routes *r)
{
	leftovers_remove(&r->leftovers, r->netlink, is_wanted, r);
}

int routes_start(struct routes *r)
{
	r->rules.netlink = r->netlink;
	r->rules.log = r->log;
	if (leftovers_find(&r->leftovers, r->netlink))
		log_error(r->log, "no memory to remove what an earlier run left of routing rules and routes");
	if (r->leftovers.rule_count + r->leftovers.route_count > 0)
		log_info(r->log, "an earlier run left %zu routing rules and %zu routes: they hold traffic back until those of this run are there",
			 r->leftovers.rule_count, r->leftovers.route_count);
	return rules_start(&r->rules);
}

void routes_stop(struct routes *r)
{
	struct route *route, *next;

	routes_sweep(r);
	HASH_ITER(hh, r->all, route, next) {
		(void)!route_talk(r, &route->key, false, 0, NULL);
		(void)!guard_talk(r, &route->key, false);
		HASH_DEL(r->all, route);
		free(route);
	}
	rules_stop(&r->rules);
	free(r->own);
	r->own = NULL;
	r->own_count = 0;
	r->own_at = 0;
}

static void read_own(struct routes *r)
{
	struct ifaddrs *all = NULL;
	uint64_t now = clock_system.now(clock_system.arg);

	if (r->own_at != 0 && now - r->own_at < OWN_MS)
		return;
	if (!r->own)
		r->own = calloc(OWN_MAX, sizeof(*r->own));
	if (!r->own || getifaddrs(&all))
		return;
	r->own_count = 0;
	for (const struct ifaddrs *i = all; i && r->own_count < OWN_MAX; i = i->ifa_next)
		if (i->ifa_addr && address_from_socket(&r->own[r->own_count], i->ifa_addr) == 0)
			r->own_count++;
	freeifaddrs(all);
	r->own_at = now;
}

/* What the host itself sends must come from an address that the policy covers, or no policy selects it. */
static const struct address *preferred_source(struct routes *r, const struct address_range *local, uint8_t family)
{
	if (local->family != family || address_range_weight(local) == 0)
		return NULL;
	read_own(r);
	for (size_t i = 0; i < r->own_count; i++)
		if (r->own[i].family == family && address_range_has(local, &r->own[i]))
			return &r->own[i];
	return NULL;
}

static struct route_key key_of(const struct prefix *prefix, int class)
{
	struct route_key key = { .family = prefix->family, .bits = prefix->bits, .class = (uint8_t)class };

	memcpy(key.ip, prefix->ip, sizeof(key.ip));
	return key;
}

static int route_ref(struct routes *r, const struct route_key *key, unsigned mtu, const struct address *source)
{
	struct route *route;

	HASH_FIND(hh, r->all, key, sizeof(*key), route);
	if (route) {
		route->uses++;
		/* Now it is known what fits through the SA. A failure leaves the old number, and ICMP to tell. */
		if (route->mtu != mtu && route_talk(r, key, true, mtu, source) == 0)
			route->mtu = mtu;
		return 0;
	}
	route = calloc(1, sizeof(*route));
	if (!route)
		return FAULT_MEMORY;
	route->key = *key;
	route->uses = 1;
	route->mtu = mtu;
	HASH_ADD(hh, r->all, key, sizeof(route->key), route);
	if (!route->hh.tbl) {
		free(route);
		return FAULT_MEMORY;
	}
	int error = route_talk(r, key, true, mtu, source);
	/* An address that is being checked for duplicates, or just went, cannot be preferred. */
	if (error && source)
		error = route_talk(r, key, true, mtu, NULL);
	int unguarded = error ? 0 : guard_talk(r, key, true);
	if (unguarded)
		log_at(r->log, LEVEL_WARN, "tun-route", "cannot add a route of %u bits for when the TUN device is gone: %s", key->bits,
		       strerror(unguarded));
	if (error == 0)
		return 0;
	log_at(r->log, LEVEL_ERROR, "tun-route", "cannot add a route of %u bits to the TUN device: %s", key->bits, strerror(error));
	HASH_DEL(r->all, route);
	free(route);
	return FAULT_SYSTEM;
}

static void route_unref(struct routes *r, const struct route_key *key)
{
	struct route *route;

	HASH_FIND(hh, r->all, key, sizeof(*key), route);
	if (!route || --route->uses > 0)
		return;
	int error = route_talk(r, key, false, 0, NULL);
	(void)!guard_talk(r, key, false);
	if (error && error != ESRCH)
		log_at(r->log, LEVEL_WARN, "tun-route", "cannot remove a route to the TUN device: %s", strerror(error));
	HASH_DEL(r->all, route);
	free(route);
}

static bool wants_family(const struct routes *r, const struct address_range *local, uint8_t family)
{
	return r->rules.has_family[family == AF_INET6] && (local->family == 0 || local->family == family);
}

int routes_add(struct routes *r, const struct route_scope *scope, unsigned fits)
{
	struct prefix prefixes[PREFIXES_MAX];
	size_t count = prefixes_of(prefixes, &scope->remote.range);
	unsigned mtu = scope->transport ? 0 : fits && fits < r->mtu ? fits : r->mtu;
	int class = rules_ref(&r->rules, scope);

	if (class < 0)
		return class;
	for (size_t i = 0; i < count; i++) {
		struct route_key key = key_of(&prefixes[i], class);

		if (!wants_family(r, &scope->local.range, key.family))
			continue;
		int fault = route_ref(r, &key, mtu, preferred_source(r, &scope->local.range, key.family));
		if (fault == 0)
			continue;
		while (i-- > 0) {
			key = key_of(&prefixes[i], class);
			if (wants_family(r, &scope->local.range, key.family))
				route_unref(r, &key);
		}
		rules_unref(&r->rules, class);
		return fault;
	}
	return 0;
}

void routes_remove(struct routes *r, const struct route_scope *scope)
{
	struct prefix prefixes[PREFIXES_MAX];
	size_t count = prefixes_of(prefixes, &scope->remote.range);
	int class = rules_find(&r->rules, scope);

	if (class < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct route_key key = key_of(&prefixes[i], class);

		if (wants_family(r, &scope->local.range, key.family))
			route_unref(r, &key);
	}
	rules_unref(&r->rules, class);
}
