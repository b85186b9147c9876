/* SPDX-License-Identifier: MIT */
/* gnutls_cipher.c - CBC by GnuTLS; AES-CTR, which GnuTLS has no name for, by nettle. */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <nettle/ctr.h>
#include <stdlib.h>

#include "gnutls_parts.h"

struct cbc {
	gnutls_cipher_hd_t cipher; /* serves both directions                                    */
	size_t block;
};

static void cbc_free(void *context)
{
	struct cbc *cbc = context;

	if (!cbc)
		return;
	gnutls_cipher_deinit(cbc->cipher);
	free(cbc);
}

static void *cbc_new(gnutls_cipher_algorithm_t id, struct bytes key)
{
	struct cbc *cbc = calloc(1, sizeof(*cbc));
	gnutls_datum_t datum = { (unsigned char *)(uintptr_t)key.at, (unsigned)key.len };

	if (!cbc || key.len != gnutls_cipher_get_key_size(id) ||
	    gnutls_cipher_init(&cbc->cipher, id, &datum, NULL) < 0) {
		free(cbc);
		return NULL;
	}
	cbc->block = gnutls_cipher_get_block_size(id);
	return cbc;
}

static int cbc_context_run(void *context, bool encrypt, const uint8_t *iv, uint8_t *data, size_t len)
{
	struct cbc *cbc = context;
	uint8_t block[CIPHER_BLOCK_MAX];

	if (len % cbc->block != 0)
		return FAULT_CRYPTO;
	if (len == 0)
		return 0;
	memcpy(block, iv, cbc->block);
	gnutls_cipher_set_iv(cbc->cipher, block, cbc->block);
	int result = encrypt ? gnutls_cipher_encrypt(cbc->cipher, data, len)
			     : gnutls_cipher_decrypt(cbc->cipher, data, len);
	return result < 0 ? FAULT_CRYPTO : 0;
}

static int cbc_run(gnutls_cipher_algorithm_t id, bool encrypt, struct bytes key, const uint8_t *iv,
		   uint8_t *data, size_t len)
{
	struct cbc *cbc = cbc_new(id, key);
	int fault = cbc ? cbc_context_run(cbc, encrypt, iv, data, len) : FAULT_CRYPTO;

	cbc_free(cbc);
	return fault;
}

bool gnu_aes_set(struct aes_key *aes, const struct nettle_cipher *cipher, struct bytes key)
{
	if (key.len != cipher->key_size)
		return false;
	aes->cipher = cipher;
	cipher->set_encrypt_key(&aes->schedule, key.at);
	return true;
}

static void ctr_free(void *context)
{
	if (context)
		wipe(context, sizeof(struct aes_key));
	free(context);
}

static void *ctr_new(const struct nettle_cipher *cipher, struct bytes key)
{
	struct aes_key *aes = calloc(1, sizeof(*aes));

	if (aes && !gnu_aes_set(aes, cipher, key)) {
		free(aes);
		return NULL;
	}
	return aes;
}

static int ctr_context_run(void *context, bool encrypt, const uint8_t *iv, uint8_t *data, size_t len)
{
	const struct aes_key *aes = context;
	uint8_t counter[AES_BLOCK_SIZE];

	(void)encrypt;
	memcpy(counter, iv, sizeof(counter));
	ctr_crypt(&aes->schedule, aes->cipher->encrypt, sizeof(counter), counter, len, data, data);
	return 0;
}

static int ctr_run(const struct nettle_cipher *cipher, bool encrypt, struct bytes key,
		   const uint8_t *iv, uint8_t *data, size_t len)
{
	struct aes_key aes;

	if (!gnu_aes_set(&aes, cipher, key))
		return FAULT_CRYPTO;
	int fault = ctr_context_run(&aes, encrypt, iv, data, len);
	wipe(&aes, sizeof(aes));
	return fault;
}

/* clang-format off */
#define ROW_FUNCTIONS(name, mode, id)                                                                        \
	static int name##_run(bool encrypt, struct bytes key, const uint8_t *iv, uint8_t *data, size_t len)  \
	{                                                                                                    \
		return mode##_run(id, encrypt, key, iv, data, len);                                          \
	}                                                                                                    \
	static void *name##_new(struct bytes key)                                                            \
	{                                                                                                    \
		return mode##_new(id, key);                                                                  \
	}

ROW_FUNCTIONS(aes128_cbc, cbc, GNUTLS_CIPHER_AES_128_CBC)
ROW_FUNCTIONS(aes192_cbc, cbc, GNUTLS_CIPHER_AES_192_CBC)
ROW_FUNCTIONS(aes256_cbc, cbc, GNUTLS_CIPHER_AES_256_CBC)
ROW_FUNCTIONS(camellia128_cbc, cbc, GNUTLS_CIPHER_CAMELLIA_128_CBC)
ROW_FUNCTIONS(camellia192_cbc, cbc, GNUTLS_CIPHER_CAMELLIA_192_CBC)
ROW_FUNCTIONS(camellia256_cbc, cbc, GNUTLS_CIPHER_CAMELLIA_256_CBC)
ROW_FUNCTIONS(triple_des_cbc, cbc, GNUTLS_CIPHER_3DES_CBC)
ROW_FUNCTIONS(aes128_ctr, ctr, &nettle_aes128)
ROW_FUNCTIONS(aes192_ctr, ctr, &nettle_aes192)
ROW_FUNCTIONS(aes256_ctr, ctr, &nettle_aes256)

#define ROW(text, function, mode, key_len, block_len, iv_len)                                           \
	{                                                                                               \
		.name = text, .key = key_len, .block = block_len, .iv = iv_len, .run = function##_run,  \
		.context_new = function##_new, .context_free = mode##_free,                             \
		.context_run = mode##_context_run,                                                      \
	}

const struct cipher_alg gnu_ciphers[] = {
	ROW("aes128-cbc", aes128_cbc, cbc, 16, 16, 16),
	ROW("aes192-cbc", aes192_cbc, cbc, 24, 16, 16),
	ROW("aes256-cbc", aes256_cbc, cbc, 32, 16, 16),
	ROW("camellia128-cbc", camellia128_cbc, cbc, 16, 16, 16),
	ROW("camellia192-cbc", camellia192_cbc, cbc, 24, 16, 16),
	ROW("camellia256-cbc", camellia256_cbc, cbc, 32, 16, 16),
	ROW("3des-cbc", triple_des_cbc, cbc, 24, 8, 8),
	ROW("aes128-ctr", aes128_ctr, ctr, 16, 1, 16),
	ROW("aes192-ctr", aes192_ctr, ctr, 24, 1, 16),
	ROW("aes256-ctr", aes256_ctr, ctr, 32, 1, 16),
	{ .name = NULL },
};
