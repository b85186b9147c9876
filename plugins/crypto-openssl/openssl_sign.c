/* SPDX-License-Identifier: MIT */
/* openssl_sign.c - signatures of phase 1: RSA as RFC 2409 5.1 has it, ECDSA as RFC 4754 has it. */
#include "openssl_parts.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { DER_SIGNATURE_MAX = 160, GROUP_NAME_MAX = 32 };

static EVP_PKEY *private_read(struct bytes pkcs8)
{
	const uint8_t *at = pkcs8.at;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
	EVP_PKEY *key = info && at == pkcs8.at + pkcs8.len ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (!key)
		(void)openssl_fault();
	return key;
}

static void private_free(void *key)
{
	EVP_PKEY_free(key);
}

static EVP_PKEY *public_read(struct bytes spki)
{
	const uint8_t *at = spki.at;
	EVP_PKEY *key = spki.at ? d2i_PUBKEY(NULL, &at, (long)spki.len) : NULL;

	if (key && at == spki.at + spki.len)
		return key;
	EVP_PKEY_free(key);
	(void)openssl_fault();
	return NULL;
}

/* ---- RSA ---- */

/* Octets of the modulus; 0: not what we take as a key. */
static size_t rsa_size(const EVP_PKEY *key)
{
	AUTO_NUMBER *modulus = NULL;
	AUTO_NUMBER *exponent = NULL;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1)
		return 0;
	int bits = BN_num_bits(modulus);
	if (!BN_is_odd(modulus) || !BN_is_odd(exponent) || BN_is_one(exponent) || BN_num_bits(exponent) > RSA_EXPONENT_BITS_MAX ||
	    bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return 0;
	return (size_t)BN_num_bytes(modulus);
}

static void *rsa_key_new(struct bytes pkcs8)
{
	EVP_PKEY *key = private_read(pkcs8);

	if (key && rsa_size(key))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* Without a digest OpenSSL pads the octets as they are. */
static int rsa_sign(void *key, struct bytes octets, uint8_t *out, size_t *len)
{
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new(key, NULL);

	if (octets.len == 0 || octets.len > HASH_SIZE_MAX)
		return FAULT_CRYPTO;
	if (*len < (size_t)EVP_PKEY_get_size(key))
		return FAULT_FULL;
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_sign(ctx, out, len, octets.at, octets.len) != 1)
		return openssl_fault();
	return 0;
}

/* The only block that is right: 0, 1, as many 255 as fit, 0, the octets. Nothing in a block is skipped or looked for. */
static void rsa_block(uint8_t *block, size_t size, struct bytes octets)
{
	block[0] = 0;
	block[1] = 1;
	memset(block + 2, 0xff, size - 3 - octets.len);
	block[size - 1 - octets.len] = 0;
	memcpy(block + size - octets.len, octets.at, octets.len);
}

static int rsa_verify(struct bytes spki, struct bytes octets, struct bytes signature)
{
	uint8_t block[SIGNATURE_MAX], wanted[SIGNATURE_MAX];

	if (octets.len == 0 || octets.len > HASH_SIZE_MAX)
		return FAULT_CRYPTO;
	AUTO_KEY *key = public_read(spki);
	size_t size = key ? rsa_size(key) : 0, got = sizeof(block);
	if (!size || signature.len != size)
		return FAULT_CRYPTO;
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new(key, NULL);
	if (!ctx || EVP_PKEY_verify_recover_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 ||
	    EVP_PKEY_verify_recover(ctx, block, &got, signature.at, signature.len) != 1)
		return openssl_fault();
	rsa_block(wanted, size, octets);
	return bytes_equal(bytes_of(block, got), bytes_of(wanted, size)) ? 0 : FAULT_CRYPTO;
}

/* ---- ECDSA ---- */

struct curve {
	const char *name;
	size_t field, hash;
};

static const struct curve curve256 = { "prime256v1", 32, 32 };
static const struct curve curve384 = { "secp384r1", 48, 48 };
static const struct curve curve521 = { "secp521r1", 66, 64 };

/* RFC 5480 2.1.1: a key names its curve; one that spells out the parameters could choose another generator. */
static bool curve_is(const EVP_PKEY *key, const struct curve *curve)
{
	char name[GROUP_NAME_MAX];
	int is_explicit = 1;

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), NULL) == 1 &&
	       strcmp(name, curve->name) == 0 &&
	       EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 && !is_explicit;
}

static void *ecdsa_key_new(const struct curve *curve, struct bytes pkcs8)
{
	EVP_PKEY *key = private_read(pkcs8);

	if (key && curve_is(key, curve))
		return key;
	EVP_PKEY_free(key);
	(void)openssl_fault();
	return NULL;
}

static int ecdsa_sign(const struct curve *curve, void *key, struct bytes octets, uint8_t *out, size_t *len)
{
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t der[DER_SIGNATURE_MAX];
	size_t der_len = sizeof(der);
	const uint8_t *at = der;

	if (*len < 2 * curve->field)
		return FAULT_FULL;
	if (octets.len != curve->hash || !ctx || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, der, &der_len, octets.at, octets.len) != 1)
		return openssl_fault();
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	bool is_made = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, (int)curve->field) > 0 &&
		       BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + curve->field, (int)curve->field) > 0;
	ECDSA_SIG_free(signature);
	if (!is_made)
		return openssl_fault();
	*len = 2 * curve->field;
	return 0;
}

/* Octets of r | s as DER; 0 without memory. */
static size_t der_of(struct bytes signature, uint8_t der[DER_SIGNATURE_MAX])
{
	int half = (int)(signature.len / 2);
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature.at, half, NULL), *s = BN_bin2bn(signature.at + half, half, NULL);
	int len = 0;

	if (numbers && r && s && ECDSA_SIG_set0(numbers, r, s) == 1) {
		len = i2d_ECDSA_SIG(numbers, &der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(numbers);
	return len > 0 ? (size_t)len : 0;
}

static int ecdsa_verify(const struct curve *curve, struct bytes spki, struct bytes octets, struct bytes signature)
{
	uint8_t der[DER_SIGNATURE_MAX];

	if (octets.len != curve->hash || signature.len != 2 * curve->field)
		return FAULT_CRYPTO;
	AUTO_KEY *key = public_read(spki);
	AUTO_KEY_CONTEXT *ctx = key && curve_is(key, curve) ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	size_t len = ctx ? der_of(signature, der) : 0;
	if (!len || EVP_PKEY_verify_init(ctx) != 1 || EVP_PKEY_verify(ctx, der, len, octets.at, octets.len) != 1)
		return openssl_fault();
	return 0;
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

const struct signature_alg openssl_signatures[] = {
	{ .name = "rsa", .key_new = rsa_key_new, .key_free = private_free, .sign = rsa_sign, .verify = rsa_verify },
	{ .name = "ecdsa256", .key_new = new256, .key_free = private_free, .sign = sign256, .verify = verify256 },
	{ .name = "ecdsa384", .key_new = new384, .key_free = private_free, .sign = sign384, .verify = verify384 },
	{ .name = "ecdsa521", .key_new = new521, .key_free = private_free, .sign = sign521, .verify = verify521 },
	{ .name = NULL },
};
