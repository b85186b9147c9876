/* SPDX-License-Identifier: MIT */
/*
 * loop.c - one thread's descriptors, timers and inbox. libevent is used here and nowhere else, for
 * descriptors only: timers are timer.c's, because their clock must be replaceable.
 */
#include "loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "list.h"

/* Behind watch.handle. */
struct watched {
	struct list link;          /* loop.watched */
	struct loop *loop;
	struct watch *watch;
	struct event *event;
};

/* owner's thread, but for what is marked */
struct loop {
	struct event_base *base;
	struct timers *timers;
	struct clock clock;
	bool is_stepped;           /* has a clock of its own, so sleeping would be waiting for ever */
	uint64_t now;
	bool now_is_old;           /* it slept since `now` was read */
	size_t ran;                /* in this turn */
	struct list watched;
	struct watch wake;         /* an eventfd that other threads write */
	struct watch alarm;        /* a timerfd for the earliest timer    */
	uint64_t alarm_at;         /* UINT64_MAX: not set                 */
	struct job asleep;         /* only its address is used, see `inbox` */
	/*
	 * Any thread. Newest first, as producers push at the head. NULL: empty, and the owner is awake;
	 * &asleep: empty, and who posts next must wake the owner. One word holds both facts, so
	 * that no wake-up is lost and none is written to an owner that is busy.
	 */
	_Atomic(struct job *) inbox;
	atomic_bool stopping;      /* any thread */
};

static void read_clock(struct loop *loop)
{
	loop->now = loop->clock.now(loop->clock.arg);
	loop->now_is_old = false;
}

static void woken(struct watch *watch, bool readable, bool writable)
{
	uint64_t count;

	(void)readable;
	(void)writable;
	/* Only to make it unreadable again; that there was nothing to read is as good. */
	if (read(watch->fd, &count, sizeof(count)) < 0)
		return;
}

static void alarm_rang(struct watch *watch, bool readable, bool writable)
{
	struct loop *loop = CONTAINER(watch, struct loop, alarm);

	woken(watch, readable, writable);
	loop->alarm_at = UINT64_MAX;
}

static int open_own_watches(struct loop *loop)
{
	int fault;

	loop->wake.ready = woken;
	loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->alarm.ready = alarm_rang;
	/* CLOCK_BOOTTIME, so that what came due while the machine was suspended runs when it resumes. */
	loop->alarm.fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->wake.fd < 0 || loop->alarm.fd < 0)
		return FAULT_SYSTEM;
	fault = loop_watch(loop, &loop->wake, true, false);
	return fault ? fault : loop_watch(loop, &loop->alarm, true, false);
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	/* Only the owner touches the base: others reach it through the inbox and the eventfd. */
	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

struct loop *loop_new(const struct clock *clock)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->clock = clock ? *clock : clock_system;
	loop->is_stepped = clock != NULL;
	loop->alarm_at = UINT64_MAX;
	loop->wake.fd = loop->alarm.fd = -1;
	list_init(&loop->watched);
	atomic_init(&loop->inbox, NULL);
	atomic_init(&loop->stopping, false);
	loop->timers = timers_new();
	loop->base = base_new();
	if (!loop->timers || !loop->base || open_own_watches(loop) != 0) {
		loop_free(loop);
		return NULL;
	}
	read_clock(loop);
	return loop;
}

/* What was posted until now, in the order of posting. */
static struct job *take_inbox(struct loop *loop)
{
	struct job *job = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
	struct job *oldest = NULL;

	if (job == &loop->asleep)
		return NULL;
	while (job) {
		struct job *next = job->next;

		job->next = oldest;
		oldest = job;
		job = next;
	}
	return oldest;
}

/* What these jobs post waits for the next round, so that descriptors and timers get their turn. */
static size_t run_inbox(struct loop *loop)
{
	size_t ran = 0;

	for (struct job *job = take_inbox(loop); job; ran++) {
		struct job *next = job->next;

		job->run(job);
		job = next;
	}
	return ran;
}

static void watched_free(struct watched *watched)
{
	list_remove(&watched->link);
	if (watched->event)
		event_free(watched->event);
	free(watched);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	atomic_store(&loop->stopping, true);
	while (run_inbox(loop) > 0)
		;
	LIST_EACH(it, &loop->watched)
		watched_free(CONTAINER(it, struct watched, link));
	if (loop->base)
		event_base_free(loop->base);
	if (loop->timers)
		timers_free(loop->timers);
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->alarm.fd >= 0)
		close(loop->alarm.fd);
	free(loop);
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;

	/* It can only fail because the counter is full, and then the owner wakes up anyway. */
	if (write(loop->wake.fd, &one, sizeof(one)) < 0)
		return;
}

void loop_post(struct loop *loop, struct job *job)
{
	struct job *head = atomic_load_explicit(&loop->inbox, memory_order_relaxed);

	/* The owner only ever takes the whole list, so a head that came back is still a valid head (no ABA). */
	do {
		job->next = head == &loop->asleep ? NULL : head;
	} while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &head, job, memory_order_release,
							memory_order_relaxed));
	if (head == &loop->asleep)
		wake(loop);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	/* Also when it is awake: it may have looked at `stopping` already, on its way to sleep. */
	wake(loop);
}

bool loop_stopping(const struct loop *loop)
{
	return atomic_load_explicit(&loop->stopping, memory_order_acquire);
}

/* False when it could not be set: then the loop must not sleep. */
static bool set_alarm(struct loop *loop, uint64_t when, uint64_t now)
{
	struct itimerspec at = { 0 };

	/* One that rings too early costs one idle turn, moving it for each stopped timer costs a call each. */
	if (when >= loop->alarm_at)
		return true;
	at.it_value.tv_sec = (time_t)((when - now) / 1000);
	at.it_value.tv_nsec = (long)((when - now) % 1000) * 1000000;
	if (timerfd_settime(loop->alarm.fd, 0, &at, NULL) < 0)
		return false;
	loop->alarm_at = when;
	return true;
}

/* True: the next who posts wakes us. */
static bool fall_asleep(struct loop *loop)
{
	uint64_t now = loop->clock.now(loop->clock.arg);
	uint64_t when = timers_next(loop->timers);
	struct job *empty = NULL;

	if (when <= now || !set_alarm(loop, when, now))
		return false;
	return atomic_compare_exchange_strong_explicit(&loop->inbox, &empty, &loop->asleep,
						       memory_order_acq_rel, memory_order_relaxed);
}

static void get_up(struct loop *loop)
{
	struct job *asleep = &loop->asleep;

	/* If this fails somebody posted; what he posted is for the next turn. */
	atomic_compare_exchange_strong_explicit(&loop->inbox, &asleep, NULL, memory_order_acq_rel,
						memory_order_relaxed);
}

static int turn(struct loop *loop, bool may_sleep)
{
	/* With EVLOOP_NONBLOCK alone libevent goes on as long as any descriptor is ready. */
	int flags = EVLOOP_ONCE | EVLOOP_NONBLOCK;

	read_clock(loop);
	loop->ran = run_inbox(loop);
	if (may_sleep && !loop_stopping(loop) && fall_asleep(loop))
		flags = EVLOOP_ONCE;
	loop->now_is_old = !(flags & EVLOOP_NONBLOCK);
	int status = event_base_loop(loop->base, flags);
	if (!(flags & EVLOOP_NONBLOCK))
		get_up(loop);
	if (loop->now_is_old)
		read_clock(loop);
	loop->ran += timers_run(loop->timers, loop->now);
	return status < 0 ? FAULT_SYSTEM : 0;
}

int loop_run(struct loop *loop)
{
	int fault = 0;

	while (!fault && !loop_stopping(loop))
		fault = turn(loop, !loop->is_stepped);
	return fault;
}

size_t loop_turn(struct loop *loop)
{
	/* A fault of the descriptors would not keep jobs and timers from running; loop_run() is who reports it. */
	(void)turn(loop, false);
	return loop->ran;
}

static void descriptor_ready(evutil_socket_t fd, short what, void *arg)
{
	struct watched *watched = arg;
	struct loop *loop = watched->loop;

	(void)fd;
	if (loop->now_is_old)
		read_clock(loop);
	if (watched->watch != &loop->wake && watched->watch != &loop->alarm)
		loop->ran++;
	watched->watch->ready(watched->watch, what & EV_READ, what & EV_WRITE);
}

int loop_watch(struct loop *loop, struct watch *watch, bool for_read, bool for_write)
{
	short what = (short)((for_read ? EV_READ : 0) | (for_write ? EV_WRITE : 0));
	struct watched *watched;

	loop_unwatch(loop, watch);
	if (!what)
		return 0;
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return FAULT_MEMORY;
	watched->loop = loop;
	watched->watch = watch;
	list_append(&loop->watched, &watched->link);
	watched->event = event_new(loop->base, watch->fd, (short)(what | EV_PERSIST), descriptor_ready, watched);
	if (!watched->event) {
		watched_free(watched);
		return FAULT_MEMORY;
	}
	if (event_add(watched->event, NULL) < 0) {
		int error = errno;
		watched_free(watched);
		errno = error;
		return FAULT_SYSTEM;
	}
	watch->handle = watched;
	return 0;
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
	(void)loop;
	if (watch->handle)
		watched_free(watch->handle);
	watch->handle = NULL;
}

struct timers *loop_timers(struct loop *loop)
{
	return loop->timers;
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}
