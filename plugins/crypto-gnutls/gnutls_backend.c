/* SPDX-License-Identifier: MIT */
/* gnutls_backend.c - the backend's table, apart from the plugin's symbol so that tests can link it beside others. */
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "gnutls_parts.h"

static int random_fill(uint8_t *out, size_t len)
{
	if (len == 0)
		return 0;
	return gnutls_rnd(GNUTLS_RND_RANDOM, out, len) < 0 ? FAULT_CRYPTO : 0;
}

const struct crypto_backend gnu_backend = {
	.name = "gnutls",
	.hashes = gnu_hashes,
	.macs = gnu_macs,
	.ciphers = gnu_ciphers,
	.aeads = gnu_aeads,
	.groups = gnu_groups,
	.signatures = gnu_signatures,
	.random = random_fill,
};
