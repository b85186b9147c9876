/* SPDX-License-Identifier: MIT */
/* test_crl.c - CRLs read, proved and looked up; distribution points. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "der.h"
#include "store.h"
#include "test_pki.h"
#include "unit.h"

static struct made_cert ca, other, leaf, second;

static void drop(struct bytes b)
{
	free((void *)(uintptr_t)b.at);
}

static struct crl *read_made(const struct made_crl_spec *spec, int fault, const char *words)
{
	char why[WHY_MAX] = "";
	struct bytes der = crl_make(spec);
	struct crl *crl;

	CU_ASSERT_EQUAL(crl_read(&crl, der, why), fault);
	if (fault)
		CU_ASSERT(strstr(why, words) != NULL);
	drop(der);
	return crl;
}

static void lookup(void)
{
	struct made_crl_spec spec = { .signer = &ca, .number = 7, .entries = { { .cert = &second, .reason = 1 }, { .cert = &leaf, .reason = -1 } } };
	struct crl *crl = read_made(&spec, 0, NULL);
	char why[WHY_MAX];

	CU_ASSERT_PTR_NOT_NULL_FATAL(crl);
	CU_ASSERT_EQUAL(crl->count, 2);
	const struct crl_entry *entry = crl_find(crl, second.c.issuer, second.c.serial);
	CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
	CU_ASSERT_EQUAL(entry->reason, 1);
	CU_ASSERT_EQUAL(crl_entry_date(crl, entry), 1767225600);
	CU_ASSERT_PTR_NOT_NULL(crl_find(crl, leaf.c.issuer, leaf.c.serial));
	CU_ASSERT_PTR_NULL(crl_find(crl, other.c.subject, leaf.c.serial));
	CU_ASSERT_PTR_NULL(crl_find(crl, ca.c.issuer, ca.c.serial));
	CU_ASSERT(llabs(crl->this_update - time(NULL)) < 60 && crl->next_update > crl->this_update);
	CU_ASSERT_EQUAL(crl_prove(crl, &ca.c, why), 0);
	/* Remembered. */
	CU_ASSERT_EQUAL(crl_prove(crl, &ca.c, why), 0);
	CU_ASSERT_EQUAL(crl->proof_count, 1);
	CU_ASSERT_EQUAL(crl_prove(crl, &other.c, why), FAULT_CRYPTO);
	CU_ASSERT_EQUAL(crl_prove(crl, &other.c, why), FAULT_CRYPTO);
	crl_unref(crl);
}

static void refused(void)
{
	struct made_crl_spec critical = { .signer = &ca, .is_critical_unknown = true };
	struct made_crl_spec entry = { .signer = &ca, .entries = { { .cert = &leaf, .reason = -1, .is_critical_unknown = true } } };
	struct made_crl_spec foreign = { .signer = &ca, .entries = { { .cert = &leaf, .reason = -1, .issuer = &other } } };
	char why[WHY_MAX];
	struct crl *crl;

	CU_ASSERT_PTR_NULL(read_made(&critical, FAULT_UNSUPPORTED, "critical extension"));
	CU_ASSERT_PTR_NULL(read_made(&entry, FAULT_INPUT, "critical extension"));
	CU_ASSERT_PTR_NULL(read_made(&foreign, FAULT_INPUT, "does not say that it is indirect"));
	CU_ASSERT_EQUAL(crl_read(&crl, bytes_text("hello"), why), FAULT_INPUT);
	CU_ASSERT_EQUAL(crl_read(&crl, bytes_of(NULL, 0), why), FAULT_INPUT);
}

static void cut_and_flipped(void)
{
	struct made_crl_spec spec = { .signer = &ca, .number = 7, .entries = { { .cert = &second, .reason = 1 }, { .cert = &leaf, .reason = -1 } } };
	struct bytes der = crl_make(&spec);
	uint8_t *copy = malloc(der.len);
	char why[WHY_MAX];
	size_t believed = 0;
	struct crl *crl;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	for (size_t i = 0; i < der.len; i++) {
		CU_ASSERT(crl_read(&crl, bytes_of(der.at, i), why) < 0);
		memcpy(copy, der.at, der.len);
		copy[i] ^= 0x01;
		if (crl_read(&crl, bytes_of(copy, der.len), why) < 0)
			continue;
		believed += crl_prove(crl, &ca.c, why) == 0;
		crl_unref(crl);
	}
	CU_ASSERT_EQUAL(believed, 0);
	free(copy);
	drop(der);
}

static void signers(void)
{
	struct made_cert no_sign, weak;
	struct made_crl_spec spec = { .signer = &no_sign }, sha1 = { .signer = &ca, .is_sha1 = true };
	char why[WHY_MAX];

	cert_make(&no_sign, "No Signer", NULL, true, "keyUsage=critical,keyCertSign");
	cert_make(&weak, "weak", &ca, false, NULL);
	struct crl *crl = read_made(&spec, 0, NULL);
	CU_ASSERT_EQUAL(crl_prove(crl, &no_sign.c, why), FAULT_CRYPTO);
	CU_ASSERT(strstr(why, "keyUsage") != NULL);
	crl_unref(crl);
	crl = read_made(&sha1, 0, NULL);
	CU_ASSERT_EQUAL(crl_prove(crl, &ca.c, why), FAULT_CRYPTO);
	CU_ASSERT(strstr(why, "not secure") != NULL);
	crl_unref(crl);
	cert_drop(&no_sign);
	cert_drop(&weak);
}

static void indirect(void)
{
	struct made_crl_spec spec = {
		.signer = &other, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nindirectCRL=TRUE\n",
		.entries = { { .cert = &other, .reason = -1 }, { .cert = &leaf, .reason = 1, .issuer = &ca }, { .cert = &second, .reason = 4 } },
	};
	struct crl *crl = read_made(&spec, 0, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(crl);
	CU_ASSERT(crl->scope.is_indirect);
	CU_ASSERT_PTR_NOT_NULL(crl_find(crl, other.c.subject, other.c.serial));
	CU_ASSERT_PTR_NOT_NULL(crl_find(crl, ca.c.subject, leaf.c.serial));
	/* The issuer of the entry before goes on. */
	CU_ASSERT_PTR_NOT_NULL(crl_find(crl, ca.c.subject, second.c.serial));
	CU_ASSERT_PTR_NULL(crl_find(crl, other.c.subject, leaf.c.serial));
	crl_unref(crl);
}

static void deltas(void)
{
	struct made_crl_spec spec = { .signer = &ca, .number = 7 }, delta_spec = { .signer = &ca, .number = 9, .base = 7 };
	struct crl *base = read_made(&spec, 0, NULL), *delta = read_made(&delta_spec, 0, NULL);

	CU_ASSERT(crl_delta_fits(delta, base));
	CU_ASSERT(!crl_delta_fits(base, delta) && !crl_delta_fits(base, base));
	crl_unref(base);
	spec.number = 6;
	base = read_made(&spec, 0, NULL);
	CU_ASSERT(!crl_delta_fits(delta, base));
	crl_unref(base);
	spec.number = 300;
	base = read_made(&spec, 0, NULL);
	CU_ASSERT(!crl_delta_fits(delta, base));
	crl_unref(base);
	spec.number = 8;
	spec.extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nonlyuser=TRUE\n";
	base = read_made(&spec, 0, NULL);
	CU_ASSERT(!crl_delta_fits(delta, base));
	CU_ASSERT(base->scope.user_only);
	crl_unref(base);
	crl_unref(delta);
}

static const uint8_t oid_points[] = { 0x55, 0x1d, 0x1f };

static void points(void)
{
	struct point found[POINTS_MAX];
	struct made_cert cert;
	size_t count;
	char url[64];

	cert_make(&cert, "points", &ca, false,
		  "crlDistributionPoints=a,b\n[a]\nfullname=URI:http://a.example/1,URI:http://a.example/2\nreasons=keyCompromise,CACompromise\n"
		  "[b]\nfullname=URI:ldap://b.example/x\nCRLissuer=dirName:who\n[who]\nCN=Other\n");
	CU_ASSERT_EQUAL_FATAL(points_read(certificate_extension(&cert.c, bytes_of(oid_points, 3)), found, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_EQUAL(found[0].reasons, 0x6);
	CU_ASSERT_EQUAL(found[1].reasons, REASONS_ALL);
	CU_ASSERT_EQUAL(found[0].issuer.len, 0);
	struct reader names = reader_over(found[0].names);
	CU_ASSERT(point_next_url(&names, url, sizeof(url)) && strcmp(url, "http://a.example/1") == 0);
	CU_ASSERT(point_next_url(&names, url, sizeof(url)) && strcmp(url, "http://a.example/2") == 0);
	CU_ASSERT(!point_next_url(&names, url, sizeof(url)));
	CU_ASSERT(bytes_equal(found[1].issuer, other.c.subject));
	CU_ASSERT_EQUAL(certificate_extension(&cert.c, bytes_of("\x55\x1d\x2e", 3)).len, 0);
	cert_drop(&cert);
	CU_ASSERT_EQUAL(points_read(bytes_text("x"), found, &count), FAULT_INPUT);
	CU_ASSERT_EQUAL(count, 0);
}

static void scopes(void)
{
	struct made_crl_spec spec = {
		.signer = &ca,
		.extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://a.example/1\nonlysomereasons=keyCompromise\n",
	};
	struct crl *crl = read_made(&spec, 0, NULL);
	struct made_cert here, there;
	struct point found[POINTS_MAX];
	size_t count;

	cert_make(&here, "here", &ca, false, "crlDistributionPoints=URI:http://z.example/,URI:http://a.example/1");
	cert_make(&there, "there", &ca, false, "crlDistributionPoints=URI:http://b.example/1");
	CU_ASSERT_EQUAL(crl->scope.reasons, 0x2);
	CU_ASSERT_EQUAL(points_read(certificate_extension(&here.c, bytes_of(oid_points, 3)), found, &count), 0);
	CU_ASSERT(point_covers(&crl->scope, found, count));
	CU_ASSERT_EQUAL(points_read(certificate_extension(&there.c, bytes_of(oid_points, 3)), found, &count), 0);
	CU_ASSERT(!point_covers(&crl->scope, found, count));
	CU_ASSERT(!point_covers(&crl->scope, NULL, 0));
	crl_unref(crl);
	cert_drop(&here);
	cert_drop(&there);
}

static void pem(void)
{
	struct made_crl_spec spec = { .signer = &ca }, spec2 = { .signer = &other };
	struct bytes one = crl_make(&spec), two = crl_make(&spec2), a = crl_pem(one), b = crl_pem(two);
	char text[8192], why[WHY_MAX];
	struct content *content = calloc(1, sizeof(*content));

	CU_ASSERT_PTR_NOT_NULL_FATAL(content);
	atomic_init(&content->references, 1);
	int len = snprintf(text, sizeof(text), "hello\n%.*s\n%.*s", (int)a.len, (const char *)a.at, (int)b.len, (const char *)b.at);
	CU_ASSERT_EQUAL(crls_read(content, bytes_of(text, (size_t)len), why), 0);
	CU_ASSERT_EQUAL(content->crl_count, 2);
	CU_ASSERT_EQUAL(crls_read(content, bytes_text("no PEM"), why), FAULT_INPUT);
	CU_ASSERT_EQUAL(crls_read(content, bytes_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), why), FAULT_INPUT);
	content_unref(content);
	drop(one);
	drop(two);
	drop(a);
	drop(b);
}

static int64_t read_time(const char *octets)
{
	struct reader r = reader_over(bytes_of(octets, 2 + (size_t)octets[1]));
	int64_t t = der_time(&r);

	return r.failed ? -1 : t;
}

static void times(void)
{
	char text[TIME_TEXT_MAX];

	CU_ASSERT_EQUAL(read_time("\x17\x0d" "260101000000Z"), 1767225600);
	CU_ASSERT_EQUAL(read_time("\x17\x0d" "700101000000Z"), 0);
	CU_ASSERT_EQUAL(read_time("\x18\x0f" "20260101000000Z"), 1767225600);
	CU_ASSERT_EQUAL(read_time("\x18\x0f" "20261301000000Z"), -1);
	CU_ASSERT_EQUAL(read_time("\x18\x0f" "2026010100000aZ"), -1);
	CU_ASSERT_EQUAL(read_time("\x17\x0b" "2601010000Z"), -1);
	CU_ASSERT_EQUAL(read_time("\x17\x11" "260101000000+0100"), -1);
	CU_ASSERT_STRING_EQUAL(time_text(text, 1767225600), "2026-01-01 00:00 UTC");
	CU_ASSERT_STRING_EQUAL(reason_text(1), "key compromise");
	CU_ASSERT_STRING_EQUAL(reason_text(99), "not told");
}

static int fails_der(const char *octets, size_t len)
{
	struct reader r = reader_over(bytes_of(octets, len));
	struct bytes content, whole;

	(void)der_any(&r, &content, &whole);
	return r.failed;
}

static void lengths(void)
{
	CU_ASSERT(!fails_der("\x04\x00", 2));
	CU_ASSERT(!fails_der("\x04\x01x", 3));
	CU_ASSERT(fails_der("\x04\x02x", 3));
	CU_ASSERT(fails_der("\x04\x81\x01x", 4));
	CU_ASSERT(fails_der("\x04\x80\x00\x00", 4));
	CU_ASSERT(fails_der("\x04\x82\x00\x80", 4));
	CU_ASSERT(fails_der("\x04\x84\xff\xff\xff\xff", 6));
	CU_ASSERT(fails_der("\x04\x85\x00\x00\x00\x00\x01x", 8));
	CU_ASSERT(fails_der("\x1f\x01x", 3));
	CU_ASSERT(fails_der("\x04", 1));
	CU_ASSERT(fails_der("", 0));
}

static const struct unit_case cases[] = {
	{ "a certificate is found by issuer and serial, and the signature is the authority's", lookup },
	{ "critical extensions that are not known, and entries of others in a direct CRL, are refused", refused },
	{ "a CRL with an octet cut or flipped is refused or not believed", cut_and_flipped },
	{ "who may not sign CRLs does not, nor does SHA-1", signers },
	{ "entries of an indirect CRL have the issuer that was named last", indirect },
	{ "a delta goes with a base of its issuer, scope and numbers only", deltas },
	{ "distribution points have names, reasons and an issuer", points },
	{ "a CRL with a name covers certificates that name it", scopes },
	{ "PEM may hold several", pem },
	{ "times are read as RFC 5280 wants them", times },
	{ "lengths in DER are definite and minimal", lengths },
};

int main(void)
{
	cert_make(&ca, "CA", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&other, "Other", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&leaf, "leaf", &ca, false, NULL);
	cert_make(&second, "second", &ca, false, NULL);
	int status = unit_run("crl", cases, COUNT(cases));
	cert_drop(&ca);
	cert_drop(&other);
	cert_drop(&leaf);
	cert_drop(&second);
	return status;
}
