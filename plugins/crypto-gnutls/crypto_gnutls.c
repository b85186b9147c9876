/* SPDX-License-Identifier: MIT */
/* crypto_gnutls.c - the plugin itself: GnuTLS, nettle and GMP as a crypto backend. GnuTLS starts itself when it is loaded. */
#include "gnutls_parts.h"

static const struct service provides[] = {
	{ SERVICE_CRYPTO, "gnutls", &gnu_backend },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "crypto-gnutls",
	.summary = "hashes, ciphers and Diffie-Hellman by GnuTLS, nettle and GMP",
	.provides = provides,
};
