/* SPDX-License-Identifier: MIT */
/* peers.h - who is connected: the only structure that shards share. */
#ifndef KEYFERRY_PEERS_H
#define KEYFERRY_PEERS_H
#include "address.h"
#include "identity.h"
#include "message.h"

struct peers;              /* any thread, under its own lock, held for a few instructions */
struct engine;
struct ike_sa;

struct peers *peers_new(void) MUST_CHECK;
void peers_free(struct peers *peers);
/* An authenticated SA came or went. */
int peers_add(struct peers *peers, const struct ike_sa *sa) MUST_CHECK;
void peers_remove(struct peers *peers, const struct ike_sa *sa);
/*
 * Is there an SA between these two identities? If not, INITIAL-CONTACT is true (RFC 2407 4.6.3.3). One host may well use several
 * identities towards us: each pair is a contact of its own.
 */
bool peers_knows(struct peers *peers, const struct identity *local_id, const struct identity *remote_id);
/*
 * INITIAL-CONTACT from the peer of `sa`: SAs of the same two identities, on whichever shard, that were there before the first message of
 * `sa` are freed without telling it; one that came since was begun at the same time from the other end, and the peer has it.
 * Only those of its connection where that does not say who the peer must be.
 */
void peers_forget_others(struct engine *engine, const struct ike_sa *sa);
/* More than SAS_PER_PEER_MAX of the same two identities and proof: the oldest is freed without telling it. */
void peers_forget_oldest(struct engine *engine, const struct ike_sa *sa);
/* Another SA of the same connection with the same two identities as one that was added. */
struct peer_kin {
	uint8_t cookies[2][COOKIE_SIZE];
	unsigned shard;
	struct address local, remote;            /* when it was established, or since it moved     */
	uint64_t established_at;                 /* loop ms                                        */
	uint32_t generation;
	bool is_ours;                            /* we began it                                    */
};
/* The newest first. Returns how many were written. */
size_t peers_kin(struct peers *peers, const struct ike_sa *sa, struct peer_kin *out, size_t max);
/* The peer of `sa`, or we, went elsewhere, or its generation is known now. */
void peers_update(struct peers *peers, const struct ike_sa *sa);
/* Is there an SA between these two identities whose peer is on another host? */
bool peers_elsewhere(struct peers *peers, const struct identity *local_id, const struct identity *remote_id, const struct address *remote);
/* Shard that has an SA of the connection, or -1. */
int peers_shard_of(struct peers *peers, const char *connection);

#endif
