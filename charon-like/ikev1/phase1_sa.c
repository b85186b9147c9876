/* SPDX-License-Identifier: MIT */
/* phase1_sa.c - the SA payloads of phase 1: offer, choose, answer, accept (RFC 2409 5; what a transform is, is proposal.h's). */
#include <stdio.h>

#include "shard.h"
#include "v1.h"

enum { SA_BODY_MAX = 4096 };    /* 24 transforms of 40 octets and the heads */

const struct auth_method *v1_find_auth(const struct exchange *ex, const struct connection_settings *c)
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
	ph1->auth = v1_find_auth(ex, ph1->connection);
	if (!ph1->auth)
		return ex_abort(ex, 0, "no-auth-plugin", "no plugin authenticates by %s: install auth-%s.so", ph1->connection->auth,
				ph1->connection->auth);
	set_auth(ex, ph1->auth);
	return STEP_OK;
}

static enum verdict put_offer(struct exchange *ex, struct message_out *out, const struct ike_transforms *offer)
{
	struct phase1 *ph1 = v1_phase1(ex);
	uint8_t body[SA_BODY_MAX];
	struct writer w = writer_over(body, sizeof(body));

	uint16_t v1_id = ph1->auth->v1_id(ph1->connection);
	ike_offers_put(&w, offer, &v1_id, 1, ph1->connection->lifetime);
	if (w.failed)
		return ex_fault(ex, "the offer does not fit an SA payload", FAULT_FULL);
	ph1->sa_body = arena_keep(&ex->arena, writer_bytes(&w));
	if (!ph1->sa_body.at)
		return ex_fault(ex, "keeping the offer failed", FAULT_MEMORY);
	message_put(out, PAY_SA, ph1->sa_body);
	return STEP_OK;
}

enum verdict v1_put_offer(struct exchange *ex, struct message_out *out)
{
	return put_offer(ex, out, &v1_phase1(ex)->connection->proposals);
}

/* Of the SA that is renewed, as far as it is still in the configuration; else of the first proposal. */
static const struct dh_group *group_to_offer(const struct exchange *ex)
{
	const struct ike_transforms *all = &v1_phase1(ex)->connection->proposals;

	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].group_alg == ex->sa->offer_group)
			return ex->sa->offer_group;
	return all->at[0].group_alg;
}

enum verdict v1_put_named_offer(struct exchange *ex, struct message_out *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct ike_transforms *all = &ph1->connection->proposals;
	struct ike_transform some[OFFER_MAX];
	struct ike_transforms offer = { some, 0 };

	ph1->transform.group_alg = group_to_offer(ex);
	for (size_t i = 0; i < all->count && offer.count < OFFER_MAX; i++)
		if (all->at[i].group_alg == ph1->transform.group_alg)
			some[offer.count++] = all->at[i];
	return put_offer(ex, out, &offer);
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
	const struct auth_method *auth = v1_find_auth(choice->ex, c);

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

void v1_take_choice(struct exchange *ex, const struct connection_settings *c, const struct auth_method *auth, const struct ike_offers *offers,
		    size_t index)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct ike_offer *offer = &offers->at[index];
	char text[PROPOSAL_TEXT_MAX];

	ph1->connection = c;
	set_auth(ex, auth);
	ph1->transform = offer->transform;
	ph1->proposal_number = offer->proposal_number;
	ph1->transform_number = offer->transform_number;
	ph1->lifetime = v1_shorter_lifetime(c->lifetime, offer->lifetime);
	ph1->tell_lifetime = offer->lifetime > ph1->lifetime;
	memcpy(ph1->cookie_r, ex->sa->cookie[RESPONDER], COOKIE_SIZE);
	log_debug(&ex->ctx, "connection %s, chose %s, offer %zu of %zu", c->name, ike_transform_text(text, &ph1->transform), index + 1,
		  offers->count);
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
	v1_take_choice(ex, ph1->connection, choice.auth, &offers, (size_t)choice.index);
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
	const struct dh_group *group = ph1->transform.group_alg;
	if (group && answer.at[0].transform.group_alg != group)
		return ex_drop(ex, "bad-choice", "the peer chose group %s, our KE is of %s", answer.at[0].transform.group_alg->name, group->name);
	ph1->transform = answer.at[0].transform;
	ph1->lifetime = v1_shorter_lifetime(c->lifetime, answer.at[0].lifetime);
	memcpy(ph1->cookie_r, in->header.cookie[RESPONDER], COOKIE_SIZE);
	return STEP_OK;
}
