/* SPDX-License-Identifier: MIT */
/* store_fetch.c - one attempt to get a document: what the disk has, if that is still good; else from its place, and then to the disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store.h"

static void fail(struct attempt *a, const char *code, const char *why)
{
	a->failure.code = code;
	snprintf(a->failure.why, sizeof(a->failure.why), "%s", why);
}

static void take_content(struct attempt *a, struct content *content)
{
	content_unref(a->content);
	a->content = content;
}

/* ---- the disk ---- */

static void look_at_disk(struct attempt *a)
{
	const struct store *store = a->store;
	const struct document *d = a->document;
	struct ocsp_question question = { .certificate = d->about[0], .issuer = d->about_count > 1 ? d->about[1] : NULL };
	struct cert_failure failure = { NULL, "" };
	struct disk_entry entry;
	struct content *content;

	if (!store->settings.cache || d->kind == DOCUMENT_FOLDER)
		return;
	int fault = disk_load(store->settings.cache, d->key, d->kind == DOCUMENT_OCSP ? OCSP_SIZE_MAX : store->settings.crl_size_max, &entry);
	if (fault == FAULT_INPUT)
		log_line(store->log, LEVEL_WARN, "cache-damaged", "what was kept of %s is damaged, and is fetched again", d->url);
	if (fault)
		return;
	if (content_read(&content, store, d, bytes_of(entry.data, entry.len), &question, &failure) == 0) {
		take_content(a, content);
		memcpy(a->etag, entry.etag, sizeof(a->etag));
		a->modified = entry.modified;
		a->fetched = entry.fetched;
		a->refresh_at = refresh_time(d, content, entry.fetched);
	}
	free(entry.data);
}

static void save(struct attempt *a, struct bytes octets)
{
	struct store *store = a->store;
	struct disk_entry entry = { .modified = a->modified, .fetched = a->fetched, .data = (uint8_t *)(uintptr_t)octets.at, .len = octets.len };

	if (!store->settings.cache)
		return;
	memcpy(entry.etag, a->etag, sizeof(entry.etag));
	if (atomic_fetch_add(&store->saves, 1) % DISK_CLEAN_SAVES == 0)
		disk_clean(store->settings.cache, store->clock());
	int fault = disk_save(store->settings.cache, a->document->key, &entry);
	if (fault)
		log_line(store->log, LEVEL_WARN, "cache-write", "%s cannot be kept in %s: %s", a->document->url, store->settings.cache,
			 fault == FAULT_SYSTEM ? strerror(errno) : fault_text(fault));
}

/* ---- its place ---- */

/* An authority's server, or somebody on the way to it, may not bring back what a newer one has replaced. */
static bool is_older(const struct attempt *a, const struct content *content)
{
	const struct content *known = a->content;

	if (!known)
		return false;
	if (a->document->kind == DOCUMENT_OCSP)
		return content->ocsp.this_update < known->ocsp.this_update;
	if (content->crl_count != 1 || known->crl_count != 1)
		return false;
	const struct crl *new = content->crls[0], *old = known->crls[0];

	/* One of the future is of no use, whoever's clock is wrong. */
	return bytes_equal(new->issuer, old->issuer) && new->is_delta == old->is_delta && bytes_equal(new->scope.whole, old->scope.whole) &&
	       new->this_update < old->this_update && old->this_update <= a->store->clock() + OCSP_SKEW;
}

static void take_answer(struct attempt *a, const struct fetch_answer *answer, const struct ocsp_question *question)
{
	const struct document *d = a->document;
	int64_t now = a->store->clock();
	struct content *content;

	if (answer->is_unchanged && a->content) {
		a->fetched = now;
		a->refresh_at = refresh_time(d, a->content, now);
		save(a, bytes_of(a->content->octets, a->content->octets_len));
		return;
	}
	if (content_read(&content, a->store, d, bytes_of(answer->data, answer->len), question, &a->failure))
		return;
	if (is_older(a, content)) {
		fail(a, d->kind == DOCUMENT_OCSP ? "ocsp-older" : "crl-older", "it is older than the one that is kept, which is not replaced by it");
		content_unref(content);
		return;
	}
	take_content(a, content);
	memcpy(a->etag, answer->etag, sizeof(a->etag));
	a->modified = answer->modified;
	a->fetched = now;
	a->refresh_at = refresh_time(d, content, now);
	a->is_new = true;
	save(a, bytes_of(answer->data, answer->len));
}

static struct fetch_request request_of(const struct attempt *a)
{
	const struct document *d = a->document;

	return (struct fetch_request){
		.url = d->url, .source = d->source, .time_max = FETCH_MS, .connect_max = CONNECT_MS, .slow_octets = SLOW_OCTETS,
		.slow_seconds = SLOW_SECONDS, .redirects_max = FETCH_REDIRECTS_MAX, .cancel = &a->store->is_stopped,
		.size_max = d->kind == DOCUMENT_OCSP ? OCSP_SIZE_MAX : a->store->settings.crl_size_max,
		.accept = d->kind == DOCUMENT_OCSP ? "application/ocsp-response" : "application/pkix-crl, */*;q=0.5",
	};
}

static void fetch(struct attempt *a)
{
	const struct document *d = a->document;
	struct fetch_request request = request_of(a);
	struct ocsp_question question = { .certificate = d->about[0], .issuer = d->about_count > 1 ? d->about[1] : NULL, .policy = a->store->settings.nonce };
	struct fetch_answer answer = { 0 };
	uint8_t *post = NULL;
	char scheme[FETCH_SCHEME_MAX];

	fetch_scheme(scheme, d->url);
	const struct provider *provider = services_find(a->store->services, SERVICE_FETCH, scheme);
	if (!provider) {
		fail(a, "revocation-unreachable", "no plugin fetches by this scheme: is fetch-curl there?");
		return;
	}
	if (d->kind == DOCUMENT_OCSP) {
		if (ocsp_ask(&question, &post, &request.post.len)) {
			fail(a, "revocation-unreachable", "the question cannot be made");
			return;
		}
		request.post.at = post;
		request.content_type = "application/ocsp-request";
	} else if (a->content && a->content->octets) {
		request.etag = a->etag;
		request.modified = a->modified;
	}
	if (((const struct fetcher *)provider->ops)->get(provider->state, &request, &answer))
		fail(a, "revocation-unreachable", answer.why);
	else
		take_answer(a, &answer, &question);
	free(answer.data);
	free(post);
}

static void read_folder(struct attempt *a)
{
	struct content *content;

	if (content_read_folder(&content, a->store, a->document, &a->failure))
		return;
	take_content(a, content);
	a->fetched = a->store->clock();
	a->refresh_at = refresh_time(a->document, content, a->fetched);
}

void attempt_run(struct attempt *a)
{
	int64_t now = a->store->clock();

	if (atomic_load(&a->store->is_stopped)) {
		fail(a, "revocation-unreachable", "it was given up: the daemon is ending");
		return;
	}
	if (a->document->kind == DOCUMENT_FOLDER) {
		read_folder(a);
		return;
	}
	if (a->looks_at_disk && !a->content)
		look_at_disk(a);
	if (!a->content || a->is_forced || a->refresh_at <= now)
		fetch(a);
}
