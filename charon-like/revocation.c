/* SPDX-License-Identifier: MIT */
/* revocation.c - between a step, which runs again and again, and the check, which tells when there is news; the time is kept here. */
#include "revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shard.h"

enum { OTHERS_MAX = 256 };             /* certificates of ours and the peer's that may have signed a CRL */

/* shard; of an exchange, which it outlives while the check or the loop has the waiter */
struct waiting {
	struct ex_keep keep;
	struct cert_waiter waiter;
	struct timer timer;
	struct exchange *ex;           /* NULL: it has ended */
	const struct provider *check;
	struct loop *loop;
	bool is_given, is_over;        /* the waiter is the check's; the time is over */
	struct auth_failure said;      /* when it was over; code "": nothing          */
};

static void waiting_news(struct cert_waiter *waiter)
{
	struct waiting *w = CONTAINER(waiter, struct waiting, waiter);

	w->is_given = false;
	if (w->ex)
		exchange_resume(w->ex);
	else
		free(w);
}

/* False: its news are on their way. */
static bool take_back(struct waiting *w)
{
	if (w->is_given && ((const struct cert_check *)w->check->ops)->forget(w->check->state, &w->waiter))
		w->is_given = false;
	return !w->is_given;
}

static void waiting_over(struct timer *timer)
{
	struct waiting *w = CONTAINER(timer, struct waiting, timer);
	bool was_given = w->is_given;

	w->is_over = true;
	if (was_given && take_back(w))
		exchange_resume(w->ex);
}

static void waiting_leave(struct ex_keep *keep)
{
	struct waiting *w = CONTAINER(keep, struct waiting, keep);

	w->ex = NULL;
	timer_stop(loop_timers(w->loop), &w->timer);
	if (take_back(w))
		free(w);
}

/* One for all of an exchange's steps: the time is not given anew. */
static struct waiting *waiting_of(struct exchange *ex, const struct provider *check)
{
	struct ex_keep *keep = ex_kept(ex, waiting_leave, NULL);
	struct waiting *w = keep ? CONTAINER(keep, struct waiting, keep) : calloc(1, sizeof(*w));

	if (keep || !w)
		return w;
	w->ex = ex;
	w->check = check;
	w->loop = ex->sa->shard->loop;
	w->timer.run = waiting_over;
	ex_keep(ex, &w->keep, waiting_leave);
	return w;
}

/* ---- what is asked ---- */

/* The <ca> of the anchor; NULL: a certificate that is trusted by itself. */
static const struct ca_settings *ca_of(const struct connection_settings *c, const struct certificate *anchor)
{
	for (size_t i = 0; i < c->ca_count; i++)
		for (size_t k = 0; k < c->cas[i]->certs.count; k++)
			if (certificate_same(c->cas[i]->certs.at[k], anchor))
				return c->cas[i];
	return NULL;
}

static void others_add(struct certificate *others[OTHERS_MAX], size_t *count, size_t max, const struct cert_list *list)
{
	for (size_t i = 0; i < list->count && *count < max; i++)
		others[(*count)++] = list->at[i];
}

static enum verdict waits(struct exchange *ex, struct waiting *w)
{
	w->is_given = true;
	if (timer_is_set(&w->timer))
		return STEP_WAIT;
	log_debug(&ex->ctx, "waiting for CRLs and OCSP answers");
	if (timer_set(loop_timers(w->loop), &w->timer, loop_now(w->loop) + CERT_CHECK_SECONDS * 1000) == 0)
		return STEP_WAIT;
	/* Without an end to it nothing is waited for. */
	(void)!take_back(w);
	return ex_fault(ex, "no timer for CRLs and OCSP answers", FAULT_MEMORY);
}

/* What was not known in time is said once, whatever is heard of that place while the peer repeats itself. */
static void say_as_before(struct waiting *w, struct auth_failure *failure)
{
	if (!w->is_over || strncmp(failure->code, "revoked-", strlen("revoked-")) == 0)
		return;
	if (w->said.code[0])
		*failure = w->said;
	else
		w->said = *failure;
}

static void refuse(const struct ca_settings *ca, const struct cert_failure *found, struct auth_failure *failure)
{
	bool is_known = strncmp(found->code, "revoked-", 8) == 0;

	snprintf(failure->code, sizeof(failure->code), "%s", found->code);
	if (is_known)
		snprintf(failure->why, sizeof(failure->why), "%s", found->why);
	else
		snprintf(failure->why, sizeof(failure->why), "%.500s; <ca name=\"%.60s\"> has revocation=\"strict\": mend that, or name another place with crl or ocsp there",
			 found->why, ca->name);
}

static enum verdict ask(struct exchange *ex, struct waiting *w, struct cert_check_query *query, const struct ca_settings *ca, struct auth_failure *failure)
{
	struct cert_failure found = { NULL, "" };

	/* A step that runs again for another reason: who waits already goes on with what is known now. */
	if (!take_back(w))
		return STEP_WAIT;
	w->waiter = (struct cert_waiter){ .home = w->loop, .news = waiting_news };
	query->waiter = w->is_over ? NULL : &w->waiter;
	query->is_last = w->is_over;
	int result = ((const struct cert_check *)w->check->ops)->check(w->check->state, query, &found);
	if (result == CHECK_WAITS)
		return waits(ex, w);
	if (result == FAULT_MEMORY)
		return ex_fault(ex, "looking for revoked certificates failed", result);
	/* Where there are no CRLs at all that is nothing to be told at each negotiation. */
	enum log_level level = found.code && strcmp(found.code, "revocation-no-source") == 0 ? LEVEL_DEBUG : LEVEL_INFO;
	if (result == 0 && found.code)
		log_at(&ex->ctx, level, found.code, "%s; revocation=\"if-possible\" lets it pass", found.why);
	if (result == 0)
		return STEP_OK;
	refuse(ca, &found, failure);
	say_as_before(w, failure);
	return STEP_DROP;
}

enum verdict revocation_step(struct exchange *ex, const struct connection_settings *c, const struct cert_chain *chain, const struct cert_list *given,
			     struct auth_failure *failure)
{
	const struct ca_settings *ca = chain->count > 1 ? ca_of(c, chain->at[chain->count - 1]) : NULL;
	const struct provider *check = services_find(ex->sa->shard->engine->services, SERVICE_CERT_CHECK, "revocation");
	struct certificate *others[OTHERS_MAX];
	size_t count = 0;

	/* Settings that say strict are refused without the plugin. */
	if (!ca || ca->revocation == REVOCATION_OFF || !check)
		return STEP_OK;
	/* Ours come first: only some are looked at, and a peer must not fill these places. */
	for (size_t i = 0; i < c->ca_count; i++)
		others_add(others, &count, OTHERS_MAX - CERT_GIVEN_MAX, &c->cas[i]->certs);
	others_add(others, &count, OTHERS_MAX, given);
	struct cert_check_query query = {
		.chain = chain, .policy = ca->revocation, .crl_urls = (const char *const *)ca->crl_urls, .ocsp_urls = (const char *const *)ca->ocsp_urls,
		.others = others, .other_count = count, .now = time(NULL),
	};
	struct waiting *w = waiting_of(ex, check);
	return w ? ask(ex, w, &query, ca, failure) : ex_fault(ex, "no room to wait for CRLs and OCSP answers", FAULT_MEMORY);
}
