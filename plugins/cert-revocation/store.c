/* SPDX-License-Identifier: MIT */
/* store.c - the documents, who waits for which, which fetch is begun when, and what is fetched again before it expires. */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static int64_t system_clock(void)
{
	return time(NULL);
}

static void store_unref(struct store *store);

/* ---- documents ---- */

static void forget_about(struct document *d)
{
	for (size_t i = 0; i < d->about_count; i++)
		certificate_unref(d->about[i]);
	d->about_count = 0;
}

static void document_free(struct store *store, struct document *d)
{
	HASH_DELETE(hh, store->documents, d);
	store->memory -= d->content ? d->content->memory : 0;
	content_unref(d->content);
	forget_about(d);
	free(d->key);
	free(d->url);
	free(d);
}

/* "http://USER@HOST:80/...": a server with many names of itself is one. */
static void read_host(char out[FETCH_HOST_MAX], const char *url)
{
	const char *at = strstr(url, "://");

	at = at ? at + 3 : url;
	const char *end = at + strcspn(at, "/?#"), *user = memrchr(at, '@', (size_t)(end - at));
	at = user ? user + 1 : at;
	size_t len = *at == '[' ? strcspn(at, "]/?#") : strcspn(at, ":/?#");
	/* RFC 1034 3.1. */
	len -= len > 0 && at[len - 1] == '.';
	snprintf(out, FETCH_HOST_MAX, "%.*s", (int)(len < FETCH_HOST_MAX ? len : FETCH_HOST_MAX - 1), at);
}

static struct document *document_new(enum document_kind kind, const char *key, const char *url, enum fetch_source source)
{
	struct document *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->kind = kind;
	d->source = source;
	d->key = strdup(key);
	d->url = strdup(url);
	list_init(&d->in_queue);
	if (d->key && d->url) {
		read_host(d->host, url);
		return d;
	}
	free(d->key);
	free(d->url);
	free(d);
	return NULL;
}

/* Of those that nothing is happening to, and that were not used in this turn. */
static struct document *least_used(const struct store *store, bool has_content)
{
	struct document *found = NULL, *d, *next;

	HASH_ITER(hh, store->documents, d, next)
		if (d->turn != store->turn && d->state == IDLE && (!has_content || d->content) && (!found || d->used < found->used))
			found = d;
	return found;
}

struct document *store_document(struct store *store, enum document_kind kind, const char *key, const char *url, enum fetch_source source)
{
	struct document *d;

	HASH_FIND_STR(store->documents, key, d);
	if (!d) {
		if (HASH_COUNT(store->documents) >= DOCUMENTS_MAX) {
			d = least_used(store, false);
			if (!d)
				return NULL;
			document_free(store, d);
		}
		d = document_new(kind, key, url, source);
		if (!d)
			return NULL;
		HASH_ADD_KEYPTR(hh, store->documents, d->key, strlen(d->key), d);
	}
	/* What the administrator names as well is his word. */
	if (source == FETCH_CONFIGURED && d->state == IDLE)
		d->source = source;
	d->used = store->clock();
	d->turn = store->turn;
	return d;
}

/* ---- waiters ---- */

static void tell(struct job *job)
{
	struct cert_waiter *waiter = CONTAINER(job, struct cert_waiter, job);

	waiter->news(waiter);
}

static void post_news(struct cert_waiter *waiter)
{
	list_remove(&waiter->in_check);
	waiter->in_check.next = NULL;
	waiter->job = (struct job){ NULL, tell };
	loop_post(waiter->home, &waiter->job);
}

static bool waits_for(const struct cert_waiter *waiter, const struct document *d)
{
	for (size_t i = 0; i < waiter->want_count && i < CERT_WANTS_MAX; i++)
		if (waiter->wants[i] == d)
			return true;
	return waiter->want_count > CERT_WANTS_MAX;
}

void store_wait(struct store *store, struct cert_waiter *waiter, struct document *d)
{
	if (!waiter->in_check.next) {
		list_append(&store->waiters, &waiter->in_check);
		waiter->want_count = 0;
		waiter->since = store->clock();
	}
	if (waiter->want_count < CERT_WANTS_MAX)
		waiter->wants[waiter->want_count] = d;
	waiter->want_count++;
}

/* Who waits for nothing in particular waits until all is over. */
void store_wake(struct store *store, const struct document *d)
{
	LIST_EACH(it, &store->waiters) {
		struct cert_waiter *waiter = CONTAINER(it, struct cert_waiter, in_check);

		if (waits_for(waiter, d) || (waiter->want_count == 0 && store->under_way == 0 && list_empty(&store->queue)))
			post_news(waiter);
	}
}

/* Those that wait for a place that has become slow meanwhile look for another. */
static void wake_impatient(struct store *store)
{
	int64_t now = store->clock();

	LIST_EACH(it, &store->waiters) {
		struct cert_waiter *waiter = CONTAINER(it, struct cert_waiter, in_check);
		bool is_slow = false;

		/* None of them is IDLE: who waits for one that becomes so is told then. */
		for (size_t i = 0; i < waiter->want_count && i < CERT_WANTS_MAX; i++) {
			int64_t slow = ((const struct document *)waiter->wants[i])->since + HURRY_SECONDS;

			is_slow |= slow <= now && slow > waiter->since;
		}
		if (is_slow)
			post_news(waiter);
	}
}

/* ---- fetching ---- */

static void nudge(struct store *store);

static bool is_awaited(const struct store *store, const struct document *d)
{
	LIST_EACH(it, &store->waiters)
		if (waits_for(CONTAINER(it, struct cert_waiter, in_check), d))
			return true;
	return false;
}

static void say_failure(const struct store *store, const struct document *d, const struct attempt *a)
{
	if (!a->failure.code) {
		if (d->failure.code)
			log_info(store->log, "%s is there again", d->url);
		return;
	}
	/* Who waits for it, and has nothing else of that place, says so; and at the end nobody needs it. */
	bool is_said = (is_awaited(store, d) && !d->content) || atomic_load(&store->is_stopped);
	if (!d->failure.code || strcmp(d->failure.code, a->failure.code) != 0)
		log_line(store->log, is_said ? LEVEL_DEBUG : LEVEL_WARN, a->failure.code, "%s: %s%s", d->url, a->failure.why,
			 d->content ? "; what is kept of it serves until it expires" : "");
}

/* Of all but that one. */
static void trim_memory(struct store *store, struct document *but)
{
	struct document *d;

	but->turn = ++store->turn;
	while (store->memory > MEMORY_MAX && (d = least_used(store, true)))
		document_free(store, d);
}

static void no_longer_running(struct store *store, const struct document *d)
{
	unsigned i = 0;

	while (store->running[i] != d)
		i++;
	store->running[i] = store->running[--store->under_way];
}

static void finish_attempt(struct attempt *a)
{
	struct store *store = a->store;
	struct document *d = a->document;

	pthread_mutex_lock(&store->lock);
	say_failure(store, d, a);
	if (a->content != d->content) {
		store->memory += a->content->memory;
		store->memory -= d->content ? d->content->memory : 0;
		struct content *old = d->content;
		d->content = content_ref(a->content);
		content_unref(old);
	}
	if (a->content) {
		memcpy(d->etag, a->etag, sizeof(d->etag));
		d->modified = a->modified;
		d->fetched = a->fetched;
		d->refresh_at = a->refresh_at;
	}
	d->failure = a->failure;
	d->tried = store->clock();
	d->was_on_disk = true;
	d->is_forced = false;
	d->state = IDLE;
	no_longer_running(store, d);
	trim_memory(store, d);
	if (!atomic_load(&store->is_stopped))
		store_start(store);
	store_wake(store, d);
	pthread_mutex_unlock(&store->lock);
}

/* All of it on the helper's thread, so that nobody waits for the main loop. */
static void work(struct errand *errand)
{
	struct attempt *a = CONTAINER(errand, struct attempt, errand);

	attempt_run(a);
	finish_attempt(a);
	a->document = NULL;
}

/* On the main loop, or as it ends; the store may have been stopped. */
static void drop_attempt(struct errand *errand)
{
	struct attempt *a = CONTAINER(errand, struct attempt, errand);
	struct store *store = a->store;

	if (a->document) {
		a->failure = (struct cert_failure){ "revocation-unreachable", "no thread could be had for it, or the daemon is ending" };
		finish_attempt(a);
	}
	content_unref(a->content);
	free(a);
	pthread_mutex_lock(&store->lock);
	nudge(store);
	pthread_mutex_unlock(&store->lock);
	store_unref(store);
}

static struct attempt *attempt_new(struct store *store, struct document *d)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->errand = (struct errand){ .home = store->main_loop, .work = work, .done = drop_attempt };
	a->store = store;
	a->document = d;
	a->content = content_ref(d->content);
	memcpy(a->etag, d->etag, sizeof(a->etag));
	a->modified = d->modified;
	a->fetched = d->fetched;
	a->refresh_at = d->refresh_at;
	a->looks_at_disk = !d->was_on_disk;
	a->is_forced = d->is_forced || d->content;
	return a;
}

/* The queue may be long, so only what runs is looked at for each. */
static bool may_start(const struct store *store, const struct document *as)
{
	unsigned of_host = 0, foreign = 0;

	for (unsigned i = 0; i < store->under_way; i++) {
		of_host += strcasecmp(store->running[i]->host, as->host) == 0;
		foreign += store->running[i]->source == FETCH_FROM_CERTIFICATE;
	}
	return of_host < HOST_MAX && (as->source == FETCH_CONFIGURED || foreign < FOREIGN_MAX);
}

/* Whoever asked for it has gone on without it long ago. */
static bool is_given_up(const struct store *store, const struct document *d)
{
	if (d->content || d->is_forced || d->since + QUEUE_SECONDS > store->clock())
		return false;
	return !is_awaited(store, d);
}

void store_start(struct store *store)
{
	LIST_EACH(it, &store->queue) {
		struct document *d = CONTAINER(it, struct document, in_queue);

		if (store->under_way >= FETCHERS)
			return;
		if (is_given_up(store, d)) {
			list_remove(&d->in_queue);
			d->state = IDLE;
			continue;
		}
		if (!may_start(store, d))
			continue;
		struct attempt *a = attempt_new(store, d);
		if (!a)
			return;
		list_remove(&d->in_queue);
		d->state = UNDER_WAY;
		store->running[store->under_way++] = d;
		atomic_fetch_add(&store->references, 1);
		helpers_run(store->helpers, &a->errand);
	}
}

/* Is one of those who may sign it not among those of the last time? */
static bool has_other_signer(const struct document *d, struct certificate *const *about, size_t count)
{
	for (size_t i = 0; i < count && i < ABOUT_MAX; i++) {
		size_t known = 0;

		while (known < d->about_count && !certificate_same(d->about[known], about[i]))
			known++;
		if (known == d->about_count)
			return true;
	}
	return false;
}

/* What was refused for its signature need not be for who knows another signer. */
static bool is_left_alone(const struct document *d, struct certificate *const *about, size_t count, int64_t now)
{
	int64_t pause = d->failure.code ? FAILED_SECONDS : AGAIN_SECONDS;
	bool is_unsigned = d->failure.code && (strcmp(d->failure.code, "crl-wrong-issuer") == 0 || strcmp(d->failure.code, "crl-unsigned") == 0);

	if (!d->tried || d->is_forced || d->tried + pause <= now || d->tried > now)
		return false;
	return !(is_unsigned && has_other_signer(d, about, count));
}

bool store_want(struct store *store, struct document *d, struct certificate *const *about, size_t count)
{
	int64_t now = store->clock();

	if (d->state != IDLE)
		return true;
	if (atomic_load(&store->is_stopped) || is_left_alone(d, about, count, now))
		return false;
	if (count) {
		forget_about(d);
		for (; d->about_count < count && d->about_count < ABOUT_MAX; d->about_count++)
			d->about[d->about_count] = certificate_ref(about[d->about_count]);
	}
	d->state = QUEUED;
	d->since = now;
	list_append(&store->queue, &d->in_queue);
	store_start(store);
	nudge(store);
	return true;
}

/* ---- what happens by itself: main loop ---- */

/* What was used since it was fetched is fetched again before it expires; the rest goes when it has. */
static int64_t look_after(struct store *store, struct document *d, int64_t now)
{
	if (d->state != IDLE || !d->content || d->kind == DOCUMENT_FOLDER)
		return INT64_MAX;
	if (d->used < d->fetched)
		return INT64_MAX;
	int64_t due = d->refresh_at;
	if (d->failure.code && d->tried + FAILED_SECONDS > due)
		due = d->tried + FAILED_SECONDS;
	if (due > now)
		return due;
	(void)store_want(store, d, NULL, 0);
	return INT64_MAX;
}

int64_t store_look_after(struct store *store)
{
	struct document *d, *next;
	int64_t due = INT64_MAX;

	pthread_mutex_lock(&store->lock);
	int64_t now = store->clock();
	HASH_ITER(hh, store->documents, d, next) {
		int64_t at = look_after(store, d, now);

		due = at < due ? at : due;
	}
	wake_impatient(store);
	bool is_busy = store->under_way > 0 || !list_empty(&store->queue);
	pthread_mutex_unlock(&store->lock);
	int64_t wait = is_busy ? 1 : due == INT64_MAX ? LOOK_MAX : due - now;
	return wait < 1 ? 1 : wait > LOOK_MAX ? LOOK_MAX : wait;
}

static void tick(struct timer *timer)
{
	struct store *store = CONTAINER(timer, struct store, timer);
	int64_t wait = store_look_after(store);

	(void)!timer_set(loop_timers(store->main_loop), &store->timer, loop_now(store->main_loop) + (uint64_t)wait * 1000);
}

struct nudge {
	struct job job;
	struct store *store;
};

static void nudged(struct job *job)
{
	struct nudge *n = CONTAINER(job, struct nudge, job);
	struct store *store = n->store;

	pthread_mutex_lock(&store->lock);
	store->is_nudged = false;
	pthread_mutex_unlock(&store->lock);
	if (!atomic_load(&store->is_stopped) && !loop_stopping(store->main_loop))
		(void)!timer_set(loop_timers(store->main_loop), &store->timer, loop_now(store->main_loop) + 1000);
	store_unref(store);
	free(n);
}

/* Something has changed that the main loop's timer is to know. */
static void nudge(struct store *store)
{
	struct nudge *n = store->is_nudged || !store->main_loop || atomic_load(&store->is_stopped) ? NULL : malloc(sizeof(*n));

	if (!n)
		return;
	store->is_nudged = true;
	atomic_fetch_add(&store->references, 1);
	*n = (struct nudge){ { NULL, nudged }, store };
	loop_post(store->main_loop, &n->job);
}

/* ---- life ---- */

struct store *store_new(const struct core *core, const struct store_settings *settings)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	atomic_init(&store->references, 1);
	atomic_init(&store->is_stopped, false);
	pthread_mutex_init(&store->lock, NULL);
	list_init(&store->queue);
	list_init(&store->waiters);
	store->log = log_root(core->log);
	store->services = core->services;
	store->main_loop = core->main_loop;
	store->settings = *settings;
	store->clock = system_clock;
	store->timer.run = tick;
	store->helpers = helpers_new(FETCHERS);
	if (!store->helpers) {
		store_unref(store);
		return NULL;
	}
	return store;
}

void store_stop(struct store *store)
{
	if (!store)
		return;
	pthread_mutex_lock(&store->lock);
	atomic_store(&store->is_stopped, true);
	LIST_EACH(it, &store->queue)
		list_remove(it);
	/* Exchanges have ended before; what is left is the main loop's, which runs what is posted to it as it is freed. */
	LIST_EACH(it, &store->waiters)
		post_news(CONTAINER(it, struct cert_waiter, in_check));
	pthread_mutex_unlock(&store->lock);
	helpers_free(store->helpers);
	store->helpers = NULL;
	if (store->main_loop)
		timer_stop(loop_timers(store->main_loop), &store->timer);
	store_unref(store);
}

static void store_unref(struct store *store)
{
	struct document *d, *next;

	if (atomic_fetch_sub(&store->references, 1) > 1)
		return;
	HASH_ITER(hh, store->documents, d, next)
		document_free(store, d);
	helpers_free(store->helpers);
	pthread_mutex_destroy(&store->lock);
	free(store);
}
