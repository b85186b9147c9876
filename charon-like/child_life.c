/* SPDX-License-Identifier: MIT */
/*
 * child_life.c - how a pair of IPsec SAs takes the place of another, make before break: the new one is received with from message 2
 * on, sent with once the peer can receive it; the old one is deleted when nothing is under way on it any more. The newest that was
 * negotiated whole wins on either end, so neither has to know who began; Quick Modes that cross are settled before they are over
 * (check_crossing() of exchange-quick).
 */
#include "child_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "ikev1/v1.h"
#include "kin.h"
#include "sa.h"
#include "shard.h"

static struct loop *loop_of(const struct child *child)
{
	return child->sa->shard->loop;
}

static void set_timer(struct child *child, struct timer *timer, uint64_t when)
{
	if (timer_set(loop_timers(loop_of(child)), timer, when) < 0)
		log_error(&child->sa->ctx, "no memory for a timer: child %s may end early", child->config->name);
}

/* Milliseconds until the lifetime in seconds is over. */
static uint64_t time_left(const struct child *child)
{
	uint64_t now = loop_now(loop_of(child));

	if (!timer_is_set(&child->expiry))
		return UINT64_MAX;
	return child->expiry.when > now ? child->expiry.when - now : 0;
}

/* ---- lifetimes ---- */

void child_draw_renewal(struct child *child)
{
	child->renew_at = sa_draw_renewal(child->sa, child->initiated);
}

struct ipsec_limits child_limits(const struct child *child)
{
	const struct lifetime *life = &child->lifetime;

	return (struct ipsec_limits){
		.soft_bytes = life->bytes / RENEW_WHOLE * child->renew_at, .hard_bytes = life->bytes,
		.soft_packets = life->packets * child->renew_at / RENEW_WHOLE, .hard_packets = life->packets,
	};
}

/* ---- the others of the same configured child and peer ---- */

struct others child_others(struct ike_sa *sa, const char *name, const struct child *child)
{
	struct ike_sa *kin[KIN_MAX];
	struct others others = { .count = 0 };
	size_t count = kin_of(sa, kin);

	for (size_t i = 0; i < count; i++) {
		LIST_EACH(it, &kin[i]->children) {
			struct child *other = CONTAINER(it, struct child, in_sa);
			if (other != child && others.count < COUNT(others.at) && strcmp(other->config->name, name) == 0)
				others.at[others.count++] = other;
		}
	}
	return others;
}

bool child_has_current(const struct child *child)
{
	struct others others = child_others(child->sa, child->config->name, child);

	for (size_t i = 0; i < others.count; i++)
		if (others.at[i]->stage == CHILD_CURRENT)
			return true;
	return false;
}

uint64_t child_time_left(struct ike_sa *sa, const char *name)
{
	struct others others = child_others(sa, name, NULL);

	for (size_t i = 0; i < others.count; i++)
		if (others.at[i]->stage == CHILD_CURRENT)
			return time_left(others.at[i]);
	return UINT64_MAX;
}

static struct child *find_ready(const struct child *child)
{
	struct others others = child_others(child->sa, child->config->name, child);

	for (size_t i = others.count; i-- > 0;)
		if (others.at[i]->stage == CHILD_READY)
			return others.at[i];
	return NULL;
}

/* ---- step by step out of use ---- */

static void step(struct timer *timer);

static void linger(struct child *child)
{
	struct timers *timers = loop_timers(loop_of(child));

	child_remove_outbound(child);
	child->stage = CHILD_LINGERING;
	timer_stop(timers, &child->renewal);
	timer_stop(timers, &child->expiry);
	set_timer(child, &child->step, loop_now(loop_of(child)) + CHILD_LINGER_MS);
}

void child_retire(struct child *child, bool by_peer)
{
	uint64_t delay = by_peer ? CHILD_RETIRE_PEER_MS : CHILD_RETIRE_MS;

	child->stage = CHILD_RETIRED;
	secret_free(&child->keys_out);
	timer_stop(loop_timers(loop_of(child)), &child->renewal);
	set_timer(child, &child->step, loop_now(loop_of(child)) + smaller(delay, time_left(child) / 2));
}

/* It is current; but one that crossed it may be the better one. */
static void retire_others(struct child *child)
{
	struct others others = child_others(child->sa, child->config->name, child);
	struct child_rival self = child_rival_of(child);

	for (size_t i = 0; i < others.count; i++) {
		struct child *other = others.at[i];
		struct child_rival its = child_rival_of(other);
		if (other->stage == CHILD_CURRENT && !other->is_over && child->generation && child_beats(&its, &self)) {
			child_lose_to(child, other);
			return;
		}
	}
	for (size_t i = 0; i < others.count; i++) {
		struct child *other = others.at[i];
		if (other->stage != CHILD_CURRENT && other->stage != CHILD_READY)
			continue;
		child_leave_policy_to(other, child->id);
		child_retire(other, !child->initiated);
	}
	kin_tell_rival(child->sa, child->config->name, &self);
}

/* Its retired predecessors go with it: what they carry would go on past its end. */
static void end(struct child *child, const char *reason)
{
	struct others others = child_others(child->sa, child->config->name, child);

	for (size_t i = 0; i < others.count; i++)
		if (others.at[i]->stage == CHILD_RETIRED) {
			v1_tell_child_deleted(others.at[i]);
			linger(others.at[i]);
		}
	child_free(child, reason);
}

/* ---- into use ---- */

static int send_with(struct child *child, const struct secret *keys_out)
{
	int fault = child_install_outbound(child, keys_out);

	if (fault < 0)
		return fault;
	child->stage = CHILD_CURRENT;
	timer_stop(loop_timers(loop_of(child)), &child->step);
	child_listen(child);
	retire_others(child);
	return 0;
}

/* The keys waited until the peer can receive. */
static bool become_current(struct child *child)
{
	struct secret keys = secret_move(&child->keys_out);
	int fault = send_with(child, &keys);

	secret_free(&keys);
	if (fault == 0) {
		log_debug(&child->sa->ctx, "sending with SPI %08" PRIx32 " from now on", child->spi_out);
		return true;
	}
	log_at(&child->sa->ctx, LEVEL_ERROR, "install-failed", "the outbound SA of child %s cannot be installed: %s", child->config->name,
	       fault_text(fault));
	v1_tell_child_deleted(child);
	child_free(child, "it could not be installed");
	return false;
}

static void step(struct timer *timer)
{
	struct child *child = CONTAINER(timer, struct child, step);
	uint64_t now = loop_now(loop_of(child));

	switch (child->stage) {
	case CHILD_READY:
		if (now >= child->ready_until || child_is_heard(child))
			(void)become_current(child);
		else
			set_timer(child, timer, smaller(now + CHILD_READY_POLL_MS, child->ready_until));
		break;
	case CHILD_CURRENT:
		child_listen_again(child);
		break;
	case CHILD_RETIRED:
		v1_tell_child_deleted(child);
		linger(child);
		break;
	default:
		child_free(child, "");
	}
}

/* ---- renewal and the end ---- */

/* An SA that the peer may not have yet is waited with; when there is no time for that, the one before serves. */
static struct ike_sa *renew_under(const struct child *child)
{
	struct ike_sa *best = kin_best(child->sa), *known;

	if (!best || !kin_may_be_unknown(best))
		return best;
	if (time_left(child) > CHILD_URGENT_MS)
		return NULL;
	known = kin_best_known(child->sa);
	return known ? known : best;
}

bool child_renew(struct child *child)
{
	struct ike_sa *sa = renew_under(child);

	if (child->stage != CHILD_CURRENT || find_ready(child) || !sa)
		return false;
	/* One that is so new was renewed by the other end a moment ago. */
	if (loop_now(loop_of(child)) - child->installed_at < CHILD_REST_MS || sa_want(sa, child->config->name, true) < 0)
		return false;
	sa_run_agenda(sa);
	return true;
}

/* What asked for nothing needs no new SA before something does: the trap is there. */
static bool may_lapse(const struct child *child)
{
	struct ipsec_usage in, out;

	return child->sa->connection->keep == KEEP_ON_DEMAND && child_usage(child, true, &in) && child_usage(child, false, &out) &&
	       in.packets + out.packets == 0;
}

static void time_to_renew(struct timer *timer)
{
	struct child *child = CONTAINER(timer, struct child, renewal);
	uint64_t pause = time_left(child) / 4;

	if (may_lapse(child)) {
		log_debug(&child->sa->ctx, "child %s carried nothing and is not renewed", child->config->name);
		return;
	}
	/* Tried again while it is current: the exchange may be refused, or be the peer's, which may not end well. */
	set_timer(child, timer, loop_now(loop_of(child)) + (pause > CHILD_AGAIN_MS ? pause : CHILD_AGAIN_MS));
	if (child_renew(child))
		log_debug(&child->sa->ctx, "renewing child %s", child->config->name);
}

/*
 * It is over, deleted or expired, but the peer has its successor already, and only message 3 of that is lost and asked for again. Meanwhile
 * what is sent with the old one still arrives at a peer that lets it linger. Its end is put off once: the timer, not the peer's Delete,
 * is the last word.
 */
static bool waits_for_successor(struct child *child, bool is_deleted)
{
	uint64_t until = loop_now(loop_of(child)) + CHILD_LINGER_MS - CHILD_SPARE_MS;
	struct exchange *theirs = child->stage == CHILD_CURRENT ? sa_find_negotiation(child->sa, child->config->name, RESPONDER) : NULL;

	if (!theirs)
		return false;
	/* Then this one has retired. */
	if (exchange_look(theirs))
		return false;
	if (child->is_overdue)
		return is_deleted;
	child->is_overdue = true;
	set_timer(child, &child->expiry, until);
	return true;
}

static void expire(struct child *child, const char *reason)
{
	struct child *next = find_ready(child);

	if (!next && waits_for_successor(child, false))
		return;
	child->is_over = true;
	v1_tell_child_deleted(child);
	/* Then this one has retired. */
	if (next)
		(void)become_current(next);
	if (child->stage == CHILD_RETIRED)
		linger(child);
	else
		end(child, reason);
}

static void time_is_over(struct timer *timer)
{
	expire(CONTAINER(timer, struct child, expiry), "its lifetime is over");
}

void child_deleted(struct child *child)
{
	struct child *next = find_ready(child);

	if (!next && waits_for_successor(child, true))
		return;
	if (child->stage == CHILD_READY) {
		child_free(child, "the peer deleted it");
		return;
	}
	child->is_over = true;
	/* Then this one has retired. */
	if (next)
		(void)become_current(next);
	if (child->stage == CHILD_CURRENT)
		end(child, "the peer deleted it");
	else
		linger(child);
}

void child_used_up(struct child *child, bool hard)
{
	log_at(&child->sa->ctx, LEVEL_INFO, "child-used-up", "child %s has %s by octets, packets or sequence numbers", child->config->name,
	       hard ? "reached the end of its lifetime" : "nearly reached the end of its lifetime");
	if (hard && child->stage != CHILD_LINGERING)
		expire(child, "its lifetime in octets, packets or sequence numbers is over");
	else if (child->stage == CHILD_CURRENT)
		set_timer(child, &child->renewal, loop_now(loop_of(child)));
}

/* Otherwise it would come up after all. */
static void stop_negotiating(struct ike_sa *sa, const char *name)
{
	struct ike_sa *kin[KIN_MAX];
	size_t count = kin_of(sa, kin);
	struct exchange *ex;

	while ((ex = sa_find_negotiation(sa, name, INITIATOR)) || (ex = sa_find_negotiation(sa, name, RESPONDER)))
		exchange_end(ex);
	for (size_t i = 0; i < count; i++)
		LIST_EACH(it, &kin[i]->wanted) {
			struct want *want = CONTAINER(it, struct want, in_sa);
			if (strcmp(want->child->name, name) != 0)
				continue;
			list_remove(it);
			free(want);
		}
}

size_t child_take_down(struct ike_sa *sa, const char *name, const char *reason)
{
	/* It follows those that are under way to another shard. */
	kin_tell_end(sa, name);
	return child_take_down_here(sa, name, reason);
}

size_t child_take_down_here(struct ike_sa *sa, const char *name, const char *reason)
{
	stop_negotiating(sa, name);
	struct others others = child_others(sa, name, NULL);
	size_t count = 0;

	for (size_t i = 0; i < others.count; i++) {
		struct child *child = others.at[i];
		if (child->stage == CHILD_LINGERING)
			continue;
		count += child->stage == CHILD_CURRENT;
		v1_tell_child_deleted(child);
		child_free(child, reason);
	}
	return count;
}

/* ---- the beginning ---- */

static void start_timers(struct child *child)
{
	uint64_t ms = (uint64_t)child->lifetime.seconds * 1000;

	if (!ms)
		return;
	set_timer(child, &child->expiry, child->installed_at + ms);
	set_timer(child, &child->renewal, child->installed_at + ms * child->renew_at / RENEW_WHOLE);
}

/* What leads elsewhere, or is perhaps lost at the peer, is not worth waiting with. */
static uint32_t head_start(const struct child *child)
{
	if (!child->initiated || (child->is_renewal && child->sa->starts_anew))
		return 0;
	if (child->is_renewal)
		return CHILD_READY_MS;
	return child->sa->connection->keep == KEEP_ON_DEMAND ? (uint32_t)smaller(child->round_trip, CHILD_FIRST_MS_MAX) : 0;
}

/* Kept until the peer can receive. An old SA at its end would be left too late. */
static int wait_for_peer(struct child *child, const struct secret *keys_out)
{
	struct others others = child_others(child->sa, child->config->name, child);
	uint64_t wait = child->head_start;
	int fault = secret_copy(&child->keys_out, secret_bytes(keys_out));

	if (fault < 0)
		return fault;
	for (size_t i = 0; i < others.count; i++)
		if (others.at[i]->stage == CHILD_CURRENT)
			wait = smaller(wait, time_left(others.at[i]) / 2);
	child->stage = CHILD_READY;
	child->ready_until = child->installed_at + wait;
	set_timer(child, &child->step, smaller(child->installed_at + CHILD_READY_POLL_MS, child->ready_until));
	return 0;
}

static void announce(struct child *child)
{
	struct ike_sa *sa = child->sa;
	char text[PROPOSAL_TEXT_MAX], local[SELECTOR_TEXT_MAX], remote[SELECTOR_TEXT_MAX];

	esp_transform_text(text, &child->transform);
	if (child->is_renewal)
		log_info(&sa->ctx, "child %s is renewed: SPIs %08" PRIx32 " in, %08" PRIx32 " out", child->config->name, child->spi_in,
			 child->spi_out);
	else
		log_info(&sa->ctx, "child %s is up: %s to %s, %s%s%s%s, SPIs %08" PRIx32 " in, %08" PRIx32 " out", child->config->name,
			 selector_text(local, &child->local_ts), selector_text(remote, &child->remote_ts), text,
			 child->cpi_in ? ", IPComp" : "", child->transport ? ", transport" : "", child->udp_encap ? " in UDP" : "",
			 child->spi_in, child->spi_out);
	child->was_up = true;
	sa_publish(sa, child->is_renewal ? EVENT_CHILD_RENEWED : EVENT_CHILD_UP, child, text);
}

int child_established(struct child *child, const struct secret *keys_out)
{
	child->installed_at = loop_now(loop_of(child));
	child->is_renewal = child_has_current(child);
	child->step.run = step;
	child->renewal.run = time_to_renew;
	child->expiry.run = time_is_over;
	list_append(&child->sa->children, &child->in_sa);
	child->head_start = head_start(child);
	int fault = child->head_start ? wait_for_peer(child, keys_out) : send_with(child, keys_out);
	if (fault < 0) {
		list_remove(&child->in_sa);
		return fault;
	}
	start_timers(child);
	announce(child);
	return 0;
}

/* ---- from one ISAKMP SA to another ---- */

static void stop_for_now(struct child *child, struct timer *timer)
{
	if (timer_is_set(timer))
		timer_stop(loop_timers(loop_of(child)), timer);
	else
		timer->when = 0;
}

void child_detach(struct child *child)
{
	stop_for_now(child, &child->renewal);
	stop_for_now(child, &child->expiry);
	stop_for_now(child, &child->step);
	list_remove(&child->in_sa);
	child->sa = NULL;
}

void child_attach(struct child *child, struct ike_sa *sa)
{
	struct timer *timers[] = { &child->renewal, &child->expiry, &child->step };

	child->sa = sa;
	list_append(&sa->children, &child->in_sa);
	/* All loops have the same clock. */
	for (size_t i = 0; i < COUNT(timers); i++)
		if (timers[i]->when)
			set_timer(child, timers[i], timers[i]->when);
}
