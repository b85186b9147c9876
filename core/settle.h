/* SPDX-License-Identifier: MIT */
/* settle.h - acts once on what comes in bursts: when it has been quiet for a while, or at the latest some time after the first. */
#ifndef KEYFERRY_SETTLE_H
#define KEYFERRY_SETTLE_H
#include "loop.h"

/* Embedded by its owner, who sets the first four; the loop's thread. */
struct settle {
	struct loop *loop;
	uint64_t quiet_ms, most_ms;
	void (*run)(struct settle *settle);
	uint64_t first;            /* when this burst began */
	struct timer timer;
};

/* Something came. Without memory for the timer run() is called before this returns. */
void settle_poke(struct settle *settle);
void settle_stop(struct settle *settle);

#endif
