/* SPDX-License-Identifier: MIT */
/* test_settle.c - bursts in virtual time. */
#include "settle.h"

#include "unit.h"

struct scene {
	uint64_t now;
	struct clock clock;
	struct loop *loop;
	struct settle settle;
	unsigned ran;
};

static uint64_t scene_now(void *arg)
{
	return ((struct scene *)arg)->now;
}

static void note(struct settle *settle)
{
	CONTAINER(settle, struct scene, settle)->ran++;
}

static void scene_open(struct scene *scene)
{
	*scene = (struct scene){ .now = 1000 };
	scene->clock = (struct clock){ scene_now, scene };
	scene->loop = loop_new(&scene->clock);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene->loop);
	scene->settle = (struct settle){ .loop = scene->loop, .quiet_ms = 100, .most_ms = 350, .run = note };
}

/* How often it ran until then. */
static unsigned wait(struct scene *scene, uint64_t ms)
{
	scene->now += ms;
	loop_turn(scene->loop);
	return scene->ran;
}

static void burst_is_one(void)
{
	struct scene s;

	scene_open(&s);
	CU_ASSERT_EQUAL(wait(&s, 5000), 0);
	settle_poke(&s.settle);
	settle_poke(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 99), 0);
	settle_poke(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 99), 0);
	CU_ASSERT_EQUAL(wait(&s, 1), 1);
	CU_ASSERT_EQUAL(wait(&s, 5000), 1);
	settle_poke(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 100), 2);
	loop_free(s.loop);
}

static void no_quiet(void)
{
	struct scene s;

	scene_open(&s);
	for (unsigned i = 0; i < 7; i++) {
		settle_poke(&s.settle);
		CU_ASSERT_EQUAL(wait(&s, 50), i == 6);
	}
	/* A new burst has its own time. */
	settle_poke(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 50), 1);
	settle_poke(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 50), 1);
	CU_ASSERT_EQUAL(wait(&s, 50), 2);
	loop_free(s.loop);
}

static void stopped(void)
{
	struct scene s;

	scene_open(&s);
	settle_stop(&s.settle);
	settle_poke(&s.settle);
	settle_stop(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 5000), 0);
	settle_poke(&s.settle);
	CU_ASSERT_EQUAL(wait(&s, 100), 1);
	loop_free(s.loop);
}

static const struct unit_case cases[] = {
	{ "a burst is acted on once, when it is over", burst_is_one },
	{ "a burst that does not end is acted on all the same", no_quiet },
	{ "what was stopped is not acted on", stopped },
};

UNIT_MAIN("settle", cases)
