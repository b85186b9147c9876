/* SPDX-License-Identifier: MIT */
/* net_watch.c - see net_watch.h. */
#include "net_watch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel.h"
#include "settle.h"

enum {
	DATAGRAM_MAX = 16 * 1024,  /* the kernel's own are 8 KiB, but for links with many virtual functions */
	DATAGRAMS_MAX = 64,        /* in one turn                                                           */
};

struct net_watch {
	const struct log_context *log;
	void (*changed)(void *arg);
	void *arg;
	struct watch watch;        /* fd -1: none */
	struct settle settle;
};

/* ---- what the kernel says ---- */

/* Netlink is in the order of the host's octets, and structs are what it consists of. */
static bool read_struct(struct reader *r, void *out, size_t len)
{
	struct bytes b = read_bytes(r, len);

	if (b.at)
		memcpy(out, b.at, len);
	return b.at != NULL;
}

/* The padding behind what has `len` octets; at the very end it may be missing. */
static void skip_padding(struct reader *r, size_t len)
{
	size_t padding = NLMSG_ALIGN(len) - len;

	(void)read_bytes(r, padding < reader_left(r) ? padding : reader_left(r));
}

/* The value of the last attribute of this type, as the kernel takes it; nothing: none. */
static struct bytes find_attribute(struct reader r, unsigned type)
{
	struct bytes found = { NULL, 0 };
	struct rtattr head;

	while (read_struct(&r, &head, sizeof(head)) && head.rta_len >= sizeof(head)) {
		struct bytes value = read_bytes(&r, head.rta_len - sizeof(head));

		if (value.at && (head.rta_type & NLA_TYPE_MASK) == type)
			found = value;
		skip_padding(&r, head.rta_len);
	}
	return found;
}

static bool link_matters(struct reader body)
{
	struct ifinfomsg head;

	if (!read_struct(&body, &head, sizeof(head)))
		return false;
	struct bytes alias = find_attribute(body, IFLA_IFALIAS);
	/* Each search of a wireless card is told of too, every few seconds. */
	return find_attribute(body, IFLA_WIRELESS).at == NULL && !bytes_equal(alias, bytes_of(KERNEL_ALIAS, sizeof(KERNEL_ALIAS)));
}

/* Our own packets go by these tables. The routes of others come and go with tunnels, ours among them. */
static bool route_matters(struct reader body)
{
	struct rtmsg head;
	uint32_t table;

	if (!read_struct(&body, &head, sizeof(head)) || head.rtm_protocol == KERNEL_PROTOCOL || (head.rtm_flags & RTM_F_CLONED) ||
	    head.rtm_type == RTN_MULTICAST)
		return false;
	struct bytes wide = find_attribute(body, RTA_TABLE);
	if (wide.len == sizeof(table))
		memcpy(&table, wide.at, sizeof(table));
	else
		table = head.rtm_table;
	return table == RT_TABLE_MAIN || table == RT_TABLE_DEFAULT || table == RT_TABLE_LOCAL;
}

static bool message_matters(uint16_t type, struct bytes body)
{
	switch (type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case NLMSG_OVERRUN:
		return true;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_matters(reader_over(body));
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_matters(reader_over(body));
	default:
		return false;
	}
}

bool net_watch_matters(struct bytes datagram)
{
	struct reader r = reader_over(datagram);
	struct nlmsghdr head;

	while (read_struct(&r, &head, sizeof(head)) && head.nlmsg_len >= sizeof(head)) {
		struct bytes body = read_bytes(&r, head.nlmsg_len - sizeof(head));

		if (body.at && message_matters(head.nlmsg_type, body))
			return true;
		skip_padding(&r, head.nlmsg_len);
	}
	return false;
}

/* ---- hearing it ---- */

void net_watch_hear(struct net_watch *watch, struct bytes datagram)
{
	if (net_watch_matters(datagram))
		settle_poke(&watch->settle);
}

/* False: there is nothing more, for now. */
static bool receive(struct net_watch *watch)
{
	_Alignas(struct nlmsghdr) uint8_t data[DATAGRAM_MAX];
	struct sockaddr_nl from = { 0 };
	struct iovec piece = { data, sizeof(data) };
	struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t len = recvmsg(watch->watch.fd, &message, MSG_DONTWAIT);

	if (len < 0 && errno == EINTR)
		return true;
	/* ENOBUFS: there was more than the socket could hold. What was lost may have mattered. */
	if (len < 0 && errno == ENOBUFS)
		settle_poke(&watch->settle);
	if (len < 0)
		return errno == ENOBUFS;
	/* Any process may send to it; only the kernel is to be believed. */
	if (message.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
		return true;
	if (message.msg_flags & MSG_TRUNC)
		settle_poke(&watch->settle);
	else
		net_watch_hear(watch, bytes_of(data, (size_t)len));
	return true;
}

static void socket_ready(struct watch *socket, bool readable, bool writable)
{
	struct net_watch *watch = CONTAINER(socket, struct net_watch, watch);

	(void)readable;
	(void)writable;
	for (unsigned i = 0; i < DATAGRAMS_MAX && receive(watch); i++)
		;
}

static void is_settled(struct settle *settle)
{
	struct net_watch *watch = CONTAINER(settle, struct net_watch, settle);

	log_debug(watch->log, "the machine's addresses, links or routes have changed");
	watch->changed(watch->arg);
}

static int open_socket(struct net_watch *watch, struct loop *loop)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	struct sockaddr_nl here = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	watch->watch.fd = fd;
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		return FAULT_SYSTEM;
	for (size_t i = 0; i < COUNT(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return FAULT_SYSTEM;
	return loop_watch(loop, &watch->watch, true, false);
}

int net_watch_new(struct net_watch **out, struct loop *loop, const struct log_context *log, void (*changed)(void *arg), void *arg)
{
	struct net_watch *watch = calloc(1, sizeof(*watch));

	*out = NULL;
	if (!watch)
		return FAULT_MEMORY;
	*watch = (struct net_watch){
		.log = log, .changed = changed, .arg = arg, .watch = { .ready = socket_ready, .fd = -1 },
		.settle = { .loop = loop, .quiet_ms = NET_SETTLE_MS, .most_ms = NET_SETTLE_MAX_MS, .run = is_settled },
	};
	int fault = open_socket(watch, loop);
	if (fault) {
		log_at(log, LEVEL_WARN, "net-watch", "changes of addresses and routes cannot be followed: %s", strerror(errno));
		net_watch_free(watch);
		return fault;
	}
	*out = watch;
	return 0;
}

void net_watch_free(struct net_watch *watch)
{
	if (!watch)
		return;
	settle_stop(&watch->settle);
	loop_unwatch(watch->settle.loop, &watch->watch);
	if (watch->watch.fd >= 0)
		close(watch->watch.fd);
	free(watch);
}
