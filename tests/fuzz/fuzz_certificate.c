/* SPDX-License-Identifier: MIT */
/*
 * fuzz_certificate.c - certificates of a peer, one behind the other: the first is validated below the others, with the last of them as anchor,
 * and below itself. So every check runs over what GnuTLS lets in.
 */
#include "cert_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2026-12-01, when the corpus is valid. */
static const int64_t now = INT64_C(1796083200);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool is_inside(struct bytes part, struct bytes whole)
{
	return part.at >= whole.at && part.len <= whole.len && (size_t)(part.at - whole.at) <= whole.len - part.len;
}

static void must_be_printable(const char *text)
{
	must(*text);
	for (; *text; text++)
		must(*text >= ' ' && *text <= '~');
}

/* What was read is of these octets, as GnuTLS sees them too. */
static void look(const struct certificate *c)
{
	gnutls_datum_t name = { NULL, 0 };
	char text[IDENTITY_TEXT_MAX];

	must(is_inside(c->subject, c->der) && is_inside(c->issuer, c->der) && is_inside(c->serial, c->der) && is_inside(c->spki, c->der));
	must_be_printable(c->subject_text);
	must_be_printable(c->issuer_text);
	must_be_printable(c->serial_text);
	must(gnutls_x509_crt_get_raw_dn(cert_crt(c), &name) >= 0 && bytes_equal(bytes_of(name.data, name.size), c->subject));
	gnutls_free(name.data);
	must(c->name_count <= CERT_NAMES_MAX && c->crl_urls && c->ocsp_urls);
	for (size_t i = 0; i < c->name_count; i++)
		must(c->names[i].data.len > 0 && c->names[i].data.len <= IDENTITY_DATA_MAX && *identity_text(text, &c->names[i]));
	for (const char *const *url = c->crl_urls; *url; url++)
		must_be_printable(*url);
	for (const char *const *url = c->ocsp_urls; *url; url++)
		must_be_printable(*url);
}

static void judge(const struct cert_query *query)
{
	struct cert_chain chain;
	struct cert_failure failure;
	int fault = cert_verify(NULL, query, &chain, &failure);

	must((fault == 0) == (chain.count > 0) && (fault == 0 || (failure.code && failure.why[0])));
	must(chain.count <= CERT_CHAIN_MAX);
	cert_chain_free(&chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_over(bytes_of(data, size));
	struct certificate *at[CERT_GIVEN_MAX];
	size_t count = 0;
	char why[WHY_MAX];

	while (reader_left(&r) > 0 && count < CERT_GIVEN_MAX) {
		/* One at a time; what is no element is given as it is. */
		struct reader all = r;
		struct bytes der = element_read(&r).whole;

		if (r.failed)
			der = read_rest(&all);
		if (cert_read(NULL, der, &at[count], why) == 0)
			look(at[count++]);
		else
			must(!at[count] && why[0]);
	}
	if (count > 0) {
		judge(&(struct cert_query){ .given = at, .given_count = count, .anchors = &at[count - 1], .anchor_count = 1, .now = now });
		judge(&(struct cert_query){ .given = at, .given_count = count, .anchors = at, .anchor_count = 1, .now = now });
		judge(&(struct cert_query){ .given = at, .given_count = 1, .intermediates = at, .intermediate_count = count, .now = now });
	}
	while (count > 0)
		certificate_unref(at[--count]);
	return 0;
}
