/* SPDX-License-Identifier: MIT */
/* timer.c - a binary heap; each timer knows its slot, so that it can be moved and stopped without a search. */
#include "timer.h"

#include <stdlib.h>
#include <time.h>

/* The key lies beside the pointer: sifting touches no timer that does not move. */
struct entry {
	uint64_t when, order;
	struct timer *timer;
};

/* one thread */
struct timers {
	struct entry *heap;        /* [1..count]; slot 0 is never used: it means stopped        */
	size_t count, room;
	uint64_t order;            /* counts timer_set(): equal times run in the order they were set */
	uint64_t floor;            /* while timers_run() runs: its `now`, else 0                */
};

static uint64_t system_now(void *arg)
{
	struct timespec t;

	(void)arg;
	/* A lifetime goes on while the machine sleeps: the peer's clock does, too. */
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

const struct clock clock_system = { system_now, NULL };

static bool is_before(const struct entry *a, const struct entry *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void place(struct timers *timers, size_t slot, struct entry entry)
{
	timers->heap[slot] = entry;
	entry.timer->slot = slot;
}

/* Finds the place for `entry` from the hole at `slot` towards the root, then towards the leaves. */
static void sift(struct timers *timers, size_t slot, struct entry entry)
{
	struct entry *heap = timers->heap;

	for (; slot > 1 && is_before(&entry, &heap[slot / 2]); slot /= 2)
		place(timers, slot, heap[slot / 2]);
	for (size_t child = 2 * slot; child <= timers->count; child = 2 * slot) {
		if (child < timers->count && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &entry))
			break;
		place(timers, slot, heap[child]);
		slot = child;
	}
	place(timers, slot, entry);
}

struct timers *timers_new(void)
{
	return calloc(1, sizeof(struct timers));
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;
	/* An owner that goes later and stops its timers then does no harm. */
	for (size_t slot = 1; slot <= timers->count; slot++)
		timers->heap[slot].timer->slot = 0;
	free(timers->heap);
	free(timers);
}

static int timers_grow(struct timers *timers)
{
	size_t room = timers->room ? 2 * timers->room : 16;

	if (timers->count + 1 < timers->room)
		return 0;
	struct entry *heap = reallocarray(timers->heap, room, sizeof(*heap));
	if (!heap)
		return FAULT_MEMORY;
	timers->heap = heap;
	timers->room = room;
	return 0;
}

int timer_set(struct timers *timers, struct timer *timer, uint64_t when)
{
	if (!timer->slot) {
		int fault = timers_grow(timers);

		if (fault)
			return fault;
		timer->slot = ++timers->count;
	}
	timer->when = when;
	/* What is set to the past while timers run comes after all that are due, see timers_run(). */
	uint64_t key = when > timers->floor ? when : timers->floor;
	sift(timers, timer->slot, (struct entry){ key, timers->order++, timer });
	return 0;
}

void timer_stop(struct timers *timers, struct timer *timer)
{
	size_t slot = timer->slot;

	if (!slot)
		return;
	struct entry last = timers->heap[timers->count--];
	if (last.timer != timer)
		sift(timers, slot, last);
	timer->slot = 0;
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count ? timers->heap[1].when : UINT64_MAX;
}

size_t timers_run(struct timers *timers, uint64_t now)
{
	/* What is set from here on is left for the next run: a timer that sets itself to now must not hang the loop. */
	uint64_t end = timers->order;
	size_t ran = 0;

	timers->floor = now;
	while (timers->count && timers->heap[1].when <= now && timers->heap[1].order < end) {
		struct timer *timer = timers->heap[1].timer;

		timer_stop(timers, timer);
		timer->run(timer);
		ran++;
	}
	timers->floor = 0;
	return ran;
}
