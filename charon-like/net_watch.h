/* SPDX-License-Identifier: MIT */
/*
 * net_watch.h - tells when the machine's addresses, links or routes have changed (rtnetlink). What has changed is for the listener to
 * find out, by asking the routing table: net_find_source().
 */
#ifndef KEYFERRY_NET_WATCH_H
#define KEYFERRY_NET_WATCH_H
#include "log.h"
#include "loop.h"

/* A network that comes up makes tens of messages in some 100 ms; one that flaps must not keep us waiting. */
enum { NET_SETTLE_MS = 500, NET_SETTLE_MAX_MS = 3000 };

struct net_watch;                  /* loop's thread */

/*
 * Calls `changed`, which must not free the watch, once for each burst of changes, from the loop. Needs no privilege, so it may be opened
 * after they are dropped; opened after the kernel service is attached it does not hear of that. FAULT_SYSTEM was logged; *out is NULL then.
 */
int net_watch_new(struct net_watch **out, struct loop *loop, const struct log_context *log, void (*changed)(void *arg), void *arg) MUST_CHECK;
void net_watch_free(struct net_watch *watch);

/* For tests: whether a datagram of the kernel's tells of a change that may matter to a tunnel, and what comes of one that was heard. */
bool net_watch_matters(struct bytes datagram);
void net_watch_hear(struct net_watch *watch, struct bytes datagram);

#endif
