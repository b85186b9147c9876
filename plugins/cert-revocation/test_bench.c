/* SPDX-License-Identifier: MIT */
/* test_bench.c - see test_check.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "test_check.h"

struct bench bench;
struct made_cert root, middle, other;
static _Atomic int64_t shift;

void drop(struct bytes b)
{
	free((void *)(uintptr_t)b.at);
}

static int64_t now(void)
{
	return time(NULL) + atomic_load(&shift);
}

/* ---- the network ---- */

/* Under lock; NULL: no such server. */
static struct place *find(const char *url, bool is_new)
{
	for (size_t i = 0; i < PLACES_MAX; i++)
		if (bench.places[i].url && strcmp(bench.places[i].url, url) == 0)
			return &bench.places[i];
	for (size_t i = 0; is_new && i < PLACES_MAX; i++)
		if (!bench.places[i].url) {
			bench.places[i].url = url;
			return &bench.places[i];
		}
	CU_ASSERT_FATAL(!is_new);
	return NULL;
}

static void give(const struct place *place, const struct fetch_request *request, struct fetch_answer *out)
{
	struct bytes data = place->ocsp ? answer_make(place->ocsp, request->post) : place->data;

	if (place->ocsp) {
		out->data = (uint8_t *)(uintptr_t)data.at;
	} else {
		out->data = malloc(data.len);
		CU_ASSERT_PTR_NOT_NULL_FATAL(out->data);
		memcpy(out->data, data.at, data.len);
		snprintf(out->etag, sizeof(out->etag), "\"%zu\"", data.len);
	}
	out->len = data.len;
}

static int get(void *state, const struct fetch_request *request, struct fetch_answer *out)
{
	char etag[32];

	(void)state;
	*out = (struct fetch_answer){ 0 };
	pthread_mutex_lock(&bench.lock);
	struct place *place = find(request->url, false);
	if (place)
		place->asked++;
	while (place && place->hangs && !atomic_load(request->cancel)) {
		pthread_mutex_unlock(&bench.lock);
		usleep(2000);
		pthread_mutex_lock(&bench.lock);
	}
	bool is_there = place && !place->hangs && (place->ocsp || place->data.len);
	if (is_there) {
		snprintf(etag, sizeof(etag), "\"%zu\"", place->data.len);
		place->was_conditional = request->etag && strcmp(request->etag, etag) == 0;
		out->is_unchanged = !place->ocsp && place->was_conditional;
		if (!out->is_unchanged)
			give(place, request, out);
	} else {
		snprintf(out->why, sizeof(out->why), "the server answers 404");
	}
	pthread_mutex_unlock(&bench.lock);
	return is_there ? 0 : FAULT_NOT_FOUND;
}

static const struct fetcher fetcher = { get };

void bench_put(const char *url, struct bytes data)
{
	pthread_mutex_lock(&bench.lock);
	struct place *place = find(url, true);
	drop(place->data);
	place->data = data;
	place->ocsp = NULL;
	pthread_mutex_unlock(&bench.lock);
}

void bench_answer(const char *url, const struct made_answer_spec *spec)
{
	pthread_mutex_lock(&bench.lock);
	find(url, true)->ocsp = spec;
	pthread_mutex_unlock(&bench.lock);
}

void bench_hang(const char *url, bool hangs)
{
	pthread_mutex_lock(&bench.lock);
	find(url, true)->hangs = hangs;
	pthread_mutex_unlock(&bench.lock);
}

unsigned bench_asked(const char *url)
{
	pthread_mutex_lock(&bench.lock);
	const struct place *place = find(url, false);
	unsigned asked = place ? place->asked : 0;
	pthread_mutex_unlock(&bench.lock);
	return asked;
}

/* ---- the plugin ---- */

static void keep_line(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	/* The last ones. */
	snprintf(bench.lines[bench.line_count++ % LINES_MAX], LOG_LINE_MAX, "%s", line);
}

bool bench_said(const char *words)
{
	for (size_t i = 0; i < LINES_MAX; i++)
		if (strstr(bench.lines[i], words))
			return true;
	return false;
}

static const struct service network_services[] = { { SERVICE_FETCH, "http", &fetcher }, { SERVICE_END, NULL, NULL } };
static const struct plugin network = { .abi = PLUGIN_ABI, .name = "network", .summary = "the test's", .provides = network_services };

static void start(void)
{
	const struct config_attribute attributes[] = { { "name", "cert-revocation" }, { "cache", bench.folder }, { "crls", bench.crls } };
	const struct config_node node = { .name = "plugin", .file = "test", .attributes = attributes, .attribute_count = COUNT(attributes), .text = "" };
	const struct config_node *const children[] = { &node };
	const struct config_node top = { .name = "keyferry", .file = "test", .children = children, .child_count = 1, .text = "" };
	const struct log_options options = { .level = LEVEL_INFO, .fd = -1, .sink = keep_line };
	const struct plugin *const linked[] = { &network, &plugin, NULL };
	const struct plugins_options all = { .linked = linked, .root = &top };

	bench.core = (struct core){ .log = log_new(&options), .main_loop = loop_new(NULL) };
	bench.loop = bench.core.main_loop;
	CU_ASSERT_FATAL(plugins_load(&bench.plugins, &bench.core, &all) == 0);
	const struct provider *provider = services_find(bench.core.services, SERVICE_CERT_CHECK, "revocation");
	CU_ASSERT_PTR_NOT_NULL_FATAL(provider);
	bench.store = provider->state;
	bench.store->clock = now;
	bench.ops = provider->ops;
}

static void stop(void)
{
	plugins_free(bench.plugins, &bench.core);
	loop_free(bench.loop);
	log_free(bench.core.log);
}

void bench_open(void)
{
	memset(&bench, 0, sizeof(bench));
	pthread_mutex_init(&bench.lock, NULL);
	atomic_store(&shift, 0);
	snprintf(bench.folder, sizeof(bench.folder), "/tmp/keyferry-cache-XXXXXX");
	snprintf(bench.crls, sizeof(bench.crls), "/tmp/keyferry-crls-XXXXXX");
	CU_ASSERT_FATAL(mkdtemp(bench.folder) && mkdtemp(bench.crls));
	start();
}

void bench_restart(void)
{
	stop();
	start();
}

static void remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

void bench_close(void)
{
	stop();
	for (size_t i = 0; i < PLACES_MAX; i++)
		drop(bench.places[i].data);
	remove_folder(bench.folder);
	remove_folder(bench.crls);
	pthread_mutex_destroy(&bench.lock);
}

void bench_later(int64_t seconds)
{
	atomic_fetch_add(&shift, seconds);
}

/* ---- asking ---- */

void bench_chain(const struct made_cert *leaf, const struct made_cert *issuer)
{
	bench.chain = (struct cert_chain){ { (struct certificate *)(uintptr_t)&leaf->c, (struct certificate *)(uintptr_t)&issuer->c }, 2 };
	bench.query = (struct cert_check_query){ .chain = &bench.chain, .policy = REVOCATION_STRICT, .waiter = &bench.waiter };
}

static void take_news(struct cert_waiter *waiter)
{
	(void)waiter;
	bench.has_news = true;
}

static bool has_news(void)
{
	return bench.has_news;
}

bool bench_until(bool (*is_so)(void))
{
	for (int i = 0; i < 5000 && !is_so(); i++) {
		loop_turn(bench.loop);
		usleep(2000);
	}
	return is_so();
}

int bench_ask(void)
{
	int result = CHECK_WAITS;

	for (int i = 0; i < 100 && result == CHECK_WAITS; i++) {
		bench.waiter = (struct cert_waiter){ .home = bench.loop, .news = take_news };
		bench.has_news = false;
		bench.query.now = now();
		result = bench.ops->check(bench.store, &bench.query, &bench.failure);
		if (result == CHECK_WAITS && !bench_until(has_news)) {
			bench.ops->forget(bench.store, &bench.waiter);
			break;
		}
	}
	return result;
}

void bench_says(int result, int wanted, const char *code, const char *words, const char *file, unsigned line)
{
	const struct cert_failure *f = &bench.failure;
	bool is_so = result == wanted && f->code && strcmp(f->code, code) == 0 && strstr(f->why, words);

	CU_ASSERT(is_so);
	if (!is_so)
		printf("%s:%u: %d %s: %s\n", file, line, result, f->code ? f->code : "no code", f->code ? f->why : "");
}

bool bench_is_idle(void)
{
	pthread_mutex_lock(&bench.store->lock);
	bool is_idle = bench.store->under_way == 0 && list_empty(&bench.store->queue);
	pthread_mutex_unlock(&bench.store->lock);
	return is_idle;
}
