/* SPDX-License-Identifier: MIT */
/* test_loop.c - cases for the loop: order of jobs, descriptors, timers, threads, and the end. */
#include <pthread.h>
#include <unistd.h>

#include "loop.h"
#include "unit.h"

enum { PRODUCERS = 4, POSTS = 20000 };

static uint64_t virtual_now(void *arg)
{
	return *(uint64_t *)arg;
}

/* A loop that is stepped, on a clock that stands still until a case moves it. */
static struct loop *stepped_loop(uint64_t *now)
{
	return loop_new(&(struct clock){ virtual_now, now });
}

/* Notes in which order jobs ran. */
struct noted {
	struct job job;
	struct loop *loop;
	char *notes;
	char letter;
	struct noted *then;
	struct noted *found_stopping;
};

static void note(struct job *job)
{
	struct noted *noted = CONTAINER(job, struct noted, job);

	noted->notes[strlen(noted->notes)] = noted->letter;
	if (loop_stopping(noted->loop))
		noted->found_stopping = noted;
	if (noted->then)
		loop_post(noted->loop, &noted->then->job);
}

static struct noted noted_of(struct loop *loop, char *notes, char letter)
{
	return (struct noted){ .job = { NULL, note }, .loop = loop, .notes = notes, .letter = letter };
}

static void jobs_run_in_order(void)
{
	uint64_t now = 0;
	char notes[8] = "";
	struct loop *loop = stepped_loop(&now);
	struct noted a = noted_of(loop, notes, 'a'), b = noted_of(loop, notes, 'b'), c = noted_of(loop, notes, 'c');

	loop_post(loop, &a.job);
	loop_post(loop, &b.job);
	loop_post(loop, &c.job);
	CU_ASSERT_EQUAL(loop_turn(loop), 3);
	CU_ASSERT_STRING_EQUAL(notes, "abc");
	CU_ASSERT_EQUAL(loop_turn(loop), 0);
	loop_free(loop);
}

static void posted_job_waits_a_turn(void)
{
	uint64_t now = 0;
	char notes[8] = "";
	struct loop *loop = stepped_loop(&now);
	struct noted a = noted_of(loop, notes, 'a'), b = noted_of(loop, notes, 'b');

	a.then = &b;
	loop_post(loop, &a.job);
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_STRING_EQUAL(notes, "a");
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_STRING_EQUAL(notes, "ab");
	loop_free(loop);
}

static void free_runs_the_rest(void)
{
	uint64_t now = 0;
	char notes[8] = "";
	struct loop *loop = stepped_loop(&now);
	struct noted a = noted_of(loop, notes, 'a'), b = noted_of(loop, notes, 'b');

	a.then = &b;
	CU_ASSERT_FALSE(loop_stopping(loop));
	loop_post(loop, &a.job);
	loop_free(loop);
	CU_ASSERT_STRING_EQUAL(notes, "ab");
	CU_ASSERT_PTR_EQUAL(a.found_stopping, &a);
	CU_ASSERT_PTR_EQUAL(b.found_stopping, &b);
}

/* --- descriptors -------------------------------------------------------------------------------- */

struct seen {
	struct watch watch;
	struct loop *loop;
	unsigned reads, writes;
	bool ends_itself;
};

static void see(struct watch *watch, bool readable, bool writable)
{
	struct seen *seen = CONTAINER(watch, struct seen, watch);

	seen->reads += readable;
	seen->writes += writable;
	if (seen->ends_itself)
		loop_unwatch(seen->loop, watch);
}

static void descriptors_are_watched(void)
{
	uint64_t now = 0;
	int ends[2];
	struct loop *loop = stepped_loop(&now);

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	struct seen in = { .watch = { .fd = ends[0], .ready = see }, .loop = loop };
	struct seen out = { .watch = { .fd = ends[1], .ready = see }, .loop = loop };
	CU_ASSERT_EQUAL(loop_watch(loop, &in.watch, true, false), 0);
	CU_ASSERT_EQUAL(loop_watch(loop, &out.watch, false, true), 0);
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_EQUAL(out.writes, 1);
	CU_ASSERT_EQUAL(in.reads, 0);
	CU_ASSERT_EQUAL(loop_watch(loop, &out.watch, false, false), 0);
	CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
	/* Nobody reads the octet, and still each turn ends. */
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_EQUAL(in.reads, 2);
	CU_ASSERT_EQUAL(out.writes, 1);
	in.ends_itself = true;
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_EQUAL(loop_turn(loop), 0);
	CU_ASSERT_PTR_NULL(in.watch.handle);
	loop_unwatch(loop, &in.watch);
	loop_free(loop);
	close(ends[0]);
	close(ends[1]);
}

static void bad_descriptor_is_a_fault(void)
{
	struct loop *loop = loop_new(NULL);
	struct seen bad = { .watch = { .fd = 1 << 20, .ready = see }, .loop = loop };

	CU_ASSERT_EQUAL(loop_watch(loop, &bad.watch, true, false), FAULT_SYSTEM);
	CU_ASSERT_PTR_NULL(bad.watch.handle);
	loop_free(loop);
}

static void free_ends_watches(void)
{
	int ends[2];
	struct loop *loop = loop_new(NULL);

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	struct seen in = { .watch = { .fd = ends[0], .ready = see }, .loop = loop };
	CU_ASSERT_EQUAL(loop_watch(loop, &in.watch, true, false), 0);
	loop_free(loop);
	close(ends[0]);
	close(ends[1]);
}

/* A job that posts itself again and again while a descriptor is ready. */
struct busy {
	struct job job;
	struct loop *loop;
	unsigned runs;
};

static void run_again(struct job *job)
{
	struct busy *busy = CONTAINER(job, struct busy, job);

	busy->runs++;
	if (!loop_stopping(busy->loop))
		loop_post(busy->loop, job);
}

static void busy_jobs_leave_descriptors_their_turn(void)
{
	uint64_t now = 0;
	int ends[2];
	struct loop *loop = stepped_loop(&now);
	struct busy busy = { { NULL, run_again }, loop, 0 };

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	struct seen out = { .watch = { .fd = ends[1], .ready = see }, .loop = loop };
	CU_ASSERT_EQUAL(loop_watch(loop, &out.watch, false, true), 0);
	loop_post(loop, &busy.job);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(loop_turn(loop), 2);
	CU_ASSERT_EQUAL(out.writes, 5);
	CU_ASSERT_EQUAL(busy.runs, 5);
	loop_free(loop);
	close(ends[0]);
	close(ends[1]);
}

/* --- timers ------------------------------------------------------------------------------------- */

struct ring {
	struct timer timer;
	struct loop *loop;
	uint64_t rang_at;
	bool stops;
};

static void ring(struct timer *timer)
{
	struct ring *bell = CONTAINER(timer, struct ring, timer);

	bell->rang_at = loop_now(bell->loop);
	if (bell->stops)
		loop_stop(bell->loop);
}

static void stepped_timers(void)
{
	uint64_t now = 1000;
	struct loop *loop = stepped_loop(&now);
	struct ring bell = { .timer = { .run = ring }, .loop = loop };

	CU_ASSERT_EQUAL(loop_now(loop), 1000);
	CU_ASSERT_EQUAL(timer_set(loop_timers(loop), &bell.timer, 1000 + 3600000), 0);
	CU_ASSERT_EQUAL(loop_turn(loop), 0);
	now += 3599999;
	CU_ASSERT_EQUAL(loop_turn(loop), 0);
	now += 1;
	CU_ASSERT_EQUAL(loop_turn(loop), 1);
	CU_ASSERT_EQUAL(bell.rang_at, 3601000);
	loop_free(loop);
}

static void sleeping_loop_keeps_time(void)
{
	struct loop *loop = loop_new(NULL);
	struct ring first = { .timer = { .run = ring }, .loop = loop };
	struct ring gone = first, last = first;
	uint64_t start = loop_now(loop);

	last.stops = true;
	CU_ASSERT_EQUAL(timer_set(loop_timers(loop), &gone.timer, start + 5), 0);
	CU_ASSERT_EQUAL(timer_set(loop_timers(loop), &last.timer, start + 40), 0);
	CU_ASSERT_EQUAL(timer_set(loop_timers(loop), &first.timer, start + 20), 0);
	timer_stop(loop_timers(loop), &gone.timer);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_TRUE(first.rang_at >= start + 20);
	CU_ASSERT_TRUE(last.rang_at >= start + 40);
	/* A busy machine may be late for both. */
	CU_ASSERT_TRUE(first.rang_at <= last.rang_at);
	CU_ASSERT_EQUAL(gone.rang_at, 0);
	loop_free(loop);
}

/* --- threads ------------------------------------------------------------------------------------ */

struct numbered {
	struct job job;
	struct producer *by;
	unsigned number;
};

struct producer {
	pthread_t thread;
	struct race *race;
	unsigned expected;
	struct numbered posts[POSTS];
};

struct race {
	struct loop *loop;
	unsigned left, out_of_order;
	struct producer producers[PRODUCERS];
};

static void arrive(struct job *job)
{
	struct numbered *numbered = CONTAINER(job, struct numbered, job);
	struct race *race = numbered->by->race;

	if (numbered->number != numbered->by->expected++)
		race->out_of_order++;
	if (--race->left == 0)
		loop_stop(race->loop);
}

static void *produce(void *arg)
{
	struct producer *producer = arg;

	for (unsigned i = 0; i < POSTS; i++) {
		producer->posts[i] = (struct numbered){ { NULL, arrive }, producer, i };
		loop_post(producer->race->loop, &producer->posts[i].job);
		/* So that the loop falls asleep between some of them. */
		if (i % 1000 == 0)
			usleep(200);
	}
	return NULL;
}

static void producers_keep_their_order(void)
{
	struct race *race = calloc(1, sizeof(*race));

	race->loop = loop_new(NULL);
	race->left = PRODUCERS * POSTS;
	for (size_t i = 0; i < PRODUCERS; i++) {
		race->producers[i].race = race;
		pthread_create(&race->producers[i].thread, NULL, produce, &race->producers[i]);
	}
	CU_ASSERT_EQUAL(loop_run(race->loop), 0);
	for (size_t i = 0; i < PRODUCERS; i++)
		pthread_join(race->producers[i].thread, NULL);
	CU_ASSERT_EQUAL(race->left, 0);
	CU_ASSERT_EQUAL(race->out_of_order, 0);
	loop_free(race->loop);
	free(race);
}

static void *stop_later(void *arg)
{
	usleep(20000);
	loop_stop(arg);
	return NULL;
}

static void stop_wakes_a_sleeper(void)
{
	struct loop *loop = loop_new(NULL);
	pthread_t thread;

	pthread_create(&thread, NULL, stop_later, loop);
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	CU_ASSERT_TRUE(loop_stopping(loop));
	pthread_join(thread, NULL);
	/* A stop that comes before the run counts, too. */
	CU_ASSERT_EQUAL(loop_run(loop), 0);
	loop_free(loop);
}

static const struct unit_case cases[] = {
	{ "jobs run in the order they were posted", jobs_run_in_order },
	{ "a job posted by a job runs in the next turn", posted_job_waits_a_turn },
	{ "freeing a loop runs what is queued, with the loop stopping", free_runs_the_rest },
	{ "a descriptor is reported once a turn while it is ready and watched", descriptors_are_watched },
	{ "a descriptor that cannot be watched is a fault", bad_descriptor_is_a_fault },
	{ "freeing a loop frees the watches that are left", free_ends_watches },
	{ "a job that posts itself for ever does not starve descriptors", busy_jobs_leave_descriptors_their_turn },
	{ "on a clock of its own a timer runs when that clock says so", stepped_timers },
	{ "a sleeping loop wakes for its timers, never too early", sleeping_loop_keeps_time },
	{ "jobs of each of several threads arrive in order, none is lost", producers_keep_their_order },
	{ "another thread's stop wakes a sleeping loop, and lasts", stop_wakes_a_sleeper },
};

UNIT_MAIN("loop", cases)
