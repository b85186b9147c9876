/* SPDX-License-Identifier: MIT */
/*
 * kin.h - several ISAKMP SAs between the same two identities: one takes over from another, which may be on another shard, when phase 1 is
 * renewed, when both ends began at once, or when a peer comes again from elsewhere or has forgotten.
 */
#ifndef KEYFERRY_KIN_H
#define KEYFERRY_KIN_H
#include "sa.h"

enum {
	KIN_MAX = 16,                /* of one peer that are looked at: twice SAS_PER_PEER_MAX            */
	/* Established within so short a time of each other, SAs were begun by both ends at once, not one after the other. */
	KIN_CROSSING_MS = 5000,
	KIN_SURPLUS_MS = 10000,      /* after that an SA that another has taken over from is deleted         */
};

/* The established ones on this shard, `sa` first. */
size_t kin_of(struct ike_sa *sa, struct ike_sa *out[KIN_MAX]);
/* The one of these for new exchanges; NULL: none is established. */
struct ike_sa *kin_best(struct ike_sa *sa);
/* `sa` was just established: what older ones have becomes its own, or ends, by what `unique` says. */
void kin_take_over(struct ike_sa *sa);
/* `sa` ends, but not its children where another can have them. True: it has none left. */
bool kin_hand_over(struct ike_sa *sa);
/* The peer is dead: `sa` and what it had before that ends. */
void kin_end(struct ike_sa *sa);

#endif
