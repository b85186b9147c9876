/* SPDX-License-Identifier: MIT */
/*
 * loop.h - one thread's descriptors (libevent underneath), timers and inbox. The inbox is the job queue:
 * whatever concerns an owner's data is posted to the owner's loop and runs there, in order.
 */
#ifndef KEYFERRY_LOOP_H
#define KEYFERRY_LOOP_H
#include "bytes.h"
#include "timer.h"

/* Embedded in what is handed over; the receiver owns it from loop_post() on, run() frees or keeps it. */
struct job {
	struct job *next;
	void (*run)(struct job *job);
};

/* Embedded by its owner; zero `handle` before the first loop_watch(). */
struct watch {
	void *handle;
	int fd;
	void (*ready)(struct watch *watch, bool readable, bool writable);
};

struct loop;               /* any thread may post; all else by the thread that runs it */

/* `clock` NULL: the system's. A loop with a clock of its own is stepped with loop_turn(), never blocks. */
struct loop *loop_new(const struct clock *clock) MUST_CHECK;
/* Jobs still in the inbox are freed by running them with the loop stopped: see loop_stopping(). */
void loop_free(struct loop *loop);
/* Until loop_stop(). FAULT_SYSTEM. */
int loop_run(struct loop *loop) MUST_CHECK;
/* Any thread; also from a signal-free context inside a job. */
void loop_stop(struct loop *loop);
bool loop_stopping(const struct loop *loop);
/* Any thread, never blocks, never fails: the job carries its own link. */
void loop_post(struct loop *loop, struct job *job);
/* One turn without blocking: the inbox, ready descriptors, due timers. Returns how many things ran. */
size_t loop_turn(struct loop *loop);

/* Replaces an earlier watch of the same struct. */
int loop_watch(struct loop *loop, struct watch *watch, bool for_read, bool for_write) MUST_CHECK;
void loop_unwatch(struct loop *loop, struct watch *watch);

struct timers *loop_timers(struct loop *loop);
/* Milliseconds; read once a turn, so that timers set in one turn agree. */
uint64_t loop_now(const struct loop *loop);

#endif
