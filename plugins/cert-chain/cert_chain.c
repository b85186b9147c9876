/* SPDX-License-Identifier: MIT */
/* cert_chain.c - the plugin itself: X.509 certificates read and validated by GnuTLS. */
#include "cert_parts.h"

#include "plugin.h"

static const struct service provides[] = {
	{ SERVICE_CERT, "x509", &cert_chain_store },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "cert-chain",
	.summary = "X.509 certificates: reads them and validates chains, by GnuTLS",
	.provides = provides,
};
