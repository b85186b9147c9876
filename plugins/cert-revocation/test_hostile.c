/* SPDX-License-Identifier: MIT */
/* test_hostile.c - servers, authorities and peers that want a revoked certificate to pass, or those of others to be refused. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "test_check.h"

#define CRL_URL "http://crl.example/root.crl"
#define MIDDLE_URL "http://crl.example/middle.crl"
#define OCSP_URL "http://ocsp.example/"
static struct made_cert by_crl, by_ocsp, by_none;
static const char *const ocsp_urls[] = { OCSP_URL, NULL };
static const struct made_crl_spec plain = { .signer = &root };

static void put_crl(const char *url, const struct made_crl_spec *spec)
{
	bench_put(url, crl_make(spec));
}

static void refresh(void)
{
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, NULL), CHECK_WAITS);
	CU_ASSERT(bench_until(bench_is_idle));
}

/* ---- who signs ---- */

/* Its key makes one who has the root's name and may sign CRLs. */
static void revoked_authority(void)
{
	const struct made_crl_spec of_middle = { .signer = &middle };
	struct made_cert leaf, impostor;

	cert_make(&leaf, "below", &middle, false, "crlDistributionPoints=URI:" MIDDLE_URL);
	cert_make(&impostor, "CA", &middle, false, "keyUsage=critical,cRLSign");
	const struct made_crl_spec forged = { .signer = &impostor };
	struct certificate *const others[] = { &impostor.c };

	bench_open();
	put_crl(MIDDLE_URL, &of_middle);
	put_crl(CRL_URL, &forged);
	bench_chain(&leaf, &middle);
	bench.chain.at[2] = &root.c;
	bench.chain.count = 3;
	bench.query.others = others;
	bench.query.other_count = 1;
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-unsigned", "its signature is wrong");
	bench_close();
	cert_drop(&leaf);
	cert_drop(&impostor);
}

static void own_crl_of_issuer(void)
{
	struct made_cert leaf;

	cert_make(&leaf, "told by another", &root, false,
		  "crlDistributionPoints=a\n[a]\nfullname=URI:" CRL_URL "\nCRLissuer=dirName:who\n[who]\nCN=CRL issuer\n");
	bench_open();
	put_crl(CRL_URL, &plain);
	bench_chain(&leaf, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-wrong-issuer", "the CRL is of another issuer than the certificate's");
	bench_close();
	cert_drop(&leaf);
}

static void sha1(void)
{
	const struct made_answer_spec spec = { .signer = &root, .about = &by_ocsp, .issuer = &root, .is_sha1 = true };

	bench_open();
	bench_answer(OCSP_URL, &spec);
	bench_chain(&by_ocsp, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "ocsp-unsigned", "it is signed with ECDSA-SHA1, which is not secure");
	bench_close();
}

/* ---- what spoils it for others ---- */

static void same_url(void)
{
	struct made_cert foreign;

	cert_make(&foreign, "foreign", &other, false, "crlDistributionPoints=URI:" CRL_URL);
	bench_open();
	put_crl(CRL_URL, &plain);
	bench_chain(&foreign, &other);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-wrong-issuer", "its issuer is no authority of the certificate");
	bench_chain(&by_crl, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	cert_drop(&foreign);
}

static void without_signer(void)
{
	struct made_cert leaf, issuer;

	cert_make(&leaf, "told by another", &root, false,
		  "crlDistributionPoints=a\n[a]\nfullname=URI:" CRL_URL "\nCRLissuer=dirName:who\n[who]\nCN=CRL issuer\n");
	cert_make(&issuer, "CRL issuer", &root, false, "keyUsage=critical,cRLSign");
	struct made_crl_spec spec = { .signer = &issuer, .extensions = "issuingDistributionPoint=critical,@idp\n[idp]\nindirectCRL=TRUE\n" };
	struct certificate *const others[] = { &issuer.c };

	bench_open();
	put_crl(CRL_URL, &spec);
	bench_chain(&leaf, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-wrong-issuer", "its issuer is no authority of the certificate");
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-wrong-issuer", "its issuer is no authority of the certificate");
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	bench.query.others = others;
	bench.query.other_count = 1;
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	cert_drop(&leaf);
	cert_drop(&issuer);
}

/* All of a store's documents but one are under way, and an inquiry wants three. */
static void full_store(void)
{
	static const char *const urls[] = { "http://a.example/", "http://b.example/", "http://c.example/", NULL };
	char url[64];

	bench_open();
	pthread_mutex_lock(&bench.store->lock);
	for (size_t i = 0; i < DOCUMENTS_MAX - 1; i++) {
		snprintf(url, sizeof(url), "http://full.example/%zu", i);
		struct document *d = store_document(bench.store, DOCUMENT_CRL, url, url, FETCH_FROM_CERTIFICATE);
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		d->state = UNDER_WAY;
	}
	pthread_mutex_unlock(&bench.store->lock);
	/* The folder needs none. */
	bench.store->settings.folder = NULL;
	bench_hang(urls[0], true);
	bench_chain(&by_none, &root);
	bench.query.crl_urls = urls;
	bench.query.now = time(NULL);
	bench.waiter = (struct cert_waiter){ .home = bench.loop };
	CU_ASSERT_EQUAL(bench.ops->check(bench.store, &bench.query, &bench.failure), CHECK_WAITS);
	CU_ASSERT(bench.ops->forget(bench.store, &bench.waiter));
	bench_close();
}

static void count_news(struct cert_waiter *waiter)
{
	(void)waiter;
}

/* Each of these is asked for, and then who asked goes. */
static void ask_and_leave(const char *const *urls, size_t count)
{
	bench_chain(&by_none, &root);
	bench.query.crl_urls = urls;
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	for (size_t i = 0; i < count; i++) {
		bench_later(i ? HURRY_SECONDS : 0);
		bench.query.now = bench.store->clock();
		CU_ASSERT_EQUAL(bench.ops->check(bench.store, &bench.query, &bench.failure), CHECK_WAITS);
	}
	CU_ASSERT(bench.ops->forget(bench.store, &bench.waiter));
}

static void one_host(void)
{
	static const char *const urls[] = {
		"http://hangs.example/", "http://hangs.example:81/", "http://a@hangs.example/", "http://HANGS.example.:82/", NULL
	};

	bench_open();
	bench.store->settings.folder = NULL;
	for (size_t i = 0; urls[i]; i++)
		bench_hang(urls[i], true);
	ask_and_leave(urls, 4);
	pthread_mutex_lock(&bench.store->lock);
	CU_ASSERT_EQUAL(bench.store->under_way, HOST_MAX);
	pthread_mutex_unlock(&bench.store->lock);
	bench_close();
}

static bool is_one_under_way(void)
{
	pthread_mutex_lock(&bench.store->lock);
	bool is_one = bench.store->under_way == 1;
	pthread_mutex_unlock(&bench.store->lock);
	return is_one;
}

static void nobody_waits(void)
{
	static const char *const urls[] = { "http://hangs.example/1", "http://hangs.example/2", "http://hangs.example/3", "http://hangs.example/4", NULL };

	bench_open();
	bench.store->settings.folder = NULL;
	for (size_t i = 0; urls[i]; i++)
		bench_hang(urls[i], true);
	ask_and_leave(urls, 4);
	bench_later(QUEUE_SECONDS);
	bench_hang(urls[0], false);
	CU_ASSERT(bench_until(is_one_under_way));
	pthread_mutex_lock(&bench.store->lock);
	CU_ASSERT(list_empty(&bench.store->queue));
	pthread_mutex_unlock(&bench.store->lock);
	CU_ASSERT_EQUAL(bench_asked(urls[2]), 0);
	CU_ASSERT_EQUAL(bench_asked(urls[3]), 0);
	bench_close();
}

/* Hosts of certificates, however many there are, leave threads to the configured ones. */
static void threads_left(void)
{
	static char points[1024], urls[FETCHERS + 1][64];
	static const char *const configured[] = { CRL_URL, NULL };
	struct made_cert leaf;
	size_t used = (size_t)snprintf(points, sizeof(points), "crlDistributionPoints=");

	bench_open();
	bench.store->settings.folder = NULL;
	for (size_t i = 0; i < PLACES_MAX - 1; i++) {
		snprintf(urls[i], sizeof(urls[i]), "http://hangs%zu.example/", i);
		used += (size_t)snprintf(points + used, sizeof(points) - used, "%sURI:%s", i ? "," : "", urls[i]);
		bench_hang(urls[i], true);
	}
	cert_make(&leaf, "leaf", &root, false, points);
	bench_chain(&leaf, &root);
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	for (size_t i = 0; i < PLACES_MAX - 1; i++) {
		bench_later(i ? HURRY_SECONDS : 0);
		bench.query.now = bench.store->clock();
		CU_ASSERT_EQUAL(bench.ops->check(bench.store, &bench.query, &bench.failure), CHECK_WAITS);
	}
	CU_ASSERT(bench.ops->forget(bench.store, &bench.waiter));
	pthread_mutex_lock(&bench.store->lock);
	CU_ASSERT_EQUAL(bench.store->under_way, FOREIGN_MAX);
	pthread_mutex_unlock(&bench.store->lock);
	put_crl(CRL_URL, &plain);
	bench_chain(&by_none, &root);
	bench.query.crl_urls = configured;
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	cert_drop(&leaf);
}

/* ---- what is old ---- */

static void old_answer(void)
{
	const struct made_answer_spec revoked = { .signer = &root, .about = &by_ocsp, .issuer = &root, .status = V_OCSP_CERTSTATUS_REVOKED, .reason = 1 };
	const struct made_answer_spec older = { .signer = &root, .about = &by_ocsp, .issuer = &root, .this_update = -600, .without_nonce = true };
	const struct made_answer_spec newer = { .signer = &root, .about = &by_ocsp, .issuer = &root, .this_update = 60 };

	bench_open();
	bench_answer(OCSP_URL, &revoked);
	bench_chain(&by_ocsp, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-ocsp", "reason key compromise");
	bench_answer(OCSP_URL, &older);
	refresh();
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-ocsp", "reason key compromise");
	CU_ASSERT(bench_said("ocsp-older: " OCSP_URL ": it is older than the one that is kept"));
	bench_answer(OCSP_URL, &newer);
	refresh();
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
}

/* An authority's clock was wrong once; or ours was. */
static void early_crl(void)
{
	/* The number makes another length of it, and so another ETag. */
	const struct made_crl_spec early = { .signer = &root, .this_update = 7200, .number = 1 };

	bench_open();
	put_crl(CRL_URL, &early);
	bench_chain(&by_crl, &root);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-not-yet-valid", "compare the clocks");
	put_crl(CRL_URL, &plain);
	refresh();
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
}

/* ---- work ---- */

/* Behind one that is good there are others, of which somebody has to check the signatures. */
static void many_crls(void)
{
	const struct made_crl_spec forged = { .signer = &other, .name = &root };
	struct bytes good = crl_make(&plain), bad = crl_make(&forged), first = crl_pem(good), second = crl_pem(bad);
	uint8_t *both = malloc(first.len + second.len);
	struct document *d, *next;

	CU_ASSERT_PTR_NOT_NULL_FATAL(both);
	memcpy(both, first.at, first.len);
	memcpy(both + first.len, second.at, second.len);
	bench_open();
	bench_put(CRL_URL, bytes_of(both, first.len + second.len));
	bench_chain(&by_crl, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	pthread_mutex_lock(&bench.store->lock);
	HASH_ITER(hh, bench.store->documents, d, next)
		for (size_t i = 0; d->content && i < d->content->crl_count; i++)
			CU_ASSERT_EQUAL(d->content->crls[i]->proof_count, 1);
	pthread_mutex_unlock(&bench.store->lock);
	bench_close();
	drop(good);
	drop(bad);
	drop(first);
	drop(second);
}

static const struct unit_case cases[] = {
	{ "a revoked authority does not make who signs the CRL that would name it", revoked_authority },
	{ "the issuer's own CRL does not tell where a certificate says that another's does", own_crl_of_issuer },
	{ "an answer signed with SHA-1 does not tell", sha1 },
	{ "a certificate of another authority that names the same URL spoils nothing", same_url },
	{ "who does not send the CRL's signer spoils nothing for who does", without_signer },
	{ "a store that is full takes nothing from who is asking", full_store },
	{ "a host is one whatever port, user or case its URL has", one_host },
	{ "what is queued and nobody waits for is not fetched", nobody_waits },
	{ "places that certificates name leave threads to the configured ones", threads_left },
	{ "an older answer does not replace a newer one", old_answer },
	{ "a CRL of the future is replaced by one of the present", early_crl },
	{ "signatures are checked by the helper, also of CRLs that are of no use", many_crls },
};

int main(void)
{
	cert_make(&root, "CA", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&other, "Other", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&middle, "Middle", &root, true, "keyUsage=critical,keyCertSign,cRLSign\ncrlDistributionPoints=URI:" CRL_URL);
	cert_make(&by_crl, "by CRL", &root, false, "crlDistributionPoints=URI:" CRL_URL);
	cert_make(&by_ocsp, "by OCSP", &root, false, NULL);
	cert_make(&by_none, "by none", &root, false, NULL);
	by_ocsp.c.ocsp_urls = ocsp_urls;
	int status = unit_run("hostile", cases, COUNT(cases));
	struct made_cert *all[] = { &root, &other, &middle, &by_crl, &by_ocsp, &by_none };
	for (size_t i = 0; i < COUNT(all); i++)
		cert_drop(all[i]);
	return status;
}
