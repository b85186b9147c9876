/* SPDX-License-Identifier: MIT */
/* algorithm.c - see algorithm.h. Numbers: RFC 2407 4.4.4 and 4.5, RFC 3686, 4106, 4309, 4312, 4868. */
#include "algorithm.h"

/* clang-format off */
static const struct algorithm algorithms[] = {
	{ ALGORITHM_CIPHER, 12, "cbc(aes)",           "AES-CBC",       "cbc aes_generic",        16, 0 },
	{ ALGORITHM_CIPHER, 13, "rfc3686(ctr(aes))",  "AES-CTR",       "ctr aes_generic",        20, 0 },
	{ ALGORITHM_CIPHER, 22, "cbc(camellia)",      "Camellia-CBC",  "cbc camellia_generic",   16, 0 },
	{ ALGORITHM_CIPHER,  3, "cbc(des3_ede)",      "3DES-CBC",      "cbc des_generic",        24, 0 },
	{ ALGORITHM_CIPHER, 11, "ecb(cipher_null)",   "NULL",          "crypto_null",                 0, 0 },
	{ ALGORITHM_AEAD,   20, "rfc4106(gcm(aes))",  "AES-GCM",       "gcm aes_generic",        20, 16 },
	{ ALGORITHM_AEAD,   19, "rfc4106(gcm(aes))",  "AES-GCM",       "gcm aes_generic",        20, 12 },
	{ ALGORITHM_AEAD,   18, "rfc4106(gcm(aes))",  "AES-GCM",       "gcm aes_generic",        20, 8 },
	{ ALGORITHM_AEAD,   16, "rfc4309(ccm(aes))",  "AES-CCM",       "ccm aes_generic",        19, 16 },
	{ ALGORITHM_AEAD,   15, "rfc4309(ccm(aes))",  "AES-CCM",       "ccm aes_generic",        19, 12 },
	{ ALGORITHM_AEAD,   14, "rfc4309(ccm(aes))",  "AES-CCM",       "ccm aes_generic",        19, 8 },
	{ ALGORITHM_AUTH,    5, "hmac(sha256)",       "HMAC-SHA2-256", "hmac sha256_generic",    32, 16 },
	{ ALGORITHM_AUTH,    2, "hmac(sha1)",         "HMAC-SHA1",     "hmac sha1_generic",      20, 12 },
	{ ALGORITHM_AUTH,    6, "hmac(sha384)",       "HMAC-SHA2-384", "hmac sha512_generic",    48, 24 },
	{ ALGORITHM_AUTH,    7, "hmac(sha512)",       "HMAC-SHA2-512", "hmac sha512_generic",    64, 32 },
	{ ALGORITHM_AUTH,    1, "hmac(md5)",          "HMAC-MD5",      "hmac md5",               16, 12 },
};
/* clang-format on */

const struct algorithm *algorithm_at(size_t i)
{
	return i < COUNT(algorithms) ? &algorithms[i] : NULL;
}

const struct algorithm *algorithm_find(bool is_auth, uint16_t number)
{
	for (size_t i = 0; i < COUNT(algorithms); i++)
		if (algorithms[i].number == number && (algorithms[i].kind == ALGORITHM_AUTH) == is_auth)
			return &algorithms[i];
	return NULL;
}
