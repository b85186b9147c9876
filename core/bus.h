/* SPDX-License-Identifier: MIT */
/*
 * bus.h - typed events, copied to each subscriber's own loop. No lock is held while a listener runs, and
 * a slow listener delays nobody: beyond BUS_QUEUE_MAX waiting events it loses the newest, and is told how many.
 */
#ifndef KEYFERRY_BUS_H
#define KEYFERRY_BUS_H
#include "loop.h"

/* Head of every event; what follows it is the type's own (see events.h), without pointers to outside. */
struct event {
	uint32_t type;             /* 0..63, a bit of `wants`                       */
	uint32_t size;             /* octets, this head included; <= EVENT_SIZE_MAX */
};

enum { EVENT_LOST = 0, EVENT_SIZE_MAX = 2048, BUS_QUEUE_MAX = 4096 };

/* Type EVENT_LOST: `count` events did not fit. */
struct event_lost {
	struct event head;
	uint64_t count;
};

struct bus;
struct subscription;

struct bus *bus_new(void) MUST_CHECK;
void bus_free(struct bus *bus);
/* Any thread. `wants` has bit 1 << type. NULL without memory. */
struct subscription *bus_subscribe(struct bus *bus, struct loop *loop, uint64_t wants,
				   void (*receive)(const struct event *event, void *arg), void *arg) MUST_CHECK;
/* On the subscriber's loop; nothing is delivered afterwards. */
void bus_unsubscribe(struct bus *bus, struct subscription *subscription);
/* Any thread; copies. Costs one relaxed load when nobody wants the type. */
void bus_publish(struct bus *bus, const struct event *event);

#endif
