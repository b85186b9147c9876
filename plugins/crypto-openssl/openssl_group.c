/* SPDX-License-Identifier: MIT */
/* openssl_group.c - the list of Diffie-Hellman groups, and the MODP ones (RFC 2409 6.2, RFC 3526). */
#include "openssl_parts.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/rand.h>

/* Exponents of at least twice the group's strength, RFC 3526 8; the top bit is always set. */
static const size_t exponent_bits[MODP_COUNT] = {
	[MODP1024] = 225, [MODP1536] = 225, [MODP2048] = 225, [MODP3072] = 320,
	[MODP4096] = 384, [MODP6144] = 448, [MODP8192] = 512,
};

/* A key of group `id` with one value in it: OSSL_PKEY_PARAM_PRIV_KEY or _PUB_KEY. NULL: refused. */
static EVP_PKEY *modp_key(enum modp id, const char *name, const BIGNUM *value)
{
	AUTO_BUILD *build = OSSL_PARAM_BLD_new();
	AUTO_PARAMS *params = NULL;
	AUTO_NUMBER *generator = BN_new();
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = NULL;

	if (!build || !generator || !ctx || BN_set_word(generator, 2) != 1 ||
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, openssl_handles.primes[id]) != 1 ||
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, generator) != 1 ||
	    OSSL_PARAM_BLD_push_BN(build, name, value) != 1 ||
	    !(params = OSSL_PARAM_BLD_to_param(build)))
		return NULL;
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		return NULL;
	return key;
}

int openssl_derive(EVP_PKEY *own, EVP_PKEY *peer, size_t len, struct secret *out)
{
	AUTO_KEY_CONTEXT *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t got = len;

	/*
	 * The callers have checked the peer's value; OpenSSL's own check would raise a MODP one to the
	 * group's order, which takes ten times as long as the exchange itself.
	 */
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1)
		return openssl_fault();
	if (EVP_PKEY_is_a(own, "DH") && EVP_PKEY_CTX_set_dh_pad(ctx, 1) != 1)
		return openssl_fault();
	int fault = secret_new(out, len);
	if (fault)
		return fault;
	if (EVP_PKEY_derive(ctx, out->at, &got) != 1 || got != len) {
		secret_free(out);
		return openssl_fault();
	}
	return 0;
}

/* value ^ exponent mod p. The exponent's BIGNUM is a secure one so that OpenSSL wipes the copies it makes. */
static int modp_power(enum modp id, const struct secret *exponent, const BIGNUM *value,
		      struct secret *out)
{
	AUTO_NUMBER *x = BN_secure_new();

	if (!x || exponent->len > INT_MAX || !BN_bin2bn(exponent->at, (int)exponent->len, x))
		return FAULT_MEMORY;
	AUTO_KEY *own = modp_key(id, OSSL_PKEY_PARAM_PRIV_KEY, x);
	AUTO_KEY *peer = modp_key(id, OSSL_PKEY_PARAM_PUB_KEY, value);
	if (!own || !peer)
		return openssl_fault();
	return openssl_derive(own, peer, (size_t)BN_num_bytes(openssl_handles.primes[id]), out);
}

static int modp_generate(enum modp id, struct secret *private_out, uint8_t *public_out)
{
	AUTO_NUMBER *generator = BN_new();
	AUTO_SECRET private_value = { NULL, 0 };
	AUTO_SECRET public_value = { NULL, 0 };
	size_t bits = exponent_bits[id];

	if (!generator || BN_set_word(generator, 2) != 1)
		return FAULT_MEMORY;
	int fault = secret_new(&private_value, (bits + 7) / 8);
	if (fault)
		return fault;
	if (RAND_priv_bytes(private_value.at, (int)private_value.len) != 1)
		return openssl_fault();
	uint8_t top = (uint8_t)(1u << ((bits - 1) % 8));
	private_value.at[0] = (uint8_t)((private_value.at[0] & (top - 1)) | top);
	fault = modp_power(id, &private_value, generator, &public_value);
	if (fault)
		return fault;
	memcpy(public_out, public_value.at, public_value.len);
	secret_free(private_out);
	*private_out = secret_move(&private_value);
	return 0;
}

static int modp_shared(enum modp id, const struct secret *private_value, struct bytes peer,
		       struct secret *out)
{
	const BIGNUM *prime = openssl_handles.primes[id];

	if (peer.len != (size_t)BN_num_bytes(prime))
		return FAULT_CRYPTO;
	AUTO_NUMBER *value = BN_bin2bn(peer.at, (int)peer.len, NULL);
	AUTO_NUMBER *next = value ? BN_dup(value) : NULL;
	if (!next || BN_add_word(next, 1) != 1)
		return FAULT_MEMORY;
	/* RFC 2412 2.3.1.1: 0, 1 and p-1 would make the secret known; 2..p-2 suffices for a safe prime (RFC 6989 2.1). */
	if (BN_is_zero(value) || BN_is_one(value) || BN_cmp(next, prime) >= 0)
		return FAULT_CRYPTO;
	return modp_power(id, private_value, value, out);
}

/* clang-format off */
#define MODP_FUNCTIONS(name, id)                                                                                     \
	static int name##_generate(struct secret *private_out, uint8_t *public_out)                                  \
	{                                                                                                            \
		return modp_generate(id, private_out, public_out);                                                   \
	}                                                                                                            \
	static int name##_shared(const struct secret *private_value, struct bytes peer, struct secret *out)          \
	{                                                                                                            \
		return modp_shared(id, private_value, peer, out);                                                    \
	}

#define CURVE_FUNCTIONS(name, curve, field)                                                                          \
	static int name##_generate(struct secret *private_out, uint8_t *public_out)                                  \
	{                                                                                                            \
		return openssl_curve_generate(curve, field, private_out, public_out);                                        \
	}                                                                                                            \
	static int name##_shared(const struct secret *private_value, struct bytes peer, struct secret *out)          \
	{                                                                                                            \
		return openssl_curve_shared(curve, field, private_value, peer, out);                                         \
	}

MODP_FUNCTIONS(modp1024, MODP1024)
MODP_FUNCTIONS(modp1536, MODP1536)
MODP_FUNCTIONS(modp2048, MODP2048)
MODP_FUNCTIONS(modp3072, MODP3072)
MODP_FUNCTIONS(modp4096, MODP4096)
MODP_FUNCTIONS(modp6144, MODP6144)
MODP_FUNCTIONS(modp8192, MODP8192)
CURVE_FUNCTIONS(ecp256, "P-256", 32)
CURVE_FUNCTIONS(ecp384, "P-384", 48)
CURVE_FUNCTIONS(ecp521, "P-521", 66)
CURVE_FUNCTIONS(brainpool256, "brainpoolP256r1", 32)
CURVE_FUNCTIONS(brainpool384, "brainpoolP384r1", 48)
CURVE_FUNCTIONS(brainpool512, "brainpoolP512r1", 64)

#define ROW(function, public_octets, shared_octets)                                                     \
	{                                                                                               \
		.name = #function, .public_len = public_octets, .shared_len = shared_octets,            \
		.generate = function##_generate, .shared = function##_shared,                           \
	}

const struct dh_group openssl_groups[] = {
	ROW(modp1024, 128, 128),    ROW(modp1536, 192, 192),    ROW(modp2048, 256, 256),      ROW(modp3072, 384, 384),
	ROW(modp4096, 512, 512),    ROW(modp6144, 768, 768),    ROW(modp8192, 1024, 1024),    ROW(ecp256, 64, 32),
	ROW(ecp384, 96, 48),        ROW(ecp521, 132, 66),       ROW(brainpool256, 64, 32),    ROW(brainpool384, 96, 48),
	ROW(brainpool512, 128, 64), { .name = "curve25519", .public_len = 32, .shared_len = 32,
				      .generate = openssl_x25519_generate, .shared = openssl_x25519_shared },
	{ .name = NULL },
};
