/* SPDX-License-Identifier: MIT */
/*
 * intents.h - what `keep` means: policies are there before the first packet, "up" is brought up again whatever happens,
 * "on-demand" when a packet asks for it. What people took down by hand stays down until they want it again.
 */
#ifndef KEYFERRY_INTENTS_H
#define KEYFERRY_INTENTS_H
#include "bus.h"
#include "shard.h"

/*
 * Before the next attempt, doubled with each failure up to the maximum, or short when the network has changed; a random part keeps many from
 * trying at once. An attempt itself goes on asking for 85 s, so that the maximum is a pause, not the time until a peer is found again.
 */
enum { INTENT_RETRY_MS = 2 * 1000, INTENT_RETRY_MAX_MS = 30 * 1000, INTENT_HURRY_MS = 500 };
/* How long packets are not heard that ask for what was asked for. */
enum { INTENT_ACQUIRE_MS = 30 * 1000 };

struct intents;                    /* main loop's thread */

struct intents *intents_new(struct engine *engine, struct loop *loop) MUST_CHECK;
/* Installs and removes policies, starts what is to be up, takes down what is gone or has changed. Takes its own reference. */
int intents_apply(struct intents *intents, struct settings *settings) MUST_CHECK;
/* `child` NULL: all of the connection. */
void intents_set_wanted(struct intents *intents, const char *connection, const char *child, bool wanted);
/* The kernel service has a packet for a child that has no SA. */
void intents_acquire(struct intents *intents, uint32_t child);
/* Addresses or routes of this machine have changed: SAs follow, what waits is tried now. */
void intents_network_changed(struct intents *intents);
/* Starts nothing any more; policies are left to whoever detaches the kernel service. */
void intents_free(struct intents *intents);

#endif
