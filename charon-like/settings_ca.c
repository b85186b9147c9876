/* SPDX-License-Identifier: MIT */
/* settings_ca.c - what <ca> says of revocation: where it is told whether certificates of the authority are revoked, and what when it is not. */
#include <stdlib.h>

#include "fetch.h"
#include "settings_parts.h"

static bool is_scheme(const char *scheme)
{
	static const char *const schemes[] = { "http", "https", "ldap", "file" };

	for (size_t i = 0; i < COUNT(schemes); i++)
		if (strcmp(schemes[i], scheme) == 0)
			return true;
	return false;
}

/* NULL: that was complained about. */
static char *url_copy(struct check *check, const struct config_node *node, const char *attribute, struct bytes word)
{
	char *url = strndup((const char *)word.at, word.len), scheme[FETCH_SCHEME_MAX];
	bool is_ocsp = strcmp(attribute, "ocsp") == 0;

	if (!url) {
		check->is_out_of_memory = true;
		return NULL;
	}
	fetch_scheme(scheme, url);
	if (word.len >= FETCH_URL_MAX)
		check_error(check, node, "%s: a URL has at most %d octets", attribute, FETCH_URL_MAX - 1);
	else if (!is_scheme(scheme))
		check_error(check, node, "%s: '%s' is no URL that can be fetched: write http://HOST/..., or https, ldap or file (file:///PATH)", attribute, url);
	else if (is_ocsp && strncmp(scheme, "http", 4) != 0)
		check_error(check, node, "ocsp: '%s': a responder is asked by http or https", url);
	else if (check->services && !services_find(check->services, SERVICE_FETCH, scheme))
		check_error(check, node, "%s needs a plugin that fetches by %s, fetch-curl.so, which is not loaded: install it, or see above why it is left out",
			    attribute, scheme);
	else
		return url;
	free(url);
	return NULL;
}

/* Ends with NULL; NULL when the attribute is not there. */
static const char **urls_read(struct check *check, const struct config_node *node, const char *attribute)
{
	const char *list = config_get(node, attribute);
	const char **urls = list ? calloc(CA_URLS_MAX + 1, sizeof(*urls)) : NULL;
	struct bytes word;
	size_t seen = 0, count = 0;

	if (!list)
		return NULL;
	if (!urls) {
		check->is_out_of_memory = true;
		return NULL;
	}
	while (word_next(&list, &word)) {
		if (seen++ == CA_URLS_MAX) {
			check_error(check, node, "%s names more than %d places", attribute, CA_URLS_MAX);
			break;
		}
		urls[count] = url_copy(check, node, attribute, word);
		count += urls[count] != NULL;
	}
	return urls;
}

void ca_places_read(struct check *check, const struct config_node *node, struct ca_settings *ca)
{
	static const char *const policies[] = { [REVOCATION_IF_POSSIBLE] = "if-possible", [REVOCATION_STRICT] = "strict", [REVOCATION_OFF] = "off", NULL };

	ca->revocation = (enum revocation_policy)word_choice(check, node, "revocation", policies, REVOCATION_IF_POSSIBLE);
	ca->crl_urls = urls_read(check, node, "crl");
	ca->ocsp_urls = urls_read(check, node, "ocsp");
	bool is_wanted = ca->revocation == REVOCATION_STRICT || ca->crl_urls || ca->ocsp_urls;
	if (ca->revocation == REVOCATION_OFF && (ca->crl_urls || ca->ocsp_urls))
		check_warn(check, node, "crl and ocsp are of no use with revocation=\"off\"");
	else if (is_wanted && check->services && !services_find(check->services, SERVICE_CERT_CHECK, "revocation"))
		check_error(check, node, "revocation needs the plugin cert-revocation.so, which is not loaded: install it, or see above why it is left out");
}

static void urls_free(const char **urls)
{
	for (size_t i = 0; urls && urls[i]; i++)
		free((char *)(uintptr_t)urls[i]);
	free(urls);
}

void ca_places_free(struct ca_settings *ca)
{
	urls_free(ca->crl_urls);
	urls_free(ca->ocsp_urls);
}
