/* SPDX-License-Identifier: MIT */
/* rule.c - the routing rules that lead to our tables; each is there as long as a table needs it. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "host_net.h"

/* By priority. What has our mark, IKE and ESP itself, skips them all: "not" would also turn round what else a rule matches. */
enum order { ORDER_SKIP, ORDER_OWN, ORDER_ALL, ORDER_NEAR, ORDER_OWN_WIDE, ORDER_ALL_WIDE, ORDER_END };
enum { LEFTOVERS_MAX = 64, LEFTOVER_LEN = 512 };

#define IN(table) (1u << (table))

/* clang-format off */
static const struct { unsigned needed_by; bool is_own; int table; } orders[RULES] = {
	[ORDER_SKIP]     = { IN(TABLE_OWN) | IN(TABLE_ALL) | IN(TABLE_OWN_WIDE) | IN(TABLE_ALL_WIDE), false, -1 },
	[ORDER_OWN]      = { IN(TABLE_OWN), true, TABLE_OWN },
	[ORDER_ALL]      = { IN(TABLE_ALL), false, TABLE_ALL },
	[ORDER_NEAR]     = { IN(TABLE_OWN_WIDE) | IN(TABLE_ALL_WIDE), false, -1 },
	[ORDER_OWN_WIDE] = { IN(TABLE_OWN_WIDE), true, TABLE_OWN_WIDE },
	[ORDER_ALL_WIDE] = { IN(TABLE_ALL_WIDE), false, TABLE_ALL_WIDE },
	[ORDER_END]      = { IN(TABLE_OWN) | IN(TABLE_ALL) | IN(TABLE_OWN_WIDE) | IN(TABLE_ALL_WIDE), false, -1 },
};
/* clang-format on */

static struct nlmsghdr *request_of(struct host_net *h, bool add, uint8_t family, enum order order)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0,
						   sizeof(struct fib_rule_hdr), &at);
	struct fib_rule_hdr *head = at;

	head->family = family;
	head->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(request, FRA_PRIORITY, h->options.priority + (unsigned)order);
	mnl_attr_put_u8(request, FRA_PROTOCOL, KERNEL_PROTOCOL);
	if (orders[order].is_own)
		mnl_attr_put_strz(request, FRA_IIFNAME, "lo");
	if (orders[order].table >= 0)
		mnl_attr_put_u32(request, FRA_TABLE, h->options.table + (unsigned)orders[order].table);
	switch (order) {
	case ORDER_SKIP:
		head->action = FR_ACT_GOTO;
		mnl_attr_put_u32(request, FRA_GOTO, h->options.priority + ORDER_END);
		mnl_attr_put_u32(request, FRA_FWMARK, KERNEL_MARK);
		mnl_attr_put_u32(request, FRA_FWMASK, UINT32_MAX);
		break;
	case ORDER_NEAR:
		mnl_attr_put_u32(request, FRA_TABLE, RT_TABLE_MAIN);
		mnl_attr_put_u32(request, FRA_SUPPRESS_PREFIXLEN, 0);
		break;
	case ORDER_END:
		head->action = FR_ACT_NOP;
		break;
	default:
		break;
	}
	return request;
}

static bool is_needed(const struct host_net *h, int i, enum order order)
{
	for (unsigned table = 0; table < TABLES; table++)
		if (orders[order].needed_by & IN(table) && h->uses[i][table] > 0)
			return true;
	return false;
}

static int set(struct host_net *h, uint8_t family, enum order order, bool add)
{
	int error = netlink_talk(&h->netlink, request_of(h, add, family, order), NULL, NULL);
	bool is_done = add ? error == 0 || error == EEXIST : true;

	h->has_rule[family == AF_INET6][order] = add && is_done;
	return is_done ? 0 : error;
}

/* The way round ours is there before what has to be gone round, and longer. */
int rules_set(struct host_net *h, uint8_t family)
{
	static const enum order added[RULES] = {
		ORDER_END, ORDER_SKIP, ORDER_NEAR, ORDER_OWN, ORDER_ALL, ORDER_OWN_WIDE, ORDER_ALL_WIDE,
	};
	int error = 0, i = family == AF_INET6;

	for (size_t k = 0; k < RULES && !error; k++)
		if (is_needed(h, i, added[k]) && !h->has_rule[i][added[k]])
			error = set(h, family, added[k], true);
	for (size_t k = RULES; k-- > 0;)
		if (!is_needed(h, i, added[k]) && h->has_rule[i][added[k]])
			(void)!set(h, family, added[k], false);
	return error;
}

/* ---- an earlier run's ---- */

struct found {
	struct host_net *h;
	size_t count;
	struct { _Alignas(struct nlmsghdr) uint8_t octets[LEFTOVER_LEN]; } others[LEFTOVERS_MAX];
};

static void take_rule(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *all[FRA_MAX + 1];
	const struct fib_rule_hdr *head = mnl_nlmsg_get_payload(message);
	struct found *found = arg;

	if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*head))
		return;
	netlink_attributes(message, sizeof(*head), all, FRA_MAX);
	if (!all[FRA_PROTOCOL] || mnl_attr_get_u8(all[FRA_PROTOCOL]) != KERNEL_PROTOCOL)
		return;
	uint32_t order = netlink_number(all[FRA_PRIORITY]) - found->h->options.priority, table = netlink_number(all[FRA_TABLE]);
	if (order < RULES && (orders[order].table < 0 || table == found->h->options.table + (unsigned)orders[order].table))
		found->h->has_rule[head->family == AF_INET6][order] = true;
	else if (found->count < LEFTOVERS_MAX && message->nlmsg_len <= LEFTOVER_LEN)
		memcpy(found->others[found->count++].octets, message, message->nlmsg_len);
}

static void find_family(struct host_net *h, uint8_t family, struct found *found)
{
	void *at;
	struct nlmsghdr *request = netlink_request(&h->netlink, RTM_GETRULE, NLM_F_DUMP, sizeof(struct fib_rule_hdr), &at);

	((struct fib_rule_hdr *)at)->family = family;
	*found = (struct found){ .h = h };
	(void)!netlink_talk(&h->netlink, request, take_rule, found);
	/* Those of kernel-tun, which does not run beside us, or of a run with other priorities. */
	for (size_t i = 0; i < found->count; i++) {
		struct nlmsghdr *rule = (void *)found->others[i].octets;

		rule->nlmsg_type = RTM_DELRULE;
		rule->nlmsg_flags = NLM_F_REQUEST;
		(void)!netlink_talk(&h->netlink, rule, NULL, NULL);
	}
}

void rules_find(struct host_net *h)
{
	struct found found;

	find_family(h, AF_INET, &found);
	find_family(h, AF_INET6, &found);
}
