/* SPDX-License-Identifier: MIT */
/* test_bus.c - cases for the bus: who gets what, in which order, and what happens when somebody is slow or leaves. */
#include <pthread.h>

#include "bus.h"
#include "unit.h"

enum { EVENT_APPLE = 1, EVENT_PEAR = 63, PUBLISHERS = 3, EVENTS = 1000 };
#define WANTS(type) (UINT64_C(1) << (type))

struct fruit {
	struct event head;
	uint64_t number;
};

/* What a subscriber got. */
struct basket {
	struct bus *bus;
	struct subscription *leaves_after_one;
	struct loop *stops;
	unsigned apples, pears, notices, expected;
	uint64_t lost, last;
	const struct event *address;
};

static uint64_t standing_still(void *arg)
{
	(void)arg;
	return 0;
}

static struct loop *stepped_loop(void)
{
	return loop_new(&(struct clock){ standing_still, NULL });
}

static void receive(const struct event *event, void *arg)
{
	struct basket *basket = arg;

	basket->address = event;
	if (event->type == EVENT_LOST) {
		basket->notices++;
		basket->lost += ((const struct event_lost *)event)->count;
	} else {
		basket->last = ((const struct fruit *)event)->number;
		basket->apples += event->type == EVENT_APPLE;
		basket->pears += event->type == EVENT_PEAR;
	}
	if (basket->leaves_after_one)
		bus_unsubscribe(basket->bus, basket->leaves_after_one);
	if (basket->expected && basket->apples + basket->lost == basket->expected)
		loop_stop(basket->stops);
}

static void publish(struct bus *bus, uint32_t type, uint64_t number)
{
	struct fruit fruit = { { type, sizeof(fruit) }, number };

	bus_publish(bus, &fruit.head);
}

static void everybody_gets_what_he_wants(void)
{
	struct bus *bus = bus_new();
	struct loop *first = stepped_loop(), *second = stepped_loop();
	struct basket a = { .bus = bus }, b = { .bus = bus };
	struct subscription *of_a = bus_subscribe(bus, first, WANTS(EVENT_APPLE), receive, &a);
	struct subscription *of_b =
		bus_subscribe(bus, second, WANTS(EVENT_APPLE) | WANTS(EVENT_PEAR), receive, &b);

	publish(bus, EVENT_APPLE, 7);
	CU_ASSERT_EQUAL(a.apples, 0);
	CU_ASSERT_EQUAL(loop_turn(first), 1);
	CU_ASSERT_EQUAL(loop_turn(second), 1);
	CU_ASSERT_EQUAL(a.last, 7);
	CU_ASSERT_EQUAL(b.last, 7);
	CU_ASSERT_PTR_EQUAL(a.address, b.address);
	publish(bus, EVENT_PEAR, 8);
	publish(bus, 5, 9);
	CU_ASSERT_EQUAL(loop_turn(first), 0);
	CU_ASSERT_EQUAL(loop_turn(second), 1);
	CU_ASSERT_EQUAL(b.pears, 1);
	bus_unsubscribe(bus, of_a);
	bus_unsubscribe(bus, of_b);
	bus_free(bus);
	loop_free(first);
	loop_free(second);
}

static void bad_events_go_nowhere(void)
{
	struct bus *bus = bus_new();
	struct loop *loop = stepped_loop();
	struct basket basket = { .bus = bus };
	struct subscription *subscription = bus_subscribe(bus, loop, UINT64_MAX, receive, &basket);

	publish(bus, EVENT_LOST, 1);
	publish(bus, 64, 1);
	bus_publish(bus, &(struct event){ EVENT_APPLE, sizeof(struct event) - 1 });
	bus_publish(bus, &(struct event){ EVENT_APPLE, EVENT_SIZE_MAX + 1 });
	CU_ASSERT_EQUAL(loop_turn(loop), 0);
	bus_unsubscribe(bus, subscription);
	bus_free(bus);
	loop_free(loop);
}

static void nothing_after_unsubscribe(void)
{
	struct bus *bus = bus_new();
	struct loop *loop = stepped_loop();
	struct basket basket = { .bus = bus };

	basket.leaves_after_one = bus_subscribe(bus, loop, WANTS(EVENT_APPLE), receive, &basket);
	publish(bus, EVENT_APPLE, 1);
	publish(bus, EVENT_APPLE, 2);
	CU_ASSERT_EQUAL(loop_turn(loop), 2);
	CU_ASSERT_EQUAL(basket.apples, 1);
	publish(bus, EVENT_APPLE, 3);
	CU_ASSERT_EQUAL(loop_turn(loop), 0);
	bus_free(bus);
	loop_free(loop);
}

static void queued_events_outlive_bus_and_subscriber(void)
{
	struct bus *bus = bus_new();
	struct loop *loop = stepped_loop();
	struct basket basket = { .bus = bus };
	struct subscription *subscription = bus_subscribe(bus, loop, WANTS(EVENT_APPLE), receive, &basket);

	CU_ASSERT_PTR_NOT_NULL(bus_subscribe(bus, loop, WANTS(EVENT_PEAR), receive, &basket));
	publish(bus, EVENT_APPLE, 1);
	publish(bus, EVENT_PEAR, 2);
	bus_unsubscribe(bus, subscription);
	bus_free(bus);
	loop_free(loop);
	CU_ASSERT_EQUAL(basket.apples + basket.pears, 0);
}

static void slow_listener_is_told_the_loss(void)
{
	struct bus *bus = bus_new();
	struct loop *loop = stepped_loop(), *quick = stepped_loop();
	struct basket basket = { .bus = bus }, other = { .bus = bus };
	struct subscription *slow = bus_subscribe(bus, loop, WANTS(EVENT_APPLE), receive, &basket);
	struct subscription *fast = bus_subscribe(bus, quick, WANTS(EVENT_APPLE), receive, &other);

	for (uint64_t i = 1; i <= BUS_QUEUE_MAX + 10; i++) {
		publish(bus, EVENT_APPLE, i);
		loop_turn(quick);
	}
	CU_ASSERT_EQUAL(other.apples, BUS_QUEUE_MAX + 10);
	CU_ASSERT_EQUAL(other.notices, 0);
	loop_turn(loop);
	CU_ASSERT_EQUAL(basket.apples, BUS_QUEUE_MAX);
	CU_ASSERT_EQUAL(basket.last, BUS_QUEUE_MAX);
	CU_ASSERT_EQUAL(basket.notices, 1);
	CU_ASSERT_EQUAL(basket.lost, 10);
	publish(bus, EVENT_APPLE, 9999);
	loop_turn(loop);
	CU_ASSERT_EQUAL(basket.last, 9999);
	CU_ASSERT_EQUAL(basket.notices, 1);
	bus_unsubscribe(bus, slow);
	bus_unsubscribe(bus, fast);
	bus_free(bus);
	loop_free(loop);
	loop_free(quick);
}

static void *publish_many(void *arg)
{
	for (unsigned i = 0; i < EVENTS; i++)
		publish(arg, EVENT_APPLE, i);
	return NULL;
}

static void publishers_on_threads(void)
{
	struct bus *bus = bus_new();
	struct loop *loop = loop_new(NULL);
	struct basket basket = { .bus = bus, .stops = loop, .expected = PUBLISHERS * EVENTS };
	struct subscription *subscription = bus_subscribe(bus, loop, WANTS(EVENT_APPLE), receive, &basket);
	pthread_t threads[PUBLISHERS];

	for (size_t i = 0; i < PUBLISHERS; i++)
		pthread_create(&threads[i], NULL, publish_many, bus);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	for (size_t i = 0; i < PUBLISHERS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(basket.apples, PUBLISHERS * EVENTS);
	bus_unsubscribe(bus, subscription);
	bus_free(bus);
	loop_free(loop);
}

static const struct unit_case cases[] = {
	{ "each subscriber gets the types it wants, all the same copy", everybody_gets_what_he_wants },
	{ "an event of a wrong type or size goes to nobody", bad_events_go_nowhere },
	{ "after unsubscribing nothing is delivered, also not what is queued", nothing_after_unsubscribe },
	{ "what is queued outlives the bus and the subscription", queued_events_outlive_bus_and_subscriber },
	{ "a slow listener loses the newest events and is told how many", slow_listener_is_told_the_loss },
	{ "events from several threads all arrive", publishers_on_threads },
};

UNIT_MAIN("bus", cases)
