/* SPDX-License-Identifier: MIT */
/* openssl_handles.c - fetches every algorithm once, when the plugin starts, and releases it when it stops. */
#include "openssl_parts.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

struct openssl_handles openssl_handles;

/* clang-format off */
static const char *const digest_names[DIGEST_COUNT] = {
	[DIGEST_MD5] = "MD5",           [DIGEST_SHA1] = "SHA1",         [DIGEST_SHA256] = "SHA2-256",
	[DIGEST_SHA384] = "SHA2-384",   [DIGEST_SHA512] = "SHA2-512",
};

static const char *const cipher_names[CIPHER_COUNT] = {
	[AES128_CBC] = "AES-128-CBC",   [AES192_CBC] = "AES-192-CBC",   [AES256_CBC] = "AES-256-CBC",
	[AES128_CTR] = "AES-128-CTR",   [AES192_CTR] = "AES-192-CTR",   [AES256_CTR] = "AES-256-CTR",
	[AES128_GCM] = "AES-128-GCM",   [AES192_GCM] = "AES-192-GCM",   [AES256_GCM] = "AES-256-GCM",
	[AES128_CCM] = "AES-128-CCM",   [AES192_CCM] = "AES-192-CCM",   [AES256_CCM] = "AES-256-CCM",
	[CAMELLIA128_CBC] = "CAMELLIA-128-CBC",
	[CAMELLIA192_CBC] = "CAMELLIA-192-CBC",
	[CAMELLIA256_CBC] = "CAMELLIA-256-CBC",
	[TRIPLE_DES_CBC] = "DES-EDE3-CBC",
};

static BIGNUM *(*const primes[MODP_COUNT])(BIGNUM *) = {
	[MODP1024] = BN_get_rfc2409_prime_1024, [MODP1536] = BN_get_rfc3526_prime_1536,
	[MODP2048] = BN_get_rfc3526_prime_2048, [MODP3072] = BN_get_rfc3526_prime_3072,
	[MODP4096] = BN_get_rfc3526_prime_4096, [MODP6144] = BN_get_rfc3526_prime_6144,
	[MODP8192] = BN_get_rfc3526_prime_8192,
};
/* clang-format on */

const char *openssl_digest_name(enum digest digest)
{
	return digest_names[digest];
}

int openssl_fault(void)
{
	ERR_clear_error();
	return FAULT_CRYPTO;
}

/* A process may load the plugin into several daemons (tests do): the handles go with the last. */
int openssl_start(void)
{
	if (openssl_handles.users++)
		return 0;
	for (size_t i = 0; i < DIGEST_COUNT; i++)
		openssl_handles.digests[i] = EVP_MD_fetch(NULL, digest_names[i], NULL);
	for (size_t i = 0; i < CIPHER_COUNT; i++)
		openssl_handles.ciphers[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
	openssl_handles.hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	ERR_clear_error();
	for (size_t i = 0; i < MODP_COUNT; i++) {
		openssl_handles.primes[i] = primes[i](NULL);
		if (!openssl_handles.primes[i]) {
			openssl_stop();
			return FAULT_MEMORY;
		}
	}
	return 0;
}

void openssl_stop(void)
{
	if (--openssl_handles.users)
		return;
	for (size_t i = 0; i < DIGEST_COUNT; i++)
		EVP_MD_free(openssl_handles.digests[i]);
	for (size_t i = 0; i < CIPHER_COUNT; i++)
		EVP_CIPHER_free(openssl_handles.ciphers[i]);
	for (size_t i = 0; i < MODP_COUNT; i++)
		BN_free(openssl_handles.primes[i]);
	EVP_MAC_free(openssl_handles.hmac);
	openssl_handles = (struct openssl_handles){ .hmac = NULL };
}
