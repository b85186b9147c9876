/* SPDX-License-Identifier: MIT */
/* test_pki.c - see test_pki.h. Whatever OpenSSL does not do ends the program. */
#include "test_pki.h"

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "test_pki: %s\n", what);
	abort();
}

static struct bytes keep(const uint8_t *at, int len)
{
	uint8_t *copy = malloc(len > 0 ? (size_t)len : 1);

	must(copy && len > 0, "an object in DER");
	memcpy(copy, at, (size_t)len);
	return bytes_of(copy, (size_t)len);
}

#define DER_OF(name, type)                                                \
	static struct bytes name(type *object)                            \
	{                                                                 \
		uint8_t *der = NULL;                                      \
		int len = i2d_##type(object, &der);                       \
		struct bytes out = keep(der, len);                        \
		OPENSSL_free(der);                                        \
		return out;                                               \
	}
DER_OF(der_of_cert, X509)
DER_OF(der_of_crl, X509_CRL)
DER_OF(der_of_answer, OCSP_RESPONSE)

static struct bytes der_of_name(const X509_NAME *name)
{
	const uint8_t *der;
	size_t len;

	must(X509_NAME_get0_der(name, &der, &len) == 1, "a name");
	return keep(der, (int)len);
}

static void view(struct made_cert *m)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(m->x);
	uint8_t *der = NULL;
	struct certificate *c = &m->c;

	memset(c, 0, sizeof(*c));
	/* It is never freed by its count. */
	atomic_init(&c->references, 1);
	c->der = der_of_cert(m->x);
	c->subject = der_of_name(X509_get_subject_name(m->x));
	c->issuer = der_of_name(X509_get_issuer_name(m->x));
	c->serial = keep(ASN1_STRING_get0_data(serial), ASN1_STRING_length(serial));
	int len = i2d_PUBKEY(m->key, &der);
	c->spki = keep(der, len);
	OPENSSL_free(der);
	c->kind = KEY_ECDSA256;
	c->not_before = time(NULL) - 3600;
	c->not_after = time(NULL) + 86400;
	c->is_ca = X509_check_ca(m->x) != 0;
	static const char *const none[] = { NULL };
	c->crl_urls = c->ocsp_urls = none;
	X509_NAME_get_text_by_NID(X509_get_subject_name(m->x), NID_commonName, c->subject_text, sizeof(c->subject_text));
	snprintf(c->serial_text, sizeof(c->serial_text), "%02x", c->serial.at[c->serial.len - 1]);
}

static CONF *conf_of(const char *extensions)
{
	char text[4096];
	long line;

	snprintf(text, sizeof(text), "[e]\n%s\n", extensions ? extensions : "");
	BIO *bio = BIO_new_mem_buf(text, -1);
	CONF *conf = NCONF_new(NULL);
	must(bio && conf && NCONF_load_bio(conf, bio, &line) > 0, "lines of extensions");
	BIO_free(bio);
	return conf;
}

void cert_make(struct made_cert *out, const char *cn, const struct made_cert *issuer, bool is_ca, const char *extensions)
{
	static uint32_t serial = 0x1000;
	X509_NAME *name = X509_NAME_new();
	X509V3_CTX ctx;
	CONF *conf = conf_of(extensions);

	out->x = X509_new();
	out->key = EVP_EC_gen("P-256");
	must(out->x && out->key && X509_set_version(out->x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(out->x), serial++), "a certificate");
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0), "its name");
	X509_set_subject_name(out->x, name);
	X509_set_issuer_name(out->x, issuer ? X509_get_subject_name(issuer->x) : name);
	X509_NAME_free(name);
	X509_gmtime_adj(X509_getm_notBefore(out->x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(out->x), 86400);
	X509_set_pubkey(out->x, out->key);
	X509V3_set_ctx(&ctx, issuer ? issuer->x : out->x, out->x, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	X509_EXTENSION *constraints = is_ca ? X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE") : NULL;
	if (constraints)
		must(X509_add_ext(out->x, constraints, -1), "basicConstraints");
	X509_EXTENSION_free(constraints);
	if (extensions)
		must(X509V3_EXT_add_nconf(conf, &ctx, "e", out->x), extensions);
	must(X509_sign(out->x, issuer ? issuer->key : out->key, EVP_sha256()) > 0, "its signature");
	NCONF_free(conf);
	view(out);
}

void cert_drop(struct made_cert *m)
{
	free((void *)(uintptr_t)m->c.der.at);
	free((void *)(uintptr_t)m->c.subject.at);
	free((void *)(uintptr_t)m->c.issuer.at);
	free((void *)(uintptr_t)m->c.serial.at);
	free((void *)(uintptr_t)m->c.spki.at);
	X509_free(m->x);
	EVP_PKEY_free(m->key);
}

/* ---- CRLs ---- */

/* An extension that nobody knows. */
static X509_EXTENSION *unknown_extension(void)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);

	must(value && oid && ASN1_OCTET_STRING_set(value, (const uint8_t *)"\5\0", 2), "an extension");
	X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	return e;
}

static void set_issuer(X509_REVOKED *revoked, const struct made_cert *issuer)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();

	GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_get_subject_name(issuer->x)));
	sk_GENERAL_NAME_push(names, name);
	must(X509_REVOKED_add1_ext_i2d(revoked, NID_certificate_issuer, names, 1, 0) == 1, "certificateIssuer");
	GENERAL_NAMES_free(names);
}

static void add_entry(X509_CRL *crl, const struct made_entry *e)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_TIME *date = ASN1_TIME_set(NULL, 1767225600);

	X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(e->cert->x));
	X509_REVOKED_set_revocationDate(revoked, date);
	ASN1_TIME_free(date);
	if (e->reason >= 0) {
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

		ASN1_ENUMERATED_set(reason, e->reason);
		must(X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0) == 1, "a reason");
		ASN1_ENUMERATED_free(reason);
	}
	if (e->issuer)
		set_issuer(revoked, e->issuer);
	if (e->is_critical_unknown) {
		X509_EXTENSION *unknown = unknown_extension();

		X509_REVOKED_add_ext(revoked, unknown, -1);
		X509_EXTENSION_free(unknown);
	}
	must(X509_CRL_add0_revoked(crl, revoked) == 1, "an entry");
}

static void set_number(X509_CRL *crl, int nid, long number, bool is_critical)
{
	ASN1_INTEGER *value = ASN1_INTEGER_new();

	ASN1_INTEGER_set(value, number);
	must(X509_CRL_add1_ext_i2d(crl, nid, value, is_critical, 0) == 1, "a number");
	ASN1_INTEGER_free(value);
}

static void set_times(X509_CRL *crl, const struct made_crl_spec *spec)
{
	ASN1_TIME *at = ASN1_TIME_set(NULL, time(NULL) + spec->this_update);

	X509_CRL_set1_lastUpdate(crl, at);
	ASN1_TIME_set(at, time(NULL) + (spec->next_update ? spec->next_update : 86400));
	if (spec->next_update != -1)
		X509_CRL_set1_nextUpdate(crl, at);
	ASN1_TIME_free(at);
}

struct bytes crl_make(const struct made_crl_spec *spec)
{
	X509_CRL *crl = X509_CRL_new();
	CONF *conf = conf_of(spec->extensions);
	X509V3_CTX ctx;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(spec->name ? spec->name->x : spec->signer->x));
	set_times(crl, spec);
	for (size_t i = 0; i < COUNT(spec->entries) && spec->entries[i].cert; i++)
		add_entry(crl, &spec->entries[i]);
	if (spec->number)
		set_number(crl, NID_crl_number, spec->number, false);
	if (spec->base)
		set_number(crl, NID_delta_crl, spec->base, true);
	X509V3_set_ctx(&ctx, spec->signer->x, NULL, NULL, crl, 0);
	X509V3_set_nconf(&ctx, conf);
	if (spec->extensions)
		must(X509V3_EXT_CRL_add_nconf(conf, &ctx, "e", crl), spec->extensions);
	if (spec->is_critical_unknown) {
		X509_EXTENSION *unknown = unknown_extension();

		X509_CRL_add_ext(crl, unknown, -1);
		X509_EXTENSION_free(unknown);
	}
	must(X509_CRL_sign(crl, spec->signer->key, spec->is_sha1 ? EVP_sha1() : EVP_sha256()) > 0, "a CRL's signature");
	struct bytes der = der_of_crl(crl);
	X509_CRL_free(crl);
	NCONF_free(conf);
	return der;
}

struct bytes crl_pem(struct bytes der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	must(PEM_write_bio(bio, "X509 CRL", "", der.at, (long)der.len) > 0, "PEM");
	long len = BIO_get_mem_data(bio, &text);
	struct bytes out = keep((const uint8_t *)text, (int)len);
	BIO_free(bio);
	return out;
}

/* ---- OCSP ---- */

static void add_status(OCSP_BASICRESP *basic, const struct made_answer_spec *spec, const struct made_cert *about, int status)
{
	OCSP_CERTID *id = OCSP_cert_to_id(spec->is_sha256 ? EVP_sha256() : EVP_sha1(), about->x, spec->issuer->x);
	ASN1_TIME *this_update = ASN1_GENERALIZEDTIME_set(NULL, time(NULL) + spec->this_update);
	ASN1_TIME *next = ASN1_GENERALIZEDTIME_set(NULL, time(NULL) + (spec->next_update ? spec->next_update : 3600));
	ASN1_TIME *revoked = ASN1_GENERALIZEDTIME_set(NULL, 1767225600);

	must(OCSP_basic_add1_status(basic, id, status, spec->reason, status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, this_update,
				    spec->next_update == -1 ? NULL : next) != NULL, "a status");
	ASN1_TIME_free(revoked);
	ASN1_TIME_free(next);
	ASN1_TIME_free(this_update);
	OCSP_CERTID_free(id);
}

static OCSP_BASICRESP *basic_of(const struct made_answer_spec *spec, struct bytes request)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	const uint8_t *at = request.at;
	OCSP_REQUEST *asked = request.len ? d2i_OCSP_REQUEST(NULL, &at, (long)request.len) : NULL;

	if (spec->also)
		add_status(basic, spec, spec->also, V_OCSP_CERTSTATUS_GOOD);
	add_status(basic, spec, spec->about, spec->status);
	if (spec->has_wrong_nonce)
		OCSP_basic_add1_nonce(basic, NULL, 16);
	else if (asked && !spec->without_nonce)
		OCSP_copy_nonce(basic, asked);
	must(OCSP_basic_sign(basic, spec->signer->x, spec->signer->key, spec->is_sha1 ? EVP_sha1() : EVP_sha256(), NULL,
			     (spec->by_key ? OCSP_RESPID_KEY : 0) | (spec->without_certs ? OCSP_NOCERTS : 0)) == 1, "an answer's signature");
	OCSP_REQUEST_free(asked);
	return basic;
}

struct bytes answer_make(const struct made_answer_spec *spec, struct bytes request)
{
	OCSP_BASICRESP *basic = spec->error ? NULL : basic_of(spec, request);
	OCSP_RESPONSE *response = OCSP_response_create(spec->error, basic);
	struct bytes der = der_of_answer(response);

	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return der;
}
