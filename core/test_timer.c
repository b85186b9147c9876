/* SPDX-License-Identifier: MIT */
/* test_timer.c - timers run in order, once, and any of them may set or stop any other; checked against a slow model. */
#include "timer.h"

#include "unit.h"

enum { TIMERS_MAX = 200 };

/* What one case sees; each timer finds it by its bench. */
struct bench;

struct probe {
	struct timer timer;
	struct bench *bench;
	int number;
};

struct bench {
	struct timers *timers;
	struct probe probes[TIMERS_MAX];
	int ran[4 * TIMERS_MAX];
	size_t ran_count;
	void (*also)(struct probe *probe);     /* what a timer does when it runs, or NULL */
};

static void probe_run(struct timer *timer)
{
	struct probe *probe = CONTAINER(timer, struct probe, timer);
	struct bench *bench = probe->bench;

	CU_ASSERT_FALSE(timer_is_set(timer));
	if (bench->ran_count < COUNT(bench->ran))
		bench->ran[bench->ran_count++] = probe->number;
	if (bench->also)
		bench->also(probe);
}

static void bench_start(struct bench *bench)
{
	*bench = (struct bench){ .timers = timers_new() };
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench->timers);
	for (int i = 0; i < TIMERS_MAX; i++)
		bench->probes[i] = (struct probe){ { .run = probe_run }, bench, i };
}

static void set(struct bench *bench, int number, uint64_t when)
{
	CU_ASSERT_EQUAL(timer_set(bench->timers, &bench->probes[number].timer, when), 0);
}

static void run_earliest_first(void)
{
	struct bench b;

	bench_start(&b);
	CU_ASSERT_EQUAL(timers_next(b.timers), UINT64_MAX);
	CU_ASSERT_EQUAL(timers_run(b.timers, UINT64_MAX), 0);
	set(&b, 0, 30);
	set(&b, 1, 10);
	set(&b, 2, 20);
	CU_ASSERT_EQUAL(timers_next(b.timers), 10);
	CU_ASSERT_EQUAL(timers_run(b.timers, 9), 0);
	CU_ASSERT_EQUAL(timers_run(b.timers, 20), 2);
	CU_ASSERT_EQUAL(b.ran[0], 1);
	CU_ASSERT_EQUAL(b.ran[1], 2);
	CU_ASSERT_FALSE(timer_is_set(&b.probes[1].timer));
	CU_ASSERT_TRUE(timer_is_set(&b.probes[0].timer));
	CU_ASSERT_EQUAL(timers_next(b.timers), 30);
	timers_free(b.timers);
}

static void equal_times_keep_their_order(void)
{
	struct bench b;

	bench_start(&b);
	for (int i = 0; i < TIMERS_MAX; i++)
		set(&b, i, i % 2 ? 5 : 7);
	CU_ASSERT_EQUAL(timers_run(b.timers, 7), TIMERS_MAX);
	for (int i = 0; i < TIMERS_MAX; i++)
		CU_ASSERT_EQUAL(b.ran[i], i < TIMERS_MAX / 2 ? 2 * i + 1 : 2 * (i - TIMERS_MAX / 2));
	timers_free(b.timers);
}

static void set_timer_moves(void)
{
	struct bench b;

	bench_start(&b);
	set(&b, 0, 10);
	set(&b, 1, 20);
	set(&b, 0, 30);
	CU_ASSERT_EQUAL(timers_next(b.timers), 20);
	set(&b, 1, 5);
	CU_ASSERT_EQUAL(timers_next(b.timers), 5);
	CU_ASSERT_EQUAL(timers_run(b.timers, 100), 2);
	CU_ASSERT_EQUAL(b.ran_count, 2);
	CU_ASSERT_EQUAL(b.ran[0], 1);
	timers_free(b.timers);
}

static void stopped_timer_does_not_run(void)
{
	struct bench b;

	bench_start(&b);
	timer_stop(b.timers, &b.probes[0].timer);
	set(&b, 0, 10);
	set(&b, 1, 10);
	timer_stop(b.timers, &b.probes[0].timer);
	timer_stop(b.timers, &b.probes[0].timer);
	CU_ASSERT_FALSE(timer_is_set(&b.probes[0].timer));
	CU_ASSERT_EQUAL(timers_run(b.timers, 10), 1);
	CU_ASSERT_EQUAL(b.ran[0], 1);
	timers_free(b.timers);
}

static void stop_next(struct probe *probe)
{
	if (probe->number % 2 == 0)
		timer_stop(probe->bench->timers, &probe->bench->probes[probe->number + 1].timer);
}

static void running_timer_may_stop_another(void)
{
	struct bench b;

	bench_start(&b);
	b.also = stop_next;
	for (int i = 0; i < 10; i++)
		set(&b, i, 1);
	CU_ASSERT_EQUAL(timers_run(b.timers, 1), 5);
	CU_ASSERT_EQUAL(timers_next(b.timers), UINT64_MAX);
	timers_free(b.timers);
}

static void set_to_the_past(struct probe *probe)
{
	set(probe->bench, probe->number, 0);
}

static void setting_itself_does_not_hang(void)
{
	struct bench b;

	bench_start(&b);
	b.also = set_to_the_past;
	set(&b, 0, 10);
	set(&b, 1, 20);
	/* Timer 0 sets itself to 0, yet timer 1 has its turn. */
	CU_ASSERT_EQUAL(timers_run(b.timers, 20), 2);
	CU_ASSERT_EQUAL(b.ran[1], 1);
	CU_ASSERT_TRUE(timers_next(b.timers) <= 20);
	CU_ASSERT_EQUAL(timers_run(b.timers, 20), 2);
	timers_free(b.timers);
}

static void freeing_stops(void)
{
	struct bench b;

	bench_start(&b);
	set(&b, 0, 10);
	set(&b, 1, 10);
	timers_free(b.timers);
	CU_ASSERT_FALSE(timer_is_set(&b.probes[0].timer));
	timer_stop(b.timers, &b.probes[1].timer);
	timers_free(NULL);
}

static void system_clock_advances(void)
{
	uint64_t before = clock_system.now(clock_system.arg);
	uint64_t after = clock_system.now(clock_system.arg);

	CU_ASSERT_TRUE(before > 0);
	CU_ASSERT_TRUE(after >= before);
}

/* The model: for each timer when it is due and when it was set. */
struct model {
	uint64_t when[TIMERS_MAX], order[TIMERS_MAX], orders;
	bool is_set[TIMERS_MAX];
};

static int model_first(const struct model *m)
{
	int first = -1;

	for (int i = 0; i < TIMERS_MAX; i++)
		if (m->is_set[i] && (first < 0 || m->when[i] < m->when[first] ||
				     (m->when[i] == m->when[first] && m->order[i] < m->order[first])))
			first = i;
	return first;
}

static void model_run(struct model *m, struct bench *b, uint64_t now)
{
	b->ran_count = 0;
	size_t count = timers_run(b->timers, now);

	CU_ASSERT_EQUAL(count, b->ran_count);
	for (size_t i = 0; i < count; i++) {
		int first = model_first(m);

		CU_ASSERT_EQUAL_FATAL(b->ran[i], first);
		CU_ASSERT_TRUE(m->when[first] <= now);
		m->is_set[first] = false;
	}
}

static void random_operations_match_the_model(void)
{
	static struct model m;
	struct bench b;
	uint64_t now = 0;
	uint32_t random = 2409;

	bench_start(&b);
	for (int i = 0; i < 100000; i++) {
		random = random * 1664525 + 1013904223;
		int number = (int)((random >> 8) % TIMERS_MAX);
		uint32_t choice = random >> 28;

		if (choice < 11) {
			m.when[number] = now + (random >> 16) % 64;
			m.order[number] = m.orders++;
			m.is_set[number] = true;
			set(&b, number, m.when[number]);
		} else if (choice < 15) {
			m.is_set[number] = false;
			timer_stop(b.timers, &b.probes[number].timer);
		} else {
			now += (random >> 16) % 16;
			model_run(&m, &b, now);
		}
		int first = model_first(&m);
		CU_ASSERT_EQUAL_FATAL(timers_next(b.timers), first < 0 ? UINT64_MAX : m.when[first]);
		CU_ASSERT_EQUAL_FATAL(timer_is_set(&b.probes[number].timer), m.is_set[number]);
	}
	model_run(&m, &b, UINT64_MAX);
	CU_ASSERT_EQUAL(model_first(&m), -1);
	timers_free(b.timers);
}

static const struct unit_case cases[] = {
	{ "what is due runs, earliest first", run_earliest_first },
	{ "timers of one time run in the order they were set", equal_times_keep_their_order },
	{ "setting a set timer moves it", set_timer_moves },
	{ "a stopped timer does not run", stopped_timer_does_not_run },
	{ "a running timer may stop another that is due", running_timer_may_stop_another },
	{ "a timer that sets itself to the past neither hangs nor starves others", setting_itself_does_not_hang },
	{ "freeing the heap stops its timers", freeing_stops },
	{ "the system's clock does not go back", system_clock_advances },
	{ "100000 random operations match the model", random_operations_match_the_model },
};

UNIT_MAIN("timer", cases)
