/* SPDX-License-Identifier: MIT */
/* resolve.h - the address of a host name, and how long it may be believed, asked for on a helper thread. */
#ifndef KEYFERRY_RESOLVE_H
#define KEYFERRY_RESOLVE_H
#include "address.h"
#include "jobs.h"

/* Seconds. */
enum {
	RESOLVE_TTL_MIN = 10,              /* dynamic DNS says 0 to 60; asking more often would not find more        */
	RESOLVE_TTL_MAX = 24 * 3600,
	RESOLVE_TTL_DEFAULT = 60,          /* of what is not from DNS: /etc/hosts, mDNS                              */
	/* Each server of /etc/resolv.conf is given this long, and asked so often: 12 s with two servers that are silent. */
	RESOLVE_WAIT = 3, RESOLVE_TRIES = 2,
};
enum { RESOLVE_HOST_MAX = 256, RESOLVE_ERROR_MAX = 160 };

/* Embedded in what waits for the answer; the helper's until done(). */
struct resolve {
	struct errand errand;              /* this module's                                                          */
	void (*done)(struct resolve *resolve);
	/* The question. */
	char host[RESOLVE_HOST_MAX];
	uint8_t family;                    /* AF_INET, AF_INET6; 0: either                                           */
	struct address prefer;             /* is the answer if it is among several; family 0: the first is           */
	/* The answer. */
	struct address address;            /* family 0: there is none, and `error` says why in a clause              */
	uint32_t ttl;                      /* seconds until it is worth asking again, RESOLVE_TTL_MIN to _MAX        */
	char error[RESOLVE_ERROR_MAX];
};

/* Asks the system's resolver (nsswitch.conf, then DNS for the time to live); done() is called by `home`, always, later. */
void resolve_start(struct helpers *helpers, struct resolve *resolve, struct loop *home, void (*done)(struct resolve *resolve));

/* What the helper does, for tests: `server` instead of those that resolv.conf names; NULL: those. */
void resolve_now(struct resolve *resolve, const struct sockaddr_in *server);
/*
 * Seconds that a DNS message gives the addresses of the name in its question: the least of the chain of CNAMEs and of the addresses at its
 * end. FAULT_NOT_FOUND: it has none; FAULT_INPUT: it is malformed.
 */
int resolve_read_ttl(struct bytes message, uint8_t family, uint32_t *ttl) MUST_CHECK;

#endif
