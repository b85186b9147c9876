/* SPDX-License-Identifier: MIT */
/* test_exchange_wait.c - the engine with a toy mode: steps that wait for something slow, and answers that are refused but not the end. */
#include <pthread.h>
#include <unistd.h>

#include "test_exchange.h"

#define SA_PAY   "\x01"
#define ID_PAY   "\x05"
#define SIG_PAY  "\x09"

static const struct step phase1_rows[] = {
	TOY_ROW(INITIATOR, CLEAR, P(SA), .allow = P(VID), .many = P(VID)),
	TOY_ROW(RESPONDER, CLEAR, P(SA)),
	TOY_ROW(INITIATOR, ENCRYPTED, P(ID) | P(AUTH)),
	TOY_ROW(RESPONDER, ENCRYPTED, P(ID) | P(AUTH)),
};
static const struct exchange_mode phase1 = TOY(phase1_rows, true);

static struct bench *responder(void)
{
	struct bench *bench = bench_new(RESPONDER);

	CU_ASSERT_PTR_NOT_NULL_FATAL(exchange_new(bench->sa, &phase1, RESPONDER, 0));
	return bench;
}

static const struct toy *toy_of(const struct bench *bench)
{
	return bench_exchange(bench)->scratch;
}

static void check_nothing_happened(struct bench *bench, const struct exchange *before, const struct toy *toy, size_t total)
{
	const struct exchange *ex = bench_exchange(bench);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ex);
	CU_ASSERT(ex->row == before->row && ex->carrier == before->carrier && memcmp(ex->iv, before->iv, sizeof(ex->iv)) == 0);
	CU_ASSERT(memcmp(toy_of(bench), toy, sizeof(*toy)) == 0);
	CU_ASSERT_EQUAL(ex->arena.total, total);
}

/* ---- waiting ---- */

static void waits(void)
{
	struct bench *bench = responder();

	bench->process = STEP_WAIT;
	struct exchange before = *bench_exchange(bench);
	struct toy toy = *toy_of(bench);
	bench_receive(bench, SA_PAY, "one", 0);
	check_nothing_happened(bench, &before, &toy, before.arena.total);
	CU_ASSERT(bench_exchange(bench)->is_waiting);
	exchange_resume(bench_exchange(bench));
	CU_ASSERT_EQUAL(bench->processed, 2);
	bench->process = STEP_OK;
	exchange_resume(bench_exchange(bench));
	CU_ASSERT(bench->processed == 3 && bench->sent_count == 1 && !bench_exchange(bench)->is_waiting);
	CU_ASSERT(bytes_equal(toy_of(bench)->view, bytes_text("one")));
	exchange_resume(bench_exchange(bench));
	CU_ASSERT_EQUAL(bench->processed, 3);
	bench_free(bench);
}

/* The first may be forged: the exchange goes on from all of them, as without the waiting. */
static void others_come_meanwhile(void)
{
	struct bench *bench = responder();

	bench->process = STEP_WAIT;
	bench_receive(bench, SA_PAY, "one", 0);
	for (int i = 0; i < HELD_MAX + 4; i++) {
		char text[16];
		snprintf(text, sizeof(text), "other %d", i);
		bench_receive(bench, SA_PAY, text, 0);
	}
	CU_ASSERT(bench->processed == 1 && bench_exchange(bench)->held_count == HELD_MAX);
	bench->process = STEP_OK;
	exchange_resume(bench_exchange(bench));
	struct exchange *ex = bench_exchange(bench);
	CU_ASSERT_FATAL(ex != NULL);
	CU_ASSERT(bench->processed == 1 + 1 + HELD_MAX && bench->sent_count == 1 + HELD_MAX && ex->held_count == 0 && !ex->is_waiting);
	CU_ASSERT_EQUAL(ex->point_count, POINTS_MAX);
	bench_free(bench);
	/* They go with the exchange. */
	bench = responder();
	bench->process = STEP_WAIT;
	bench_receive(bench, SA_PAY, "one", 0);
	bench_receive(bench, SA_PAY, "two", 0);
	bench->process = STEP_ABORT;
	exchange_resume(bench_exchange(bench));
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	bench_free(bench);
}

static void waits_then_ends(void)
{
	static const enum verdict last[] = { STEP_DROP, STEP_ABORT };

	for (size_t i = 0; i < COUNT(last); i++) {
		struct bench *bench = responder();
		bench->process = STEP_WAIT;
		bench_receive(bench, SA_PAY, "one", 0);
		bench->process = last[i];
		exchange_resume(bench_exchange(bench));
		CU_ASSERT_EQUAL(bench_exchange(bench) == NULL, last[i] == STEP_ABORT);
		bench_free(bench);
	}
	/* Or the SA ends while it waits. */
	struct bench *bench = responder();
	bench->process = STEP_WAIT;
	bench_receive(bench, SA_PAY, "one", 0);
	bench_free(bench);
}

static void build_waits(void)
{
	struct bench *bench = bench_new(INITIATOR);

	bench->build = STEP_WAIT;
	CU_ASSERT_EQUAL(exchange_start(bench->sa, &phase1, NULL), 0);
	CU_ASSERT(bench->sent_count == 0 && bench_exchange(bench)->is_waiting);
	bench->build = STEP_OK;
	exchange_resume(bench_exchange(bench));
	CU_ASSERT(bench->sent_count == 1 && bench_exchange(bench)->row == 1);
	bench_free(bench);
}

/* ---- what outlasts steps ---- */

struct thing {
	struct ex_keep keep;
	unsigned *freed;
};

static void thing_free(struct ex_keep *keep)
{
	struct thing *thing = CONTAINER(keep, struct thing, keep);

	++*thing->freed;
	free(thing);
}

static void other_free(struct ex_keep *keep)
{
	thing_free(keep);
}

static struct thing *thing_new(struct exchange *ex, unsigned *freed, void (*free)(struct ex_keep *keep))
{
	struct thing *thing = calloc(1, sizeof(*thing));

	thing->freed = freed;
	ex_keep(ex, &thing->keep, free);
	return thing;
}

static void things_are_kept(void)
{
	struct bench *bench = responder();
	struct exchange *ex = bench_exchange(bench);
	unsigned freed = 0;

	CU_ASSERT_PTR_NULL(ex_kept(ex, thing_free, NULL));
	struct thing *first = thing_new(ex, &freed, thing_free), *other = thing_new(ex, &freed, other_free), *last = thing_new(ex, &freed, thing_free);
	CU_ASSERT_PTR_EQUAL(ex_kept(ex, thing_free, NULL), &first->keep);
	CU_ASSERT_PTR_EQUAL(ex_kept(ex, thing_free, &first->keep), &last->keep);
	CU_ASSERT_PTR_NULL(ex_kept(ex, thing_free, &last->keep));
	CU_ASSERT_PTR_EQUAL(ex_kept(ex, other_free, NULL), &other->keep);
	bench->process = STEP_DROP;
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT_EQUAL(freed, 0);
	bench->process = STEP_ABORT;
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT_EQUAL(freed, 3);
	bench_free(bench);
}

/* ---- work of helper threads ---- */

struct work {
	struct ex_errand errand;
	pthread_mutex_t *gate;
	unsigned *done, *freed;
};

static void work_do(struct ex_errand *errand)
{
	struct work *work = CONTAINER(errand, struct work, errand);

	pthread_mutex_lock(work->gate);
	++*work->done;
	pthread_mutex_unlock(work->gate);
}

static void work_free(struct ex_errand *errand)
{
	struct work *work = CONTAINER(errand, struct work, errand);

	++*work->freed;
	free(work);
}

/* A slow token must not be kept busy with what nobody waits for any more. */
static void nobody_waits(void)
{
	struct helpers *helpers = helpers_new(1);
	struct bench *bench = responder();
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	unsigned done = 0, freed = 0;

	bench->engine.helpers = helpers;
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 3; i++) {
		struct work *work = calloc(1, sizeof(*work));
		*work = (struct work){ .errand = { .work = work_do, .free = work_free }, .gate = &gate, .done = &done, .freed = &freed };
		CU_ASSERT_EQUAL(ex_ask(bench_exchange(bench), &work->errand), STEP_WAIT);
	}
	/* The first is under way by now, or will find that nobody waits, like the others. */
	bench->process = STEP_ABORT;
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < 2000 && freed < 3; i++) {
		usleep(1000);
		bench_run(bench, 1);
	}
	CU_ASSERT_EQUAL(freed, 3);
	CU_ASSERT(done <= 1);
	helpers_free(helpers);
	bench_free(bench);
}

/* ---- refusing what may be forged ---- */

static void refuses_once(void)
{
	struct bench *bench = responder();

	bench->process = STEP_OK;
	bench_receive(bench, SA_PAY, "one", 0);
	struct exchange *ex = bench_exchange(bench);
	CU_ASSERT_EQUAL(ex_refuse(ex, NOTIFY_AUTHENTICATION_FAILED, "bad-proof", "wrong %d", 1), STEP_DROP);
	CU_ASSERT_EQUAL(bench->told, NOTIFY_AUTHENTICATION_FAILED);
	CU_ASSERT_EQUAL(bench->final_failures, 0);
	bench->told = 0;
	CU_ASSERT_EQUAL(ex_refuse(ex, NOTIFY_AUTHENTICATION_FAILED, "bad-proof", "wrong %d", 2), STEP_DROP);
	/* The peer is told once, whoever sent it. */
	CU_ASSERT_EQUAL(bench->told, 0);
	/* The right one is still taken. */
	bench_receive(bench, ID_PAY SIG_PAY, "two", 100);
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

static char trying[EVENT_TEXT_MAX];

static void keep_trying(const struct event *event, void *arg)
{
	(void)arg;
	snprintf(trying, sizeof(trying), "%s", ((const struct event_sa *)event)->text);
}

/* As initiator: three more sendings, then what was refused is the reason; meanwhile who waits hears of that and not of silence. */
static void refused_ends_soon(void)
{
	struct bench *bench = bench_new(INITIATOR);
	struct subscription *subscription = bus_subscribe(bench->bus, bench->loop, EVENT_BIT(EVENT_TRYING), keep_trying, NULL);

	CU_ASSERT_EQUAL(exchange_start(bench->sa, &phase1, NULL), 0);
	(void)ex_refuse(bench_exchange(bench), 0, "bad-proof", "it is wrong");
	for (int i = 0; i < 60 && bench_exchange(bench); i++)
		bench_run(bench, 1000);
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	CU_ASSERT_EQUAL(bench->sent_count, 1 + TRIES_REFUSED);
	CU_ASSERT(bench->final_failures == 1);
	CU_ASSERT_STRING_EQUAL(trying, "what came is refused, and message 1 is sent again in case that it was damaged on the way: it is wrong");
	bus_unsubscribe(bench->bus, subscription);
	bench_free(bench);
}

static const struct unit_case cases[] = {
	{ "WAIT runs the same step again when the answer is there", waits },
	{ "what fits and comes while an exchange waits is looked at afterwards", others_come_meanwhile },
	{ "after WAIT a step may still drop, abort or never run again", waits_then_ends },
	{ "building may WAIT as well", build_waits },
	{ "what is kept outlasts steps that are undone, and goes with the exchange", things_are_kept },
	{ "a helper does not begin what an exchange that has ended has asked for", nobody_waits },
	{ "a refused message tells the peer once, and the right one is still taken", refuses_once },
	{ "after a refused answer three more sendings follow, then it ends with that reason", refused_ends_soon },
};

UNIT_MAIN("exchange-wait", cases)
