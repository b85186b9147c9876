/* SPDX-License-Identifier: MIT */
/* gnutls_sign.c - signatures of phase 1: RSA as RFC 2409 5.1 has it, ECDSA as RFC 4754 has it. */
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "gnutls_parts.h"

enum { FIELD_MAX = 66 };

static gnutls_datum_t datum_of(struct bytes b)
{
	return (gnutls_datum_t){ (unsigned char *)b.at, (unsigned)b.len };
}

static void *private_read(struct bytes pkcs8)
{
	gnutls_datum_t der = datum_of(pkcs8);
	gnutls_privkey_t key;

	if (gnutls_privkey_init(&key) < 0)
		return NULL;
	if (gnutls_privkey_import_x509_raw(key, &der, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN) == 0)
		return key;
	gnutls_privkey_deinit(key);
	return NULL;
}

static void private_free(void *key)
{
	gnutls_privkey_deinit(key);
}

static bool public_read(gnutls_pubkey_t *out, struct bytes spki)
{
	gnutls_datum_t der = datum_of(spki);

	if (gnutls_pubkey_init(out) < 0)
		return false;
	if (gnutls_pubkey_import(*out, &der, GNUTLS_X509_FMT_DER) == 0)
		return true;
	gnutls_pubkey_deinit(*out);
	return false;
}

/* ---- RSA ---- */

/* Octets of the modulus; 0: not what we take as a key. Both numbers are without leading zeros. */
static size_t rsa_size(gnutls_datum_t modulus, gnutls_datum_t exponent)
{
	unsigned top = modulus.size ? modulus.data[0] : 0;
	size_t bits = (size_t)modulus.size * 8;

	while (bits && !(top & 0x80)) {
		top <<= 1;
		bits--;
	}
	bool is_odd = modulus.size && exponent.size && modulus.data[modulus.size - 1] % 2 && exponent.data[exponent.size - 1] % 2;
	bool is_one = exponent.size == 1 && exponent.data[0] == 1;
	if (!is_odd || is_one || exponent.size > RSA_EXPONENT_BITS_MAX / 8 || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return 0;
	return modulus.size;
}

static size_t rsa_public_size(gnutls_pubkey_t key)
{
	gnutls_datum_t modulus, exponent;

	if (gnutls_pubkey_get_pk_algorithm(key, NULL) != GNUTLS_PK_RSA ||
	    gnutls_pubkey_export_rsa_raw2(key, &modulus, &exponent, GNUTLS_EXPORT_FLAG_NO_LZ) < 0)
		return 0;
	size_t size = rsa_size(modulus, exponent);
	gnutls_free(modulus.data);
	gnutls_free(exponent.data);
	return size;
}

static size_t rsa_private_size(gnutls_privkey_t key)
{
	gnutls_pubkey_t public_key;
	size_t size = 0;

	if (gnutls_privkey_get_pk_algorithm(key, NULL) != GNUTLS_PK_RSA || gnutls_pubkey_init(&public_key) < 0)
		return 0;
	if (gnutls_pubkey_import_privkey(public_key, key, 0, 0) == 0)
		size = rsa_public_size(public_key);
	gnutls_pubkey_deinit(public_key);
	return size;
}

static void *rsa_key_new(struct bytes pkcs8)
{
	gnutls_privkey_t key = private_read(pkcs8);

	if (key && rsa_private_size(key))
		return key;
	if (key)
		private_free(key);
	return NULL;
}

static int rsa_sign(void *key, struct bytes octets, uint8_t *out, size_t *len)
{
	gnutls_datum_t hash = datum_of(octets), signature = { NULL, 0 };

	if (octets.len == 0 || octets.len > HASH_SIZE_MAX)
		return FAULT_CRYPTO;
	/* What TLS 1.0 signs has no DigestInfo either; any length goes. */
	if (gnutls_privkey_sign_hash(key, GNUTLS_DIG_UNKNOWN, GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA, &hash, &signature) < 0)
		return FAULT_CRYPTO;
	int fault = signature.size > *len ? FAULT_FULL : 0;
	if (!fault)
		memcpy(out, signature.data, *len = signature.size);
	gnutls_free(signature.data);
	return fault;
}

/* nettle makes the block that belongs to the octets and compares it whole; it takes numbers, so that lengths are ours to check. */
static int rsa_verify(struct bytes spki, struct bytes octets, struct bytes signature)
{
	gnutls_datum_t hash = datum_of(octets), proof = datum_of(signature);
	gnutls_pubkey_t key;

	if (octets.len == 0 || octets.len > HASH_SIZE_MAX || signature.len > SIGNATURE_MAX || !public_read(&key, spki))
		return FAULT_CRYPTO;
	bool is_right = signature.len == rsa_public_size(key) && signature.len &&
			gnutls_pubkey_verify_hash2(key, GNUTLS_SIGN_UNKNOWN, GNUTLS_VERIFY_USE_TLS1_RSA, &hash, &proof) >= 0;
	gnutls_pubkey_deinit(key);
	return is_right ? 0 : FAULT_CRYPTO;
}

/* ---- ECDSA ---- */

struct curve {
	gnutls_ecc_curve_t id;
	size_t field, hash;
	gnutls_digest_algorithm_t digest;
	gnutls_sign_algorithm_t algorithm;
};

static const struct curve curve256 = { GNUTLS_ECC_CURVE_SECP256R1, 32, 32, GNUTLS_DIG_SHA256, GNUTLS_SIGN_ECDSA_SHA256 };
static const struct curve curve384 = { GNUTLS_ECC_CURVE_SECP384R1, 48, 48, GNUTLS_DIG_SHA384, GNUTLS_SIGN_ECDSA_SHA384 };
static const struct curve curve521 = { GNUTLS_ECC_CURVE_SECP521R1, 66, 64, GNUTLS_DIG_SHA512, GNUTLS_SIGN_ECDSA_SHA512 };

static void *ecdsa_key_new(const struct curve *curve, struct bytes pkcs8)
{
	gnutls_privkey_t key = private_read(pkcs8);
	gnutls_ecc_curve_t id = GNUTLS_ECC_CURVE_INVALID;

	if (key && gnutls_privkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_ECDSA &&
	    gnutls_privkey_export_ecc_raw2(key, &id, NULL, NULL, NULL, 0) == 0 && id == curve->id)
		return key;
	if (key)
		private_free(key);
	return NULL;
}

/* A number of any length to exactly `field` octets. */
static bool number_to(gnutls_datum_t number, uint8_t *out, size_t field)
{
	while (number.size && !number.data[0])
		number.data++, number.size--;
	if (number.size > field)
		return false;
	memset(out, 0, field - number.size);
	if (number.size)
		memcpy(out + field - number.size, number.data, number.size);
	return true;
}

static int ecdsa_sign(const struct curve *curve, void *key, struct bytes octets, uint8_t *out, size_t *len)
{
	gnutls_datum_t hash = datum_of(octets), signature = { NULL, 0 }, r = { NULL, 0 }, s = { NULL, 0 };
	int fault = FAULT_CRYPTO;

	if (*len < 2 * curve->field)
		return FAULT_FULL;
	if (octets.len != curve->hash || gnutls_privkey_sign_hash(key, curve->digest, 0, &hash, &signature) < 0)
		return FAULT_CRYPTO;
	if (gnutls_decode_rs_value(&signature, &r, &s) == 0 && number_to(r, out, curve->field) &&
	    number_to(s, out + curve->field, curve->field)) {
		*len = 2 * curve->field;
		fault = 0;
	}
	gnutls_free(r.data);
	gnutls_free(s.data);
	gnutls_free(signature.data);
	return fault;
}

static bool curve_is(gnutls_pubkey_t key, const struct curve *curve)
{
	gnutls_ecc_curve_t id = GNUTLS_ECC_CURVE_INVALID;

	return gnutls_pubkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_ECDSA &&
	       gnutls_pubkey_export_ecc_raw2(key, &id, NULL, NULL, 0) == 0 && id == curve->id;
}

static int ecdsa_verify(const struct curve *curve, struct bytes spki, struct bytes octets, struct bytes signature)
{
	gnutls_datum_t hash = datum_of(octets), proof = { NULL, 0 };
	/* A number whose first bit is set would be negative. */
	uint8_t number[2][1 + FIELD_MAX] = { { 0 } };
	gnutls_datum_t r = { number[0], (unsigned)curve->field + 1 }, s = { number[1], (unsigned)curve->field + 1 };
	gnutls_pubkey_t key;

	if (octets.len != curve->hash || signature.len != 2 * curve->field || !public_read(&key, spki))
		return FAULT_CRYPTO;
	memcpy(number[0] + 1, signature.at, curve->field);
	memcpy(number[1] + 1, signature.at + curve->field, curve->field);
	bool is_right = curve_is(key, curve) && gnutls_encode_rs_value(&proof, &r, &s) == 0 &&
			gnutls_pubkey_verify_hash2(key, curve->algorithm, 0, &hash, &proof) >= 0;
	gnutls_free(proof.data);
	gnutls_pubkey_deinit(key);
	return is_right ? 0 : FAULT_CRYPTO;
}

/* The rows' functions have no place for the curve. */
#define CURVE_ROW(bits)                                                                                      \
	static void *new##bits(struct bytes pkcs8)                                                           \
	{                                                                                                    \
		return ecdsa_key_new(&curve##bits, pkcs8);                                                   \
	}                                                                                                    \
	static int sign##bits(void *key, struct bytes octets, uint8_t *out, size_t *len)                     \
	{                                                                                                    \
		return ecdsa_sign(&curve##bits, key, octets, out, len);                                      \
	}                                                                                                    \
	static int verify##bits(struct bytes spki, struct bytes octets, struct bytes signature)              \
	{                                                                                                    \
		return ecdsa_verify(&curve##bits, spki, octets, signature);                                  \
	}

CURVE_ROW(256)
CURVE_ROW(384)
CURVE_ROW(521)

const struct signature_alg gnu_signatures[] = {
	{ .name = "rsa", .key_new = rsa_key_new, .key_free = private_free, .sign = rsa_sign, .verify = rsa_verify },
	{ .name = "ecdsa256", .key_new = new256, .key_free = private_free, .sign = sign256, .verify = verify256 },
	{ .name = "ecdsa384", .key_new = new384, .key_free = private_free, .sign = sign384, .verify = verify384 },
	{ .name = "ecdsa521", .key_new = new521, .key_free = private_free, .sign = sign521, .verify = verify521 },
	{ .name = NULL },
};
