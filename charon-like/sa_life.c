/* SPDX-License-Identifier: MIT */
/*
 * sa_life.c - an established ISAKMP SA's time: renewed make before break, by another phase 1 that takes its children over (kin.h), and
 * its end. Whether the peer is still there is liveness.c's.
 */
#include "child.h"
#include "events.h"
#include "follow.h"
#include "ikev1/v1.h"
#include "kin.h"
#include "liveness.h"
#include "peers.h"
#include "sa.h"
#include "shard.h"

enum { SA_RENEW_AGAIN_MS = 1000 };       /* least pause before a phase 1 that failed is tried again    */

uint16_t sa_draw_renewal(const struct ike_sa *sa, bool initiated)
{
	unsigned from = initiated ? RENEW_INITIATOR : RENEW_RESPONDER;
	unsigned span = initiated ? RENEW_INITIATOR_SPAN : RENEW_RESPONDER_SPAN;
	uint32_t random = 0;

	/* Without random numbers nothing can be negotiated anyway. */
	(void)!crypto_random(sa->shard->engine->crypto, &random, sizeof(random));
	return (uint16_t)(from + random % span);
}

static void set_timer(struct ike_sa *sa, struct timer *timer, uint64_t when)
{
	if (timer_set(loop_timers(sa->shard->loop), timer, when) < 0)
		log_error(&sa->ctx, "no memory for a timer: this SA may not be renewed or end in time");
}

/* ---- renewal ---- */

/* Behind a NAT the peer of a responder is found where it is seen, and only there: see begin_on_nat_port(). */
static bool may_renew(const struct ike_sa *sa)
{
	const struct connection_settings *c = sa->connection;

	return follow_may_initiate(sa) || (sa->is_float && (c->remote_host || address_range_is_host(&c->remote)));
}

bool sa_may_renew(struct ike_sa *sa)
{
	return may_renew(sa) && kin_best(sa) == sa && kin_generation(sa) <= sa->generation;
}

static void time_to_renew(struct timer *timer)
{
	struct ike_sa *sa = CONTAINER(timer, struct ike_sa, renewal);
	uint64_t now = loop_now(sa->shard->loop), left = sa->expiry.when > now ? sa->expiry.when - now : 0;

	/* Without children it is of use to nobody until something asks for one. */
	if (!sa_may_renew(sa) || (sa->connection->keep != KEEP_UP && list_empty(&sa->children)))
		return;
	set_timer(sa, timer, now + (left / 4 > SA_RENEW_AGAIN_MS ? left / 4 : SA_RENEW_AGAIN_MS));
	/* What went wrong was said where it was found. */
	if (shard_renew(sa, NULL) == 0)
		log_debug(&sa->ctx, "renewing phase 1");
}

/* ---- the end ---- */

/* While there may still be another under which the peer can be told. */
static void end_negotiations(struct ike_sa *sa)
{
	LIST_EACH(it, &sa->exchanges) {
		struct exchange *ex = CONTAINER(it, struct exchange, in_sa);
		if (exchange_child(ex))
			exchange_end(ex);
	}
}

void sa_end(struct ike_sa *sa, const char *reason, bool tell)
{
	sa_hold(sa);
	end_negotiations(sa);
	if (!list_empty(&sa->children) && kin_hand_over(sa))
		log_debug(&sa->ctx, "its children go on under another SA");
	if (tell) {
		sa_delete(sa, reason);
	} else {
		log_info(&sa->ctx, "the ISAKMP SA ends: %s", reason);
		sa_free(sa);
	}
	sa_release(sa);
}

static void time_is_over(struct timer *timer)
{
	sa_end(CONTAINER(timer, struct ike_sa, expiry), "its lifetime is over", true);
}

/* Asked when it was taken over from, the peer did not answer: it may have lost the children as well, who live on under another SA. */
static void renew_inherited(struct ike_sa *sa)
{
	struct ike_sa *kin[KIN_MAX];
	size_t count = kin_of(sa, kin);

	for (size_t i = 1; i < count; i++) {
		LIST_EACH(it, &kin[i]->children) {
			struct child *child = CONTAINER(it, struct child, in_sa);
			if (child->installed_at <= sa->asked_at && child_renew(child))
				log_info(&kin[i]->ctx, "child %s is renewed now, because the peer may have lost it", child->config->name);
		}
	}
}

static void surplus_over(struct timer *timer)
{
	struct ike_sa *sa = CONTAINER(timer, struct ike_sa, surplus);

	const struct ike_sa *best = kin_best(sa);
	/* Until the peer has shown that it has what took over, this one is all that it may have. */
	bool is_needed = best && best != sa && best->last_word;

	if (!kin_has_other(sa)) {
		/* What took over is gone meanwhile. */
		set_timer(sa, &sa->renewal, loop_now(sa->shard->loop));
	} else if (!list_empty(&sa->exchanges) || is_needed) {
		set_timer(sa, &sa->surplus, loop_now(sa->shard->loop) + KIN_SURPLUS_MS);
	} else {
		if (sa->dpd_probes)
			renew_inherited(sa);
		sa_end(sa, "another one with the same peer has taken over", true);
	}
}

void sa_set_surplus(struct ike_sa *sa)
{
	if (timer_is_set(&sa->surplus))
		return;
	timer_stop(loop_timers(sa->shard->loop), &sa->renewal);
	sa->surplus.run = surplus_over;
	set_timer(sa, &sa->surplus, loop_now(sa->shard->loop) + KIN_SURPLUS_MS);
}

/* ---- begin, move, stop ---- */

static void set_times(struct ike_sa *sa)
{
	uint64_t ms = (uint64_t)sa->lifetime * 1000;

	if (!ms)
		return;
	set_timer(sa, &sa->expiry, sa->established_at + ms);
	set_timer(sa, &sa->renewal, sa->established_at + ms * sa_draw_renewal(sa, sa->role == INITIATOR) / RENEW_WHOLE);
}

void sa_start_life(struct ike_sa *sa)
{
	sa->expiry.run = time_is_over;
	sa->renewal.run = time_to_renew;
	set_times(sa);
	liveness_start(sa);
	follow_start(sa);
}

void sa_shorten_life(struct ike_sa *sa, uint32_t seconds)
{
	uint32_t shorter = v1_shorter_lifetime(sa->lifetime, seconds);

	if (shorter == sa->lifetime)
		return;
	log_debug(&sa->ctx, "the peer ends this SA after %u s already", shorter);
	sa->lifetime = shorter;
	/* What another has taken over from is not renewed. */
	if (!timer_is_set(&sa->surplus))
		set_times(sa);
}

void sa_stop_life(struct ike_sa *sa)
{
	struct timers *timers = loop_timers(sa->shard->loop);

	timer_stop(timers, &sa->expiry);
	timer_stop(timers, &sa->renewal);
	timer_stop(timers, &sa->surplus);
	liveness_stop(sa);
	follow_stop(sa);
}

void sa_moved(struct ike_sa *sa)
{
	char local[ADDRESS_TEXT_MAX], remote[ADDRESS_TEXT_MAX];

	log_info(&sa->ctx, "the SA moves: we are %s, the peer is %s", address_text(local, &sa->local), address_text(remote, &sa->remote));
	LIST_EACH(it, &sa->children)
		child_move(CONTAINER(it, struct child, in_sa), &sa->local, &sa->remote);
	peers_update(sa->shard->engine->peers, sa);
}
