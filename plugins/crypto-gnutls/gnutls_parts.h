/* SPDX-License-Identifier: MIT */
/*
 * gnutls_parts.h - what the files of this plugin share. GnuTLS does what it has a public function for; nettle and
 * GMP, on which it stands, do the rest.
 */
#ifndef KEYFERRY_GNUTLS_PARTS_H
#define KEYFERRY_GNUTLS_PARTS_H
#include <gmp.h>
#include <nettle/aes.h>
#include <nettle/nettle-meta.h>

#include "crypto.h"

extern const struct hash_alg gnu_hashes[];
extern const struct mac_alg gnu_macs[];
extern const struct cipher_alg gnu_ciphers[];
extern const struct aead_alg gnu_aeads[];
extern const struct dh_group gnu_groups[];
extern const struct signature_alg gnu_signatures[];
extern const struct crypto_backend gnu_backend;

/* A key schedule for encryption, which is all that CTR and CCM need; `cipher` says which one it is. */
struct aes_key {
	const struct nettle_cipher *cipher;
	union {
		struct aes128_ctx aes128;
		struct aes192_ctx aes192;
		struct aes256_ctx aes256;
	} schedule;
};

/* False for a key of a wrong length. */
bool gnu_aes_set(struct aes_key *aes, const struct nettle_cipher *cipher, struct bytes key) MUST_CHECK;

/* Big-endian octets to limbs, least significant first, and back; `count` limbs hold at least `len` octets. */
void gnu_limbs_from(mp_limb_t *limbs, size_t count, const uint8_t *octets, size_t len);
void gnu_limbs_to(const mp_limb_t *limbs, size_t count, uint8_t *octets, size_t len);

/* The MODP primes as hexadecimal text, RFC 2409 6.2 and RFC 3526. */
extern const char gnu_prime1024[], gnu_prime1536[], gnu_prime2048[], gnu_prime3072[],
	gnu_prime4096[], gnu_prime6144[], gnu_prime8192[];

/* For the one list of groups, which is gnutls_group.c's. */
struct ecc_curve;
int gnu_ecp_generate(const struct ecc_curve *curve, size_t field, struct secret *private_out,
		     uint8_t *public_out) MUST_CHECK;
int gnu_ecp_shared(const struct ecc_curve *curve, size_t field, const struct secret *private_value,
		   struct bytes peer, struct secret *out) MUST_CHECK;
int gnu_x25519_generate(struct secret *private_out, uint8_t *public_out) MUST_CHECK;
int gnu_x25519_shared(const struct secret *private_value, struct bytes peer,
		      struct secret *out) MUST_CHECK;

#endif
