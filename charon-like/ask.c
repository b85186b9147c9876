/* SPDX-License-Identifier: MIT */
/* ask.c - there as a job in the shard's inbox, back as a job in the asker's. */
#include "ask.h"

#include "map.h"
#include "peers.h"

static void answer(struct job *job)
{
	struct ask *ask = CONTAINER(job, struct ask, job);

	ask->done(ask);
}

static void work(struct job *job)
{
	struct ask *ask = CONTAINER(job, struct ask, job);

	/* A loop that is ending runs what is left in its inbox; the SAs may be gone by then. */
	ask->worked = !loop_stopping(ask->shard->loop);
	if (ask->worked)
		ask->work(ask);
	ask->job.run = answer;
	loop_post(ask->home, &ask->job);
}

void ask_shard(struct ask *ask, struct shard *shard, struct loop *home)
{
	ask->shard = shard;
	ask->home = home;
	ask->worked = false;
	ask->job = (struct job){ NULL, work };
	loop_post(shard->loop, &ask->job);
}

struct shard *ask_shard_for(const struct engine *engine, const char *connection)
{
	int index = peers_shard_of(engine->peers, connection);

	if (index < 0 || (unsigned)index >= engine->shard_count)
		index = (int)(siphash(engine->cookie_key, bytes_text(connection)) % engine->shard_count);
	return engine->shards[index];
}
