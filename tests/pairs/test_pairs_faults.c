/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_faults.c - every call of cryptography that a handshake makes fails once, for want of memory or for a reason of its own: nothing
 * comes up that should not, nothing is left over, and the next handshake is as good as any (CVE-2018-10811).
 */
#include <dlfcn.h>

#include "tamper.h"

enum { CALLS_MAX = 400 };

static struct ike_transform real;
static unsigned calls, fails_at;     /* 0: none                                              */
static int fails_with;

static bool fails(void)
{
	return ++calls == fails_at;
}

int crypto_random(const struct crypto *crypto, void *out, size_t len)
{
	return fails() ? fails_with : ((__typeof__(&crypto_random))(uintptr_t)dlsym(RTLD_NEXT, "crypto_random"))(crypto, out, len);
}

static int prf_run(struct bytes key, const struct bytes *in, size_t count, uint8_t *out)
{
	return fails() ? fails_with : real.prf_alg->run(key, in, count, out);
}

static int hash_run(const struct bytes *in, size_t count, uint8_t *out)
{
	return fails() ? fails_with : real.hash_alg->run(in, count, out);
}

static int cipher_run(bool encrypt, struct bytes key, const uint8_t *iv, uint8_t *data, size_t len)
{
	return fails() ? fails_with : real.cipher_alg->run(encrypt, key, iv, data, len);
}

static int group_generate(struct secret *private_out, uint8_t *public_out)
{
	return fails() ? fails_with : real.group_alg->generate(private_out, public_out);
}

static int group_shared(const struct secret *private_value, struct bytes peer, struct secret *out)
{
	return fails() ? fails_with : real.group_alg->shared(private_value, peer, out);
}

/* In the proposals of both ends. */
static void take_the_place(struct pair *pair)
{
	static struct mac_alg prf;
	static struct hash_alg hash;
	static struct cipher_alg cipher;
	static struct dh_group group;

	for (int i = 0; i < SIDES; i++) {
		const struct settings *settings = pair->side[i].settings;
		for (size_t k = 0; k < settings_connection_count(settings); k++) {
			struct ike_transform *t = settings_connection_at(settings, k)->proposals.at;
			if (i == 0 && k == 0) {
				real = *t;
				prf = *t->prf_alg;
				hash = *t->hash_alg;
				cipher = *t->cipher_alg;
				group = *t->group_alg;
				prf.run = prf_run;
				hash.run = hash_run;
				cipher.run = cipher_run;
				group.generate = group_generate;
				group.shared = group_shared;
			}
			t->prf_alg = &prf;
			t->hash_alg = &hash;
			t->cipher_alg = &cipher;
			t->group_alg = &group;
		}
	}
}

static void each_call(void)
{
	static const int faults[] = { FAULT_CRYPTO, FAULT_MEMORY };
	struct pair *pair = tamper_new();
	unsigned came_up = 0, whole = 0;

	take_the_place(pair);
	for (size_t f = 0; f < COUNT(faults); f++) {
		fails_with = faults[f];
		for (unsigned i = 1; i < CALLS_MAX && (i == 1 || calls >= i - 1); i++) {
			calls = 0;
			fails_at = i;
			came_up += tamper_up(pair);
			bool has_failed = calls >= i;
			fails_at = 0;
			unsigned made = calls;
			pair_run(pair, 200000);
			CU_ASSERT(tamper_is_up(pair, "s"));
			CU_ASSERT(pair_keys_agree(pair));
			CU_ASSERT_EQUAL(pair->side[RIGHT].engine.half_open, 0);
			for (int s = 0; s < SIDES; s++)
				CU_ASSERT_EQUAL(tamper_children(&pair->side[s], "t"), tamper_children(&pair->side[!s], "t"));
			tamper_reset(pair);
			CU_ASSERT(tamper_up(pair));
			CU_ASSERT(tamper_is_sound(pair));
			tamper_reset(pair);
			whole = i;
			calls = made;
			if (!has_failed)
				break;
		}
		CU_ASSERT(whole > 20 && whole < CALLS_MAX);
	}
	printf("%u calls in a handshake; with one of them failing it came up %u times all the same\n", whole - 1, came_up);
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "each call of cryptography may fail, and the next handshake comes up (CVE-2018-10811)", each_call },
};

TAMPER_MAIN("pairs-faults", cases)
