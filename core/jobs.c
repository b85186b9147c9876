/* SPDX-License-Identifier: MIT */
/* jobs.c - the helper threads and the queue of errands they take turns at. */
#include "jobs.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* any, under lock */
struct helpers {
	pthread_mutex_t lock;
	pthread_cond_t changed;    /* an errand was queued, or `is_closing` set */
	struct job *first, **last; /* errands not begun, oldest first           */
	size_t queued;
	unsigned max, count, idle; /* threads: allowed, started, waiting        */
	bool is_closing;
	pthread_t threads[];
};

static void finish(struct job *job)
{
	struct errand *errand = CONTAINER(job, struct errand, job);

	errand->done(errand);
}

static struct errand *take_errand(struct helpers *helpers)
{
	struct job *job = helpers->first;

	if (!job)
		return NULL;
	helpers->first = job->next;
	if (!helpers->first)
		helpers->last = &helpers->first;
	helpers->queued--;
	return CONTAINER(job, struct errand, job);
}

static void *help(void *arg)
{
	struct helpers *helpers = arg;

	pthread_mutex_lock(&helpers->lock);
	for (;;) {
		struct errand *errand = take_errand(helpers);

		if (errand) {
			pthread_mutex_unlock(&helpers->lock);
			errand->work(errand);
			loop_post(errand->home, &errand->job);
			pthread_mutex_lock(&helpers->lock);
		} else if (helpers->is_closing) {
			break;
		} else {
			helpers->idle++;
			pthread_cond_wait(&helpers->changed, &helpers->lock);
			helpers->idle--;
		}
	}
	pthread_mutex_unlock(&helpers->lock);
	return NULL;
}

static void start_thread(struct helpers *helpers)
{
	sigset_t all, before;

	/* Signals are for the main thread; a library's blocking call must not be interrupted by them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&helpers->threads[helpers->count], NULL, help, helpers) == 0)
		helpers->count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* True when there is a thread that will get to one more errand. */
static bool has_thread(struct helpers *helpers)
{
	if (helpers->idle <= helpers->queued && helpers->count < helpers->max)
		start_thread(helpers);
	return helpers->count > 0;
}

struct helpers *helpers_new(unsigned max)
{
	if (max == 0)
		max = 1;
	struct helpers *helpers = calloc(1, sizeof(*helpers) + max * sizeof(helpers->threads[0]));

	if (!helpers)
		return NULL;
	helpers->max = max;
	helpers->last = &helpers->first;
	pthread_mutex_init(&helpers->lock, NULL);
	pthread_cond_init(&helpers->changed, NULL);
	return helpers;
}

void helpers_run(struct helpers *helpers, struct errand *errand)
{
	errand->job = (struct job){ NULL, finish };
	pthread_mutex_lock(&helpers->lock);
	bool is_taken = !helpers->is_closing && has_thread(helpers);
	if (is_taken) {
		*helpers->last = &errand->job;
		helpers->last = &errand->job.next;
		helpers->queued++;
		pthread_cond_signal(&helpers->changed);
	}
	pthread_mutex_unlock(&helpers->lock);
	/* Nobody will do the work: the asker gets it back as if the helpers had been freed before it began. */
	if (!is_taken)
		loop_post(errand->home, &errand->job);
}

void helpers_free(struct helpers *helpers)
{
	struct errand *errand;

	if (!helpers)
		return;
	pthread_mutex_lock(&helpers->lock);
	helpers->is_closing = true;
	while ((errand = take_errand(helpers)))
		loop_post(errand->home, &errand->job);
	pthread_cond_broadcast(&helpers->changed);
	pthread_mutex_unlock(&helpers->lock);
	for (unsigned i = 0; i < helpers->count; i++)
		pthread_join(helpers->threads[i], NULL);
	pthread_cond_destroy(&helpers->changed);
	pthread_mutex_destroy(&helpers->lock);
	free(helpers);
}
