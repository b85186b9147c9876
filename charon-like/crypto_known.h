/* SPDX-License-Identifier: MIT */
/*
 * crypto_known.h - runs the known answers over one row of a crypto backend. Private values are in the form that
 * all backends share: MODP and ECP a big-endian number, curve25519 the 32 octets of RFC 7748.
 */
#ifndef KEYFERRY_CRYPTO_KNOWN_H
#define KEYFERRY_CRYPTO_KNOWN_H
#include "crypto.h"

/* How many algorithms have a known answer, which is how many a struct crypto can hold. */
enum { KNOWN_ROWS = 56, KNOWN_SIGNATURES = 4 };

/* NULL: all is right. Else the end of a line that begins with the row's name: "gives a wrong answer". */
const char *known_hash(const struct hash_alg *alg) MUST_CHECK;
const char *known_mac(const struct mac_alg *alg) MUST_CHECK;
const char *known_cipher(const struct cipher_alg *alg) MUST_CHECK;
const char *known_aead(const struct aead_alg *alg) MUST_CHECK;
const char *known_group(const struct dh_group *group) MUST_CHECK;
const char *known_signature(const struct signature_alg *alg) MUST_CHECK;
const char *known_random(int (*random)(uint8_t *out, size_t len)) MUST_CHECK;

#endif
