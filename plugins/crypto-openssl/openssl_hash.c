/* SPDX-License-Identifier: MIT */
/* openssl_hash.c - hashes by EVP_MD, HMAC by EVP_MAC. */
#include "openssl_parts.h"

#include <openssl/core_names.h>

static void digest_context_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static int digest_run(enum digest digest, const struct bytes *in, size_t count, uint8_t *out)
{
	__attribute__((cleanup(digest_context_free))) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx)
		return FAULT_MEMORY;
	if (!openssl_handles.digests[digest] ||
	    EVP_DigestInit_ex2(ctx, openssl_handles.digests[digest], NULL) != 1)
		return openssl_fault();
	for (size_t i = 0; i < count; i++)
		if (in[i].len > 0 && EVP_DigestUpdate(ctx, in[i].at, in[i].len) != 1)
			return openssl_fault();
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1 ? 0 : openssl_fault();
}

/* The key is set once; every run starts again from it. */
static void *hmac_new(enum digest digest, struct bytes key)
{
	static const uint8_t no_key[1];
	char name[16];
	EVP_MAC_CTX *ctx = openssl_handles.hmac ? EVP_MAC_CTX_new(openssl_handles.hmac) : NULL;

	if (!ctx)
		return NULL;
	snprintf(name, sizeof(name), "%s", openssl_digest_name(digest));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_MAC_init(ctx, key.len > 0 ? key.at : no_key, key.len, params) != 1) {
		openssl_fault();
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static void hmac_free(void *context)
{
	EVP_MAC_CTX_free(context);
}

static int hmac_update(EVP_MAC_CTX *ctx, const struct bytes *in, size_t count, uint8_t *out)
{
	size_t size = EVP_MAC_CTX_get_mac_size(ctx);

	for (size_t i = 0; i < count; i++)
		if (in[i].len > 0 && EVP_MAC_update(ctx, in[i].at, in[i].len) != 1)
			return openssl_fault();
	return EVP_MAC_final(ctx, out, &size, size) == 1 ? 0 : openssl_fault();
}

static int hmac_context_run(void *context, const struct bytes *in, size_t count, uint8_t *out)
{
	if (EVP_MAC_init(context, NULL, 0, NULL) != 1)
		return openssl_fault();
	return hmac_update(context, in, count, out);
}

static int hmac_run(enum digest digest, struct bytes key, const struct bytes *in, size_t count,
		    uint8_t *out)
{
	EVP_MAC_CTX *ctx = hmac_new(digest, key);
	int fault = ctx ? hmac_update(ctx, in, count, out) : FAULT_CRYPTO;

	hmac_free(ctx);
	return fault;
}

/* clang-format off */
/* The rows of crypto.h carry no argument, so each algorithm has functions of its own. */
#define ROW_FUNCTIONS(name, digest)                                                                       \
	static int name##_run(const struct bytes *in, size_t count, uint8_t *out)                         \
	{                                                                                                 \
		return digest_run(digest, in, count, out);                                                \
	}                                                                                                 \
	static int hmac_##name##_run(struct bytes key, const struct bytes *in, size_t count, uint8_t *out) \
	{                                                                                                 \
		return hmac_run(digest, key, in, count, out);                                             \
	}                                                                                                 \
	static void *hmac_##name##_new(struct bytes key)                                                  \
	{                                                                                                 \
		return hmac_new(digest, key);                                                             \
	}

ROW_FUNCTIONS(md5, DIGEST_MD5)
ROW_FUNCTIONS(sha1, DIGEST_SHA1)
ROW_FUNCTIONS(sha256, DIGEST_SHA256)
ROW_FUNCTIONS(sha384, DIGEST_SHA384)
ROW_FUNCTIONS(sha512, DIGEST_SHA512)

#define HASH_ROW(function, octets) { .name = #function, .size = octets, .run = function##_run }

#define MAC_ROW(function, octets)                                                                   \
	{                                                                                           \
		.name = "hmac-" #function, .size = octets, .run = hmac_##function##_run,            \
		.context_new = hmac_##function##_new, .context_free = hmac_free,                    \
		.context_run = hmac_context_run,                                                    \
	}

const struct hash_alg openssl_hashes[] = {
	HASH_ROW(md5, 16), HASH_ROW(sha1, 20), HASH_ROW(sha256, 32), HASH_ROW(sha384, 48), HASH_ROW(sha512, 64),
	{ .name = NULL },
};

const struct mac_alg openssl_macs[] = {
	MAC_ROW(md5, 16), MAC_ROW(sha1, 20), MAC_ROW(sha256, 32), MAC_ROW(sha384, 48), MAC_ROW(sha512, 64),
	{ .name = NULL },
};
