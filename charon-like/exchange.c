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

#include "events.h"
#include "shard.h"

/* Everything a step may change. */
struct exchange_mark {
	struct arena_mark arena;
	size_t row;
	uint8_t carrier;
	uint8_t iv[16];
	uint8_t scratch[SCRATCH_MAX];
};

static void mark_take(const struct exchange *ex, struct exchange_mark *mark)
{
	mark->arena = arena_mark(&ex->arena);
	mark->row = ex->row;
	mark->carrier = ex->carrier;
	memcpy(mark->iv, ex->iv, sizeof(ex->iv));
	memcpy(mark->scratch, ex->scratch, ex->mode->scratch);
}

/* The arena is rolled back by its own rule: see undo_row(). */
static void mark_restore(struct exchange *ex, const struct exchange_mark *mark)
{
	ex->row = mark->row;
	ex->carrier = mark->carrier;
	memcpy(ex->iv, mark->iv, sizeof(ex->iv));
	memcpy(ex->scratch, mark->scratch, ex->mode->scratch);
}

static struct loop *ex_loop(const struct exchange *ex)
{
	return ex->sa->shard->loop;
}

static void describe(const struct log_context *ctx, struct log_fields *fields)
{
	const struct exchange *ex = CONTAINER(ctx, struct exchange, ctx);

	ex->sa->ctx.describe(&ex->sa->ctx, fields);
	if (ex->message_id)
		snprintf(fields->exchange, sizeof(fields->exchange), "%s %08" PRIx32, ex->mode->name, ex->message_id);
	else
		snprintf(fields->exchange, sizeof(fields->exchange), "%s", ex->mode->name);
}

/* ---- saying why ---- */

static void say(struct exchange *ex, enum log_level level, const char *code, bool final, const char *format, va_list args)
{
	char text[EVENT_TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	log_at(&ex->ctx, level, code, "%s", text);
	sa_publish(ex->sa, EVENT_FAILURE, NULL, code, text, final);
}

enum verdict ex_drop(struct exchange *ex, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ex, LEVEL_INFO, code, false, format, args);
	va_end(args);
	return STEP_DROP;
}

enum verdict ex_abort(struct exchange *ex, uint16_t notify, const char *code, const char *format, ...)
{
	va_list args;

	ex->notify = notify;
	va_start(args, format);
	say(ex, LEVEL_WARN, code, true, format, args);
	va_end(args);
	return STEP_ABORT;
}

enum verdict ex_fault(struct exchange *ex, const char *what, int fault)
{
	log_at(&ex->ctx, LEVEL_ERROR, "internal-fault", "%s: %s", what, fault_text(fault));
	sa_publish(ex->sa, EVENT_FAILURE, NULL, "internal-fault", what, true);
	/* Out of memory passes: the message may come again. */
	return fault == FAULT_MEMORY ? STEP_DROP : STEP_ABORT;
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
	struct exchange *ex = calloc(1, sizeof(*ex) + mode->scratch);
	if (!ex)
		return NULL;
	ex->ctx = (struct log_context){ sa->ctx.log, describe };
	ex->mode = mode;
	ex->sa = sa;
	ex->role = role;
	ex->message_id = message_id;
	ex->timer.run = retransmit;
	ex->carrier = PAY_HASH;
	ex->scratch = ex + 1;
	arena_init(&ex->arena);
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
	packet_free(ex->waiting);
	arena_free(&ex->arena);
	wipe(ex->scratch, ex->mode->scratch);
	if (ex->undo)
		wipe(ex->undo, sizeof(*ex->undo));
	free(ex->undo);
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

static void set_timer(struct exchange *ex)
{
	const struct daemon_settings *daemon = &ex->sa->shard->engine->daemon;
	uint64_t delay = may_retransmit(ex) ? ex->interval : (uint64_t)daemon->half_open_seconds * 1000;

	if (timer_set(loop_timers(ex_loop(ex)), &ex->timer, loop_now(ex_loop(ex)) + delay) < 0)
		log_error(&ex->ctx, "no memory for a timer: a lost message is not sent again");
}

static void say_no_answer(struct exchange *ex)
{
	const struct step *sent = ex->row ? &ex->mode->steps[ex->row - 1] : NULL;
	char peer[ADDRESS_TEXT_MAX], refused[48] = "", hint[100] = "";
	uint64_t seconds = (loop_now(ex_loop(ex)) - ex->began) / 1000;

	if (ex->drops)
		snprintf(refused, sizeof(refused), ", %u messages were refused", ex->drops);
	if (ex->sa->hint[0])
		snprintf(hint, sizeof(hint), "; the peer said %s (not authenticated)", ex->sa->hint);
	if (!ex->sent || !sent) {
		ex_abort(ex, 0, "no-answer", "the peer did not go on within %" PRIu64 " s%s%s", seconds, refused, hint);
		return;
	}
	ex_abort(ex, 0, "no-answer", "no answer to message %zu from %s: sent %u times in %" PRIu64 " s%s%s; %s", ex->row,
		 address_text(peer, &ex->sa->remote), ex->tries, seconds, refused, hint,
		 sent->silence ? sent->silence : "check that the peer runs and that the network carries UDP 500 and 4500 both ways");
}

static void retransmit(struct timer *timer)
{
	struct exchange *ex = CONTAINER(timer, struct exchange, timer);
	const struct daemon_settings *daemon = &ex->sa->shard->engine->daemon;

	if (!may_retransmit(ex) || ex->tries > daemon->retransmit_tries) {
		say_no_answer(ex);
		fail(ex);
		return;
	}
	ex->tries++;
	ex->interval = ex->interval * 2 < RETRANSMIT_MAX_MS ? ex->interval * 2 : RETRANSMIT_MAX_MS;
	log_debug(&ex->ctx, "sending message %zu again, try %u", ex->row, ex->tries);
	sa_publish(ex->sa, EVENT_TRYING, NULL, NULL, "no answer yet, sending again", false);
	send_again(ex);
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
static enum verdict uncover(struct exchange *ex, const struct packet *packet, const struct ike_header *header, uint8_t **out)
{
	uint8_t next_iv[16];

	*out = arena_alloc(&ex->arena, packet->len);
	if (!*out)
		return ex_fault(ex, "no room for a message", FAULT_MEMORY);
	if (!(header->flags & FLAG_ENCRYPTED)) {
		memcpy(*out, packet->data, packet->len);
		return STEP_OK;
	}
	int fault = ex->mode->protection->open(ex, bytes_of(packet->data, packet->len), *out, next_iv);
	if (fault == FAULT_NOT_FOUND)
		return ex_drop(ex, "encrypted-early", "message %zu is encrypted, but there are no keys yet", ex->row + 1);
	if (fault < 0)
		return ex_drop(ex, "malformed", "message %zu is encrypted, but no whole number of cipher blocks", ex->row + 1);
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
	uint8_t *plain;

	if (header_read(&in->header, bytes_of(packet->data, packet->len)) < 0)
		return ex_drop(ex, "malformed", "a message of %zu octets has a header that does not fit it", packet->len);
	in->was_encrypted = in->header.flags & FLAG_ENCRYPTED;
	enum cover cover = ex->mode->steps[ex->row].cover;
	if (cover != EITHER && in->was_encrypted != (cover == ENCRYPTED))
		return ex_drop(ex, "wrong-cover", "message %zu is %s", ex->row + 1,
			       in->was_encrypted ? "encrypted, which it must not be" : "in the clear, which it must not be");
	TRY(uncover(ex, packet, &in->header, &plain));
	struct bytes chain = bytes_of(plain + HEADER_SIZE, packet->len - HEADER_SIZE);
	if (message_parse(in, chain, in->header.next, in->was_encrypted, &why) < 0)
		return refuse_unparsable(ex, in->was_encrypted, why);
	return check_payloads(ex, in);
}

static enum verdict run_step(struct exchange *ex, const struct packet *packet, struct message_out *out)
{
	struct message in;
	char text[200];

	out->w.used = 0;
	if (packet) {
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
	ex->answers = 0;
	ex->drops = 0;
	ex->began = loop_now(ex_loop(ex));
	ex->interval = ex->sa->shard->engine->daemon.retransmit_first_ms;
	return 0;
}

static void note_received(struct exchange *ex, const struct packet *packet)
{
	struct ike_sa *sa = ex->sa;

	ex->received = map_hash(packet->data, packet->len);
	ex->has_received = true;
	sa->local = packet->local;
	sa->remote = packet->remote;
	sa->is_float = packet->nat_port;
	if (ex->mode->creates_sa && ex->role == INITIATOR)
		memcpy(sa->cookie[RESPONDER], packet->data + COOKIE_SIZE, COOKIE_SIZE);
}

static void finish(struct exchange *ex)
{
	struct ike_sa *sa = ex->sa;

	ex->is_done = true;
	timer_stop(loop_timers(ex_loop(ex)), &ex->timer);
	if (sa_keep_echo(sa, ex) < 0)
		log_error(&ex->ctx, "no memory: the last message cannot be sent again when it is lost");
	ex->mode->done(ex);
	exchange_end(ex);
}

static void commit(struct exchange *ex, const struct packet *packet, const struct message_out *out, size_t first_row)
{
	if (packet)
		note_received(ex, packet);
	if (ex->mode->row_done)
		for (size_t row = first_row; row < ex->row; row++)
			ex->mode->row_done(ex, row);
	if (out->w.used) {
		if (keep_sent(ex, out) < 0) {
			ex_fault(ex, "no room for our message", FAULT_MEMORY);
			fail(ex);
			return;
		}
		log_debug(&ex->ctx, "message %zu sent, %zu octets", ex->row, ex->sent_len);
		send_again(ex);
	}
	if (ex->row == ex->mode->step_count)
		finish(ex);
	else
		set_timer(ex);
}

/* What was committed from a message in the clear may be replaced as long as nothing authentic followed. */
static void keep_undo(struct exchange *ex, const struct exchange_mark *before)
{
	if (!ex->mode->creates_sa || ex->mode->steps[before->row].cover != CLEAR)
		return;
	if (!ex->undo)
		ex->undo = malloc(sizeof(*ex->undo));
	if (ex->undo)
		memcpy(ex->undo, before, offsetof(struct exchange_mark, scratch) + ex->mode->scratch);
}

static void run(struct exchange *ex, struct packet *packet)
{
	struct exchange_mark before;
	struct message_out out;

	mark_take(ex, &before);
	enum verdict verdict = run_step(ex, packet, &out);
	ex->is_waiting = verdict == STEP_WAIT;
	if (verdict == STEP_OK) {
		if (packet)
			keep_undo(ex, &before);
		commit(ex, packet, &out, before.row);
	} else {
		if (verdict == STEP_ABORT && ex->notify)
			ex->mode->protection->tell(ex);
		mark_restore(ex, &before);
		arena_rollback(&ex->arena, before.arena);
	}
	wipe(before.scratch, sizeof(before.scratch));
	if (verdict == STEP_WAIT) {
		ex->waiting = packet;
		return;
	}
	if (verdict == STEP_DROP)
		ex->drops++;
	if (verdict == STEP_ABORT)
		fail(ex);
	packet_free(packet);
}

/* Does a message in the clear have the payloads of the row? Changes and says nothing. */
static bool clear_fits(const struct step *row, const struct packet *packet)
{
	uint8_t types[PAYLOADS_MAX];
	struct ike_header header;
	struct message in;
	const char *why;
	char text[160];

	if (header_read(&header, bytes_of(packet->data, packet->len)) < 0 || header.flags & FLAG_ENCRYPTED ||
	    message_parse(&in, bytes_of(packet->data + HEADER_SIZE, packet->len - HEADER_SIZE), header.next, false, &why) < 0)
		return false;
	for (size_t i = 0; i < in.count; i++)
		types[i] = in.payloads[i].type;
	return step_check(row, PAY_HASH, false, types, in.count, text, sizeof(text)) == STEP_OK;
}

/*
 * As initiator we hold on to the responder's cookie once message 2 was taken, but see undo_row(). A responder is found by
 * both cookies, but for message 1, which has no second one.
 */
static bool fits_cookie(const struct exchange *ex, const struct packet *packet)
{
	static const uint8_t unknown[COOKIE_SIZE];
	const uint8_t *responder = ex->sa->cookie[RESPONDER];

	return ex->role == RESPONDER || memcmp(responder, unknown, COOKIE_SIZE) == 0 ||
	       memcmp(responder, packet->data + COOKIE_SIZE, COOKIE_SIZE) == 0;
}

/* The message does not fit the row that is expected, but the row before, whose message came in the clear. */
static bool may_undo(const struct exchange *ex, const struct packet *packet)
{
	if (!ex->undo || ex->undone >= UNDO_MAX || !clear_fits(&ex->mode->steps[ex->undo->row], packet))
		return false;
	return !fits_cookie(ex, packet) || !clear_fits(&ex->mode->steps[ex->row], packet);
}

/* It takes that one's place. The arena is not rolled back: the state we return to on a refusal lives there. */
static void undo_row(struct exchange *ex, struct packet *packet)
{
	struct exchange_mark now;
	struct message_out out;

	mark_take(ex, &now);
	mark_restore(ex, ex->undo);
	ex->undone++;
	size_t first_row = ex->row;
	enum verdict verdict = run_step(ex, packet, &out);
	if (verdict == STEP_OK) {
		log_debug(&ex->ctx, "another message %zu takes the place of the one before", first_row + 1);
		commit(ex, packet, &out, first_row);
	} else {
		ex->drops++;
		mark_restore(ex, &now);
		arena_rollback(&ex->arena, now.arena);
	}
	wipe(now.scratch, sizeof(now.scratch));
	packet_free(packet);
}

/* The same message again: its answer was lost. Nothing is sent that would be more than was received. */
static bool answer_again(struct exchange *ex, const struct packet *packet)
{
	if (!ex->has_received || ex->received != map_hash(packet->data, packet->len))
		return false;
	if (ex->sent && ex->answers < ANSWERS_MAX) {
		ex->answers++;
		log_debug(&ex->ctx, "message %zu came again, sending the answer again", ex->row - 1);
		send_again(ex);
	}
	return true;
}

void exchange_receive(struct exchange *ex, struct packet *packet)
{
	struct ike_sa *sa = ex->sa;

	sa_hold(sa);
	if (answer_again(ex, packet) || ex->is_waiting || ex->row >= ex->mode->step_count || ex->mode->steps[ex->row].from == ex->role)
		packet_free(packet);
	else if (may_undo(ex, packet))
		undo_row(ex, packet);
	else if (fits_cookie(ex, packet))
		run(ex, packet);
	else
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
	run(ex, packet);
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
