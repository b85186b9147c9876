/* SPDX-License-Identifier: MIT */
/*
 * leftovers.h - the rules and routes of an earlier run that was killed. They hold traffic back: so they stay until those of this run are
 * there, and only then they go, but for what is this run's too.
 */
#ifndef KEYFERRY_TUN_LEFTOVERS_H
#define KEYFERRY_TUN_LEFTOVERS_H
#include "netlink.h"

struct leftover;

/* under the writers' lock */
struct leftovers {
	struct leftover *rules, *routes;
	size_t rule_count, route_count;
};

/* What is there now. FAULT_SYSTEM, FAULT_MEMORY: nothing is kept. */
int leftovers_find(struct leftovers *l, struct netlink *n) MUST_CHECK;
/* `is_wanted` of a route: this run has the same. It replaced that one, while a rule that is wanted is there twice. */
void leftovers_remove(struct leftovers *l, struct netlink *n, bool (*is_wanted)(const struct nlmsghdr *route, void *arg), void *arg);

#endif
