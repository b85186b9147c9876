/* SPDX-License-Identifier: MIT */
/* status.h - what a shard has, as JSON for front ends. Keys and secrets are never in it. */
#ifndef KEYFERRY_STATUS_H
#define KEYFERRY_STATUS_H
#include <jansson.h>

#include "shard.h"

/* STATUS_SCHEMA is raised when a member changes its meaning or goes away; new members may come at any time. */
enum { STATUS_SCHEMA = 1, STATUS_BATCH = 128 };

/*
 * On the shard's thread. Appends SAs with a number above *after, STATUS_BATCH of them at most, so that a shard with many is not
 * held up, and moves *after on. `connection` NULL: all. True: call again for the rest.
 */
bool status_collect(struct shard *shard, const char *connection, uint32_t *after, json_t *into);

/* A connection as it is configured: its name, keep, mode, ends and children; NULL without memory. */
json_t *status_of_settings(const struct connection_settings *c) MUST_CHECK;

#endif
