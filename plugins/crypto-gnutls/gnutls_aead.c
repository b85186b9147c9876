/* SPDX-License-Identifier: MIT */
/*
 * gnutls_aead.c - GCM (RFC 4106) by GnuTLS, CCM (RFC 4309) by nettle: GnuTLS's CCM allocates for each packet and has
 * neither 192 bit keys nor tags of 12 octets.
 */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <nettle/ccm.h>
#include <stdlib.h>

#include "gnutls_parts.h"

enum { GCM_NONCE = 12, CCM_NONCE = 11 };

struct gcm {
	gnutls_aead_cipher_hd_t cipher;
	size_t tag;
};

static void gcm_free(void *context)
{
	struct gcm *gcm = context;

	if (!gcm)
		return;
	gnutls_aead_cipher_deinit(gcm->cipher);
	free(gcm);
}

static void *gcm_new(gnutls_cipher_algorithm_t id, size_t tag, struct bytes key)
{
	struct gcm *gcm = calloc(1, sizeof(*gcm));
	gnutls_datum_t datum = { (unsigned char *)(uintptr_t)key.at, (unsigned)key.len };

	if (!gcm || key.len != gnutls_cipher_get_key_size(id) ||
	    gnutls_aead_cipher_init(&gcm->cipher, id, &datum) < 0) {
		free(gcm);
		return NULL;
	}
	gcm->tag = tag;
	return gcm;
}

/* GnuTLS works in place. */
static giovec_t move_in(const uint8_t *in, size_t len, uint8_t *out)
{
	if (in != out && len > 0)
		memcpy(out, in, len);
	return (giovec_t){ out, len };
}

static int gcm_seal(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		    size_t len, uint8_t *out, uint8_t *tag)
{
	const struct gcm *gcm = context;
	giovec_t covered = { (void *)(uintptr_t)aad.at, aad.len };
	giovec_t data = move_in(in, len, out);
	size_t tag_len = gcm->tag;

	if (gnutls_aead_cipher_encryptv2(gcm->cipher, nonce, GCM_NONCE, &covered, aad.len > 0,
					 &data, len > 0, tag, &tag_len) < 0)
		return FAULT_CRYPTO;
	return 0;
}

/* What could not be verified is not left in `out`. GnuTLS compares the tag, as long as it is, in constant time. */
static int gcm_open(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		    size_t len, uint8_t *out, const uint8_t *tag)
{
	const struct gcm *gcm = context;
	giovec_t covered = { (void *)(uintptr_t)aad.at, aad.len };
	giovec_t data = move_in(in, len, out);
	uint8_t wanted[AEAD_TAG_MAX];

	memcpy(wanted, tag, gcm->tag);
	if (gnutls_aead_cipher_decryptv2(gcm->cipher, nonce, GCM_NONCE, &covered, aad.len > 0,
					 &data, len > 0, wanted, gcm->tag) < 0) {
		wipe(out, len);
		return FAULT_CRYPTO;
	}
	return 0;
}

struct ccm {
	struct aes_key aes;
	size_t tag;
};

static void ccm_free(void *context)
{
	if (context)
		wipe(context, sizeof(struct ccm));
	free(context);
}

static void *ccm_new(const struct nettle_cipher *cipher, size_t tag, struct bytes key)
{
	struct ccm *ccm = calloc(1, sizeof(*ccm));

	if (ccm && !gnu_aes_set(&ccm->aes, cipher, key)) {
		free(ccm);
		return NULL;
	}
	if (ccm)
		ccm->tag = tag;
	return ccm;
}

static void ccm_begin(struct ccm_ctx *ctx, const struct ccm *ccm, const uint8_t *nonce,
		      struct bytes aad, size_t len)
{
	nettle_cipher_func *encrypt = ccm->aes.cipher->encrypt;

	ccm_set_nonce(ctx, &ccm->aes.schedule, encrypt, CCM_NONCE, nonce, aad.len, len, ccm->tag);
	if (aad.len > 0)
		ccm_update(ctx, &ccm->aes.schedule, encrypt, aad.len, aad.at);
}

static int ccm_seal(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		    size_t len, uint8_t *out, uint8_t *tag)
{
	const struct ccm *ccm = context;
	nettle_cipher_func *encrypt = ccm->aes.cipher->encrypt;
	struct ccm_ctx ctx;

	ccm_begin(&ctx, ccm, nonce, aad, len);
	if (len > 0)
		ccm_encrypt(&ctx, &ccm->aes.schedule, encrypt, len, out, in);
	ccm_digest(&ctx, &ccm->aes.schedule, encrypt, ccm->tag, tag);
	wipe(&ctx, sizeof(ctx));
	return 0;
}

static int ccm_open(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		    size_t len, uint8_t *out, const uint8_t *tag)
{
	const struct ccm *ccm = context;
	nettle_cipher_func *encrypt = ccm->aes.cipher->encrypt;
	uint8_t right[AEAD_TAG_MAX];
	struct ccm_ctx ctx;

	ccm_begin(&ctx, ccm, nonce, aad, len);
	if (len > 0)
		ccm_decrypt(&ctx, &ccm->aes.schedule, encrypt, len, out, in);
	ccm_digest(&ctx, &ccm->aes.schedule, encrypt, ccm->tag, right);
	bool same = secret_equal(bytes_of(right, ccm->tag), bytes_of(tag, ccm->tag));
	wipe(&ctx, sizeof(ctx));
	wipe(right, sizeof(right));
	if (!same)
		wipe(out, len);
	return same ? 0 : FAULT_CRYPTO;
}

/* clang-format off */
#define ROW_FUNCTIONS(name, mode, id, octets)               \
	static void *name##_new(struct bytes key)           \
	{                                                   \
		return mode##_new(id, octets, key);         \
	}

ROW_FUNCTIONS(aes128_gcm8, gcm, GNUTLS_CIPHER_AES_128_GCM, 8)
ROW_FUNCTIONS(aes128_gcm12, gcm, GNUTLS_CIPHER_AES_128_GCM, 12)
ROW_FUNCTIONS(aes128_gcm16, gcm, GNUTLS_CIPHER_AES_128_GCM, 16)
ROW_FUNCTIONS(aes192_gcm8, gcm, GNUTLS_CIPHER_AES_192_GCM, 8)
ROW_FUNCTIONS(aes192_gcm12, gcm, GNUTLS_CIPHER_AES_192_GCM, 12)
ROW_FUNCTIONS(aes192_gcm16, gcm, GNUTLS_CIPHER_AES_192_GCM, 16)
ROW_FUNCTIONS(aes256_gcm8, gcm, GNUTLS_CIPHER_AES_256_GCM, 8)
ROW_FUNCTIONS(aes256_gcm12, gcm, GNUTLS_CIPHER_AES_256_GCM, 12)
ROW_FUNCTIONS(aes256_gcm16, gcm, GNUTLS_CIPHER_AES_256_GCM, 16)
ROW_FUNCTIONS(aes128_ccm8, ccm, &nettle_aes128, 8)
ROW_FUNCTIONS(aes128_ccm12, ccm, &nettle_aes128, 12)
ROW_FUNCTIONS(aes128_ccm16, ccm, &nettle_aes128, 16)
ROW_FUNCTIONS(aes192_ccm8, ccm, &nettle_aes192, 8)
ROW_FUNCTIONS(aes192_ccm12, ccm, &nettle_aes192, 12)
ROW_FUNCTIONS(aes192_ccm16, ccm, &nettle_aes192, 16)
ROW_FUNCTIONS(aes256_ccm8, ccm, &nettle_aes256, 8)
ROW_FUNCTIONS(aes256_ccm12, ccm, &nettle_aes256, 12)
ROW_FUNCTIONS(aes256_ccm16, ccm, &nettle_aes256, 16)

#define ROW(text, function, mode, key_len, nonce_len, tag_len)                                          \
	{                                                                                               \
		.name = text, .key = key_len, .nonce = nonce_len, .tag = tag_len,                       \
		.context_new = function##_new, .context_free = mode##_free, .seal = mode##_seal,        \
		.open = mode##_open,                                                                    \
	}

const struct aead_alg gnu_aeads[] = {
	ROW("aes128-gcm8", aes128_gcm8, gcm, 16, GCM_NONCE, 8),
	ROW("aes128-gcm12", aes128_gcm12, gcm, 16, GCM_NONCE, 12),
	ROW("aes128-gcm16", aes128_gcm16, gcm, 16, GCM_NONCE, 16),
	ROW("aes192-gcm8", aes192_gcm8, gcm, 24, GCM_NONCE, 8),
	ROW("aes192-gcm12", aes192_gcm12, gcm, 24, GCM_NONCE, 12),
	ROW("aes192-gcm16", aes192_gcm16, gcm, 24, GCM_NONCE, 16),
	ROW("aes256-gcm8", aes256_gcm8, gcm, 32, GCM_NONCE, 8),
	ROW("aes256-gcm12", aes256_gcm12, gcm, 32, GCM_NONCE, 12),
	ROW("aes256-gcm16", aes256_gcm16, gcm, 32, GCM_NONCE, 16),
	ROW("aes128-ccm8", aes128_ccm8, ccm, 16, CCM_NONCE, 8),
	ROW("aes128-ccm12", aes128_ccm12, ccm, 16, CCM_NONCE, 12),
	ROW("aes128-ccm16", aes128_ccm16, ccm, 16, CCM_NONCE, 16),
	ROW("aes192-ccm8", aes192_ccm8, ccm, 24, CCM_NONCE, 8),
	ROW("aes192-ccm12", aes192_ccm12, ccm, 24, CCM_NONCE, 12),
	ROW("aes192-ccm16", aes192_ccm16, ccm, 24, CCM_NONCE, 16),
	ROW("aes256-ccm8", aes256_ccm8, ccm, 32, CCM_NONCE, 8),
	ROW("aes256-ccm12", aes256_ccm12, ccm, 32, CCM_NONCE, 12),
	ROW("aes256-ccm16", aes256_ccm16, ccm, 32, CCM_NONCE, 16),
	{ .name = NULL },
};
