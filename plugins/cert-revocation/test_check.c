/* SPDX-License-Identifier: MIT */
/* test_check.c - each check that fails, with the line that it says; and what is good. Time, joins and the disk are test_store.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test_check.h"

#define CRL_URL "http://crl.example/root.crl"
#define OCSP_URL "http://ocsp.example/"
static struct made_cert by_crl, by_ocsp, by_both, by_none;
static const char *const ocsp_urls[] = { OCSP_URL, NULL };
static const char *const crl_urls[] = { CRL_URL, NULL };

/* A CRL of the root at its place. */
static void put_crl(const struct made_crl_spec *spec)
{
	bench_put(CRL_URL, crl_make(spec));
}

/* ---- CRLs ---- */

static void good(void)
{
	const struct made_crl_spec spec = { .signer = &root, .entries = { { .cert = &by_ocsp, .reason = 1 } } };

	bench_open();
	put_crl(&spec);
	bench_chain(&by_crl, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_PTR_NULL(bench.failure.code);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	bench_close();
}

static void revoked(void)
{
	const struct made_crl_spec spec = { .signer = &root, .entries = { { .cert = &by_crl, .reason = 1 } } };
	static const enum revocation_policy policies[] = { REVOCATION_STRICT, REVOCATION_IF_POSSIBLE };

	bench_open();
	put_crl(&spec);
	bench_chain(&by_crl, &root);
	for (size_t i = 0; i < COUNT(policies); i++) {
		bench.query.policy = policies[i];
		SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl",
		     "was revoked on 2026-01-01 00:00 UTC, reason key compromise, says the CRL of http://crl.example/root.crl: its owner needs a new one");
		CU_ASSERT(strstr(bench.failure.why, "certificate \"by CRL\" (serial ") != NULL);
	}
	bench.query.policy = REVOCATION_OFF;
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
}

/* Each of these is refused by strict, and let through by if-possible with the same line. */
static void fails_with(const struct made_crl_spec *spec, const char *code, const char *words)
{
	bench_open();
	put_crl(spec);
	bench_chain(&by_crl, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, code, words);
	CU_ASSERT(strstr(bench.failure.why, "whether \"by CRL\" (serial ") != NULL);
	bench.query.policy = REVOCATION_IF_POSSIBLE;
	SAYS(bench_ask(), 0, code, words);
	bench_close();
}

static void crl_faults(void)
{
	const struct made_crl_spec expired = { .signer = &root, .this_update = -7200, .next_update = -3600 };
	const struct made_crl_spec early = { .signer = &root, .this_update = 7200 };
	const struct made_crl_spec foreign = { .signer = &other };
	const struct made_crl_spec forged = { .signer = &other, .name = &root };
	const struct made_crl_spec critical = { .signer = &root, .is_critical_unknown = true };
	const struct made_crl_spec elsewhere = {
		.signer = &root, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://crl.example/others.crl\n",
	};
	const struct made_crl_spec of_cas = { .signer = &root, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nonlyCA=TRUE\n" };
	const struct made_crl_spec some = {
		.signer = &root, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nonlysomereasons=keyCompromise\n",
	};
	const struct made_crl_spec endless = { .signer = &root, .this_update = -8 * 86400, .next_update = -1 };

	fails_with(&expired, "crl-expired", "http://crl.example/root.crl: the CRL was good until ");
	fails_with(&early, "crl-not-yet-valid", "which is to come: compare the clocks");
	fails_with(&foreign, "crl-wrong-issuer", "its issuer is no authority of the certificate");
	fails_with(&forged, "crl-unsigned", "its signature is wrong");
	fails_with(&critical, "crl-unsupported", "it has a critical extension that is not known here");
	fails_with(&elsewhere, "crl-wrong-scope", "the CRL is for other certificates of the authority");
	fails_with(&of_cas, "crl-wrong-scope", "the CRL is for other certificates of the authority");
	fails_with(&some, "revocation-incomplete", "does not cover it, or not all reasons");
	fails_with(&endless, "crl-expired", "the CRL was good until ");
}

static void no_crl(void)
{
	bench_open();
	bench_put(CRL_URL, bytes_of(strdup("<html>"), 6));
	bench_chain(&by_crl, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-malformed", "it is no CRL in DER or PEM");
	bench_close();
	bench_open();
	bench_chain(&by_crl, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "revocation-unreachable", "http://crl.example/root.crl: the server answers 404");
	bench_chain(&by_none, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "revocation-no-source", "neither it nor <ca crl=\"...\" ocsp=\"...\"> names a place that tells");
	bench_close();
}

/* One that expired while it was kept, and that is not to be had again. */
static void old_crl(void)
{
	const struct made_crl_spec spec = { .signer = &root, .next_update = 3600 };

	bench_open();
	put_crl(&spec);
	bench_chain(&by_crl, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_put(CRL_URL, (struct bytes){ NULL, 0 });
	bench_later(3500);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_later(200);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-expired", "and no newer one is there");
	bench_close();
}

static void configured(void)
{
	const struct made_crl_spec spec = { .signer = &root, .entries = { { .cert = &by_none, .reason = -1 } } };

	bench_open();
	put_crl(&spec);
	bench_chain(&by_none, &root);
	bench.query.crl_urls = crl_urls;
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "reason not told");
	bench_close();
}

static void folder(void)
{
	const struct made_crl_spec spec = { .signer = &root, .entries = { { .cert = &by_none, .reason = 5 } } }, of_other = { .signer = &other };
	struct bytes der = crl_make(&spec), pem = crl_pem(der), second = crl_make(&of_other);
	const struct { const char *name; struct bytes data; } files[] = { { "a.crl", second }, { "b.pem", pem }, { "README", bytes_text("no CRL") } };
	char path[128];

	bench_open();
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", bench.crls, files[i].name);
		FILE *file = fopen(path, "w");
		CU_ASSERT_FATAL(file && fwrite(files[i].data.at, 1, files[i].data.len, file) == files[i].data.len);
		fclose(file);
	}
	bench_chain(&by_none, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "reason cessation of operation, says the CRL of /tmp/keyferry-crls-");
	/* Every authority with a CRL there is served by it. */
	bench_chain(&by_ocsp, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT(bench_said("README is left out: it is no CRL"));
	bench_close();
	drop(der);
	drop(pem);
	drop(second);
}

static void intermediates(void)
{
	const struct made_crl_spec spec = { .signer = &middle }, of_root = { .signer = &root, .entries = { { .cert = &middle, .reason = 2 } } };
	struct made_cert leaf;

	cert_make(&leaf, "below", &middle, false, "crlDistributionPoints=URI:http://crl.example/middle.crl");
	bench_open();
	bench_put("http://crl.example/middle.crl", crl_make(&spec));
	put_crl(&of_root);
	bench_chain(&leaf, &middle);
	bench.chain.at[2] = &root.c;
	bench.chain.count = 3;
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "certificate \"Middle\"");
	CU_ASSERT(strstr(bench.failure.why, "compromise of the authority") != NULL);
	bench_close();
	cert_drop(&leaf);
}

/* ---- several CRLs ---- */

static void deltas(void)
{
	const struct made_crl_spec base = {
		.signer = &root, .number = 5, .extensions = "freshestCRL=URI:http://crl.example/delta.crl\n",
		.entries = { { .cert = &by_none, .reason = 6 } },
	};
	const struct made_crl_spec delta = {
		.signer = &root, .number = 6, .base = 5, .entries = { { .cert = &by_crl, .reason = 4 }, { .cert = &by_none, .reason = 8 } },
	};
	const struct made_crl_spec far = { .signer = &root, .number = 9, .base = 8, .entries = { { .cert = &by_crl, .reason = 4 } } };

	bench_open();
	put_crl(&base);
	bench_put("http://crl.example/delta.crl", crl_make(&delta));
	bench_chain(&by_crl, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "reason superseded, says the delta CRL of ");
	bench_chain(&by_none, &root);
	bench.query.crl_urls = crl_urls;
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	/* Without a delta, or with one of another base, the base alone counts. */
	bench_open();
	put_crl(&base);
	bench_put("http://crl.example/delta.crl", crl_make(&far));
	bench_chain(&by_crl, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_chain(&by_none, &root);
	bench.query.crl_urls = crl_urls;
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "reason on hold");
	bench_close();
}

static void reasons(void)
{
	struct made_crl_spec keys = {
		.signer = &root, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://crl.example/keys.crl\nonlysomereasons=keyCompromise,CACompromise\n",
	};
	struct made_crl_spec rest = {
		.signer = &root, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nfullname=URI:http://crl.example/rest.crl\n"
					       "onlysomereasons=affiliationChanged,superseded,cessationOfOperation,certificateHold,privilegeWithdrawn,AACompromise\n",
	};
	struct made_cert leaf;

	cert_make(&leaf, "partitioned", &root, false,
		  "crlDistributionPoints=a,b\n[a]\nfullname=URI:http://crl.example/keys.crl\nreasons=keyCompromise,CACompromise\n"
		  "[b]\nfullname=URI:http://crl.example/rest.crl\n");
	bench_open();
	bench_chain(&leaf, &root);
	bench_put("http://crl.example/keys.crl", crl_make(&keys));
	SAYS(bench_ask(), FAULT_CRYPTO, "revocation-unreachable", "http://crl.example/rest.crl: the server answers 404");
	bench_later(FAILED_SECONDS + 1);
	bench_put("http://crl.example/rest.crl", crl_make(&rest));
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	rest.entries[0] = (struct made_entry){ .cert = &leaf, .reason = 9 };
	bench_open();
	bench_chain(&leaf, &root);
	bench_put("http://crl.example/keys.crl", crl_make(&keys));
	bench_put("http://crl.example/rest.crl", crl_make(&rest));
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "reason privilege withdrawn");
	bench_close();
	cert_drop(&leaf);
}

static void indirect(void)
{
	struct made_cert leaf, issuer, stranger;

	cert_make(&leaf, "told by another", &root, false,
		  "crlDistributionPoints=a\n[a]\nfullname=URI:http://crl.example/all.crl\nCRLissuer=dirName:who\n[who]\nCN=CRL issuer\n");
	cert_make(&issuer, "CRL issuer", &root, false, "keyUsage=critical,cRLSign");
	cert_make(&stranger, "CRL issuer", &other, false, "keyUsage=critical,cRLSign");
	struct made_crl_spec spec = { .signer = &issuer, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nindirectCRL=TRUE\n" };
	struct certificate *const others[] = { &stranger.c, &issuer.c }, *const strangers[] = { &stranger.c };

	bench_open();
	bench_put("http://crl.example/all.crl", crl_make(&spec));
	bench_chain(&leaf, &root);
	bench.query.others = strangers;
	bench.query.other_count = 1;
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-wrong-issuer", "its issuer is no authority");
	bench_later(FAILED_SECONDS + 1);
	bench.query.others = others;
	bench.query.other_count = 2;
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	spec.entries[0] = (struct made_entry){ .cert = &leaf, .reason = 3, .issuer = &root };
	bench_open();
	bench_put("http://crl.example/all.crl", crl_make(&spec));
	bench_chain(&leaf, &root);
	bench.query.others = others;
	bench.query.other_count = 2;
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "reason affiliation changed");
	bench_close();
	cert_drop(&leaf);
	cert_drop(&issuer);
	cert_drop(&stranger);
}

/* ---- OCSP ---- */

static int ask_responder(const struct made_answer_spec *spec)
{
	bench_answer(OCSP_URL, spec);
	bench_chain(&by_ocsp, &root);
	return bench_ask();
}

static void ocsp_good(void)
{
	struct made_answer_spec spec = { .signer = &root, .about = &by_ocsp, .issuer = &root };
	struct made_cert responder;

	cert_make(&responder, "Responder", &root, false, "extendedKeyUsage=OCSPSigning");
	for (unsigned i = 0; i < 32; i++) {
		spec.signer = i & 1 ? &responder : &root;
		spec.by_key = i & 2;
		spec.without_nonce = i & 4;
		spec.is_sha256 = i & 8;
		spec.also = i & 16 ? &by_crl : NULL;
		bench_open();
		CU_ASSERT_EQUAL(ask_responder(&spec), 0);
		CU_ASSERT_EQUAL(bench_ask(), 0);
		CU_ASSERT_EQUAL(bench_asked(OCSP_URL), 1);
		bench_close();
	}
	cert_drop(&responder);
}

static void ocsp_revoked(void)
{
	const struct made_answer_spec spec = { .signer = &root, .about = &by_ocsp, .issuer = &root, .status = V_OCSP_CERTSTATUS_REVOKED, .reason = 4, .also = &by_crl };

	bench_open();
	SAYS(ask_responder(&spec), FAULT_CRYPTO, "revoked-by-ocsp",
	     "was revoked on 2026-01-01 00:00 UTC, reason superseded, says the OCSP responder of http://ocsp.example/: its owner needs a new one");
	bench_close();
}

static void ocsp_fails_with(const struct made_answer_spec *spec, const char *code, const char *words)
{
	bench_open();
	SAYS(ask_responder(spec), FAULT_CRYPTO, code, words);
	bench.query.policy = REVOCATION_IF_POSSIBLE;
	SAYS(bench_ask(), 0, code, words);
	bench_close();
}

static void ocsp_faults(void)
{
	struct made_cert stranger, plain, impostor;
	struct made_answer_spec good_one = { .signer = &root, .about = &by_ocsp, .issuer = &root }, spec;

	cert_make(&stranger, "Stranger", &other, false, "extendedKeyUsage=OCSPSigning");
	cert_make(&plain, "No responder", &root, false, NULL);
	cert_make(&impostor, "CA", NULL, true, NULL);
	spec = good_one, spec.about = &by_crl;
	ocsp_fails_with(&spec, "ocsp-wrong-certificate", "it is about another certificate");
	spec = good_one, spec.issuer = &other;
	ocsp_fails_with(&spec, "ocsp-wrong-certificate", "it is about another certificate");
	spec = good_one, spec.issuer = &impostor;
	ocsp_fails_with(&spec, "ocsp-wrong-certificate", "it is about another certificate");
	spec = good_one, spec.signer = &other;
	ocsp_fails_with(&spec, "ocsp-unsigned", "is not from the authority that it speaks for");
	spec = good_one, spec.signer = &stranger;
	ocsp_fails_with(&spec, "ocsp-unsigned", "is not from the authority that it speaks for");
	spec = good_one, spec.signer = &plain;
	ocsp_fails_with(&spec, "ocsp-unsigned", "is not for OCSPSigning");
	spec = good_one, spec.signer = &impostor, spec.without_certs = true;
	ocsp_fails_with(&spec, "ocsp-unsigned", "its signature is wrong");
	spec = good_one, spec.this_update = -7200, spec.next_update = -3600;
	ocsp_fails_with(&spec, "ocsp-expired", "it was good until ");
	spec = good_one, spec.this_update = -2 * 86400, spec.next_update = -1;
	ocsp_fails_with(&spec, "ocsp-expired", "does not say until when");
	spec = good_one, spec.this_update = 3600, spec.next_update = 7200;
	ocsp_fails_with(&spec, "ocsp-not-yet-valid", "which is to come: compare the clocks");
	spec = good_one, spec.has_wrong_nonce = true;
	ocsp_fails_with(&spec, "ocsp-nonce", "its nonce is not that of the question");
	spec = good_one, spec.status = V_OCSP_CERTSTATUS_UNKNOWN;
	ocsp_fails_with(&spec, "ocsp-unknown", "the responder does not know the certificate");
	spec = good_one, spec.error = OCSP_RESPONSE_STATUS_TRYLATER;
	ocsp_fails_with(&spec, "ocsp-refused", "the responder answers tryLater");
	spec = good_one, spec.error = OCSP_RESPONSE_STATUS_UNAUTHORIZED;
	ocsp_fails_with(&spec, "ocsp-refused", "the responder answers unauthorized");
	cert_drop(&stranger);
	cert_drop(&plain);
	cert_drop(&impostor);
}

static void ocsp_flipped(void)
{
	const struct made_answer_spec spec = { .signer = &root, .about = &by_ocsp, .issuer = &root };
	struct ocsp_question question = { .certificate = &by_ocsp.c, .issuer = &root.c };
	struct bytes der = answer_make(&spec, (struct bytes){ NULL, 0 });
	uint8_t *copy = malloc(der.len);
	struct cert_failure failure;
	struct ocsp_answer answer;
	size_t believed = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	CU_ASSERT_EQUAL(ocsp_read(&answer, &question, der, time(NULL), &failure), 0);
	for (size_t i = 0; i < der.len; i++) {
		CU_ASSERT(ocsp_read(&answer, &question, bytes_of(der.at, i), time(NULL), &failure) < 0);
		memcpy(copy, der.at, der.len);
		copy[i] ^= 0x01;
		/* The signer's certificate comes along unsigned by the answer; it is proved by itself. */
		believed += ocsp_read(&answer, &question, bytes_of(copy, der.len), time(NULL), &failure) == 0 && answer.status != OCSP_GOOD;
	}
	CU_ASSERT_EQUAL(believed, 0);
	free(copy);
	drop(der);
}

static void ocsp_nonce_required(void)
{
	const struct made_answer_spec spec = { .signer = &root, .about = &by_ocsp, .issuer = &root, .without_nonce = true };

	bench_open();
	bench.store->settings.nonce = NONCE_REQUIRED;
	SAYS(ask_responder(&spec), FAULT_CRYPTO, "ocsp-nonce", "it has no nonce, and nonce=\"require\" wants one");
	bench_close();
}

/* ---- both ---- */

static void count_entry(void *arg, const struct revocation_entry *entry)
{
	CU_ASSERT_STRING_EQUAL(entry->kind, "OCSP");
	++*(unsigned *)arg;
}

static void falls_back(void)
{
	unsigned count = 0;
	const struct made_crl_spec crl = { .signer = &root, .entries = { { .cert = &by_crl, .reason = 1 } } };
	const struct made_answer_spec unknown = { .signer = &root, .about = &by_both, .issuer = &root, .status = V_OCSP_CERTSTATUS_UNKNOWN };
	const struct made_answer_spec fine = { .signer = &root, .about = &by_both, .issuer = &root };

	bench_open();
	put_crl(&crl);
	bench_chain(&by_both, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	bench_close();
	bench_open();
	put_crl(&crl);
	bench_answer(OCSP_URL, &unknown);
	bench_chain(&by_both, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	/* The responder comes first, and is enough. */
	bench_open();
	put_crl(&crl);
	bench_answer(OCSP_URL, &fine);
	bench_chain(&by_both, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 0);
	/* What was not asked is neither listed nor fetched again. */
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, NULL), CHECK_WAITS);
	CU_ASSERT(bench_until(bench_is_idle));
	bench.ops->each(bench.store, count_entry, &count);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 0);
	bench_close();
}

static const struct unit_case cases[] = {
	{ "a certificate that its authority's CRL does not name is good, and the CRL is fetched once", good },
	{ "one that the CRL names is refused with date and reason, unless revocation is off", revoked },
	{ "a CRL that is expired, early, foreign, forged, not understood or out of scope does not tell", crl_faults },
	{ "a place that has no CRL, or none at all, is named", no_crl },
	{ "a CRL serves until it expires, also when its server is gone", old_crl },
	{ "a configured place tells of certificates that name none", configured },
	{ "CRLs of the folder are used, and what is none is named", folder },
	{ "intermediate authorities are checked as well", intermediates },
	{ "a delta CRL adds to its base and removes from it, if it fits", deltas },
	{ "CRLs for some reasons each are needed all", reasons },
	{ "an indirect CRL counts when an authority of the chain has made its issuer", indirect },
	{ "a responder's answer counts: by name or key, delegated or not, with or without nonce", ocsp_good },
	{ "a responder's answer refuses with date and reason", ocsp_revoked },
	{ "an answer about another certificate, unsigned, expired, early or to another question does not tell", ocsp_faults },
	{ "an answer with an octet cut or flipped does not tell", ocsp_flipped },
	{ "a nonce can be required", ocsp_nonce_required },
	{ "where the responder fails the CRL tells", falls_back },
};

int main(void)
{
	cert_make(&root, "CA", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&other, "Other", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&middle, "Middle", &root, true, "keyUsage=critical,keyCertSign,cRLSign\ncrlDistributionPoints=URI:" CRL_URL);
	cert_make(&by_crl, "by CRL", &root, false, "crlDistributionPoints=URI:" CRL_URL);
	cert_make(&by_ocsp, "by OCSP", &root, false, NULL);
	cert_make(&by_both, "by both", &root, false, "crlDistributionPoints=URI:" CRL_URL);
	cert_make(&by_none, "by none", &root, false, NULL);
	by_ocsp.c.ocsp_urls = by_both.c.ocsp_urls = ocsp_urls;
	int status = unit_run("check", cases, COUNT(cases));
	struct made_cert *all[] = { &root, &other, &middle, &by_crl, &by_ocsp, &by_both, &by_none };
	for (size_t i = 0; i < COUNT(all); i++)
		cert_drop(all[i]);
	return status;
}
