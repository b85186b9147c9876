/* SPDX-License-Identifier: MIT */
/* backends.c - the crypto backends that the tests of this folder are linked with; -DWITH_... says which those are. */
#include <stdio.h>

#include "vectors.h"

#ifdef WITH_GNUTLS
extern const struct crypto_backend gnu_backend;
#define GNUTLS_ROW { &gnu_backend, NULL, NULL },
#else
#define GNUTLS_ROW
#endif

#ifdef WITH_OPENSSL
extern const struct crypto_backend openssl_backend;
int openssl_start(void);
void openssl_stop(void);
#define OPENSSL_ROW { &openssl_backend, openssl_start, openssl_stop },
#else
#define OPENSSL_ROW
#endif

/* clang-format off */
/* The last one only keeps the table from being empty. */
const struct vector_backend vector_backends[] = { GNUTLS_ROW OPENSSL_ROW { NULL, NULL, NULL } };
/* clang-format on */

const size_t vector_backends_count = COUNT(vector_backends) - 1;

bool vector_backends_start(void)
{
	for (size_t i = 0; i < vector_backends_count; i++)
		if (vector_backends[i].start && vector_backends[i].start()) {
			printf("%s does not start\n", vector_backends[i].backend->name);
			return false;
		}
	return true;
}

void vector_backends_stop(void)
{
	for (size_t i = 0; i < vector_backends_count; i++)
		if (vector_backends[i].stop)
			vector_backends[i].stop();
}

/* A table of rows ends with one without a name. */
#define FIND(rows, wanted)                                         \
	do {                                                       \
		for (size_t i = 0; (rows) && (rows)[i].name; i++)  \
			if (strcmp((rows)[i].name, (wanted)) == 0) \
				return &(rows)[i];                 \
		return NULL;                                       \
	} while (0)

const struct hash_alg *backend_hash(const struct crypto_backend *backend, const char *name)
{
	FIND(backend->hashes, name);
}

const struct mac_alg *backend_mac(const struct crypto_backend *backend, const char *name)
{
	FIND(backend->macs, name);
}

const struct cipher_alg *backend_cipher(const struct crypto_backend *backend, const char *name)
{
	FIND(backend->ciphers, name);
}

const struct aead_alg *backend_aead(const struct crypto_backend *backend, const char *name)
{
	FIND(backend->aeads, name);
}

const struct dh_group *backend_group(const struct crypto_backend *backend, const char *name)
{
	FIND(backend->groups, name);
}

const struct signature_alg *backend_signature(const struct crypto_backend *backend, const char *name)
{
	FIND(backend->signatures, name);
}
