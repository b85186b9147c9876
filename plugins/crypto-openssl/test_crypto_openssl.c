/* SPDX-License-Identifier: MIT */
/*
 * test_crypto_openssl.c - what is particular to this backend: handles that come and go, OpenSSL's queue of errors, rows
 * whose algorithm no provider has. Its answers are compared with the published ones and with other backends in
 * tests/vectors.
 */
#include <openssl/err.h>

#include "../../tests/unit.h"
#include "openssl_parts.h"

static void starts_and_stops(void)
{
	void *state = &state;

	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(plugin.start(NULL, NULL, &state), 0);
		CU_ASSERT_PTR_NULL(state);
		CU_ASSERT_PTR_NOT_NULL(openssl_handles.digests[DIGEST_SHA256]);
		CU_ASSERT_PTR_NOT_NULL(openssl_handles.ciphers[AES256_GCM]);
		plugin.stop(state);
		CU_ASSERT_PTR_NULL(openssl_handles.digests[DIGEST_SHA256]);
		CU_ASSERT_PTR_NULL(openssl_handles.primes[MODP2048]);
	}
}

/* All that a provider may lack, taken away: as after a start under a strict FIPS policy. */
static void missing_algorithms(void)
{
	struct openssl_handles all = openssl_handles;
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, iv[CIPHER_BLOCK_MAX] = { 0 }, data[16] = { 0 },
		out[HASH_SIZE_MAX];
	struct bytes in = bytes_of(data, sizeof(data));

	openssl_handles = (struct openssl_handles){ .hmac = NULL };
	for (const struct hash_alg *it = openssl_hashes; it->name; it++)
		CU_ASSERT_EQUAL(it->run(&in, 1, out), FAULT_CRYPTO);
	for (const struct mac_alg *it = openssl_macs; it->name; it++) {
		CU_ASSERT_PTR_NULL(it->context_new(in));
		CU_ASSERT_EQUAL(it->run(in, &in, 1, out), FAULT_CRYPTO);
	}
	for (const struct cipher_alg *it = openssl_ciphers; it->name; it++) {
		CU_ASSERT_PTR_NULL(it->context_new(bytes_of(key, it->key)));
		CU_ASSERT_EQUAL(it->run(true, bytes_of(key, it->key), iv, data, sizeof(data)),
				FAULT_CRYPTO);
	}
	for (const struct aead_alg *it = openssl_aeads; it->name; it++)
		CU_ASSERT_PTR_NULL(it->context_new(bytes_of(key, it->key)));
	openssl_handles = all;
}

static void no_errors_stay(void)
{
	uint8_t key[CIPHER_KEY_MAX] = { 1 }, zero[DH_PUBLIC_MAX] = { 0 }, tag[AEAD_TAG_MAX] = { 0 },
		data[16] = { 0 };
	AUTO_SECRET own = { NULL, 0 };
	AUTO_SECRET shared = { NULL, 0 };

	ERR_clear_error();
	for (const struct aead_alg *it = openssl_aeads; it->name; it++) {
		void *context = it->context_new(bytes_of(key, it->key));
		CU_ASSERT_PTR_NOT_NULL_FATAL(context);
		CU_ASSERT_EQUAL(
			it->open(context, zero, bytes_of(zero, 8), data, sizeof(data), data, tag),
			FAULT_CRYPTO);
		it->context_free(context);
		CU_ASSERT_EQUAL(ERR_peek_error(), 0);
	}
	for (const struct dh_group *it = openssl_groups; it->name; it++) {
		uint8_t public_value[DH_PUBLIC_MAX];
		CU_ASSERT_EQUAL(it->generate(&own, public_value), 0);
		CU_ASSERT_EQUAL(it->shared(&own, bytes_of(zero, it->public_len), &shared),
				FAULT_CRYPTO);
		CU_ASSERT_EQUAL(ERR_peek_error(), 0);
	}
}

static void describes_itself(void)
{
	CU_ASSERT_EQUAL(plugin.abi, PLUGIN_ABI);
	CU_ASSERT_STRING_EQUAL(plugin.name, "crypto-openssl");
	CU_ASSERT_EQUAL(plugin.provides[0].kind, SERVICE_CRYPTO);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "openssl");
	CU_ASSERT_PTR_EQUAL(plugin.provides[0].ops, &openssl_backend);
	CU_ASSERT_EQUAL(plugin.provides[1].kind, SERVICE_END);
	CU_ASSERT_STRING_EQUAL(openssl_backend.name, plugin.provides[0].key);
}

static void random_numbers(void)
{
	uint8_t none[64] = { 0 }, out[64] = { 0 };

	CU_ASSERT_EQUAL(openssl_backend.random(out, 0), 0);
	CU_ASSERT_EQUAL(memcmp(out, none, sizeof(out)), 0);
	CU_ASSERT_EQUAL(openssl_backend.random(out, 32), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(out, none, 32), 0);
	CU_ASSERT_EQUAL(memcmp(out + 32, none, 32), 0);
}

static const struct unit_case cases[] = {
	{ "an algorithm that no provider has gives a fault", missing_algorithms },
	{ "no error stays in OpenSSL's queue after a fault", no_errors_stay },
	{ "random numbers fill what is asked for and nothing more", random_numbers },
	{ "the plugin brings the backend that it names", describes_itself },
};

static const struct unit_case plugin_cases[] = {
	{ "the plugin starts, stops and starts again", starts_and_stops },
};

int main(void)
{
	if (openssl_start())
		return EXIT_FAILURE;
	int status = unit_run("crypto-openssl", cases, COUNT(cases));
	openssl_stop();
	return status ? status : unit_run("crypto-openssl plugin", plugin_cases, COUNT(plugin_cases));
}
