/* SPDX-License-Identifier: MIT */
/* ask.h - work that has to be done on a shard's thread, and its answer on the thread that asked. Nobody waits. */
#ifndef KEYFERRY_ASK_H
#define KEYFERRY_ASK_H
#include "loop.h"
#include "shard.h"

/* Embedded; ask_shard() gives it away until done(), which runs on `home` and owns it. */
struct ask {
	struct job job;            /* this module's                                         */
	struct shard *shard;
	struct loop *home;
	void (*work)(struct ask *ask);
	void (*done)(struct ask *ask);
	bool worked;               /* false: the shard was ended before it came to that     */
};

void ask_shard(struct ask *ask, struct shard *shard, struct loop *home);
/* The shard that has or should have the SAs of a connection: the same for every call while none of them is up. */
struct shard *ask_shard_for(const struct engine *engine, const char *connection);

#endif
