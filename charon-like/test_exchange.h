/* SPDX-License-Identifier: MIT */
/*
 * test_exchange.h - a bench for the engine: one SA on a virtual clock, modes that do what a test says, packets made by hand. What
 * is sent is kept. The toys' cipher adds the first octet of the IV to each octet; the next IV has that octet counted up.
 */
#ifndef KEYFERRY_TEST_EXCHANGE_H
#define KEYFERRY_TEST_EXCHANGE_H
#include "events.h"
#include "peers.h"
#include "shard.h"
#include "unit.h"

enum { SENT_MAX = 64, SENT_SIZE = 512, TRIES = 3, FIRST_MS = 1000, HALF_OPEN = 30 };

struct bench {
	struct engine engine;
	uint64_t now;
	struct loop *loop;
	struct log *log;
	struct bus *bus;
	struct subscription *subscription;
	struct shard *shards[1];
	struct ike_sa *sa;
	/* What was sent, whole. */
	uint8_t sent[SENT_MAX][SENT_SIZE];
	size_t sent_len[SENT_MAX];
	struct address sent_to[SENT_MAX];
	size_t sent_count;
	/* What the toys' functions return, and how often they ran. */
	enum verdict process, build;
	unsigned processed, built, done, failed, told, rows;
	unsigned failures, final_failures;
	char code[EVENT_CODE_MAX];
};

struct toy {
	unsigned count;              /* of messages processed and built */
	const char *word;            /* in the arena */
	struct bytes view;           /* of the last message, into the arena */
};

static inline struct bench *bench_of(const struct exchange *ex)
{
	return CONTAINER(ex->sa->shard->engine, struct bench, engine);
}

/* ---- the toys' functions ---- */

/* Writes to everything that a step may write to, whatever it returns. */
static inline enum verdict toy_step(struct exchange *ex, enum verdict verdict, const char *word)
{
	struct toy *toy = ex->scratch;
	char *at = arena_alloc(&ex->arena, strlen(word) + 1);

	if (!at)
		return STEP_DROP;
	memcpy(at, word, strlen(word) + 1);
	toy->word = at;
	toy->count++;
	if (verdict == STEP_DROP)
		return ex_drop(ex, "toy-drop", "the toy drops it");
	if (verdict == STEP_ABORT)
		return ex_abort(ex, NOTIFY_NO_PROPOSAL_CHOSEN, "toy-abort", "the toy aborts");
	return verdict;
}

static inline enum verdict toy_process(struct exchange *ex, const struct message *in)
{
	struct bench *bench = bench_of(ex);
	struct toy *toy = ex->scratch;

	bench->processed++;
	toy->view = in->payloads[0].body;
	ex->carrier = PAY_SIG;
	return toy_step(ex, bench->process, "processed");
}

static inline enum verdict toy_build(struct exchange *ex, struct message_out *out)
{
	const struct step *row = &ex->mode->steps[ex->row];
	struct bench *bench = bench_of(ex);

	bench->built++;
	for (uint8_t type = 1; type < PAY_AUTH; type++)
		if (row->require & UINT32_C(1) << type)
			message_put(out, type, bytes_text("built"));
	if (row->require & P(AUTH))
		message_put(out, ex->carrier, bytes_text("proof"));
	return toy_step(ex, bench->build, "built");
}

static inline int toy_cover(bool encrypt, const struct exchange *ex, uint8_t *data, size_t len, uint8_t next_iv[16])
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(encrypt ? data[i] + ex->iv[0] : data[i] - ex->iv[0]);
	memset(next_iv, ex->iv[0] + 1, 16);
	return 0;
}

static inline int toy_open(const struct exchange *ex, struct bytes packet, uint8_t *plain, uint8_t next_iv[16])
{
	memcpy(plain, packet.at, packet.len);
	if (packet.len == HEADER_SIZE)
		return FAULT_INPUT;
	return toy_cover(false, ex, plain + HEADER_SIZE, packet.len - HEADER_SIZE, next_iv) < 0 ? FAULT_INPUT : 8;
}

static inline int toy_seal(const struct exchange *ex, struct message_out *out, uint8_t next_iv[16])
{
	return toy_cover(true, ex, out->w.base + HEADER_SIZE, out->w.used - HEADER_SIZE, next_iv);
}

static inline int toy_first_iv(struct exchange *ex)
{
	memset(ex->iv, 100, sizeof(ex->iv));
	return 0;
}

static inline void toy_tell(struct exchange *ex)
{
	bench_of(ex)->told = ex->notify;
}

static inline bool toy_may_start(const struct ike_sa *sa, enum role role)
{
	return sa->role == role;
}

static inline void toy_row_done(struct exchange *ex, size_t row)
{
	bench_of(ex)->rows |= 1u << row;
}

static inline void toy_done(struct exchange *ex)
{
	bench_of(ex)->done++;
}

static inline void toy_failed(struct exchange *ex)
{
	bench_of(ex)->failed++;
}

static const struct protection toy_protection = { .open = toy_open, .seal = toy_seal, .first_iv = toy_first_iv, .tell = toy_tell };

#define TOY_ROW(who, how, what, ...) { .from = who, .cover = how, .require = what, .build = toy_build, .process = toy_process, __VA_ARGS__ }
#define TOY(rows, makes_sa)                                                                                        \
	{                                                                                                          \
		.name = "Toy Mode", .word = "toy", .major = 1, .type = EXCHANGE_MAIN, .creates_sa = makes_sa, .steps = rows, \
		.step_count = COUNT(rows), .scratch = sizeof(struct toy), .protection = &toy_protection,            \
		.may_start = toy_may_start, .row_done = toy_row_done, .done = toy_done, .failed = toy_failed,       \
	}

/* ---- the bench ---- */

static inline uint64_t bench_now(void *arg)
{
	return ((const struct bench *)arg)->now;
}

static inline int bench_send(void *state, const struct address *local, const struct address *remote, bool nat_port, struct bytes message)
{
	struct bench *bench = state;
	size_t i = bench->sent_count++ % SENT_MAX;

	(void)local;
	(void)nat_port;
	if (message.len > SENT_SIZE)
		abort();
	memcpy(bench->sent[i], message.at, message.len);
	bench->sent_len[i] = message.len;
	bench->sent_to[i] = *remote;
	return 0;
}

static inline void bench_event(const struct event *event, void *arg)
{
	const struct event_sa *failure = (const struct event_sa *)event;
	struct bench *bench = arg;

	bench->failures++;
	bench->final_failures += failure->final;
	memcpy(bench->code, failure->code, sizeof(bench->code));
}

static inline struct address bench_peer(void)
{
	struct address peer = { .family = AF_INET, .port = 500, .ip = { 192, 0, 2, 2 } };

	return peer;
}

static inline struct bench *bench_new(enum role role)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct clock clock = { bench_now, bench };
	struct log_options log_options = { .level = LEVEL_DEBUG, .fd = -1 };
	uint8_t cookie[2][COOKIE_SIZE] = { "cookie1", "cookie2" };

	if (role == INITIATOR)
		memset(cookie[RESPONDER], 0, COOKIE_SIZE);
	bench->now = 1000;
	bench->process = bench->build = STEP_OK;
	bench->log = log_new(&log_options);
	bench->loop = loop_new(&clock);
	bench->bus = bus_new();
	bench->subscription = bus_subscribe(bench->bus, bench->loop, EVENT_BIT(EVENT_FAILURE), bench_event, bench);
	bench->engine.log = log_root(bench->log);
	bench->engine.bus = bench->bus;
	bench->engine.transport = (struct transport){ .send = bench_send, .state = bench };
	bench->engine.peers = peers_new();
	bench->engine.daemon.retransmit_tries = TRIES;
	bench->engine.daemon.retransmit_first_ms = FIRST_MS;
	bench->engine.daemon.half_open_seconds = HALF_OPEN;
	bench->engine.shard_count = 1;
	bench->engine.shards = bench->shards;
	bench->shards[0] = shard_new(&bench->engine, 0, bench->loop, NULL);
	while (loop_turn(bench->loop))
		;
	bench->sa = sa_new(bench->shards[0], role, (const uint8_t(*)[COOKIE_SIZE])cookie, NULL);
	bench->sa->remote = bench->sa->local = bench_peer();
	bench->sa->local.ip[3] = 1;
	/* Ends with the bench, also when an exchange ended it. */
	sa_hold(bench->sa);
	return bench;
}

/* Until `ms` later; timers run when they are due. */
static inline void bench_run(struct bench *bench, uint64_t ms)
{
	for (uint64_t end = bench->now + ms;;) {
		while (loop_turn(bench->loop))
			;
		uint64_t next = timers_next(loop_timers(bench->loop));
		if (next > end) {
			bench->now = end;
			break;
		}
		bench->now = next;
	}
	while (loop_turn(bench->loop))
		;
}

static inline void bench_free(struct bench *bench)
{
	sa_free(bench->sa);
	sa_release(bench->sa);
	shard_free(bench->shards[0]);
	while (loop_turn(bench->loop))
		;
	bus_unsubscribe(bench->bus, bench->subscription);
	peers_free(bench->engine.peers);
	loop_free(bench->loop);
	bus_free(bench->bus);
	log_free(bench->log);
	free(bench);
}

/* The exchange that runs; NULL: none. */
static inline struct exchange *bench_exchange(const struct bench *bench)
{
	return list_empty(&bench->sa->exchanges) ? NULL : CONTAINER(list_first(&bench->sa->exchanges), struct exchange, in_sa);
}

/* A message with these payloads, each with `body`; iv 0: in the clear. */
static inline struct packet *bench_packet(const struct bench *bench, const char *payloads, const char *body, uint8_t iv)
{
	uint8_t buffer[SENT_SIZE];
	struct ike_header header = { .major = 1, .exchange = EXCHANGE_MAIN, .flags = iv ? FLAG_ENCRYPTED : 0 };
	struct message_out out;
	struct address local = bench->sa->local, remote = bench_peer();

	memcpy(header.cookie, "cookie1\0cookie2", 16);
	message_begin(&out, buffer, sizeof(buffer), &header);
	for (; *payloads; payloads++)
		message_put(&out, (uint8_t)*payloads, bytes_text(body));
	if (message_finish(&out) < 0)
		abort();
	for (size_t i = HEADER_SIZE; iv && i < out.w.used; i++)
		buffer[i] = (uint8_t)(buffer[i] + iv);
	return packet_new(&local, &remote, false, writer_bytes(&out.w));
}

static inline void bench_receive(struct bench *bench, const char *payloads, const char *body, uint8_t iv)
{
	exchange_receive(bench_exchange(bench), bench_packet(bench, payloads, body, iv));
	/* Events arrive as jobs. */
	while (loop_turn(bench->loop))
		;
}

#endif
