/* SPDX-License-Identifier: MIT */
/*
 * crypto.h - what a crypto backend provides, and the one table of algorithms that results: per algorithm
 * the first backend in the configured order that has it and passed its known-answer tests at load.
 * Users look an algorithm up once, when the configuration is read, and keep the pointer.
 */
#ifndef KEYFERRY_CRYPTO_H
#define KEYFERRY_CRYPTO_H
#include "bytes.h"
#include "log.h"
#include "plugin.h"
#include "secret.h"

/* Largest sizes of anything below, in octets; checked for each row when a backend is loaded. */
enum {
	HASH_SIZE_MAX = 64, CIPHER_KEY_MAX = 32, CIPHER_BLOCK_MAX = 16, AEAD_NONCE_MAX = 12, AEAD_TAG_MAX = 16,
	DH_PUBLIC_MAX = 1024,
	/* Of RSA moduli, in bits. What is shorter can be factored by some; longer ones only cost us time, and a peer chooses its own. */
	RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192,
	/* Of RSA's public exponent, in bits: what OpenSSL takes for every modulus. 65537 is usual; 1 and even ones are none. */
	RSA_EXPONENT_BITS_MAX = 64,
	SIGNATURE_MAX = RSA_BITS_MAX / 8,
};

/* All run() below return 0 or FAULT_CRYPTO (FAULT_MEMORY) and take lists of pieces where input may be scattered. */

/* "md5", "sha1", "sha256", "sha384", "sha512" */
struct hash_alg {
	const char *name;
	size_t size;
	int (*run)(const struct bytes *in, size_t count, uint8_t *out);
};

/*
 * HMAC, as prf (RFC 2409 4) and, truncated by its user, as ESP's integrity: "hmac-md5", "hmac-sha1",
 * "hmac-sha256", "hmac-sha384", "hmac-sha512". Any key length.
 */
struct mac_alg {
	const char *name;
	size_t size;
	int (*run)(struct bytes key, const struct bytes *in, size_t count, uint8_t *out);
	/* A key schedule kept for the packet path: one context per SA and thread. NULL without memory. */
	void *(*context_new)(struct bytes key);
	void (*context_free)(void *context);
	int (*context_run)(void *context, const struct bytes *in, size_t count, uint8_t *out);
};

/*
 * "aes128-cbc", "aes192-cbc", "aes256-cbc", "camellia128-cbc", "camellia192-cbc", "camellia256-cbc", "3des-cbc",
 * "aes128-ctr", "aes192-ctr", "aes256-ctr". CBC: len is a multiple of block and iv has block octets. CTR: block is 1,
 * iv is the whole 16-octet first counter block (RFC 3686: nonce 4, IV 8, counter 4 from 1, big-endian). In place.
 */
struct cipher_alg {
	const char *name;
	size_t key, block, iv;
	int (*run)(bool encrypt, struct bytes key, const uint8_t *iv, uint8_t *data, size_t len);
	void *(*context_new)(struct bytes key);       /* serves both directions                         */
	void (*context_free)(void *context);
	int (*context_run)(void *context, bool encrypt, const uint8_t *iv, uint8_t *data, size_t len);
};

/*
 * "aes128-gcm8", "-gcm12", "-gcm16", "aes128-ccm8", "-ccm12", "-ccm16", and so for 192 and 256. nonce is 12 for GCM
 * (RFC 4106: salt 4 + IV 8), 11 for CCM (RFC 4309: salt 3 + IV 8). tag is the ICV's size. seal and open work from
 * `in` to `out`, which are the same or do not overlap; open checks the tag in constant time before FAULT_CRYPTO.
 */
struct aead_alg {
	const char *name;
	size_t key, nonce, tag;
	void *(*context_new)(struct bytes key);
	void (*context_free)(void *context);
	int (*seal)(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag);
	int (*open)(void *context, const uint8_t *nonce, struct bytes aad, const uint8_t *in, size_t len, uint8_t *out, const uint8_t *tag);
};

/*
 * "modp1024", "modp1536", "modp2048", "modp3072", "modp4096", "modp6144", "modp8192", "ecp256", "ecp384", "ecp521",
 * "brainpool256", "brainpool384", "brainpool512", "curve25519". Public values as on the wire: MODP padded to the prime's length,
 * ECP x|y (RFC 5903), curve25519 32 octets. shared() refuses what RFC 6989 and RFC 2412 refuse: MODP outside 2..p-2, points off the
 * curve, the all-zero X25519 result; ECP's shared value is x alone. Private values are secrets of at least twice the group's
 * strength (MODP: short exponents, 225 bits for 1536 up to 512 for 8192, RFC 3526 8), each used for one exchange only.
 */
struct dh_group {
	const char *name;
	size_t public_len, shared_len;
	int (*generate)(struct secret *private_out, uint8_t *public_out);
	int (*shared)(const struct secret *private_value, struct bytes peer, struct secret *out);
};

/*
 * "rsa": what RFC 2409 5.1 calls private key encryption: block type 1 of PKCS #1 (RFC 8017 9.2's padding) around the bare octets, without the
 * DigestInfo. verify() takes a signature only of exactly the modulus's length whose whole block is the one that belongs to the octets.
 * "ecdsa256", "ecdsa384", "ecdsa521" (RFC 4754): r | s, each of the length of the group's order; `octets` has exactly 32, 48 or 64.
 */
struct signature_alg {
	const char *name;
	/* Of a PrivateKeyInfo (RFC 5958, DER, not encrypted). NULL: no sound key of this algorithm, or too small or large, or no memory. */
	void *(*key_new)(struct bytes pkcs8);
	void (*key_free)(void *key);
	/* `len`: octets that `out` has room for, then those written; any thread, several at once. FAULT_FULL, FAULT_CRYPTO. */
	int (*sign)(void *key, struct bytes octets, uint8_t *out, size_t *len);
	/* `spki`: a SubjectPublicKeyInfo (RFC 5280 4.1, DER), of whoever. FAULT_CRYPTO: no key of this algorithm, or not its signature. */
	int (*verify)(struct bytes spki, struct bytes octets, struct bytes signature);
};

/* SERVICE_CRYPTO. Each list ends with a row whose name is NULL; a list may be NULL. */
struct crypto_backend {
	const char *name;
	const struct hash_alg *hashes;
	const struct mac_alg *macs;
	const struct cipher_alg *ciphers;
	const struct aead_alg *aeads;
	const struct dh_group *groups;
	const struct signature_alg *signatures;
	int (*random)(uint8_t *out, size_t len);
};

struct crypto;             /* read-only after crypto_new(): any thread */

/*
 * Runs the known answers over every row of every backend, in the order of `services`; a row that fails (or
 * has no known answer) is left out with one line of level error, code "crypto-self-test". `order`: names of backends
 * to use, NULL-terminated, those not named are not used at all; NULL: all in the order of loading.
 * FAULT_UNSUPPORTED: no backend, or one that is named in `order` is not loaded (logged).
 */
int crypto_new(struct crypto **out, const struct services *services, const char *const *order,
	       const struct log_context *log) MUST_CHECK;
void crypto_free(struct crypto *crypto);

/* NULL when no backend has it. */
const struct hash_alg *crypto_hash(const struct crypto *crypto, const char *name);
const struct mac_alg *crypto_mac(const struct crypto *crypto, const char *name);
const struct cipher_alg *crypto_cipher(const struct crypto *crypto, const char *name);
const struct aead_alg *crypto_aead(const struct crypto *crypto, const char *name);
const struct dh_group *crypto_group(const struct crypto *crypto, const char *name);
const struct signature_alg *crypto_signature(const struct crypto *crypto, const char *name);
/* Name of the backend that serves an algorithm, for status and logs; "none". `alg` is a pointer that was returned above. */
const char *crypto_backend_of(const struct crypto *crypto, const void *alg);
int crypto_random(const struct crypto *crypto, void *out, size_t len) MUST_CHECK;

#endif
