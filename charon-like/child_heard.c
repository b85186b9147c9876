/* SPDX-License-Identifier: MIT */
/*
 * child_heard.c - does the peer have message 3 of the Quick Mode that we began? Without it it can neither receive nor send. What comes in on the
 * new pair shows that it has it, and message 2 again that it has not: but other daemons repeat that late (charon after 4, 11, 24 and 47 s),
 * and some never. So who sends on a pair and hears nothing repeats message 3 unasked.
 */
#include "child_parts.h"
#include "sa.h"
#include "shard.h"

bool child_is_heard(const struct child *child)
{
	struct ipsec_usage usage;

	return child_usage(child, true, &usage) && usage.packets > 0;
}

static bool is_sending(const struct child *child)
{
	struct ipsec_usage usage;

	return child_usage(child, false, &usage) && usage.packets > 0;
}

static void listen_on(struct child *child)
{
	struct loop *loop = child->sa->shard->loop;

	if (loop_now(loop) + child->listen_ms <= child->installed_at + CHILD_LISTEN_MS)
		/* Without memory the peer is left to ask. */
		(void)!timer_set(loop_timers(loop), &child->step, loop_now(loop) + child->listen_ms);
}

void child_listen(struct child *child)
{
	if (!child->initiated || child_is_heard(child))
		return;
	/* An answer takes a round trip at least. */
	child->listen_ms = child->sa->shard->engine->daemon.retransmit_first_ms + child->round_trip;
	listen_on(child);
}

void child_listen_again(struct child *child)
{
	if (child_is_heard(child))
		return;
	if (is_sending(child)) {
		struct echo *echo = sa_find_echo(child->sa, child->message_id, NULL);

		/* It belongs to an ISAKMP SA, which the child may have left. */
		if (!echo || child->repeats++ == CHILD_REPEATS)
			return;
		log_debug(&child->sa->ctx, "nothing comes in on child %s: sending message 3 again", child->config->name);
		sa_send_echo(echo);
	}
	child->listen_ms = child->listen_ms * 3 / 2;
	listen_on(child);
}

void child_not_ready(struct ike_sa *sa, uint32_t message_id)
{
	LIST_EACH(it, &sa->children) {
		struct child *child = CONTAINER(it, struct child, in_sa);
		if (child->stage == CHILD_READY && child->message_id == message_id)
			/* Whoever saw message 2 can send it again for ever. */
			child->ready_until = smaller(loop_now(sa->shard->loop) + child->head_start, child->installed_at + CHILD_READY_MAX_MS);
	}
}
