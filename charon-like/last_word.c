/* SPDX-License-Identifier: MIT */
/*
 * last_word.c - our last message of a phase 1 that we began and that nobody answers, message 3 of Aggressive Mode: sent again until the peer shows
 * that it has it. A responder in phase 1 sends nothing unasked, so it cannot ask for what was lost.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ikev1/v1.h"
#include "liveness.h"
#include "shard.h"

/* Where there is nothing that the peer would answer: enough for a network that loses a fifth of all packets, three times in 600. */
enum { LAST_WORD_BLIND = 3 };

struct last_word {
	struct timer timer;
	struct ike_sa *sa;
	unsigned sendings;                   /* after the first                                    */
	uint64_t interval;                   /* ms until the next                                  */
	bool has_asked;                      /* something was under way that the peer would answer */
	size_t len;
	uint8_t message[];
};

static void set_timer(struct last_word *word)
{
	struct loop *loop = word->sa->shard->loop;

	if (timer_set(loop_timers(loop), &word->timer, loop_now(loop) + word->interval) < 0)
		log_error(&word->sa->ctx, "no memory for a timer: the last message is not sent again when it was lost");
}

/* Whatever can be asked was asked, as often as for any other message: the peer does not have this SA. */
static void give_up(struct ike_sa *sa, unsigned sendings)
{
	char text[400];

	snprintf(text, sizeof(text), "the peer does not answer after the last message of phase 1, sent %u times%s%s", sendings, *sa->hint ? "; " : "",
		 sa->hint);
	log_at(&sa->ctx, LEVEL_WARN, "no-answer", "%s", text);
	sa_publish_failure(sa, NULL, "no-answer", text, true);
	sa_end(sa, "the peer does not have it", true);
}

static void say_again(struct timer *timer)
{
	struct last_word *word = CONTAINER(timer, struct last_word, timer);
	struct ike_sa *sa = word->sa;
	bool is_asking = !list_empty(&sa->exchanges);

	word->has_asked |= is_asking || sa->peer_dpd;
	if (word->sendings >= (word->has_asked ? sa->shard->engine->daemon.retransmit_tries : LAST_WORD_BLIND)) {
		/* An exchange that stays without an answer says so first. */
		if (is_asking)
			set_timer(word);
		else if (word->has_asked)
			give_up(sa, word->sendings + 1);
		else
			sa_forget_last_word(sa);
		return;
	}
	word->sendings++;
	word->interval = word->interval * 3 / 2 < RETRANSMIT_MAX_MS ? word->interval * 3 / 2 : RETRANSMIT_MAX_MS;
	log_debug(&sa->ctx, "sending the last message of phase 1 again, try %u", word->sendings + 1);
	if (sa_send(sa, bytes_of(word->message, word->len)) < 0)
		log_debug(&sa->ctx, "the message could not be sent, it is tried again later");
	set_timer(word);
	/* What stood behind it was as good as lost, too. */
	if (sa->tell_contact)
		v1_tell_contact(sa);
	if (!is_asking)
		liveness_question(sa);
}

int sa_keep_last_word(struct ike_sa *sa, const struct exchange *ex)
{
	if (!ex->mode->creates_sa || ex->role != INITIATOR || !ex->sent || ex->mode->steps[ex->mode->step_count - 1].from != INITIATOR)
		return 0;
	struct last_word *word = malloc(sizeof(*word) + ex->sent_len);
	if (!word)
		return FAULT_MEMORY;
	*word = (struct last_word){ .timer.run = say_again, .sa = sa, .interval = sa->shard->engine->daemon.retransmit_first_ms, .len = ex->sent_len };
	memcpy(word->message, ex->sent, ex->sent_len);
	sa_forget_last_word(sa);
	sa->last_word = word;
	set_timer(word);
	return 0;
}

void sa_forget_last_word(struct ike_sa *sa)
{
	if (!sa->last_word)
		return;
	timer_stop(loop_timers(sa->shard->loop), &sa->last_word->timer);
	free(sa->last_word);
	sa->last_word = NULL;
	sa->hint[0] = '\0';
}

bool sa_spoke_last(const struct ike_sa *sa)
{
	return sa->mode && sa->mode->steps[sa->mode->step_count - 1].from == sa->role;
}
