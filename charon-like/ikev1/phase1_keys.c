/* SPDX-License-Identifier: MIT */
/* phase1_keys.c - KE and nonces, SKEYID and what follows from it (RFC 2409 5 and appendix B). */
#include "shard.h"
#include "v1.h"

static enum verdict keep(struct exchange *ex, struct bytes from, struct bytes *out)
{
	*out = arena_keep(&ex->arena, from);
	return out->at ? STEP_OK : ex_fault(ex, "no room for keying material", FAULT_MEMORY);
}

static enum verdict make_own(struct exchange *ex, const struct dh_group *group)
{
	struct phase1_own *own = ex->shared;
	AUTO_SECRET private_value = { NULL, 0 };

	if (own->group == group)
		return STEP_OK;
	own->group = NULL;
	int fault = group->generate(&private_value, own->public_value);
	if (fault == 0 && private_value.len > sizeof(own->private_value))
		fault = FAULT_FULL;
	if (fault < 0)
		return ex_fault(ex, "making a Diffie-Hellman value failed", fault);
	if ((fault = crypto_random(ex->sa->shard->engine->crypto, own->nonce, sizeof(own->nonce))) < 0)
		return ex_fault(ex, "making a nonce failed", fault);
	memcpy(own->private_value, private_value.at, private_value.len);
	own->private_len = private_value.len;
	own->group = group;
	return STEP_OK;
}

enum verdict v1_put_ke_nonce(struct exchange *ex, struct message_out *out)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct phase1_own *own = ex->shared;
	const struct dh_group *group = ph1->transform.group_alg;

	TRY(make_own(ex, group));
	TRY(keep(ex, bytes_of(own->private_value, own->private_len), &ph1->dh_private));
	TRY(keep(ex, bytes_of(own->public_value, group->public_len), &ph1->ke[ex->role]));
	TRY(keep(ex, bytes_of(own->nonce, sizeof(own->nonce)), &ph1->nonce[ex->role]));
	message_put(out, PAY_KE, ph1->ke[ex->role]);
	message_put(out, PAY_NONCE, ph1->nonce[ex->role]);
	return STEP_OK;
}

enum verdict v1_keep_ke_nonce(struct exchange *ex, const struct message *in)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct dh_group *group = ph1->transform.group_alg;
	struct bytes ke = message_payload(in, PAY_KE), nonce = message_payload(in, PAY_NONCE);

	if (ke.len != group->public_len)
		return ex_drop(ex, "malformed", "KE is %zu octets, %s needs %zu", ke.len, group->name, group->public_len);
	/* RFC 2409 5: between 8 and 256 octets. */
	if (nonce.len < NONCE_MIN || nonce.len > NONCE_MAX)
		return ex_drop(ex, "malformed", "the nonce is %zu octets, not %d to %d", nonce.len, NONCE_MIN, NONCE_MAX);
	/* HASH_I and HASH_R have one form (RFC 2409 5): who sends us back what we sent must not look like one that has the key. */
	if (bytes_equal(ke, ph1->ke[ex->role]))
		return ex_drop(ex, "reflected", "KE is our own: somebody sends our messages back to us");
	ph1->ke[role_other(ex->role)] = ke;
	ph1->nonce[role_other(ex->role)] = nonce;
	return STEP_OK;
}

/* RFC 2409 5: SKEYID_d, _a, _e = prf(SKEYID, previous | g^xy | CKY-I | CKY-R | 0, 1, 2). */
static int derive_next(const struct exchange *ex, struct bytes previous, struct bytes shared, uint8_t number, uint8_t out[HASH_SIZE_MAX])
{
	const struct phase1 *ph1 = v1_phase1(ex);
	struct bytes in[] = {
		previous, shared, { ex->sa->cookie[INITIATOR], COOKIE_SIZE }, { ph1->cookie_r, COOKIE_SIZE }, { &number, 1 },
	};

	return ph1->transform.prf_alg->run(ph1->skeyid, in, COUNT(in), out);
}

/* RFC 2409 appendix B: a key longer than SKEYID_e is stretched, K1 = prf(SKEYID_e, 0), Kn = prf(SKEYID_e, Kn-1). */
static int stretch_key(const struct mac_alg *prf, struct bytes skeyid_e, size_t need, uint8_t key[CIPHER_KEY_MAX + HASH_SIZE_MAX])
{
	static const uint8_t zero[1];
	struct bytes previous = { zero, 1 };

	if (skeyid_e.len >= need) {
		memcpy(key, skeyid_e.at, need);
		return 0;
	}
	for (size_t done = 0; done < need; done += prf->size) {
		int fault = prf->run(skeyid_e, &previous, 1, key + done);
		if (fault < 0)
			return fault;
		previous = bytes_of(key + done, prf->size);
	}
	return 0;
}

/* RFC 2409 appendix B: the first IV of phase 1 is hash(g^xi | g^xr), cut to a block. */
static int make_first_iv(struct exchange *ex)
{
	const struct phase1 *ph1 = v1_phase1(ex);
	uint8_t hash[HASH_SIZE_MAX];

	int fault = ph1->transform.hash_alg->run(ph1->ke, 2, hash);
	if (fault == 0)
		memcpy(ex->iv, hash, sizeof(ex->iv));
	return fault;
}

static int derive_all(struct exchange *ex, struct bytes shared, uint8_t made[3][HASH_SIZE_MAX],
		      uint8_t key[CIPHER_KEY_MAX + HASH_SIZE_MAX])
{
	const struct phase1 *ph1 = v1_phase1(ex);
	const struct mac_alg *prf = ph1->transform.prf_alg;
	struct bytes previous = { NULL, 0 };

	for (uint8_t i = 0; i < 3; i++) {
		int fault = derive_next(ex, previous, shared, i, made[i]);
		if (fault < 0)
			return fault;
		previous = bytes_of(made[i], prf->size);
	}
	return stretch_key(prf, previous, ph1->transform.cipher_alg->key, key);
}

enum verdict v1_derive_keys(struct exchange *ex)
{
	struct phase1 *ph1 = v1_phase1(ex);
	const struct dh_group *group = ph1->transform.group_alg;
	struct secret private_value = { (uint8_t *)ph1->dh_private.at, ph1->dh_private.len };
	uint8_t made[3][HASH_SIZE_MAX], key[CIPHER_KEY_MAX + HASH_SIZE_MAX];
	AUTO_SECRET shared = { NULL, 0 };
	AUTO_SECRET skeyid = { NULL, 0 };

	int fault = group->shared(&private_value, ph1->ke[role_other(ex->role)], &shared);
	if (fault == FAULT_CRYPTO || fault == FAULT_INPUT)
		return ex_drop(ex, "bad-ke", "KE is no acceptable public value of %s", group->name);
	if (fault < 0)
		return ex_fault(ex, "Diffie-Hellman failed", fault);
	TRY(ph1->auth->skeyid(ex, ph1->nonce[INITIATOR], ph1->nonce[RESPONDER], secret_bytes(&shared), &skeyid));
	TRY(keep(ex, secret_bytes(&skeyid), &ph1->skeyid));
	fault = derive_all(ex, secret_bytes(&shared), made, key);
	enum verdict verdict = fault < 0 ? ex_fault(ex, "deriving keys failed", fault) : STEP_OK;
	size_t prf_len = ph1->transform.prf_alg->size;
	if (verdict == STEP_OK)
		verdict = keep(ex, bytes_of(made[0], prf_len), &ph1->skeyid_d);
	if (verdict == STEP_OK)
		verdict = keep(ex, bytes_of(made[1], prf_len), &ph1->skeyid_a);
	if (verdict == STEP_OK)
		verdict = keep(ex, bytes_of(key, ph1->transform.cipher_alg->key), &ph1->cipher_key);
	wipe(made, sizeof(made));
	wipe(key, sizeof(key));
	TRY(verdict);
	fault = make_first_iv(ex);
	return fault < 0 ? ex_fault(ex, "making the first IV failed", fault) : STEP_OK;
}
