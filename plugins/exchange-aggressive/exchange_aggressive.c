/* SPDX-License-Identifier: MIT */
/*
 * exchange_aggressive.c - Aggressive Mode (RFC 2409 5): phase 1 in three messages, without hiding who takes part. The table of the messages
 * is near the end; above it stand the functions that build and process them. What is in payloads is v1.h's.
 */
#include "plugin.h"
#include "v1.h"

/* Message 1: HDR, SA, KE, Ni, IDii [, CR ]. All transforms have the group of the KE; RFC 4945 3.2.5: certificates are asked for at once. */

static enum verdict offer(struct exchange *ex, struct message_out *out)
{
	TRY(v1_put_named_offer(ex, out));
	TRY(v1_put_ke_nonce(ex, out));
	TRY(v1_put_id(ex, out));
	TRY(v1_put_requests(ex, out));
	return v1_put_vendor_ids(ex, out);
}

static enum verdict choose(struct exchange *ex, const struct message *in)
{
	TRY(v1_keep_id(ex, in));
	TRY(v1_choose_named(ex, in));
	TRY(v1_keep_ke_nonce(ex, in));
	TRY(v1_take_requests(ex, in));
	return v1_take_vendor_ids(ex, in);
}

/* Message 2: HDR, SA, KE, Nr, IDir, HASH_R or HDR, SA, KE, Nr, IDir, [ CERT, ] [ CR, ] SIG_R; NAT-D before the proof (RFC 3947 3.2). */

static enum verdict answer(struct exchange *ex, struct message_out *out)
{
	TRY(v1_put_choice(ex, out));
	TRY(v1_put_ke_nonce(ex, out));
	TRY(v1_put_id(ex, out));
	TRY(v1_derive_keys(ex));
	TRY(v1_put_certs(ex, out));
	TRY(v1_put_requests(ex, out));
	TRY(v1_put_vendor_ids(ex, out));
	TRY(v1_put_natd(ex, out));
	return v1_put_proof(ex, out);
}

static enum verdict accept_answer(struct exchange *ex, const struct message *in)
{
	TRY(v1_accept(ex, in));
	TRY(v1_keep_id(ex, in));
	v1_phase1(ex)->is_named = true;
	TRY(v1_keep_ke_nonce(ex, in));
	TRY(v1_take_requests(ex, in));
	TRY(v1_take_certs(ex, in));
	TRY(v1_take_vendor_ids(ex, in));
	TRY(v1_derive_keys(ex));
	TRY(v1_check_proof(ex, in));
	TRY(v1_take_natd(ex, in));
	/* RFC 3947 4: message 3 already goes between the NAT ports, and its NAT-D are of these. */
	v1_float(ex, ex->row);
	return STEP_OK;
}

/*
 * Message 3: HDR, HASH_I or HDR, [ CERT, ] SIG_I, in the clear or encrypted (RFC 2409 5); ours is encrypted. No notify of RFC 2407 4.6.3 stands
 * in it, which forbids that; the generation is between two keyferryd, and encrypted.
 */

static enum verdict send_proof(struct exchange *ex, struct message_out *out)
{
	v1_phase1(ex)->tell_contact = v1_is_first_contact(ex);
	TRY(v1_put_certs(ex, out));
	TRY(v1_put_natd(ex, out));
	TRY(v1_put_generation(ex, out));
	return v1_put_proof(ex, out);
}

static enum verdict check_proof(struct exchange *ex, const struct message *in)
{
	TRY(v1_take_certs(ex, in));
	TRY(v1_check_proof(ex, in));
	return v1_take_natd_late(ex, in);
}

#define HELLO  (P(VID) | P(CR))
#define ANSWER (P(VID) | P(CR) | P(CERT) | P(NATD))
#define PROOF  (P(VID) | P(CR) | P(CERT) | P(NATD) | P(NOTIFY))
#define MANY   (P(VID) | P(CR) | P(CERT) | P(NATD) | P(NOTIFY))

#define SILENT "check that the peer runs, has a connection for us in Aggressive Mode, and that the network carries UDP 500 both ways"

/* clang-format off */
static const struct step steps[] = {
	/* from                cover             required                                   optional           build             process */
	{ .from = INITIATOR, .cover = CLEAR,  .require = P(SA) | P(KE) | P(NONCE) | P(ID), .allow = HELLO, .many = MANY,
	  .build = offer,      .process = choose, .silence = SILENT },           /* 1 HDR, SA, KE, Ni, IDii         */
	{ .from = RESPONDER, .cover = CLEAR,  .require = P(SA) | P(KE) | P(NONCE) | P(ID) | P(AUTH), .allow = ANSWER, .many = MANY,
	  .build = answer,     .process = accept_answer },                       /* 2 HDR, SA, KE, Nr, IDir, HASH_R */
	{ .from = INITIATOR, .cover = EITHER, .require = P(AUTH),               .allow = PROOF, .many = MANY,
	  .build = send_proof, .process = check_proof },                         /* 3 HDR, HASH_I                   */
};
/* clang-format on */

static const struct exchange_mode aggressive_mode = {
	.name = "Aggressive Mode",
	.word = "aggressive",
	.major = 1,
	.type = EXCHANGE_AGGRESSIVE,
	.creates_sa = true,
	.steps = steps,
	.step_count = COUNT(steps),
	.scratch = sizeof(struct phase1),
	.shared = sizeof(struct phase1_own),
	.protection = &v1_protection,
	.may_start = v1_is_fresh,
	.begin = v1_begin_phase1,
	.unreadable = v1_unreadable,
	.given_up = v1_given_up,
	.done = v1_authenticated,
};

static const struct service provides[] = {
	{ SERVICE_EXCHANGE, "1/4", &aggressive_mode },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_AUTH, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "exchange-aggressive",
	.summary = "Aggressive Mode: phase 1 in three messages that shows identities (RFC 2409 5)",
	.provides = provides,
	.needs = needs,
};
