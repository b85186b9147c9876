/* SPDX-License-Identifier: MIT */
/*
 * phase1_named.c - phase 1 where the peer says who it is before there are keys, Aggressive Mode (RFC 2409 5.4): its ID chooses the connection
 * and the key. Whoever is unknown is treated as one of those that we know, but for the key, so that our answers do not tell names apart.
 */
#include <stdio.h>

#include "map.h"
#include "shard.h"
#include "v1.h"

/* ---- the responder chooses ---- */

/* What is looked at per connection whose addresses fit, known or not: all of them, so that the time does not depend on where a name stands. */
struct call {
	struct exchange *ex;
	struct ike_offers *offers;
	size_t ke_len;
	uint64_t name;                              /* keyed hash of the ID                               */
	const struct connection_settings *known;    /* the first that the ID fits, or its first with a proposal that fits */
	const struct connection_settings *decoy;    /* drawn for an ID that fits none                     */
	uint64_t drawn;
	int index;                                  /* of the offer that fits; -1: none                   */
	char why[WHY_MAX];
};

/*
 * What is hashed under the key of our cookies is longer than these are, so that none of its values is ever seen. A name is hashed
 * once, however many connections there are.
 */
static uint64_t decoy_hash(const struct exchange *ex, uint8_t purpose, struct bytes data)
{
	uint8_t in[64 + ID_BODY_MAX] = "keyferry: the peer of Aggressive Mode whom nobody knows";
	struct writer w = writer_over(in + 63, sizeof(in) - 63);

	put_u8(&w, purpose);
	put_bytes(&w, data);
	return siphash(ex->sa->shard->engine->cookie_key, bytes_of(in, 63 + w.used));
}

static uint64_t draw(const struct call *call, const struct connection_settings *c)
{
	uint8_t in[16];
	struct writer w = writer_over(in, sizeof(in));

	put_u64(&w, call->name);
	put_u64(&w, c->index);
	return siphash(call->ex->sa->shard->engine->cookie_key, writer_bytes(&w));
}

/* The KE is here already: a transform of another group cannot be meant (RFC 2409 5). */
static int choose_offer(struct call *call, const struct connection_settings *c)
{
	const struct auth_method *auth = v1_find_auth(call->ex, c);
	uint16_t v1_id = auth->v1_id(c);
	int index;

	while ((index = ike_choose(call->offers, &c->proposals, &v1_id, 1, call->why[0] ? NULL : call->why)) >= 0) {
		struct ike_offer *offer = &call->offers->at[index];
		if (offer->transform.group_alg->public_len == call->ke_len)
			break;
		offer->fault = "its group is not that of the KE payload";
	}
	return index;
}

static bool hear(const struct connection_settings *c, void *arg)
{
	struct call *call = arg;
	const struct phase1 *ph1 = v1_phase1(call->ex);

	if (strcmp(c->mode, call->ex->mode->word) != 0 || !v1_find_auth(call->ex, c))
		return false;
	uint64_t drawn = draw(call, c);
	if (!call->decoy || drawn > call->drawn) {
		call->decoy = c;
		call->drawn = drawn;
	}
	/* Also after one that fits. */
	bool is_meant = identity_fits(&c->remote_id, c->remote_match, &ph1->peer_id);
	if (call->index >= 0 || !is_meant)
		return false;
	call->index = choose_offer(call, c);
	if (!call->known || call->index >= 0)
		call->known = c;
	return false;
}

static enum verdict refuse(struct exchange *ex, const struct call *call, const struct connection_settings *c)
{
	char local[ADDRESS_TEXT_MAX], remote[ADDRESS_TEXT_MAX], id[IDENTITY_TEXT_MAX];

	identity_text(id, &v1_phase1(ex)->peer_id);
	if (c)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "proposal-mismatch", "no phase 1 proposal fits connection %s, peer says it is %s: %s",
				c->name, id, call->why);
	/* Not a word to the peer: a gateway that does not speak Aggressive Mode does not say that it is one. */
	return ex_drop(ex, "unknown-peer", "no connection for %s with peer %s, which says it is %s, has mode=\"aggressive\": not answered",
		       address_host_text(local, &ex->sa->local), address_host_text(remote, &ex->sa->remote), id);
}

enum verdict v1_choose_named(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	struct ike_offers offers;
	struct call call = { .ex = ex, .offers = &offers, .ke_len = message_payload(in, PAY_KE).len, .index = -1 };

	ph1->sa_body = message_payload(in, PAY_SA);
	if (ike_offers_read(&offers, ph1->sa_body, call.why) < 0)
		return ex_drop(ex, "malformed", "the SA payload is malformed: %s", call.why);
	call.name = decoy_hash(ex, 0, ph1->id_body[INITIATOR]);
	(void)settings_match(ex->sa->settings, &ex->sa->local, &ex->sa->remote, hear, &call);
	const struct connection_settings *c = call.known ? call.known : call.decoy;
	if (!call.known && c)
		call.index = choose_offer(&call, c);
	if (call.index < 0)
		return refuse(ex, &call, c);
	ph1->is_named = true;
	ph1->is_decoy = !call.known;
	ph1->first_local = ex->sa->local;
	ph1->first_remote = ex->sa->remote;
	v1_take_choice(ex, c, v1_find_auth(ex, c), &offers, (size_t)call.index);
	return STEP_OK;
}

/* ---- a key that nobody has ---- */

void v1_decoy_key(const struct exchange *ex, uint8_t out[DECOY_KEY_SIZE])
{
	struct writer w = writer_over(out, DECOY_KEY_SIZE);

	for (uint8_t i = 1; i <= DECOY_KEY_SIZE / sizeof(uint64_t); i++)
		put_u64(&w, decoy_hash(ex, i, v1_phase1(ex)->id_body[INITIATOR]));
}

/* Said when the peer has been silent for long, not when it is answered: what is written to a log takes time. */
void v1_given_up(const struct exchange *ex, char *why, size_t size)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	char id[IDENTITY_TEXT_MAX];

	identity_text(id, &ph1->peer_id);
	if (ph1->is_decoy)
		snprintf(why, size, "it says it is %s, for which there is no connection with this mode and address, or no key: it got an answer that is "
			 "none; add <remote id=...> and <psk ids=...> if it is wanted", id);
	else
		snprintf(why, size, "it says it is %s and did not take our answer: usually %s, or it expects another ID of us; its log knows", id,
			 ph1->auth && ph1->auth->carrier == PAY_SIG ? "it does not trust our key or certificate" : "the PSKs differ");
}
