/* SPDX-License-Identifier: MIT */
/* settle.c - see settle.h. */
#include "settle.h"

static void is_quiet(struct timer *timer)
{
	struct settle *settle = CONTAINER(timer, struct settle, timer);

	settle->run(settle);
}

void settle_poke(struct settle *settle)
{
	uint64_t now = loop_now(settle->loop), when = now + settle->quiet_ms;

	if (!timer_is_set(&settle->timer))
		settle->first = now;
	if (when > settle->first + settle->most_ms)
		when = settle->first + settle->most_ms;
	settle->timer.run = is_quiet;
	/* Without memory once too often is better than never. */
	if (timer_set(loop_timers(settle->loop), &settle->timer, when) < 0)
		settle->run(settle);
}

void settle_stop(struct settle *settle)
{
	timer_stop(loop_timers(settle->loop), &settle->timer);
}
