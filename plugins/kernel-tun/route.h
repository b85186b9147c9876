/* SPDX-License-Identifier: MIT */
/*
 * route.h - routes to the TUN device for what policies protect, in tables of their own; shared ones are counted. Behind each stands one that
 * prohibits, for when the device is gone: it goes with a daemon that is killed.
 */
#ifndef KEYFERRY_TUN_ROUTE_H
#define KEYFERRY_TUN_ROUTE_H
#include "leftovers.h"
#include "map.h"
#include "prefix.h"
#include "rule.h"

struct route;

/* under the writers' lock */
struct routes {
	struct netlink *netlink;
	const struct log_context *log;
	int device;                /* interface index                                           */
	unsigned mtu;              /* of routes for tunnel mode                                 */
	struct rules rules;
	struct route *all;
	struct leftovers leftovers;
	struct address *own;       /* addresses of this host, as they were `own_at`             */
	size_t own_count;
	uint64_t own_at;           /* milliseconds; 0: never read                               */
};

/* The device must be up. FAULT_SYSTEM. */
int routes_start(struct routes *r) MUST_CHECK;
void routes_stop(struct routes *r);
/* What an earlier run left goes, for what is needed of it is there again. */
void routes_sweep(struct routes *r);
/* `fits`: octets of an inner packet that fit through the SA, 0: not known yet. FAULT_SYSTEM, FAULT_FULL, FAULT_MEMORY: nothing was added. */
int routes_add(struct routes *r, const struct route_scope *scope, unsigned fits) MUST_CHECK;
void routes_remove(struct routes *r, const struct route_scope *scope);

#endif
