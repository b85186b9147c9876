/* SPDX-License-Identifier: MIT */
/*
 * auth_psk.c - authentication with pre-shared keys (RFC 2409 5.4). Which key two ends share is settings_psk()'s: by identity, address,
 * range or %any. As responder of Main Mode the key is needed before the peer said who it is; then addresses decide. In Aggressive Mode a
 * peer that nobody knows is answered with a random key.
 */
#include <stdio.h>

#include "auth.h"
#include "plugin.h"
#include "shard.h"
#include "v1.h"

static const struct psk_settings *find_key(const struct exchange *ex, const struct connection_settings *c,
					   const struct identity *remote_id, char how[WHY_MAX])
{
	const struct ike_sa *sa = ex->sa;

	return settings_psk(sa->settings, &sa->local, c->local_id.type ? &c->local_id : NULL, &sa->remote,
			    remote_id && remote_id->type ? remote_id : NULL, how);
}

/*
 * Whose key it is. In Aggressive Mode the peer says who it is; but an initiator knows whom it wants, and for a peer that nobody knows the
 * look-up is that of one that is known, so that it takes as long.
 */
static const struct identity *key_owner(const struct exchange *ex)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	bool is_configured = ph1->connection->remote_id.type && (ex_role(ex) == INITIATOR || ph1->is_decoy);

	return ph1->is_named && !is_configured ? &ph1->peer_id : &ph1->connection->remote_id;
}

static enum verdict no_key(struct exchange *ex)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	char peer[ADDRESS_TEXT_MAX], id[IDENTITY_TEXT_MAX];

	/* Whoever forged the ID must not end the exchange. */
	if (ph1->is_named)
		return ex_drop(ex, "no-psk", "no <psk> names both ends of connection %s with %s", ph1->connection->name,
			       identity_text(id, &ph1->peer_id));
	return ex_abort(ex, 0, "no-psk", "no <psk> names both ends of connection %s with %s", ph1->connection->name,
			address_host_text(peer, &ex->sa->remote));
}

/* RFC 2409 5: SKEYID = prf(pre-shared-key, Ni_b | Nr_b). */
static enum verdict psk_skeyid(struct exchange *ex, struct bytes ni, struct bytes nr, struct bytes dh_shared, struct secret *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct mac_alg *prf = ph1->transform.prf_alg;
	const struct psk_settings *psk = find_key(ex, ph1->connection, key_owner(ex), NULL);
	struct bytes nonces[] = { ni, nr }, key;
	uint8_t decoy[DECOY_KEY_SIZE];

	(void)dh_shared;
	if (ph1->is_named && ex_role(ex) == RESPONDER) {
		/* Made for known peers too: the same work for all. */
		v1_decoy_key(ex, decoy);
		ph1->is_decoy |= !psk;
	} else if (!psk) {
		return no_key(ex);
	}
	key = ph1->is_decoy ? bytes_of(decoy, sizeof(decoy)) : secret_bytes(&psk->secret);
	int fault = secret_new(out, prf->size);
	if (fault == 0)
		fault = prf->run(key, nonces, COUNT(nonces), out->at);
	wipe(decoy, sizeof(decoy));
	return fault < 0 ? ex_fault(ex, "computing SKEYID failed", fault) : STEP_OK;
}

static enum verdict psk_prove(struct exchange *ex, struct bytes octets, struct writer *proof)
{
	(void)ex;
	put_bytes(proof, octets);
	return STEP_OK;
}

static void psk_explain(const struct exchange *ex, char *out, size_t size)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	char how[WHY_MAX] = "", id[IDENTITY_TEXT_MAX];

	find_key(ex, ph1->connection, key_owner(ex), how);
	if (ph1->is_decoy)
		snprintf(out, size, "the peer says it is %s, for which there is no connection or no key", identity_text(id, &ph1->peer_id));
	else if (ph1->is_named && ex_role(ex) == INITIATOR)
		snprintf(out, size, "the PSKs differ, or the peer does not know us by our ID or chose another key; ours is %s", how);
	else
		snprintf(out, size, "the PSKs differ, or the peer chose another one; ours is %s", how);
}

static enum verdict psk_check(struct exchange *ex, const struct connection_settings *c, struct bytes octets, struct bytes proof,
			      struct auth_failure *failure)
{
	char why[WHY_MAX + 200];

	(void)c;
	if (secret_equal(octets, proof) && !v1_phase1(ex)->is_decoy)
		return STEP_OK;
	psk_explain(ex, why, sizeof(why));
	snprintf(failure->code, sizeof(failure->code), "psk-mismatch");
	snprintf(failure->why, sizeof(failure->why), "the HASH of message %zu is wrong: %s", ex->row + 1, why);
	return STEP_DROP;
}

static bool psk_fits(const struct exchange *ex, const struct connection_settings *c, const struct identity *remote_id)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct psk_settings *used = find_key(ex, ph1->connection, &ph1->connection->remote_id, NULL);
	const struct psk_settings *other = find_key(ex, c, remote_id, NULL);

	return used && other && secret_equal(secret_bytes(&used->secret), secret_bytes(&other->secret));
}

static uint16_t psk_v1_id(const struct connection_settings *c)
{
	(void)c;
	return 1;
}

static const struct auth_method psk_method = {
	.name = "psk",
	.carrier = PAY_HASH,
	.is_keyed = true,
	.v1_id = psk_v1_id,
	.skeyid = psk_skeyid,
	.prove = psk_prove,
	.check = psk_check,
	.fits = psk_fits,
	.explain = psk_explain,
};

static const struct service provides[] = {
	{ SERVICE_AUTH, "psk", &psk_method },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_CRYPTO, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "auth-psk",
	.summary = "pre-shared keys (RFC 2409 5.4)",
	.provides = provides,
	.needs = needs,
};
