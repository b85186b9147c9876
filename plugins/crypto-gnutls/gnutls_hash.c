/* SPDX-License-Identifier: MIT */
/* gnutls_hash.c - hashes and HMAC by GnuTLS. */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "gnutls_parts.h"

static int hash_run(gnutls_digest_algorithm_t id, const struct bytes *in, size_t count, uint8_t *out)
{
	gnutls_hash_hd_t hash;
	int result = 0;

	if (gnutls_hash_init(&hash, id) < 0)
		return FAULT_CRYPTO;
	for (size_t i = 0; i < count && result >= 0; i++)
		if (in[i].len > 0)
			result = gnutls_hash(hash, in[i].at, in[i].len);
	gnutls_hash_deinit(hash, result < 0 ? NULL : out);
	return result < 0 ? FAULT_CRYPTO : 0;
}

static void *hmac_new(gnutls_mac_algorithm_t id, struct bytes key)
{
	static const uint8_t no_key[1];
	gnutls_hmac_hd_t hmac;

	if (gnutls_hmac_init(&hmac, id, key.len > 0 ? key.at : no_key, key.len) < 0)
		return NULL;
	return hmac;
}

static void hmac_free(void *context)
{
	if (context)
		gnutls_hmac_deinit(context, NULL);
}

/* gnutls_hmac_output() leaves the context as it was when only the key had been set. */
static int hmac_context_run(void *context, const struct bytes *in, size_t count, uint8_t *out)
{
	uint8_t discarded[HASH_SIZE_MAX];
	int result = 0;

	for (size_t i = 0; i < count && result >= 0; i++)
		if (in[i].len > 0)
			result = gnutls_hmac(context, in[i].at, in[i].len);
	gnutls_hmac_output(context, result < 0 ? discarded : out);
	return result < 0 ? FAULT_CRYPTO : 0;
}

static int hmac_run(gnutls_mac_algorithm_t id, struct bytes key, const struct bytes *in,
		    size_t count, uint8_t *out)
{
	void *hmac = hmac_new(id, key);
	int fault = hmac ? hmac_context_run(hmac, in, count, out) : FAULT_CRYPTO;

	hmac_free(hmac);
	return fault;
}

/* clang-format off */
/* The rows of crypto.h carry no argument, so each algorithm has functions of its own. */
#define ROW_FUNCTIONS(name, digest, mac)                                                                   \
	static int name##_run(const struct bytes *in, size_t count, uint8_t *out)                          \
	{                                                                                                  \
		return hash_run(digest, in, count, out);                                                   \
	}                                                                                                  \
	static int hmac_##name##_run(struct bytes key, const struct bytes *in, size_t count, uint8_t *out) \
	{                                                                                                  \
		return hmac_run(mac, key, in, count, out);                                                 \
	}                                                                                                  \
	static void *hmac_##name##_new(struct bytes key)                                                   \
	{                                                                                                  \
		return hmac_new(mac, key);                                                                 \
	}

ROW_FUNCTIONS(md5, GNUTLS_DIG_MD5, GNUTLS_MAC_MD5)
ROW_FUNCTIONS(sha1, GNUTLS_DIG_SHA1, GNUTLS_MAC_SHA1)
ROW_FUNCTIONS(sha256, GNUTLS_DIG_SHA256, GNUTLS_MAC_SHA256)
ROW_FUNCTIONS(sha384, GNUTLS_DIG_SHA384, GNUTLS_MAC_SHA384)
ROW_FUNCTIONS(sha512, GNUTLS_DIG_SHA512, GNUTLS_MAC_SHA512)

#define HASH_ROW(function, octets) { .name = #function, .size = octets, .run = function##_run }

#define MAC_ROW(function, octets)                                                                   \
	{                                                                                           \
		.name = "hmac-" #function, .size = octets, .run = hmac_##function##_run,            \
		.context_new = hmac_##function##_new, .context_free = hmac_free,                    \
		.context_run = hmac_context_run,                                                    \
	}

const struct hash_alg gnu_hashes[] = {
	HASH_ROW(md5, 16), HASH_ROW(sha1, 20), HASH_ROW(sha256, 32), HASH_ROW(sha384, 48), HASH_ROW(sha512, 64),
	{ .name = NULL },
};

const struct mac_alg gnu_macs[] = {
	MAC_ROW(md5, 16), MAC_ROW(sha1, 20), MAC_ROW(sha256, 32), MAC_ROW(sha384, 48), MAC_ROW(sha512, 64),
	{ .name = NULL },
};
