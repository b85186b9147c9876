/* SPDX-License-Identifier: MIT */
/*
 * follow.h - SAs in a world that moves: our own addresses change, the name of the peer leads elsewhere, a NAT gives it another port. From a
 * new address of ours or to a new one of the peer another phase 1 takes over; the old one serves until it is there.
 */
#ifndef KEYFERRY_FOLLOW_H
#define KEYFERRY_FOLLOW_H
#include "sa.h"

/* May the end that we are begin a phase 1 with this peer? */
bool follow_may_initiate(const struct ike_sa *sa);
/* An established SA whose peer is configured by name: the name is asked for again by its time to live. */
void follow_start(struct ike_sa *sa);
void follow_stop(struct ike_sa *sa);
/* Addresses or routes have changed: on the shard's thread. */
void follow_network(struct shard *shard);
/* An authentic packet of the inbound IPsec SA came from there. Not this shard's: nothing happens. */
void follow_packet(struct shard *shard, uint32_t spi_in, const struct address *local, const struct address *remote);

#endif
