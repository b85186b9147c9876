/* SPDX-License-Identifier: MIT */
/*
 * exchange_quick.c - Quick Mode (RFC 2409 5.5): the IPsec SAs of one child, under an ISAKMP SA. The three messages are the table near
 * the end. Which child a peer means is selectors.c's, installing what was negotiated is install.c's.
 */
#include "quick.h"

#include <stdio.h>

#include "kin.h"
#include "shard.h"

enum { SA_BODY_MAX = 4096, ZERO_SIZE = 1 };

static const struct bytes nothing = { NULL, 0 };

static enum verdict keep(struct exchange *ex, struct bytes from, struct bytes *out)
{
	*out = arena_keep(&ex->arena, from);
	return out->at ? STEP_OK : ex_fault(ex, "no room for Quick Mode", FAULT_MEMORY);
}

static enum verdict begin(struct exchange *ex, const void *argument)
{
	struct quick *quick = quick_of(ex);

	quick->config = argument;
	if (ex->sa->shard->engine->kernel)
		return quick->config ? quick_check_ah(ex, quick->config) : STEP_OK;
	return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "no-kernel",
			"there is nothing to install IPsec SAs with: install kernel-tun.so (or kernel-xfrm.so)");
}

/* ---- what messages 1 and 2 have in common ---- */

static enum verdict make_spi_and_nonce(struct exchange *ex)
{
	struct quick *quick = quick_of(ex);
	uint8_t protocol = quick->config->is_ah ? PROTO_AH : PROTO_ESP;
	const struct provider *kernel = ex->sa->shard->engine->kernel;
	uint8_t nonce[NONCE_SIZE];

	int fault = ((const struct kernel_ipsec *)kernel->ops)
			    ->spi(kernel->state, protocol, &ex->sa->local, &ex->sa->remote, &quick->spi[ex->role]);
	if (fault == 0)
		fault = crypto_random(ex->sa->shard->engine->crypto, nonce, sizeof(nonce));
	if (fault < 0)
		return ex_fault(ex, "making an SPI or a nonce failed", fault);
	return keep(ex, bytes_of(nonce, sizeof(nonce)), &quick->nonce[ex->role]);
}

static enum verdict make_ke(struct exchange *ex, const struct dh_group *group)
{
	struct quick *quick = quick_of(ex);
	uint8_t public_value[DH_PUBLIC_MAX];
	AUTO_SECRET private_value = { NULL, 0 };

	int fault = group->generate(&private_value, public_value);
	if (fault < 0)
		return ex_fault(ex, "making a Diffie-Hellman value failed", fault);
	TRY(keep(ex, secret_bytes(&private_value), &quick->dh_private));
	return keep(ex, bytes_of(public_value, group->public_len), &quick->ke[ex->role]);
}

/* SA, N [, KE ], IDci, IDcr after the HASH; RFC 2409 5.5 has them in this order, and some gear insists. */
static void put_payloads(struct exchange *ex, struct message_out *out)
{
	const struct quick *quick = quick_of(ex);

	message_put(out, PAY_NONCE, quick->nonce[ex->role]);
	if (quick->ke[ex->role].len)
		message_put(out, PAY_KE, quick->ke[ex->role]);
	if (!quick->has_ids)
		return;
	for (int role = INITIATOR; role <= RESPONDER; role++) {
		selector_put(message_open(out, PAY_ID), &quick->ts[role]);
		message_close(out);
	}
}

static enum verdict take_nonce_and_ke(struct exchange *ex, const struct message *in)
{
	struct quick *quick = quick_of(ex);
	enum role peer = role_other(ex->role);
	const struct dh_group *group = quick->transform.group_alg;
	struct bytes nonce = message_payload(in, PAY_NONCE), ke = message_payload(in, PAY_KE);

	if (nonce.len < NONCE_MIN || nonce.len > NONCE_MAX)
		return ex_drop(ex, "malformed", "the nonce is %zu octets, not %d to %d", nonce.len, NONCE_MIN, NONCE_MAX);
	quick->nonce[peer] = nonce;
	if (!group && !ke.at)
		return STEP_OK;
	if (!group || !ke.at)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "pfs-mismatch", "KE is %s, but the proposal has %s", ke.at ? "there" : "missing",
				group ? group->name : "no PFS group");
	if (ke.len != group->public_len)
		return ex_abort(ex, NOTIFY_INVALID_KEY_INFORMATION, "bad-ke", "KE is %zu octets, %s needs %zu", ke.len, group->name,
				group->public_len);
	quick->ke[peer] = ke;
	return STEP_OK;
}

static enum verdict derive_one(struct exchange *ex, enum role receiver, struct bytes shared, struct bytes *out)
{
	const struct quick *quick = quick_of(ex);
	AUTO_SECRET keymat = { NULL, 0 };

	int fault = child_keymat(ex->sa, &quick->transform, quick->spi[receiver], shared, quick->nonce[INITIATOR], quick->nonce[RESPONDER],
				 &keymat);
	if (fault < 0)
		return ex_fault(ex, "deriving keys failed", fault);
	return keep(ex, secret_bytes(&keymat), out);
}

/* RFC 2409 5.5: each direction has its own keying material, by the receiver's SPI. */
static enum verdict derive(struct exchange *ex)
{
	struct quick *quick = quick_of(ex);
	enum role peer = role_other(ex->role);
	struct secret private_value = { (uint8_t *)quick->dh_private.at, quick->dh_private.len };
	AUTO_SECRET shared = { NULL, 0 };

	if (quick->transform.group_alg) {
		int fault = quick->transform.group_alg->shared(&private_value, quick->ke[peer], &shared);
		if (fault == FAULT_CRYPTO || fault == FAULT_INPUT)
			return ex_abort(ex, NOTIFY_INVALID_KEY_INFORMATION, "bad-ke", "KE is no acceptable public value of %s",
					quick->transform.group_alg->name);
		if (fault < 0)
			return ex_fault(ex, "Diffie-Hellman failed", fault);
	}
	TRY(derive_one(ex, ex->role, secret_bytes(&shared), &quick->keymat_in));
	return derive_one(ex, peer, secret_bytes(&shared), &quick->keymat_out);
}

/* ---- message 1: HDR*, HASH(1), SA, Ni [, KE ] [, IDci, IDcr ] ---- */

/* RFC 2409 5.5: one KE serves all proposals, so all that are offered have the group of the first. */
static enum verdict put_offer(struct exchange *ex, struct message_out *out)
{
	struct quick *quick = quick_of(ex);
	const struct esp_transforms *proposals = &quick->config->proposals;
	uint8_t body[SA_BODY_MAX];
	struct writer w = writer_over(body, sizeof(body));

	quick->cpi[INITIATOR] = quick_make_cpi(ex, quick->config);
	esp_offers_put(&w, proposals, quick->spi[INITIATOR], quick->cpi[INITIATOR], quick->mode, &quick->config->lifetime);
	if (w.failed)
		return ex_fault(ex, "the offer does not fit an SA payload", FAULT_FULL);
	message_put(out, PAY_SA, writer_bytes(&w));
	return proposals->at[0].group_alg ? make_ke(ex, proposals->at[0].group_alg) : STEP_OK;
}

/* See struct child_rival. */
static void put_generation(struct exchange *ex, struct message_out *out)
{
	struct quick *quick = quick_of(ex);
	uint8_t number[sizeof(uint32_t)];
	struct writer w = writer_over(number, sizeof(number));

	if (!ex->sa->peer_is_keyferry)
		return;
	quick->generation = child_next_generation(ex->sa, quick->config->name);
	put_u32(&w, quick->generation);
	v1_put_notice(out, &(struct v1_notice){ .payload = PAY_NOTIFY, .protocol = PROTO_ISAKMP, .type = NOTIFY_KEYFERRY_GENERATION,
						.spi_count = 1, .data = writer_bytes(&w) });
}

/* 0: the peer tells none. */
static uint32_t told_generation(const struct exchange *ex, const struct message *in)
{
	const struct payload_view *payload;
	struct v1_notice notice;
	uint32_t told = 0;
	size_t i = 0;

	while (ex->sa->peer_is_keyferry && (payload = message_next(in, PAY_NOTIFY, &i))) {
		if (v1_read_notice(&notice, payload) < 0 || notice.type != NOTIFY_KEYFERRY_GENERATION)
			continue;
		struct reader r = reader_over(notice.data);
		uint32_t number = read_u32(&r);
		if (reader_done(&r) && number <= KIN_GENERATION_MAX)
			told = number;
	}
	return told;
}

static enum verdict offer(struct exchange *ex, struct message_out *out)
{
	struct quick *quick = quick_of(ex);

	quick->mode = quick_mode(ex->sa, quick->config);
	quick->ts[INITIATOR] = quick_local(ex->sa, quick->config);
	quick->ts[RESPONDER] = quick_remote(ex->sa, quick->config);
	quick->has_ids = true;
	TRY(make_spi_and_nonce(ex));
	v1_open_hash(ex, out);
	TRY(put_offer(ex, out));
	put_payloads(ex, out);
	put_generation(ex, out);
	return v1_close_hash(ex, out, nothing, nothing);
}

static enum verdict choose(struct exchange *ex, const struct message *in)
{
	struct quick *quick = quick_of(ex);
	struct esp_offers offers;
	char why[WHY_MAX];

	TRY(v1_check_hash(ex, in, nothing, nothing));
	TRY(quick_take_ids(ex, in));
	quick->sa_body = message_payload(in, PAY_SA);
	if (esp_offers_read(&offers, quick->sa_body, why) < 0)
		return ex_abort(ex, NOTIFY_BAD_PROPOSAL_SYNTAX, "malformed", "the SA payload is malformed: %s", why);
	quick->generation = told_generation(ex, in);
	TRY(quick_choose(ex, &offers));
	if (ex->sa->peer_is_keyferry)
		quick->generation = child_settle_generation(ex->sa, quick->config->name, quick->generation);
	return take_nonce_and_ke(ex, in);
}

/* ---- message 2: HDR*, HASH(2), SA, Nr [, KE ] [, IDci, IDcr ] ---- */

/* The choice repeats the peer's lifetime; ours is shorter. */
static void put_lifetime(struct exchange *ex, struct message_out *out)
{
	const struct quick *quick = quick_of(ex);
	uint8_t spi[sizeof(uint32_t)], body[LIFETIME_BODY_MAX];
	struct writer s = writer_over(spi, sizeof(spi)), w = writer_over(body, sizeof(body));

	if (!quick->tell_lifetime)
		return;
	put_u32(&s, quick->spi[RESPONDER]);
	lifetime_put(&w, false, &quick->lifetime);
	struct v1_notice notice = {
		.payload = PAY_NOTIFY, .protocol = esp_transform_protocol(&quick->transform), .type = NOTIFY_RESPONDER_LIFETIME,
		.spi_len = sizeof(spi), .spi_count = 1, .spis = spi, .data = writer_bytes(&w),
	};
	v1_put_notice(out, &notice);
}

static int put_choice(struct quick *quick, struct writer *w)
{
	uint8_t protocol = esp_transform_protocol(&quick->transform);
	struct esp_offer chosen = {
		.proposal_number = quick->proposal_number, .transform_number = quick->transform_number, .protocol = protocol,
		.comp.transform_number = quick->comp_transform,
	};

	if (quick->cpi[RESPONDER])
		return comp_choice_put(w, quick->sa_body, &chosen, quick->spi[RESPONDER], quick->cpi[RESPONDER]);
	return sa_choice_put(w, quick->sa_body, quick->proposal_number, quick->transform_number, protocol, &quick->spi[RESPONDER]);
}

static enum verdict answer(struct exchange *ex, struct message_out *out)
{
	struct quick *quick = quick_of(ex);

	TRY(make_spi_and_nonce(ex));
	if (quick->transform.group_alg)
		TRY(make_ke(ex, quick->transform.group_alg));
	v1_open_hash(ex, out);
	int fault = put_choice(quick, message_open(out, PAY_SA));
	message_close(out);
	if (fault < 0)
		return ex_fault(ex, "answering the offer failed", fault);
	put_payloads(ex, out);
	put_lifetime(ex, out);
	TRY(derive(ex));
	return v1_close_hash(ex, out, nothing, quick->nonce[INITIATOR]);
}

static enum verdict accept_answer(struct exchange *ex, const struct message *in)
{
	struct quick *quick = quick_of(ex);
	struct esp_offers answer;
	char why[WHY_MAX];

	TRY(v1_check_hash(ex, in, nothing, quick->nonce[INITIATOR]));
	bool compress = quick->cpi[INITIATOR] != 0;
	if (esp_offers_read(&answer, message_payload(in, PAY_SA), why) < 0)
		return ex_abort(ex, NOTIFY_BAD_PROPOSAL_SYNTAX, "malformed", "the answer's SA payload is malformed: %s", why);
	if (!esp_answer_is_one(&answer, compress))
		return ex_abort(ex, NOTIFY_BAD_PROPOSAL_SYNTAX, "malformed", "the answer's SA payload is no single transform");
	TRY(quick_check_ids(ex, in));
	int chosen = esp_choose(&answer, &quick->config->proposals, quick->mode, compress, why);
	if (chosen < 0)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "bad-choice", "the peer chose what we did not offer: %s", why);
	if (answer.at[chosen].transform.group != quick->config->proposals.at[0].group)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "bad-choice", "the peer chose a PFS group that we did not offer");
	quick_take_choice(quick, &answer.at[chosen], INITIATOR);
	quick_take_lifetime(quick, in);
	quick->spi[RESPONDER] = answer.at[chosen].spi;
	TRY(take_nonce_and_ke(ex, in));
	return derive(ex);
}

/* ---- message 3: HDR*, HASH(3). Shows the responder that the initiator is alive ---- */

/* RFC 2409 5.5: HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b). */
static enum verdict both_nonces(struct exchange *ex, struct bytes *out)
{
	const struct quick *quick = quick_of(ex);
	uint8_t both[2 * NONCE_MAX];
	struct writer w = writer_over(both, sizeof(both));

	put_bytes(&w, quick->nonce[INITIATOR]);
	put_bytes(&w, quick->nonce[RESPONDER]);
	return keep(ex, writer_bytes(&w), out);
}

static enum verdict prove(struct exchange *ex, struct message_out *out)
{
	static const uint8_t zero[ZERO_SIZE];
	struct bytes nonces;

	TRY(both_nonces(ex, &nonces));
	v1_open_hash(ex, out);
	return v1_close_hash(ex, out, bytes_of(zero, ZERO_SIZE), nonces);
}

static enum verdict confirm(struct exchange *ex, const struct message *in)
{
	static const uint8_t zero[ZERO_SIZE];
	struct bytes nonces;

	TRY(both_nonces(ex, &nonces));
	return v1_check_hash(ex, in, bytes_of(zero, ZERO_SIZE), nonces);
}

#define OFFER (P(HASH) | P(SA) | P(NONCE))
#define EXTRA (P(KE) | P(ID) | P(NATOA) | P(NOTIFY) | P(VID))
#define MANY  (P(ID) | P(NATOA) | P(NOTIFY) | P(VID))
#define SILENT "the peer knows our phase 1, but not this child: compare local, remote and proposals of both ends; its log knows"

/* clang-format off */
static const struct step steps[] = {
	{ .from = INITIATOR, .cover = ENCRYPTED, .first = PAY_HASH, .require = OFFER,   .allow = EXTRA, .many = MANY,
	  .build = offer,  .process = choose, .silence = SILENT },      /* 1 HDR*, HASH(1), SA, Ni [, KE ] [, IDci, IDcr ] */
	{ .from = RESPONDER, .cover = ENCRYPTED, .first = PAY_HASH, .require = OFFER,   .allow = EXTRA, .many = MANY,
	  .build = answer, .process = accept_answer },                  /* 2 HDR*, HASH(2), SA, Nr [, KE ] [, IDci, IDcr ] */
	{ .from = INITIATOR, .cover = ENCRYPTED, .first = PAY_HASH, .require = P(HASH), .allow = P(NOTIFY), .many = P(NOTIFY),
	  .build = prove,  .process = confirm },                        /* 3 HDR*, HASH(3)                                 */
};
/* clang-format on */

static const struct exchange_mode quick_exchange = {
	.name = "Quick Mode",
	.major = 1,
	.type = EXCHANGE_QUICK,
	.steps = steps,
	.step_count = COUNT(steps),
	.scratch = sizeof(struct quick),
	.protection = &v1_protection,
	.may_start = v1_is_established,
	.begin = begin,
	.row_done = quick_row_done,
	.done = quick_done,
	.failed = quick_failed,
	.child = quick_child,
	.is_answered = quick_is_answered,
	.concerns = quick_concerns,
	.is_overtaken = quick_is_overtaken,
};

static const struct service provides[] = {
	{ SERVICE_EXCHANGE, "1/32", &quick_exchange },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "exchange-quick",
	.summary = "Quick Mode: IPsec SAs under an ISAKMP SA (RFC 2409 5.5)",
	.provides = provides,
	.needs = needs,
};
