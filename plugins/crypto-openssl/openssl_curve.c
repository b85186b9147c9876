/* SPDX-License-Identifier: MIT */
/* openssl_curve.c - Diffie-Hellman on the ECP curves (RFC 5903), brainpool (RFC 6954) and curve25519 (RFC 8031). */
#include "openssl_parts.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>

enum { FIELD_MAX = 66, POINT_MAX = 1 + 2 * FIELD_MAX, UNCOMPRESSED = 4, X25519_LEN = 32 };

/* A key with a private value or a point (0x04, x, y), the other being NULL. NULL: refused, as a point off the curve is. */
static EVP_PKEY *curve_key(const char *curve, const BIGNUM *private_value, struct bytes point)
{
	AUTO_BUILD *build = OSSL_PARAM_BLD_new();
	AUTO_PARAMS *params = NULL;
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!build || !ctx ||
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) != 1)
		return NULL;
	if (private_value &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, private_value) != 1)
		return NULL;
	if (point.at && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.at,
							 point.len) != 1)
		return NULL;
	if (!(params = OSSL_PARAM_BLD_to_param(build)) || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		return NULL;
	return key;
}

static EVP_PKEY *curve_new_key(const char *curve)
{
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_group_name(ctx, curve) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
		return NULL;
	return key;
}

int openssl_curve_generate(const char *curve, size_t field, struct secret *private_out,
			   uint8_t *public_out)
{
	AUTO_KEY *key = curve_new_key(curve);
	AUTO_NUMBER *number = BN_secure_new();
	uint8_t point[POINT_MAX];
	size_t len = 0;

	if (!key || !number || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1 ||
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					    &len) != 1)
		return openssl_fault();
	if (len != 1 + 2 * field || point[0] != UNCOMPRESSED)
		return FAULT_CRYPTO;
	int fault = secret_new(private_out, field);
	if (fault)
		return fault;
	if (BN_bn2binpad(number, private_out->at, (int)field) != (int)field) {
		secret_free(private_out);
		return openssl_fault();
	}
	memcpy(public_out, point + 1, 2 * field);
	return 0;
}

int openssl_curve_shared(const char *curve, size_t field, const struct secret *private_value,
			 struct bytes peer, struct secret *out)
{
	uint8_t point[POINT_MAX] = { UNCOMPRESSED };

	if (peer.len != 2 * field || private_value->len > FIELD_MAX)
		return FAULT_CRYPTO;
	memcpy(point + 1, peer.at, peer.len);
	AUTO_NUMBER *x = BN_secure_new();
	if (!x || !BN_bin2bn(private_value->at, (int)private_value->len, x))
		return FAULT_MEMORY;
	/* All these curves have cofactor 1: being on the curve is all that a point must be (RFC 6989 2.3). */
	AUTO_KEY *peer_key = curve_key(curve, NULL, bytes_of(point, 1 + peer.len));
	AUTO_KEY *own = peer_key ? curve_key(curve, x, bytes_of(NULL, 0)) : NULL;
	if (!own)
		return openssl_fault();
	return openssl_derive(own, peer_key, field, out);
}

int openssl_x25519_generate(struct secret *private_out, uint8_t *public_out)
{
	AUTO_SECRET private_value = { NULL, 0 };
	size_t len = X25519_LEN;
	int fault = secret_new(&private_value, X25519_LEN);

	if (fault)
		return fault;
	if (RAND_priv_bytes(private_value.at, X25519_LEN) != 1)
		return openssl_fault();
	AUTO_KEY *key =
		EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private_value.at, X25519_LEN);
	if (!key || EVP_PKEY_get_raw_public_key(key, public_out, &len) != 1)
		return openssl_fault();
	secret_free(private_out);
	*private_out = secret_move(&private_value);
	return 0;
}

/* OpenSSL fails on an all-zero result, which RFC 7748 6.1 lets us refuse. */
int openssl_x25519_shared(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	if (peer.len != X25519_LEN || private_value->len != X25519_LEN)
		return FAULT_CRYPTO;
	AUTO_KEY *own =
		EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private_value->at, X25519_LEN);
	AUTO_KEY *peer_key =
		EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer.at, X25519_LEN);
	if (!own || !peer_key)
		return openssl_fault();
	return openssl_derive(own, peer_key, X25519_LEN, out);
}
