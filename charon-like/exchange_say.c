/* SPDX-License-Identifier: MIT */
/* exchange_say.c - what the engine and the steps tell people about an exchange: why a message was refused, why there is no answer. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "exchange_points.h"
#include "shard.h"

void exchange_describe(const struct log_context *ctx, struct log_fields *fields)
{
	const struct exchange *ex = CONTAINER(ctx, struct exchange, ctx);

	ex->sa->ctx.describe(&ex->sa->ctx, fields);
	if (ex->message_id)
		snprintf(fields->exchange, sizeof(fields->exchange), "%s %08" PRIx32, ex->mode->name, ex->message_id);
	else
		snprintf(fields->exchange, sizeof(fields->exchange), "%s", ex->mode->name);
}

const char *exchange_child(const struct exchange *ex)
{
	return ex->mode->child ? ex->mode->child(ex) : NULL;
}

static void say(struct exchange *ex, enum log_level level, const char *code, bool final, const char *format, va_list args)
{
	char text[EVENT_TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	if (ex->is_trial) {
		log_at(&ex->ctx, LEVEL_DEBUG, code, "%s", text);
		return;
	}
	log_at(&ex->ctx, level, code, "%s", text);
	sa_publish_failure(ex->sa, exchange_child(ex), code, text, final);
}

enum verdict ex_drop(struct exchange *ex, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(ex, LEVEL_INFO, code, false, format, args);
	va_end(args);
	return STEP_DROP;
}

static void keep_refusal(struct exchange *ex, const char *code, const char *text)
{
	free(ex->refusal);
	ex->refusal = strdup(text);
	snprintf(ex->refusal_code, sizeof(ex->refusal_code), "%s", code);
	if (!ex->tries_end)
		ex->tries_end = ex->tries + TRIES_REFUSED;
}

enum verdict ex_refuse(struct exchange *ex, uint16_t notify, const char *code, const char *format, ...)
{
	char text[EVENT_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (ex->is_trial) {
		log_at(&ex->ctx, LEVEL_DEBUG, code, "%s", text);
		return STEP_DROP;
	}
	/* The same message comes again and again. */
	bool is_known = ex->refusal && strcmp(ex->refusal, text) == 0;
	log_at(&ex->ctx, is_known ? LEVEL_DEBUG : LEVEL_WARN, code, "%s", text);
	sa_publish_failure(ex->sa, exchange_child(ex), code, text, false);
	keep_refusal(ex, code, text);
	ex->notify = notify;
	if (notify && !ex->was_told)
		ex->mode->protection->tell(ex);
	ex->was_told |= notify != 0;
	return STEP_DROP;
}

enum verdict ex_abort(struct exchange *ex, uint16_t notify, const char *code, const char *format, ...)
{
	va_list args;

	ex->notify = notify;
	ex->is_trial = false;
	va_start(args, format);
	say(ex, ex->is_doubtful ? LEVEL_INFO : LEVEL_WARN, code, !ex->is_doubtful, format, args);
	va_end(args);
	return STEP_ABORT;
}

enum verdict ex_fault(struct exchange *ex, const char *what, int fault)
{
	log_at(&ex->ctx, LEVEL_ERROR, "internal-fault", "%s: %s", what, fault_text(fault));
	/* Out of memory passes: the message may come again. */
	sa_publish_failure(ex->sa, exchange_child(ex), "internal-fault", what, fault != FAULT_MEMORY);
	return fault == FAULT_MEMORY ? STEP_DROP : STEP_ABORT;
}

/* ---- silence ---- */

/* What people should look at when the last message stays without answer. */
static const char *why_silent(const struct exchange *ex)
{
	const struct step *sent = &ex->mode->steps[ex->row ? ex->row - 1 : 0];

	if (ex->refusal)
		return ex->refusal;
	if (ex->sa->last_word)
		return "the peer does not have our phase 1: the last message of that was lost, or it refused it; its log knows";
	if (ex->carrier == PAY_SIG && sent->silence_signed)
		return sent->silence_signed;
	return sent->silence ? sent->silence : "check that the peer runs and that the network carries UDP 500 and 4500 both ways";
}

/* It was logged when it was refused; who waits is told that nothing better came. */
static void say_refused(struct exchange *ex)
{
	log_debug(&ex->ctx, "nothing better came than what was refused %u times", ex->drops);
	sa_publish_failure(ex->sa, exchange_child(ex), ex->refusal_code, ex->refusal, true);
}

void say_no_answer(struct exchange *ex)
{
	char peer[ADDRESS_TEXT_MAX], refused[48] = "", why[EVENT_TEXT_MAX] = "";
	const char *hint = ex->sa->hint, *separator = *hint ? "; " : "";
	uint64_t seconds = (loop_now(ex->sa->shard->loop) - ex->began) / 1000;

	if (ex->drops)
		snprintf(refused, sizeof(refused), ", %u messages were refused", ex->drops);
	if (ex->role == RESPONDER && ex->mode->given_up)
		ex->mode->given_up(ex, why, sizeof(why));
	if (ex->refusal)
		say_refused(ex);
	else if (ex->sent && ex->row && !*why)
		ex_abort(ex, 0, "no-answer", "no answer to message %zu from %s: sent %u times in %" PRIu64 " s%s%s%s; %s", ex->row,
			 address_text(peer, &ex->sa->remote), ex->tries, seconds, refused, separator, hint, why_silent(ex));
	else
		ex_abort(ex, 0, "no-answer", "the peer did not go on within %" PRIu64 " s%s%s%s%s%s", seconds, refused, separator, hint,
			 *why ? "; " : "", why);
}

void say_trying(struct exchange *ex)
{
	char text[EVENT_TEXT_MAX];

	log_debug(&ex->ctx, "sending message %zu again, try %u", ex->row, ex->tries);
	if (ex->refusal)
		snprintf(text, sizeof(text), "what came is refused, and message %zu is sent again in case that it was damaged on the way: %s", ex->row, ex->refusal);
	else
		snprintf(text, sizeof(text), "no answer to message %zu yet, sending it again%s%s", ex->row, ex->tries > TRIES_UNREMARKABLE ? ": " : "",
			 ex->tries > TRIES_UNREMARKABLE ? why_silent(ex) : "");
	sa_publish(ex->sa, EVENT_TRYING, NULL, text);
}
