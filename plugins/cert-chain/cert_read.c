/* SPDX-License-Identifier: MIT */
/*
 * cert_read.c - one certificate from DER. GnuTLS decides what is one; the views are found by walking the same octets, so that what is
 * compared, hashed or sent is what was signed.
 */
#include "cert_parts.h"

#include <gnutls/abstract.h>
#include <stdio.h>

/* Octets of a SEQUENCE of nothing. */
enum { EMPTY_NAME = 2, TAG_EXTENSIONS = TAG_CONTEXT | TAG_CONSTRUCTED | 3 };

struct element element_read(struct reader *r)
{
	struct element e = { 0, { NULL, 0 }, { r->at, 0 } };

	e.tag = read_u8(r);
	size_t len = read_u8(r);
	if (len > 0x80) {
		size_t octets = len - 0x80;
		len = octets > 4 ? 0 : read_number(r, octets);
		/* X.690 10.1: definite, in the fewest octets. */
		if (len < 0x80 || (octets > 1 && len >> (8 * (octets - 1)) == 0))
			r->failed = true;
	} else if (len == 0x80) {
		r->failed = true;
	}
	if ((e.tag & TAG_NUMBER) == TAG_NUMBER)
		r->failed = true;
	e.content = read_bytes(r, len);
	e.whole.len = r->failed ? 0 : (size_t)(r->at - e.whole.at);
	return e;
}

/* TBSCertificate goes on with { ... issuerUniqueID [1], subjectUniqueID [2], extensions [3] { SEQUENCE OF Extension } }, all optional. */
static size_t extensions_count(struct reader *tbs)
{
	size_t count = 0;

	while (reader_left(tbs) > 0) {
		struct element e = element_read(tbs);
		struct reader list = reader_over(e.content), r = reader_over(element_read(&list).content);

		while (e.tag == TAG_EXTENSIONS && reader_left(&r) > 0) {
			element_read(&r);
			count++;
		}
		tbs->failed = tbs->failed || (e.tag == TAG_EXTENSIONS && !(reader_done(&r) && reader_done(&list)));
	}
	return count;
}

/* RFC 5280 4.1: Certificate ::= SEQUENCE { TBSCertificate { [0] version, serial, signature, issuer, validity, subject, spki, ... }, ... }. */
static bool views_find(struct certificate *c, size_t *extension_count)
{
	struct reader r = reader_over(c->der);
	struct element whole = element_read(&r);
	if (!reader_done(&r) || whole.tag != TAG_SEQUENCE)
		return false;
	r = reader_over(whole.content);
	struct reader tbs = reader_over(element_read(&r).content);
	struct element serial = element_read(&tbs);
	if (serial.tag == (TAG_CONTEXT | TAG_CONSTRUCTED))
		serial = element_read(&tbs);
	element_read(&tbs);
	struct element issuer = element_read(&tbs);
	element_read(&tbs);
	struct element subject = element_read(&tbs), spki = element_read(&tbs);
	c->serial = serial.content;
	c->issuer = issuer.whole;
	c->subject = subject.whole;
	c->spki = spki.whole;
	*extension_count = extensions_count(&tbs);
	return !r.failed && !tbs.failed && serial.tag == TAG_INTEGER && serial.content.len > 0 && issuer.tag == TAG_SEQUENCE &&
	       subject.tag == TAG_SEQUENCE && spki.tag == TAG_SEQUENCE;
}

/* Of a number without sign, big-endian. */
static unsigned bits_of(const gnutls_datum_t *number)
{
	size_t i = 0;

	while (i < number->size && number->data[i] == 0)
		i++;
	if (i == number->size)
		return 0;
	unsigned bits = (unsigned)(number->size - i) * 8;
	for (uint8_t top = number->data[i]; !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

static bool is_odd(const gnutls_datum_t *number)
{
	return number->size > 0 && number->data[number->size - 1] & 1;
}

/* Numbers that no key has, and those that only make checking slow. A modulus that is merely short is refused by who validates. */
static int rsa_check(gnutls_x509_crt_t crt, unsigned *bits, char why[WHY_MAX])
{
	gnutls_datum_t modulus = { NULL, 0 }, exponent = { NULL, 0 };

	if (gnutls_x509_crt_get_pk_rsa_raw(crt, &modulus, &exponent) < 0) {
		snprintf(why, WHY_MAX, "its RSA key cannot be read");
		return FAULT_INPUT;
	}
	*bits = bits_of(&modulus);
	unsigned exponent_bits = bits_of(&exponent);
	bool is_sound = is_odd(&modulus) && is_odd(&exponent) && exponent_bits > 1;
	gnutls_free(modulus.data);
	gnutls_free(exponent.data);
	if (!is_sound) {
		snprintf(why, WHY_MAX, "its RSA key is none: modulus and exponent must be odd, and the exponent above 1");
		return FAULT_INPUT;
	}
	if (*bits > CERT_RSA_BITS_MAX || exponent_bits > CERT_RSA_EXPONENT_BITS_MAX) {
		snprintf(why, WHY_MAX, "its RSA key has a modulus of %u and an exponent of %u bits; at most %d and %d are taken", *bits,
			 exponent_bits, CERT_RSA_BITS_MAX, CERT_RSA_EXPONENT_BITS_MAX);
		return FAULT_UNSUPPORTED;
	}
	return 0;
}

/* GnuTLS counts the bits of whole octets. */
static void curve_read(struct known_cert *cert)
{
	static const struct {
		gnutls_ecc_curve_t curve;
		enum key_kind kind;
		unsigned bits;
	} curves[] = {
		{ GNUTLS_ECC_CURVE_SECP256R1, KEY_ECDSA256, 256 },
		{ GNUTLS_ECC_CURVE_SECP384R1, KEY_ECDSA384, 384 },
		{ GNUTLS_ECC_CURVE_SECP521R1, KEY_ECDSA521, 521 },
	};
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
	gnutls_datum_t x = { NULL, 0 }, y = { NULL, 0 };

	if (gnutls_x509_crt_get_pk_ecc_raw(cert->crt, &curve, &x, &y) < 0)
		return;
	gnutls_free(x.data);
	gnutls_free(y.data);
	for (size_t i = 0; i < COUNT(curves); i++)
		if (curves[i].curve == curve) {
			cert->public.kind = curves[i].kind;
			cert->public.bits = curves[i].bits;
		}
}

static int key_read(struct known_cert *cert, char why[WHY_MAX])
{
	int algorithm = gnutls_x509_crt_get_pk_algorithm(cert->crt, &cert->public.bits);

	cert->public.kind = KEY_OTHER;
	if (algorithm == GNUTLS_PK_EC)
		curve_read(cert);
	if (algorithm != GNUTLS_PK_RSA)
		return 0;
	cert->public.kind = KEY_RSA;
	return rsa_check(cert->crt, &cert->public.bits, why);
}

static int times_read(struct known_cert *cert, char why[WHY_MAX])
{
	time_t from = gnutls_x509_crt_get_activation_time(cert->crt), until = gnutls_x509_crt_get_expiration_time(cert->crt);

	if (from == (time_t)-1 || until == (time_t)-1) {
		snprintf(why, WHY_MAX, "its validity cannot be read");
		return FAULT_INPUT;
	}
	cert->public.not_before = from;
	cert->public.not_after = until;
	return 0;
}

/* As identities of this type are written in a configuration: in the order of the DER; a long one without its middle. */
static void text_of(char *out, size_t size, struct bytes name)
{
	const struct identity id = { ID_DER_ASN1_DN, name };
	char text[IDENTITY_TEXT_MAX];
	size_t len = strlen(identity_text(text, &id));
	const char *type = strrchr(text, '(');

	/* RFC 5280 4.1.2.6: a subject may be empty; then the names say who it is. */
	if (name.len <= EMPTY_NAME) {
		snprintf(out, size, "(no name)");
		return;
	}
	if (type && type > text)
		len = (size_t)(type - text) - 1;
	if (len < size)
		snprintf(out, size, "%.*s", (int)len, text);
	else
		snprintf(out, size, "%.*s...%.*s", (int)size / 2 - 3, text, (int)size / 2 - 2, text + len - size / 2 + 2);
}

static void texts_make(struct certificate *c)
{
	size_t used = 0;

	text_of(c->subject_text, sizeof(c->subject_text), c->subject);
	text_of(c->issuer_text, sizeof(c->issuer_text), c->issuer);
	for (size_t i = 0; i < c->serial.len && used + 4 <= sizeof(c->serial_text); i++)
		used += (size_t)snprintf(c->serial_text + used, sizeof(c->serial_text) - used, "%02x", c->serial.at[i]);
}

static void known_free(struct certificate *certificate)
{
	struct known_cert *cert = CONTAINER(certificate, struct known_cert, public);

	cert_names_free(cert);
	cert_urls_free(cert);
	gnutls_x509_crt_deinit(cert->crt);
	free((void *)cert->public.der.at);
	free(cert);
}

static int known_new(struct known_cert **out, struct bytes der)
{
	struct known_cert *cert = calloc(1, sizeof(*cert));
	uint8_t *copy = malloc(der.len);

	if (!cert || !copy || gnutls_x509_crt_init(&cert->crt) < 0) {
		free(copy);
		free(cert);
		return FAULT_MEMORY;
	}
	memcpy(copy, der.at, der.len);
	atomic_init(&cert->public.references, 1);
	cert->public.free = known_free;
	cert->public.der = bytes_of(copy, der.len);
	*out = cert;
	return 0;
}

static int known_fill(struct known_cert *cert, char why[WHY_MAX])
{
	gnutls_datum_t der = { (unsigned char *)cert->public.der.at, (unsigned)cert->public.der.len };
	size_t extension_count = 0;
	bool has_views = views_find(&cert->public, &extension_count);
	unsigned is_ca = 0;
	int fault;

	/* First, as GnuTLS takes the square of their number for each that is looked for. */
	if (extension_count > CERT_EXTENSIONS_MAX) {
		snprintf(why, WHY_MAX, "it has %zu extensions; at most %d are taken", extension_count, CERT_EXTENSIONS_MAX);
		return FAULT_UNSUPPORTED;
	}
	int error = has_views ? gnutls_x509_crt_import(cert->crt, &der, GNUTLS_X509_FMT_DER) : 0;
	if (error < 0 || !has_views) {
		snprintf(why, WHY_MAX, "it is no certificate in DER%s%s", error < 0 ? ": " : "", error < 0 ? gnutls_strerror(error) : "");
		return FAULT_INPUT;
	}
	texts_make(&cert->public);
	if ((fault = times_read(cert, why)) || (fault = key_read(cert, why)) || (fault = cert_names_read(cert, why)))
		return fault;
	error = gnutls_x509_crt_get_basic_constraints(cert->crt, NULL, &is_ca, NULL);
	if (error < 0 && error != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
		snprintf(why, WHY_MAX, "its basicConstraints cannot be read");
		return FAULT_INPUT;
	}
	cert->public.is_ca = error >= 0 && is_ca;
	return cert_urls_read(cert);
}

int cert_read(void *state, struct bytes der, struct certificate **out, char why[WHY_MAX])
{
	struct known_cert *cert = NULL;

	(void)state;
	*out = NULL;
	snprintf(why, WHY_MAX, "out of memory");
	if (der.len == 0 || der.len > CERT_SIZE_MAX) {
		snprintf(why, WHY_MAX, "it has %zu octets; a certificate has at most %d here", der.len, CERT_SIZE_MAX);
		return FAULT_UNSUPPORTED;
	}
	int fault = known_new(&cert, der);
	if (fault == 0)
		fault = known_fill(cert, why);
	if (fault == 0)
		*out = &cert->public;
	else if (cert)
		known_free(&cert->public);
	return fault;
}

const struct cert_store cert_chain_store = {
	.name = "x509",
	.read = cert_read,
	.unwrap = cert_unwrap,
	.load = cert_load,
	.verify = cert_verify,
};
