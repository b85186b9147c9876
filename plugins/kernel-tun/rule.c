/* SPDX-License-Identifier: MIT */
/* rule.c - see rule.h. */
#include "rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* Rules stand in this order from `priority` on. */
enum { ORDER_ANY, ORDER_SKIP, ORDER_SHUNT, ORDER_NEAR, ORDER_CLASS, ORDER_END };

static int family_of(int i)
{
	return i ? AF_INET6 : AF_INET;
}

/* Without NLM_F_EXCL: an earlier run may have left the same, which goes later. */
static struct nlmsghdr *rule_request(struct rules *r, bool add, int family, int order, uint8_t action)
{
	void *at;
	struct nlmsghdr *request = netlink_request(r->netlink, add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE : 0,
						   sizeof(struct fib_rule_hdr), &at);
	struct fib_rule_hdr *head = at;

	head->family = (uint8_t)family;
	head->action = action;
	mnl_attr_put_u32(request, FRA_PRIORITY, r->priority + (unsigned)order);
	mnl_attr_put_u8(request, FRA_PROTOCOL, RULE_PROTOCOL);
	return request;
}

static void put_mark(struct nlmsghdr *request)
{
	mnl_attr_put_u32(request, FRA_FWMARK, KERNEL_MARK);
	mnl_attr_put_u32(request, FRA_FWMASK, UINT32_MAX);
}

/* "not fwmark MARK lookup TABLE" */
static int set_any(struct rules *r, bool add, int family)
{
	struct nlmsghdr *request = rule_request(r, add, family, ORDER_ANY, FR_ACT_TO_TBL);

	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(request))->flags = FIB_RULE_INVERT;
	put_mark(request);
	mnl_attr_put_u32(request, FRA_TABLE, r->table);
	return netlink_talk(r->netlink, request, NULL, NULL);
}

/* "fwmark MARK goto END", and END itself: "not" would also turn round what a class matches. */
static int set_skip(struct rules *r, bool add, int family)
{
	struct nlmsghdr *request = rule_request(r, add, family, ORDER_END, FR_ACT_NOP);
	int error = netlink_talk(r->netlink, request, NULL, NULL);

	request = rule_request(r, add, family, ORDER_SKIP, FR_ACT_GOTO);
	put_mark(request);
	mnl_attr_put_u32(request, FRA_GOTO, r->priority + ORDER_END);
	int second = netlink_talk(r->netlink, request, NULL, NULL);
	return error ? error : second;
}

static void put_port(struct nlmsghdr *request, uint16_t type, uint16_t port)
{
	struct fib_rule_port_range range = { port, port };

	if (port)
		mnl_attr_put(request, type, sizeof(range), &range);
}

static void put_from(struct nlmsghdr *request, const struct prefix *from)
{
	if (from->bits == 0)
		return;
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(request))->src_len = from->bits;
	mnl_attr_put(request, FRA_SRC, address_len(from->family), from->ip);
}

/* "from LOCAL to LOCAL lookup main": a network whose remote side is everything still reaches itself. */
static int set_near(struct rules *r, bool add, int family, const struct prefix *from)
{
	struct nlmsghdr *request = rule_request(r, add, family, ORDER_NEAR, FR_ACT_TO_TBL);

	put_from(request, from);
	((struct fib_rule_hdr *)mnl_nlmsg_get_payload(request))->dst_len = from->bits;
	mnl_attr_put(request, FRA_DST, address_len(from->family), from->ip);
	mnl_attr_put_u32(request, FRA_TABLE, RT_TABLE_MAIN);
	return netlink_talk(r->netlink, request, NULL, NULL);
}

/* "from LOCAL ipproto PROTOCOL sport LOCAL dport REMOTE lookup TABLE" */
static int set_class(struct rules *r, bool add, int family, int index)
{
	const struct rule_class *c = &r->classes[index];
	int error = 0;

	if (c->from.bits && c->from.family != family)
		return 0;
	if (c->from.bits && !c->is_shunt)
		error = set_near(r, add, family, &c->from);
	if (error && add)
		return error;
	struct nlmsghdr *request = rule_request(r, add, family, c->is_shunt ? ORDER_SHUNT : ORDER_CLASS, FR_ACT_TO_TBL);
	put_from(request, &c->from);
	if (c->protocol)
		mnl_attr_put_u8(request, FRA_IP_PROTO, c->protocol);
	put_port(request, FRA_SPORT_RANGE, c->local_port);
	put_port(request, FRA_DPORT_RANGE, c->remote_port);
	mnl_attr_put_u32(request, FRA_TABLE, r->table + (unsigned)index);
	return netlink_talk(r->netlink, request, NULL, NULL);
}

int rules_start(struct rules *r)
{
	for (int i = 0; i < 2; i++) {
		int error = set_any(r, true, family_of(i));

		r->has_family[i] = error == 0;
		if (error == 0 || (i && (error == EAFNOSUPPORT || error == EOPNOTSUPP)))
			continue;
		log_at(r->log, LEVEL_ERROR, error == EPERM ? "tun-permission" : "tun-route",
		       "cannot add a routing rule of priority %u: %s", r->priority, strerror(error));
		return FAULT_SYSTEM;
	}
	return 0;
}

/* The last class has gone; rules that cannot be removed are found by the next run. */
static void remove_skips(struct rules *r)
{
	for (int i = 0; i < 2; i++)
		if (r->has_family[i] && r->has_classes)
			(void)!set_skip(r, false, family_of(i));
	r->has_classes = false;
}

void rules_stop(struct rules *r)
{
	for (int index = 1; index < RULE_CLASSES; index++)
		for (int i = 0; i < 2 && r->classes[index].uses; i++)
			if (r->has_family[i])
				(void)!set_class(r, false, family_of(i), index);
	remove_skips(r);
	for (int i = 0; i < 2; i++)
		if (r->has_family[i])
			(void)!set_any(r, false, family_of(i));
	memset(r->classes, 0, sizeof(r->classes));
	memset(r->has_family, 0, sizeof(r->has_family));
}

/*
 * Ports only for transport mode, whose packets are the host's own and routed before they are fragmented. Of what is forwarded the later
 * fragments have no ports: they would take the usual way, in the clear.
 */
static struct rule_class class_of(const struct route_scope *scope)
{
	struct rule_class c = { .protocol = scope->remote.protocol ? scope->remote.protocol : scope->local.protocol };
	bool has_ports = c.protocol == IPPROTO_TCP || c.protocol == IPPROTO_UDP || c.protocol == IPPROTO_SCTP;
	struct prefix prefixes[PREFIXES_MAX];

	if (scope->transport && has_ports) {
		c.local_port = scope->local.port;
		c.remote_port = scope->remote.port;
	}
	if (scope->by_source && prefixes_of(prefixes, &scope->local.range) == 1) {
		c.from = prefixes[0];
		c.is_shunt = scope->is_shunt;
	}
	return c;
}

static bool class_same(const struct rule_class *a, const struct rule_class *b)
{
	return a->protocol == b->protocol && a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       a->is_shunt == b->is_shunt && a->from.bits == b->from.bits && a->from.family == b->from.family && memcmp(a->from.ip, b->from.ip, sizeof(a->from.ip)) == 0;
}

int rules_find(const struct rules *r, const struct route_scope *scope)
{
	struct rule_class c = class_of(scope);

	if (c.protocol == 0 && c.from.bits == 0)
		return 0;
	for (int i = 1; i < RULE_CLASSES; i++)
		if (r->classes[i].uses && class_same(&r->classes[i], &c))
			return i;
	return -1;
}

static void remove_class(struct rules *r, int index)
{
	for (int i = 0; i < 2; i++)
		if (r->has_family[i])
			(void)!set_class(r, false, family_of(i), index);
	for (int i = 1; i < RULE_CLASSES; i++)
		if (r->classes[i].uses)
			return;
	remove_skips(r);
}

static int add_class(struct rules *r, int index)
{
	bool needs_skip = !r->has_classes;
	int error = 0;

	r->has_classes = true;
	for (int i = 0; i < 2 && !error; i++) {
		if (!r->has_family[i])
			continue;
		if (needs_skip)
			error = set_skip(r, true, family_of(i));
		if (!error)
			error = set_class(r, true, family_of(i), index);
	}
	if (!error)
		return 0;
	log_at(r->log, LEVEL_ERROR, "tun-route", "cannot add a routing rule for protocol %u: %s", r->classes[index].protocol,
	       strerror(error));
	remove_class(r, index);
	return FAULT_SYSTEM;
}

int rules_ref(struct rules *r, const struct route_scope *scope)
{
	int index = rules_find(r, scope);

	if (index >= 0) {
		r->classes[index].uses++;
		return index;
	}
	for (index = 1; index < RULE_CLASSES && r->classes[index].uses; index++)
		;
	if (index == RULE_CLASSES) {
		log_at(r->log, LEVEL_ERROR, "tun-route", "policies name more than %d combinations of protocol, ports and source", RULE_CLASSES - 1);
		return FAULT_FULL;
	}
	r->classes[index] = class_of(scope);
	int fault = add_class(r, index);
	if (fault == 0)
		r->classes[index].uses = 1;
	return fault ? fault : index;
}

void rules_unref(struct rules *r, int class)
{
	if (r->classes[class].uses > 0 && --r->classes[class].uses == 0 && class != 0)
		remove_class(r, class);
}
