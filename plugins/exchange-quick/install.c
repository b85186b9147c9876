/* SPDX-License-Identifier: MIT */
/*
 * install.c - what Quick Mode does outside of itself: the inbound SA is there before the peer can send, the rest when it is over. What
 * becomes of the child then is child.h's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "kin.h"
#include "quick.h"
#include "shard.h"

static struct child *make_child(struct exchange *ex)
{
	const struct quick *quick = quick_of(ex);
	struct ike_sa *sa = ex->sa;
	struct child *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	*child = (struct child){
		.sa = sa,
		.settings = settings_ref(ex->settings),
		.config = quick->config,
		.id = child_id_of_peer(sa, quick->config, &quick->ts[role_other(ex->role)]),
		.spi_in = quick->spi[ex->role],
		.spi_out = quick->spi[role_other(ex->role)],
		.cpi_in = quick->cpi[ex->role],
		.cpi_out = quick->cpi[role_other(ex->role)],
		.transform = quick->transform,
		.local_ts = quick->ts[ex->role],
		.remote_ts = quick->ts[role_other(ex->role)],
		.transport = quick->config->transport,
		.udp_encap = quick->mode == MODE_UDP_TUNNEL || quick->mode == MODE_UDP_TRANSPORT,
		.initiated = ex->role == INITIATOR,
		.message_id = ex->message_id,
		.generation = quick->generation,
		.round_trip = ex->role == INITIATOR ? (uint32_t)(loop_now(sa->shard->loop) - quick->asked_at) : 0,
		.lifetime = quick->lifetime,
	};
	/* Nobody else may find it, and so end it, before it is the SA's: see quick_done(). */
	list_init(&child->in_sa);
	child_draw_renewal(child);
	return child;
}

/*
 * Once the keys are there (message 2: built by the responder, processed by the initiator) we can
 * receive; only then the peer is told.
 */
void quick_row_done(struct exchange *ex, size_t row)
{
	struct quick *quick = quick_of(ex);
	struct secret keys = { (uint8_t *)quick->keymat_in.at, quick->keymat_in.len };

	if (row == 0)
		quick->asked_at = loop_now(ex->sa->shard->loop);
	if (ex->mode->steps[row].from != RESPONDER)
		return;
	if (ex->role == RESPONDER)
		quick_give_way(ex);
	quick->child = make_child(ex);
	int fault = quick->child ? child_install_inbound(quick->child, &keys) : FAULT_MEMORY;
	if (fault == 0)
		return;
	log_at(&ex->ctx, LEVEL_ERROR, "install-failed", "the inbound SA of child %s cannot be installed: %s", quick->config->name,
	       fault_text(fault));
	if (quick->child)
		child_free(quick->child, "");
	quick->child = NULL;
}

/* The peer believes in an SA that we could not install. */
static void give_up(struct exchange *ex, const char *what, int fault)
{
	struct quick *quick = quick_of(ex);
	char text[160];

	snprintf(text, sizeof(text), "%s of child %s cannot be installed: %s", what, quick->config->name, fault_text(fault));
	log_at(&ex->ctx, LEVEL_ERROR, "install-failed", "%s", text);
	sa_publish_failure(ex->sa, quick->config->name, "install-failed", text, true);
	v1_tell_spi_deleted(ex->sa, &quick->transform, quick->spi[ex->role]);
	if (quick->child)
		child_free(quick->child, "it could not be installed");
	quick->child = NULL;
}

/* One of the peer's whose message 3 is missing still would take the place of this newer one when it came. */
static void end_overtaken(struct exchange *ex)
{
	struct exchange *older = sa_find_negotiation(ex->sa, quick_of(ex)->config->name, RESPONDER);

	if (older && older != ex && older->mode == ex->mode && quick_of(older)->child)
		exchange_end(older);
}

void quick_done(struct exchange *ex)
{
	struct quick *quick = quick_of(ex);
	struct secret keys_out = { (uint8_t *)quick->keymat_out.at, quick->keymat_out.len };

	if (!quick->child) {
		give_up(ex, "the inbound SA", FAULT_SYSTEM);
		return;
	}
	end_overtaken(ex);
	int fault = child_established(quick->child, &keys_out);
	if (fault < 0)
		give_up(ex, "the outbound SA", fault);
}

void quick_failed(struct exchange *ex)
{
	struct quick *quick = quick_of(ex);

	if (!quick->child)
		return;
	/* The peer has message 2, and may have sent message 3 and rely on it; this ISAKMP SA it may have deleted. */
	struct ike_sa *best = kin_best(ex->sa);
	if (best)
		v1_tell_spi_deleted(best, &quick->transform, quick->child->spi_in);
	child_free(quick->child, "Quick Mode failed");
}

const char *quick_child(const struct exchange *ex)
{
	return quick_of(ex)->config ? quick_of(ex)->config->name : NULL;
}

/* A packet of the new SA: who made it has our nonce and the keys, which is all that message 3 shows (RFC 2409 5.5). */
bool quick_is_answered(const struct exchange *ex)
{
	const struct quick *quick = quick_of(ex);
	struct ipsec_usage usage;

	return ex->role == RESPONDER && quick->child && child_usage(quick->child, true, &usage) && usage.packets > 0;
}

bool quick_concerns(const struct exchange *ex, struct bytes spi)
{
	struct reader r = reader_over(spi);

	return spi.len == sizeof(uint32_t) && read_u32(&r) == quick_of(ex)->spi[ex->role];
}

/* The peer has given it up; what tells so is lost, or was told under another ISAKMP SA. */
bool quick_is_overtaken(const struct exchange *ex, const struct child_rival *rival)
{
	const struct quick *quick = quick_of(ex);

	/* Also what we began ourselves: the peer drops its message 1 until it has forgotten why, and then takes it for something new. */
	if ((ex->role == RESPONDER && !quick->child) || !quick->generation)
		return false;
	return quick->generation < rival->generation || (quick->generation == rival->generation && quick->spi[INITIATOR] < rival->spi);
}
