/* SPDX-License-Identifier: MIT */
/*
 * test_crypto_gnutls.c - what is particular to this backend: its copies of the primes, its conversions, its descriptor.
 * Its answers are compared with the published ones and with other backends in tests/vectors.
 */
#include <gmp.h>

#include "../../tests/unit.h"
#include "gnutls_parts.h"

/* sum of x^-(2i+1) / (2i+1), with alternating signs, times 2^bits */
static void arctan_of_inverse(mpz_t out, unsigned long x, mp_bitcnt_t bits)
{
	mpz_t power, term;

	mpz_inits(power, term, NULL);
	mpz_setbit(power, bits);
	mpz_fdiv_q_ui(power, power, x);
	mpz_set(out, power);
	for (unsigned long k = 3; mpz_sgn(power) != 0; k += 2) {
		mpz_fdiv_q_ui(power, power, x * x);
		mpz_fdiv_q_ui(term, power, k);
		if (k % 4 == 3)
			mpz_sub(out, out, term);
		else
			mpz_add(out, out, term);
	}
	mpz_clears(power, term, NULL);
}

/* [2^bits pi], by Machin: pi = 16 arctan(1/5) - 4 arctan(1/239). Some spare bits take the rounding. */
static void pi_times(mpz_t out, mp_bitcnt_t bits)
{
	enum { SPARE = 64 };
	mpz_t other;

	mpz_init(other);
	arctan_of_inverse(out, 5, bits + SPARE);
	arctan_of_inverse(other, 239, bits + SPARE);
	mpz_mul_ui(out, out, 16);
	mpz_submul_ui(out, other, 4);
	mpz_fdiv_q_2exp(out, out, SPARE);
	mpz_clear(other);
}

/* RFC 2409 6.2 and RFC 3526 2 to 7: 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + k) */
static void prime_from_formula(mpz_t out, mp_bitcnt_t n, unsigned long k)
{
	mpz_t bit;

	mpz_init(bit);
	pi_times(out, n - 130);
	mpz_add_ui(out, out, k);
	mpz_mul_2exp(out, out, 64);
	mpz_setbit(bit, n);
	mpz_add(out, out, bit);
	mpz_set_ui(bit, 0);
	mpz_setbit(bit, n - 64);
	mpz_sub(out, out, bit);
	mpz_sub_ui(out, out, 1);
	mpz_clear(bit);
}

static void primes_are_right(void)
{
	static const struct {
		const char *text;
		mp_bitcnt_t bits;
		unsigned long k;
	} rows[] = {
		{ gnu_prime1024, 1024, 129093 },  { gnu_prime1536, 1536, 741804 },
		{ gnu_prime2048, 2048, 124476 },  { gnu_prime3072, 3072, 1690314 },
		{ gnu_prime4096, 4096, 240904 },  { gnu_prime6144, 6144, 929484 },
		{ gnu_prime8192, 8192, 4743158 },
	};
	mpz_t read, computed;

	mpz_inits(read, computed, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT_EQUAL(strlen(rows[i].text), rows[i].bits / 4);
		CU_ASSERT_EQUAL(mpz_set_str(read, rows[i].text, 16), 0);
		prime_from_formula(computed, rows[i].bits, rows[i].k);
		CU_ASSERT_EQUAL(mpz_cmp(read, computed), 0);
	}
	mpz_clears(read, computed, NULL);
}

/* The larger ones would take seconds; the formula says that they are the RFCs' own. */
static void primes_are_safe(void)
{
	static const char *const texts[] = { gnu_prime1024, gnu_prime1536 };
	mpz_t p;

	mpz_init(p);
	for (size_t i = 0; i < COUNT(texts); i++) {
		CU_ASSERT_EQUAL(mpz_set_str(p, texts[i], 16), 0);
		CU_ASSERT(mpz_probab_prime_p(p, 20) > 0);
		mpz_fdiv_q_2exp(p, p, 1);
		CU_ASSERT(mpz_probab_prime_p(p, 20) > 0);
	}
	mpz_clear(p);
}

static void limbs_and_back(void)
{
	uint8_t octets[40], back[40];
	mp_limb_t limbs[COUNT(octets) / sizeof(mp_limb_t) + 2];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof(octets); len++) {
		gnu_limbs_from(limbs, COUNT(limbs), octets, len);
		CU_ASSERT(len == 0 || (limbs[0] & 0xff) == octets[len - 1]);
		memset(back, 0xff, sizeof(back));
		gnu_limbs_to(limbs, COUNT(limbs), back, len);
		CU_ASSERT_EQUAL(memcmp(octets, back, len), 0);
		CU_ASSERT(len == sizeof(back) || back[len] == 0xff);
	}
	/* A number with fewer limbs than there is room for is padded. */
	gnu_limbs_to(limbs, 0, back, sizeof(back));
	for (size_t i = 0; i < sizeof(back); i++)
		CU_ASSERT_EQUAL(back[i], 0);
}

static void describes_itself(void)
{
	CU_ASSERT_EQUAL(plugin.abi, PLUGIN_ABI);
	CU_ASSERT_STRING_EQUAL(plugin.name, "crypto-gnutls");
	CU_ASSERT_EQUAL(plugin.provides[0].kind, SERVICE_CRYPTO);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "gnutls");
	CU_ASSERT_PTR_EQUAL(plugin.provides[0].ops, &gnu_backend);
	CU_ASSERT_EQUAL(plugin.provides[1].kind, SERVICE_END);
	CU_ASSERT_STRING_EQUAL(gnu_backend.name, plugin.provides[0].key);
}

static void random_numbers(void)
{
	uint8_t none[64] = { 0 }, out[64] = { 0 };

	CU_ASSERT_EQUAL(gnu_backend.random(out, 0), 0);
	CU_ASSERT_EQUAL(memcmp(out, none, sizeof(out)), 0);
	CU_ASSERT_EQUAL(gnu_backend.random(out, 32), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(out, none, 32), 0);
	CU_ASSERT_EQUAL(memcmp(out + 32, none, 32), 0);
}

static const struct unit_case cases[] = {
	{ "the MODP primes are those of the RFCs' formula", primes_are_right },
	{ "half of a MODP prime is prime too", primes_are_safe },
	{ "octets become limbs and the same octets again", limbs_and_back },
	{ "the plugin brings the backend that it names", describes_itself },
	{ "random numbers fill what is asked for and nothing more", random_numbers },
};

UNIT_MAIN("crypto-gnutls", cases)
