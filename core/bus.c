/* SPDX-License-Identifier: MIT */
/*
 * bus.c - hands each event to every subscriber's loop: one copy and one allocation for all of them. The lock
 * covers the list of subscribers and the posting, so that all see events in the same order; it is
 * never held while a listener runs.
 */
#include "bus.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "list.h"

struct subscription {
	struct list link;          /* bus.subscriptions; any, under lock                   */
	struct loop *loop;
	uint64_t wants;
	void (*receive)(const struct event *event, void *arg);
	void *arg;
	struct job notice;         /* tells of `lost`; queued while that is not 0          */
	atomic_uint_fast64_t lost;
	atomic_size_t waiting;     /* deliveries in the loop's inbox                       */
	atomic_size_t refs;        /* the bus's list, each delivery and the notice, queued */
	atomic_bool is_closed;
};

/* One event on its way to one subscriber. */
struct delivery {
	struct job job;
	struct subscription *to;
	struct parcel *parcel;
};

/* One event on its way to all who want it; the event follows the deliveries. */
struct parcel {
	atomic_size_t refs;        /* deliveries that have not run */
	const struct event *event;
	struct delivery deliveries[];
};

struct bus {
	pthread_mutex_t lock;
	struct list subscriptions; /* any, under lock */
	atomic_uint_fast64_t wants; /* any; of all subscriptions together */
};

struct bus *bus_new(void)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return NULL;
	pthread_mutex_init(&bus->lock, NULL);
	list_init(&bus->subscriptions);
	atomic_init(&bus->wants, 0);
	return bus;
}

static void subscription_unref(struct subscription *subscription)
{
	if (atomic_fetch_sub(&subscription->refs, 1) == 1)
		free(subscription);
}

/* Under the lock. */
static void subscription_close(struct bus *bus, struct subscription *subscription)
{
	uint64_t wants = 0;

	atomic_store(&subscription->is_closed, true);
	list_remove(&subscription->link);
	LIST_EACH(it, &bus->subscriptions)
		wants |= CONTAINER(it, struct subscription, link)->wants;
	atomic_store(&bus->wants, wants);
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	LIST_EACH(it, &bus->subscriptions) {
		struct subscription *subscription = CONTAINER(it, struct subscription, link);

		subscription_close(bus, subscription);
		subscription_unref(subscription);
	}
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}

/* A loop that is being freed runs what is queued; its listeners may be gone by then. */
static bool may_receive(const struct subscription *subscription)
{
	return !atomic_load(&subscription->is_closed) && !loop_stopping(subscription->loop);
}

static void tell_lost(struct job *job)
{
	struct subscription *to = CONTAINER(job, struct subscription, notice);
	struct event_lost event = { .head = { EVENT_LOST, sizeof(event) } };

	/* From here on the next loss queues the notice again. */
	event.count = atomic_exchange(&to->lost, 0);
	if (may_receive(to))
		to->receive(&event.head, to->arg);
	subscription_unref(to);
}

struct subscription *bus_subscribe(struct bus *bus, struct loop *loop, uint64_t wants,
				   void (*receive)(const struct event *event, void *arg), void *arg)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));

	if (!subscription)
		return NULL;
	subscription->loop = loop;
	subscription->wants = wants;
	subscription->receive = receive;
	subscription->arg = arg;
	subscription->notice.run = tell_lost;
	atomic_init(&subscription->lost, 0);
	atomic_init(&subscription->waiting, 0);
	atomic_init(&subscription->refs, 1);
	atomic_init(&subscription->is_closed, false);
	pthread_mutex_lock(&bus->lock);
	list_append(&bus->subscriptions, &subscription->link);
	atomic_fetch_or(&bus->wants, wants);
	pthread_mutex_unlock(&bus->lock);
	return subscription;
}

void bus_unsubscribe(struct bus *bus, struct subscription *subscription)
{
	if (!subscription)
		return;
	pthread_mutex_lock(&bus->lock);
	subscription_close(bus, subscription);
	pthread_mutex_unlock(&bus->lock);
	subscription_unref(subscription);
}

static void parcel_unref(struct parcel *parcel)
{
	if (atomic_fetch_sub(&parcel->refs, 1) == 1)
		free(parcel);
}

static void deliver(struct job *job)
{
	struct delivery *delivery = CONTAINER(job, struct delivery, job);
	struct subscription *to = delivery->to;
	struct parcel *parcel = delivery->parcel;

	atomic_fetch_sub(&to->waiting, 1);
	if (may_receive(to))
		to->receive(parcel->event, to->arg);
	parcel_unref(parcel);
	subscription_unref(to);
}

/* The notice needs no memory and takes its place in the queue, after what came before the gap. */
static void lose(struct subscription *to)
{
	if (atomic_fetch_add(&to->lost, 1) > 0)
		return;
	atomic_fetch_add(&to->refs, 1);
	loop_post(to->loop, &to->notice);
}

static struct parcel *parcel_new(const struct event *event, size_t count)
{
	size_t align = alignof(max_align_t);
	size_t head = sizeof(struct parcel) + count * sizeof(struct delivery);

	head = (head + align - 1) / align * align;
	struct parcel *parcel = malloc(head + event->size);
	if (!parcel)
		return NULL;
	atomic_init(&parcel->refs, count);
	memcpy((char *)parcel + head, event, event->size);
	parcel->event = (const struct event *)(const void *)((const char *)parcel + head);
	return parcel;
}

/* Only publishers, who hold the lock, add to `waiting`: what has room now has room when it is posted. */
static bool has_room(const struct subscription *subscription)
{
	return atomic_load(&subscription->waiting) < BUS_QUEUE_MAX;
}

/* Under the lock. A subscriber may make room meanwhile, so `parcel` has a place for each that wants it. */
static void post_parcel(struct bus *bus, struct parcel *parcel, uint64_t bit)
{
	size_t used = 0;

	LIST_EACH(it, &bus->subscriptions) {
		struct subscription *to = CONTAINER(it, struct subscription, link);

		if (!(to->wants & bit))
			continue;
		if (!parcel || !has_room(to)) {
			lose(to);
			if (parcel)
				parcel_unref(parcel);
			continue;
		}
		struct delivery *delivery = &parcel->deliveries[used++];
		*delivery = (struct delivery){ { NULL, deliver }, to, parcel };
		atomic_fetch_add(&to->waiting, 1);
		atomic_fetch_add(&to->refs, 1);
		loop_post(to->loop, &delivery->job);
	}
}

void bus_publish(struct bus *bus, const struct event *event)
{
	size_t count = 0;

	/* EVENT_LOST is the bus's own to send. */
	if (event->type == EVENT_LOST || event->type > 63 || event->size < sizeof(*event) ||
	    event->size > EVENT_SIZE_MAX)
		return;
	uint64_t bit = UINT64_C(1) << event->type;
	if (!(atomic_load_explicit(&bus->wants, memory_order_relaxed) & bit))
		return;
	pthread_mutex_lock(&bus->lock);
	LIST_EACH(it, &bus->subscriptions)
		count += (CONTAINER(it, struct subscription, link)->wants & bit) != 0;
	if (count)
		post_parcel(bus, parcel_new(event, count), bit);
	pthread_mutex_unlock(&bus->lock);
}
