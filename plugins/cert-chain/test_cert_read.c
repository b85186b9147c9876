/* SPDX-License-Identifier: MIT */
/* test_cert_read.c - what is read of a certificate, which files hold some, and what is refused. */
#include "test_scene.h"

#include <time.h>

#include "../../tests/pki/pki_parts.h"
#include "plugin.h"

static int read_one(const struct pki_spec *spec, struct certificate **out, char why[WHY_MAX])
{
	struct pki_cert made;

	pki_make(&made, spec, NULL);
	int fault = cert_read(NULL, pki_der(&made), out, why);
	pki_free(&made);
	return fault;
}

static void fields(void)
{
	static const char *const names[] = { "dns:gw.example", "email:gw@example", "ip:192.0.2.1", "ip:2001:db8::1", "dn:CN=other", "uri:urn:x", NULL };
	static const uint8_t types[] = { ID_FQDN, ID_USER_FQDN, ID_IPV4_ADDR, ID_IPV6_ADDR, ID_DER_ASN1_DN, ID_DER_ASN1_GN };
	struct certificate *c;
	struct identity id;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=gw,O=Example", .serial = 0x8001, .names = names, .crl_url = "http://crl.example/1",
							   .ocsp_url = "http://ocsp.example/" },
				       &c, why), 0);
	CU_ASSERT_STRING_EQUAL(c->subject_text, "O=Example, CN=gw");
	CU_ASSERT_STRING_EQUAL(c->issuer_text, "O=Example, CN=gw");
	CU_ASSERT_STRING_EQUAL(c->serial_text, "008001");
	CU_ASSERT_EQUAL(c->kind, KEY_ECDSA256);
	CU_ASSERT_EQUAL(c->bits, 256);
	CU_ASSERT_EQUAL(c->not_before, PKI_NOW - PKI_DAY);
	CU_ASSERT_EQUAL(c->not_after, PKI_NOW + 90 * PKI_DAY);
	CU_ASSERT(!c->is_ca && bytes_equal(c->subject, c->issuer) && c->subject.at != c->issuer.at);
	CU_ASSERT_EQUAL_FATAL(c->name_count, COUNT(types));
	for (size_t i = 0; i < COUNT(types); i++)
		CU_ASSERT_EQUAL(c->names[i].type, types[i]);
	CU_ASSERT_EQUAL(identity_parse(&id, "192.0.2.1"), 0);
	CU_ASSERT(identity_same(&c->names[2], &id));
	identity_free(&id);
	CU_ASSERT(bytes_equal(c->names[0].data, bytes_text("gw.example")));
	CU_ASSERT_EQUAL(c->names[4].data.at[0], 0x30);
	CU_ASSERT_EQUAL(c->names[5].data.at[0], 0x86);
	CU_ASSERT_STRING_EQUAL(c->crl_urls[0], "http://crl.example/1");
	CU_ASSERT_PTR_NULL(c->crl_urls[1]);
	CU_ASSERT_STRING_EQUAL(c->ocsp_urls[0], "http://ocsp.example/");
	CU_ASSERT_PTR_NULL(c->ocsp_urls[1]);
	certificate_unref(c);
}

static void kinds(void)
{
	static const struct {
		enum pki_key key;
		enum key_kind kind;
		unsigned bits;
	} rows[] = { { PKI_P256, KEY_ECDSA256, 256 }, { PKI_P384, KEY_ECDSA384, 384 }, { PKI_P521, KEY_ECDSA521, 521 }, { PKI_RSA2048, KEY_RSA, 2048 },
		     { PKI_ED25519, KEY_OTHER, 256 } };
	char why[WHY_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct certificate *c;
		CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=a", .key = rows[i].key }, &c, why), 0);
		CU_ASSERT_EQUAL(c->kind, rows[i].kind);
		CU_ASSERT_EQUAL(c->bits, rows[i].bits);
		certificate_unref(c);
	}
}

static void no_subject(void)
{
	static const char *const names[] = { "dns:gw.example", NULL };
	struct certificate *c;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .names = names }, &c, why), 0);
	CU_ASSERT_EQUAL(c->subject.len, 2);
	CU_ASSERT_STRING_EQUAL(c->subject_text, "(no name)");
	certificate_unref(c);
}

static void escaped(void)
{
	struct certificate *c;
	char why[WHY_MAX], dn[600] = "CN=";

	for (size_t i = 3; i < 590; i++)
		dn[i] = i % 60 == 59 ? ',' : i % 60 == 2 ? '=' : i % 60 == 1 ? 'U' : i % 60 == 0 ? 'O' : 'x';
	dn[590 - 1] = '\0';
	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=a\x1b[2J\xc3\xa4" }, &c, why), 0);
	for (const char *t = c->subject_text; *t; t++)
		CU_ASSERT(*t >= ' ' && *t <= '~');
	certificate_unref(c);
	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = dn }, &c, why), 0);
	CU_ASSERT(strlen(c->subject_text) > CERT_TEXT_MAX / 2 && strlen(c->subject_text) < CERT_TEXT_MAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(c->subject_text, "..."));
	CU_ASSERT_STRING_EQUAL(c->subject_text + strlen(c->subject_text) - 4, "xxxx");
	certificate_unref(c);
}

static void many_names(void)
{
	static const char *names[CERT_NAMES_MAX + 2];
	struct certificate *c;
	char why[WHY_MAX];

	for (size_t i = 0; i < CERT_NAMES_MAX; i++)
		names[i] = "dns:a.example";
	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=a", .names = names }, &c, why), 0);
	CU_ASSERT_EQUAL(c->name_count, CERT_NAMES_MAX);
	certificate_unref(c);
	names[CERT_NAMES_MAX] = "dns:b.example";
	CU_ASSERT_EQUAL(read_one(&(struct pki_spec){ .dn = "CN=a", .names = names }, &c, why), FAULT_UNSUPPORTED);
	CU_ASSERT_STRING_EQUAL(why, "it has more than 128 subjectAltNames");
}

static void urls_refused(void)
{
	static const char *const urls[] = { "http://a b/", "http://a\r\nx", "http://\xc3\xa4/" };
	static char longer[CERT_URL_SIZE_MAX + 2];
	struct certificate *c;
	char why[WHY_MAX];

	memset(longer, 'a', CERT_URL_SIZE_MAX + 1);
	for (size_t i = 0; i <= COUNT(urls); i++) {
		const char *url = i < COUNT(urls) ? urls[i] : longer;
		CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=a", .crl_url = url, .ocsp_url = url }, &c, why), 0);
		CU_ASSERT_PTR_NULL(c->crl_urls[0]);
		CU_ASSERT_PTR_NULL(c->ocsp_urls[0]);
		certificate_unref(c);
	}
}

/* A list of `count` of the same entry, as the extensions with URLs are. */
static struct bytes list_of(uint8_t *room, size_t size, struct bytes entry, size_t count)
{
	uint8_t *inner = malloc(count * entry.len);
	struct writer w = writer_over(room, size), all = writer_over(inner, count * entry.len);

	while (count-- > 0)
		put_bytes(&all, entry);
	pki_put_element(&w, 0x30, writer_bytes(&all));
	CU_ASSERT_FATAL(!w.failed && !all.failed);
	free(inner);
	return writer_bytes(&w);
}

static int64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Of peers that have proved nothing yet; entries that lead nowhere are read to the last. */
static void long_lists(void)
{
	enum { MICROSECONDS_MAX = 20000 };
	static const uint8_t point[] = { 0x30, 0x07, 0xa0, 0x05, 0xa0, 0x03, 0x86, 0x01, ' ' };
	static const uint8_t access[] = { 0x30, 0x0d, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x86, 0x01, ' ' };
	static const struct {
		const char *oid;
		struct bytes entry;
	} rows[] = { { "2.5.29.31", { point, sizeof(point) } }, { "1.3.6.1.5.5.7.1.1", { access, sizeof(access) } } };
	static uint8_t room[CERT_SIZE_MAX];
	char why[WHY_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes list = list_of(room, sizeof(room), rows[i].entry, 30000 / rows[i].entry.len);
		struct certificate *c = NULL;
		struct pki_cert made;

		pki_make(&made, &(struct pki_spec){ .dn = "CN=a", .extension_oid = rows[i].oid, .extension = list }, NULL);
		int64_t before = cpu_now();
		CU_ASSERT_EQUAL(cert_read(NULL, pki_der(&made), &c, why), 0);
		int64_t took = cpu_now() - before;
		if (took > MICROSECONDS_MAX)
			printf("%s: %lld us\n", rows[i].oid, (long long)took);
		CU_ASSERT(took <= MICROSECONDS_MAX);
		CU_ASSERT_PTR_NULL(c->crl_urls[0]);
		CU_ASSERT_PTR_NULL(c->ocsp_urls[0]);
		certificate_unref(c);
		pki_free(&made);
	}
}

static void many_extensions(void)
{
	struct certificate *c = NULL;
	char why[WHY_MAX];

	/* Four are those that every leaf has here. */
	CU_ASSERT_EQUAL(read_one(&(struct pki_spec){ .dn = "CN=a", .role = PKI_BARE, .strange_extensions = CERT_EXTENSIONS_MAX - 4 }, &c, why), 0);
	certificate_unref(c);
	CU_ASSERT_EQUAL(read_one(&(struct pki_spec){ .dn = "CN=a", .strange_extensions = CERT_EXTENSIONS_MAX }, &c, why), FAULT_UNSUPPORTED);
	CU_ASSERT(strncmp(why, "it has 6", 8) == 0 && strstr(why, " extensions; at most 64 are taken"));
	CU_ASSERT_EQUAL(read_one(&(struct pki_spec){ .dn = "CN=a", .strange_extensions = 900 }, &c, why), FAULT_UNSUPPORTED);
}

/* RFC 5280 4.2.1.13, 4.2.2.1: a point may have several names, or none, and an access any method. */
static void url_forms(void)
{
	static const uint8_t points[] = {
		0x30, 0x2a,
		0x30, 0x04, 0x81, 0x02, 0x06, 0x40,                                  /* reasons alone          */
		0x30, 0x12, 0xa0, 0x10, 0xa0, 0x0e, 0x82, 0x01, 'x', 0x86, 0x03, 'a', ':', 'b', 0x86, 0x04, 'c', ':', 'd', 'e',
		0x30, 0x0e, 0xa0, 0x0c, 0xa1, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 'x', /* relative to the issuer */
	};
	static const uint8_t accesses[] = {
		0x30, 0x21,
		0x30, 0x0d, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02, 0x86, 0x01, 'i', /* caIssuers */
		0x30, 0x10, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x86, 0x04, 'o', ':', 'c', 's',
	};
	struct certificate *c = NULL;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=a", .extension_oid = "2.5.29.31", .extension = { points, sizeof(points) } }, &c, why), 0);
	CU_ASSERT_STRING_EQUAL_FATAL(c->crl_urls[0], "a:b");
	CU_ASSERT_STRING_EQUAL_FATAL(c->crl_urls[1], "c:de");
	CU_ASSERT_PTR_NULL(c->crl_urls[2]);
	certificate_unref(c);
	CU_ASSERT_EQUAL_FATAL(read_one(&(struct pki_spec){ .dn = "CN=a", .extension_oid = "1.3.6.1.5.5.7.1.1", .extension = { accesses, sizeof(accesses) } },
				       &c, why), 0);
	CU_ASSERT_STRING_EQUAL_FATAL(c->ocsp_urls[0], "o:cs");
	CU_ASSERT_PTR_NULL(c->ocsp_urls[1]);
	certificate_unref(c);
}

/* Every octet that is changed makes another certificate or none; nothing is read out of bounds. */
static void damaged(void)
{
	struct pki_cert made;
	char why[WHY_MAX];
	size_t refused = 0;

	pki_make(&made, &(struct pki_spec){ .dn = "CN=gw,O=Example", .crl_url = "http://crl.example/1" }, NULL);
	for (size_t len = 0; len < made.der.size; len++) {
		struct certificate *c = NULL;
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, made.der.data, len);
		CU_ASSERT(cert_read(NULL, bytes_of(copy, len), &c, why) < 0 && !c);
		free(copy);
	}
	for (size_t i = 0; i < made.der.size; i++) {
		struct certificate *c = NULL;

		made.der.data[i] ^= 0x81;
		refused += cert_read(NULL, pki_der(&made), &c, why) < 0;
		CU_ASSERT(!c || bytes_equal(c->der, pki_der(&made)));
		certificate_unref(c);
		made.der.data[i] ^= 0x81;
	}
	CU_ASSERT(refused > 0 && refused < made.der.size);
	pki_free(&made);
}

static void sizes(void)
{
	static uint8_t big[CERT_SIZE_MAX + 1];
	struct certificate *c;
	struct pki_cert made;
	char why[WHY_MAX];

	CU_ASSERT_EQUAL(cert_read(NULL, bytes_of(NULL, 0), &c, why), FAULT_UNSUPPORTED);
	CU_ASSERT_EQUAL(cert_read(NULL, bytes_of(big, sizeof(big)), &c, why), FAULT_UNSUPPORTED);
	CU_ASSERT_STRING_EQUAL(why, "it has 32769 octets; a certificate has at most 32768 here");
	pki_make(&made, &(struct pki_spec){ .dn = "CN=a" }, NULL);
	memcpy(big, made.der.data, made.der.size);
	CU_ASSERT_EQUAL(cert_read(NULL, bytes_of(big, made.der.size + 1), &c, why), FAULT_INPUT);
	CU_ASSERT(strncmp(why, "it is no certificate in DER", 27) == 0);
	pki_free(&made);
}

/* Puts numbers of a wrong kind into a real RSA certificate; its signature does not matter to who reads it. */
static void rsa_numbers(void)
{
	static const uint8_t exponent[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };
	static const struct {
		uint8_t e[3];
		bool even_modulus;
		const char *why;
	} rows[] = {
		{ { 0, 0, 1 }, false, "must be odd" }, { { 1, 0, 0 }, false, "must be odd" }, { { 1, 0, 1 }, true, "must be odd" },
		{ { 1, 0, 1 }, false, NULL },
	};
	struct pki_cert made;
	char why[WHY_MAX];

	pki_make(&made, &(struct pki_spec){ .dn = "CN=a", .key = PKI_RSA2048 }, NULL);
	uint8_t *at = memmem(made.der.data, made.der.size, exponent, sizeof(exponent));
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct certificate *c = NULL;
		memcpy(at + 2, rows[i].e, 3);
		at[-1] = rows[i].even_modulus ? at[-1] & 0xfe : at[-1] | 1;
		int fault = cert_read(NULL, pki_der(&made), &c, why);
		CU_ASSERT_EQUAL(fault, rows[i].why ? FAULT_INPUT : 0);
		CU_ASSERT(!rows[i].why || strstr(why, rows[i].why) || strstr(why, "no certificate in DER"));
		certificate_unref(c);
	}
	pki_free(&made);
}

static int load_text(struct bytes file, struct cert_list *list, char why[WHY_MAX])
{
	*list = (struct cert_list){ NULL, 0 };
	return cert_load(NULL, file, list, why);
}

static void files(void)
{
	struct pki_cert root, leaf;
	struct cert_list list;
	char why[WHY_MAX] = "", text[8192];

	memset(&root, 0, sizeof(root));
	memset(&leaf, 0, sizeof(leaf));
	pki_make(&root, &(struct pki_spec){ .dn = "CN=root", .role = PKI_CA }, NULL);
	pki_make(&leaf, &(struct pki_spec){ .dn = "CN=gw" }, &root);
	gnutls_datum_t pem_leaf = pki_pem(&leaf), pem_root = pki_pem(&root);
	snprintf(text, sizeof(text), "subject: gw\n%.*s\nsubject: root\n%.*s", (int)pem_leaf.size, pem_leaf.data, (int)pem_root.size, pem_root.data);
	gnutls_datum_t p7 = pki_pkcs7((const struct pki_cert *const[]){ &leaf, &root }, 2, GNUTLS_X509_FMT_DER);
	gnutls_datum_t p7_pem = pki_pkcs7((const struct pki_cert *const[]){ &leaf, &root }, 2, GNUTLS_X509_FMT_PEM);
	struct {
		struct bytes file;
		size_t count;
	} rows[] = {
		{ bytes_text(text), 2 },
		{ pki_der(&leaf), 1 },
		{ bytes_of(p7.data, p7.size), 2 },
		{ bytes_of(p7_pem.data, p7_pem.size), 2 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT_EQUAL(load_text(rows[i].file, &list, why), 0);
		CU_ASSERT_EQUAL(list.count, rows[i].count);
		bool has_leaf = false;
		for (size_t j = 0; j < list.count; j++)
			has_leaf = has_leaf || strcmp(list.at[j]->subject_text, "CN=gw") == 0;
		CU_ASSERT(has_leaf);
		cert_list_free(&list);
	}
	CU_ASSERT_EQUAL(cert_unwrap(NULL, bytes_of(p7.data, p7.size), &list, why), 0);
	CU_ASSERT_EQUAL(list.count, 2);
	cert_list_free(&list);
	gnutls_free(pem_leaf.data);
	gnutls_free(pem_root.data);
	gnutls_free(p7.data);
	gnutls_free(p7_pem.data);
	pki_free(&leaf);
	pki_free(&root);
}

static void other_files(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "it has 0 octets; 1 to 4194304 are read" },
		{ "hello", "it is no certificate: neither PEM nor DER, nor a PKCS#7 with some" },
		{ "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "it holds a private key and no certificate" },
		{ "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "it holds a public key and no certificate" },
		{ "-----BEGIN CERTIFICATE REQUEST-----\n", "it is a request for a certificate, not what the authority made of it" },
		{ "-----BEGIN X509 CRL-----\n", "it is a list of revoked certificates (CRL)" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n", "certificate 1 in it is damaged PEM" },
		{ "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "certificate 1 in it is damaged PEM" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 in it: it is no certificate in DER" },
		{ "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "it is no PKCS#7 with certificates" },
	};
	struct cert_list list;
	char why[WHY_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT(load_text(bytes_text(rows[i].text), &list, why) < 0);
		CU_ASSERT_EQUAL(list.count, 0);
		if (strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			printf("row %zu: %s\n", i, why);
		CU_ASSERT_EQUAL(strncmp(why, rows[i].why, strlen(rows[i].why)), 0);
		cert_list_free(&list);
	}
}

static void many_in_pkcs7(void)
{
	const struct pki_cert *certs[CERT_GIVEN_MAX + 1];
	struct pki_cert one;
	struct cert_list list = { NULL, 0 };
	char why[WHY_MAX];

	pki_make(&one, &(struct pki_spec){ .dn = "CN=a" }, NULL);
	for (size_t i = 0; i < COUNT(certs); i++)
		certs[i] = &one;
	for (size_t count = CERT_GIVEN_MAX; count <= CERT_GIVEN_MAX + 1; count++) {
		gnutls_datum_t p7 = pki_pkcs7(certs, count, GNUTLS_X509_FMT_DER);
		int fault = cert_unwrap(NULL, bytes_of(p7.data, p7.size), &list, why);
		CU_ASSERT_EQUAL(fault, count <= CERT_GIVEN_MAX ? 0 : FAULT_FULL);
		gnutls_free(p7.data);
		/* A second one on top of what there is already. */
		CU_ASSERT(fault != 0 || list.count == CERT_GIVEN_MAX);
		cert_list_free(&list);
	}
	CU_ASSERT_STRING_EQUAL(why, "there are more than 16 certificates in it");
	pki_free(&one);
}

static void describes_itself(void)
{
	CU_ASSERT_EQUAL(plugin.abi, PLUGIN_ABI);
	CU_ASSERT_STRING_EQUAL(plugin.name, "cert-chain");
	CU_ASSERT_EQUAL(plugin.provides[0].kind, SERVICE_CERT);
	CU_ASSERT_STRING_EQUAL(plugin.provides[0].key, "x509");
	CU_ASSERT_PTR_EQUAL(plugin.provides[0].ops, &cert_chain_store);
	CU_ASSERT_EQUAL(plugin.provides[1].kind, SERVICE_END);
}

static const struct unit_case cases[] = {
	{ "the plugin brings the store that it names", describes_itself },
	{ "names, times, key, URLs and texts of a certificate are read", fields },
	{ "kinds of keys are told apart", kinds },
	{ "a certificate may have an empty subject", no_subject },
	{ "texts of names are printable and cut to fit", escaped },
	{ "a certificate with more than 128 subjectAltNames is refused", many_names },
	{ "URLs with blanks, ends of lines or too many octets are not looked at", urls_refused },
	{ "URLs are found wherever a distribution point or an access has them", url_forms },
	{ "long lists of URLs that are none take no time", long_lists },
	{ "a certificate with more than 64 extensions is refused before anybody looks at them", many_extensions },
	{ "a certificate that is cut or changed at any octet is refused or read as it is", damaged },
	{ "a certificate of no octets, too many, or with some behind it is refused", sizes },
	{ "RSA keys with an exponent of 1, or even numbers, are refused", rsa_numbers },
	{ "PEM with text between, DER, and PKCS#7 in both forms are read", files },
	{ "a file with something else is refused with what it is", other_files },
	{ "a PKCS#7 with more than 16 certificates is refused", many_in_pkcs7 },
};

UNIT_MAIN("cert-chain read", cases)
