/* SPDX-License-Identifier: MIT */
/* test_jobs.c - cases for the helper threads. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "jobs.h"
#include "unit.h"

enum { ERRANDS = 200 };

struct asked {
	struct errand errand;
	struct scene *scene;
	pthread_t worked_by, done_by;
	bool is_worked, is_done, blocks;
	bool is_signal_blocked;
};

struct scene {
	struct loop *loop;
	sem_t begun, may_go_on;
	unsigned left;
};

static void work(struct errand *errand)
{
	struct asked *asked = CONTAINER(errand, struct asked, errand);
	sigset_t now;

	asked->worked_by = pthread_self();
	asked->is_worked = true;
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	asked->is_signal_blocked = sigismember(&now, SIGTERM) == 1;
	if (!asked->blocks)
		return;
	sem_post(&asked->scene->begun);
	sem_wait(&asked->scene->may_go_on);
}

static void done(struct errand *errand)
{
	struct asked *asked = CONTAINER(errand, struct asked, errand);

	asked->done_by = pthread_self();
	asked->is_done = true;
	if (--asked->scene->left == 0)
		loop_stop(asked->scene->loop);
}

static void scene_open(struct scene *scene, unsigned errands)
{
	scene->loop = loop_new(NULL);
	scene->left = errands;
	sem_init(&scene->begun, 0, 0);
	sem_init(&scene->may_go_on, 0, 0);
}

static void scene_close(struct scene *scene)
{
	loop_free(scene->loop);
	sem_destroy(&scene->begun);
	sem_destroy(&scene->may_go_on);
}

static struct asked asked_of(struct scene *scene, bool blocks)
{
	return (struct asked){
		.errand = { .home = scene->loop, .work = work, .done = done },
		.scene = scene,
		.blocks = blocks,
	};
}

static void errand_comes_home(void)
{
	struct scene scene;
	struct helpers *helpers = helpers_new(2);

	scene_open(&scene, 1);
	struct asked asked = asked_of(&scene, false);
	helpers_run(helpers, &asked.errand);
	CU_ASSERT_EQUAL(loop_run(scene.loop), 0);
	CU_ASSERT_TRUE(asked.is_worked && asked.is_done);
	CU_ASSERT_FALSE(pthread_equal(asked.worked_by, pthread_self()));
	CU_ASSERT_TRUE(pthread_equal(asked.done_by, pthread_self()));
	CU_ASSERT_TRUE(asked.is_signal_blocked);
	helpers_free(helpers);
	scene_close(&scene);
}

static void many_errands(void)
{
	struct scene scene;
	struct helpers *helpers = helpers_new(4);
	struct asked *all = calloc(ERRANDS, sizeof(*all));
	unsigned worked = 0;

	scene_open(&scene, ERRANDS);
	for (unsigned i = 0; i < ERRANDS; i++) {
		all[i] = asked_of(&scene, false);
		helpers_run(helpers, &all[i].errand);
	}
	CU_ASSERT_EQUAL(loop_run(scene.loop), 0);
	for (unsigned i = 0; i < ERRANDS; i++)
		worked += all[i].is_worked && all[i].is_done;
	CU_ASSERT_EQUAL(worked, ERRANDS);
	helpers_free(helpers);
	scene_close(&scene);
	free(all);
}

static void blocked_errand_does_not_hold_up_another(void)
{
	struct scene scene;
	struct helpers *helpers = helpers_new(2);

	scene_open(&scene, 1);
	struct asked slow = asked_of(&scene, true), quick = asked_of(&scene, false);
	helpers_run(helpers, &slow.errand);
	sem_wait(&scene.begun);
	helpers_run(helpers, &quick.errand);
	CU_ASSERT_EQUAL(loop_run(scene.loop), 0);
	CU_ASSERT_TRUE(quick.is_done);
	CU_ASSERT_FALSE(slow.is_done);
	scene.left = 1;
	sem_post(&scene.may_go_on);
	helpers_free(helpers);
	scene_close(&scene);
	CU_ASSERT_TRUE(slow.is_done);
}

static void *let_go_on(void *arg)
{
	struct scene *scene = arg;

	sem_post(&scene->may_go_on);
	return NULL;
}

static void free_gives_back_what_has_not_begun(void)
{
	struct scene scene;
	struct helpers *helpers = helpers_new(1);
	pthread_t thread;

	scene_open(&scene, 2);
	struct asked begun = asked_of(&scene, true), waiting = asked_of(&scene, false);
	helpers_run(helpers, &begun.errand);
	sem_wait(&scene.begun);
	helpers_run(helpers, &waiting.errand);
	pthread_create(&thread, NULL, let_go_on, &scene);
	helpers_free(helpers);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(loop_run(scene.loop), 0);
	CU_ASSERT_TRUE(begun.is_worked && begun.is_done);
	CU_ASSERT_TRUE(waiting.is_done);
	scene_close(&scene);
}

static void idle_helpers_are_freed(void)
{
	helpers_free(helpers_new(0));
	helpers_free(helpers_new(8));
	helpers_free(NULL);
	CU_PASS();
}

static const struct unit_case cases[] = {
	{ "an errand is worked on by a helper and done at home", errand_comes_home },
	{ "more errands than helpers are all done", many_errands },
	{ "an errand that blocks does not hold up another", blocked_errand_does_not_hold_up_another },
	{ "freeing waits for what is under way and gives back the rest", free_gives_back_what_has_not_begun },
	{ "helpers that were never asked are freed", idle_helpers_are_freed },
};

UNIT_MAIN("jobs", cases)
