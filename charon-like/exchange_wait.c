/* SPDX-License-Identifier: MIT */
/* exchange_wait.c - what outlasts the steps of an exchange: things they share, and work of helper threads that they wait for. */
#include "exchange_points.h"
#include "shard.h"

void ex_keep(struct exchange *ex, struct ex_keep *keep, void (*free)(struct ex_keep *keep))
{
	keep->free = free;
	list_append(&ex->kept, &keep->in_exchange);
}

struct ex_keep *ex_kept(const struct exchange *ex, void (*free)(struct ex_keep *keep), const struct ex_keep *after)
{
	const struct list *it = after ? after->in_exchange.next : ex->kept.next;

	for (; it != &ex->kept; it = it->next) {
		struct ex_keep *keep = CONTAINER(it, struct ex_keep, in_exchange);
		if (keep->free == free)
			return keep;
	}
	return NULL;
}

/* The exchange ends: what a helper still looks at is freed when that is done. */
static void errand_leave(struct ex_keep *keep)
{
	struct ex_errand *errand = CONTAINER(keep, struct ex_errand, keep);

	errand->ex = NULL;
	atomic_store_explicit(&errand->is_left, true, memory_order_relaxed);
	if (errand->is_done)
		errand->free(errand);
}

static void errand_work(struct errand *errand)
{
	struct ex_errand *ex_errand = CONTAINER(errand, struct ex_errand, errand);

	/* A token that is slower than peers ask would never get to those who still wait. */
	if (!atomic_load_explicit(&ex_errand->is_left, memory_order_relaxed))
		ex_errand->work(ex_errand);
}

static void errand_done(struct errand *errand)
{
	struct ex_errand *ex_errand = CONTAINER(errand, struct ex_errand, errand);

	ex_errand->is_done = true;
	if (ex_errand->ex)
		exchange_resume(ex_errand->ex);
	else
		ex_errand->free(ex_errand);
}

enum verdict ex_ask(struct exchange *ex, struct ex_errand *errand)
{
	struct shard *shard = ex->sa->shard;

	errand->ex = ex;
	errand->is_done = false;
	atomic_init(&errand->is_left, false);
	errand->errand = (struct errand){ .home = shard->loop, .work = errand_work, .done = errand_done };
	ex_keep(ex, &errand->keep, errand_leave);
	helpers_run(shard->engine->helpers, &errand->errand);
	return STEP_WAIT;
}

struct ex_errand *ex_errand_next(const struct exchange *ex, void (*work)(struct ex_errand *errand), const struct ex_errand *after)
{
	struct ex_keep *keep = after ? (struct ex_keep *)&after->keep : NULL;

	while ((keep = ex_kept(ex, errand_leave, keep))) {
		struct ex_errand *errand = CONTAINER(keep, struct ex_errand, keep);
		if (errand->work == work)
			return errand;
	}
	return NULL;
}

void keeps_free(struct exchange *ex)
{
	while (!list_empty(&ex->kept)) {
		struct ex_keep *keep = CONTAINER(list_first(&ex->kept), struct ex_keep, in_exchange);
		list_remove(&keep->in_exchange);
		keep->free(keep);
	}
}

/* ---- messages that come meanwhile ---- */

/*
 * While it waits for something slow after a message in the clear, which may be forged, the right one may come: it is looked at afterwards.
 * False: it is not kept.
 */
bool held_keep(struct exchange *ex, struct packet *packet)
{
	if (packet_is_encrypted(packet) || ex->held_count == HELD_MAX)
		return false;
	log_debug(&ex->ctx, "a message came that has to wait");
	ex->held[ex->held_count++] = packet;
	return true;
}

static bool runs(struct ike_sa *sa, const struct exchange *ex)
{
	LIST_EACH(it, &sa->exchanges)
		if (CONTAINER(it, struct exchange, in_sa) == ex)
			return true;
	return false;
}

/* Each may make it wait again, or end. */
void held_take(struct ike_sa *sa, struct exchange *ex)
{
	struct packet *held[HELD_MAX];
	size_t count = ex->held_count;

	memcpy(held, ex->held, sizeof(held));
	ex->held_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (runs(sa, ex))
			exchange_receive(ex, held[i]);
		else
			packet_free(held[i]);
	}
}
