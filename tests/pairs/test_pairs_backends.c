/* SPDX-License-Identifier: MIT */
/*
 * test_pairs_backends.c - what `crypto` in the configuration promises: the functions below stand in front of the libraries' own
 * (the program exports them, so the plugins find these first), count, and pass the call on.
 */
#include <dlfcn.h>

#include "pair.h"

enum library { GNUTLS, OPENSSL, LIBRARIES };

static unsigned calls[LIBRARIES];

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	/* The plugin's library is loaded locally: it is not among the next ones. */
	static const char *const files[] = { "libgnutls.so.30", "libhogweed.so.6", "libgmp.so.10", "libcrypto.so.3" };
	for (size_t i = 0; !function && i < COUNT(files); i++) {
		void *library = dlopen(files[i], RTLD_NOW | RTLD_NOLOAD);
		function = library ? dlsym(library, name) : NULL;
	}
	return function;
}

#define COUNTED(library, name, type, params, ...)                    \
	type name params;                                            \
	type name params                                             \
	{                                                            \
		type(*real) params;                                  \
		*(void **)&real = next(#name);                       \
		calls[library]++;                                    \
		return real(__VA_ARGS__);                            \
	}

COUNTED(GNUTLS, gnutls_cipher_init, int, (void **handle, int cipher, const void *key, const void *iv), handle, cipher, key, iv)
COUNTED(GNUTLS, gnutls_hash_init, int, (void **handle, int algorithm), handle, algorithm)
COUNTED(GNUTLS, gnutls_hmac_init, int, (void **handle, int algorithm, const void *key, size_t len), handle, algorithm, key, len)
COUNTED(GNUTLS, nettle_curve25519_mul, void, (uint8_t *q, const uint8_t *n, const uint8_t *p), q, n, p)
COUNTED(GNUTLS, nettle_ecc_point_mul, void, (void *r, const void *n, const void *p), r, n, p)
COUNTED(GNUTLS, __gmpn_sec_powm, void,
	(void *rp, const void *bp, long bn, const void *ep, unsigned long ebits, const void *mp, long n, void *tp), rp, bp, bn, ep, ebits,
	mp, n, tp)
COUNTED(OPENSSL, EVP_CipherInit_ex2, int, (void *ctx, const void *type, const void *key, const void *iv, int enc, const void *params),
	ctx, type, key, iv, enc, params)
COUNTED(OPENSSL, EVP_DigestInit_ex2, int, (void *ctx, const void *type, const void *params), ctx, type, params)
COUNTED(OPENSSL, EVP_MAC_init, int, (void *ctx, const void *key, size_t len, const void *params), ctx, key, len, params)
COUNTED(OPENSSL, EVP_PKEY_derive, int, (void *ctx, void *key, size_t *len), ctx, key, len)
COUNTED(OPENSSL, EVP_PKEY_generate, int, (void *ctx, void **key), ctx, key)

static void uses_only(const char *backend, enum library library)
{
	static const char *const groups[] = { "aes128-sha1-modp1536", "aes256-sha256-ecp256", "aes128-sha256-curve25519" };
	enum library other = library == GNUTLS ? OPENSSL : GNUTLS;

	for (size_t i = 0; i < COUNT(groups); i++) {
		char left[4096], right[4096];
		pair_documents(left, right, groups[i], "aes128-sha256-modp2048", 1, false, false);
		struct pair_options options = {
			.left = left, .right = right, .left_psk = "a key that both know\n", .right_psk = "a key that both know\n",
			.left_crypto = backend, .right_crypto = backend,
		};
		struct pair *pair = pair_new(&options);
		memset(calls, 0, sizeof(calls));
		CU_ASSERT(pair_up(pair, 5000));
		CU_ASSERT(calls[library] > 20);
		CU_ASSERT_EQUAL(calls[other], 0);
		pair_free(pair);
	}
}

static void openssl_only(void)
{
	uses_only("openssl", OPENSSL);
}

static void gnutls_only(void)
{
	uses_only("gnutls", GNUTLS);
}

static void mixed(void)
{
	char left[4096], right[4096];

	pair_documents(left, right, "camellia128-sha256-modp3072", "aes128ctr-sha256", 2, false, false);
	struct pair_options options = {
		.left = left, .right = right, .left_psk = "a key that both know\n", .right_psk = "a key that both know\n",
		.left_crypto = "openssl", .right_crypto = "gnutls",
	};
	struct pair *pair = pair_new(&options);
	CU_ASSERT(pair_up(pair, 5000));
	CU_ASSERT(pair_keys_agree(pair));
	pair_free(pair);
}

static const struct unit_case cases[] = {
	{ "with crypto=\"openssl\" no DH, cipher, hash or HMAC of GnuTLS, nettle or GMP is called", openssl_only },
	{ "with crypto=\"gnutls\" none of OpenSSL is called", gnutls_only },
	{ "a backend at one end agrees with the other at the other end", mixed },
};

UNIT_MAIN("pairs-backends", cases)
