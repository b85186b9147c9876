/* SPDX-License-Identifier: MIT */
/* build.h - SAs, policies and selectors as XFRM's messages carry them. Pure: from our structs into a request, nothing is sent. */
#ifndef KEYFERRY_XFRM_BUILD_H
#define KEYFERRY_XFRM_BUILD_H
#include <linux/xfrm.h>

#include "algorithm.h"
#include "kernel.h"
#include "netlink.h"
#include "prefix.h"

/*
 * What is ours carries this number of seconds, the eight letters "keyferry", as its soft lifetime since the first use: the kernel
 * keeps and shows it, it ends never, and nobody else has it. So what a run left behind is found, and what is others' is not touched.
 */
#define BUILD_TAG 0x6b65796665727279ULL

enum {
	/*
	 * Smaller goes first. What lets neighbours be found stands before everything, then the more specific before the less as with
	 * routes: long remote prefixes, then long local ones, then ports; at a tie a shunt.
	 */
	PRIORITY_NEIGHBOUR = 512, PRIORITY_FIRST = 1024,
	REQID_SPI = 0x6b666572,                /* "kfer": SPIs that wait for their SA */
	REPLAY_WINDOW_MAX = XFRMA_REPLAY_ESN_MAX,
	OFFLOAD_WHOLE = 4,                     /* XFRM_OFFLOAD_PACKET, newer than some headers                  */
	SEQUENCE_GAP = 4096,                   /* sent, perhaps, between reading an SA's numbers and moving it */
	CPI_FIRST = 256, CPI_LAST = 61439,     /* RFC 3173 3.3                                                 */
};

/* One selector in one direction: what the kernel tells policies apart by. Zeroed before it is filled, so that memory compares. */
struct rule_key {
	struct xfrm_selector selector;
	uint32_t direction;                    /* XFRM_POLICY_...                        */
	uint32_t mark, mark_mask, if_id;       /* as in struct ipsec_options             */
};

/* The device that takes the work of an SA or a policy off the CPU; index 0: none. */
struct offload {
	int index;
	bool whole;                            /* packets, not their cryptography alone  */
};

xfrm_address_t build_address(const struct address *a);
/* The other way; `port` 0. */
struct address build_host(const xfrm_address_t *from, uint16_t family);
/* Of packets from `from` to `to`; prefixes in place of the selectors' ranges. */
struct xfrm_selector build_selector(const struct prefix *from, const struct prefix *to, const struct selector *from_ts,
				    const struct selector *to_ts);
/* By the prefixes of the remote and the local side. */
uint32_t build_priority(const struct prefix *remote, const struct prefix *local, const struct selector *remote_ts,
			const struct selector *local_ts, bool is_shunt);

/* NEWSA or UPDSA. False: an algorithm that the kernel interface has no name for. */
bool build_sa(struct netlink *n, uint16_t type, const struct ipsec_sa *sa, struct nlmsghdr **out) MUST_CHECK;
/* The same of the IPComp that comes with it. */
bool build_comp(struct netlink *n, uint16_t type, const struct ipsec_sa *sa, struct nlmsghdr **out) MUST_CHECK;
/* GETSA or DELSA of an SA with that destination; `protocol` is IP's number of ESP, AH or IPComp, here and below. */
struct nlmsghdr *build_sa_id(struct netlink *n, uint16_t type, uint8_t protocol, uint32_t spi, const struct address *destination);
struct nlmsghdr *build_spi(struct netlink *n, uint8_t protocol, const struct address *local, const struct address *remote);
/* NEWPOLICY or UPDPOLICY. `policy` NULL: what matches passes in the clear. */
struct nlmsghdr *build_policy(struct netlink *n, uint16_t type, const struct rule_key *key, uint32_t priority,
			      const struct ipsec_policy *policy);
/* GETPOLICY or DELPOLICY. */
struct nlmsghdr *build_policy_id(struct netlink *n, uint16_t type, const struct rule_key *key);
/* The mark and the interface that a policy, or an SA that waits, is told by beside the rest: from a message, and into a request. */
void build_key_of(struct rule_key *key, const struct nlattr *const all[]);
void build_key(struct nlmsghdr *request, const struct rule_key *key);
/* Into a request for an SA or policy. */
void build_offload(struct nlmsghdr *request, const struct offload *offload, bool inbound, uint8_t family);
/*
 * NEWSA or UPDSA from what GETSA answered, at other addresses, with its keys, counters and replay state. False: its keys are not
 * shown, because the kernel is locked down.
 */
bool build_moved(struct netlink *n, uint16_t type, const struct nlmsghdr *sa, bool inbound, const struct address *local,
		 const struct address *remote, struct nlmsghdr **out) MUST_CHECK;

#endif
