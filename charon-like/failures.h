/* SPDX-License-Identifier: MIT */
/* failures.h - the last failure of each connection and child, and of peers that fit none: what `status` says about what is not up. */
#ifndef KEYFERRY_FAILURES_H
#define KEYFERRY_FAILURES_H
#include "events.h"

/* Connections are ours to name, so they are many; peers that fit none are whoever comes along. */
enum { FAILURES_MAX = 16384, STRANGERS_MAX = 64 };

struct failure {
	char code[EVENT_CODE_MAX], text[EVENT_TEXT_MAX], peer[EVENT_NAME_MAX];
	uint64_t when;             /* loop ms      */
	uint64_t count;            /* times in a row */
};

struct failures;                   /* one thread   */

struct failures *failures_new(void) MUST_CHECK;
void failures_free(struct failures *failures);
/* Keeps a failure; forgets it when what failed is up. */
void failures_take(struct failures *failures, const struct event_sa *event, uint64_t now);
/* `child` "": of phase 1. NULL: none is known. */
const struct failure *failures_of(const struct failures *failures, const char *connection, const char *child);
/* The i-th failure of a peer that fitted no connection, the oldest first; NULL past the last. */
const struct failure *failures_of_stranger(const struct failures *failures, size_t i);

#endif
