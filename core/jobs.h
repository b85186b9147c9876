/* SPDX-License-Identifier: MIT */
/* jobs.h - helper threads for calls that block (DNS, fetch, PAM); the answer comes back as a job to the asking loop. */
#ifndef KEYFERRY_JOBS_H
#define KEYFERRY_JOBS_H
#include "loop.h"

/* Embedded; `work` runs on a helper thread, then `done` on `home`, which owns it again. */
struct errand {
	struct job job;            /* this module's                                 */
	struct loop *home;
	void (*work)(struct errand *errand);
	void (*done)(struct errand *errand);
};

struct helpers;

/* Threads are started when first needed, up to `max`. */
struct helpers *helpers_new(unsigned max) MUST_CHECK;
/* Waits for errands under way, gives those not begun to their done() with `work` not run. */
void helpers_free(struct helpers *helpers);
void helpers_run(struct helpers *helpers, struct errand *errand);

#endif
