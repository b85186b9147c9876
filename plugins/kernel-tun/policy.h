/* SPDX-License-Identifier: MIT */
/*
 * policy.h - which child protects an outbound packet: the most specific policy that selects it. Policies stand in a hash table under
 * the fixed leading bits of both selectors, so a look-up costs one probe for each combination of prefix lengths in use.
 */
#ifndef KEYFERRY_TUN_POLICY_H
#define KEYFERRY_TUN_POLICY_H
#include "esp_sa.h"

enum { TABLE_BUCKETS = 1 << 16 };      /* pages that no bucket of is used cost no memory        */

struct policy;

/* One per family that the policy covers. */
struct policy_entry {
	struct policy_entry *_Atomic next;
	struct policy *policy;
	uint8_t family, remote_bits, local_bits;
	uint8_t remote[16], local[16];
};

/* Immutable once published, but for the count and what `child` points to. */
struct policy {
	struct retired retired;
	struct selector local_ts, remote_ts;
	unsigned rank;                 /* among equal prefixes: the larger goes first                */
	bool transport, want_acquire;
	bool by_source;                /* see policy_is_by_source()                                  */
	enum ipsec_action action;
	_Atomic uint64_t dropped;      /* IPSEC_DROP; the sending thread's                           */
	struct esp_child *child;
	size_t entry_count;
	struct policy_entry entries[2];
};

/* A combination of prefix lengths; readers leave `count` alone. */
struct shape {
	uint8_t family, remote_bits, local_bits;
	size_t count;
};

/* Immutable but for the counts; most specific first. */
struct shapes {
	struct retired retired;
	size_t count;
	struct shape at[];
};

/*
 * The remote side is everything and the local side is a network that the outer address is not in: then only packets from that network may be
 * sent our way, or the gateway itself would be cut off. Where the outer address is in it, a packet whose source is not chosen yet
 * would slip through such a rule in the clear. What is dropped is always only what comes from its local side.
 */
bool policy_is_by_source(const struct ipsec_policy *policy);

struct policies {
	struct policy_entry *_Atomic *buckets;
	struct shapes *_Atomic shapes;
	_Atomic uint64_t generation;   /* what flow caches remember is only true within one          */
};

/* The last answer; belongs to one packet thread. */
struct flow_cache {
	uint64_t generation;           /* 0: none                                                    */
	struct policy *policy;
	uint8_t family, protocol;
	bool has_ports;
	uint16_t source_port, destination_port;
	uint8_t source[16], destination[16];
};

/* FAULT_MEMORY. */
int policies_init(struct policies *p) MUST_CHECK;
void policies_free(struct policies *p);
/* NULL without memory. */
struct policy *policy_new(const struct ipsec_policy *from, struct esp_child *child);
/* Under the writers' lock. FAULT_MEMORY: nothing changed. */
int policies_insert(struct policies *p, struct epoch *epoch, struct policy *policy) MUST_CHECK;
/* Under the writers' lock; retires it. */
void policies_remove(struct policies *p, struct epoch *epoch, struct policy *policy);
/* Under the writers' lock: what depends on which children have an SA changed. */
void policies_touch(struct policies *p);
/* Packet threads, between epoch_enter() and epoch_leave(). NULL: none. */
struct policy *policies_find(struct policies *p, struct flow_cache *cache, const struct inner *in);

#endif
