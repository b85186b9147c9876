/* SPDX-License-Identifier: MIT */
/* leftovers.c - see leftovers.h. */
#include "leftovers.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "kernel.h"

enum { LEFTOVERS_MAX = 65536 };    /* more than this cannot be meant */

struct leftover {
	struct leftover *next;
	_Alignas(struct nlmsghdr) uint8_t message[];
};

/* The kernel is not asked anything while it lists. */
struct listing {
	struct leftover **at;
	size_t *count;
	bool is_short;
};

static void keep(struct listing *l, const struct nlmsghdr *message)
{
	struct leftover *kept = *l->count < LEFTOVERS_MAX ? malloc(sizeof(*kept) + message->nlmsg_len) : NULL;

	if (!kept) {
		l->is_short = true;
		return;
	}
	memcpy(kept->message, message, message->nlmsg_len);
	kept->next = *l->at;
	*l->at = kept;
	++*l->count;
}

static void take_rule(const struct nlmsghdr *rule, void *arg)
{
	const struct nlattr *all[FRA_MAX + 1];

	if (rule->nlmsg_type != RTM_NEWRULE || rule->nlmsg_len > NETLINK_REQUEST || mnl_nlmsg_get_payload_len(rule) < sizeof(struct fib_rule_hdr))
		return;
	netlink_attributes(rule, sizeof(struct fib_rule_hdr), all, FRA_MAX);
	if (all[FRA_PROTOCOL] && mnl_attr_validate(all[FRA_PROTOCOL], MNL_TYPE_U8) >= 0 &&
	    mnl_attr_get_u8(all[FRA_PROTOCOL]) == KERNEL_PROTOCOL)
		keep(arg, rule);
}

/* Those to its device went with that. */
static void take_route(const struct nlmsghdr *route, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(route);

	if (route->nlmsg_type == RTM_NEWROUTE && route->nlmsg_len <= NETLINK_REQUEST && mnl_nlmsg_get_payload_len(route) >= sizeof(*head) &&
	    head->rtm_protocol == KERNEL_PROTOCOL && head->rtm_type == RTN_PROHIBIT)
		keep(arg, route);
}

static int list_rules(struct listing *l, struct netlink *n, uint8_t family)
{
	void *at;
	struct nlmsghdr *request = netlink_request(n, RTM_GETRULE, NLM_F_DUMP, sizeof(struct fib_rule_hdr), &at);

	((struct fib_rule_hdr *)at)->family = family;
	return netlink_talk(n, request, take_rule, l);
}

/* Kernels since 4.20 leave out what is not asked for, of which there may be a million. */
static int list_routes(struct listing *l, struct netlink *n, uint8_t family)
{
	void *at;
	struct nlmsghdr *request = netlink_request(n, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg), &at);
	struct rtmsg *head = at;

	head->rtm_family = family;
	head->rtm_protocol = KERNEL_PROTOCOL;
	head->rtm_type = RTN_PROHIBIT;
	return netlink_talk(n, request, take_route, l);
}

static void forget(struct leftover **list, size_t *count)
{
	struct leftover *it;

	while ((it = *list)) {
		*list = it->next;
		free(it);
	}
	*count = 0;
}

int leftovers_find(struct leftovers *l, struct netlink *n)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct listing rules = { &l->rules, &l->rule_count, false }, routes = { &l->routes, &l->route_count, false };

	*l = (struct leftovers){ NULL, NULL, 0, 0 };
	/* A kernel without IPv6 has none of them. */
	for (size_t i = 0; i < COUNT(families); i++) {
		(void)!list_rules(&rules, n, families[i]);
		(void)!list_routes(&routes, n, families[i]);
	}
	if (!rules.is_short && !routes.is_short)
		return 0;
	forget(&l->rules, &l->rule_count);
	forget(&l->routes, &l->route_count);
	return FAULT_MEMORY;
}

static void remove_one(struct netlink *n, struct leftover *it, uint16_t type)
{
	struct nlmsghdr *request = (struct nlmsghdr *)(void *)it->message;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	(void)!netlink_talk(n, request, NULL, NULL);
}

void leftovers_remove(struct leftovers *l, struct netlink *n, bool (*is_wanted)(const struct nlmsghdr *route, void *arg), void *arg)
{
	for (struct leftover *it = l->rules; it; it = it->next)
		remove_one(n, it, RTM_DELRULE);
	for (struct leftover *it = l->routes; it; it = it->next)
		if (!is_wanted((const struct nlmsghdr *)(const void *)it->message, arg))
			remove_one(n, it, RTM_DELROUTE);
	forget(&l->rules, &l->rule_count);
	forget(&l->routes, &l->route_count);
}
