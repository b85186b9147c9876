/* SPDX-License-Identifier: MIT */
/* openssl_parts.h - what the files of this plugin share: handles fetched once, and the tables of rows. */
#ifndef KEYFERRY_OPENSSL_PARTS_H
#define KEYFERRY_OPENSSL_PARTS_H
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "crypto.h"

enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_COUNT };

/* clang-format off */
enum cipher {
	AES128_CBC, AES192_CBC, AES256_CBC, CAMELLIA128_CBC, CAMELLIA192_CBC, CAMELLIA256_CBC, TRIPLE_DES_CBC,
	AES128_CTR, AES192_CTR, AES256_CTR, AES128_GCM, AES192_GCM, AES256_GCM, AES128_CCM, AES192_CCM, AES256_CCM,
	CIPHER_COUNT,
};
/* clang-format on */

enum modp { MODP1024, MODP1536, MODP2048, MODP3072, MODP4096, MODP6144, MODP8192, MODP_COUNT };

/*
 * Fetching takes OpenSSL's global lock and a search by name, so it happens once. An entry is NULL where no
 * provider has the algorithm (FIPS); its row then fails its known answer.
 */
struct openssl_handles {
	EVP_MD *digests[DIGEST_COUNT];
	EVP_CIPHER *ciphers[CIPHER_COUNT];
	EVP_MAC *hmac;
	BIGNUM *primes[MODP_COUNT];
	unsigned users;              /* starts less stops */
};

/* Written by openssl_start() and openssl_stop() only, while no other thread uses the plugin. */
extern struct openssl_handles openssl_handles;
/* FAULT_MEMORY. */
int openssl_start(void) MUST_CHECK;
void openssl_stop(void);
const char *openssl_digest_name(enum digest digest);

extern const struct hash_alg openssl_hashes[];
extern const struct mac_alg openssl_macs[];
extern const struct cipher_alg openssl_ciphers[];
extern const struct aead_alg openssl_aeads[];
extern const struct dh_group openssl_groups[];
extern const struct signature_alg openssl_signatures[];
extern const struct crypto_backend openssl_backend;

/* For the one list of groups, which is openssl_group.c's. */
int openssl_curve_generate(const char *curve, size_t field, struct secret *private_out,
			   uint8_t *public_out) MUST_CHECK;
int openssl_curve_shared(const char *curve, size_t field, const struct secret *private_value,
			 struct bytes peer, struct secret *out) MUST_CHECK;
int openssl_x25519_generate(struct secret *private_out, uint8_t *public_out) MUST_CHECK;
int openssl_x25519_shared(const struct secret *private_value, struct bytes peer,
			  struct secret *out) MUST_CHECK;

/* The secret that own and peer derive, which must have exactly `len` octets. Faults leave `out` empty. */
int openssl_derive(EVP_PKEY *own, EVP_PKEY *peer, size_t len, struct secret *out) MUST_CHECK;

/* FAULT_CRYPTO. What OpenSSL noted is dropped: TLS users of the same thread would take it for theirs. */
int openssl_fault(void);

static inline void key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static inline void key_context_free(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static inline void number_free(BIGNUM **number)
{
	BN_clear_free(*number);
}

static inline void build_free(OSSL_PARAM_BLD **build)
{
	OSSL_PARAM_BLD_free(*build);
}

static inline void params_free(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

/* clang-format off */
#define AUTO_KEY         __attribute__((cleanup(key_free))) EVP_PKEY
#define AUTO_KEY_CONTEXT __attribute__((cleanup(key_context_free))) EVP_PKEY_CTX
#define AUTO_BUILD       __attribute__((cleanup(build_free))) OSSL_PARAM_BLD
#define AUTO_PARAMS      __attribute__((cleanup(params_free))) OSSL_PARAM
#define AUTO_NUMBER      __attribute__((cleanup(number_free))) BIGNUM
/* clang-format on */

#endif
