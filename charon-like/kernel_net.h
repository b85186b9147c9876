/* SPDX-License-Identifier: MIT */
/*
 * kernel_net.h - what makes devices and routes for a kernel service that leaves packets to the kernel: XFRM interfaces, and routes that
 * give what this host sends itself the source address that policies protect.
 */
#ifndef KEYFERRY_KERNEL_NET_H
#define KEYFERRY_KERNEL_NET_H
#include "kernel.h"

enum { NET_PREFIXES_MAX = 8 };           /* of one interface: both families, with some to spare */

/* An address with the length of the network that is behind the interface. */
struct net_prefix {
	struct address address;
	uint8_t bits;
};

struct net_interface {
	char name[IF_NAMESIZE];
	uint32_t if_id;
	uint16_t mtu;                    /* 0: what is left of 1500 octets                                       */
	struct net_prefix prefixes[NET_PREFIXES_MAX];
	size_t prefix_count;
};

/* SERVICE_KERNEL_NET. All ops may be called from any thread; those that return a fault have logged it. */
struct kernel_net {
	const char *name;
	/* Finds what an earlier run left, which stays for now. Once, before anything else. */
	int (*attach)(void *state, const struct log_context *log);
	void (*detach)(void *state);     /* removes everything of ours                                           */
	/* All that are wanted from now on. Those that are not any more go. */
	int (*interfaces)(void *state, const struct net_interface *all, size_t count);
	/* Again with the same child: replaces. */
	int (*routes_add)(void *state, const struct ipsec_policy *policy);
	void (*routes_delete)(void *state, uint32_t child);
	/* What an earlier run left and nobody has asked for since goes. */
	void (*settle)(void *state);
	/* Addresses, links or routes of this host have changed. */
	void (*follow)(void *state);
};

#endif
