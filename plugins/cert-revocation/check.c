/* SPDX-License-Identifier: MIT */
/*
 * check.c - what the documents say of a chain. For each certificate the places that tell of it are gone through in order: configured OCSP
 * responders, those of the certificate, configured CRLs, the folder, the certificate's distribution points. What is known already is looked
 * at first; then the first place is asked, and the next when that fails or is slow.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "der.h"
#include "store.h"

enum {
	SOURCES_MAX = 24, DELTAS_MAX = 4, WHO_MAX = 256,
	OTHERS_TRIED_MAX = 8,                /* certificates outside the chain whose signature is checked for one of it */
	KEY_MAX = FETCH_URL_MAX + OCSP_ID_MAX + 2,
};

/* A place that may tell of a certificate. */
struct source {
	enum document_kind kind;
	enum fetch_source from;
	const struct point *point;           /* of the certificate, which names it; NULL: configured                   */
	char url[FETCH_URL_MAX];
};

/* One certificate of a chain under question. Under the store's lock. */
struct inquiry {
	struct store *store;
	const struct cert_check_query *query;
	const struct certificate *certificate, *issuer;
	struct certificate *signers[ABOUT_MAX];      /* borrowed: who may have signed a CRL                            */
	size_t signer_count;
	char issuer_id[OCSP_ID_MAX];
	struct point points[POINTS_MAX], fresh[POINTS_MAX];
	size_t point_count, fresh_count;
	struct source *sources;
	size_t source_count;
	unsigned reasons;                    /* that are covered by CRLs looked at                                     */
	bool is_good, is_revoked, is_waiting;
	struct cert_failure *failure;        /* the first that says more than that it is not known                     */
};

static const uint8_t oid_points[] = { 0x55, 0x1d, 0x1f }, oid_freshest[] = { 0x55, 0x1d, 0x2e };

/* ---- saying ---- */

static const char *who(char out[WHO_MAX], const struct certificate *c)
{
	snprintf(out, WHO_MAX, "\"%.180s\" (serial %s)", c->subject_text, c->serial_text);
	return out;
}

/* What was fetched and is wrong says more than what could not be fetched. */
static void note(struct inquiry *q, const char *code, const char *url, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void note(struct inquiry *q, const char *code, const char *url, const char *format, ...)
{
	char why[CERT_WHY_MAX], whose[WHO_MAX];
	va_list list;

	if (q->failure->code && (strcmp(q->failure->code, "revocation-unreachable") != 0 || strcmp(code, "revocation-unreachable") == 0))
		return;
	va_start(list, format);
	vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	q->failure->code = code;
	snprintf(q->failure->why, sizeof(q->failure->why), "whether %s is revoked is not known: %.160s: %.300s", who(whose, q->certificate), url, why);
}

static void say_revoked(struct inquiry *q, const char *code, const char *what, const char *url, int64_t date, unsigned reason)
{
	char whose[WHO_MAX], text[TIME_TEXT_MAX];

	q->is_revoked = true;
	q->failure->code = code;
	snprintf(q->failure->why, sizeof(q->failure->why), "certificate %s was revoked on %s, reason %s, says the %s of %s: its owner needs a new one",
		 who(whose, q->certificate), time_text(text, date), reason_text(reason), what, url);
}

/* ---- the sources ---- */

static void add_source(struct inquiry *q, enum document_kind kind, enum fetch_source from, const struct point *point, const char *url)
{
	if (q->source_count == SOURCES_MAX || strlen(url) >= FETCH_URL_MAX)
		return;
	struct source *s = &q->sources[q->source_count++];
	*s = (struct source){ .kind = kind, .from = from, .point = point };
	snprintf(s->url, sizeof(s->url), "%s", url);
}

static void add_urls(struct inquiry *q, enum document_kind kind, enum fetch_source from, const char *const *urls)
{
	for (; urls && *urls; urls++)
		add_source(q, kind, from, NULL, *urls);
}

static void find_sources(struct inquiry *q)
{
	const struct certificate *c = q->certificate;
	char url[FETCH_URL_MAX];

	/* Malformed ones name no place, and the certificate was not refused for them by who validated it. */
	(void)!points_read(certificate_extension(c, bytes_of(oid_points, sizeof(oid_points))), q->points, &q->point_count);
	(void)!points_read(certificate_extension(c, bytes_of(oid_freshest, sizeof(oid_freshest))), q->fresh, &q->fresh_count);
	add_urls(q, DOCUMENT_OCSP, FETCH_CONFIGURED, q->query->ocsp_urls);
	add_urls(q, DOCUMENT_OCSP, FETCH_FROM_CERTIFICATE, c->ocsp_urls);
	add_urls(q, DOCUMENT_CRL, FETCH_CONFIGURED, q->query->crl_urls);
	if (q->store->has_folder)
		add_source(q, DOCUMENT_FOLDER, FETCH_CONFIGURED, NULL, q->store->settings.folder);
	for (size_t i = 0; i < q->point_count; i++) {
		struct reader names = reader_over(q->points[i].names);

		while (point_next_url(&names, url, sizeof(url)))
			add_source(q, DOCUMENT_CRL, FETCH_FROM_CERTIFICATE, &q->points[i], url);
	}
}

/* Is that the name of who issues CRLs for this certificate: its issuer, or who its points say? */
static bool is_issuer_of_crls(const struct inquiry *q, struct bytes name)
{
	bool is_it = bytes_equal(name, q->certificate->issuer);

	for (size_t i = 0; i < q->point_count && !is_it; i++)
		is_it = bytes_equal(name, q->points[i].issuer);
	return is_it;
}

/* Who may have signed CRLs: authorities of the chain, and those of the others whom one of these has made. */
static void find_signers(struct inquiry *q, size_t at)
{
	const struct cert_check_query *query = q->query;

	for (size_t i = at + 1; i < query->chain->count && q->signer_count < ABOUT_MAX; i++)
		q->signers[q->signer_count++] = query->chain->at[i];
	/* A peer can send many, of which each would cost as much as a negotiation. */
	for (size_t i = 0, tried = 0; i < query->other_count && tried < OTHERS_TRIED_MAX && q->signer_count < ABOUT_MAX; i++) {
		if (!is_issuer_of_crls(q, query->others[i]->subject))
			continue;
		tried++;
		if (signer_is_made_by(query->others[i], query->chain, at, query->now))
			q->signers[q->signer_count++] = query->others[i];
	}
}

/* What is good for one authority's certificates must not hang on what those of another make of the same URL. */
static struct document *crl_of(struct inquiry *q, enum fetch_source from, const char *url)
{
	char key[KEY_MAX];

	snprintf(key, sizeof(key), "%s#%s", url, q->issuer_id);
	return store_document(q->store, DOCUMENT_CRL, key, url, from);
}

static struct document *document_of(struct inquiry *q, const struct source *s)
{
	char key[KEY_MAX], id[OCSP_ID_MAX];

	if (s->kind == DOCUMENT_FOLDER)
		return store_document(q->store, s->kind, s->url, s->url, s->from);
	if (s->kind == DOCUMENT_CRL)
		return crl_of(q, s->from, s->url);
	if (ocsp_id(id, q->certificate, q->issuer))
		return NULL;
	snprintf(key, sizeof(key), "%s#%s", s->url, id);
	return store_document(q->store, s->kind, key, s->url, s->from);
}

/* ---- OCSP ---- */

static void look_at_ocsp(struct inquiry *q, const struct source *s, const struct document *d)
{
	const struct ocsp_answer *a = &d->content->ocsp;
	char text[TIME_TEXT_MAX];
	int64_t until = a->next_update ? a->next_update : a->this_update + OCSP_AGE_MAX;

	if (a->status == OCSP_REVOKED)
		say_revoked(q, "revoked-by-ocsp", "OCSP responder", s->url, a->revoked, a->reason);
	else if (until < q->query->now - OCSP_SKEW)
		note(q, "ocsp-expired", s->url, "its answer was good until %s", time_text(text, until));
	else if (a->status == OCSP_UNKNOWN)
		note(q, "ocsp-unknown", s->url, "the responder does not know the certificate: it is that of another authority, or the certificate is forged");
	else
		q->is_good = true;
}

/* ---- CRLs ---- */

/* The issuer that a CRL for this certificate has, at this point; its points are looked at for the scope. */
static bool is_of_issuer(const struct inquiry *q, const struct crl *crl, const struct point *point)
{
	bool is_own = bytes_equal(crl->issuer, q->certificate->issuer);

	for (size_t i = 0; i < q->point_count; i++)
		if ((!point || point == &q->points[i]) && q->points[i].issuer.len && bytes_equal(q->points[i].issuer, crl->issuer))
			return crl->scope.is_indirect || is_own;
	/* 6.3.3 (b) (1): where a point says that another tells of it, the issuer's own CRL says nothing by its silence. */
	return is_own && !(point && point->issuer.len);
}

/* RFC 5280 6.3.3 (b) (2). */
static bool is_in_scope(const struct inquiry *q, const struct crl *crl)
{
	const struct crl_scope *scope = &crl->scope;

	return point_covers(scope, q->points, q->point_count) && !scope->attribute_only && !(scope->user_only && q->certificate->is_ca) &&
	       !(scope->ca_only && !q->certificate->is_ca);
}

static bool is_proved(const struct inquiry *q, struct crl *crl, char why[WHY_MAX])
{
	snprintf(why, WHY_MAX, "no certificate of its issuer is known");
	for (size_t i = 0; i < q->signer_count; i++)
		if (bytes_equal(q->signers[i]->subject, crl->issuer) && crl_prove(crl, q->signers[i], why) == 0)
			return true;
	return false;
}

static bool is_in_time(struct inquiry *q, const struct crl *crl, const char *url)
{
	int64_t until = crl->next_update ? crl->next_update : crl->this_update + CRL_AGE_MAX, now = q->query->now;
	char text[TIME_TEXT_MAX];

	if (crl->this_update > now + OCSP_SKEW)
		note(q, "crl-not-yet-valid", url, "the CRL is of %s, which is to come: compare the clocks", time_text(text, crl->this_update));
	else if (until < now)
		note(q, "crl-expired", url, "the CRL was good until %s, and no newer one is there: ask the authority, or look at the clock here",
		     time_text(text, until));
	return crl->this_update <= now + OCSP_SKEW && until >= now;
}

/* The best of the deltas that are known for this base; those that are not are asked for. NULL: none. */
static struct crl *find_delta(struct inquiry *q, const struct crl *base)
{
	struct point points[POINTS_MAX];
	struct crl *found = NULL;
	size_t count = 0, urls = 0;
	char url[FETCH_URL_MAX], why[WHY_MAX];

	if (base->freshest.len)
		(void)!points_read(base->freshest, points, &count);
	for (size_t i = 0; i < count + q->fresh_count; i++) {
		struct reader names = reader_over(i < count ? points[i].names : q->fresh[i - count].names);

		while (urls < DELTAS_MAX && point_next_url(&names, url, sizeof(url))) {
			struct document *d = crl_of(q, FETCH_FROM_CERTIFICATE, url);

			urls++;
			if (d && (!d->content || d->refresh_at <= q->query->now) && store_want(q->store, d, q->signers, q->signer_count) && !d->content &&
			    d->since + HURRY_SECONDS > q->query->now && !q->query->is_last) {
				store_wait(q->store, q->query->waiter, d);
				q->is_waiting = true;
			}
			for (size_t j = 0; d && d->content && j < d->content->crl_count; j++) {
				struct crl *delta = d->content->crls[j];

				if (crl_delta_fits(delta, base) && is_proved(q, delta, why) && (!found || delta->this_update > found->this_update))
					found = delta;
			}
		}
	}
	return found;
}

/* Does the delta say more of it? An entry that is removed was on hold only (RFC 5280 5.3.1). */
static const struct crl_entry *find_entry(const struct inquiry *q, const struct crl *base, const struct crl *delta, const struct crl **of)
{
	const struct certificate *c = q->certificate;
	const struct crl_entry *newer = delta ? crl_find(delta, c->issuer, c->serial) : NULL;

	*of = newer ? delta : base;
	if (newer)
		return newer->reason == REASON_REMOVED ? NULL : newer;
	return crl_find(base, c->issuer, c->serial);
}

static void look_at_crl(struct inquiry *q, const struct source *s, struct crl *crl)
{
	const struct crl_entry *entry;
	const struct crl *of;
	char why[WHY_MAX];

	/* Of a folder and of configured places each certificate has its own. */
	if (crl->is_delta || !is_of_issuer(q, crl, s->point)) {
		if (s->point)
			note(q, "crl-wrong-issuer", s->url, "the CRL is of another issuer than the certificate's");
		return;
	}
	if (!is_proved(q, crl, why)) {
		note(q, "crl-unsigned", s->url, "the CRL: %s", why);
		return;
	}
	if (!is_in_scope(q, crl)) {
		if (s->point)
			note(q, "crl-wrong-scope", s->url, "the CRL is for other certificates of the authority");
		return;
	}
	/* A delta cannot make good what its base no longer says; but one that is revoked stays so, however old the list is. */
	struct crl *delta = find_delta(q, crl);
	entry = find_entry(q, crl, delta, &of);
	if (entry) {
		say_revoked(q, "revoked-by-crl", of->is_delta ? "delta CRL" : "CRL", s->url, crl_entry_date(of, entry), entry->reason);
		return;
	}
	if (is_in_time(q, crl, s->url) && (!delta || is_in_time(q, delta, s->url)))
		q->reasons |= crl->scope.reasons & (s->point ? s->point->reasons : REASONS_ALL);
	if (q->reasons == REASONS_ALL && !q->is_waiting)
		q->is_good = true;
}

/* ---- one certificate ---- */

static void look(struct inquiry *q, const struct source *s, const struct document *d)
{
	if (s->kind == DOCUMENT_OCSP)
		look_at_ocsp(q, s, d);
	for (size_t i = 0; s->kind != DOCUMENT_OCSP && i < d->content->crl_count && !q->is_revoked; i++)
		look_at_crl(q, s, d->content->crls[i]);
}

static bool is_decided(const struct inquiry *q)
{
	return q->is_good || q->is_revoked;
}

/* True: it is worth to wait for it before the next is asked. */
static bool ask(struct inquiry *q, const struct source *s, struct document *d)
{
	struct certificate *pair[] = { (struct certificate *)(uintptr_t)q->certificate, (struct certificate *)(uintptr_t)q->issuer };
	bool is_ocsp = s->kind == DOCUMENT_OCSP;
	bool is_fresh = d->content && d->refresh_at > q->query->now;

	if (s->kind == DOCUMENT_FOLDER && is_fresh)
		return false;
	if (!store_want(q->store, d, is_ocsp ? pair : q->signers, is_ocsp ? 2 : q->signer_count)) {
		if (d->failure.code)
			note(q, d->failure.code, s->url, "%s", d->failure.why);
		return false;
	}
	if (q->query->is_last) {
		note(q, "revocation-timeout", s->url, "it has not answered in %d seconds", CERT_CHECK_SECONDS);
		return false;
	}
	store_wait(q->store, q->query->waiter, d);
	q->is_waiting = true;
	return d->since + HURRY_SECONDS > q->query->now;
}

static void inquire(struct inquiry *q)
{
	struct document *documents[SOURCES_MAX] = { NULL };
	char whose[WHO_MAX];

	for (size_t i = 0; i < q->source_count && !is_decided(q); i++) {
		documents[i] = document_of(q, &q->sources[i]);
		if (documents[i] && documents[i]->content)
			look(q, &q->sources[i], documents[i]);
	}
	for (size_t i = 0; i < q->source_count && !is_decided(q); i++) {
		const struct source *s = &q->sources[i];

		/* One that has told what it could, of the reasons that it is for. */
		if (!documents[i] || (s->point && (q->reasons & s->point->reasons) == s->point->reasons))
			continue;
		if (ask(q, s, documents[i]))
			break;
	}
	if (is_decided(q) || q->is_waiting || q->failure->code)
		return;
	/* The folder is looked at for all. */
	bool has_place = q->source_count > q->store->has_folder;
	q->failure->code = has_place ? "revocation-incomplete" : "revocation-no-source";
	snprintf(q->failure->why, sizeof(q->failure->why), "whether %s is revoked is not known: %s", who(whose, q->certificate),
		 has_place ? "what is known of its authority's CRLs does not cover it, or not all reasons" :
			     "neither it nor <ca crl=\"...\" ocsp=\"...\"> names a place that tells");
}

/* ---- the chain ---- */

/* 0: good; 1: not known, with `failure`; CHECK_WAITS + 1: later; FAULT_CRYPTO: revoked. */
static int check_at(struct store *store, const struct cert_check_query *query, size_t at, struct source *sources, struct cert_failure *failure)
{
	struct inquiry q = {
		.store = store, .query = query, .certificate = query->chain->at[at], .issuer = query->chain->at[at + 1], .sources = sources,
		.failure = failure,
	};

	failure->code = NULL;
	if (issuer_id(q.issuer_id, q.issuer))
		return FAULT_MEMORY;
	find_sources(&q);
	find_signers(&q, at);
	inquire(&q);
	if (q.is_revoked)
		return FAULT_CRYPTO;
	if (q.is_good)
		return 0;
	return q.is_waiting ? CHECK_WAITS + 1 : 1;
}

static int check_chain(struct store *store, const struct cert_check_query *query, struct source *sources, struct cert_failure *failure)
{
	struct cert_failure one;
	bool is_waiting = false;

	failure->code = NULL;
	for (size_t i = 0; i + 1 < query->chain->count; i++) {
		int result = check_at(store, query, i, sources, &one);

		if (result < 0) {
			*failure = one;
			return result;
		}
		is_waiting |= result > CHECK_WAITS;
		if (result == 1 && !failure->code)
			*failure = one;
	}
	if (is_waiting)
		return CHECK_WAITS;
	return failure->code && query->policy == REVOCATION_STRICT ? FAULT_CRYPTO : 0;
}

/* Under lock. Was it given back? */
static bool take_back(struct cert_waiter *waiter)
{
	if (!waiter || !waiter->in_check.next)
		return false;
	list_remove(&waiter->in_check);
	waiter->in_check.next = NULL;
	return true;
}

/* Where there is none nobody has to wait for what is in it. Under lock. */
static void look_for_folder(struct store *store)
{
	int64_t now = store->clock();

	if (!store->settings.folder || (store->folder_at && store->folder_at + FOLDER_SECONDS > now && store->folder_at <= now))
		return;
	store->has_folder = access(store->settings.folder, X_OK) == 0;
	store->folder_at = now;
}

static int check(void *state, const struct cert_check_query *query, struct cert_failure *failure)
{
	struct store *store = state;
	struct source *sources;

	failure->code = NULL;
	if (query->policy == REVOCATION_OFF || query->chain->count < 2)
		return 0;
	sources = malloc(SOURCES_MAX * sizeof(*sources));
	if (!sources)
		return FAULT_MEMORY;
	pthread_mutex_lock(&store->lock);
	store->turn++;
	look_for_folder(store);
	int result = check_chain(store, query, sources, failure);
	/* Another certificate than the one that has to be waited for has decided it. */
	if (result != CHECK_WAITS)
		(void)take_back(query->waiter);
	pthread_mutex_unlock(&store->lock);
	free(sources);
	if (result == CHECK_WAITS)
		failure->code = NULL;
	return result;
}

static bool forget(void *state, struct cert_waiter *waiter)
{
	struct store *store = state;

	pthread_mutex_lock(&store->lock);
	bool is_back = take_back(waiter);
	pthread_mutex_unlock(&store->lock);
	return is_back;
}

/* ---- for a person ---- */

/* A place that was not asked, since another knew enough. */
static bool is_unasked(const struct document *d)
{
	return d->state == IDLE && !d->content && !d->tried;
}

static void describe(struct revocation_entry *e, const struct document *d, char about[WHO_MAX])
{
	const struct content *content = d->content;

	*e = (struct revocation_entry){
		.kind = d->kind == DOCUMENT_OCSP ? "OCSP" : "CRL", .url = d->url, .about = about, .fetched = d->fetched, .refresh = d->refresh_at,
		.is_under_way = d->state != IDLE, .failure = d->failure.code, .why = d->failure.code ? d->failure.why : NULL,
	};
	about[0] = '\0';
	if (d->kind == DOCUMENT_OCSP && d->about_count)
		who(about, d->about[0]);
	if (!content)
		return;
	e->octets = content->octets_len;
	if (d->kind == DOCUMENT_OCSP) {
		e->this_update = content->ocsp.this_update;
		e->next_update = content->ocsp.next_update;
		e->revoked = content->ocsp.status == OCSP_REVOKED;
	}
	for (size_t i = 0; i < content->crl_count; i++) {
		const struct crl *crl = content->crls[i];

		for (size_t j = 0; j < d->about_count && !about[0]; j++)
			if (bytes_equal(d->about[j]->subject, crl->issuer))
				snprintf(about, WHO_MAX, "%.250s", d->about[j]->subject_text);
		e->revoked += crl->count;
		e->this_update = crl->this_update > e->this_update ? crl->this_update : e->this_update;
		if (crl->next_update && (!e->next_update || crl->next_update < e->next_update))
			e->next_update = crl->next_update;
	}
}

static void each(void *state, void (*visit)(void *arg, const struct revocation_entry *entry), void *arg)
{
	struct store *store = state;
	struct document *d, *next;
	char about[WHO_MAX];

	pthread_mutex_lock(&store->lock);
	HASH_ITER(hh, store->documents, d, next) {
		struct revocation_entry entry;

		if (is_unasked(d))
			continue;
		describe(&entry, d, about);
		visit(arg, &entry);
	}
	pthread_mutex_unlock(&store->lock);
}

static int refresh(void *state, struct cert_waiter *waiter)
{
	struct store *store = state;
	struct document *d, *next;
	bool is_any = false;

	pthread_mutex_lock(&store->lock);
	HASH_ITER(hh, store->documents, d, next) {
		if (is_unasked(d))
			continue;
		if (d->state == IDLE)
			d->is_forced = true;
		is_any |= store_want(store, d, NULL, 0);
	}
	if (is_any && waiter) {
		store_wait(store, waiter, NULL);
		/* For all. */
		waiter->want_count = 0;
	}
	pthread_mutex_unlock(&store->lock);
	return is_any ? CHECK_WAITS : 0;
}

const struct cert_check revocation_check = { check, forget, each, refresh };
