/* SPDX-License-Identifier: MIT */
/* openssl_cipher.c - CBC and CTR by EVP_CIPHER: the key is set once per context, a packet sets the IV only. */
#include "openssl_parts.h"

#include <limits.h>
#include <stdlib.h>

/* Both directions, because CBC's decryption has another key schedule. */
struct context {
	EVP_CIPHER_CTX *way[2];
};

/* NULL without memory, or for a key of a wrong length. */
static EVP_CIPHER_CTX *way_new(const EVP_CIPHER *cipher, bool encrypt, struct bytes key)
{
	if (!cipher || key.len != (size_t)EVP_CIPHER_get_key_length(cipher))
		return NULL;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return NULL;
	if (EVP_CipherInit_ex2(ctx, cipher, key.at, NULL, encrypt, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
		openssl_fault();
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int way_run(EVP_CIPHER_CTX *ctx, const uint8_t *iv, uint8_t *data, size_t len)
{
	int done = 0;

	if (len > INT_MAX || len % (size_t)EVP_CIPHER_CTX_get_block_size(ctx) != 0)
		return FAULT_CRYPTO;
	if (len == 0)
		return 0;
	if (EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL) != 1 ||
	    EVP_CipherUpdate(ctx, data, &done, data, (int)len) != 1 || (size_t)done != len)
		return openssl_fault();
	return 0;
}

static void cipher_free(void *context)
{
	struct context *c = context;

	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->way[false]);
	EVP_CIPHER_CTX_free(c->way[true]);
	free(c);
}

static void *cipher_new(enum cipher id, struct bytes key)
{
	struct context *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	for (int encrypt = 0; encrypt <= 1; encrypt++) {
		c->way[encrypt] = way_new(openssl_handles.ciphers[id], encrypt, key);
		if (!c->way[encrypt]) {
			cipher_free(c);
			return NULL;
		}
	}
	return c;
}

static int cipher_context_run(void *context, bool encrypt, const uint8_t *iv, uint8_t *data,
			      size_t len)
{
	return way_run(((struct context *)context)->way[encrypt], iv, data, len);
}

static int cipher_run(enum cipher id, bool encrypt, struct bytes key, const uint8_t *iv,
		      uint8_t *data, size_t len)
{
	EVP_CIPHER_CTX *ctx = way_new(openssl_handles.ciphers[id], encrypt, key);
	int fault = ctx ? way_run(ctx, iv, data, len) : FAULT_CRYPTO;

	EVP_CIPHER_CTX_free(ctx);
	return fault;
}

/* clang-format off */
#define ROW_FUNCTIONS(name, id)                                                                                      \
	static int name##_run(bool encrypt, struct bytes key, const uint8_t *iv, uint8_t *data, size_t len)          \
	{                                                                                                            \
		return cipher_run(id, encrypt, key, iv, data, len);                                                  \
	}                                                                                                            \
	static void *name##_new(struct bytes key)                                                                    \
	{                                                                                                            \
		return cipher_new(id, key);                                                                          \
	}

ROW_FUNCTIONS(aes128_cbc, AES128_CBC)
ROW_FUNCTIONS(aes192_cbc, AES192_CBC)
ROW_FUNCTIONS(aes256_cbc, AES256_CBC)
ROW_FUNCTIONS(camellia128_cbc, CAMELLIA128_CBC)
ROW_FUNCTIONS(camellia192_cbc, CAMELLIA192_CBC)
ROW_FUNCTIONS(camellia256_cbc, CAMELLIA256_CBC)
ROW_FUNCTIONS(triple_des_cbc, TRIPLE_DES_CBC)
ROW_FUNCTIONS(aes128_ctr, AES128_CTR)
ROW_FUNCTIONS(aes192_ctr, AES192_CTR)
ROW_FUNCTIONS(aes256_ctr, AES256_CTR)

#define ROW(text, function, key_len, block_len, iv_len)                                                 \
	{                                                                                               \
		.name = text, .key = key_len, .block = block_len, .iv = iv_len, .run = function##_run,  \
		.context_new = function##_new, .context_free = cipher_free,                             \
		.context_run = cipher_context_run,                                                      \
	}

const struct cipher_alg openssl_ciphers[] = {
	ROW("aes128-cbc", aes128_cbc, 16, 16, 16),
	ROW("aes192-cbc", aes192_cbc, 24, 16, 16),
	ROW("aes256-cbc", aes256_cbc, 32, 16, 16),
	ROW("camellia128-cbc", camellia128_cbc, 16, 16, 16),
	ROW("camellia192-cbc", camellia192_cbc, 24, 16, 16),
	ROW("camellia256-cbc", camellia256_cbc, 32, 16, 16),
	ROW("3des-cbc", triple_des_cbc, 24, 8, 8),
	ROW("aes128-ctr", aes128_ctr, 16, 1, 16),
	ROW("aes192-ctr", aes192_ctr, 24, 1, 16),
	ROW("aes256-ctr", aes256_ctr, 32, 1, 16),
	{ .name = NULL },
};
