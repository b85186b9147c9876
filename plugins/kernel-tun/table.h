/* SPDX-License-Identifier: MIT */
/* table.h - all SAs, children and policies: read by the packet threads without a lock, changed under one. */
#ifndef KEYFERRY_TUN_TABLE_H
#define KEYFERRY_TUN_TABLE_H
#include "policy.h"

#include <pthread.h>

/* What ties the SAs and the policy of one child; there while it has any of them. */
struct esp_child {
	struct retired retired;
	UT_hash_handle hh;
	uint32_t id;
	struct esp_sa *_Atomic out;            /* the newest outbound SA; NULL: none                     */
	_Atomic uint16_t mtu;              /* what fits through `out`; 0: not known                  */
	_Atomic uint64_t acquired_at;      /* when the host was told last; the sending thread's      */
	size_t inbound;                    /* how many inbound SAs; writers                          */
	struct policy *policy;             /* writers                                                */
	bool policy_ends;                  /* with the last outbound SA; writers                     */
};

struct tables {
	pthread_mutex_t lock;              /* writers                                                */
	struct epoch epoch;
	struct policies policies;
	struct esp_sa *_Atomic *inbound;       /* buckets by SPI                                         */
	struct esp_sa *_Atomic *outbound;      /* buckets by SPI and peer; writers                       */
	struct esp_child *children;            /* by id                                                  */
};

/* FAULT_MEMORY. */
int tables_init(struct tables *t) MUST_CHECK;
/* When no packet thread runs any more. */
void tables_free(struct tables *t);

/* The rest but the last under the writers' lock. */

/* Takes both, also on a fault: FAULT_EXISTS, FAULT_MEMORY. */
int tables_add_sa(struct tables *t, struct esp_sa *sa, struct endpoint *endpoint, uint32_t child) MUST_CHECK;
/* NULL: none; `remote` matters for outbound only. */
struct esp_sa *tables_find_sa(struct tables *t, uint32_t spi, bool inbound, const struct address *remote);
/* Takes `endpoint`, also on a fault: FAULT_EXISTS. */
int tables_move_sa(struct tables *t, struct esp_sa *sa, struct endpoint *endpoint) MUST_CHECK;
void tables_remove_sa(struct tables *t, struct esp_sa *sa);
/* Replaces the child's policy, if it has one. FAULT_MEMORY: the old one stays. */
int tables_set_policy(struct tables *t, const struct ipsec_policy *policy) MUST_CHECK;
/* The child's policy goes with its last outbound SA. True: it has none, so the policy may go now. */
bool tables_end_policy(struct tables *t, uint32_t child);
/* It was to go with the last outbound SA, and that has gone. */
bool tables_policy_is_over(const struct tables *t, uint32_t child);
/* FAULT_NOT_FOUND. */
int tables_remove_policy(struct tables *t, uint32_t child) MUST_CHECK;
const struct policy *tables_policy(struct tables *t, uint32_t child);
/* What fits through the newest outbound SA of a child, octets; 0: there was none yet. */
unsigned tables_mtu(const struct tables *t, uint32_t id);

/* Packet threads, between epoch_enter() and epoch_leave(). */
struct esp_sa *tables_inbound(struct tables *t, uint32_t spi);

#endif
