/* SPDX-License-Identifier: MIT */
/*
 * auth_signature.c - authentication with signatures (RFC 2409 5.1, RFC 4754). Which of the methods is used follows from the kind of our own
 * key, and the peer's is of the same: the method's number says it of both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plugin.h"
#include "revocation.h"
#include "shard.h"
#include "v1.h"

static const struct key_facts *facts_of(const struct exchange *ex)
{
	return key_facts(v1_phase1(ex)->connection->key->kind);
}

static uint16_t signature_v1_id(const struct connection_settings *c)
{
	return c->key ? key_facts(c->key->kind)->v1_id : 0;
}

static bool signature_fits(const struct exchange *ex, const struct connection_settings *c, const struct identity *remote_id)
{
	(void)remote_id;
	return signature_v1_id(c) == signature_v1_id(v1_phase1(ex)->connection);
}

/* RFC 2409 5.1: a signature tied to a hash, as ECDSA's are, is over the HMAC of that one. */
static const struct mac_alg *signature_prf(const struct exchange *ex)
{
	const char *name = facts_of(ex)->prf;

	return name ? crypto_mac(ex->sa->shard->engine->crypto, name) : NULL;
}

/* RFC 2409 5: SKEYID = prf(Ni_b | Nr_b, g^xy). */
static enum verdict signature_skeyid(struct exchange *ex, struct bytes ni, struct bytes nr, struct bytes dh_shared, struct secret *out)
{
	const struct mac_alg *prf = v1_phase1(ex)->transform.prf_alg;
	uint8_t nonces[2 * NONCE_MAX];
	struct writer key = writer_over(nonces, sizeof(nonces));

	put_bytes(&key, ni);
	put_bytes(&key, nr);
	int fault = key.failed ? FAULT_FULL : secret_new(out, prf->size);
	if (fault == 0)
		fault = prf->run(writer_bytes(&key), &dh_shared, 1, out->at);
	return fault < 0 ? ex_fault(ex, "computing SKEYID failed", fault) : STEP_OK;
}

/* ---- ours ---- */

/* What a helper thread does for a key that may block. */
struct signing {
	struct ex_errand errand;
	struct private_key *key;
	uint8_t octets[HASH_SIZE_MAX], made[SIGNATURE_MAX];
	size_t count, len;
	int fault;
	char why[WHY_MAX];
};

static void signing_work(struct ex_errand *errand)
{
	struct signing *signing = CONTAINER(errand, struct signing, errand);

	signing->fault = signing->key->sign(signing->key, bytes_of(signing->octets, signing->count), signing->made, &signing->len, signing->why);
}

static void signing_free(struct ex_errand *errand)
{
	struct signing *signing = CONTAINER(errand, struct signing, errand);

	private_key_unref(signing->key);
	free(signing);
}

static enum verdict signing_start(struct exchange *ex, struct private_key *key, struct bytes octets)
{
	struct signing *signing = octets.len <= HASH_SIZE_MAX ? calloc(1, sizeof(*signing)) : NULL;

	if (!signing)
		return ex_fault(ex, "no room for a signature", FAULT_MEMORY);
	signing->errand.work = signing_work;
	signing->errand.free = signing_free;
	signing->key = private_key_ref(key);
	memcpy(signing->octets, octets.at, octets.len);
	signing->count = octets.len;
	signing->len = sizeof(signing->made);
	/* What stays if nobody does the work. */
	signing->fault = FAULT_SYSTEM;
	snprintf(signing->why, sizeof(signing->why), "nobody could be asked to sign: the daemon is ending, or out of threads");
	log_debug(&ex->ctx, "waiting for the key to sign");
	return ex_ask(ex, &signing->errand);
}

/* Of these octets, with this key: the step that asked for it runs again from its beginning. NULL: it was not asked for. */
static struct signing *signing_find(const struct exchange *ex, const struct private_key *key, struct bytes octets)
{
	struct ex_errand *errand = NULL;

	while ((errand = ex_errand_next(ex, signing_work, errand))) {
		struct signing *signing = CONTAINER(errand, struct signing, errand);
		if (signing->key == key && bytes_equal(bytes_of(signing->octets, signing->count), octets))
			return signing;
	}
	return NULL;
}

static enum verdict cannot_sign(struct exchange *ex, const char *why)
{
	/* Whatever message we were about to answer: that is our own failure. */
	ex->is_doubtful = false;
	return ex_abort(ex, NOTIFY_AUTHENTICATION_FAILED, "cannot-sign", "connection %s: %s", v1_phase1(ex)->connection->name, why);
}

static enum verdict prove_slowly(struct exchange *ex, struct private_key *key, struct bytes octets, struct writer *proof)
{
	const struct signing *signing = signing_find(ex, key, octets);

	if (!signing)
		return signing_start(ex, key, octets);
	if (!signing->errand.is_done)
		return STEP_WAIT;
	if (signing->fault)
		return cannot_sign(ex, signing->why);
	put_bytes(proof, bytes_of(signing->made, signing->len));
	return STEP_OK;
}

static enum verdict signature_prove(struct exchange *ex, struct bytes octets, struct writer *proof)
{
	struct private_key *key = v1_phase1(ex)->connection->key;
	uint8_t made[SIGNATURE_MAX];
	size_t len = sizeof(made);
	char why[WHY_MAX];

	if (key->may_block)
		return prove_slowly(ex, key, octets, proof);
	if (key->sign(key, octets, made, &len, why))
		return cannot_sign(ex, why);
	put_bytes(proof, bytes_of(made, len));
	return STEP_OK;
}

/* ---- the peer's ---- */

static enum verdict refused(struct auth_failure *failure, const char *code)
{
	snprintf(failure->code, sizeof(failure->code), "%s", code);
	return STEP_DROP;
}

/* The value of an attribute of <remote>, as written. */
static const char *remote_word(const struct connection_settings *c, const char *attribute)
{
	for (size_t i = 0; i < c->node->child_count; i++)
		if (strcmp(c->node->children[i]->name, "remote") == 0)
			return config_get(c->node->children[i], attribute);
	return NULL;
}

static enum verdict check_pinned(struct exchange *ex, const struct connection_settings *c, struct bytes octets, struct bytes proof,
				 struct auth_failure *failure)
{
	const struct key_facts *facts = facts_of(ex);
	const struct signature_alg *alg = crypto_signature(ex->sa->shard->engine->crypto, facts->alg);
	char text[KEY_TEXT_MAX];

	if (alg && alg->verify(c->remote_key.spki, octets, proof) == 0)
		return STEP_OK;
	const char *name = remote_word(c, "public-key");
	snprintf(failure->why, sizeof(failure->why),
		 "the signature of message %zu (%zu octets) is not by the private key of %s (%s), which connection %s expects of its peer: compare "
		 "that file with the peer's key", ex->row + 1, proof.len, name ? name : "the peer's public key",
		 key_text(text, c->remote_key.kind, c->remote_key.bits), c->name);
	return refused(failure, "bad-signature");
}

/* ---- the peer's, by a certificate ---- */

static struct certified certified_by(const struct certificate *certificate)
{
	return (struct certified){ .subject = certificate->subject, .names = certificate->names, .name_count = certificate->name_count };
}

static enum verdict no_certificate(const struct exchange *ex, const struct connection_settings *c, const char *unreadable,
				   struct auth_failure *failure)
{
	size_t count = v1_phase1(ex)->cert_count;

	if (!services_find(ex->sa->shard->engine->services, SERVICE_CERT, "x509"))
		snprintf(failure->why, sizeof(failure->why), "no plugin reads certificates: install cert-chain.so, or name the peer's public-key in "
			 "connection %s", c->name);
	else if (count)
		snprintf(failure->why, sizeof(failure->why), "none of the %zu certificates of the peer can be used: %s", count,
			 unreadable[0] ? unreadable : "they are of unknown kinds");
	else
		snprintf(failure->why, sizeof(failure->why), "the peer sent no certificate: have it send one (send-cert, certificate requests), or name it "
			 "with cert= in <remote> of connection %s", c->name);
	return refused(failure, "no-certificate");
}

static enum verdict check_leaf(struct exchange *ex, const struct connection_settings *c, const struct certificate *leaf, struct bytes octets,
			       struct bytes proof, struct auth_failure *failure)
{
	const struct key_facts *facts = facts_of(ex);
	const struct signature_alg *alg = crypto_signature(ex->sa->shard->engine->crypto, facts->alg);
	char text[KEY_TEXT_MAX];

	if (c->remote_cert && !certificate_same(leaf, c->remote_cert)) {
		snprintf(failure->why, sizeof(failure->why), "the peer has the certificate %s (serial %s), and not %s (serial %s) that connection %s names "
			 "with cert=: replace that file if the peer has a new one", leaf->subject_text, leaf->serial_text, c->remote_cert->subject_text,
			 c->remote_cert->serial_text, c->name);
		return refused(failure, "cert-not-pinned");
	}
	if (leaf->kind != c->key->kind) {
		snprintf(failure->why, sizeof(failure->why), "the key of the peer's certificate %s (serial %s) is %s, but the method agreed on is %s: the peer "
			 "needs a certificate for such a key", leaf->subject_text, leaf->serial_text, key_text(text, leaf->kind, leaf->bits), facts->text);
		return refused(failure, "cert-key-kind");
	}
	if (leaf->kind == KEY_RSA && (leaf->bits < RSA_BITS_MIN || leaf->bits > RSA_BITS_MAX)) {
		snprintf(failure->why, sizeof(failure->why), "certificate %s (serial %s) has an RSA key of %u bits, and %d to %d are taken: the peer needs a "
			 "certificate for such a key", leaf->subject_text, leaf->serial_text, leaf->bits, RSA_BITS_MIN, RSA_BITS_MAX);
		return refused(failure, leaf->bits < RSA_BITS_MIN ? "cert-weak-key" : "cert-key-kind");
	}
	if (alg && alg->verify(leaf->spki, octets, proof) == 0)
		return STEP_OK;
	snprintf(failure->why, sizeof(failure->why), "the signature of message %zu (%zu octets) is not by the private key of the peer's certificate %s "
		 "(serial %s, %s): the peer signs with another key than that of its certificate", ex->row + 1, proof.len, leaf->subject_text,
		 leaf->serial_text, key_text(text, leaf->kind, leaf->bits));
	return refused(failure, "bad-signature");
}

/* All that vouch for a peer of the connection: FAULT_MEMORY. */
static int anchors_of(const struct connection_settings *c, struct cert_list *out)
{
	int fault = c->remote_cert ? cert_list_add(out, certificate_ref(c->remote_cert), SIZE_MAX) : 0;

	/* A certificate that is named stands for itself. */
	for (size_t i = 0; i < c->ca_count && !c->remote_cert; i++)
		for (size_t k = 0; k < c->cas[i]->certs.count && !fault; k++)
			fault = cert_list_add(out, certificate_ref(c->cas[i]->certs.at[k]), SIZE_MAX);
	return fault;
}

static enum verdict check_chain(struct exchange *ex, const struct connection_settings *c, const struct cert_list *given, struct cert_chain *chain,
				struct auth_failure *failure)
{
	const struct provider *provider = services_find(ex->sa->shard->engine->services, SERVICE_CERT, "x509");
	struct cert_list anchors = { NULL, 0 };
	struct cert_failure of_chain;

	int fault = anchors_of(c, &anchors);
	struct cert_query query = {
		.given = given->at, .given_count = given->count, .anchors = anchors.at, .anchor_count = anchors.count,
		.intermediates = c->certs.at, .intermediate_count = c->certs.count, .now = time(NULL),
	};
	if (!fault && provider)
		fault = ((const struct cert_store *)provider->ops)->verify(provider->state, &query, chain, &of_chain);
	cert_list_free(&anchors);
	if (fault == 0 && provider)
		return STEP_OK;
	if (fault == FAULT_MEMORY || !provider)
		return ex_fault(ex, "validating the peer's certificate failed", FAULT_MEMORY);
	snprintf(failure->why, sizeof(failure->why), "%s", of_chain.why);
	return refused(failure, of_chain.code);
}

static enum verdict check_name(struct exchange *ex, const struct certificate *leaf, struct auth_failure *failure)
{
	const struct identity *id = &v1_phase1(ex)->peer_id;
	struct certified by = certified_by(leaf);
	char theirs[IDENTITY_TEXT_MAX], names[CERTIFIED_TEXT_MAX];

	if (certified_has(&by, id, 0))
		return STEP_OK;
	snprintf(failure->why, sizeof(failure->why), "the peer says it is %s, but its certificate (serial %s) is for %s: correct the peer's ID, or give it a "
		 "certificate with that name", identity_text(theirs, id), leaf->serial_text, certified_text(names, &by));
	return refused(failure, "id-not-in-cert");
}

/* The proof first: for who has not even the key of its certificate nothing further is done. */
static enum verdict check_given(struct exchange *ex, const struct connection_settings *c, const struct cert_list *given, struct bytes octets,
				struct bytes proof, struct auth_failure *failure)
{
	struct cert_chain chain = { .count = 0 };

	TRY(check_leaf(ex, c, given->at[0], octets, proof, failure));
	TRY(check_chain(ex, c, given, &chain, failure));
	enum verdict verdict = check_name(ex, given->at[0], failure);
	/* Last, as others may have to be asked: nobody else has them asked. */
	if (verdict == STEP_OK)
		verdict = revocation_step(ex, c, &chain, given, failure);
	if (verdict == STEP_OK)
		return v1_keep_chain(ex, &chain);
	cert_chain_free(&chain);
	return verdict;
}

static enum verdict check_certified(struct exchange *ex, const struct connection_settings *c, struct bytes octets, struct bytes proof,
				    struct auth_failure *failure)
{
	struct cert_list given = { NULL, 0 };
	char why[WHY_MAX];

	int fault = v1_read_certs(ex, &given, why);
	/* One that sends none has the one that is named. */
	if (!fault && !given.count && c->remote_cert)
		fault = cert_list_add(&given, certificate_ref(c->remote_cert), 1);
	enum verdict verdict = fault ? ex_fault(ex, "no room for certificates", FAULT_MEMORY) :
			       given.count ? check_given(ex, c, &given, octets, proof, failure) : no_certificate(ex, c, why, failure);
	cert_list_free(&given);
	return verdict;
}

static enum verdict signature_check(struct exchange *ex, const struct connection_settings *c, struct bytes octets, struct bytes proof,
				    struct auth_failure *failure)
{
	return c->remote_key.spki.at ? check_pinned(ex, c, octets, proof, failure) : check_certified(ex, c, octets, proof, failure);
}

static const struct auth_method signature_method = {
	.name = "signature",
	.carrier = PAY_SIG,
	.is_keyed = false,
	.v1_id = signature_v1_id,
	.proof_prf = signature_prf,
	.skeyid = signature_skeyid,
	.prove = signature_prove,
	.check = signature_check,
	.fits = signature_fits,
};

static const struct service provides[] = {
	{ SERVICE_AUTH, "signature", &signature_method },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "auth-signature",
	.summary = "signatures by RSA and ECDSA keys (RFC 2409 5.1, RFC 4754)",
	.provides = provides,
	.needs = needs,
};
