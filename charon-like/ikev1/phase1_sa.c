/* SPDX-License-Identifier: MIT */
/* phase1_sa.c - the SA payloads of phase 1: offer, choose, answer, accept (RFC 2409 5; what a transform is, is proposal.h's). */
#include <stdio.h>

#include "shard.h"
#include "v1.h"

enum { SA_BODY_MAX = 4096 };    /* 24 transforms of 40 octets and the heads */

static const struct auth_method *find_auth(const struct exchange *ex, const struct connection_settings *c)
{
	const struct provider *provider = services_find(ex->sa->shard->engine->services, SERVICE_AUTH, c->auth);

	return provider ? provider->ops : NULL;
}

static void set_auth(struct exchange *ex, const struct auth_method *auth)
{
	v1_phase1(ex)->auth = auth;
	ex->carrier = auth->carrier;
	ex->is_keyed = auth->is_keyed;
}

enum verdict v1_begin_phase1(struct exchange *ex, const void *unused)
{
	struct phase1 *ph1 = v1_phase1(ex);

	(void)unused;
	ph1->connection = ex->sa->connection;
	if (ex->role == RESPONDER)
		return STEP_OK;
	ph1->auth = find_auth(ex, ph1->connection);
	if (!ph1->auth)
		return ex_abort(ex, 0, "no-auth-plugin", "no plugin authenticates by %s: install auth-%s.so", ph1->connection->auth,
				ph1->connection->auth);
	set_auth(ex, ph1->auth);
	return STEP_OK;
}

enum verdict v1_put_offer(struct exchange *ex, struct message_out *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct connection_settings *c = ph1->connection;
	uint8_t body[SA_BODY_MAX];
	struct writer w = writer_over(body, sizeof(body));

	uint16_t v1_id = ph1->auth->v1_id(c);
	ike_offers_put(&w, &c->proposals, &v1_id, 1, c->lifetime);
	if (w.failed)
		return ex_fault(ex, "the offer does not fit an SA payload", FAULT_FULL);
	ph1->sa_body = arena_keep(&ex->arena, writer_bytes(&w));
	if (!ph1->sa_body.at)
		return ex_fault(ex, "keeping the offer failed", FAULT_MEMORY);
	message_put(out, PAY_SA, ph1->sa_body);
	return STEP_OK;
}

/* RFC 2407 4.5.4: the shorter of both can do no harm, but that below LIFETIME_MIN a peer could keep us busy. 0: the peer names none. */
uint32_t v1_shorter_lifetime(uint32_t ours, uint32_t theirs)
{
	if (!theirs || theirs >= ours)
		return ours;
	return theirs > LIFETIME_MIN ? theirs : LIFETIME_MIN;
}

/* What the responder looks at per connection whose addresses fit. */
struct choice {
	struct exchange *ex;
	struct ike_offers *offers;
	const struct auth_method *auth;
	const struct connection_settings *nearest;
	int index;
	char why[WHY_MAX];
};

static bool try_connection(const struct connection_settings *c, void *arg)
{
	struct choice *choice = arg;
	const struct auth_method *auth = find_auth(choice->ex, c);

	if (!auth || strcmp(c->mode, choice->ex->mode->word) != 0)
		return false;
	/* The text is costly, and one is enough: anybody can make us look through all connections. */
	uint16_t v1_id = auth->v1_id(c);
	choice->index = ike_choose(choice->offers, &c->proposals, &v1_id, 1, choice->nearest ? NULL : choice->why);
	if (choice->index >= 0) {
		choice->auth = auth;
		return true;
	}
	if (!choice->nearest)
		choice->nearest = c;
	return false;
}

static enum verdict refuse_offer(struct exchange *ex, const struct choice *choice)
{
	char local[ADDRESS_TEXT_MAX], remote[ADDRESS_TEXT_MAX];

	if (choice->nearest)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "proposal-mismatch", "no phase 1 proposal fits connection %s: %s",
				choice->nearest->name, choice->why);
	return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "unknown-peer",
			"no connection for %s with peer %s in %s: add one, or change its local and remote address",
			address_host_text(local, &ex->sa->local), address_host_text(remote, &ex->sa->remote), ex->mode->name);
}

enum verdict v1_choose(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct ike_sa *sa = ex->sa;
	struct ike_offers offers;
	struct choice choice = { .ex = ex, .offers = &offers, .index = -1 };

	ph1->sa_body = message_payload(in, PAY_SA);
	if (ike_offers_read(&offers, ph1->sa_body, choice.why) < 0)
		return ex_drop(ex, "malformed", "the SA payload is malformed: %s", choice.why);
	ph1->connection = settings_match(sa->settings, &sa->local, &sa->remote, try_connection, &choice);
	if (!ph1->connection)
		return refuse_offer(ex, &choice);
	const struct ike_offer *offer = &offers.at[choice.index];
	set_auth(ex, choice.auth);
	ph1->transform = offer->transform;
	ph1->proposal_number = offer->proposal_number;
	ph1->transform_number = offer->transform_number;
	ph1->lifetime = v1_shorter_lifetime(ph1->connection->lifetime, offer->lifetime);
	ph1->tell_lifetime = offer->lifetime > ph1->lifetime;
	memcpy(ph1->cookie_r, sa->cookie[RESPONDER], COOKIE_SIZE);
	char text[PROPOSAL_TEXT_MAX];
	log_debug(&ex->ctx, "connection %s, chose %s, offer %d of %zu", ph1->connection->name,
		  ike_transform_text(text, &ph1->transform), choice.index + 1, offers.count);
	return STEP_OK;
}

enum verdict v1_put_choice(struct exchange *ex, struct message_out *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct writer *w = message_open(out, PAY_SA);

	int fault = sa_choice_put(w, ph1->sa_body, ph1->proposal_number, ph1->transform_number, PROTO_ISAKMP, NULL);
	message_close(out);
	return fault < 0 ? ex_fault(ex, "answering the offer failed", fault) : STEP_OK;
}

/* RFC 2408 4.2: the answer is one of our transforms, and the initiator checks that. */
enum verdict v1_accept(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct connection_settings *c = ph1->connection;
	struct ike_offers answer;
	char why[WHY_MAX];

	if (ike_offers_read(&answer, message_payload(in, PAY_SA), why) < 0)
		return ex_drop(ex, "malformed", "the SA payload is malformed: %s", why);
	if (answer.count != 1)
		return ex_drop(ex, "bad-choice", "the peer chose %zu transforms, not one", answer.count);
	uint16_t v1_id = ph1->auth->v1_id(c);
	if (ike_choose(&answer, &c->proposals, &v1_id, 1, why) < 0)
		return ex_drop(ex, "bad-choice", "the peer chose what we did not offer: %s", why);
	ph1->transform = answer.at[0].transform;
	ph1->lifetime = v1_shorter_lifetime(c->lifetime, answer.at[0].lifetime);
	memcpy(ph1->cookie_r, in->header.cookie[RESPONDER], COOKIE_SIZE);
	return STEP_OK;
}
