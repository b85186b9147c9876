/* SPDX-License-Identifier: MIT */
/* crypto_openssl.c - the plugin itself: OpenSSL's EVP as a crypto backend. */
#include "openssl_parts.h"

static int start(struct core *core, const struct config_node *settings, void **state)
{
	(void)settings;
	*state = NULL;
	int fault = openssl_start();
	if (fault)
		log_error(log_root(core->log), "crypto-openssl: %s", fault_text(fault));
	return fault;
}

static void stop(void *state)
{
	(void)state;
	openssl_stop();
}

static const struct service provides[] = {
	{ SERVICE_CRYPTO, "openssl", &openssl_backend },
	{ SERVICE_END, NULL, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "crypto-openssl",
	.summary = "hashes, ciphers and Diffie-Hellman by OpenSSL, brainpool curves included",
	.provides = provides,
	.start = start,
	.stop = stop,
};
