/* SPDX-License-Identifier: MIT */
/* netlink.h - one request at a time to the kernel's routing, through libmnl, and what the kernel answers or complains of. */
#ifndef KEYFERRY_NET_NETLINK_H
#define KEYFERRY_NET_NETLINK_H
#include <libmnl/libmnl.h>

#include "bytes.h"

enum {
	NETLINK_REQUEST = 1024,
	NETLINK_ANSWER = 32768,          /* the kernel fills no more than this while it lists              */
	NETLINK_WHY = 160,
};

/* under host_net.lock; the socket's own functions, or a test's kernel in their place */
struct netlink {
	struct mnl_socket *socket;
	ssize_t (*send)(struct netlink *n, const void *at, size_t len);
	ssize_t (*receive)(struct netlink *n, void *at, size_t size);
	uint32_t sequence;
	char why[NETLINK_WHY];           /* what the kernel said about the last request beyond the number; may be "" */
	_Alignas(uint64_t) uint8_t request[NETLINK_REQUEST];
	_Alignas(uint64_t) uint8_t answer[NETLINK_ANSWER];
};

/* An errno, or 0. */
int netlink_open(struct netlink *n);
void netlink_close(struct netlink *n);
/* A new request in n->request with its fixed part, zeroed; *head is that part. */
struct nlmsghdr *netlink_request(struct netlink *n, uint16_t type, uint16_t flags, size_t head_len, void **head);
/* Sends it and calls `each` (may be NULL) for every message of the answer. An errno, or 0. */
int netlink_talk(struct netlink *n, struct nlmsghdr *request, void (*each)(const struct nlmsghdr *message, void *arg), void *arg);
/* The attributes behind the fixed part, by type; those of a type above `max` are left out. */
void netlink_attributes(const struct nlmsghdr *message, size_t head_len, const struct nlattr *out[], uint16_t max);
/* That of an attribute, as far as it is there. */
uint32_t netlink_number(const struct nlattr *attribute);

#endif
