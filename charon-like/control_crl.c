/* SPDX-License-Identifier: MIT */
/* control_crl.c - `crl list` and `crl refresh`: the CRLs and OCSP answers that are kept, how old they are and what became of the last fetch. */
#include <stdlib.h>
#include <time.h>

#include "cert_check.h"
#include "control_private.h"
#include "status.h"

static const struct provider *find_check(const struct control *control)
{
	const struct services *services = control->host.engine->services;

	return services ? services_find(services, SERVICE_CERT_CHECK, "revocation") : NULL;
}

static void set_time(json_t *entry, const char *name, int64_t seconds)
{
	(void)json_object_set_new(entry, name, json_integer((json_int_t)seconds));
}

static void add_entry(void *arg, const struct revocation_entry *e)
{
	json_t *entry = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s*, s:s*}", "kind", e->kind, "url", e->url, "about", e->about,
				  "octets", (json_int_t)e->octets, "revoked", (json_int_t)e->revoked, "under_way", e->is_under_way,
				  "failure", e->failure, "why", e->why);
	int64_t now = time(NULL);

	/* Nothing is known of one that was never got. */
	if (e->fetched)
		set_time(entry, "age_seconds", now - e->fetched);
	if (e->this_update)
		set_time(entry, "this_update", e->this_update);
	if (e->next_update)
		set_time(entry, "seconds_left", e->next_update - now);
	if (e->refresh)
		set_time(entry, "refresh_seconds", e->refresh > now ? e->refresh - now : 0);
	(void)json_array_append_new(arg, entry);
}

json_t *revocation_json(const struct control *control)
{
	const struct provider *check = find_check(control);
	json_t *list = json_array();

	if (check && list)
		((const struct cert_check *)check->ops)->each(check->state, add_entry, list);
	return list;
}

static void answer_list(struct session *session)
{
	session_data(session, json_pack("{s:i, s:o}", "schema", STATUS_SCHEMA, "revocation", revocation_json(session->control)));
}

/* ---- refresh ---- */

struct refresh {
	struct request request;
	struct cert_waiter waiter;
};

static void refresh_free(struct request *request)
{
	free(CONTAINER(request, struct refresh, request));
}

/* All fetches are over, or the daemon is ending. */
static void refresh_news(struct cert_waiter *waiter)
{
	struct refresh *refresh = CONTAINER(waiter, struct refresh, waiter);

	if (!request_answered(&refresh->request))
		return;
	answer_list(refresh->request.session);
	request_end(&refresh->request, NULL);
}

static void begin_refresh(struct session *session, const struct provider *check)
{
	struct refresh *refresh = calloc(1, sizeof(*refresh));

	if (!refresh) {
		session_done(session, fault_text(FAULT_MEMORY));
		return;
	}
	refresh->request.free = refresh_free;
	refresh->waiter = (struct cert_waiter){ .home = session->control->loop, .news = refresh_news };
	if (((const struct cert_check *)check->ops)->refresh(check->state, &refresh->waiter) != CHECK_WAITS) {
		free(refresh);
		session_say(session, "no CRL and no OCSP answer is kept: they are fetched when a certificate needs them");
		session_done(session, NULL);
		return;
	}
	/* As a question at a shard: it is freed when the news are there. */
	refresh->request.asked = 1;
	request_begin(&refresh->request, session);
}

void command_crl(struct session *session, const char *const *arguments, const json_t *all)
{
	const struct provider *check = find_check(session->control);

	(void)all;
	if (strcmp(arguments[0], "list") != 0 && strcmp(arguments[0], "refresh") != 0) {
		session_done(session, "usage: crl list|refresh");
	} else if (!check) {
		session_done(session, "the plugin cert-revocation is not loaded: keyferry plugins says why");
	} else if (strcmp(arguments[0], "list") == 0) {
		answer_list(session);
		session_done(session, NULL);
	} else {
		begin_refresh(session, check);
	}
}
