/* SPDX-License-Identifier: MIT */
/* openssl_backend.c - the backend's table, apart from the plugin's symbol so that tests can link it beside others. */
#include "openssl_parts.h"

#include <limits.h>
#include <openssl/rand.h>

static int random_fill(uint8_t *out, size_t len)
{
	if (len > INT_MAX || RAND_bytes(out, (int)len) != 1)
		return openssl_fault();
	return 0;
}

const struct crypto_backend openssl_backend = {
	.name = "openssl",
	.hashes = openssl_hashes,
	.macs = openssl_macs,
	.ciphers = openssl_ciphers,
	.aeads = openssl_aeads,
	.groups = openssl_groups,
	.signatures = openssl_signatures,
	.random = random_fill,
};
