/* SPDX-License-Identifier: MIT */
/* cert_file.c - many certificates at once: files of ours in all the forms that are in use, and PKCS#7 from peers. */
#include "cert_parts.h"

#include <gnutls/pkcs7.h>
#include <stdio.h>

static int too_many(char why[WHY_MAX], size_t max)
{
	snprintf(why, WHY_MAX, "there are more than %zu certificates in it", max);
	return FAULT_FULL;
}

static int add(struct cert_list *out, struct bytes der, size_t max, char why[WHY_MAX])
{
	struct certificate *certificate;
	char what[WHY_MAX];

	if (out->count >= max)
		return too_many(why, max);
	int fault = cert_read(NULL, der, &certificate, what);
	if (fault < 0) {
		snprintf(why, WHY_MAX, "certificate %zu in it: %.*s", out->count + 1, WHY_MAX - 64, what);
		return fault;
	}
	return cert_list_add(out, certificate, max);
}

/* RFC 2315 9.1: the certificates of SignedData; who signed it and what does not matter, RFC 2408 3.9 only wraps with it. */
static int take_pkcs7(struct bytes file, gnutls_x509_crt_fmt_t format, struct cert_list *out, size_t max, char why[WHY_MAX])
{
	gnutls_pkcs7_t pkcs7;
	gnutls_datum_t octets = { (unsigned char *)file.at, (unsigned)file.len };
	int fault = FAULT_INPUT, count = 0;

	if (gnutls_pkcs7_init(&pkcs7) < 0)
		return FAULT_MEMORY;
	int error = gnutls_pkcs7_import(pkcs7, &octets, format);
	if (error >= 0)
		count = error = gnutls_pkcs7_get_crt_count(pkcs7);
	if (count < 1)
		snprintf(why, WHY_MAX, "it is no PKCS#7 with certificates%s%s", error < 0 ? ": " : "", error < 0 ? gnutls_strerror(error) : "");
	else
		fault = (size_t)count > max ? too_many(why, max) : 0;
	for (int i = 0; i < count && fault == 0; i++) {
		gnutls_datum_t der = { NULL, 0 };

		if (gnutls_pkcs7_get_crt_raw2(pkcs7, (unsigned)i, &der) < 0) {
			snprintf(why, WHY_MAX, "certificate %d in it cannot be read", i + 1);
			fault = FAULT_INPUT;
		} else {
			fault = add(out, bytes_of(der.data, der.size), max, why);
		}
		gnutls_free(der.data);
	}
	gnutls_pkcs7_deinit(pkcs7);
	return fault;
}

int cert_unwrap(void *state, struct bytes pkcs7, struct cert_list *out, char why[WHY_MAX])
{
	(void)state;
	snprintf(why, WHY_MAX, "out of memory");
	return take_pkcs7(pkcs7, GNUTLS_X509_FMT_DER, out, CERT_GIVEN_MAX, why);
}

static struct bytes find(struct bytes in, const char *text)
{
	const uint8_t *at = in.len ? memmem(in.at, in.len, text, strlen(text)) : NULL;

	return at ? bytes_of(at, in.len - (size_t)(at - in.at)) : bytes_of(NULL, 0);
}

/* From the next line that begins a certificate on; `end` is the line that has to follow. Nothing: there is no more. */
static struct bytes next_block(struct bytes file, const char **end)
{
	static const char *const ends[] = { "-----END CERTIFICATE-----", "-----END X509 CERTIFICATE-----" };
	static const char begin[] = "-----BEGIN ";
	const size_t begin_len = strlen(begin), skip = strlen("-----END ");

	for (;;) {
		file = find(file, begin);
		for (size_t i = 0; i < COUNT(ends) && file.len > 0; i++) {
			*end = ends[i];
			if (file.len >= begin_len + strlen(*end + skip) && memcmp(file.at + begin_len, *end + skip, strlen(*end + skip)) == 0)
				return file;
		}
		if (file.len == 0)
			return file;
		file = bytes_of(file.at + begin_len, file.len - begin_len);
	}
}

/* The base64 between two lines is GnuTLS's to read; text around the blocks, as openssl writes it, does not count. */
static int take_pem(struct bytes file, struct cert_list *out, char why[WHY_MAX])
{
	const char *end_line;

	for (;;) {
		struct bytes first = next_block(file, &end_line);
		if (first.len == 0)
			return 0;
		struct bytes end = find(first, end_line);
		gnutls_datum_t block = { (unsigned char *)first.at, (unsigned)(first.len - end.len + strlen(end_line)) }, der = { NULL, 0 };
		if (end.len == 0 || gnutls_pem_base64_decode2(NULL, &block, &der) < 0) {
			snprintf(why, WHY_MAX, "certificate %zu in it is damaged PEM", out->count + 1);
			return FAULT_INPUT;
		}
		int fault = add(out, bytes_of(der.data, der.size), CERT_FILE_COUNT_MAX, why);
		gnutls_free(der.data);
		if (fault < 0)
			return fault;
		file = end;
	}
}

/* What people put where a certificate is wanted. */
static int is_other(struct bytes file, char why[WHY_MAX])
{
	static const struct {
		const char *begins, *is;
	} others[] = {
		{ "PRIVATE KEY-----", "it holds a private key and no certificate" },
		{ "-----BEGIN CERTIFICATE REQUEST-----", "it is a request for a certificate, not what the authority made of it" },
		{ "-----BEGIN NEW CERTIFICATE REQUEST-----", "it is a request for a certificate, not what the authority made of it" },
		{ "-----BEGIN PUBLIC KEY-----", "it holds a public key and no certificate" },
		{ "-----BEGIN X509 CRL-----", "it is a list of revoked certificates (CRL)" },
	};

	for (size_t i = 0; i < COUNT(others); i++)
		if (find(file, others[i].begins).len > 0) {
			snprintf(why, WHY_MAX, "%s", others[i].is);
			return FAULT_INPUT;
		}
	return 0;
}

static int load(struct bytes file, struct cert_list *out, char why[WHY_MAX])
{
	size_t before = out->count;

	if (find(file, "-----BEGIN PKCS7-----").len > 0)
		return take_pkcs7(file, GNUTLS_X509_FMT_PEM, out, CERT_FILE_COUNT_MAX, why);
	int fault = take_pem(file, out, why);
	if (fault < 0 || out->count > before || (fault = is_other(file, why)))
		return fault;
	/* DER: of one certificate, else of a PKCS#7; which of the two it was to be cannot be told when it is neither. */
	fault = add(out, file, CERT_FILE_COUNT_MAX, why);
	if (fault == FAULT_INPUT) {
		char ignored[WHY_MAX];
		int other = take_pkcs7(file, GNUTLS_X509_FMT_DER, out, CERT_FILE_COUNT_MAX, ignored);

		if (other == 0)
			return 0;
		snprintf(why, WHY_MAX, "it is no certificate: neither PEM nor DER, nor a PKCS#7 with some");
	}
	return fault;
}

int cert_load(void *state, struct bytes file, struct cert_list *out, char why[WHY_MAX])
{
	(void)state;
	snprintf(why, WHY_MAX, "out of memory");
	if (file.len == 0 || file.len > CERT_FILE_SIZE_MAX) {
		snprintf(why, WHY_MAX, "it has %zu octets; 1 to %d are read", file.len, CERT_FILE_SIZE_MAX);
		return FAULT_UNSUPPORTED;
	}
	return load(file, out, why);
}
