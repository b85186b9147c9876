/* SPDX-License-Identifier: MIT */
/*
 * exchange_main.c - Main Mode, "Identity Protection" (RFC 2409 5). Reads top down: the six messages are the table near the end;
 * above it stand the functions that build and process them. Order, encryption, unexpected payloads, retransmission
 * and duplicates are the engine's business (exchange.h), the contents of payloads are v1.h's.
 */
#include "plugin.h"
#include "v1.h"

/* Messages 1 and 2: HDR, SA. Negotiates how everything that follows is protected. */

static enum verdict offer_sa(struct exchange *ex, struct message_out *out)
{
	TRY(v1_put_offer(ex, out));
	return v1_put_vendor_ids(ex, out);
}

static enum verdict choose_sa(struct exchange *ex, const struct message *in)
{
	TRY(v1_choose(ex, in));
	TRY(v1_take_requests(ex, in));
	return v1_take_vendor_ids(ex, in);
}

static enum verdict answer_sa(struct exchange *ex, struct message_out *out)
{
	TRY(v1_put_choice(ex, out));
	return v1_put_vendor_ids(ex, out);
}

static enum verdict accept_sa(struct exchange *ex, const struct message *in)
{
	TRY(v1_accept(ex, in));
	TRY(v1_take_requests(ex, in));
	return v1_take_vendor_ids(ex, in);
}

/* Messages 3 and 4: HDR, KE, N [, NAT-D] [, CR]. Both sides send the same but for CR; the keys follow from the second. */

static enum verdict send_ke(struct exchange *ex, struct message_out *out)
{
	TRY(v1_put_ke_nonce(ex, out));
	TRY(v1_put_natd(ex, out));
	/* RFC 4945 3.2.5: the responder asks for certificates now, the initiator in message 5. */
	if (ex_role(ex) == RESPONDER)
		TRY(v1_put_requests(ex, out));
	return ex_role(ex) == RESPONDER ? v1_derive_keys(ex) : STEP_OK;
}

static enum verdict take_ke(struct exchange *ex, const struct message *in)
{
	TRY(v1_keep_ke_nonce(ex, in));
	TRY(v1_take_requests(ex, in));
	TRY(v1_take_vendor_ids(ex, in));
	TRY(v1_take_natd(ex, in));
	return ex_role(ex) == INITIATOR ? v1_derive_keys(ex) : STEP_OK;
}

/* Messages 5 and 6: HDR*, ID, HASH or HDR*, ID, [ CERT, ] [ CR, ] SIG. Proves who took part. */

static enum verdict send_proof(struct exchange *ex, struct message_out *out)
{
	TRY(v1_put_id(ex, out));
	TRY(v1_put_certs(ex, out));
	if (ex_role(ex) == INITIATOR)
		TRY(v1_put_requests(ex, out));
	TRY(v1_put_initial_contact(ex, out));
	TRY(v1_put_generation(ex, out));
	TRY(v1_put_lifetime(ex, out));
	return v1_put_proof(ex, out);
}

static enum verdict check_proof(struct exchange *ex, const struct message *in)
{
	TRY(v1_keep_id(ex, in));
	TRY(v1_take_requests(ex, in));
	TRY(v1_take_certs(ex, in));
	return v1_check_proof(ex, in);
}

#define HELLO (P(VID) | P(CR))
#define KEYED (P(VID) | P(NATD) | P(CR))
#define PROOF (P(CERT) | P(CR) | P(NOTIFY) | P(VID))
#define MANY  (P(VID) | P(NATD) | P(CR) | P(CERT) | P(NOTIFY))

#define SILENT_OFFER "check that the peer runs, has a connection for us, and that the network carries UDP 500 both ways"
#define SILENT_PROOF "the peer could not read it or refused it: usually the PSKs differ, or it expects another ID; its log knows"
#define SILENT_SIGNATURE "the peer refused it: usually it does not trust our key or certificate, or it expects another ID; its log knows"

/* clang-format off */
static const struct step steps[] = {
	/* from                cover                required                     optional          build                process */
	{ .from = INITIATOR, .cover = CLEAR,     .require = P(SA),            .allow = HELLO, .many = MANY,
	  .build = offer_sa,   .process = choose_sa, .silence = SILENT_OFFER },                    /* 1 HDR, SA            */
	{ .from = RESPONDER, .cover = CLEAR,     .require = P(SA),            .allow = HELLO, .many = MANY,
	  .build = answer_sa,  .process = accept_sa },                                             /* 2 HDR, SA            */
	{ .from = INITIATOR, .cover = CLEAR,     .require = P(KE) | P(NONCE), .allow = KEYED, .many = MANY,
	  .build = send_ke,    .process = take_ke },                                               /* 3 HDR, KE, Ni        */
	{ .from = RESPONDER, .cover = CLEAR,     .require = P(KE) | P(NONCE), .allow = KEYED, .many = MANY,
	  .build = send_ke,    .process = take_ke },                                               /* 4 HDR, KE, Nr        */
	{ .from = INITIATOR, .cover = ENCRYPTED, .require = P(ID) | P(AUTH),  .allow = PROOF, .many = MANY,
	  .build = send_proof, .process = check_proof, .silence = SILENT_PROOF,                    /* 5 HDR*, IDii, HASH_I */
	  .silence_signed = SILENT_SIGNATURE },
	{ .from = RESPONDER, .cover = ENCRYPTED, .require = P(ID) | P(AUTH),  .allow = PROOF, .many = MANY,
	  .build = send_proof, .process = check_proof },                                           /* 6 HDR*, IDir, HASH_R */
};
/* clang-format on */

static const struct exchange_mode main_mode = {
	.name = "Main Mode",
	.word = "main",
	.major = 1,
	.type = EXCHANGE_MAIN,
	.creates_sa = true,
	.steps = steps,
	.step_count = COUNT(steps),
	.scratch = sizeof(struct phase1),
	.shared = sizeof(struct phase1_own),
	.protection = &v1_protection,
	.may_start = v1_is_fresh,
	.begin = v1_begin_phase1,
	.row_done = v1_float,
	.unreadable = v1_unreadable,
	.done = v1_authenticated,
};

static const struct service provides[] = {
	{ SERVICE_EXCHANGE, "1/2", &main_mode },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_AUTH, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "exchange-main",
	.summary = "Main Mode: phase 1 that hides identities (RFC 2409 5)",
	.provides = provides,
	.needs = needs,
};
