/* SPDX-License-Identifier: MIT */
/* follow.c - see follow.h. */
#include "follow.h"

#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "kin.h"
#include "resolve.h"
#include "shard.h"

/* A peer that was not found by an address of its own, or is behind a NAT, has to come to us. */
bool follow_may_initiate(const struct ike_sa *sa)
{
	const struct connection_settings *c = sa->connection;

	return sa->role == INITIATOR || (!sa->remote_nat && (c->remote_host || address_range_is_host(&c->remote)));
}

/* What goes wrong is said where it is found; the next change or the end of the SA tries again. */
static void go(struct ike_sa *sa, const struct address *remote)
{
	if (shard_renew(sa, remote) < 0)
		log_debug(&sa->ctx, "no other phase 1 is begun now");
}

/* ---- the peer's name ---- */

/* shard; it waits for an answer, or for its timer */
struct name_watch {
	struct resolve resolve;
	struct timer timer;
	struct shard *shard;
	struct ike_sa *sa;                   /* NULL: gone while the question was under way        */
	bool is_asking;
};

static void again_in(struct name_watch *watch, uint64_t ms)
{
	if (timer_set(loop_timers(watch->shard->loop), &watch->timer, loop_now(watch->shard->loop) + ms) < 0)
		log_error(&watch->sa->ctx, "no memory for a timer: a new address of the peer's name may not be noticed");
}

static void take_answer(struct name_watch *watch)
{
	const struct resolve *answer = &watch->resolve;
	struct ike_sa *sa = watch->sa;
	char was[ADDRESS_TEXT_MAX], is[ADDRESS_TEXT_MAX];

	again_in(watch, (uint64_t)(answer->address.family ? answer->ttl : RESOLVE_TTL_DEFAULT) * 1000);
	if (!answer->address.family) {
		log_at(&sa->ctx, LEVEL_INFO, "dns", "the name %s has no address now: %s; the SA stays", answer->host, answer->error);
		return;
	}
	if (address_same_host(&answer->address, &sa->remote) || kin_best(sa) != sa)
		return;
	log_at(&sa->ctx, LEVEL_INFO, "peer-moved", "the name %s has another address: %s, not %s any more", answer->host,
	       address_host_text(is, &answer->address), address_host_text(was, &sa->remote));
	go(sa, &answer->address);
}

static void name_done(struct resolve *resolve)
{
	struct name_watch *watch = CONTAINER(resolve, struct name_watch, resolve);

	watch->is_asking = false;
	if (watch->sa && !loop_stopping(watch->shard->loop))
		take_answer(watch);
	else if (!watch->sa)
		free(watch);
}

static void time_to_ask(struct timer *timer)
{
	struct name_watch *watch = CONTAINER(timer, struct name_watch, timer);
	struct engine *engine = watch->shard->engine;

	watch->resolve.prefer = watch->sa->remote;
	watch->resolve.family = watch->sa->connection->local.family;
	watch->is_asking = true;
	engine->resolve(engine, &watch->resolve, watch->shard->loop, name_done);
}

void follow_start(struct ike_sa *sa)
{
	const char *host = sa->connection->remote_host;

	if (!host || !sa->shard->engine->resolve || !follow_may_initiate(sa))
		return;
	struct name_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return;
	*watch = (struct name_watch){ .timer.run = time_to_ask, .shard = sa->shard, .sa = sa };
	snprintf(watch->resolve.host, sizeof(watch->resolve.host), "%s", host);
	sa->name_watch = watch;
	again_in(watch, RESOLVE_TTL_MIN * 1000);
}

void follow_stop(struct ike_sa *sa)
{
	struct name_watch *watch = sa->name_watch;

	sa->name_watch = NULL;
	if (!watch)
		return;
	timer_stop(loop_timers(sa->shard->loop), &watch->timer);
	watch->sa = NULL;
	if (!watch->is_asking)
		free(watch);
}

/* ---- our own addresses ---- */

/* A negotiation from an address that is gone would only time out; whoever wants it begins again at once. */
static void restart(struct ike_sa *sa)
{
	sa_hold(sa);
	log_at(&sa->ctx, LEVEL_INFO, "network-changed", "our address has changed: the negotiation begins again");
	sa_publish_failure(sa, NULL, "network-changed", "our address has changed while it was negotiated", true);
	sa_free(sa);
	sa_release(sa);
}

static void look_at_path(struct ike_sa *sa)
{
	struct address source;
	char was[ADDRESS_TEXT_MAX], is[ADDRESS_TEXT_MAX];

	/* Where the configuration names our address it is that or none. */
	if (!sa->connection || sa->connection->local.family || !follow_may_initiate(sa))
		return;
	if (engine_find_source(sa->shard->engine, &sa->remote, &source) < 0 || address_same_host(&source, &sa->local))
		return;
	if (sa->state == SA_CONNECTING) {
		restart(sa);
	} else if (sa->state == SA_ESTABLISHED && kin_best(sa) == sa) {
		log_at(&sa->ctx, LEVEL_INFO, "network-changed", "packets to the peer leave from %s now, not %s: beginning again from there",
		       address_host_text(is, &source), address_host_text(was, &sa->local));
		go(sa, &sa->remote);
	}
}

void follow_network(struct shard *shard)
{
	LIST_EACH(it, &shard->sas.all)
		look_at_path(CONTAINER(it, struct ike_sa, in_shard));
}

/* ---- the peer's address ---- */

/* RFC 3947 7: only behind a NAT does a peer move; otherwise somebody else passes its packets on. */
void follow_packet(struct shard *shard, uint32_t spi_in, const struct address *local, const struct address *remote)
{
	LIST_EACH(it, &shard->sas.all) {
		struct ike_sa *sa = CONTAINER(it, struct ike_sa, in_shard);
		struct child *child = sa->state == SA_ESTABLISHED ? child_find(sa, spi_in, true) : NULL;
		if (!child)
			continue;
		if (!sa->remote_nat || !sa->is_float) {
			log_at(&sa->ctx, LEVEL_INFO, "foreign-path", "packets of child %s come from elsewhere, but the peer is not behind a NAT; it is not followed",
			       child->config->name);
			return;
		}
		sa->local = *local;
		sa->remote = *remote;
		sa_moved(sa);
		return;
	}
}
