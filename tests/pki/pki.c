/* SPDX-License-Identifier: MIT */
/* pki.c - see pki.h: certificates and what wraps them, by GnuTLS. */
#include "pki_parts.h"

#include <gnutls/crypto.h>
#include <gnutls/pkcs7.h>
#include <gnutls/x509-ext.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXTENSION_ROOM = 20 * 1024 };

void pki_must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "tests/pki: %s does not work\n", what);
	exit(EXIT_FAILURE);
}

static void must(int error, const char *what)
{
	if (error < 0)
		fprintf(stderr, "tests/pki: %s: %s\n", what, gnutls_strerror(error));
	pki_must(error >= 0, what);
}

static void key_make(gnutls_x509_privkey_t *out, const struct pki_spec *spec)
{
	static const struct {
		gnutls_pk_algorithm_t algorithm;
		unsigned bits;
	} kinds[] = {
		[PKI_P256] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1) },
		[PKI_P384] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1) },
		[PKI_P521] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1) },
		[PKI_P224] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP224R1) },
		[PKI_RSA1024] = { GNUTLS_PK_RSA, 1024 },
		[PKI_RSA2048] = { GNUTLS_PK_RSA, 2048 },
		[PKI_RSA3072] = { GNUTLS_PK_RSA, 3072 },
		[PKI_RSA4096] = { GNUTLS_PK_RSA, 4096 },
		[PKI_ED25519] = { GNUTLS_PK_EDDSA_ED25519, 256 },
	};

	must(gnutls_x509_privkey_init(out), "a key");
	if (spec->same_key)
		must(gnutls_x509_privkey_cpy(*out, spec->same_key->key), "copying a key");
	else
		must(gnutls_x509_privkey_generate(*out, kinds[spec->key].algorithm, kinds[spec->key].bits, 0), "making a key");
}

static void set_serial(gnutls_x509_crt_t crt, uint64_t serial)
{
	uint8_t octets[8];
	struct writer w = writer_over(octets, sizeof(octets));

	if (serial == 0) {
		must(gnutls_rnd(GNUTLS_RND_NONCE, &serial, sizeof(serial)), "a serial");
		serial = serial << 8 >> 8 | 1;
	}
	put_u64(&w, serial);
	size_t skip = 0;
	while (octets[skip] == 0 && !(octets[skip + 1] & 0x80))
		skip++;
	must(gnutls_x509_crt_set_serial(crt, octets + skip, sizeof(octets) - skip), "a serial");
}

static void set_extension(gnutls_x509_crt_t crt, const char *oid, const struct writer *w, bool is_critical)
{
	pki_must(!w->failed, oid);
	must(gnutls_x509_crt_set_extension_by_oid(crt, oid, w->base, w->used, is_critical), oid);
}

static void set_names(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	uint8_t room[EXTENSION_ROOM];
	struct writer w = writer_over(room, sizeof(room));

	if (spec->names) {
		pki_put_names(&w, spec->names);
		set_extension(crt, "2.5.29.17", &w, spec->dn == NULL);
	}
	if (spec->permitted || spec->excluded) {
		w = writer_over(room, sizeof(room));
		pki_put_constraints(&w, spec->permitted, spec->excluded);
		set_extension(crt, "2.5.29.30", &w, true);
	}
	if (spec->critical_oid)
		must(gnutls_x509_crt_set_extension_by_oid(crt, spec->critical_oid, "\x05\x00", 2, 1), spec->critical_oid);
}

static void set_strange(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	char oid[64];

	for (unsigned i = 0; i < spec->strange_extensions; i++) {
		snprintf(oid, sizeof(oid), "1.3.6.1.4.1.99999.2.%u", i);
		must(gnutls_x509_crt_set_extension_by_oid(crt, oid, "\x05\x00", 2, 0), oid);
	}
	if (spec->extension_oid)
		must(gnutls_x509_crt_set_extension_by_oid(crt, spec->extension_oid, spec->extension.at, spec->extension.len, 0), spec->extension_oid);
}

static void set_usage(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	unsigned usage = spec->role == PKI_CA ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE;

	if (spec->role == PKI_CA)
		must(gnutls_x509_crt_set_basic_constraints(crt, 1, spec->has_path_length ? spec->path_length : -1), "basicConstraints");
	if (spec->role != PKI_BARE || spec->usage)
		must(gnutls_x509_crt_set_key_usage(crt, spec->usage ? spec->usage : usage), "keyUsage");
	for (const char *const *oid = spec->purposes; oid && *oid; oid++)
		must(gnutls_x509_crt_set_key_purpose_oid(crt, *oid, 0), "extKeyUsage");
}

/* Around what was written: `tags` from the innermost. */
static void wrap(struct writer *w, const uint8_t *tags, size_t count)
{
	uint8_t room[EXTENSION_ROOM];

	for (size_t i = 0; i < count; i++) {
		struct writer outer = writer_over(room, sizeof(room));
		pki_put_element(&outer, tags[i], writer_bytes(w));
		w->used = 0;
		put_bytes(w, writer_bytes(&outer));
	}
}

/* By hand, since GnuTLS does not write URLs that are none. */
static void set_urls(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	static const uint8_t crl_tags[] = { 0x86, 0xa0, 0xa0, 0x30, 0x30 }, ocsp_tags[] = { 0x30, 0x30 };
	static const uint8_t ocsp_oid[] = { 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01 };
	uint8_t room[EXTENSION_ROOM];
	struct writer w = writer_over(room, sizeof(room));

	if (spec->crl_url) {
		put_bytes(&w, bytes_text(spec->crl_url));
		wrap(&w, crl_tags, COUNT(crl_tags));
		set_extension(crt, GNUTLS_X509EXT_OID_CRL_DIST_POINTS, &w, false);
	}
	if (spec->ocsp_url) {
		w = writer_over(room, sizeof(room));
		put_bytes(&w, bytes_of(ocsp_oid, sizeof(ocsp_oid)));
		pki_put_element(&w, 0x86, bytes_text(spec->ocsp_url));
		wrap(&w, ocsp_tags, COUNT(ocsp_tags));
		set_extension(crt, GNUTLS_X509EXT_OID_AUTHORITY_INFO_ACCESS, &w, false);
	}
}

/* RFC 5280 4.2.1.1, 4.2.1.2: the same number for both, made from the key. */
static void set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
	uint8_t id[64];
	size_t len = sizeof(id);

	must(gnutls_x509_crt_get_key_id(crt, 0, id, &len), "a key's number");
	must(gnutls_x509_crt_set_subject_key_id(crt, id, len), "subjectKeyIdentifier");
	len = sizeof(id);
	if (gnutls_x509_crt_get_subject_key_id(issuer, id, &len, NULL) >= 0)
		must(gnutls_x509_crt_set_authority_key_id(crt, id, len), "authorityKeyIdentifier");
}

/* RFC 8032 has its own hash. */
static gnutls_digest_algorithm_t hash_of(const struct pki_spec *spec, gnutls_x509_privkey_t signer)
{
	if (gnutls_x509_privkey_get_pk_algorithm(signer) == GNUTLS_PK_EDDSA_ED25519)
		return GNUTLS_DIG_SHA512;
	return spec->hash ? spec->hash : GNUTLS_DIG_SHA256;
}

void pki_make(struct pki_cert *out, const struct pki_spec *spec, const struct pki_cert *issuer)
{
	int64_t from = spec->from ? spec->from : PKI_NOW - PKI_DAY, until = spec->until;

	if (until == 0)
		until = PKI_NOW + (spec->role == PKI_CA ? 3650 : 90) * (int64_t)PKI_DAY;
	must(gnutls_x509_crt_init(&out->crt), "a certificate");
	key_make(&out->key, spec);
	must(gnutls_x509_crt_set_version(out->crt, spec->version ? spec->version : 3), "a version");
	must(gnutls_x509_crt_set_key(out->crt, out->key), "setting a key");
	if (spec->dn)
		must(gnutls_x509_crt_set_dn(out->crt, spec->dn, NULL), spec->dn);
	set_serial(out->crt, spec->serial);
	must(gnutls_x509_crt_set_activation_time(out->crt, (time_t)from), "a time");
	must(gnutls_x509_crt_set_expiration_time(out->crt, (time_t)until), "a time");
	if (!spec->version || spec->version == 3) {
		set_usage(out->crt, spec);
		set_names(out->crt, spec);
		set_strange(out->crt, spec);
		set_urls(out->crt, spec);
		if (!spec->without_key_ids)
			set_key_ids(out->crt, issuer ? issuer->crt : out->crt);
	}
	gnutls_x509_privkey_t signer = issuer ? issuer->key : out->key;
	must(gnutls_x509_crt_sign2(out->crt, issuer ? issuer->crt : out->crt, signer, hash_of(spec, signer), 0), "signing");
	must(gnutls_x509_crt_export2(out->crt, GNUTLS_X509_FMT_DER, &out->der), "writing a certificate");
}

void pki_free(struct pki_cert *cert)
{
	gnutls_x509_crt_deinit(cert->crt);
	gnutls_x509_privkey_deinit(cert->key);
	gnutls_free(cert->der.data);
	*cert = (struct pki_cert){ NULL, NULL, { NULL, 0 } };
}

gnutls_datum_t pki_pem(const struct pki_cert *cert)
{
	gnutls_datum_t out = { NULL, 0 };

	must(gnutls_x509_crt_export2(cert->crt, GNUTLS_X509_FMT_PEM, &out), "writing PEM");
	return out;
}

gnutls_datum_t pki_pkcs7(const struct pki_cert *const *certs, size_t count, gnutls_x509_crt_fmt_t format)
{
	gnutls_pkcs7_t pkcs7;
	gnutls_datum_t out = { NULL, 0 };

	must(gnutls_pkcs7_init(&pkcs7), "a PKCS#7");
	for (size_t i = 0; i < count; i++)
		must(gnutls_pkcs7_set_crt_raw(pkcs7, &certs[i]->der), "adding to a PKCS#7");
	must(gnutls_pkcs7_export2(pkcs7, format, &out), "writing a PKCS#7");
	gnutls_pkcs7_deinit(pkcs7);
	return out;
}

gnutls_datum_t pki_crl(const struct pki_cert *issuer, const struct pki_cert *const *revoked, size_t count, unsigned number, int64_t next_update)
{
	return pki_crl_at(issuer, revoked, count, number, PKI_NOW - PKI_DAY, next_update ? next_update : PKI_NOW + 7 * PKI_DAY);
}

gnutls_datum_t pki_crl_at(const struct pki_cert *issuer, const struct pki_cert *const *revoked, size_t count, unsigned number, int64_t this_update,
			  int64_t next_update)
{
	gnutls_x509_crl_t crl;
	gnutls_datum_t out = { NULL, 0 };
	uint8_t octets[2] = { (uint8_t)(number >> 8 & 0x7f), (uint8_t)number };

	must(gnutls_x509_crl_init(&crl), "a CRL");
	must(gnutls_x509_crl_set_version(crl, 2), "a version");
	must(gnutls_x509_crl_set_this_update(crl, (time_t)this_update), "a time");
	must(gnutls_x509_crl_set_next_update(crl, (time_t)next_update), "a time");
	for (size_t i = 0; i < count; i++)
		must(gnutls_x509_crl_set_crt(crl, revoked[i]->crt, (time_t)this_update), "revoking");
	if (number)
		must(gnutls_x509_crl_set_number(crl, octets, sizeof(octets)), "a number");
	must(gnutls_x509_crl_sign2(crl, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0), "signing a CRL");
	must(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_DER, &out), "writing a CRL");
	gnutls_x509_crl_deinit(crl);
	return out;
}
