/* SPDX-License-Identifier: MIT */
/*
 * cert_urls.c - where a certificate says that its issuer tells of revocation. Whether anybody goes there is decided elsewhere. Peers send
 * certificates before they have proved anything, and GnuTLS takes a second for each list with thousands of entries, so they are walked here.
 */
#include "cert_parts.h"

#include <gnutls/x509-ext.h>

/* Entries of an extension that are looked at in search of URLs. */
enum { ENTRIES_MAX = 32, TAG_FIRST = TAG_CONTEXT | TAG_CONSTRUCTED };

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

static int names_take(char **urls, struct bytes names, unsigned *left)
{
	struct reader r = reader_over(names);
	int fault = 0;

	while (reader_left(&r) > 0 && (*left)-- > 0 && fault == 0) {
		struct element name = element_read(&r);

		if (name.tag == (TAG_CONTEXT | GENERAL_URI))
			fault = url_add(urls, name.content);
	}
	return fault;
}

/* RFC 5280 4.2.1.13: SEQUENCE OF DistributionPoint { distributionPoint [0] { fullName [0] GeneralNames or another } OPTIONAL, ... }. */
static int points_take(char **urls, struct bytes points)
{
	struct reader r = reader_over(points);
	unsigned left = ENTRIES_MAX;
	int fault = 0;

	while (reader_left(&r) > 0 && left-- > 0 && fault == 0) {
		struct reader point = reader_over(element_read(&r).content);
		struct element name = element_read(&point);
		struct reader of_name = reader_over(name.content);
		struct element full = element_read(&of_name);

		if (name.tag == TAG_FIRST && full.tag == TAG_FIRST)
			fault = names_take(urls, full.content, &left);
	}
	return fault;
}

/* RFC 5280 4.2.2.1: SEQUENCE OF AccessDescription { accessMethod OBJECT IDENTIFIER, accessLocation GeneralName }. */
static int accesses_take(char **urls, struct bytes accesses)
{
	/* id-ad-ocsp: 1.3.6.1.5.5.7.48.1 */
	static const uint8_t ocsp[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01 };
	struct reader r = reader_over(accesses);
	unsigned left = ENTRIES_MAX;
	int fault = 0;

	while (reader_left(&r) > 0 && left-- > 0 && fault == 0) {
		struct reader access = reader_over(element_read(&r).content);

		if (bytes_equal(element_read(&access).content, bytes_of(ocsp, sizeof(ocsp))))
			fault = names_take(urls, read_rest(&access), &(unsigned){ 1 });
	}
	return fault;
}

static int extension_take(const struct known_cert *cert, const char *oid, char **urls, int (*take)(char **urls, struct bytes list))
{
	gnutls_datum_t extension;
	int fault = cert_extension(cert->crt, oid, &extension);
	struct reader r = reader_over(bytes_of(extension.data, extension.size));

	/* One that cannot be read tells of no place. */
	if (fault == 0)
		fault = take(urls, element_read(&r).content);
	gnutls_free(extension.data);
	return fault;
}

int cert_urls_read(struct known_cert *cert)
{
	cert->crl_urls = calloc(CERT_URLS_MAX + 1, sizeof(char *));
	cert->ocsp_urls = calloc(CERT_URLS_MAX + 1, sizeof(char *));
	cert->public.crl_urls = (const char *const *)cert->crl_urls;
	cert->public.ocsp_urls = (const char *const *)cert->ocsp_urls;
	if (!cert->crl_urls || !cert->ocsp_urls)
		return FAULT_MEMORY;
	int fault = extension_take(cert, GNUTLS_X509EXT_OID_CRL_DIST_POINTS, cert->crl_urls, points_take);
	return fault < 0 ? fault : extension_take(cert, GNUTLS_X509EXT_OID_AUTHORITY_INFO_ACCESS, cert->ocsp_urls, accesses_take);
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
