/* SPDX-License-Identifier: MIT */
/*
 * rule.h - the routing rules that send packets to the tables of ours. One for all; and where policies select a protocol or port,
 * one for each such class, so that other traffic with the same hosts goes its usual way.
 */
#ifndef KEYFERRY_TUN_RULE_H
#define KEYFERRY_TUN_RULE_H
#include "kernel.h"
#include "netlink.h"
#include "prefix.h"

enum {
	RULE_PROTOCOL = KERNEL_PROTOCOL,
	RULE_CLASSES = 32,
	RULE_TABLE = 27494, RULE_PRIORITY = 27494, RULE_PRIORITIES = 6,
};

/* What of a policy decides about its routes and rules. */
struct route_scope {
	struct selector local, remote;
	bool transport, by_source, is_shunt;
};

/* What a routing decision can tell apart of a selector; all zero: any packet. */
struct rule_class {
	struct prefix from;        /* bits 0: any source                                       */
	uint8_t protocol;
	uint16_t local_port, remote_port;
	bool is_shunt;             /* also what stays within `from`                            */
	size_t uses;
};

/* under the writers' lock */
struct rules {
	struct netlink *netlink;
	const struct log_context *log;
	unsigned table, priority;  /* the first; class i has table + i                         */
	bool has_family[2];        /* IPv4, IPv6                                               */
	bool has_classes;          /* the rules around those of the classes stand              */
	struct rule_class classes[RULE_CLASSES];
};

/* Adds the rule for any packet. FAULT_SYSTEM. */
int rules_start(struct rules *r) MUST_CHECK;
void rules_stop(struct rules *r);
/* Index of the class of a policy, with one use more; FAULT_FULL, FAULT_SYSTEM. */
int rules_ref(struct rules *r, const struct route_scope *scope) MUST_CHECK;
void rules_unref(struct rules *r, int class);
/* Without counting: the class that rules_ref() gave; -1: none. */
int rules_find(const struct rules *r, const struct route_scope *scope);

#endif
