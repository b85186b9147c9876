/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - runs the tables of exchange modes: one step at a time, committed whole or not at all. What a table must look
 * like is checked in exchange_table.c; what the messages mean is the modes' business.
 */
#include "exchange.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "events.h"
#include "exchange_points.h"
#include "liveness.h"
#include "shard.h"

static struct loop *ex_loop(const struct exchange *ex)
{
	return ex->sa->shard->loop;
}

/* ---- making and ending ---- */

static void retransmit(struct timer *timer);

struct exchange *exchange_new(struct ike_sa *sa, const struct exchange_mode *mode, enum role role, uint32_t message_id)
{
	size_t running = 0;

	LIST_EACH(it, &sa->exchanges)
		running++;
	if (running >= EXCHANGES_PER_SA_MAX) {
		log_at(&sa->ctx, LEVEL_WARN, "too-many-exchanges", "%zu exchanges run already, no further one is begun", running);
		return NULL;
	}
	size_t scratch = (mode->scratch + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	struct exchange *ex = calloc(1, sizeof(*ex) + scratch + mode->shared);
	if (!ex)
		return NULL;
	ex->ctx = (struct log_context){ sa->ctx.log, exchange_describe };
	ex->mode = mode;
	ex->sa = sa;
	ex->role = role;
	ex->message_id = message_id;
	ex->timer.run = retransmit;
	ex->carrier = PAY_HASH;
	ex->is_keyed = true;
	list_init(&ex->kept);
	ex->scratch = ex + 1;
	ex->shared = (uint8_t *)ex->scratch + scratch;
	arena_init(&ex->arena);
	ex->settings = settings_ref(sa->settings);
	if (mode->creates_sa)
		sa->mode = mode;
	list_append(&sa->exchanges, &ex->in_sa);
	if (mode->protection->first_iv(ex) < 0) {
		exchange_end(ex);
		return NULL;
	}
	return ex;
}

void exchange_end(struct exchange *ex)
{
	if (!ex->is_done && ex->mode->failed)
		ex->mode->failed(ex);
	timer_stop(loop_timers(ex_loop(ex)), &ex->timer);
	list_remove(&ex->in_sa);
	/* Also when it failed, and when it was ours: HASH(1) does not tell whose it is, ours could be sent back to us. */
	if (ex->message_id && (ex->has_received || ex->role == INITIATOR) && sa_remember_message_id(ex->sa, ex->message_id) < 0)
		log_error(&ex->ctx, "no memory: this exchange could be replayed");
	packet_free(ex->waiting);
	while (ex->held_count)
		packet_free(ex->held[--ex->held_count]);
	keeps_free(ex);
	free(ex->refusal);
	arena_free(&ex->arena);
	wipe(ex->scratch, ex->mode->scratch);
	wipe(ex->shared, ex->mode->shared);
	points_free(ex);
	settings_unref(ex->settings);
	free(ex->sent);
	free(ex);
}

/* An exchange that failed; one that was to make an SA takes it along. */
static void fail(struct exchange *ex)
{
	struct ike_sa *sa = ex->sa;
	bool creates_sa = ex->mode->creates_sa;

	exchange_end(ex);
	if (creates_sa)
		sa_free(sa);
}

void exchange_refused(struct exchange *ex, uint16_t notify)
{
	char name[NAME_TEXT_MAX];

	ex_abort(ex, 0, "refused-by-peer", "the peer refuses: %s%s", notify_name(name, notify),
		 notify == NOTIFY_NO_PROPOSAL_CHOSEN ? "; compare the proposals of both ends" :
		 notify == NOTIFY_INVALID_ID_INFORMATION ? "; compare the selectors (local and remote) of both ends" : "");
	fail(ex);
}

/* ---- sending ---- */

/*
 * A responder in phase 1 never sends unasked: whoever forged message 1 must not get the
 * victim more octets than were sent to us.
 */
static bool may_retransmit(const struct exchange *ex)
{
	return ex->sent && (ex->role == INITIATOR || !ex->mode->creates_sa);
}

static void send_again(struct exchange *ex)
{
	if (ex->sent && sa_send(ex->sa, bytes_of(ex->sent, ex->sent_len)) < 0)
		log_debug(&ex->ctx, "the message could not be sent, it is tried again later");
}

/* What was sent at another point, to whom it was sent there. */
static void send_from(struct exchange *ex, size_t i)
{
	bool is_left = ex->points[i]->is_left;

	point_swap(ex, i);
	send_again(ex);
	point_swap(ex, i);
	ex->points[i]->is_left = is_left;
}

/* What takes the place of a pair of SAs has to be there before that is over: the pauses grow only as far as time is left. */
static uint64_t pause_of(const struct exchange *ex)
{
	const char *child = exchange_child(ex);
	uint64_t pause = child ? child_time_left(ex->sa, child) / RETRANSMIT_IN_TIME : UINT64_MAX;
	uint64_t first = ex->sa->shard->engine->daemon.retransmit_first_ms;

	if (pause < first)
		pause = first;
	return pause < ex->interval ? pause : ex->interval;
}

static void set_timer(struct exchange *ex)
{
	const struct daemon_settings *daemon = &ex->sa->shard->engine->daemon;
	uint64_t delay = may_retransmit(ex) ? pause_of(ex) : (uint64_t)daemon->half_open_seconds * 1000;

	if (timer_set(loop_timers(ex_loop(ex)), &ex->timer, loop_now(ex_loop(ex)) + delay) < 0)
		log_error(&ex->ctx, "no memory for a timer: a lost message is not sent again");
}

static void finish(struct exchange *ex);

bool exchange_look(struct exchange *ex)
{
	if (!ex->mode->is_answered || !ex->mode->is_answered(ex))
		return false;
	log_debug(&ex->ctx, "message %zu is not needed any more", ex->row + 1);
	ex->row = ex->mode->step_count;
	finish(ex);
	return true;
}

/* Of a peer that is silent altogether more ends than this exchange. */
static void end_unanswered(struct exchange *ex)
{
	struct ike_sa *sa = ex->sa;
	uint64_t began = ex->began;
	bool is_question = ex->role == INITIATOR && !ex->mode->creates_sa;

	say_no_answer(ex);
	sa_hold(sa);
	fail(ex);
	if (is_question)
		(void)liveness_no_answer(sa, began);
	sa_release(sa);
}

static void retransmit(struct timer *timer)
{
	struct exchange *ex = CONTAINER(timer, struct exchange, timer);
	const struct daemon_settings *daemon = &ex->sa->shard->engine->daemon;

	if (exchange_look(ex))
		return;
	if (!may_retransmit(ex) || ex->tries > daemon->retransmit_tries || (ex->tries_end && ex->tries >= ex->tries_end)) {
		end_unanswered(ex);
		return;
	}
	ex->tries++;
	/* By half: see RETRANSMIT_TRIES. */
	ex->interval = ex->interval * 3 / 2 < RETRANSMIT_MAX_MS ? ex->interval * 3 / 2 : RETRANSMIT_MAX_MS;
	say_trying(ex);
	send_again(ex);
	for (size_t i = 0; i < ex->point_count; i++)
		if (!ex->points[i]->is_left)
			send_from(ex, i);
	set_timer(ex);
}

/* ---- one step ---- */

static enum verdict build_row(struct exchange *ex, struct message_out *out)
{
	const struct step *row = &ex->mode->steps[ex->row];
	bool encrypt = row->cover != CLEAR;
	struct ike_header header = {
		.major = ex->mode->major, .exchange = ex->mode->type, .message_id = ex->message_id,
		.flags = encrypt ? FLAG_ENCRYPTED : 0,
	};
	uint8_t next_iv[16];
	int fault;

	memcpy(header.cookie, ex->sa->cookie, sizeof(header.cookie));
	message_begin(out, ex->sa->shard->out, sizeof(ex->sa->shard->out), &header);
	TRY(row->build(ex, out));
	if ((fault = message_finish(out)) < 0)
		return ex_fault(ex, "a message does not fit its buffer", fault);
	if (!encrypt)
		return STEP_OK;
	if ((fault = ex->mode->protection->seal(ex, out, next_iv)) < 0)
		return ex_fault(ex, "encrypting a message failed", fault);
	memcpy(ex->iv, next_iv, sizeof(next_iv));
	return STEP_OK;
}

/* A copy of the packet in the arena, decrypted if it is encrypted: what the steps keep may point into it. */
static enum verdict uncover(struct exchange *ex, const struct packet *packet, const struct ike_header *header, uint8_t **out,
			    size_t *block)
{
	uint8_t next_iv[16];

	*block = 0;
	if (!(header->flags & FLAG_ENCRYPTED) && packet->len > CLEAR_MAX)
		return ex_drop(ex, "malformed", "message %zu is %zu octets, none in the clear has more than %d", ex->row + 1, packet->len,
			       CLEAR_MAX);
	*out = arena_alloc(&ex->arena, packet->len);
	if (!*out)
		return ex_fault(ex, "no room for a message", FAULT_MEMORY);
	if (!(header->flags & FLAG_ENCRYPTED)) {
		memcpy(*out, packet->data, packet->len);
		return STEP_OK;
	}
	int opened = ex->mode->protection->open(ex, bytes_of(packet->data, packet->len), *out, next_iv);
	if (opened == FAULT_NOT_FOUND)
		return ex_drop(ex, "encrypted-early", "message %zu is encrypted, but there are no keys yet", ex->row + 1);
	if (opened < 0)
		return ex_drop(ex, "malformed", "message %zu is encrypted, but no whole number of cipher blocks", ex->row + 1);
	*block = (size_t)opened;
	memcpy(ex->iv, next_iv, sizeof(next_iv));
	return STEP_OK;
}

static enum verdict refuse_unparsable(struct exchange *ex, bool encrypted, const char *why)
{
	char reason[EVENT_TEXT_MAX];
	const char *code = encrypted && ex->mode->unreadable ? ex->mode->unreadable(ex, reason, sizeof(reason)) : NULL;

	if (code)
		return ex_drop(ex, code, "message %zu cannot be decrypted: %s", ex->row + 1, reason);
	return ex_drop(ex, "malformed", "message %zu is malformed: %s", ex->row + 1, why);
}

static enum verdict check_payloads(struct exchange *ex, const struct message *in)
{
	uint8_t types[PAYLOADS_MAX];
	char why[160];

	for (size_t i = 0; i < in->count; i++)
		types[i] = in->payloads[i].type;
	for (;; ex->row++) {
		const struct step *row = &ex->mode->steps[ex->row];
		if (step_check(row, ex->carrier, in->was_encrypted, types, in->count, why, sizeof(why)) == STEP_OK)
			return STEP_OK;
		if (!row->optional || ex->row + 1 == ex->mode->step_count || row[1].from != row->from)
			return ex_drop(ex, "unexpected-payload", "message %zu is refused: %s", ex->row + 1, why);
	}
}

static enum verdict read_message(struct exchange *ex, const struct packet *packet, struct message *in)
{
	const char *why = "the header is";
	uint8_t *plain = NULL;
	size_t block = 0;

	if (header_read(&in->header, bytes_of(packet->data, packet->len)) < 0)
		return ex_drop(ex, "malformed", "a message of %zu octets has a header that does not fit it", packet->len);
	in->was_encrypted = in->header.flags & FLAG_ENCRYPTED;
	enum cover cover = ex->mode->steps[ex->row].cover;
	if (cover != EITHER && in->was_encrypted != (cover == ENCRYPTED))
		return ex_drop(ex, "wrong-cover", "message %zu is %s", ex->row + 1,
			       in->was_encrypted ? "encrypted, which it must not be" : "in the clear, which it must not be");
	TRY(uncover(ex, packet, &in->header, &plain, &block));
	struct bytes chain = bytes_of(plain + HEADER_SIZE, packet->len - HEADER_SIZE);
	if (message_parse(in, chain, in->header.next, block, &why) < 0)
		return refuse_unparsable(ex, in->was_encrypted, why);
	return check_payloads(ex, in);
}

/* Answers go where the message came from; as initiator we learn the responder's cookie from its first. Undone with the step. */
static void take_origin(struct exchange *ex, const struct packet *packet)
{
	struct ike_sa *sa = ex->sa;

	/* Without a NAT in front of it a peer stays where it was: whoever relays its message must not draw our answers to himself. */
	if (sa->state == SA_ESTABLISHED && !sa->remote_nat && !address_same_host(&sa->remote, &packet->remote))
		return;
	sa->local = packet->local;
	sa->remote = packet->remote;
	sa->is_float = packet->nat_port;
	if (ex->mode->creates_sa && ex->role == INITIATOR)
		memcpy(sa->cookie[RESPONDER], packet->data + COOKIE_SIZE, COOKIE_SIZE);
}

static enum verdict run_step(struct exchange *ex, const struct packet *packet, struct message_out *out)
{
	struct message in;
	char text[200];

	out->w.used = 0;
	if (packet) {
		take_origin(ex, packet);
		TRY(read_message(ex, packet, &in));
		log_debug(&ex->ctx, "message %zu received: %s", ex->row + 1, message_text(text, sizeof(text), &in));
		TRY(ex->mode->steps[ex->row].process(ex, &in));
		ex->row++;
	}
	if (ex->row < ex->mode->step_count && ex->mode->steps[ex->row].from == ex->role) {
		TRY(build_row(ex, out));
		ex->row++;
	}
	return STEP_OK;
}

/* ---- commit ---- */

static int keep_sent(struct exchange *ex, const struct message_out *out)
{
	uint8_t *copy = realloc(ex->sent, out->w.used);

	if (!copy)
		return FAULT_MEMORY;
	memcpy(copy, out->w.base, out->w.used);
	ex->sent = copy;
	ex->sent_len = out->w.used;
	ex->tries = 1;
	ex->tries_end = 0;
	ex->answers = 0;
	ex->drops = 0;
	ex->began = loop_now(ex_loop(ex));
	ex->interval = ex->sa->shard->engine->daemon.retransmit_first_ms;
	return 0;
}

static void finish(struct exchange *ex)
{
	struct ike_sa *sa = ex->sa;
	bool creates_sa = ex->mode->creates_sa;

	ex->is_done = true;
	timer_stop(loop_timers(ex_loop(ex)), &ex->timer);
	if (sa_keep_echo(sa, ex) < 0 || sa_keep_last_word(sa, ex) < 0)
		log_error(&ex->ctx, "no memory: the last message cannot be sent again when it is lost");
	sa_hold(sa);
	ex->mode->done(ex);
	exchange_end(ex);
	/* Nothing that runs will show whether the peer has our last word: so it is asked. */
	if (creates_sa && sa->last_word && list_empty(&sa->exchanges))
		liveness_question(sa);
	sa_release(sa);
}

/* False: it ended the exchange. */
static bool commit(struct exchange *ex, const struct packet *packet, const struct message_out *out, size_t first_row)
{
	if (packet && packet_is_encrypted(packet))
		liveness_heard(ex->sa);
	if (packet) {
		ex->received = map_hash(packet->data, packet->len);
		ex->has_received = true;
	}
	if (ex->mode->row_done)
		for (size_t row = first_row; row < ex->row; row++)
			ex->mode->row_done(ex, row);
	if (out->w.used) {
		if (keep_sent(ex, out) < 0) {
			ex_fault(ex, "no room for our message", FAULT_MEMORY);
			fail(ex);
			return false;
		}
		log_debug(&ex->ctx, "message %zu sent, %zu octets", ex->row, ex->sent_len);
		send_again(ex);
	}
	if (ex->row == ex->mode->step_count) {
		finish(ex);
		return false;
	}
	set_timer(ex);
	return true;
}

/* ---- which step ---- */

enum outcome { REFUSED, TAKEN, WAITING, ENDED };

/* What was authentic ends all doubt, what was in the clear adds to it. */
static void settle_points(struct exchange *ex, const struct packet *packet, const struct exchange_mark *before, const uint8_t *scratch)
{
	if (!packet || !ex->mode->creates_sa)
		return;
	if (packet_is_encrypted(packet))
		points_free(ex);
	else
		point_keep(ex, before, scratch);
}

/* Keeps the packet only when it is WAITING. */
static enum outcome run(struct exchange *ex, struct packet *packet)
{
	struct exchange_mark before;
	uint8_t scratch[SCRATCH_MAX];
	struct arena_mark arena = arena_mark(&ex->arena);
	struct message_out out;
	enum outcome outcome = REFUSED;

	mark_take(ex, &before, scratch);
	/* Whoever forged it must not end what others go on with. */
	ex->is_doubtful = packet && ex->point_count && !(packet_is_encrypted(packet) && ex->is_keyed);
	enum verdict verdict = run_step(ex, packet, &out);
	if (verdict == STEP_ABORT && ex->is_doubtful)
		verdict = STEP_DROP;
	ex->is_doubtful = ex->is_trial = false;
	ex->is_waiting = verdict == STEP_WAIT;
	if (verdict == STEP_OK) {
		settle_points(ex, packet, &before, scratch);
		if (ex->sa->state == SA_ESTABLISHED && !(address_same(&before.remote, &ex->sa->remote) && address_same(&before.local, &ex->sa->local)))
			sa_moved(ex->sa);
		outcome = commit(ex, packet, &out, before.row) ? TAKEN : ENDED;
	} else {
		if (verdict == STEP_ABORT && ex->notify)
			ex->mode->protection->tell(ex);
		mark_restore(ex, &before, scratch);
		arena_rollback(&ex->arena, arena);
	}
	wipe(scratch, sizeof(scratch));
	if (verdict == STEP_DROP)
		ex->drops++;
	if (verdict == STEP_WAIT) {
		ex->waiting = packet;
		return WAITING;
	}
	if (verdict != STEP_ABORT)
		return outcome;
	fail(ex);
	return ENDED;
}

/* From a point kept before, which stays as it was when the message is refused. */
static enum outcome run_from(struct exchange *ex, size_t i, struct packet *packet)
{
	bool is_left = ex->points[i]->is_left;

	point_swap(ex, i);
	enum outcome outcome = run(ex, packet);
	if (outcome == REFUSED) {
		point_swap(ex, i);
		ex->points[i]->is_left = is_left;
	}
	return outcome;
}

/* Every point that it fits goes on with a message in the clear, the one that can read it with an encrypted one. */
static enum outcome offer(struct exchange *ex, struct packet *packet, const bool fits[1 + POINTS_MAX], size_t left)
{
	size_t count = ex->point_count;
	enum outcome outcome = REFUSED;

	for (size_t i = 0; i <= count && (outcome == REFUSED || (outcome == TAKEN && !packet_is_encrypted(packet))); i++) {
		if (!fits[i])
			continue;
		/* Why it was refused is said once, by the last that tries. */
		ex->is_trial = --left > 0;
		enum outcome one = i ? run_from(ex, i - 1, packet) : run(ex, packet);
		outcome = one == REFUSED ? outcome : one;
	}
	return outcome;
}

/*
 * The same message again: its answer was lost. Nothing is sent that would be more than was received. A responder in phase 1, which
 * waits for less long than an initiator asks, begins to wait anew: whoever still asks is still there.
 */
static bool answer_again(struct exchange *ex, const struct packet *packet)
{
	uint64_t hash = map_hash(packet->data, packet->len);

	if (ex->has_received && ex->received == hash) {
		if (ex->sent && ex->answers++ < ANSWERS_MAX) {
			send_again(ex);
			/* Before message 3 the sender has not shown that it gets our answers, and is not waited for any longer. */
			if (!may_retransmit(ex) && ex->row > ROWS_OF_FORGERS)
				set_timer(ex);
		}
		return true;
	}
	for (size_t i = 0; i < ex->point_count; i++) {
		struct exchange_point *point = ex->points[i];
		if (!point->has_received || point->received != hash)
			continue;
		if (point->sent && point->answers++ < ANSWERS_MAX)
			send_from(ex, i);
		return true;
	}
	return false;
}

void exchange_receive(struct exchange *ex, struct packet *packet)
{
	struct ike_sa *sa = ex->sa;
	enum outcome outcome = REFUSED;
	bool fits[1 + POINTS_MAX];
	size_t fitting = points_that_fit(ex, packet, fits);

	sa_hold(sa);
	if (answer_again(ex, packet))
		log_debug(&sa->ctx, "a message came again");
	else if (ex->is_waiting && fitting && held_keep(ex, packet))
		outcome = WAITING;
	else if (ex->is_waiting || ex->row >= ex->mode->step_count || ex->mode->steps[ex->row].from == ex->role)
		log_debug(&sa->ctx, "a message came that is not expected now");
	else if (fitting)
		outcome = offer(ex, packet, fits, fitting);
	else if (packet_fits_cookie(ex, ex->sa->cookie[RESPONDER], packet))
		outcome = run(ex, packet);           /* says why it does not fit */
	if (outcome != WAITING)
		packet_free(packet);
	sa_release(sa);
}

void exchange_resume(struct exchange *ex)
{
	struct ike_sa *sa = ex->sa;
	struct packet *packet = ex->waiting;

	if (!ex->is_waiting)
		return;
	sa_hold(sa);
	ex->waiting = NULL;
	enum outcome outcome = run(ex, packet);
	if (outcome != WAITING)
		packet_free(packet);
	if (outcome == TAKEN || outcome == REFUSED)
		held_take(sa, ex);
	sa_release(sa);
}

int exchange_start(struct ike_sa *sa, const struct exchange_mode *mode, const void *argument)
{
	uint32_t message_id = 0;
	int fault;

	if (!mode->creates_sa && (fault = sa_new_message_id(sa, &message_id)) < 0)
		return fault;
	struct exchange *ex = exchange_new(sa, mode, INITIATOR, message_id);
	if (!ex)
		return FAULT_MEMORY;
	if (mode->begin && mode->begin(ex, argument) != STEP_OK) {
		exchange_end(ex);
		return FAULT_UNSUPPORTED;
	}
	sa_hold(sa);
	run(ex, NULL);
	sa_release(sa);
	return 0;
}
