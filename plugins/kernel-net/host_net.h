/* SPDX-License-Identifier: MIT */
/*
 * host_net.h - the plugin's state: devices, rules and routes of ours in the kernel. The service is ops.c (begin and end), device.c (XFRM
 * interfaces), route.c (routes of children, by want.c) and rule.c (the rules that lead to their tables).
 */
#ifndef KEYFERRY_NET_HOST_NET_H
#define KEYFERRY_NET_HOST_NET_H
#include <pthread.h>

#include "kernel_net.h"
#include "map.h"
#include "netlink.h"
#include "prefix.h"

/*
 * Our tables, in the order in which they are asked. A network that has an address of this host in it, or its own peer, is `wide`: there the
 * main table stands before, but for its default route, so that what is near stays reachable.
 */
enum table {
	TABLE_OWN,                 /* for what this host itself sends                                         */
	TABLE_ALL,                 /* and for what it forwards: to interfaces, or with an MTU                 */
	TABLE_OWN_WIDE,
	TABLE_ALL_WIDE,
	TABLES,
};

enum {
	/* Nobody else is known to use these; those of kernel-tun begin ten later. */
	TABLE_DEFAULT = 27484, PRIORITY_DEFAULT = 27484,
	RULES = 7,
	DEVICE_MTU = 1438,         /* what IPv4, UDP and ESP with AES-GCM leave of 1500 octets                */
	WANTS_MAX = 2 * PREFIXES_MAX, /* routes of one child                                                  */
	OWN_MAX = 4096,            /* addresses of this host                                                  */
};

struct net_options {
	unsigned table, priority;  /* the first of TABLES and of RULES                                        */
};

struct route_key {
	uint8_t family, bits, table, zero;
	uint8_t ip[16];
};

/* Where it leads. Zeroed before it is filled: memory is compared. */
struct route_way {
	uint8_t type, onlink;      /* RTN_UNICAST, or RTN_THROW: not by this table                            */
	uint16_t mtu;
	uint32_t device;
	struct address gateway;    /* family 0: none                                                          */
	struct address source;     /* family 0: the kernel's choice                                           */
};

struct want {
	struct route_key key;
	struct route_way way;
};

struct route {
	UT_hash_handle hh;
	struct route_key key;
	struct route_way way;      /* as installed                                                            */
	bool is_stale;             /* ... or not any more                                                     */
	size_t uses;               /* by owners; 0: an earlier run's, until settle()                          */
};

/* A child whose policy has routes. */
struct owner {
	UT_hash_handle hh;
	uint32_t child;
	struct ipsec_policy policy;
	struct want *wants;        /* what is installed for it                                                */
	size_t count;
};

struct device {
	UT_hash_handle hh;
	char name[IF_NAMESIZE];
	uint32_t if_id, index, mtu;
	bool is_wanted;
	bool is_up;                /* it was set up by this run                                               */
};

struct configured {
	struct net_interface as;
	int told;                  /* the errno that was complained of                                        */
};

struct host_net {
	const struct log_context *log;
	struct net_options options;
	pthread_mutex_t lock;      /* around all that follows                                                 */
	struct netlink netlink;
	bool has_rule[2][RULES];   /* by family: IPv4, IPv6                                                   */
	size_t uses[2][TABLES];    /* routes in the tables that lead somewhere                                */
	struct route *routes;
	struct owner *owners;
	struct device *devices;
	struct configured *interfaces;
	size_t interface_count;
	struct address *own;       /* this host's addresses, at the last look                                 */
	size_t own_count;
	uint64_t own_at;           /* ms; 0: never, or they have changed                                      */
	void (*own_read)(struct host_net *h); /* want.c's, or a test's                                        */
};

extern const struct kernel_net host_net_ops;

int net_new(struct host_net **out, const struct log_context *log) MUST_CHECK;
void net_free(struct host_net *h);
/* Says what failed and why, in the kernel's words, and what to do. Returns the fault. Under the lock. */
int net_complain(struct host_net *h, const char *code, const char *what, int error);

/* ---- rule.c ---- */
/* Installs those that lead to tables with routes in them, removes the others. An errno. */
int rules_set(struct host_net *h, uint8_t family) MUST_CHECK;
/* Finds those of an earlier run: rules of other priorities go, these go with the routes. */
void rules_find(struct host_net *h);

/* ---- want.c ---- */
/* The routes that a policy wants just now. False: its interface is not there. */
bool wants_of(struct host_net *h, const struct ipsec_policy *policy, struct want out[WANTS_MAX], size_t *count) MUST_CHECK;
/* Unless they were read just now: a host may have thousands, and as many children. */
void own_read(struct host_net *h);

/* ---- route.c ---- */
int routes_add(void *state, const struct ipsec_policy *policy);
void routes_delete(void *state, uint32_t child);
/* Everybody's once more, as the network is now. */
void routes_follow(struct host_net *h);
void routes_find(struct host_net *h);
/* Those of an earlier run; with `all` everybody's. */
void routes_remove(struct host_net *h, bool all);

/* ---- device.c ---- */
int devices_set(struct host_net *h) MUST_CHECK;
/* The index of one that is ours; 0: there is none. */
uint32_t device_index(struct host_net *h, const char *name);
void devices_find(struct host_net *h);
void devices_remove(struct host_net *h);

#endif
