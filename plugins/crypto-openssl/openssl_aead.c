/* SPDX-License-Identifier: MIT */
/* openssl_aead.c - GCM (RFC 4106) and CCM (RFC 4309) by EVP_CIPHER, with the key set once per context. */
#include "openssl_parts.h"

#include <limits.h>
#include <stdlib.h>

enum { GCM_NONCE = 12, CCM_NONCE = 11 };

/* A direction each: OpenSSL's CCM is bound to the one in which its key was set. */
struct context {
	EVP_CIPHER_CTX *way[2];
	size_t tag;
	bool is_ccm; /* the length comes first, and the tag before what it covers */
};

static void aead_free(void *context)
{
	struct context *c = context;

	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->way[false]);
	EVP_CIPHER_CTX_free(c->way[true]);
	free(c);
}

static EVP_CIPHER_CTX *way_new(const struct context *c, const EVP_CIPHER *cipher, bool encrypt,
			       struct bytes key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx)
		return NULL;
	/* CCM's tag length is part of the first block that it authenticates: it must be known from the beginning. */
	if (EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, c->is_ccm ? CCM_NONCE : GCM_NONCE,
				NULL) != 1 ||
	    (c->is_ccm && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)c->tag, NULL) != 1) ||
	    EVP_CipherInit_ex2(ctx, NULL, key.at, NULL, encrypt, NULL) != 1) {
		openssl_fault();
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static void *aead_new(enum cipher id, size_t tag, struct bytes key)
{
	const EVP_CIPHER *cipher = openssl_handles.ciphers[id];

	if (!cipher || key.len != (size_t)EVP_CIPHER_get_key_length(cipher))
		return NULL;
	struct context *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->tag = tag;
	c->is_ccm = id == AES128_CCM || id == AES192_CCM || id == AES256_CCM;
	for (int encrypt = 0; encrypt <= 1; encrypt++) {
		c->way[encrypt] = way_new(c, cipher, encrypt, key);
		if (!c->way[encrypt]) {
			aead_free(c);
			return NULL;
		}
	}
	return c;
}

/* All but the tag's end of the work. For CCM the last update is also the check of the tag. */
static bool aead_work(const struct context *c, EVP_CIPHER_CTX *ctx, struct bytes aad,
		      const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t no_input[1];
	uint8_t no_output[1];
	int done = 0;

	if (c->is_ccm && EVP_CipherUpdate(ctx, NULL, &done, NULL, (int)len) != 1)
		return false;
	if (aad.len > 0 && EVP_CipherUpdate(ctx, NULL, &done, aad.at, (int)aad.len) != 1)
		return false;
	if (len == 0)
		return !c->is_ccm || EVP_CipherUpdate(ctx, no_output, &done, no_input, 0) == 1;
	return EVP_CipherUpdate(ctx, out, &done, in, (int)len) == 1 && (size_t)done == len;
}

static int aead_seal(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		     size_t len, uint8_t *out, uint8_t *tag)
{
	const struct context *c = context;
	EVP_CIPHER_CTX *ctx = c->way[true];
	uint8_t rest[CIPHER_BLOCK_MAX];
	int done = 0;

	if (len > INT_MAX || aad.len > INT_MAX)
		return FAULT_CRYPTO;
	if (EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) != 1 ||
	    !aead_work(c, ctx, aad, in, len, out) || EVP_CipherFinal_ex(ctx, rest, &done) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)c->tag, tag) != 1)
		return openssl_fault();
	return 0;
}

/* What could not be verified is not left in `out`. OpenSSL compares the tag in constant time. */
static int aead_open(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in,
		     size_t len, uint8_t *out, const uint8_t *tag)
{
	const struct context *c = context;
	EVP_CIPHER_CTX *ctx = c->way[false];
	uint8_t wanted[AEAD_TAG_MAX], rest[CIPHER_BLOCK_MAX];
	int done = 0;

	if (len > INT_MAX || aad.len > INT_MAX)
		return FAULT_CRYPTO;
	memcpy(wanted, tag, c->tag);
	if (EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)c->tag, wanted) != 1 ||
	    !aead_work(c, ctx, aad, in, len, out) ||
	    (!c->is_ccm && EVP_CipherFinal_ex(ctx, rest, &done) != 1)) {
		if (len > 0)
			wipe(out, len);
		return openssl_fault();
	}
	return 0;
}

/* clang-format off */
#define ROW_FUNCTIONS(name, id, octets)                     \
	static void *name##_new(struct bytes key)           \
	{                                                   \
		return aead_new(id, octets, key);           \
	}

ROW_FUNCTIONS(aes128_gcm8, AES128_GCM, 8)
ROW_FUNCTIONS(aes128_gcm12, AES128_GCM, 12)
ROW_FUNCTIONS(aes128_gcm16, AES128_GCM, 16)
ROW_FUNCTIONS(aes192_gcm8, AES192_GCM, 8)
ROW_FUNCTIONS(aes192_gcm12, AES192_GCM, 12)
ROW_FUNCTIONS(aes192_gcm16, AES192_GCM, 16)
ROW_FUNCTIONS(aes256_gcm8, AES256_GCM, 8)
ROW_FUNCTIONS(aes256_gcm12, AES256_GCM, 12)
ROW_FUNCTIONS(aes256_gcm16, AES256_GCM, 16)
ROW_FUNCTIONS(aes128_ccm8, AES128_CCM, 8)
ROW_FUNCTIONS(aes128_ccm12, AES128_CCM, 12)
ROW_FUNCTIONS(aes128_ccm16, AES128_CCM, 16)
ROW_FUNCTIONS(aes192_ccm8, AES192_CCM, 8)
ROW_FUNCTIONS(aes192_ccm12, AES192_CCM, 12)
ROW_FUNCTIONS(aes192_ccm16, AES192_CCM, 16)
ROW_FUNCTIONS(aes256_ccm8, AES256_CCM, 8)
ROW_FUNCTIONS(aes256_ccm12, AES256_CCM, 12)
ROW_FUNCTIONS(aes256_ccm16, AES256_CCM, 16)

#define ROW(text, function, key_len, nonce_len, tag_len)                                                \
	{                                                                                               \
		.name = text, .key = key_len, .nonce = nonce_len, .tag = tag_len,                       \
		.context_new = function##_new, .context_free = aead_free, .seal = aead_seal,            \
		.open = aead_open,                                                                      \
	}

const struct aead_alg openssl_aeads[] = {
	ROW("aes128-gcm8", aes128_gcm8, 16, GCM_NONCE, 8),
	ROW("aes128-gcm12", aes128_gcm12, 16, GCM_NONCE, 12),
	ROW("aes128-gcm16", aes128_gcm16, 16, GCM_NONCE, 16),
	ROW("aes192-gcm8", aes192_gcm8, 24, GCM_NONCE, 8),
	ROW("aes192-gcm12", aes192_gcm12, 24, GCM_NONCE, 12),
	ROW("aes192-gcm16", aes192_gcm16, 24, GCM_NONCE, 16),
	ROW("aes256-gcm8", aes256_gcm8, 32, GCM_NONCE, 8),
	ROW("aes256-gcm12", aes256_gcm12, 32, GCM_NONCE, 12),
	ROW("aes256-gcm16", aes256_gcm16, 32, GCM_NONCE, 16),
	ROW("aes128-ccm8", aes128_ccm8, 16, CCM_NONCE, 8),
	ROW("aes128-ccm12", aes128_ccm12, 16, CCM_NONCE, 12),
	ROW("aes128-ccm16", aes128_ccm16, 16, CCM_NONCE, 16),
	ROW("aes192-ccm8", aes192_ccm8, 24, CCM_NONCE, 8),
	ROW("aes192-ccm12", aes192_ccm12, 24, CCM_NONCE, 12),
	ROW("aes192-ccm16", aes192_ccm16, 24, CCM_NONCE, 16),
	ROW("aes256-ccm8", aes256_ccm8, 32, CCM_NONCE, 8),
	ROW("aes256-ccm12", aes256_ccm12, 32, CCM_NONCE, 12),
	ROW("aes256-ccm16", aes256_ccm16, 32, CCM_NONCE, 16),
	{ .name = NULL },
};
