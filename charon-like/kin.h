/* SPDX-License-Identifier: MIT */
/*
 * kin.h - several ISAKMP SAs of one connection between the same two identities: one takes over from another, which may be on another shard, when phase 1 is
 * renewed, when both ends began at once, or when a peer comes again from elsewhere or has forgotten.
 *
 * Which of two takes over both ends have to see alike, though they see them come in different order: the one of the later generation, among
 * equals the one with the smaller cookies. Who begins a phase 1 gives it the generation after the latest that he has with the peer, and tells
 * another keyferry (NOTIFY_KEYFERRY_GENERATION in message 5). Other peers have no say in it.
 *
 * What the peer began may also be for another connection of his that looks the same from here. So only who began the SA that takes over, or
 * one that crossed it, ends the other; the children then go on under any that is left.
 */
#ifndef KEYFERRY_KIN_H
#define KEYFERRY_KIN_H
#include "sa.h"

enum {
	KIN_MAX = 16,                /* of one peer that are looked at: twice SAS_PER_PEER_MAX            */
	/* Of two that came within so short a time of each other, one may have been begun before the other was known to its end. */
	KIN_CROSSING_MS = 5000,
	KIN_CROSSING_LONG_MS = 90000, /* the same where messages were lost: as long as an exchange lasts      */
	KIN_GENERATION_MAX = 1 << 30, /* that a peer may name: what is counted on from there does not wrap  */
	KIN_SURPLUS_MS = 10000,      /* after that an SA that another has taken over from is deleted         */
};

/* The established ones on this shard, `sa` first. */
size_t kin_of(struct ike_sa *sa, struct ike_sa *out[KIN_MAX]);
/* The latest among these and on other shards. */
uint32_t kin_generation(const struct ike_sa *sa);
/* Does `a` take over from `b`? Both ends see it alike. */
bool kin_beats(const struct ike_sa *a, const struct ike_sa *b);
/* The one of these for new exchanges; NULL: none is established. */
struct ike_sa *kin_best(struct ike_sa *sa);
/* The last message of phase 1, ours, may be lost: then the peer does not have this SA yet, and goes on under the one before. */
bool kin_may_be_unknown(const struct ike_sa *sa);
/* The best that the peer has for sure, be it one that another has taken over from; NULL: none. */
struct ike_sa *kin_best_known(struct ike_sa *sa);
/* Is there another than `sa`, on whichever shard? */
bool kin_has_other(const struct ike_sa *sa);
/* `sa` was just established: what older ones have becomes its own, or ends, by what `unique` says. */
void kin_take_over(struct ike_sa *sa);
/* `sa` ends, but not its children where another can have them. True: it has none left. */
bool kin_hand_over(struct ike_sa *sa);
/* A pair of this child is current under `sa`: where SAs on other shards have one, one of them retires, see child_meet(). */
struct child_rival;
void kin_tell_rival(const struct ike_sa *sa, const char *child, const struct child_rival *rival);
/* This child is taken down: also where it arrives from here just now. */
void kin_tell_end(const struct ike_sa *sa, const char *child);
/* The peer does not answer under `sa`: does it under the others? */
void kin_doubt(const struct ike_sa *sa);

#endif
