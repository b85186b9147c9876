/* SPDX-License-Identifier: MIT */
/* test_store.c - joins, deadlines, refreshing, memory and disk of the documents. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test_check.h"

#define CRL_URL "http://crl.example/root.crl"
#define SLOW_URL "http://slow.example/"
static struct made_cert by_crl, by_both;
static const char *const slow_urls[] = { SLOW_URL, NULL };
static const struct made_crl_spec plain = { .signer = &root };

static void open_with_crl(const struct made_crl_spec *spec)
{
	bench_open();
	bench_put(CRL_URL, crl_make(spec));
	bench_chain(&by_crl, &root);
}

/* ---- joins and waiting ---- */

enum { ASKERS = 500 };
static unsigned told, good;

static void count_news(struct cert_waiter *waiter)
{
	(void)waiter;
	told++;
}

static void ask_again(struct cert_waiter *waiter)
{
	bench.query.waiter = waiter;
	int result = bench.ops->check(bench.store, &bench.query, &bench.failure);

	CU_ASSERT(result == 0 || result == CHECK_WAITS);
	good += result == 0;
}

static bool all_good(void)
{
	return good == ASKERS;
}

static void joins(void)
{
	struct cert_waiter *waiters = calloc(ASKERS, sizeof(*waiters));

	CU_ASSERT_PTR_NOT_NULL_FATAL(waiters);
	open_with_crl(&plain);
	bench_hang(CRL_URL, true);
	good = 0;
	bench.query.now = time(NULL);
	for (size_t i = 0; i < ASKERS; i++) {
		waiters[i] = (struct cert_waiter){ .home = bench.loop, .news = ask_again };
		ask_again(&waiters[i]);
	}
	CU_ASSERT_EQUAL(good, 0);
	bench_hang(CRL_URL, false);
	/* Some hear first of the folder, which is looked at before the CRL is asked for, and wait again. */
	CU_ASSERT(bench_until(all_good));
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	bench_close();
	free(waiters);
}

static void deadline(void)
{
	open_with_crl(&plain);
	bench_hang(CRL_URL, true);
	bench.query.now = time(NULL);
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	CU_ASSERT_EQUAL(bench.ops->check(bench.store, &bench.query, &bench.failure), CHECK_WAITS);
	CU_ASSERT(bench.ops->forget(bench.store, &bench.waiter));
	CU_ASSERT(!bench.ops->forget(bench.store, &bench.waiter));
	bench.query.is_last = true;
	bench.query.waiter = NULL;
	SAYS(bench.ops->check(bench.store, &bench.query, &bench.failure), FAULT_CRYPTO, "revocation-timeout", "it has not answered in 10 seconds");
	bench.query.policy = REVOCATION_IF_POSSIBLE;
	SAYS(bench.ops->check(bench.store, &bench.query, &bench.failure), 0, "revocation-timeout", "it has not answered in 10 seconds");
	/* The end does not wait for it. */
	time_t before = time(NULL);
	bench_close();
	CU_ASSERT(time(NULL) - before <= 2);
}

static void hurries(void)
{
	open_with_crl(&plain);
	bench_hang(SLOW_URL, true);
	bench_chain(&by_both, &root);
	bench.query.now = time(NULL);
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	told = 0;
	CU_ASSERT_EQUAL(bench.ops->check(bench.store, &bench.query, &bench.failure), CHECK_WAITS);
	(void)store_look_after(bench.store);
	loop_turn(bench.loop);
	CU_ASSERT_EQUAL(told, 0);
	bench_later(HURRY_SECONDS);
	CU_ASSERT_EQUAL(store_look_after(bench.store), 1);
	loop_turn(bench.loop);
	CU_ASSERT_EQUAL(told, 1);
	/* The next place is asked, too, and is enough. */
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	CU_ASSERT_EQUAL(bench_asked(SLOW_URL), 1);
	bench_close();
}

/* One host that hangs holds neither all threads nor the others. */
static void hosts(void)
{
	static char urls[6][64];
	static const char *list[7];
	struct made_cert lost;

	cert_make(&lost, "lost", &root, false, NULL);
	open_with_crl(&plain);
	for (size_t i = 0; i < 6; i++) {
		snprintf(urls[i], sizeof(urls[i]), "http://hangs.example/%zu", i);
		list[i] = urls[i];
		bench_hang(urls[i], true);
	}
	bench_chain(&lost, &root);
	bench.query.crl_urls = list;
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	for (size_t i = 0; i < 6; i++) {
		bench.query.now = time(NULL) + (int64_t)i * HURRY_SECONDS;
		bench_later(i ? HURRY_SECONDS : 0);
		CU_ASSERT_EQUAL(bench.ops->check(bench.store, &bench.query, &bench.failure), CHECK_WAITS);
	}
	CU_ASSERT(bench.ops->forget(bench.store, &bench.waiter));
	pthread_mutex_lock(&bench.store->lock);
	CU_ASSERT_EQUAL(bench.store->under_way, HOST_MAX);
	CU_ASSERT_EQUAL(HASH_COUNT(bench.store->documents), 7);
	pthread_mutex_unlock(&bench.store->lock);
	bench_chain(&by_crl, &root);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
	cert_drop(&lost);
}

static void failed_rest(void)
{
	bench_open();
	bench_chain(&by_crl, &root);
	for (size_t i = 0; i < 3; i++)
		SAYS(bench_ask(), FAULT_CRYPTO, "revocation-unreachable", "404");
	/* It is tried once; the place is none that the network has, so it counts nothing. */
	bench_put(CRL_URL, crl_make(&plain));
	SAYS(bench_ask(), FAULT_CRYPTO, "revocation-unreachable", "404");
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 0);
	bench_later(FAILED_SECONDS);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_close();
}

/* Who waits says it with the rest of what he knows; for what is fetched ahead nobody else does. */
static void says_what_nobody_says(void)
{
	bench_open();
	bench_chain(&by_crl, &root);
	bench_put(CRL_URL, bytes_of(strdup("<html>"), 6));
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-malformed", "");
	CU_ASSERT_FALSE(bench_said("crl-malformed: " CRL_URL));
	bench_close();
	open_with_crl(&plain);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	bench_put(CRL_URL, bytes_of(strdup("<html>"), 6));
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, NULL), CHECK_WAITS);
	CU_ASSERT(bench_until(bench_is_idle));
	CU_ASSERT(bench_said("crl-malformed: " CRL_URL));
	CU_ASSERT(bench_said("what is kept of it serves until it expires"));
	bench_close();
}

/* ---- refreshing ---- */

static void refreshes(void)
{
	struct made_crl_spec spec = { .signer = &root, .next_update = 7200 };

	open_with_crl(&spec);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(store_look_after(bench.store), LOOK_MAX);
	bench_later(6481);
	(void)store_look_after(bench.store);
	CU_ASSERT(bench_until(bench_is_idle));
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 2);
	CU_ASSERT(bench.places[0].was_conditional);
	/* What is new is taken, what is older is not. */
	spec.entries[0] = (struct made_entry){ .cert = &by_crl, .reason = 1 };
	spec.this_update = 1;
	bench_put(CRL_URL, crl_make(&spec));
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, NULL), CHECK_WAITS);
	CU_ASSERT(bench_until(bench_is_idle));
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "key compromise");
	spec = (struct made_crl_spec){ .signer = &root, .this_update = -100 };
	bench_put(CRL_URL, crl_make(&spec));
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, NULL), CHECK_WAITS);
	CU_ASSERT(bench_until(bench_is_idle));
	SAYS(bench_ask(), FAULT_CRYPTO, "revoked-by-crl", "key compromise");
	CU_ASSERT(bench_said("crl-older: http://crl.example/root.crl: it is older than the one that is kept"));
	bench_close();
}

static struct revocation_entry seen;
static unsigned seen_count;

static void see(void *arg, const struct revocation_entry *entry)
{
	(void)arg;
	if (strncmp(entry->url, "/tmp", 4) == 0)
		return;
	seen = *entry;
	seen_count++;
	CU_ASSERT_STRING_EQUAL(entry->about, "CA");
}

static bool one_told(void)
{
	return told == 1;
}

static void lists(void)
{
	struct made_crl_spec spec = { .signer = &root, .entries = { { .cert = &by_both, .reason = 1 } } };

	bench_open();
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, &bench.waiter), 0);
	bench_close();
	open_with_crl(&spec);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	seen_count = 0;
	bench.ops->each(bench.store, see, NULL);
	CU_ASSERT_EQUAL(seen_count, 1);
	CU_ASSERT_STRING_EQUAL(seen.kind, "CRL");
	CU_ASSERT_STRING_EQUAL(seen.url, CRL_URL);
	CU_ASSERT(seen.revoked == 1 && seen.octets > 100 && !seen.failure && !seen.is_under_way);
	CU_ASSERT(llabs(seen.fetched - time(NULL)) < 60 && seen.refresh > seen.fetched && seen.next_update > seen.this_update);
	told = 0;
	bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = count_news };
	CU_ASSERT_EQUAL(bench.ops->refresh(bench.store, &bench.waiter), CHECK_WAITS);
	CU_ASSERT(bench_until(one_told));
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 2);
	bench_close();
}

/* ---- the disk ---- */

/* The one file of the cache. */
static void cache_file(char out[320])
{
	DIR *dir = opendir(bench.folder);
	struct dirent *entry;

	out[0] = '\0';
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			CU_ASSERT_STRING_EQUAL(out, "");
			snprintf(out, 320, "%.60s/%.255s", bench.folder, entry->d_name);
		}
	closedir(dir);
	CU_ASSERT_FATAL(out[0] != '\0');
}

static void offline(void)
{
	struct made_crl_spec spec = { .signer = &root, .next_update = 7200, .entries = { { .cert = &by_both, .reason = 1 } } };
	char path[320];
	struct stat file;

	open_with_crl(&spec);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	cache_file(path);
	CU_ASSERT(stat(path, &file) == 0 && (file.st_mode & 077) == 0);
	bench_put(CRL_URL, (struct bytes){ NULL, 0 });
	bench_restart();
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	/* Also when a newer one would be wanted. */
	bench_restart();
	bench_later(7000);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 2);
	/* But not longer than it is good. */
	bench_restart();
	bench_later(300);
	SAYS(bench_ask(), FAULT_CRYPTO, "crl-expired", "and no newer one is there");
	bench_close();
}

static void write_file(const char *path, struct bytes octets)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_FATAL(file && fwrite(octets.at, 1, octets.len, file) == octets.len);
	fclose(file);
}

static void damaged(void)
{
	char path[320];
	uint8_t octets[4096];
	unsigned asked = 1;

	open_with_crl(&plain);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	cache_file(path);
	FILE *file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	size_t len = fread(octets, 1, sizeof(octets), file);
	fclose(file);
	CU_ASSERT_FATAL(len > 100 && len < sizeof(octets));
	for (size_t i = 0; i < len; i++) {
		octets[i] ^= 0x10;
		write_file(path, bytes_of(octets, len));
		octets[i] ^= 0x10;
		bench_restart();
		CU_ASSERT_EQUAL(bench_ask(), 0);
		CU_ASSERT_EQUAL(bench_asked(CRL_URL), ++asked);
	}
	for (size_t cut = 0; cut < len; cut += 37) {
		write_file(path, bytes_of(octets, cut));
		bench_restart();
		CU_ASSERT_EQUAL(bench_ask(), 0);
		CU_ASSERT_EQUAL(bench_asked(CRL_URL), ++asked);
	}
	CU_ASSERT(bench_said("cache-damaged: what was kept of http://crl.example/root.crl is damaged"));
	/* Whole again. */
	bench_restart();
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), asked);
	bench_close();
}

/* A file that is whole, but that nobody whom this certificate knows has signed. */
static void forged_file(void)
{
	const struct made_crl_spec spec = { .signer = &other, .name = &root };
	struct bytes der = crl_make(&spec);
	struct disk_entry entry = { .fetched = time(NULL), .data = (uint8_t *)(uintptr_t)der.at, .len = der.len };

	char id[OCSP_ID_MAX], key[FETCH_URL_MAX];

	CU_ASSERT_FATAL(issuer_id(id, &root.c) == 0);
	snprintf(key, sizeof(key), "%s#%s", CRL_URL, id);
	open_with_crl(&plain);
	CU_ASSERT_EQUAL(disk_save(bench.folder, key, &entry), 0);
	CU_ASSERT_EQUAL(bench_ask(), 0);
	CU_ASSERT_EQUAL(bench_asked(CRL_URL), 1);
	bench_close();
	drop(der);
}

static void bounded_disk(void)
{
	struct disk_entry entry = { .data = (uint8_t *)(uintptr_t)"x", .len = 1 };
	char key[64], path[400];
	struct dirent *one;
	size_t count = 0;

	bench_open();
	for (size_t i = 0; i < DISK_FILES_MAX + 20; i++) {
		snprintf(key, sizeof(key), "http://a.example/%zu", i);
		CU_ASSERT_EQUAL(disk_save(bench.folder, key, &entry), 0);
	}
	snprintf(path, sizeof(path), "%s/somebody-else", bench.folder);
	write_file(path, bytes_text("x"));
	disk_clean(bench.folder, time(NULL));
	DIR *dir = opendir(bench.folder);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((one = readdir(dir)))
		count += one->d_name[0] != '.';
	closedir(dir);
	CU_ASSERT_EQUAL(count, DISK_FILES_MAX + 1);
	disk_clean(bench.folder, time(NULL) + (DISK_DAYS + 1) * 86400);
	CU_ASSERT_EQUAL(disk_load(bench.folder, key, 100, &entry), FAULT_NOT_FOUND);
	CU_ASSERT(access(path, F_OK) == 0);
	bench_close();
}

static void bounded_memory(void)
{
	char url[64];

	bench_open();
	pthread_mutex_lock(&bench.store->lock);
	for (size_t i = 0; i < DOCUMENTS_MAX + 20; i++) {
		bench.store->turn++;
		snprintf(url, sizeof(url), "http://a.example/%zu", i);
		CU_ASSERT_PTR_NOT_NULL(store_document(bench.store, DOCUMENT_CRL, url, url, FETCH_FROM_CERTIFICATE));
	}
	CU_ASSERT_EQUAL(HASH_COUNT(bench.store->documents), DOCUMENTS_MAX);
	pthread_mutex_unlock(&bench.store->lock);
	bench_close();
}

static const struct unit_case cases[] = {
	{ "500 who ask for one CRL at once cause one fetch", joins },
	{ "when the time is over what is not there is not known, and the end waits for nobody", deadline },
	{ "after some seconds the next place is asked, too", hurries },
	{ "a host that hangs holds two fetches and nobody else's", hosts },
	{ "a place that failed is left alone for a minute", failed_rest },
	{ "a place that fails is told of unless who waits for it does", says_what_nobody_says },
	{ "what is used is fetched again before it expires, if it has changed, and never replaced by an older one", refreshes },
	{ "what is kept can be listed and fetched again", lists },
	{ "without the network the disk serves until a CRL expires", offline },
	{ "a file that is damaged at any octet is fetched again", damaged },
	{ "a file that nobody has signed who may is not believed", forged_file },
	{ "the disk is kept from growing", bounded_disk },
	{ "memory is kept from growing", bounded_memory },
};

int main(void)
{
	cert_make(&root, "CA", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&other, "Other", NULL, true, "keyUsage=critical,keyCertSign,cRLSign");
	cert_make(&by_crl, "by CRL", &root, false, "crlDistributionPoints=URI:" CRL_URL);
	cert_make(&by_both, "by both", &root, false, "crlDistributionPoints=URI:" CRL_URL);
	by_both.c.ocsp_urls = slow_urls;
	int status = unit_run("store", cases, COUNT(cases));
	struct made_cert *all[] = { &root, &other, &by_crl, &by_both };
	for (size_t i = 0; i < COUNT(all); i++)
		cert_drop(all[i]);
	return status;
}
