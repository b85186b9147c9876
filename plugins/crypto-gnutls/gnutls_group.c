/* SPDX-License-Identifier: MIT */
/* gnutls_group.c - the list of Diffie-Hellman groups, and the MODP ones (RFC 2409 6.2, RFC 3526) by GMP. */
#include <gmp.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <nettle/ecc-curve.h>
#include <stdlib.h>

#include "gnutls_parts.h"

_Static_assert(GMP_NAIL_BITS == 0, "limbs are taken for whole numbers of octets");

/* `exponent` is in bits, at least twice the group's strength (RFC 3526 8). The generator is 2 for all of them. */
struct modp {
	const char *prime;
	size_t len, exponent;
};

static const struct modp modp1024 = { gnu_prime1024, 128, 225 };
static const struct modp modp1536 = { gnu_prime1536, 192, 225 };
static const struct modp modp2048 = { gnu_prime2048, 256, 225 };
static const struct modp modp3072 = { gnu_prime3072, 384, 320 };
static const struct modp modp4096 = { gnu_prime4096, 512, 384 };
static const struct modp modp6144 = { gnu_prime6144, 768, 448 };
static const struct modp modp8192 = { gnu_prime8192, 1024, 512 };

enum { EXPONENT_MAX = 1024 };

void gnu_limbs_from(mp_limb_t *limbs, size_t count, const uint8_t *octets, size_t len)
{
	memset(limbs, 0, count * sizeof(*limbs));
	for (size_t i = 0; i < len; i++)
		limbs[i / sizeof(*limbs)] |= (mp_limb_t)octets[len - 1 - i]
					     << (8 * (i % sizeof(*limbs)));
}

/* Always touches all of `octets`: how long a secret is without its leading zeros must not show. */
void gnu_limbs_to(const mp_limb_t *limbs, size_t count, uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		mp_limb_t limb = i / sizeof(*limbs) < count ? limbs[i / sizeof(*limbs)] : 0;
		octets[len - 1 - i] = (uint8_t)(limb >> (8 * (i % sizeof(*limbs))));
	}
}

static unsigned digit_of(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

static void prime_limbs(const struct modp *group, mp_limb_t *limbs, size_t count)
{
	uint8_t octets[DH_PUBLIC_MAX];

	for (size_t i = 0; i < group->len; i++)
		octets[i] = (uint8_t)(digit_of(group->prime[2 * i]) << 4 |
				      digit_of(group->prime[2 * i + 1]));
	gnu_limbs_from(limbs, count, octets, group->len);
}

static size_t limbs_for(size_t octets)
{
	return (octets + sizeof(mp_limb_t) - 1) / sizeof(mp_limb_t);
}

/* RFC 2412 2.3.1.1: 0, 1 and p-1 would make the secret known; 2..p-2 suffices for a safe prime (RFC 6989 2.1). */
static bool in_range(const mp_limb_t *value, const mp_limb_t *prime, mp_limb_t *next, size_t count)
{
	bool is_below_2 = value[0] < 2 && (count == 1 || mpn_zero_p(value + 1, (mp_size_t)count - 1));
	mp_limb_t carry = mpn_add_1(next, value, (mp_size_t)count, 1);

	return !is_below_2 && carry == 0 && mpn_cmp(next, prime, (mp_size_t)count) < 0;
}

/*
 * value ^ exponent mod p in a time that depends on the lengths only, by GMP's functions for secrets; all that is
 * secret lies in the one block that is wiped. FAULT_CRYPTO: the value is not one that may be used.
 */
static int modp_power(const struct modp *group, struct bytes exponent, struct bytes value,
		      uint8_t *out)
{
	size_t n = limbs_for(group->len), e = limbs_for(exponent.len);

	if (value.len != group->len || exponent.len == 0 || exponent.len > EXPONENT_MAX)
		return FAULT_CRYPTO;
	mp_bitcnt_t bits = (mp_bitcnt_t)exponent.len * 8;
	size_t scratch = (size_t)mpn_sec_powm_itch((mp_size_t)n, bits, (mp_size_t)n);
	size_t all = 3 * n + e + scratch;
	mp_limb_t *block = calloc(all, sizeof(*block));
	if (!block)
		return FAULT_MEMORY;
	mp_limb_t *prime = block, *base = prime + n, *result = base + n, *power = result + n,
		  *work = power + e;
	prime_limbs(group, prime, n);
	gnu_limbs_from(base, n, value.at, value.len);
	gnu_limbs_from(power, e, exponent.at, exponent.len);
	bool is_good = in_range(base, prime, result, n);
	if (is_good) {
		mpn_sec_powm(result, base, (mp_size_t)n, power, bits, prime, (mp_size_t)n, work);
		gnu_limbs_to(result, n, out, group->len);
	}
	wipe(block, all * sizeof(*block));
	free(block);
	return is_good ? 0 : FAULT_CRYPTO;
}

static int modp_generate(const struct modp *group, struct secret *private_out, uint8_t *public_out)
{
	AUTO_SECRET private_value = { NULL, 0 };
	uint8_t generator[DH_PUBLIC_MAX] = { 0 };
	int fault = secret_new(&private_value, (group->exponent + 7) / 8);

	if (fault)
		return fault;
	if (gnutls_rnd(GNUTLS_RND_KEY, private_value.at, private_value.len) < 0)
		return FAULT_CRYPTO;
	uint8_t top = (uint8_t)(1u << ((group->exponent - 1) % 8));
	private_value.at[0] = (uint8_t)((private_value.at[0] & (top - 1)) | top);
	generator[group->len - 1] = 2;
	fault = modp_power(group, secret_bytes(&private_value), bytes_of(generator, group->len),
			   public_out);
	if (fault)
		return fault;
	secret_free(private_out);
	*private_out = secret_move(&private_value);
	return 0;
}

static int modp_shared(const struct modp *group, const struct secret *private_value,
		       struct bytes peer, struct secret *out)
{
	int fault = secret_new(out, group->len);

	if (fault)
		return fault;
	fault = modp_power(group, secret_bytes(private_value), peer, out->at);
	if (fault)
		secret_free(out);
	return fault;
}

/* clang-format off */
#define MODP_FUNCTIONS(name)                                                                                   \
	static int name##_generate(struct secret *private_out, uint8_t *public_out)                            \
	{                                                                                                      \
		return modp_generate(&name, private_out, public_out);                                          \
	}                                                                                                      \
	static int name##_shared(const struct secret *private_value, struct bytes peer, struct secret *out)    \
	{                                                                                                      \
		return modp_shared(&name, private_value, peer, out);                                           \
	}

#define ECP_FUNCTIONS(name, curve, field)                                                                      \
	static int name##_generate(struct secret *private_out, uint8_t *public_out)                            \
	{                                                                                                      \
		return gnu_ecp_generate(curve(), field, private_out, public_out);                              \
	}                                                                                                      \
	static int name##_shared(const struct secret *private_value, struct bytes peer, struct secret *out)    \
	{                                                                                                      \
		return gnu_ecp_shared(curve(), field, private_value, peer, out);                               \
	}

MODP_FUNCTIONS(modp1024)
MODP_FUNCTIONS(modp1536)
MODP_FUNCTIONS(modp2048)
MODP_FUNCTIONS(modp3072)
MODP_FUNCTIONS(modp4096)
MODP_FUNCTIONS(modp6144)
MODP_FUNCTIONS(modp8192)
ECP_FUNCTIONS(ecp256, nettle_get_secp_256r1, 32)
ECP_FUNCTIONS(ecp384, nettle_get_secp_384r1, 48)
ECP_FUNCTIONS(ecp521, nettle_get_secp_521r1, 66)

#define ROW(text, function, public_octets, shared_octets)                                                \
	{                                                                                                \
		.name = text, .public_len = public_octets, .shared_len = shared_octets,                  \
		.generate = function##_generate, .shared = function##_shared,                            \
	}

const struct dh_group gnu_groups[] = {
	ROW("modp1024", modp1024, 128, 128),
	ROW("modp1536", modp1536, 192, 192),
	ROW("modp2048", modp2048, 256, 256),
	ROW("modp3072", modp3072, 384, 384),
	ROW("modp4096", modp4096, 512, 512),
	ROW("modp6144", modp6144, 768, 768),
	ROW("modp8192", modp8192, 1024, 1024),
	ROW("ecp256", ecp256, 64, 32),
	ROW("ecp384", ecp384, 96, 48),
	ROW("ecp521", ecp521, 132, 66),
	ROW("curve25519", gnu_x25519, 32, 32),
	{ .name = NULL },
};
