/* SPDX-License-Identifier: MIT */
/*
 * settings_certs.c - certificates of a configuration: read from files and tokens, and looked at before a peer does (cert_advice.h). What they
 * are for is settings_auth.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cert_advice.h"
#include "settings_parts.h"

static const char pkcs11[] = "pkcs11:";

/* ---- places ---- */

bool place_is_token(const char *where)
{
	return strncmp(where, pkcs11, sizeof(pkcs11) - 1) == 0;
}

bool place_read(struct check *check, const struct config_node *node, const char *attribute, char path[PATH_MAX])
{
	const char *file = config_get(node, attribute);

	if (!file)
		return false;
	if (place_is_token(file)) {
		bool fits = snprintf(path, PATH_MAX, "%s", file) < PATH_MAX;
		if (!fits)
			check_error(check, node, "%s is longer than %d octets", attribute, PATH_MAX - 1);
		return fits;
	}
	if (path_make(path, node, file))
		return true;
	check_error(check, node, "%s '%s' is not a path", attribute, file);
	return false;
}

/* A file that everybody may read, whole; malloc()ed. NULL: that was complained about. */
static uint8_t *file_read(struct check *check, const struct config_node *node, const char *attribute, const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	uint8_t *content = file ? malloc(CERT_FILE_SIZE_MAX + 1) : NULL;

	*len = content ? fread(content, 1, CERT_FILE_SIZE_MAX + 1, file) : 0;
	if (!file || (content && ferror(file)))
		check_error(check, node, "%s: %s cannot be read: %s", attribute, path, strerror(errno));
	else if (!content)
		check->is_out_of_memory = true;
	else if (*len > CERT_FILE_SIZE_MAX)
		check_error(check, node, "%s: %s has more than %d octets", attribute, path, CERT_FILE_SIZE_MAX);
	bool is_read = content && !ferror(file) && *len <= CERT_FILE_SIZE_MAX;
	if (file)
		(void)fclose(file);
	if (is_read)
		return content;
	free(content);
	return NULL;
}

/* ---- certificates ---- */

/* DER or a whole file; malloc()ed. NULL: that was complained about. */
static uint8_t *content_read(struct check *check, const struct config_node *node, const char *attribute, const char *place, size_t *len)
{
	const struct provider *provider;
	const struct key_request request = { .where = place, .crypto = check->crypto };
	struct bytes der = { NULL, 0 };
	char why[WHY_MAX];

	if (!place_is_token(place))
		return file_read(check, node, attribute, place, len);
	provider = services_find(check->services, SERVICE_KEY, "pkcs11");
	if (!provider) {
		check_error(check, node, "%s needs the plugin key-pkcs11.so, which is not loaded: install it, or see above why it is left out", attribute);
		return NULL;
	}
	int fault = ((const struct key_store *)provider->ops)->load_cert(provider->state, &request, &der, why);
	if (fault == FAULT_SYSTEM || check_is_input(check, fault))
		check_error(check, node, "%s: %s", attribute, why);
	*len = der.len;
	return (uint8_t *)der.at;
}

void certs_read(struct check *check, const struct config_node *node, const char *attribute, struct cert_list *out)
{
	char place[PATH_MAX], why[WHY_MAX];

	if (!place_read(check, node, attribute, place) || !check->services)
		return;
	const struct provider *provider = services_find(check->services, SERVICE_CERT, "x509");
	if (!provider) {
		check_error(check, node, "%s needs the plugin cert-chain.so, which is not loaded: install it, or see above why it is left out", attribute);
		return;
	}
	size_t len;
	uint8_t *content = content_read(check, node, attribute, place, &len);
	if (!content)
		return;
	const struct cert_store *store = provider->ops;
	int fault = store->load(provider->state, bytes_of(content, len), out, why);
	if (check_is_input(check, fault))
		check_error(check, node, "%s: %s: %s", attribute, place, why);
	free(content);
}

void certs_check_anchors(struct check *check, const struct config_node *node, const struct cert_list *certs)
{
	char why[WHY_MAX];

	for (size_t i = 0; i < certs->count; i++)
		if (cert_anchor_check(certs->at[i], why))
			check_error(check, node, "file: %s", why);
}

void certs_check_own(struct check *check, const struct settings *s, const struct connection_settings *c, const struct config_node *node)
{
	const struct provider *store = check->services ? services_find(check->services, SERVICE_CERT, "x509") : NULL;
	struct cert_list known = { NULL, 0 };
	char why[WHY_MAX];

	for (size_t i = 0; i < s->ca_count; i++)
		for (size_t j = 0; j < s->cas[i].certs.count; j++)
			if (cert_list_add(&known, certificate_ref(s->cas[i].certs.at[j]), SIZE_MAX))
				check->is_out_of_memory = true;
	if (store && cert_own_flaw(store, &c->certs, known.at, known.count, (int64_t)time(NULL), why))
		check_warn(check, node, "cert: %s: %s", config_get(node, "cert"), why);
	cert_list_free(&known);
}
