/* SPDX-License-Identifier: MIT */
/* cert_urls.c - where a certificate says that its issuer tells of revocation. Whether anybody goes there is decided elsewhere. */
#include "cert_parts.h"

/* Entries of an extension that are looked at in search of URLs. */
enum { ENTRIES_MAX = 32 };

/* What could end a line, a header or a string early is no URL. */
static bool is_url(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.at[i] <= ' ' || b.at[i] > '~')
			return false;
	return b.len > 0 && b.len <= CERT_URL_SIZE_MAX;
}

static int url_add(char **urls, struct bytes url)
{
	size_t count = 0;

	while (urls[count])
		count++;
	if (count == CERT_URLS_MAX || !is_url(url))
		return 0;
	urls[count] = strndup((const char *)url.at, url.len);
	return urls[count] ? 0 : FAULT_MEMORY;
}

static int crl_urls_read(struct known_cert *cert)
{
	char url[CERT_URL_SIZE_MAX + 1];

	for (unsigned i = 0; i < ENTRIES_MAX; i++) {
		size_t size = sizeof(url);
		int type = gnutls_x509_crt_get_crl_dist_points(cert->crt, i, url, &size, NULL, NULL);

		if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (type < 0)
			return 0;
		int fault = type == GNUTLS_SAN_URI ? url_add(cert->crl_urls, bytes_of(url, size)) : 0;
		if (fault < 0)
			return fault;
	}
	return 0;
}

static int ocsp_urls_read(struct known_cert *cert)
{
	for (unsigned i = 0; i < ENTRIES_MAX; i++) {
		gnutls_datum_t url = { NULL, 0 };
		int error = gnutls_x509_crt_get_authority_info_access(cert->crt, i, GNUTLS_IA_OCSP_URI, &url, NULL);

		if (error == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		/* Another kind of entry. */
		if (error < 0)
			continue;
		int fault = url_add(cert->ocsp_urls, bytes_of(url.data, url.size));
		gnutls_free(url.data);
		if (fault < 0)
			return fault;
	}
	return 0;
}

int cert_urls_read(struct known_cert *cert)
{
	cert->crl_urls = calloc(CERT_URLS_MAX + 1, sizeof(char *));
	cert->ocsp_urls = calloc(CERT_URLS_MAX + 1, sizeof(char *));
	cert->public.crl_urls = (const char *const *)cert->crl_urls;
	cert->public.ocsp_urls = (const char *const *)cert->ocsp_urls;
	if (!cert->crl_urls || !cert->ocsp_urls)
		return FAULT_MEMORY;
	int fault = crl_urls_read(cert);
	return fault < 0 ? fault : ocsp_urls_read(cert);
}

static void urls_free(char **urls)
{
	for (char **url = urls; url && *url; url++)
		free(*url);
	free(urls);
}

void cert_urls_free(struct known_cert *cert)
{
	urls_free(cert->crl_urls);
	urls_free(cert->ocsp_urls);
}
