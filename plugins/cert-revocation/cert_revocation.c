/* SPDX-License-Identifier: MIT */
/* cert_revocation.c - the plugin and its settings. */
#include <stdio.h>
#include <stdlib.h>

#include "address.h"
#include "store.h"

static int read_nonce(struct store_settings *s, const struct config_node *node, const struct log_context *log)
{
	static const char *const words[] = { [NONCE_YES] = "yes", [NONCE_NO] = "no", [NONCE_REQUIRED] = "require" };
	const char *text = config_get(node, "nonce");

	if (!text)
		return 0;
	for (unsigned i = 0; i < COUNT(words); i++)
		if (strcmp(text, words[i]) == 0) {
			s->nonce = (enum nonce_policy)i;
			return 0;
		}
	config_complain(log, node, "nonce=\"%s\" is not yes, no or require", text);
	return FAULT_INPUT;
}

/* "/PATH" or "none". */
static int read_folder(const char **out, const struct config_node *node, const char *name, const struct log_context *log)
{
	const char *text = config_get(node, name);

	if (!text)
		return 0;
	*out = strcmp(text, "none") == 0 ? NULL : text;
	if (*out && (text[0] != '/' || strlen(text) >= FETCH_URL_MAX)) {
		config_complain(log, node, "%s=\"%s\" is no absolute path of a folder and not none", name, text);
		return FAULT_INPUT;
	}
	return 0;
}

static int read_settings(struct store_settings *s, const struct config_node *node, const struct log_context *log)
{
	static const char *const names[] = { "name", "cache", "crls", "crl-size", "nonce", NULL };
	const char *size = config_get(node, "crl-size");
	unsigned long octets = s->crl_size_max;

	for (size_t i = 0; i < node->attribute_count; i++) {
		size_t known = 0;

		while (names[known] && strcmp(names[known], node->attributes[i].name) != 0)
			known++;
		if (names[known])
			continue;
		config_complain(log, node, "cert-revocation knows no attribute '%s'; there is: cache, crls, crl-size, nonce", node->attributes[i].name);
		return FAULT_INPUT;
	}
	if (size && (!address_number(size, CRL_SIZE_LIMIT, &octets) || octets < 1024)) {
		config_complain(log, node, "crl-size=\"%s\" is no number of octets from 1024 to %d", size, CRL_SIZE_LIMIT);
		return FAULT_INPUT;
	}
	s->crl_size_max = octets;
	int fault = read_folder(&s->cache, node, "cache", log);
	if (!fault)
		fault = read_folder(&s->folder, node, "crls", log);
	return fault ? fault : read_nonce(s, node, log);
}

static void stop(void *state)
{
	store_stop(state);
}

static int start(struct core *core, const struct config_node *node, void **state)
{
	const struct log_context *log = log_root(core->log);
	struct store_settings s = { .cache = CACHE_DIR, .folder = CRL_DIR, .crl_size_max = CRL_SIZE_DEFAULT };
	int fault = node ? read_settings(&s, node, log) : 0;

	if (fault)
		return fault;
	*state = store_new(core, &s);
	if (!*state)
		log_error(log, "no memory for cert-revocation");
	return *state ? 0 : FAULT_MEMORY;
}

static const struct service services[] = {
	{ SERVICE_CERT_CHECK, "revocation", &revocation_check },
	{ SERVICE_END, NULL, NULL },
};
static const struct need needs[] = {
	{ SERVICE_FETCH, NULL },
	{ SERVICE_END, NULL },
};

const struct plugin plugin = {
	.abi = PLUGIN_ABI,
	.name = "cert-revocation",
	.summary = "CRLs and OCSP: fetched, checked, kept and refreshed",
	.provides = services,
	.needs = needs,
	.start = start,
	.stop = stop,
};
