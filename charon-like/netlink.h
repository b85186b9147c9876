/* SPDX-License-Identifier: MIT */
/*
 * netlink.h - requests to the kernel through libmnl, one at a time or many in one message, and what it answers or complains of. Where configure
 * has not found libmnl it is not there, like the plugins that need it.
 */
#ifndef KEYFERRY_NETLINK_H
#define KEYFERRY_NETLINK_H
#include <libmnl/libmnl.h>

#include "bytes.h"

enum {
	NETLINK_REQUEST = 4096,          /* octets of the largest request                                  */
	NETLINK_ANSWER = 32768,          /* the kernel fills no more than this while it lists              */
	NETLINK_WHY = 160,
	/* The kernel lets nobody else change what we ask for until it is through with a message; and its answers must find room in the socket. */
	NETLINK_QUEUE = 16384,           /* octets of requests that are sent in one message                */
	NETLINK_QUEUED_MAX = 64,         /* and how many                                                   */
};

/* who opened it, under his lock; the socket's own functions, or a test's kernel in their place */
struct netlink {
	struct mnl_socket *socket;
	ssize_t (*send)(struct netlink *n, const void *at, size_t len);
	ssize_t (*receive)(struct netlink *n, void *at, size_t size);
	uint32_t sequence;
	char why[NETLINK_WHY];           /* what the kernel said beyond the number about the last request, or the first that failed of those
					    that were queued; may be "" */
	size_t queued, queue_len;
	int queue_error;                 /* the first, of what was sent since the last netlink_flush()     */
	int *status[NETLINK_QUEUED_MAX];
	_Alignas(uint64_t) uint8_t request[NETLINK_REQUEST];
	_Alignas(uint64_t) uint8_t answer[NETLINK_ANSWER];
	_Alignas(uint64_t) uint8_t queue[NETLINK_QUEUE];
};

/* NETLINK_XFRM or NETLINK_ROUTE; for requests (groups 0) or for events of these groups. An errno, or 0. */
int netlink_open(struct netlink *n, int family, unsigned groups) MUST_CHECK;
void netlink_close(struct netlink *n);
/* A new request in n->request with its fixed part, zeroed; *head is that part. */
struct nlmsghdr *netlink_request(struct netlink *n, uint16_t type, uint16_t flags, size_t head_len, void **head);
/*
 * Sends it and calls `each` (may be NULL) for every message of the answer. An errno, or 0. Requests and answers may carry keys: both are
 * wiped before it returns.
 */
int netlink_talk(struct netlink *n, struct nlmsghdr *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg);
/*
 * Keeps a copy of a request that is answered by a number alone, and wipes it. They are done in the order in which they are queued, each whether
 * or not those before it failed, in the next netlink_flush() at the latest. Then *status (may be NULL; it has to last until then) is the
 * errno of this one, or 0. Where the answer could not be read, so that it may have been done, it is that errno, negative.
 */
void netlink_queue(struct netlink *n, const struct nlmsghdr *request, int *status);
/* Sends what is queued. The first errno since the last time, or 0. */
int netlink_flush(struct netlink *n);
/* The attributes behind the fixed part, by type; those of a type above `max` are left out. */
void netlink_attributes(const struct nlmsghdr *message, size_t head_len, const struct nlattr *out[], uint16_t max);
/* The number in an attribute (may be NULL); 0: it has none. */
uint32_t netlink_number(const struct nlattr *attribute);

#endif
