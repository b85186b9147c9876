/* SPDX-License-Identifier: MIT */
/*
 * gnutls_curve.c - Diffie-Hellman on the ECP curves (RFC 5903) and curve25519 (RFC 8031) by nettle: GnuTLS keeps
 * its key agreement to itself. nettle has no brainpool curves.
 */
#include <gmp.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <nettle/curve25519.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>

#include "gnutls_parts.h"

/* A draw is out of range with a probability of 2^-32 (ecp256) or less, so this many are never needed. */
enum { FIELD_MAX = 66, DRAWS_MAX = 32 };

static void number_clear(mpz_t number)
{
	size_t size = mpz_size(number);

	if (size > 0)
		wipe(mpz_limbs_modify(number, (mp_size_t)size), size * sizeof(mp_limb_t));
	mpz_clear(number);
}

static void number_to(const mpz_t number, uint8_t *octets, size_t len)
{
	gnu_limbs_to(mpz_limbs_read(number), mpz_size(number), octets, len);
}

/* nettle releases scalars and points without wiping them. */
static void scalar_clear(struct ecc_scalar *scalar, const struct ecc_curve *curve)
{
	wipe(scalar->p, (size_t)ecc_size(curve) * sizeof(mp_limb_t));
	ecc_scalar_clear(scalar);
}

static void point_clear(struct ecc_point *point, const struct ecc_curve *curve)
{
	wipe(point->p, (size_t)ecc_size_a(curve) * sizeof(mp_limb_t));
	ecc_point_clear(point);
}

/* False: not in 1..order-1. */
static bool scalar_set(struct ecc_scalar *scalar, struct bytes value)
{
	mpz_t number;

	mpz_init(number);
	mpz_import(number, value.len, 1, 1, 1, 0, value.at);
	bool ok = ecc_scalar_set(scalar, number) != 0;
	number_clear(number);
	return ok;
}

/* False: a coordinate is not below the prime, or the point is not on the curve. Infinity has no such form. */
static bool point_set(struct ecc_point *point, size_t field, struct bytes value)
{
	mpz_t x, y;

	mpz_inits(x, y, NULL);
	mpz_import(x, field, 1, 1, 1, 0, value.at);
	mpz_import(y, field, 1, 1, 1, 0, value.at + field);
	bool ok = ecc_point_set(point, x, y) != 0;
	mpz_clears(x, y, NULL);
	return ok;
}

/* y_out may be NULL. */
static void point_get(const struct ecc_point *point, size_t field, uint8_t *x_out, uint8_t *y_out)
{
	mpz_t x, y;

	mpz_inits(x, y, NULL);
	ecc_point_get(point, x, y);
	number_to(x, x_out, field);
	if (y_out)
		number_to(y, y_out, field);
	number_clear(x);
	number_clear(y);
}

static int scalar_draw(struct ecc_scalar *scalar, const struct ecc_curve *curve, struct secret *value)
{
	unsigned spare = (unsigned)value->len * 8 - ecc_bit_size(curve);

	for (int i = 0; i < DRAWS_MAX; i++) {
		if (gnutls_rnd(GNUTLS_RND_KEY, value->at, value->len) < 0)
			return FAULT_CRYPTO;
		value->at[0] &= (uint8_t)(0xff >> spare);
		if (scalar_set(scalar, secret_bytes(value)))
			return 0;
	}
	return FAULT_CRYPTO;
}

int gnu_ecp_generate(const struct ecc_curve *curve, size_t field, struct secret *private_out,
		     uint8_t *public_out)
{
	struct ecc_scalar scalar;
	struct ecc_point point;
	int fault = secret_new(private_out, field);

	if (fault)
		return fault;
	ecc_scalar_init(&scalar, curve);
	ecc_point_init(&point, curve);
	fault = scalar_draw(&scalar, curve, private_out);
	if (fault) {
		secret_free(private_out);
	} else {
		ecc_point_mul_g(&point, &scalar);
		point_get(&point, field, public_out, public_out + field);
	}
	point_clear(&point, curve);
	scalar_clear(&scalar, curve);
	return fault;
}

int gnu_ecp_shared(const struct ecc_curve *curve, size_t field, const struct secret *private_value,
		   struct bytes peer, struct secret *out)
{
	struct ecc_scalar scalar;
	struct ecc_point point;

	if (peer.len != 2 * field || private_value->len == 0 || private_value->len > FIELD_MAX)
		return FAULT_CRYPTO;
	int fault = secret_new(out, field);
	if (fault)
		return fault;
	ecc_scalar_init(&scalar, curve);
	ecc_point_init(&point, curve);
	/* The order is prime, so a point on the curve is in the right group (RFC 6989 2.3), and the product is never infinity. */
	if (point_set(&point, field, peer) && scalar_set(&scalar, secret_bytes(private_value))) {
		ecc_point_mul(&point, &scalar, &point);
		point_get(&point, field, out->at, NULL);
	} else {
		fault = FAULT_CRYPTO;
		secret_free(out);
	}
	point_clear(&point, curve);
	scalar_clear(&scalar, curve);
	return fault;
}

int gnu_x25519_generate(struct secret *private_out, uint8_t *public_out)
{
	int fault = secret_new(private_out, CURVE25519_SIZE);

	if (fault)
		return fault;
	if (gnutls_rnd(GNUTLS_RND_KEY, private_out->at, private_out->len) < 0) {
		secret_free(private_out);
		return FAULT_CRYPTO;
	}
	curve25519_mul_g(public_out, private_out->at);
	return 0;
}

int gnu_x25519_shared(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	static const uint8_t zero[CURVE25519_SIZE];

	if (peer.len != CURVE25519_SIZE || private_value->len != CURVE25519_SIZE)
		return FAULT_CRYPTO;
	int fault = secret_new(out, CURVE25519_SIZE);
	if (fault)
		return fault;
	curve25519_mul(out->at, private_value->at, peer.at);
	/* RFC 7748 6.1: a peer's value of small order, whatever ours is. */
	if (secret_equal(secret_bytes(out), bytes_of(zero, sizeof(zero)))) {
		secret_free(out);
		return FAULT_CRYPTO;
	}
	return 0;
}
