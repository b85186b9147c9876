/* SPDX-License-Identifier: MIT */
/* test_exchange.c - the engine with toy modes: what each verdict leaves behind, what is sent, and when it gives up. */
#include "test_exchange.h"

/* Payload numbers as characters of a string. */
#define SA_PAY   "\x01"
#define VID_PAY  "\x0d"
#define ID_PAY   "\x05"
#define HASH_PAY "\x08"
#define SIG_PAY  "\x09"
#define KE_PAY   "\x04"

static const struct step phase1_rows[] = {
	TOY_ROW(INITIATOR, CLEAR, P(SA), .allow = P(VID), .many = P(VID)),
	TOY_ROW(RESPONDER, CLEAR, P(SA), .silence = "is it switched on?"),
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

static struct bench *initiator(void)
{
	struct bench *bench = bench_new(INITIATOR);

	CU_ASSERT_EQUAL(exchange_start(bench->sa, &phase1, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench_exchange(bench));
	return bench;
}

static const struct toy *toy_of(const struct bench *bench)
{
	return bench_exchange(bench)->scratch;
}

static uint8_t sent_exchange_flags(const struct bench *bench, size_t i)
{
	return bench->sent[i][19];
}

/* ---- a whole run ---- */

static void answers(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT(bench->processed == 1 && bench->built == 1 && bench->sent_count == 1);
	CU_ASSERT_EQUAL(sent_exchange_flags(bench, 0), 0);
	CU_ASSERT_EQUAL(bench_exchange(bench)->row, 2);
	CU_ASSERT(bytes_equal(toy_of(bench)->view, bytes_text("one")));
	bench_receive(bench, ID_PAY SIG_PAY, "two", 100);
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	CU_ASSERT(bench->done == 1 && bench->failed == 0 && bench->sent_count == 2 && bench->rows == 0xf);
	CU_ASSERT_EQUAL(sent_exchange_flags(bench, 1), FLAG_ENCRYPTED);
	/* The peer's message used the first IV, so ours begins with the next. */
	CU_ASSERT_EQUAL((uint8_t)(bench->sent[1][HEADER_SIZE] - 101), PAY_SIG);
	bench_free(bench);
}

static void begins(void)
{
	struct bench *bench = initiator();
	static const uint8_t zero[COOKIE_SIZE];

	CU_ASSERT(bench->sent_count == 1 && bench->rows == 1 && bench_exchange(bench)->row == 1);
	CU_ASSERT(memcmp(bench->sent[0] + COOKIE_SIZE, zero, COOKIE_SIZE) == 0);
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT(bench->sent_count == 2 && bench->rows == 7);
	/* RFC 2408 3.1: from the first message of the responder on ours have its cookie. */
	CU_ASSERT(memcmp(bench->sent[1] + COOKIE_SIZE, "cookie2", COOKIE_SIZE) == 0);
	bench_receive(bench, ID_PAY SIG_PAY, "two", 101);
	CU_ASSERT(bench->done == 1 && bench->sent_count == 2);
	bench_free(bench);
}

/* ---- verdicts ---- */

/* Nothing of a step that was not committed is left. */
static void check_nothing_happened(struct bench *bench, const struct exchange *before, const struct toy *toy, size_t total)
{
	const struct exchange *ex = bench_exchange(bench);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ex);
	CU_ASSERT(ex->row == before->row && ex->carrier == before->carrier && memcmp(ex->iv, before->iv, sizeof(ex->iv)) == 0);
	CU_ASSERT(memcmp(toy_of(bench), toy, sizeof(*toy)) == 0);
	CU_ASSERT_EQUAL(ex->arena.total, total);
}

static void undone(size_t row, enum verdict process, enum verdict build)
{
	struct bench *bench = responder();

	if (row)
		bench_receive(bench, SA_PAY, "one", 0);
	struct exchange before = *bench_exchange(bench);
	struct toy toy = *toy_of(bench);
	size_t sent = bench->sent_count;
	bench->process = process;
	bench->build = build;
	bench_receive(bench, row ? ID_PAY SIG_PAY : SA_PAY, "two", row ? 100 : 0);
	check_nothing_happened(bench, &before, &toy, before.arena.total);
	CU_ASSERT(bench->sent_count == sent && bench->failed == 0 && bench->sa->remote.port == 500);
	CU_ASSERT_STRING_EQUAL(bench->code, "toy-drop");
	CU_ASSERT_EQUAL(bench->final_failures, 0);
	/* The right one is taken as if nothing had been. */
	bench->process = bench->build = STEP_OK;
	bench_receive(bench, row ? ID_PAY SIG_PAY : SA_PAY, "three", row ? 100 : 0);
	CU_ASSERT_EQUAL(bench->sent_count, sent + 1);
	bench_free(bench);
}

static void dropped(void)
{
	undone(0, STEP_DROP, STEP_OK);
	undone(0, STEP_OK, STEP_DROP);
	undone(2, STEP_DROP, STEP_OK);
	undone(2, STEP_OK, STEP_DROP);
}

static void aborted(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	bench->process = STEP_ABORT;
	bench_receive(bench, ID_PAY SIG_PAY, "two", 100);
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	CU_ASSERT_EQUAL(bench->told, NOTIFY_NO_PROPOSAL_CHOSEN);
	CU_ASSERT(bench->failed == 1 && bench->done == 0 && bench->final_failures == 1);
	CU_ASSERT_EQUAL(bench->sa->state, SA_GONE);
	bench_free(bench);
}

/* ---- what is refused before a step sees it ---- */

static void wrong_cover(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 100);
	CU_ASSERT(bench->processed == 0 && bench_exchange(bench)->row == 0);
	bench_receive(bench, SA_PAY, "one", 0);
	bench_receive(bench, ID_PAY SIG_PAY, "two", 0);
	CU_ASSERT(bench->processed == 1 && bench_exchange(bench)->row == 2);
	CU_ASSERT_STRING_EQUAL(bench->code, "wrong-cover");
	bench_free(bench);
}

static void wrong_key(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	bench_receive(bench, ID_PAY SIG_PAY, "two", 99);
	CU_ASSERT(bench->processed == 1 && bench_exchange(bench)->iv[0] == 100);
	bench_receive(bench, "", "", 100);
	CU_ASSERT_STRING_EQUAL(bench->code, "malformed");
	bench_receive(bench, ID_PAY SIG_PAY, "two", 100);
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

static void wrong_payloads(void)
{
	static const char *const wrong[] = { VID_PAY, SA_PAY SA_PAY, SA_PAY KE_PAY, SA_PAY HASH_PAY, "\x1f", SA_PAY "\x1f", SA_PAY "\x21" };
	struct bench *bench = responder();

	for (size_t i = 0; i < COUNT(wrong); i++)
		bench_receive(bench, wrong[i], "body", 0);
	CU_ASSERT(bench->processed == 0 && bench_exchange(bench)->row == 0);
	CU_ASSERT_STRING_EQUAL(bench->code, "unexpected-payload");
	bench_receive(bench, SA_PAY VID_PAY VID_PAY, "body", 0);
	CU_ASSERT_EQUAL(bench->processed, 1);
	bench_free(bench);
}

/* ---- messages that come again, or instead ---- */

static void duplicate(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	for (unsigned i = 1; i < 2 * ANSWERS_MAX; i++) {
		bench_receive(bench, SA_PAY, "one", 0);
		CU_ASSERT_EQUAL(bench->sent_count, 1 + (i < ANSWERS_MAX ? i : ANSWERS_MAX));
		CU_ASSERT(bench->sent_len[i % SENT_MAX] == 0 || memcmp(bench->sent[i], bench->sent[0], bench->sent_len[0]) == 0);
	}
	CU_ASSERT_EQUAL(bench->processed, 1);
	bench_free(bench);
}

/* Two that fit: the exchange goes on from both, and the proof shows which was right. */
static void rivals(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	bench_receive(bench, SA_PAY, "two", 0);
	CU_ASSERT(bench->processed == 2 && bench->sent_count == 2 && bench_exchange(bench)->row == 2);
	CU_ASSERT(bytes_equal(toy_of(bench)->view, bytes_text("two")));
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT(bench->processed == 2 && bench->sent_count == 3);
	/* The first cannot read it here: the toy drops what the present point is given, once. */
	bench->process = STEP_DROP;
	bench_receive(bench, ID_PAY SIG_PAY, "three", 100);
	CU_ASSERT_EQUAL(bench->processed, 2 + 2);
	CU_ASSERT_EQUAL(bench->failures, 1);
	bench->process = STEP_OK;
	bench_receive(bench, ID_PAY SIG_PAY, "three", 100);
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

static void many_rivals(void)
{
	struct bench *bench = responder();
	char body[] = "a";

	for (unsigned i = 0; i < 3 * POINTS_MAX; i++) {
		body[0] = (char)('!' + i);
		bench_receive(bench, SA_PAY, body, 0);
	}
	CU_ASSERT_EQUAL(bench->processed, POINTS_MAX);
	CU_ASSERT_EQUAL(bench_exchange(bench)->point_count, POINTS_MAX);
	/* What was taken in time is still answered. */
	size_t sent = bench->sent_count;
	bench_receive(bench, SA_PAY, "!", 0);
	CU_ASSERT_EQUAL(bench->sent_count, sent + 1);
	bench_receive(bench, ID_PAY SIG_PAY, "three", 100);
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

/* A forgery that leads to an abort must not end what came before it. */
static void rival_aborts(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	bench->process = STEP_ABORT;
	bench_receive(bench, SA_PAY, "two", 0);
	CU_ASSERT(bench_exchange(bench) != NULL && bench->told == 0 && bench->final_failures == 0);
	CU_ASSERT(bytes_equal(toy_of(bench)->view, bytes_text("one")));
	bench->process = STEP_OK;
	bench_receive(bench, ID_PAY SIG_PAY, "three", 100);
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

static void other_cookie(void)
{
	static const uint8_t zero[COOKIE_SIZE];
	struct bench *bench = initiator();
	struct packet *packet = bench_packet(bench, SA_PAY, "one", 0);

	memcpy(packet->data + COOKIE_SIZE, zero, COOKIE_SIZE);
	exchange_receive(bench_exchange(bench), packet);
	CU_ASSERT_EQUAL(bench->processed, 0);
	packet = bench_packet(bench, SA_PAY, "one", 0);
	packet->data[COOKIE_SIZE] = 'C';
	packet->remote.ip[3] = 99;
	exchange_receive(bench_exchange(bench), packet);
	CU_ASSERT(bench->processed == 1 && bench->sent[1][COOKIE_SIZE] == 'C' && bench->sent_to[1].ip[3] == 99);
	/* Another responder's message 2 is another point: each is answered where it came from, with its cookie. */
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT(bench->processed == 2 && bench->sent[2][COOKIE_SIZE] == 'c' && bench->sent_to[2].ip[3] == 2);
	/* Both are asked again when neither says anything. */
	bench_run(bench, FIRST_MS + 1);
	CU_ASSERT_EQUAL(bench->sent_count, 5);
	CU_ASSERT(bench->sent[3][COOKIE_SIZE] == 'c' && bench->sent[4][COOKIE_SIZE] == 'C' && bench->sent_to[4].ip[3] == 99);
	/* Only who has the keys goes on: the first's cookie, and the point that goes with it. */
	packet = bench_packet(bench, ID_PAY SIG_PAY, "two", 101);
	packet->data[COOKIE_SIZE] = 'C';
	exchange_receive(bench_exchange(bench), packet);
	CU_ASSERT(bench->done == 1 && bench->sa->cookie[RESPONDER][0] == 'C');
	bench_free(bench);
}

/* ---- time ---- */

static void retransmits(void)
{
	struct bench *bench = initiator();
	uint64_t interval = FIRST_MS;

	for (unsigned i = 1; i <= TRIES; i++, interval = interval * 3 / 2) {
		bench_run(bench, interval - 1);
		CU_ASSERT_EQUAL(bench->sent_count, i);
		bench_run(bench, 1);
		CU_ASSERT_EQUAL(bench->sent_count, i + 1);
	}
	CU_ASSERT(memcmp(bench->sent[0], bench->sent[TRIES], bench->sent_len[0]) == 0);
	bench_run(bench, interval - 1);
	CU_ASSERT_PTR_NOT_NULL(bench_exchange(bench));
	bench_run(bench, 1);
	CU_ASSERT_PTR_NULL(bench_exchange(bench));
	CU_ASSERT(bench->sent_count == 1 + TRIES && bench->failed == 1 && bench->final_failures == 1);
	CU_ASSERT_STRING_EQUAL(bench->code, "no-answer");
	CU_ASSERT_EQUAL(bench->sa->state, SA_GONE);
	bench_free(bench);
}

static void interval_bounded(void)
{
	struct bench *bench = initiator();

	bench->engine.daemon.retransmit_tries = 40;
	bench_run(bench, 150000);
	size_t sent = bench->sent_count;
	bench_run(bench, 10 * RETRANSMIT_MAX_MS);
	CU_ASSERT_EQUAL(bench->sent_count, sent + 10);
	bench_free(bench);
}

/* A step taken begins the count anew. */
static void retransmits_anew(void)
{
	struct bench *bench = initiator();

	bench_run(bench, FIRST_MS * 3 + 1);
	CU_ASSERT_EQUAL(bench->sent_count, 3);
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT_EQUAL(bench->sent_count, 4);
	bench_run(bench, FIRST_MS + 1);
	CU_ASSERT_EQUAL(bench->sent_count, 5);
	CU_ASSERT(memcmp(bench->sent[3], bench->sent[4], bench->sent_len[3]) == 0);
	bench_free(bench);
}

static void half_open(void)
{
	struct bench *bench = responder();

	CU_ASSERT_EQUAL(bench->engine.half_open, 1);
	bench_receive(bench, SA_PAY, "one", 0);
	bench_run(bench, HALF_OPEN * 1000 - 1);
	CU_ASSERT(bench->sent_count == 1 && bench_exchange(bench) != NULL);
	bench_run(bench, 2);
	CU_ASSERT(bench->sent_count == 1 && bench_exchange(bench) == NULL && bench->sa->state == SA_GONE);
	CU_ASSERT_EQUAL(bench->engine.half_open, 0);
	bench_free(bench);
}

/* As in Main Mode: message 3 shows that the initiator gets our answers. */
static const struct step six_rows[] = {
	TOY_ROW(INITIATOR, CLEAR, P(SA)),
	TOY_ROW(RESPONDER, CLEAR, P(SA)),
	TOY_ROW(INITIATOR, CLEAR, P(KE)),
	TOY_ROW(RESPONDER, CLEAR, P(KE)),
	TOY_ROW(INITIATOR, ENCRYPTED, P(ID) | P(AUTH)),
	TOY_ROW(RESPONDER, ENCRYPTED, P(ID) | P(AUTH)),
};
static const struct exchange_mode six = TOY(six_rows, true);

/* Who sends message 1 again may have forged it: that must not hold a place any longer. */
static void half_open_asked(void)
{
	struct bench *bench = responder();

	bench_receive(bench, SA_PAY, "one", 0);
	bench_run(bench, HALF_OPEN * 1000 - 1);
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT(bench->sent_count == 2 && bench_exchange(bench) != NULL);
	bench_run(bench, 2);
	CU_ASSERT(bench_exchange(bench) == NULL);
	bench_free(bench);

	bench = bench_new(RESPONDER);
	CU_ASSERT_PTR_NOT_NULL_FATAL(exchange_new(bench->sa, &six, RESPONDER, 0));
	bench_receive(bench, SA_PAY, "one", 0);
	bench_receive(bench, KE_PAY, "three", 0);
	bench_run(bench, HALF_OPEN * 1000 - 1);
	bench_receive(bench, KE_PAY, "three", 0);
	bench_run(bench, HALF_OPEN * 1000 - 1);
	CU_ASSERT(bench->sent_count == 3 && bench_exchange(bench) != NULL);
	bench_free(bench);
}

/* ---- under an SA ---- */

static const struct step phase2_rows[] = {
	TOY_ROW(INITIATOR, ENCRYPTED, P(HASH) | P(SA), .first = PAY_HASH),
	TOY_ROW(RESPONDER, ENCRYPTED, P(HASH) | P(SA), .first = PAY_HASH),
	TOY_ROW(INITIATOR, ENCRYPTED, P(HASH), .first = PAY_HASH),
};
static const struct exchange_mode phase2 = TOY(phase2_rows, false);

static void phase2_fails_alone(void)
{
	struct bench *bench = bench_new(RESPONDER);

	bench->sa->state = SA_ESTABLISHED;
	CU_ASSERT_PTR_NOT_NULL(exchange_new(bench->sa, &phase2, RESPONDER, 7));
	bench_receive(bench, HASH_PAY SA_PAY, "one", 100);
	CU_ASSERT(bench->sent_count == 1 && bench_exchange(bench)->point_count == 0);
	/* Here a responder asks on its own: the peer is no stranger. */
	bench_run(bench, FIRST_MS + 1);
	CU_ASSERT_EQUAL(bench->sent_count, 2);
	bench_run(bench, 600000);
	CU_ASSERT(bench_exchange(bench) == NULL && bench->failed == 1);
	CU_ASSERT_EQUAL(bench->sa->state, SA_ESTABLISHED);
	CU_ASSERT(sa_message_id_seen(bench->sa, 7));
	bench_free(bench);
}

/* The last message of one that is over is sent again when what it answered comes again. */
static void echo(void)
{
	struct bench *bench = bench_new(INITIATOR);

	bench->sa->state = SA_ESTABLISHED;
	struct exchange *ex = exchange_new(bench->sa, &phase2, INITIATOR, 9);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ex);
	ex->row = 1;
	struct packet *packet = bench_packet(bench, HASH_PAY SA_PAY, "two", 100);
	uint64_t hash = map_hash(packet->data, packet->len), other = hash + 1;
	exchange_receive(ex, packet);
	CU_ASSERT(bench->done == 1 && bench->sent_count == 1);
	CU_ASSERT_PTR_NOT_NULL(sa_find_echo(bench->sa, 9, &hash));
	CU_ASSERT_PTR_NOT_NULL(sa_find_echo(bench->sa, 9, NULL));
	CU_ASSERT_PTR_NULL(sa_find_echo(bench->sa, 8, &hash));
	CU_ASSERT_PTR_NULL(sa_find_echo(bench->sa, 9, &other));
	bench_run(bench, ECHO_SECONDS * 1000 + 1);
	CU_ASSERT_PTR_NULL(sa_find_echo(bench->sa, 9, NULL));
	bench_free(bench);
}

static void too_many(void)
{
	struct bench *bench = bench_new(RESPONDER);

	for (uint32_t i = 1; i <= EXCHANGES_PER_SA_MAX; i++)
		CU_ASSERT_PTR_NOT_NULL(exchange_new(bench->sa, &phase2, RESPONDER, i));
	CU_ASSERT_PTR_NULL(exchange_new(bench->sa, &phase2, RESPONDER, 1000));
	bench_free(bench);
}

static void message_ids(void)
{
	struct bench *bench = bench_new(RESPONDER);

	for (uint32_t i = 1; i <= MESSAGE_IDS_KEPT + 10; i++)
		CU_ASSERT_EQUAL(sa_remember_message_id(bench->sa, i), 0);
	CU_ASSERT(!sa_message_id_seen(bench->sa, 10) && sa_message_id_seen(bench->sa, 11));
	CU_ASSERT(sa_message_id_seen(bench->sa, MESSAGE_IDS_KEPT + 10) && !sa_message_id_seen(bench->sa, MESSAGE_IDS_KEPT + 11));
	bench_free(bench);
}

static void refused(void)
{
	struct bench *bench = initiator();

	exchange_refused(bench_exchange(bench), NOTIFY_NO_PROPOSAL_CHOSEN);
	bench_run(bench, 1);
	CU_ASSERT(bench_exchange(bench) == NULL && bench->failed == 1 && bench->final_failures == 1);
	CU_ASSERT_STRING_EQUAL(bench->code, "refused-by-peer");
	bench_free(bench);
}

/* ---- other columns ---- */

static const struct step optional_rows[] = {
	TOY_ROW(INITIATOR, CLEAR, P(SA), .optional = true),
	TOY_ROW(INITIATOR, CLEAR, P(KE)),
	TOY_ROW(RESPONDER, EITHER, P(ID) | P(AUTH)),
	TOY_ROW(INITIATOR, EITHER, P(ID) | P(AUTH)),
};
static const struct exchange_mode with_optional = TOY(optional_rows, true);

static void optional_row(void)
{
	struct bench *bench = bench_new(RESPONDER);

	CU_ASSERT_PTR_NOT_NULL(exchange_new(bench->sa, &with_optional, RESPONDER, 0));
	bench_receive(bench, KE_PAY, "two", 0);
	CU_ASSERT(bench->processed == 1 && bench->sent_count == 1 && bench_exchange(bench)->row == 3);
	/* What is sent in a row of EITHER is encrypted; what is received may be either. */
	CU_ASSERT_EQUAL(sent_exchange_flags(bench, 0), FLAG_ENCRYPTED);
	bench_receive(bench, ID_PAY SIG_PAY, "three", 0);
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

static void optional_row_taken(void)
{
	struct bench *bench = bench_new(RESPONDER);

	CU_ASSERT_PTR_NOT_NULL(exchange_new(bench->sa, &with_optional, RESPONDER, 0));
	bench_receive(bench, SA_PAY, "one", 0);
	CU_ASSERT(bench->processed == 1 && bench->sent_count == 0 && bench_exchange(bench)->row == 1);
	bench_receive(bench, KE_PAY, "two", 0);
	CU_ASSERT(bench->processed == 2 && bench->sent_count == 1);
	bench_receive(bench, ID_PAY SIG_PAY, "three", 101);
	CU_ASSERT_EQUAL(bench->done, 1);
	bench_free(bench);
}

static const struct unit_case cases[] = {
	{ "a responder answers each message, the last one encrypted with the next IV", answers },
	{ "an initiator begins, and uses the responder's cookie from message 3 on", begins },
	{ "DROP leaves row, IV, scratch, arena and SA as they were", dropped },
	{ "ABORT tells the peer and ends exchange and SA", aborted },
	{ "a message in the wrong cover is refused before any step sees it", wrong_cover },
	{ "a message that cannot be decrypted changes no IV", wrong_key },
	{ "missing, repeated and foreign payloads are refused before any step sees them", wrong_payloads },
	{ "a message that comes again is answered again, ten times", duplicate },
	{ "the exchange goes on from both of two rival messages in the clear", rivals },
	{ "rivals are limited, and those within the limit still work", many_rivals },
	{ "a rival that leads to ABORT ends nothing", rival_aborts },
	{ "each responder that answers is answered with its cookie, at its address", other_cookie },
	{ "a message is sent again, each time half as long again later, then the exchange ends", retransmits },
	{ "the interval does not grow without limit", interval_bounded },
	{ "an answer begins the count of sendings anew", retransmits_anew },
	{ "a half-open responder sends nothing unasked and ends", half_open },
	{ "a half-open responder waits anew when message 3 comes again, but not message 1", half_open_asked },
	{ "an exchange under an SA fails alone, and its message ID is not used again", phase2_fails_alone },
	{ "the last message of a finished exchange is kept for a time", echo },
	{ "no more exchanges run at once than the limit", too_many },
	{ "the latest 16384 message IDs are remembered", message_ids },
	{ "a refusal by the peer ends the exchange", refused },
	{ "an optional row may be skipped, and EITHER takes both covers", optional_row },
	{ "an optional row may be taken", optional_row_taken },
};

UNIT_MAIN("exchange", cases)
