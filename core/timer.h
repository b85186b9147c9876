/* SPDX-License-Identifier: MIT */
/* timer.h - a heap of timers on a clock that the owner may replace, so that tests run hours in milliseconds. */
#ifndef KEYFERRY_TIMER_H
#define KEYFERRY_TIMER_H
#include "bytes.h"

/* Milliseconds of a clock that never goes back (and goes on during suspend, where the system has such a clock). */
struct clock {
	uint64_t (*now)(void *arg);
	void *arg;
};

extern const struct clock clock_system;

/* Embedded by its owner, which finds itself with CONTAINER(); zeroed means stopped. `slot` is the heap's. */
struct timer {
	uint64_t when;
	size_t slot;
	void (*run)(struct timer *timer);
};

struct timers;             /* owned by one thread */

struct timers *timers_new(void) MUST_CHECK;
void timers_free(struct timers *timers);
/* Runs `timer->run` once at `when` ms; setting a set timer moves it. FAULT_MEMORY leaves it stopped. */
int timer_set(struct timers *timers, struct timer *timer, uint64_t when) MUST_CHECK;
void timer_stop(struct timers *timers, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
	return timer->slot != 0;
}
/* When the next one is due; UINT64_MAX: none. */
uint64_t timers_next(const struct timers *timers);
/* Runs all that are due, earliest first, each stopped before it runs; returns how many. */
size_t timers_run(struct timers *timers, uint64_t now);

#endif
