/* SPDX-License-Identifier: MIT */
/*
 * kin.c - see kin.h. Who is kin, over all shards, is known to peers.c; what belongs to an SA of another shard is asked of that shard and
 * handed over as a job.
 */
#include "kin.h"

#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "liveness.h"
#include "peers.h"
#include "shard.h"

size_t kin_of(struct ike_sa *sa, struct ike_sa *out[KIN_MAX])
{
	struct peer_kin all[KIN_MAX - 1];
	size_t known = peers_kin(sa->shard->engine->peers, sa, all, COUNT(all)), count = 0;

	out[count++] = sa;
	for (size_t i = 0; i < known; i++) {
		if (all[i].shard != sa->shard->index)
			continue;
		struct ike_sa *other = sa_find(&sa->shard->sas, all[i].cookies);
		if (other && other->state == SA_ESTABLISHED)
			out[count++] = other;
	}
	return count;
}

static bool beats(const struct ike_sa *a, uint32_t generation, const void *cookies)
{
	if (a->generation != generation)
		return a->generation > generation;
	return memcmp(a->cookie, cookies, sizeof(a->cookie)) < 0;
}

bool kin_beats(const struct ike_sa *a, const struct ike_sa *b)
{
	return beats(a, b->generation, b->cookie);
}

struct ike_sa *kin_best(struct ike_sa *sa)
{
	struct ike_sa *kin[KIN_MAX], *best = NULL;
	size_t count = kin_of(sa, kin);

	for (size_t i = 0; i < count; i++)
		if (kin[i]->state == SA_ESTABLISHED && !timer_is_set(&kin[i]->surplus) &&
		    (!best || kin_beats(kin[i], best)))
			best = kin[i];
	return best ? best : sa->state == SA_ESTABLISHED ? sa : NULL;
}

bool kin_may_be_unknown(const struct ike_sa *sa)
{
	return sa_spoke_last(sa) && sa->heard_at == sa->established_at && loop_now(sa->shard->loop) - sa->established_at < KIN_CROSSING_MS;
}

struct ike_sa *kin_best_known(struct ike_sa *sa)
{
	struct ike_sa *kin[KIN_MAX], *best = NULL;
	size_t count = kin_of(sa, kin);

	for (size_t i = 0; i < count; i++)
		if (kin[i]->state == SA_ESTABLISHED && !kin_may_be_unknown(kin[i]) && (!best || kin_beats(kin[i], best)))
			best = kin[i];
	return best;
}

bool kin_has_other(const struct ike_sa *sa)
{
	struct peer_kin one;

	return peers_kin(sa->shard->engine->peers, sa, &one, 1) > 0;
}

uint32_t kin_generation(const struct ike_sa *sa)
{
	struct peer_kin all[KIN_MAX - 1];
	size_t known = peers_kin(sa->shard->engine->peers, sa, all, COUNT(all));
	uint32_t latest = sa->generation;

	for (size_t i = 0; i < known; i++)
		latest = all[i].generation > latest ? all[i].generation : latest;
	return latest;
}

/*
 * A peer that names a generation as if it did not know of one that both had long before has lost it; one that names none leaves it to us.
 */
/* Returns whether the peer, another keyferry, knows of what it takes over. */
static bool settle_generation(struct ike_sa *sa, const struct peer_kin *kin, size_t count)
{
	uint32_t generation = sa->generation ? sa->generation : 1, named = sa->generation;

	for (size_t i = 0; i < count; i++)
		if (sa->role == RESPONDER && kin[i].generation >= generation &&
		    (!sa->generation || kin[i].established_at + KIN_CROSSING_MS < sa->created_at))
			generation = kin[i].generation + 1;
	sa->generation = generation;
	peers_update(sa->shard->engine->peers, sa);
	return sa->peer_is_keyferry && generation == named;
}

/* ---- children on their way to an SA, perhaps of another shard ---- */

struct estate {
	struct job job;
	struct shard *to;
	uint8_t heir[2][COOKIE_SIZE];
	struct list children;
	char connection[NAME_WORD_MAX + 1];
};

static void estate_run(struct job *job);

static struct estate *estate_new(struct engine *engine, unsigned shard, const uint8_t heir[2][COOKIE_SIZE])
{
	struct estate *estate = calloc(1, sizeof(*estate));

	if (!estate)
		return NULL;
	estate->job.run = estate_run;
	estate->to = engine->shards[shard];
	memcpy(estate->heir, heir, sizeof(estate->heir));
	list_init(&estate->children);
	return estate;
}

static void estate_run(struct job *job)
{
	struct estate *estate = CONTAINER(job, struct estate, job);
	struct ike_sa *heir = loop_stopping(estate->to->loop) ? NULL : sa_find(&estate->to->sas, (const uint8_t(*)[COOKIE_SIZE])estate->heir);

	if (heir && heir->state != SA_ESTABLISHED)
		heir = NULL;
	while (!list_empty(&estate->children)) {
		struct child *child = CONTAINER(list_first(&estate->children), struct child, in_sa);
		list_remove(&child->in_sa);
		if (heir) {
			child_attach(child, heir);
			/* A NAT may have given the peer another port. */
			child_move(child, &heir->local, &heir->remote);
		} else {
			child_lose(child, estate->to->engine, estate->connection);
		}
	}
	if (heir)
		child_settle(heir);
	free(estate);
}

/* On the shard of `sa`. */
static void bequeath(struct ike_sa *sa, unsigned shard, const uint8_t heir[2][COOKIE_SIZE])
{
	struct estate *estate = list_empty(&sa->children) ? NULL : estate_new(sa->shard->engine, shard, heir);

	if (!estate)
		return;
	snprintf(estate->connection, sizeof(estate->connection), "%s", sa->connection->name);
	while (!list_empty(&sa->children)) {
		struct child *child = CONTAINER(list_first(&sa->children), struct child, in_sa);
		child_detach(child);
		list_append(&estate->children, &child->in_sa);
	}
	if (shard == sa->shard->index)
		estate_run(&estate->job);
	else
		loop_post(estate->to->loop, &estate->job);
}

static bool is_same_path(const struct ike_sa *sa, const struct address *local, const struct address *remote)
{
	if (sa->connection->unique == UNIQUE_NEVER && sa->remote.port != remote->port)
		return false;
	return address_same_host(&sa->local, local) && address_same_host(&sa->remote, remote);
}

static bool is_better(const struct peer_kin *a, const struct peer_kin *b)
{
	return a->generation != b->generation ? a->generation > b->generation : memcmp(a->cookies, b->cookies, sizeof(a->cookies)) < 0;
}

/* To the one that has taken over from all: others may end at this moment, too. */
bool kin_hand_over(struct ike_sa *sa)
{
	struct peer_kin all[KIN_MAX - 1], *best = NULL;
	size_t known = peers_kin(sa->shard->engine->peers, sa, all, COUNT(all));

	for (size_t i = 0; i < known; i++)
		if (is_same_path(sa, &all[i].local, &all[i].remote) && (!best || is_better(&all[i], best)))
			best = &all[i];
	if (best)
		bequeath(sa, best->shard, (const uint8_t(*)[COOKIE_SIZE])best->cookies);
	return list_empty(&sa->children);
}

/* ---- a newer one was established ---- */

/* Asks an older one's shard. */
struct succession {
	struct job job;
	struct shard *to;
	uint8_t older[2][COOKIE_SIZE], newer[2][COOKIE_SIZE];
	struct address local, remote;        /* of the newer                                       */
	unsigned shard;                      /* of the newer                                       */
	bool ends;                           /* the older one is ours to end                       */
};

static void succession_run(struct job *job)
{
	struct succession *s = CONTAINER(job, struct succession, job);
	struct ike_sa *sa = loop_stopping(s->to->loop) ? NULL : sa_find(&s->to->sas, (const uint8_t(*)[COOKIE_SIZE])s->older);

	if (sa && sa->state == SA_ESTABLISHED) {
		if (is_same_path(sa, &s->local, &s->remote))
			bequeath(sa, s->shard, (const uint8_t(*)[COOKIE_SIZE])s->newer);
		if (s->ends)
			sa_set_surplus(sa);
		/* Whether the peer still has what was just taken over shows by its answer. */
		if (s->ends)
			liveness_ask(sa);
	}
	free(s);
}

static void succeed(struct ike_sa *sa, const struct peer_kin *older, bool ends)
{
	struct succession *s = calloc(1, sizeof(*s));

	if (!s)
		return;
	*s = (struct succession){ .job.run = succession_run, .to = sa->shard->engine->shards[older->shard], .local = sa->local,
				  .remote = sa->remote, .shard = sa->shard->index, .ends = ends };
	memcpy(s->older, older->cookies, sizeof(s->older));
	memcpy(s->newer, sa->cookie, sizeof(s->newer));
	if (older->shard == s->shard)
		succession_run(&s->job);
	else
		loop_post(s->to->loop, &s->job);
}

static void meet(struct ike_sa *sa, const struct peer_kin *older, bool is_known)
{
	bool is_ours = sa->role == INITIATOR, wins = beats(sa, older->generation, older->cookies);
	/* The other's loop may have read its clock later. */
	bool crossed = sa->peer_is_keyferry && (sa->established_at < older->established_at ||
						sa->established_at - older->established_at < KIN_CROSSING_LONG_MS);

	if (!is_same_path(sa, &older->local, &older->remote)) {
		/* The peer, or we, came again from elsewhere. */
		if (sa->connection->unique != UNIQUE_NEVER)
			succeed(sa, older, true);
	} else if (wins && (is_ours || is_known)) {
		succeed(sa, older, is_ours || (older->is_ours && crossed));
	} else if (!wins && is_ours) {
		sa_set_surplus(sa);
	}
}

void kin_take_over(struct ike_sa *sa)
{
	struct peer_kin all[KIN_MAX - 1];

	bool forgets = sa->peer_initial_contact && sa->connection->unique != UNIQUE_NEVER;

	if (forgets)
		peers_forget_others(sa->shard->engine, sa);
	size_t known = peers_kin(sa->shard->engine->peers, sa, all, COUNT(all));
	bool is_known = settle_generation(sa, all, known);
	for (size_t i = 0; i < known; i++)
		/* What the peer has forgotten is of no use under a new SA either. */
		if (!forgets || all[i].established_at > sa->created_at)
			meet(sa, &all[i], is_known);
}

/* ---- what concerns a child wherever it is ---- */

struct news {
	struct job job;
	struct shard *to;
	uint8_t cookies[2][COOKIE_SIZE];
	bool is_end;
	struct child_rival rival;            /* unless it is the end                               */
	char child[NAME_WORD_MAX + 1];
};

static void news_run(struct job *job)
{
	struct news *news = CONTAINER(job, struct news, job);
	struct ike_sa *sa = loop_stopping(news->to->loop) ? NULL : sa_find(&news->to->sas, (const uint8_t(*)[COOKIE_SIZE])news->cookies);

	if (sa && sa->state == SA_ESTABLISHED && news->is_end)
		(void)child_take_down_here(sa, news->child, "it was asked to go down");
	else if (sa && sa->state == SA_ESTABLISHED)
		child_meet(sa, news->child, &news->rival);
	free(news);
}

/* To SAs on other shards. */
static void tell(const struct ike_sa *sa, const struct news *what)
{
	struct peer_kin all[KIN_MAX - 1];
	struct engine *engine = sa->shard->engine;
	size_t known = engine->shard_count > 1 ? peers_kin(engine->peers, sa, all, COUNT(all)) : 0;

	for (size_t i = 0; i < known; i++) {
		struct news *news = all[i].shard == sa->shard->index ? NULL : calloc(1, sizeof(*news));
		if (!news)
			continue;
		*news = *what;
		news->job.run = news_run;
		news->to = engine->shards[all[i].shard];
		memcpy(news->cookies, all[i].cookies, sizeof(news->cookies));
		loop_post(news->to->loop, &news->job);
	}
}

void kin_tell_rival(const struct ike_sa *sa, const char *child, const struct child_rival *rival)
{
	struct news news = { .rival = *rival };

	snprintf(news.child, sizeof(news.child), "%s", child);
	tell(sa, &news);
}

void kin_tell_end(const struct ike_sa *sa, const char *child)
{
	struct news news = { .is_end = true };

	snprintf(news.child, sizeof(news.child), "%s", child);
	tell(sa, &news);
}

/* ---- the peer is silent ---- */

struct doubt {
	struct job job;
	struct shard *to;
	uint8_t cookies[2][COOKIE_SIZE];
};

static void doubt_run(struct job *job)
{
	struct doubt *doubt = CONTAINER(job, struct doubt, job);
	struct ike_sa *sa = loop_stopping(doubt->to->loop) ? NULL : sa_find(&doubt->to->sas, (const uint8_t(*)[COOKIE_SIZE])doubt->cookies);

	if (sa)
		liveness_ask(sa);
	free(doubt);
}

void kin_doubt(const struct ike_sa *sa)
{
	struct peer_kin all[KIN_MAX - 1];
	struct engine *engine = sa->shard->engine;
	size_t known = peers_kin(engine->peers, sa, all, COUNT(all));

	for (size_t i = 0; i < known; i++) {
		struct doubt *doubt = calloc(1, sizeof(*doubt));
		if (!doubt)
			return;
		*doubt = (struct doubt){ .job.run = doubt_run, .to = engine->shards[all[i].shard] };
		memcpy(doubt->cookies, all[i].cookies, sizeof(doubt->cookies));
		loop_post(doubt->to->loop, &doubt->job);
	}
}
