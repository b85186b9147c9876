/* SPDX-License-Identifier: MIT */
/* netlink.h - one request over rtnetlink at a time, answered before the next. */
#ifndef KEYFERRY_TUN_NETLINK_H
#define KEYFERRY_TUN_NETLINK_H
#include "bytes.h"

#include <libmnl/libmnl.h>

enum { NETLINK_REQUEST = 1024, NETLINK_ANSWER = 16 * 1024 };

/* under the writers' lock */
struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint8_t request[NETLINK_REQUEST];
	uint8_t answer[NETLINK_ANSWER];
};

/* 0 or an errno. */
int netlink_open(struct netlink *n) MUST_CHECK;
void netlink_close(struct netlink *n);
/* Begins a request in n->request. */
struct nlmsghdr *netlink_request(struct netlink *n, uint16_t type, uint16_t flags);
/* Sends it and reads until it is answered; `each` (may be NULL) gets what a dump gives. 0 or an errno. */
int netlink_talk(struct netlink *n, struct nlmsghdr *request, mnl_cb_t each, void *arg) MUST_CHECK;

#endif
