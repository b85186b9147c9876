/* SPDX-License-Identifier: MIT */
/*
 * route.c - the routes of children. Children may want the same one: then it leads where the newest wants it, and when that goes where
 * another does. Those of an earlier run stay until it is known who wants them again: nothing leaves beside its interface meanwhile.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "host_net.h"

enum { TEXT_MAX = 2 * ADDRESS_TEXT_MAX };

static int family_at(const struct route_key *key)
{
	return key->family == AF_INET6;
}

/* ---- the kernel ---- */

static struct nlmsghdr *request_of(struct host_net *h, uint16_t type, uint16_t flags, const struct route_key *key)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, type, flags, sizeof(struct rtmsg), &at);
	struct rtmsg *head = at;

	head->rtm_family = key->family;
	head->rtm_dst_len = key->bits;
	head->rtm_protocol = KERNEL_PROTOCOL;
	head->rtm_scope = RT_SCOPE_NOWHERE;
	mnl_attr_put_u32(request, RTA_TABLE, h->options.table + key->table);
	if (key->bits > 0)
		mnl_attr_put(request, RTA_DST, address_len(key->family), key->ip);
	return request;
}

static int install(struct host_net *h, const struct route_key *key, const struct route_way *way)
{
	struct nlmsghdr *request = request_of(h, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, key);
	struct rtmsg *head = mnl_nlmsg_get_payload(request);
	size_t len = address_len(key->family);

	head->rtm_type = way->type;
	head->rtm_scope = key->family == AF_INET && way->type == RTN_UNICAST && !way->gateway.family ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	head->rtm_flags = way->onlink ? RTNH_F_ONLINK : 0;
	if (way->device)
		mnl_attr_put_u32(request, RTA_OIF, way->device);
	if (way->gateway.family)
		mnl_attr_put(request, RTA_GATEWAY, len, way->gateway.ip);
	if (way->source.family)
		mnl_attr_put(request, RTA_PREFSRC, len, way->source.ip);
	if (way->mtu) {
		struct nlattr *metrics = mnl_attr_nest_start(request, RTA_METRICS);
		mnl_attr_put_u32(request, RTAX_MTU, way->mtu);
		mnl_attr_nest_end(request, metrics);
	}
	return netlink_talk(&h->netlink, request, NULL, NULL);
}

/* What leads nowhere by itself needs no rule. */
static void set_way(struct host_net *h, struct route *route, const struct route_way *way)
{
	size_t *uses = &h->uses[family_at(&route->key)][route->key.table];

	*uses += (way->type == RTN_UNICAST) - (size_t)(route->way.type == RTN_UNICAST);
	route->way = *way;
	route->is_stale = false;
}

static void uninstall(struct host_net *h, struct route *route)
{
	static const struct route_way nowhere;
	uint8_t family = route->key.family;
	int error = netlink_talk(&h->netlink, request_of(h, RTM_DELROUTE, 0, &route->key), NULL, NULL);

	/* It went with its device. */
	if (error && error != ESRCH && error != ENODEV)
		net_complain(h, "net-route", "cannot remove a route of ours", error);
	set_way(h, route, &nowhere);
	HASH_DELETE(hh, h->routes, route);
	free(route);
	(void)!rules_set(h, family);
}

static struct route *route_get(struct host_net *h, const struct route_key *key)
{
	struct route *route;

	HASH_FIND(hh, h->routes, key, sizeof(*key), route);
	if (route || !(route = calloc(1, sizeof(*route))))
		return route;
	route->key = *key;
	route->is_stale = true;
	HASH_ADD(hh, h->routes, key, sizeof(route->key), route);
	if (route->hh.tbl)
		return route;
	free(route);
	return NULL;
}

/* ---- owners ---- */

static const struct want *want_find(const struct owner *owner, const struct route_key *key)
{
	for (size_t i = 0; i < owner->count; i++)
		if (memcmp(&owner->wants[i].key, key, sizeof(*key)) == 0)
			return &owner->wants[i];
	return NULL;
}

/* What the owner does not want any more: another's turn, or gone. */
static void leave(struct host_net *h, const struct owner *owner, const struct route_key *key)
{
	struct route *route;

	HASH_FIND(hh, h->routes, key, sizeof(*key), route);
	if (!route)
		return;
	if (--route->uses == 0) {
		uninstall(h, route);
		return;
	}
	for (const struct owner *other = h->owners; other; other = other->hh.next) {
		const struct want *want = other == owner ? NULL : want_find(other, key);

		if (want && memcmp(&want->way, &route->way, sizeof(want->way)) != 0 && install(h, key, &want->way) == 0)
			set_way(h, route, &want->way);
		if (want)
			return;
	}
}

static int complain(struct host_net *h, const struct want *want, int error)
{
	char text[TEXT_MAX + 64], network[ADDRESS_TEXT_MAX], source[ADDRESS_TEXT_MAX] = "";
	struct address a = { .family = want->key.family };

	memcpy(a.ip, want->key.ip, sizeof(a.ip));
	if (want->way.source.family)
		address_host_text(source, &want->way.source);
	snprintf(text, sizeof(text), "cannot add the route to %s/%u%s%s", address_host_text(network, &a), want->key.bits,
		 source[0] ? " with source " : "", source);
	return net_complain(h, "net-route", text, error);
}

static int enter(struct host_net *h, const struct owner *owner, const struct want *want)
{
	struct route *route = route_get(h, &want->key);
	int error = route ? 0 : ENOMEM;

	if (!error && (route->is_stale || memcmp(&route->way, &want->way, sizeof(want->way)) != 0)) {
		error = install(h, &want->key, &want->way);
		if (!error)
			set_way(h, route, &want->way);
	}
	if (!error)
		error = rules_set(h, want->key.family);
	if (!error) {
		route->uses += !want_find(owner, &want->key);
		return 0;
	}
	int fault = complain(h, want, error);
	if (route && route->uses == 0)
		uninstall(h, route);
	return fault;
}

/* The new routes come before those that they replace go. On a fault the owner has those of before, and perhaps some of the new. */
static int apply(struct host_net *h, struct owner *owner)
{
	struct want *wants = calloc(WANTS_MAX, sizeof(*wants));
	size_t count = 0, done = 0;
	int fault = 0;

	if (!wants)
		return FAULT_MEMORY;
	if (!wants_of(h, &owner->policy, wants, &count)) {
		log_at(h->log, LEVEL_ERROR, "net-device", "there is no interface %s to lead packets to, see above", owner->policy.options.interface);
		fault = FAULT_NOT_FOUND;
	}
	while (!fault && done < count && !(fault = enter(h, owner, &wants[done])))
		done++;
	struct owner now = { .wants = wants, .count = done };
	for (size_t i = 0; i < owner->count; i++)
		if (!want_find(&now, &owner->wants[i].key))
			leave(h, owner, &owner->wants[i].key);
	free(owner->wants);
	/* All that are small: few children have more than one route. */
	struct want *fits = done ? realloc(wants, done * sizeof(*wants)) : NULL;
	owner->wants = fits ? fits : wants;
	owner->count = done;
	return fault;
}

static struct owner *owner_get(struct host_net *h, uint32_t child)
{
	struct owner *owner;

	HASH_FIND(hh, h->owners, &child, sizeof(child), owner);
	if (owner || !(owner = calloc(1, sizeof(*owner))))
		return owner;
	owner->child = child;
	HASH_ADD(hh, h->owners, child, sizeof(owner->child), owner);
	if (owner->hh.tbl)
		return owner;
	free(owner);
	return NULL;
}

static void owner_free(struct host_net *h, struct owner *owner)
{
	for (size_t i = 0; i < owner->count; i++)
		leave(h, owner, &owner->wants[i].key);
	HASH_DELETE(hh, h->owners, owner);
	free(owner->wants);
	free(owner);
}

int routes_add(void *state, const struct ipsec_policy *policy)
{
	struct host_net *h = state;
	int fault = FAULT_MEMORY;

	pthread_mutex_lock(&h->lock);
	struct owner *owner = owner_get(h, policy->child);
	if (owner) {
		h->own_read(h);
		owner->policy = *policy;
		fault = apply(h, owner);
	} else {
		log_error(h->log, "no memory for routes");
	}
	/* Without a source address the kernel chooses one; without its interface a child is none. */
	bool is_fatal = fault && policy->options.interface[0];
	if (is_fatal && owner)
		owner_free(h, owner);
	pthread_mutex_unlock(&h->lock);
	return is_fatal ? fault : 0;
}

void routes_delete(void *state, uint32_t child)
{
	struct host_net *h = state;
	struct owner *owner;

	pthread_mutex_lock(&h->lock);
	HASH_FIND(hh, h->owners, &child, sizeof(child), owner);
	if (owner)
		owner_free(h, owner);
	pthread_mutex_unlock(&h->lock);
}

void routes_follow(struct host_net *h)
{
	h->own_at = 0;
	h->own_read(h);
	/* The kernel takes routes away with an address or a link, and does not bring them back. */
	for (struct route *route = h->routes; route; route = route->hh.next)
		route->is_stale = true;
	for (struct owner *owner = h->owners; owner; owner = owner->hh.next)
		(void)!apply(h, owner);
}

/* ---- an earlier run's ---- */

static void take_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *all[RTA_MAX + 1];
	struct host_net *h = arg;
	struct route_key key;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*head) || head->rtm_protocol != KERNEL_PROTOCOL)
		return;
	netlink_attributes(message, sizeof(*head), all, RTA_MAX);
	uint32_t table = netlink_number(all[RTA_TABLE]) - h->options.table;
	if (table >= TABLES)
		return;
	memset(&key, 0, sizeof(key));
	key.family = head->rtm_family;
	key.bits = head->rtm_dst_len;
	key.table = (uint8_t)table;
	if (all[RTA_DST] && mnl_attr_get_payload_len(all[RTA_DST]) <= sizeof(key.ip))
		memcpy(key.ip, mnl_attr_get_payload(all[RTA_DST]), mnl_attr_get_payload_len(all[RTA_DST]));
	struct route *route = route_get(h, &key);
	const struct route_way unknown = { .type = head->rtm_type };
	if (route) {
		set_way(h, route, &unknown);
		route->is_stale = true;
	}
}

void routes_find(struct host_net *h)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < COUNT(families); i++) {
		void *at;
		struct nlmsghdr *request = netlink_request(&h->netlink, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg), &at);

		((struct rtmsg *)at)->rtm_family = families[i];
		/* Kernels since 4.20 leave out what is not asked for, of which there may be a million. */
		((struct rtmsg *)at)->rtm_protocol = KERNEL_PROTOCOL;
		(void)!netlink_talk(&h->netlink, request, take_route, h);
	}
}

void routes_remove(struct host_net *h, bool all)
{
	struct owner *owner, *next_owner;
	struct route *route, *next;

	HASH_ITER(hh, h->owners, owner, next_owner)
		if (all)
			owner_free(h, owner);
	HASH_ITER(hh, h->routes, route, next)
		if (route->uses == 0)
			uninstall(h, route);
}
